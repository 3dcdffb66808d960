"""One run's view and what history knows, brought together into an ``Assessment``: the pure heart of ``auditor audit``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from auditor.domain.accepted import Entry, Register
from auditor.domain.assessment import (
    Assessment,
    ClusterRow,
    HostRow,
    HostState,
    LayerDrift,
    RouteResult,
    Source,
    VCenterRow,
    Verdict,
)
from auditor.domain.composite import part_of
from auditor.domain.diagnosis import gaps
from auditor.domain.diagnosis.clusters import cluster_findings
from auditor.domain.diagnosis.contact import vcenter_identity
from auditor.domain.diagnosis.hosts import host_findings, own_findings, shown_version, staged_text, vanished_finding
from auditor.domain.diagnosis.missing import missing_findings
from auditor.domain.diagnosis.restore import find_rewind, past_cluster_of, restore_finding, vanished_hosts, when
from auditor.domain.diagnosis.scene import ClusterScene, HostScene, Scene
from auditor.domain.diagnosis.vibs import vib_findings
from auditor.domain.diagnosis.windows import window_findings
from auditor.domain.drift import cluster_state, compare_host, host_state
from auditor.domain.findings import Finding, Severity, Subject, SubjectKind, in_order
from auditor.domain.hosts import HostFacts, facts_of, trouble_of
from auditor.domain.identity import follow_names
from auditor.domain.image import ManagementMode, Product
from auditor.domain.observation import (
    ClusterView,
    Estate,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Reason,
    Route,
    Unread,
    VCenterView,
    host_key,
    value_of,
)
from auditor.domain.owed import missing_readings
from auditor.domain.past import Past, PastCluster, PastHost
from auditor.domain.releases import ReleaseTable
from auditor.domain.versions import BaseImageVersion, ProductVersion, VersionError


class _Judge:
    """Holds what every step needs: the run's view by host, history by name, the release table."""

    def __init__(self, estate: Estate, past: Past, releases: ReleaseTable, accepted: Sequence[Entry] = ()) -> None:
        self.estate, self.releases = estate, releases
        self.past = follow_names(past, estate.vcenters)
        self.accepted = Register(accepted, estate.at)
        self.observations: dict[tuple[str, str], list[HostObservation]] = defaultdict(list)
        for observation in estate.hosts:
            self.observations[observation.vcenter, host_key(observation.host)].append(observation)
        self.past_hosts = {(h.vcenter, host_key(h.name)): h for h in self.past.hosts}
        self.missing = missing_readings(estate, self.accepted)
        self.rows: list[HostRow] = []
        self.reported: set[tuple[str, str]] = set()

    def facts(self, vcenter: str, name: str) -> HostFacts:
        return facts_of(name, self.observations.get((vcenter, host_key(name)), ()), self._resolve)

    def _resolve(self, product: Product) -> BaseImageVersion | None:
        try:
            return self.releases.base_image(ProductVersion.parse(product.version, product.build))
        except VersionError:
            return None

    def label(self, facts: HostFacts) -> str:
        """The release's own name, from the table, else what the host prints of itself."""
        product, base = value_of(facts.product), value_of(facts.base_image)
        if base is not None and (label := self.releases.label(base.version)):
            return label
        if product is None:
            return ""
        try:
            return self.releases.label(ProductVersion.parse(product.version, product.build)) or product.label
        except VersionError:
            return product.label

    def elsewhere(self, vcenter: str, name: str) -> tuple[str, ...]:
        """The other vCenters whose inventory lists a host of this name."""
        others = [view for view in self.estate.vcenters if view.name != vcenter]
        return tuple(v.name for v in others if any(host_key(h.name) == host_key(name) for h in value_of(v.hosts) or ()))

    def excused(self, vcenter: str, facts: HostFacts) -> str:
        """By whom and until when it is accepted that no route sees the host; empty: it is seen, or nobody accepts it."""
        missing = self.missing.get((vcenter, host_key(facts.name)), ())
        accepted = not facts.seen and missing and all(one.accepted for one in missing)
        return "; ".join(dict.fromkeys(f.accepted for one in missing for f in one.failures)) if accepted else ""

    def last_seen(self, vcenter: str, facts: HostFacts) -> datetime | None:
        if facts.seen_at is not None:
            return facts.seen_at
        known = self.past_hosts.get((vcenter, host_key(facts.name)))
        return known.last.at if known is not None and known.last is not None else None


