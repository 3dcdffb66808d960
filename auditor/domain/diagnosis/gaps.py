"""What could not be seen, what therefore cannot be known, and what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auditor.domain.assessment import ClusterRow, HostState, LayerState
from auditor.domain.diagnosis.scene import ClusterScene, Scene, count, few, names
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.hosts import trouble_of
from auditor.domain.image import ManagementMode
from auditor.domain.observation import Estate, Read, Reading, Reason, Unread, value_of
from auditor.domain.past import Past

_NO_CHANGE = (
    "nothing can be said about change: whether vCenter's database went back in time, which hosts or clusters are gone, "
    "whether a cluster had an image before."
)
_ALL_THE_SAME = (
    "Hosts ahead of their image and contradicted scans are found all the same; after a restore they are what it leaves."
)


def view_gaps(scene: Scene) -> Iterable[Finding]:
    """``view-incomplete`` for a vCenter, and for each cluster of which a part could not be read or compared."""
    view = scene.view
    parts: tuple[tuple[str, Reading[object]], ...] = (
        ("marks", view.marks),
        ("inventory of clusters", view.clusters),
        ("inventory of hosts", view.hosts),
        ("depot", view.depot),
    )
    missing = [f"{name}: {part}" for name, part in parts if isinstance(part, Unread) and part.reason.is_gap]
    if missing:
        whole = all(isinstance(part, Unread) for _, part in parts)
        if whole and len({str(part) for _, part in parts}) == 1:
            missing = [f"everything: {view.marks}"]
        yield Finding(
            Code.VIEW_INCOMPLETE,
            Severity.CRITICAL if whole else Severity.WARNING,
            Subject(SubjectKind.VCENTER, view.name, view.name),
            "This vCenter could not be read." if whole else "A part of this vCenter could not be read.",
            evidence=tuple(missing),
            do=("Mend what the reason names, then run auditor audit again.", "auditor config check --connect tries the login."),
            avoid=("Do not read silence as agreement: nothing is known of the parts above.",),
        )
    for cluster in scene.clusters:
        yield from _cluster_gaps(scene, cluster)


def _cluster_gaps(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    view = cluster.view
    baselines = value_of(view.mode) is ManagementMode.BASELINES
    missing = []
    if isinstance(view.mode, Unread):
        missing.append(f"image or baselines: {view.mode}")
    if isinstance(view.image, Unread) and not baselines:
        missing.append(f"image: {view.image}")
    if isinstance(view.commit, Unread) and isinstance(view.image, Read) and view.commit.reason.is_gap:
        missing.append(f"commit: {view.commit}")
    if isinstance(view.compliance, Unread) and not baselines and view.compliance.reason.is_gap:
        missing.append(f"compliance: {view.compliance}")
    # Unseen hosts have a finding of their own; here are those that were seen and still could not be compared.
    unknown = [h for h in cluster.hosts if h.facts.seen and h.state is HostState.UNKNOWN and isinstance(view.image, Read)]
    reasons = Counter(
        f"{layer.layer.value}{f' {layer.name}' if layer.name else ''}: {layer.basis}"
        for host in unknown
        for layer in host.layers
        if layer.state is LayerState.UNKNOWN
    )
    missing += [f"{text} ({count(number, 'host')})" for text, number in sorted(reasons.items())]
    if missing:
        yield Finding(
            Code.VIEW_INCOMPLETE,
            Severity.WARNING,
            cluster.subject(scene.view),
            "The cluster could not be compared completely.",
            hosts=names(unknown),
            evidence=tuple(missing),
            do=("Mend what the reasons name, or read the hosts by another route, then run auditor audit again.",),
            avoid=("Unknown is not in sync: do not count this cluster as good.",),
        )


def limits(estate: Estate, past: Past) -> tuple[str, ...]:
    """What this run cannot know, in sentences."""
    lines = []
    if not past.readable:
        lines += [f"History could not be read, so {_NO_CHANGE}", _ALL_THE_SAME]
    elif past.newest_run is None:
        lines += [f"This is the first run recorded here, so {_NO_CHANGE}", _ALL_THE_SAME]
    for view in estate.vcenters:
        marks = value_of(view.marks)
        known = {p.marks.instance_uuid for p in past.marks if p.vcenter == view.name}
        if marks and not known and past.readable and past.newest_run is not None:
            lines += [f"No earlier run could read {view.name}, so {_NO_CHANGE}", _ALL_THE_SAME]
        if marks and known and marks.instance_uuid not in known:
            lines.append(
                f"{view.name} has another instance UUID than before ({marks.instance_uuid}): it is another vCenter, and its "
                "images cannot be compared with the recorded ones."
            )
        if isinstance(view.depot, Unread):
            lines.append(f"{view.name}: the depot was not read ({view.depot}), so a depot gap cannot be seen.")
    lines += _silent_routes(estate)
    return tuple(dict.fromkeys(lines))


def _silent_routes(estate: Estate) -> Iterable[str]:
    """Routes that failed on hosts another route could read: not a gap in what runs where, but worth knowing."""
    seen = {(o.vcenter, o.host) for o in estate.hosts if trouble_of(o) is None}
    failed: dict[tuple[str, str], list[str]] = {}
    for observation in estate.hosts:
        trouble = trouble_of(observation)
        if trouble is not None and (observation.vcenter, observation.host) in seen:
            key = (observation.route.value, trouble.reason.value)
            failed.setdefault(key, []).append(observation.host)
    for (route, reason), hosts in sorted(failed.items()):
        what = "; their boot banks were not read" if route == "ssh" else ""
        cure = "; auditor hosts list shows whose SSH key is not pinned" if reason == Reason.UNTRUSTED.value else ""
        where = f"{count(len(hosts), 'host')} read otherwise{what}: {few(sorted(hosts))}{cure}"
        yield f"Route {route} failed ({reason}) on {where}."


def next_commands(findings: tuple[Finding, ...], clusters: list[ClusterRow]) -> tuple[str, ...]:
    """The commands to type next: the runbook of the worst findings, then the way to an image for a cluster."""
    commands = [f"auditor runbook show {code.value}" for code in dict.fromkeys(f.code for f in findings)]
    ahead = [c.name for c in clusters if c.state in {HostState.HOST_AHEAD, HostState.DIVERGED}]
    commands = commands[:3] + [f"auditor propose {_quoted(name) if len(ahead) == 1 else '--all'}" for name in ahead[:1]]
    if any(f.code is Code.VIEW_INCOMPLETE and f.severity is Severity.CRITICAL for f in findings):
        commands.append("auditor audit --from-history --at TIME   (the last view before vCenter stopped answering)")
    return tuple(commands) or ("auditor snapshot   (keep it in cron: history is what sees the next restore)",)


def _quoted(name: str) -> str:
    return name if name and all(c.isalnum() or c in "-_." for c in name) else "'" + name.replace("'", "'\\''") + "'"
