"""Whether a scan and the hosts are as a proposal predicts. Pure: every function names what is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from auditor.domain.editing import HostActivity, VlcmTask
from auditor.domain.observation import ClusterVerdict, Connection, InventoryHost
from auditor.domain.proposal.values import Candidate, CandidateKind, Forecast

UNAVAILABLE = "UNAVAILABLE"
"""vLCM's word for a host that it could not scan (SDK ``ComplianceStatus``)."""


@dataclass(frozen=True, slots=True)
class HostResult:
    """One host: what was predicted, and what a scan said. ``expected`` tells whether that is within the prediction."""

    host: str
    id: str
    forecast: str
    scanned: str
    expected: bool

    def __str__(self) -> str:
        return f"{self.host}: expected {self.forecast}, the scan says {self.scanned}"


def results(candidate: Candidate, verdict: ClusterVerdict, away: Collection[str]) -> tuple[HostResult, ...]:
    """Every host of the proposal and of the scan. ``away`` are the ids of hosts that vCenter is not connected to: it cannot
    scan those, so that is what is expected of them. A host whose forecast is UNKNOWN may be anything but INCOMPATIBLE, and
    that too where an apply is undone."""
    open_to = {Forecast.COMPLIANT.value, Forecast.NON_COMPLIANT.value}
    if candidate.kind is CandidateKind.INVERSE:
        open_to.add(Forecast.INCOMPATIBLE.value)
    by_id = {host.id: host for host in candidate.forecast}
    names = dict(verdict.host_names)
    found = []
    for id_, host in by_id.items():
        said = _status(verdict, id_)
        predicted = UNAVAILABLE if id_ in away else host.forecast.value
        if id_ in away and said != UNAVAILABLE:
            predicted = host.forecast.value  # it came back in between
        fits = said == predicted or (predicted == Forecast.UNKNOWN and said in open_to)
        found.append(HostResult(host.host, id_, predicted, said, fits))
    scanned = {each.host for each in verdict.hosts} | set(verdict.unavailable_hosts)
    found += [
        HostResult(names.get(id_) or id_, id_, "not in the cluster", _status(verdict, id_), expected=False)
        for id_ in scanned - by_id.keys()
    ]
    return tuple(sorted(found, key=lambda each: each.host))


def surprises(found: Iterable[HostResult]) -> tuple[str, ...]:
    """The hosts that are not as predicted, in words."""
    return tuple(str(each) for each in found if not each.expected)


def _status(verdict: ClusterVerdict, host: str) -> str:
    found = verdict.of(host)
    if found is not None:
        return found.status
    return UNAVAILABLE if host in verdict.unavailable_hosts else "nothing"


def away(hosts: Iterable[InventoryHost]) -> frozenset[str]:
    """The hosts that vCenter is not connected to, by id."""
    return frozenset(host.id for host in hosts if host.connection != Connection.CONNECTED.value)


@dataclass(frozen=True, slots=True)
class HostMark:
    """By what one sees later that a host was touched. ``boot`` is the time of its last boot, as text."""

    name: str
    connection: str
    boot: str
    maintenance: str
    reboot_required: str


def marks(hosts: Iterable[InventoryHost]) -> dict[str, HostMark]:
    """The marks of hosts, by id."""
    return {
        host.id: HostMark(
            host.name,
            host.connection,
            host.boot_time.isoformat() if host.boot_time else "",
            str(host.in_maintenance_mode),
            str(host.reboot_required),
        )
        for host in hosts
    }


def touched(before: Mapping[str, HostMark], now: Mapping[str, HostMark]) -> tuple[str, ...]:
    """What happened to hosts in between, in words. A host that vCenter is not connected to shows what it last knew: its own
    row changes only by coming back."""
    found = []
    for id_, was in before.items():
        seen = now.get(id_)
        if seen is None:
            found.append(f"{was.name} is not in the cluster any more")
            continue
        if Connection.CONNECTED.value not in {was.connection, seen.connection}:
            continue
        if was.connection != Connection.CONNECTED.value:
            continue  # it came back; what vCenter showed of it before was old
        if seen.connection != was.connection:
            found.append(f"{was.name} is {seen.connection} now")
        if seen.boot != was.boot:
            found.append(f"{was.name} was restarted: its last boot was at {was.boot or '?'}, now {seen.boot or '?'}")
        if seen.maintenance != was.maintenance:
            found.append(f"{was.name} {'entered' if seen.maintenance == 'True' else 'left'} maintenance mode")
        if seen.reboot_required != was.reboot_required:
            found.append(f"{was.name}: reboot required was {was.reboot_required}, is {seen.reboot_required}")
    return tuple(found)


def unproven(before: Mapping[str, HostMark], now: Mapping[str, HostMark]) -> tuple[str, ...]:
    """Hosts of which vCenter cannot tell, because it was not connected to them."""
    names = {id_: mark.name for id_, mark in (*before.items(), *now.items())}
    lost = {id_ for marks in (before, now) for id_, mark in marks.items() if mark.connection != Connection.CONNECTED.value}
    return tuple(sorted(names[id_] for id_ in lost))


def host_work(tasks: Iterable[VlcmTask], since: datetime) -> tuple[str, ...]:
    """vLCM's tasks since then that write to hosts, in words."""
    return tuple(
        f"{task.operation} by {task.user or 'somebody'} at {task.started:%H:%M:%S} UTC ({task.status})"
        for task in tasks
        if task.touches_hosts and task.started is not None and task.started >= since
    )


def host_tasks(tasks: Iterable[HostActivity], since: datetime, names: Mapping[str, str]) -> tuple[str, ...]:
    """vSphere's tasks since then that disturb hosts, in words; ``names`` of hosts by id."""
    return tuple(
        f"{task.what} on {names.get(task.host, task.host)} by {task.user or 'somebody'} at {task.queued:%H:%M:%S} UTC"
        for task in tasks
        if task.disturbs and task.queued is not None and task.queued >= since
    )


__all__ = [
    "UNAVAILABLE",
    "HostMark",
    "HostResult",
    "away",
    "host_tasks",
    "host_work",
    "marks",
    "results",
    "surprises",
    "touched",
    "unproven",
]