def assess(
    estate: Estate,
    past: Past,
    releases: ReleaseTable,
    *,
    source: Source = Source.LIVE,
    run: int | None = None,
    accepted: Sequence[Entry] = (),
) -> Assessment:
    """Compare and diagnose. ``past`` is what history knew before this view was collected; ``accepted`` the differences
    somebody answers for. Raises nothing: whatever could not be read is in the result with its reason."""
    judge = _Judge(estate, past, releases, accepted)
    findings: list[Finding] = []
    clusters: list[ClusterRow] = []
    for view in estate.vcenters:
        scene = _scene(judge, view)
        found = [*cluster_findings(scene), *vib_findings(scene, judge.accepted.mark)]
        found += host_findings(scene, partial(_excused, judge, view), partial(_away, judge, view))
        found += [*gaps.view_gaps(scene), *vcenter_identity(view)]
        if scene.rewind is not None:
            findings.append(restore_finding(view, scene.rewind, drift=any(f.drifts for f in found)))
        findings += found
        clusters += [_cluster_row(view, cluster) for cluster in scene.clusters]
        findings += _unlisted(judge, view)
    findings += _configured(judge)
    findings += _windows(judge)
    missing = [one for each in judge.missing.values() for one in each]
    findings += missing_findings(missing)
    ordered = in_order(findings)
    return Assessment(
        at=estate.at,
        source=source,
        runs_before=past.runs,
        verdict=_verdict(ordered, judge.rows),
        vcenters=tuple(_vcenter_row(view) for view in estate.vcenters),
        clusters=tuple(sorted(clusters, key=lambda c: (c.vcenter, c.name, c.id))),
        hosts=tuple(sorted(judge.rows, key=lambda r: (r.vcenter, r.cluster, r.name))),
        findings=ordered,
        limits=gaps.limits(estate, past, missing),
        next=gaps.next_commands(ordered, clusters, past),
        run=run,
        accepted=judge.accepted.rows(),
    )


def _excused(judge: _Judge, view: VCenterView, host: HostScene) -> str:
    return judge.excused(view.name, host.facts)


def _away(judge: _Judge, view: VCenterView, host: HostScene) -> str:
    """By whom and until when it is accepted that vCenter is not connected to the host: the gap of its whole route."""
    names = {cluster.id: cluster.name for cluster in value_of(view.clusters) or ()}
    cluster = host.listed.cluster, names.get(host.listed.cluster, host.listed.cluster)
    return judge.accepted.failure(view.name, cluster, host.name, Route.VCENTER.value, Reason.NOT_CONNECTED.value, "")


def scenes(estate: Estate, past: Past, releases: ReleaseTable) -> tuple[Scene, ...]:
    """The view joined with history and compared, one scene a vCenter: what ``assess`` and a proposal both start from."""
    judge = _Judge(estate, past, releases)
    return tuple(_scene(judge, view) for view in estate.vcenters)


def _scene(judge: _Judge, view: VCenterView) -> Scene:
    listed: dict[str, list[InventoryHost]] = defaultdict(list)
    for host in value_of(view.hosts) or ():
        listed[host.cluster].append(host)
    clusters = []
    for cluster in value_of(view.clusters) or ():
        if isinstance(cluster.mode, Unread) and cluster.mode.reason is Reason.EXCLUDED:
            judge.reported |= {(view.name, host_key(h.name)) for h in listed.pop(cluster.id, [])}
            continue
        known = past_cluster_of(view, cluster, judge.past)
        hosts = tuple(_host(judge, view, cluster, host, known) for host in listed.pop(cluster.id, []))
        clusters.append(ClusterScene(cluster, hosts, known, cluster_state([h.state for h in hosts])))
    # What is left is in no cluster that was read: stand-alone hosts.
    standalone = tuple(_host(judge, view, None, host, None) for hosts in listed.values() for host in hosts)
    marks = [value_of(view.marks), *(past.marks for past in judge.past.marks if past.vcenter == view.name)]
    releases = tuple(dict.fromkeys((each.version, each.build) for each in marks if each))
    return Scene(view, tuple(clusters), standalone, find_rewind(view, judge.past), releases)


