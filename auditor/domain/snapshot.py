"""What a snapshot saw and what it did not, from the view it recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from auditor.domain.accepted import Entry, Register
from auditor.domain.assessment import RouteResult
from auditor.domain.diagnosis.gaps import marks_parts, silent_routes
from auditor.domain.diagnosis.missing import missing_findings
from auditor.domain.findings import Finding
from auditor.domain.hosts import trouble_of
from auditor.domain.observation import EXCLUDED, Estate, Read, Reading, Unread, VCenterMarks, VCenterView, host_key
from auditor.domain.owed import HostName, MissingReading, missing_readings


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a vCenter that could not be read: what, and why."""

    part: str
    why: Unread


@dataclass(frozen=True, slots=True)
class VCenterSummary:
    """One vCenter: its marks, what it lists (None: could not be read), and what is missing."""

    name: str
    marks: Reading[VCenterMarks]
    clusters: int | None
    hosts: int | None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class HostSummary:
    """One host: its name, its vCenter (empty: none), what became of each route, and the readings that none of them gave.
    ``seen``: one of them answered."""

    name: str
    vcenter: str
    routes: tuple[RouteResult, ...] = ()
    missing: tuple[MissingReading, ...] = ()

    @property
    def seen(self) -> bool:
        return any(route.trouble is None for route in self.routes)

    @property
    def complete(self) -> bool:
        """Whether every reading that its routes owe was given, or is accepted as missing."""
        return all(one.accepted for one in self.missing) and (self.seen or bool(self.missing))


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """What one recorded run saw. ``new_documents``: how many answers history did not have yet; ``history``: the file.
    ``beside``: that it waits beside the history, in a sentence, and then ``run`` may have no number yet."""

    run: int | None
    at: datetime
    history: str
    new_documents: int
    vcenters: tuple[VCenterSummary, ...]
    hosts: tuple[HostSummary, ...]
    beside: str = ""

    @property
    def complete(self) -> bool:
        """Whether every host gave what its routes owe, and no vCenter has a gap."""
        return all(host.complete for host in self.hosts) and not any(vcenter.gaps for vcenter in self.vcenters)

    @property
    def unseen(self) -> tuple[HostSummary, ...]:
        """The hosts of which no route could say anything."""
        return tuple(host for host in self.hosts if not host.seen)

    @property
    def silent_routes(self) -> tuple[str, ...]:
        """Routes that failed on hosts of which others read all there is, in sentences."""
        missing = [one for host in self.hosts for one in host.missing]
        return tuple(silent_routes(((h.vcenter, h.name, r.route, r.trouble) for h in self.hosts for r in h.routes), missing))

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What is missing of hosts that were seen, as an audit would say it."""
        return tuple(missing_findings(one for host in self.hosts for one in host.missing))


def summarise(
    estate: Estate,
    *,
    run: int | None,
    history: str,
    new_documents: int,
    accepted: Sequence[Entry] = (),
    late: Mapping[str, Unread | None] = MappingProxyType({}),
) -> SnapshotSummary:
    """The summary of a run that recorded ``estate`` under id ``run`` in file ``history``; ``accepted`` as for an audit;
    ``late`` says of which vCenters the settings of hosts are not there, and why."""
    return SnapshotSummary(
        run=run,
        at=estate.at,
        history=history,
        new_documents=new_documents,
        vcenters=tuple(_vcenter(view, late.get(view.name)) for view in sorted(estate.vcenters, key=lambda view: view.name)),
        hosts=_hosts(estate, missing_readings(estate, Register(accepted, estate.at))),
    )


def _vcenter(view: VCenterView, late: Unread | None) -> VCenterSummary:
    return VCenterSummary(
        name=view.name,
        marks=view.marks,
        clusters=len(view.clusters.value) if isinstance(view.clusters, Read) else None,
        hosts=len(view.hosts.value) if isinstance(view.hosts, Read) else None,
        gaps=(*_gaps(view), *([Gap("settings of hosts", late)] if late else [])),
    )


def _gaps(view: VCenterView) -> Iterator[Gap]:
    whole: tuple[tuple[str, Reading[object]], ...] = (
        ("marks", view.marks),
        ("clusters", view.clusters),
        ("hosts", view.hosts),
        ("depot", view.depot),
    )
    marks = marks_parts(view)
    unread = [reading for _, reading in whole if isinstance(reading, Unread)]
    if len(unread) == len(whole) and len({reading.reason for reading in unread}) == 1:
        yield Gap("everything", unread[0])
        return
    for part, reading in (*whole, *marks):
        if isinstance(reading, Unread) and reading.reason.is_gap:
            yield Gap(part, reading)
    for cluster in view.clusters.value if isinstance(view.clusters, Read) else ():
        parts: tuple[tuple[str, Reading[object]], ...] = (
            ("management mode", cluster.mode),
            ("image", cluster.image),
            ("commit", cluster.commit),
            ("compliance", cluster.compliance),
        )
        for part, reading in parts:
            if isinstance(reading, Unread) and reading.reason.is_gap:
                yield Gap(f"{part} of cluster {cluster.name}", reading)


def _hosts(estate: Estate, missing: Mapping[HostName, tuple[MissingReading, ...]]) -> tuple[HostSummary, ...]:
    names: dict[tuple[str, str], str] = {}
    routes: dict[tuple[str, str], list[RouteResult]] = {}
    for view in estate.vcenters:
        clusters = view.clusters.value if isinstance(view.clusters, Read) else ()
        excluded = {cluster.id for cluster in clusters if cluster.mode == EXCLUDED}
        for host in view.hosts.value if isinstance(view.hosts, Read) else ():
            if host.cluster not in excluded:
                names[view.name, host_key(host.name)] = host.name
    for seen in estate.hosts:
        key = (seen.vcenter, host_key(seen.host))
        names.setdefault(key, seen.host)
        routes.setdefault(key, []).append(RouteResult(seen.route, seen.at, trouble_of(seen)))
    return tuple(
        HostSummary(names[key], key[0], tuple(sorted(routes.get(key, ()), key=lambda route: route.route)), missing.get(key, ()))
        for key in sorted(names, key=lambda key: (key[1], key[0]))
    )


__all__ = ["Gap", "HostSummary", "SnapshotSummary", "VCenterSummary", "summarise"]
