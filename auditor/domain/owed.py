"""What a run owes of each host and did not get: every reading that one of its routes can give and none gave.

A reading is owed by each route that was tried and can give it. Where the route failed as a whole (no connection, another host
key, a refused login) its readings were not attempted, and are owed all the same. A route that chose not to ask owes nothing:
vCenter's is asked for a staged image only where a reboot is required. The host's own word that it has no such thing (an older
ESXi without components) settles the reading; vCenter's does not settle what another route could have told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from auditor.domain.accepted import Register
from auditor.domain.hosts import PREFERENCE, answered
from auditor.domain.observation import Estate, HostObservation, Read, Reading, Reason, Route, Unread, host_key, value_of
from auditor.domain.readings.reading import HostReading
from auditor.domain.readings.registry import READINGS, parts


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one route did not give a reading; ``whole``: it gave nothing at all. ``accepted``: by whom and until when."""

    route: Route
    why: Unread
    whole: bool
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class MissingReading:
    """One reading of one host that no route gave. ``key`` is its name, ``part`` what to call it, ``failures`` every route that
    owed it, the nearest to the host first. ``seen``: the host itself said by some route what it runs."""

    vcenter: str
    host: str
    key: str
    part: str
    failures: tuple[Failure, ...]
    seen: bool

    @property
    def accepted(self) -> bool:
        """Whether somebody answers for each of its failures."""
        return all(failure.accepted for failure in self.failures)

    @property
    def cause(self) -> Failure:
        """The failure to be told: the nearest to the host that nobody answers for."""
        return next((failure for failure in self.failures if not failure.accepted), self.failures[0])


HostName = tuple[str, str]
"""The vCenter's name and the host's, as it is compared."""


def missing_readings(estate: Estate, register: Register) -> Mapping[HostName, tuple[MissingReading, ...]]:
    """What is missing of each host of a run; hosts of which nothing is missing are left out."""
    by_host: dict[HostName, list[HostObservation]] = defaultdict(list)
    for observation in estate.hosts:
        by_host[observation.vcenter, host_key(observation.host)].append(observation)
    clusters = _clusters(estate)
    found = {}
    for name, observations in sorted(by_host.items()):
        missing = tuple(_marked(one, clusters.get(name, ("", "")), register) for one in _missing(observations))
        if missing:
            found[name] = missing
    return found


def _missing(observations: Sequence[HostObservation]) -> Iterator[MissingReading]:
    ordered = sorted(observations, key=lambda o: PREFERENCE.index(o.route))
    seen = any(answered(o) for o in ordered)
    for reading in READINGS:
        for part, failures in _failures(reading, [o for o in ordered if o.route in reading.routes]):
            yield MissingReading(ordered[0].vcenter, ordered[0].host, reading.key, part, failures, seen)


def _failures(reading: HostReading, owing: Sequence[HostObservation]) -> Iterator[tuple[str, tuple[Failure, ...]]]:
    """Each part of a reading that no route gave, with why."""
    given: set[str] = set()
    failed: dict[str, list[Failure]] = {}
    for o in owing:
        for part, value in _parts(reading, o):
            failure = _failure(value, o)
            if failure is None:
                given.add(part)
            elif failure.why.reason is not Reason.NOT_ATTEMPTED:
                failed.setdefault(part, []).append(failure)
    for part, failures in failed.items():
        gaps = tuple(failure for failure in failures if failure.why.reason.is_gap)
        if part not in given and gaps:
            yield part, gaps


def _parts(reading: HostReading, o: HostObservation) -> Iterable[tuple[str, Reading[object]]]:
    found = tuple(parts(reading.key, o))
    return found or ((reading.meaning, o.trouble),) if o.trouble is not None else found


def _failure(value: Reading[object], o: HostObservation) -> Failure | None:
    """Why a route did not give a value; None where it did, or where the host itself has nothing of that kind."""
    if isinstance(value, Read):
        return None
    if o.trouble is not None and (value.reason is Reason.NOT_ATTEMPTED or value is o.trouble):
        return Failure(o.route, o.trouble, whole=True)
    own_word = o.route is not Route.VCENTER and value.reason in {Reason.NOT_SUPPORTED, Reason.ABSENT}
    return None if own_word else Failure(o.route, value, whole=False)


def _marked(missing: MissingReading, cluster: tuple[str, str], register: Register) -> MissingReading:
    failures = tuple(
        replace(
            failure,
            accepted=register.failure(
                missing.vcenter,
                cluster,
                missing.host,
                failure.route.value,
                failure.why.reason.value,
                "" if failure.whole else missing.key,
            ),
        )
        for failure in missing.failures
    )
    return replace(missing, failures=failures)


def _clusters(estate: Estate) -> dict[HostName, tuple[str, str]]:
    """Id and name of the cluster that each host is listed in."""
    found = {}
    for view in estate.vcenters:
        names = {cluster.id: cluster.name for cluster in value_of(view.clusters) or ()}
        for host in value_of(view.hosts) or ():
            found[view.name, host_key(host.name)] = (host.cluster, names.get(host.cluster, host.cluster))
    return found


__all__ = ["Failure", "HostName", "MissingReading", "missing_readings"]