def _host(
    judge: _Judge, view: VCenterView, cluster: ClusterView | None, listed: InventoryHost, known: PastCluster | None
) -> HostScene:
    facts = judge.facts(view.name, listed.name)
    said = value_of(cluster.compliance) if cluster else None
    verdict = said.of(listed.id) if said else None
    image = value_of(cluster.image) if cluster else None
    layers: tuple[LayerDrift, ...] = ()
    if image is not None and cluster is not None:
        part = part_of(image, listed, verdict)
        layers = compare_host(image, value_of(cluster.commit), facts, verdict, known, part)
        layers = judge.accepted.mark(view.name, (cluster.id, cluster.name), listed.name, layers)
        state = host_state(layers)
    elif cluster is None or value_of(cluster.mode) is ManagementMode.BASELINES:
        state = HostState.NO_IMAGE
    else:
        state = HostState.UNKNOWN
    scene = HostScene(listed, facts, state, layers, judge.label(facts))
    judge.rows.append(_listed_row(judge, view, cluster, scene, verdict))
    judge.reported.add((view.name, host_key(listed.name)))
    return scene


def _listed_row(
    judge: _Judge, view: VCenterView, cluster: ClusterView | None, host: HostScene, verdict: HostVerdict | None
) -> HostRow:
    said = value_of(cluster.compliance) if cluster else None
    status = verdict.status if verdict else "UNAVAILABLE" if said and host.listed.id in said.unavailable_hosts else ""
    return HostRow(
        name=host.name,
        vcenter=view.name,
        cluster=cluster.name if cluster else "",
        cluster_id=cluster.id if cluster else "",
        state=host.state,
        runs=host.facts.base_image,
        product=host.facts.product,
        label=host.label,
        connection=host.listed.connection,
        inventory=shown_version(host),
        vendor_status=status,
        layers=host.layers,
        staged=staged_text(host.facts),
        in_maintenance_mode=_maintenance(host),
        routes=_routes(host.facts),
        last_seen=judge.last_seen(view.name, host.facts),
        facts=host.facts.facts,
        excused=judge.excused(view.name, host.facts),
    )


def _maintenance(host: HostScene) -> bool | None:
    own = value_of(host.facts.maintenance_mode)
    return own if own is not None else host.listed.in_maintenance_mode


def _routes(facts: HostFacts) -> tuple[RouteResult, ...]:
    return tuple(RouteResult(o.route, o.at, trouble_of(o)) for o in facts.observations)


def _unlisted(judge: _Judge, view: VCenterView) -> Iterable[Finding]:
    """Hosts history knows in this vCenter that the inventory does not list, or that could not be listed at all."""
    gone = {host_key(h.name) for h in vanished_hosts(view, judge.past)}
    for host in judge.past.hosts:
        key = (view.name, host_key(host.name))
        if host.vcenter != view.name or key in judge.reported:
            continue
        facts = judge.facts(view.name, host.name)
        if host_key(host.name) in gone:
            note = "not in the inventory any more"
        else:
            note = f"known from history; vCenter was not read{_against_record(judge, host, facts)}"
        judge.rows.append(_bare_row(judge, view.name, facts, host, note))
        judge.reported.add(key)
        if host_key(host.name) in gone:
            yield vanished_finding(host, facts, view.name, judge.elsewhere(view.name, host.name))
        else:
            subject = Subject(SubjectKind.HOST, host.name, view.name)
            known = f"history: last answered {when(host.last.at if host.last else None)}"
            yield from own_findings(subject, facts, known, judge.excused(view.name, facts))


