"""What is wrong with a cluster: hosts ahead or behind, an interrupted remediation, a lost image, a depot that lacks
something, a stale scan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from auditor.domain.assessment import HostState, Layer, LayerDrift, LayerState
from auditor.domain.causes import cause_of
from auditor.domain.diagnosis.restore import Rewind, when
from auditor.domain.diagnosis.scene import ClusterScene, HostScene, Scene, groups, names, runs_text
from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.hosts import HostFacts
from auditor.domain.image import ManagementMode
from auditor.domain.observation import Depot, HostVerdict, Read, value_of
from auditor.domain.versions import BaseImageVersion, VersionError, release_kind
from auditor.domain.wording import count, few, hosts_run

_RESTORE_PAGE = "vSphere Lifecycle Manager guide, Backup and Restore Scenarios"

_DECIDE = "Raise the image to the newest and remediate the rest later; or, where the update was the trouble, roll back."
_FINISH = (
    "If a remediation is under way, let it end; else remediate the hosts that are behind in a maintenance window, or, where "
    "the update was the trouble, roll back."
)
_NOT_BEFORE = "Do not remediate before deciding: hosts ahead of the image stay incompatible and are skipped."


def cluster_findings(scene: Scene) -> Iterable[Finding]:
    """All findings about the clusters of one vCenter."""
    for cluster in scene.clusters:
        yield from _direction(scene, cluster)
        yield from _mixed(scene, cluster)
        yield from _regressed(scene, cluster)
        yield from _depot_gap(scene, cluster)
        yield from _stale_scan(scene, cluster)


def _direction(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    ahead = [h for h in cluster.hosts if h.state is HostState.HOST_AHEAD]
    behind = [h for h in cluster.hosts if h.state is HostState.HOST_BEHIND]
    diverged = [h for h in cluster.hosts if h.state is HostState.DIVERGED]
    subject, total = cluster.subject(scene.view), len(cluster.hosts)
    if ahead:
        yield Finding(
            Code.HOST_AHEAD,
            Severity.CRITICAL,
            subject,
            f"{hosts_run(len(ahead), total)} a newer image than the cluster asks for.",
            hosts=names(ahead),
            evidence=(*_asks(cluster), *_runs(ahead), *_ended(ahead), *_why_ahead(scene, cluster, ahead)),
            do=(
                "Raise the cluster image to what the hosts run. Editing the image touches no host.",
                "Check first that the depot has that image (finding depot-gap).",
                "Scan the cluster again, then run auditor audit.",
            ),
            avoid=(
                "Do not remediate the cluster: vLCM cannot take a host to an older image and calls it incompatible.",
                "Do not enable or update solutions (HA, NSX, vSAN services) until image and hosts are equal.",
            ),
            rests_on=(_RESTORE_PAGE, "KB 424858", "KB 320562", "KB 406075"),
        )
    if behind:
        yield Finding(
            Code.HOST_BEHIND,
            Severity.WARNING,
            subject,
            f"{hosts_run(len(behind), total)} an older image than the cluster asks for.",
            hosts=names(behind),
            evidence=(*_asks(cluster), *_runs(behind), *_ended(behind), *_layer_lines(behind)),
            do=("If the image is the wanted one, remediate these hosts in a maintenance window.",),
            avoid=("Do not remediate while other hosts of this cluster are ahead of its image.",) if ahead else (),
            rests_on=("vSphere Lifecycle Manager guide, compliance statuses",),
        )
    if diverged:
        yield Finding(
            Code.HOST_DIVERGED,
            Severity.WARNING,
            subject,
            f"{len(diverged)} of {count(total, 'host')} differ from the cluster's image in a way that has no single direction.",
            hosts=names(diverged),
            evidence=(*_asks(cluster), *_runs(diverged), *_layer_lines(diverged)),
            do=(
                "Compare the layers above with the vendor's release notes, then decide for image or hosts.",
                "A fresh vLCM compliance check gives the direction of each component.",
            ),
            avoid=("Do not remove a component or driver from a host to make it compliant before knowing what uses it.",),
            rests_on=("KB 320562", "KB 440252"),
        )


def _asks(cluster: ClusterScene) -> tuple[str, ...]:
    image, commit = cluster.image, value_of(cluster.view.commit)
    if image is None or image.base_image is None:
        return ()
    text = f"the image asks for {image.base_image.version.raw}"
    if image.add_on:
        text += f" with {image.add_on.name} {image.add_on.version}"
    return (f"{text} (commit {commit.id} of {when(commit.time)})" if commit else text,)


def _runs(hosts: list[HostScene]) -> tuple[str, ...]:
    return tuple(f"{hosts_run(len(group))} {text}: {few(names(group))}" for text, group in groups(hosts))


def _why_ahead(scene: Scene, cluster: ClusterScene, ahead: list[HostScene]) -> Iterable[str]:
    """Why hosts are ahead, where it is known: the image they run was this cluster's own, and the restore lost it."""
    image = cluster.image
    base = image.base_image.version if image and image.base_image else None
    first = value_of(ahead[0].facts.base_image)
    if base and first and base != first.version:
        yield f"from the image to the hosts: {release_kind(base, first.version).value} ({base.raw} to {first.version.raw})"
    yield from (_layer_line(ahead[0], layer) for layer in ahead[0].layers if _tells(layer))
    for known in reversed(cluster.past.images if cluster.past else ()):
        wanted = known.image.base_image
        add_on = value_of(ahead[0].facts.add_on)
        if first and wanted and wanted.version == first.version and known.image.add_on == add_on and known.image != image:
            commit = f"commit {known.commit.id} of {when(known.commit.time)}" if known.commit else "an earlier image"
            yield f"history: {commit} asked for exactly this, seen until {when(known.last_seen)}"
            break
    if scene.rewind:
        yield from scene.rewind.of_cluster(cluster.view.id)


