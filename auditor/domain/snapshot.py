"""What a snapshot says of itself: what was seen, and what was not and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditor.domain.assessment import RouteResult, VCenterRow
from auditor.domain.hosts import answered
from auditor.domain.observation import Estate, HostObservation, Reason, Unread, host_key, value_of


@dataclass(frozen=True, slots=True)
class SnapshotHost:
    """One host of the snapshot: whether it said what it runs, and what became of each route."""

    name: str
    vcenter: str
    seen: bool
    routes: tuple[RouteResult, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One recorded run. ``gaps`` are the parts of vCenters and clusters that could not be read, in words."""

    run: int
    at: datetime
    vcenters: tuple[VCenterRow, ...]
    hosts: tuple[SnapshotHost, ...]
    gaps: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every part of every vCenter was read and every host seen by at least one route."""
        return not self.gaps and all(host.seen for host in self.hosts)


_NO_GAP = {Reason.NOT_ATTEMPTED, Reason.EXCLUDED, Reason.NOT_SUPPORTED, Reason.ABSENT}


def snapshot_of(estate: Estate, run: int) -> Snapshot:
    """Sum up what ``estate`` holds."""
    by_host: dict[tuple[str, str], list[HostObservation]] = {}
    for observation in estate.hosts:
        by_host.setdefault((observation.vcenter, host_key(observation.host)), []).append(observation)
    hosts = tuple(
        SnapshotHost(
            name=observations[0].host,
            vcenter=vcenter,
            seen=any(answered(o) for o in observations),
            routes=tuple(RouteResult(o.route, o.at, o.trouble) for o in observations),
        )
        for (vcenter, _), observations in sorted(by_host.items())
    )
    vcenters = []
    for view in estate.vcenters:
        clusters, listed = value_of(view.clusters), value_of(view.hosts)
        numbers = (len(clusters) if clusters is not None else None, len(listed) if listed is not None else None)
        vcenters.append(VCenterRow(view.name, view.marks, *numbers))
    return Snapshot(run, estate.at, tuple(vcenters), hosts, tuple(_gaps(estate)))


def _gaps(estate: Estate) -> list[str]:
    lines = []
    for view in estate.vcenters:
        parts = (("marks", view.marks), ("clusters", view.clusters), ("hosts", view.hosts), ("depot", view.depot))
        lines += [f"{view.name}: {what}: {part}" for what, part in parts if _is_gap(part)]
        for cluster in value_of(view.clusters) or ():
            of_cluster = (("mode", cluster.mode), ("image", cluster.image), ("commit", cluster.commit))
            lines += [f"{view.name}: cluster {cluster.name}: {what}: {part}" for what, part in of_cluster if _is_gap(part)]
    return lines


def _is_gap(part: object) -> bool:
    return isinstance(part, Unread) and part.reason not in _NO_GAP