def _against_record(judge: _Judge, host: PastHost, facts: HostFacts) -> str:
    """How the host stands to the image recorded last for its cluster. Said in words and not as a state: the image may have
    changed since, and unknown is never in sync."""
    known = next((c for c in judge.past.clusters if (c.vcenter, c.id) == (host.vcenter, host.cluster) and c.images), None)
    if known is None or not facts.seen:
        return ""
    recorded = max(known.images, key=lambda image: image.last_seen)
    state = host_state(compare_host(recorded.image, recorded.commit, facts, None, known))
    return f"; against the image recorded {when(recorded.last_seen)}: {state.value}"


def _configured(judge: _Judge) -> Iterable[Finding]:
    """Hosts that only the configuration names: there is no image to compare them with."""
    for vcenter, key in sorted(judge.observations):
        if (vcenter, key) in judge.reported:
            continue
        name = judge.observations[vcenter, key][0].host
        facts = judge.facts(vcenter, name)
        judge.rows.append(_bare_row(judge, vcenter, facts, None, "" if not vcenter else "listed in no inventory"))
        subject = Subject(SubjectKind.HOST, name, vcenter)
        yield from own_findings(subject, facts, "named in the configuration", judge.excused(vcenter, facts))


def _windows(judge: _Judge) -> Iterable[Finding]:
    """Ways back that closed since a host was last read, wherever the host is listed."""
    for vcenter, key in sorted(judge.observations):
        facts = judge.facts(vcenter, judge.observations[vcenter, key][0].host)
        yield from window_findings(judge.past_hosts.get((vcenter, key)), facts)


def _bare_row(judge: _Judge, vcenter: str, facts: HostFacts, known: PastHost | None, note: str) -> HostRow:
    return HostRow(
        name=facts.name,
        vcenter=vcenter,
        cluster=known.cluster_name if known else "",
        cluster_id=known.cluster if known else "",
        state=HostState.UNKNOWN if known or not facts.seen else HostState.NO_IMAGE,
        runs=facts.base_image,
        product=facts.product,
        label=judge.label(facts),
        staged=staged_text(facts),
        routes=_routes(facts),
        listed=False,
        last_seen=judge.last_seen(vcenter, facts),
        note=note,
        facts=facts.facts,
        excused=judge.excused(vcenter, facts),
    )


def _cluster_row(view: VCenterView, cluster: ClusterScene) -> ClusterRow:
    commit, verdict = value_of(cluster.view.commit), value_of(cluster.view.compliance)
    mode = value_of(cluster.view.mode)
    state = cluster.state
    if not cluster.hosts and mode is not ManagementMode.BASELINES and isinstance(cluster.view.image, Unread):
        state = HostState.UNKNOWN
    return ClusterRow(
        id=cluster.view.id,
        name=cluster.view.name,
        vcenter=view.name,
        state=state,
        mode=cluster.view.mode,
        image=cluster.view.image,
        hosts=tuple(sorted(h.name for h in cluster.hosts)),
        commit=commit.id if commit else "",
        commit_time=commit.time if commit else None,
        vendor_status=verdict.status if verdict else "",
        scan_time=verdict.scan_time if verdict else None,
    )


def _vcenter_row(view: VCenterView) -> VCenterRow:
    clusters, hosts = value_of(view.clusters), value_of(view.hosts)
    return VCenterRow(
        view.name, view.marks, len(clusters) if clusters is not None else None, len(hosts) if hosts is not None else None
    )


def _verdict(findings: tuple[Finding, ...], rows: list[HostRow]) -> Verdict:
    """Drift before incomplete: a notice decides nothing; an unknown host is never in sync."""
    if any(f.drifts for f in findings):
        return Verdict.DRIFT
    if any(f.code.hides and f.severity is not Severity.NOTICE for f in findings):
        return Verdict.INCOMPLETE
    if any(row.state is HostState.UNKNOWN and row.listed and not row.excused for row in rows):
        return Verdict.INCOMPLETE
    return Verdict.IN_SYNC