def _tells(layer: LayerDrift) -> bool:
    if layer.accepted:
        return False
    return layer.layer is not Layer.BASE_IMAGE and layer.state not in {LayerState.IN_SYNC, LayerState.UNKNOWN}


def _layer_lines(hosts: list[HostScene]) -> tuple[str, ...]:
    """The layers that differ above the base image, each once, with the first host that shows it."""
    lines: dict[LayerDrift, str] = {}
    for host in hosts:
        for layer in host.layers:
            if _tells(layer):
                lines.setdefault(layer, _layer_line(host, layer))
    shown = list(lines.values())[:10]
    return (*shown, f"and {len(lines) - 10} more differences") if len(lines) > 10 else tuple(shown)


def _layer_line(host: HostScene, layer: LayerDrift) -> str:
    basis = f" ({layer.basis})" if layer.basis else ""
    name = f" {layer.name}" if layer.name else ""
    cause = cause_of(layer)
    why = f": {cause.text} [{', '.join(cause.rests_on)}]" if cause else ""
    return (
        f"{layer.layer.value}{name} {layer.state.value}: image {layer.desired or 'none'}, "
        f"host {layer.installed or 'none'}{basis}, on {host.name}{why}"
    )


def _mixed(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    """Hosts of one cluster that run different base images or add-ons: what an interrupted remediation leaves."""
    if value_of(cluster.view.mode) is not ManagementMode.IMAGE:
        return
    seen = [h for h in cluster.hosts if isinstance(h.facts.base_image, Read) and not _accepted(h)]
    # An add-on that was not read is no difference: unknown is neither equal nor unequal.
    with_add_on = all(isinstance(h.facts.add_on, Read) for h in seen)
    found = {_identity(h.facts, with_add_on) for h in seen}
    if len(found) < 2 or (cluster.image and cluster.image.alternatives and not _mixed_parts(cluster, seen, with_add_on)):
        return
    in_sync = [h for h in seen if h.state is HostState.IN_SYNC]
    # Nobody is ahead: the image is not what has to change.
    unfinished = {h.state for h in cluster.hosts} <= {HostState.IN_SYNC, HostState.HOST_BEHIND}
    evidence = [*_asks(cluster), *_runs(seen)]
    if cluster.past:
        evidence += _interrupted(cluster, seen)
    yield Finding(
        Code.MIXED_CLUSTER,
        Severity.WARNING,
        cluster.subject(scene.view),
        f"The hosts run {len(found)} different images; {len(in_sync)} of {len(cluster.hosts)} run what the cluster asks for.",
        hosts=names(seen),
        evidence=tuple(evidence),
        do=(_FINISH if unfinished else _DECIDE,),
        avoid=() if unfinished else (_NOT_BEFORE,),
        rests_on=(_RESTORE_PAGE, "KB 424858"),
    )


def _mixed_parts(cluster: ClusterScene, seen: Iterable[HostScene], with_add_on: bool) -> bool:
    """Whether hosts differ that should not: the parts of a composite image share the base image, and only within a part have
    hosts one add-on. Hosts whose part is not known count for their base image."""
    found: dict[str | None, set[tuple[object, object]]] = {}
    for host in seen:
        part = cluster.part_of(host)
        found.setdefault(part, set()).add(_identity(host.facts, with_add_on and part is not None))
    return len({base for group in found.values() for base, _ in group}) > 1 or any(len(group) > 1 for group in found.values())


def _accepted(host: HostScene) -> bool:
    """Whether the host's own base image or add-on is an accepted difference: then it makes no cluster mixed."""
    return any(layer.accepted and layer.layer in {Layer.BASE_IMAGE, Layer.ADD_ON} for layer in host.layers)


def _ended(hosts: list[HostScene]) -> tuple[str, ...]:
    """Acceptances of base images that are over; those of other layers are in the layers' own lines."""
    lines = {
        layer.basis for h in hosts for layer in h.layers if layer.layer is Layer.BASE_IMAGE and "; acceptance" in layer.basis
    }
    return tuple(sorted(line.partition("; ")[2] for line in lines))


def _identity(facts: HostFacts, with_add_on: bool) -> tuple[object, object]:
    base, add_on = value_of(facts.base_image), value_of(facts.add_on)
    return (base.version if base else None, (add_on.name, add_on.version) if add_on and with_add_on else None)


def _interrupted(cluster: ClusterScene, seen: list[HostScene]) -> Iterable[str]:
    newest = max((p for p in cluster.past.images), key=lambda p: p.last_seen, default=None) if cluster.past else None
    if newest is None or newest.image.base_image is None:
        return
    reached = [h for h in seen if (b := value_of(h.facts.base_image)) and b.version == newest.image.base_image.version]
    if reached and len(reached) < len(seen):
        yield (
            f"history: the newest known image of this cluster asks for {newest.image.base_image.version.raw}; "
            f"{len(reached)} of {len(seen)} hosts had reached it"
        )


def _regressed(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    if value_of(cluster.view.mode) is not ManagementMode.BASELINES or not cluster.past or not cluster.past.images:
        return
    last = cluster.past.images[-1]
    base = last.image.base_image.version.raw if last.image.base_image else "no base image"
    yield Finding(
        Code.MANAGEMENT_REGRESSED,
        Severity.CRITICAL,
        cluster.subject(scene.view),
        "The cluster is on baselines again; history knows it with an image.",
        hosts=names(cluster.hosts),
        evidence=(f"history: image with base image {base}, seen until {when(last.last_seen)}", *_runs(list(cluster.hosts))),
        do=(
            "Set up the image again: vCenter's own steps, starting from what the hosts run now.",
            "The archived image of this cluster is in history: auditor history images shows it, export gives its JSON.",
        ),
        avoid=(
            "Enabling an image is one-way; do it on purpose, not to make a message go away.",
            "Do not attach or remediate baselines from before the change.",
        ),
        rests_on=(f"{_RESTORE_PAGE}, scenario 1",),
    )


def _depot_gap(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    """What the cluster asks for, or its hosts run, that the depot does not have."""
    depot = value_of(scene.view.depot)
    image = cluster.image
    missing: list[str] = []
    if image and image.base_image and _lacks(image.base_image.in_depot, depot, image.base_image.version):
        missing.append(f"base image {image.base_image.version.raw}, which the cluster's image asks for")
    if image and image.add_on and _lacks_add_on(image.add_on.in_depot, depot, image.add_on.name, image.add_on.version):
        missing.append(f"add-on {image.add_on.name} {image.add_on.version}, which the cluster's image asks for")
    concerned: list[HostScene] = []
    if depot is not None and value_of(cluster.view.mode) is ManagementMode.IMAGE:
        lines, concerned = _missing_for_hosts(cluster, depot)
        missing += lines
    if not missing:
        return
    blocking = any(h.state is HostState.HOST_AHEAD for h in concerned)
    yield Finding(
        Code.DEPOT_GAP,
        Severity.CRITICAL if blocking else Severity.WARNING,
        cluster.subject(scene.view),
        f"The depot lacks {count(len(missing), 'item')} of this cluster.",
        hosts=names(concerned),
        evidence=tuple(missing),
        do=(
            "Get it into the depot: sync the online depot; else import the vendor's offline bundle; last resort: from a host.",
        ),
        avoid=("Do not commit an image that names something the depot lacks: validation refuses it.",),
        rests_on=("vmware-vcenter SDK: details is unset when the depot lacks the item", "KB 313266"),
    )


def _missing_for_hosts(cluster: ClusterScene, depot: Depot) -> tuple[list[str], list[HostScene]]:
    lines: dict[str, list[HostScene]] = {}
    for host in cluster.hosts:
        if host.state is HostState.HOST_BEHIND:
            continue  # it leaves what it runs; nobody needs that in the depot
        base, add_on = value_of(host.facts.base_image), value_of(host.facts.add_on)
        if base and _lacks(None, depot, base.version):
            lines.setdefault(f"base image {base.version.raw}", []).append(host)
        if add_on and (add_on.name, add_on.version) not in depot.add_ons:
            lines.setdefault(f"add-on {add_on.name} {add_on.version}", []).append(host)
    texts = [f"{item}, which {hosts_run(len(hosts))}: {few(names(hosts))}" for item, hosts in sorted(lines.items())]
    concerned = {id(h): h for hosts in lines.values() for h in hosts}
    return texts, list(concerned.values())


def _lacks(in_depot: bool | None, depot: Depot | None, version: BaseImageVersion) -> bool:
    """Whether the depot lacks a base image: by vLCM's missing ``details``, or by the depot's own list. An unread depot
    lacks nothing that we know of."""
    if in_depot is False:
        return True
    return depot is not None and not any(_same(version, text) for text in depot.base_images)


def _same(version: BaseImageVersion, text: str) -> bool:
    try:
        return BaseImageVersion.parse(text) == version
    except VersionError:
        return False


def _lacks_add_on(in_depot: bool | None, depot: Depot | None, name: str, version: str) -> bool:
    return in_depot is False or (depot is not None and (name, version) not in depot.add_ons)


def _stale_scan(scene: Scene, cluster: ClusterScene) -> Iterable[Finding]:
    """A stored verdict that is older than the restore, of another commit, or contradicted by a host's own words."""
    verdict, commit = value_of(cluster.view.compliance), value_of(cluster.view.commit)
    if verdict is None:
        return
    reasons = []
    # An old verdict that today's readings confirm misleads nobody: a cluster the restore did not touch is no finding.
    confirmed = verdict.status == "COMPLIANT" and cluster.state is HostState.IN_SYNC
    if _before_restore(verdict.scan_time, scene.rewind) and not confirmed:
        reasons.append(f"the scan is of {when(verdict.scan_time)}, from before the restore")
    if commit and verdict.commit and verdict.commit != commit.id:
        reasons.append(f"the scan is of commit {verdict.commit}, the cluster is at commit {commit.id}")
    by_id = {v.host: v for v in verdict.hosts}
    wrong = []
    for host in sorted(cluster.hosts, key=lambda h: h.name):
        if line := _contradiction(by_id.get(host.listed.id), host):
            wrong.append(host)
            if len(wrong) <= 3:
                reasons.append(line)
    if not reasons:
        return
    yield Finding(
        Code.STALE_SCAN,
        # Of an old commit, but what it says is what today's readings say: worth a check, no drift.
        Severity.NOTICE if confirmed and not wrong else Severity.WARNING,
        cluster.subject(scene.view),
        f"vCenter's status {verdict.status} rests on a scan of {when(verdict.scan_time)} that cannot be relied on.",
        hosts=names(wrong),
        evidence=tuple(reasons),
        do=("Check the cluster's compliance again in vCenter; a check changes nothing on the hosts.",),
        avoid=("Do not decide anything from the stored status.",),
        rests_on=("vmware-vcenter SDK, clusters.software.Compliance.get: the last result",),
    )


def _contradiction(said: HostVerdict | None, host: HostScene) -> str:
    """Where a stored verdict has the host on another base image or add-on than the host itself names; empty: nowhere."""
    base, add_on = said.base_image if said else None, said.add_on if said else None
    runs, with_add_on = value_of(host.facts.base_image), value_of(host.facts.add_on)
    if base and base.current and runs and not _same(runs.version, base.current):
        return f"the scan has {host.name} on {base.current}, the host says {runs_text(host)}"
    if add_on and add_on.current and with_add_on and add_on.current != with_add_on.version:
        return f"the scan has {host.name} with add-on {add_on.current}, the host says {runs_text(host)}"
    return ""


def _before_restore(scan_time: datetime | None, rewind: Rewind | None) -> bool:
    return rewind is not None and rewind.after is not None and scan_time is not None and scan_time <= rewind.after
