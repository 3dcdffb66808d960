"""What could not be seen, what therefore cannot be known, and what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from auditor.domain.assessment import ClusterRow, HostState, LayerState
from auditor.domain.diagnosis.scene import ClusterScene, Scene, names
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.hosts import trouble_of
from auditor.domain.image import ManagementMode
from auditor.domain.observation import Estate, Read, Reading, Reason, Route, Unread, VCenterView, host_key, value_of
from auditor.domain.owed import MissingReading
from auditor.domain.past import Past
from auditor.domain.wording import count, few

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
        *marks_parts(view),
    )
    missing = [f"{name}: {part}" for name, part in parts if isinstance(part, Unread) and part.reason.is_gap]
    if missing:
        readings = view.marks, view.clusters, view.hosts, view.depot
        reasons = {part.reason if isinstance(part, Unread) else None for part in readings}
        whole = None not in reasons
        if whole and len(reasons) == 1:
            missing = [f"everything: {view.marks}"]
        yield Finding(
            Code.VIEW_INCOMPLETE,
            Severity.CRITICAL if whole else Severity.WARNING,
            Subject(SubjectKind.VCENTER, view.name, view.name),
            "This vCenter could not be read." if whole else "A part of this vCenter could not be read.",
            evidence=tuple(missing),
            do=(
                "See to what the reason names, then run auditor audit again.",
                "auditor config check --connect tries the login.",
            ),
            avoid=("Do not read silence as agreement: nothing is known of the parts above.",),
        )
    elif isinstance(view.hosts, Read) and not scene.standalone and not any(cluster.hosts for cluster in scene.clusters):
        yield _nothing_listed(scene)
    for cluster in scene.clusters:
        yield from _cluster_gaps(scene, cluster)


def marks_parts(view: VCenterView) -> tuple[tuple[str, Reading[object]], ...]:
    """The marks one by one, where there are any: without its newest event a restore is seen by less."""
    marks = value_of(view.marks)
    if marks is None:
        return ()
    newest = ("key of the newest event", marks.newest_event_key), ("time of the newest event", marks.newest_event_time)
    return (*newest, ("clock", marks.clock))


def _nothing_listed(scene: Scene) -> Finding:
    """vCenter shows an account what its rights reach and nothing of the rest, without an error: an empty inventory is more
    often missing rights, or a pattern that matches nothing, than a vCenter without hosts."""
    clusters, hosts = value_of(scene.view.clusters) or (), value_of(scene.view.hosts) or ()
    left_out = len(clusters) - len(scene.clusters)
    seen = f"the inventory lists {count(len(clusters), 'cluster')} and {count(len(hosts), 'host')}"
    return Finding(
        Code.VIEW_INCOMPLETE,
        Severity.WARNING,
        Subject(SubjectKind.VCENTER, scene.view.name, scene.view.name),
        "There is no host to judge in this vCenter.",
        evidence=(f"{seen}; include and exclude leave out {count(left_out, 'cluster')}" if left_out else seen,),
        do=(
            "Check the account's rights in vCenter: read-only, on the root object, propagating to children.",
            "Check include and exclude of this vCenter in the configuration.",
        ),
        avoid=("Do not read silence as agreement: nothing was compared.",),
    )


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


def limits(estate: Estate, past: Past, missing: Iterable[MissingReading] = ()) -> tuple[str, ...]:
    """What this run cannot know, in sentences."""
    lines = []
    if not past.readable:
        lines += [f"History could not be read, so {_NO_CHANGE}", _ALL_THE_SAME]
    elif past.newest_run is None:
        lines += [f"This is the first run recorded here, so {_NO_CHANGE}", _ALL_THE_SAME]
    for view in estate.vcenters:
        marks = value_of(view.marks)
        known = {p.marks.instance_uuid for p in past.marks if p.vcenter == view.name}
        others = sorted({p.vcenter for p in past.marks if marks and p.marks.instance_uuid == marks.instance_uuid} - {view.name})
        if not known and others:
            lines.append(
                f"History knows {view.name} under another name ({', '.join(others)}; its instance UUID is the same). What was "
                "recorded under that name is not compared: let a vCenter keep its name in the configuration."
            )
        if marks and not known and past.readable and past.newest_run is not None:
            lines += [f"No earlier run could read {view.name}, so {_NO_CHANGE}", _ALL_THE_SAME]
        if marks and known and marks.instance_uuid not in known:
            lines.append(
                f"{view.name} has another instance UUID than before ({marks.instance_uuid}): it is another vCenter, and its "
                "images cannot be compared with the recorded ones."
            )
        if isinstance(view.depot, Unread):
            lines.append(f"{view.name}: the depot was not read ({view.depot}), so a depot gap cannot be seen.")
    late = {(o.vcenter, host_key(o.host)) for o in estate.hosts if o.trouble and o.trouble.reason is Reason.OUT_OF_TIME}
    views = [v.name for v in estate.vcenters if isinstance(v.hosts, Unread) and v.hosts.reason is Reason.OUT_OF_TIME]
    if late or views:
        left = [*views, count(len(late), "host")] if late else views
        lines.insert(0, f"The run ended when its time (--max-time) was over; not read to the end: {', '.join(left)}.")
    lines += silent_routes(((o.vcenter, o.host, o.route, trouble_of(o)) for o in estate.hosts), missing)
    return tuple(dict.fromkeys(lines))


def silent_routes(
    answers: Iterable[tuple[str, str, Route, Unread | None]], missing: Iterable[MissingReading] = ()
) -> Iterator[str]:
    """Routes that failed on hosts of which others read all there is: no gap, but worth knowing. ``answers`` are vCenter, host,
    route, and what was in its way; ``missing`` is told elsewhere."""
    told = {(one.vcenter, host_key(one.host), failure.route) for one in missing for failure in one.failures}
    seen: set[tuple[str, str]] = set()
    failed: dict[tuple[str, str, Route, Reason], Unread] = {}
    for vcenter, host, route, trouble in answers:
        if trouble is None:
            seen.add((vcenter, host))
        else:
            failed[vcenter, host, route, trouble.reason] = trouble
    alike: dict[tuple[Route, Reason], list[str]] = {}
    for vcenter, host, route, reason in failed:
        if (vcenter, host) in seen and (vcenter, host_key(host), route) not in told:
            alike.setdefault((route, reason), []).append(host)
    for (route, reason), hosts in sorted(alike.items()):
        yield f"Route {route} failed ({reason}) on {count(len(hosts), 'host')} read otherwise: {few(sorted(hosts))}."


def next_commands(findings: tuple[Finding, ...], clusters: list[ClusterRow], past: Past) -> tuple[str, ...]:
    """The commands to type next: the runbook of the worst findings, then the way to an image for a cluster."""
    commands = [f"auditor runbook show {code.value}" for code in dict.fromkeys(f.code for f in findings)]
    ahead = [c.name for c in clusters if c.state in {HostState.HOST_AHEAD, HostState.DIVERGED}]
    commands = commands[:3] + [f"auditor propose {_quoted(name) if len(ahead) == 1 else '--all'}" for name in ahead[:1]]
    silent = {f.subject.vcenter for f in findings if f.code is Code.VIEW_INCOMPLETE and f.severity is Severity.CRITICAL}
    if before := [marks.at for marks in past.marks if marks.vcenter in silent]:
        at = max(before) + timedelta(seconds=1)  # what is typed has no fractions
        commands.append(f"auditor audit --from-history --at {at:%Y-%m-%dT%H:%M:%SZ}   (the last view with this vCenter)")
    return tuple(commands) or ("auditor snapshot   (keep it in cron: history is what sees the next restore)",)


def _quoted(name: str) -> str:
    return name if name and all(c.isalnum() or c in "-_." for c in name) else "'" + name.replace("'", "'\\''") + "'"
