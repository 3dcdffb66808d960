"""Collect one run's view: every vCenter, then every host by every route that is on. Reads only."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from auditor import parallel
from auditor.domain.identity import follow_names
from auditor.domain.observation import (
    EXCLUDED,
    Estate,
    HostObservation,
    InventoryHost,
    Reason,
    Route,
    Unread,
    VCenterView,
    host_key,
    value_of,
)
from auditor.domain.past import Past
from auditor.domain.settings.values import HostSettings
from auditor.errors import AuditorError
from auditor.ports import HostReader, HostTarget, ImageReader, Progress, Recorder, SettingsReader, VCenterReader

log = logging.getLogger(__name__)

HOSTS = "hosts"
VCENTERS = "vCenters"


@dataclass(frozen=True)
class Sources:
    """What to read and with what. ``routes`` is by vCenter name; ``direct`` by route; ``target`` says where a host is reached
    by a direct route (vCenter's name or empty, host, route); ``configured`` names the hosts outside any vCenter; ``images``
    looks deeper into a vCenter's images, and ``settings`` into its hosts' settings, by its name;
    ``own_settings`` is what hosts said of theirs while they were read. ``end`` is the value of ``time.monotonic()`` at which
    the run ends with what it has, and ``limit`` what asked for that, in words."""

    vcenters: tuple[VCenterReader, ...]
    routes: Mapping[str, frozenset[Route]]
    direct: Mapping[Route, HostReader]
    target: Callable[[str, str, Route], HostTarget]
    configured: tuple[str, ...] = ()
    concurrency: int = 64
    images: Mapping[str, ImageReader] = field(default_factory=dict)
    settings: Mapping[str, SettingsReader] = field(default_factory=dict)
    own_settings: Callable[[], Sequence[HostSettings]] = tuple
    end: float = math.inf
    limit: str = ""

    def close(self) -> None:
        for reader in self.vcenters:
            reader.close()


@dataclass(frozen=True, slots=True)
class _HostJob:
    """One host to be read by one route."""

    name: str
    route: Route
    vcenter: str
    at: datetime
    read: Callable[[], HostObservation]

    def failed(self, why: Unread) -> HostObservation:
        return HostObservation(self.name, self.route, self.at, vcenter=self.vcenter, trouble=why)


@dataclass(frozen=True, slots=True)
class _VCenterJob:
    """One vCenter to be read, without its hosts."""

    name: str
    at: datetime
    read: Callable[[], VCenterView]

    def failed(self, why: Unread) -> VCenterView:
        return VCenterView(self.name, self.at, why, why, why, why)


_Job = _HostJob | _VCenterJob


def collect(sources: Sources, past: Past, at: datetime, progress: Progress, recorder: Recorder, run: int) -> Estate:
    """Read everything and record it on the way, so that a run that is killed keeps what it had. The hosts of a vCenter are read
    as soon as it has told them, whatever the others do. A vCenter or a host that fails, or that is not done when the time of
    ``sources`` is over, is in the result with its reason; nothing here raises for it. ``at`` is when the run began. Raises what
    the recorder raises."""
    views: list[VCenterView] = []
    observations: list[HostObservation] = []
    crew: parallel.Crew[_Job, VCenterView | HostObservation] = parallel.Crew(_guarded, sources.concurrency)
    hosts = 0

    def add(jobs: Iterable[_HostJob]) -> None:
        nonlocal hosts
        for job in jobs:
            crew.add(job)
            hosts += 1
        progress.start(HOSTS, hosts)

    def keep(found: VCenterView | HostObservation) -> None:
        if isinstance(found, VCenterView):
            views.append(found)
            recorder.record_vcenter(run, found)
            progress.advance(VCENTERS, found.name)
            add(_jobs(sources, found, follow_names(past, [found]), at))
        else:
            observations.append(found)
            recorder.record_host(run, found)
            progress.advance(HOSTS, found.host)

    progress.start(VCENTERS, len(sources.vcenters))
    for reader in sources.vcenters:
        crew.add(_VCenterJob(reader.name, at, _view(reader, past, progress)), extra=True)
    add(_configured(sources, at))
    for _, found in crew.results(sources.end):
        keep(found)
    # A vCenter that is given up here has hosts that history knows, and they are open then as well.
    over = Unread(Reason.OUT_OF_TIME, f"the time of this run ({sources.limit}) was over before this was read")
    for kind in (_VCenterJob, _HostJob):
        for job in [job for job in crew.unfinished if isinstance(job, kind)]:
            keep(job.failed(over))
    views.sort(key=lambda view: view.name)
    observations.sort(key=lambda o: (o.vcenter, host_key(o.host), o.route))
    return Estate(at, tuple(views), tuple(observations))


def newest_commits(past: Past, vcenter: str) -> dict[str, str]:
    """The id of the newest commit that history knows of each cluster of a vCenter."""
    newest = {}
    for cluster in past.clusters:
        commits = [(i.commit.time, i.commit.id) for i in cluster.images if i.commit is not None and i.commit.time is not None]
        if cluster.vcenter == vcenter and commits:
            newest[cluster.id] = max(commits)[1]
    return newest


def _jobs(sources: Sources, view: VCenterView, past: Past, at: datetime) -> Iterator[_HostJob]:
    """One job per host and route. Hosts history knows are asked as well when the inventory does not list them, or could not
    be read: they may be up and running what the backup never saw."""
    through = next((reader for reader in sources.vcenters if reader.name == view.name), None)
    routes = sources.routes.get(view.name, frozenset())
    direct = [reader for route, reader in sources.direct.items() if route in routes]
    excluded = {c.id for c in value_of(view.clusters) or () if c.mode == EXCLUDED}
    listed = value_of(view.hosts) or ()
    twice = _named_twice(listed)
    for host in listed:
        if host.cluster in excluded:
            continue
        jobs = [_direct(reader, sources.target(view.name, host.name, reader.route), at) for reader in direct]
        if Route.VCENTER in routes and through is not None:
            jobs.append(_HostJob(host.name, Route.VCENTER, view.name, at, partial(through.read_host, host)))
        if host_key(host.name) in twice:
            why = Unread(Reason.FAILED, f"vCenter {view.name} lists two machines by this name: which one answers is not known")
            jobs = [replace(job, read=partial(job.failed, why)) for job in jobs]
        yield from jobs
    known = {host_key(host.name) for host in listed}
    for gone in past.hosts:
        if gone.vcenter == view.name and host_key(gone.name) not in known:
            for reader in direct:
                yield _direct(reader, sources.target(view.name, gone.name, reader.route), at)


def _named_twice(listed: Iterable[InventoryHost]) -> frozenset[str]:
    """The names that stand for more than one machine, by ``host_key``. A machine is told by its hardware UUID; one that is
    listed twice, as after a move, is still one."""
    machines: dict[str, str] = {}
    twice = set()
    for host in listed:
        name = host_key(host.name)
        if machines.setdefault(name, host.uuid) != host.uuid:
            twice.add(name)
    return frozenset(twice)


def _configured(sources: Sources, at: datetime) -> Iterator[_HostJob]:
    """The hosts outside any vCenter."""
    for name in sources.configured:
        for route, reader in sources.direct.items():
            yield _direct(reader, sources.target("", name, route), at)


def _direct(reader: HostReader, target: HostTarget, at: datetime) -> _HostJob:
    return _HostJob(target.name, reader.route, target.vcenter, at, partial(reader.read, target))


def _view(reader: VCenterReader, past: Past, progress: Progress) -> Callable[[], VCenterView]:
    return lambda: reader.view(progress, newest_commits(past, reader.name))


def _guarded(job: _Job) -> VCenterView | HostObservation:
    """One bad host or vCenter never fails the run. Readers do not raise; if one does all the same, that is a row with the
    reason."""
    try:
        return job.read()
    except AuditorError as error:
        reason, text = Reason.FAILED, error.what
    except Exception as error:  # an unforeseen fault of ours costs this one reading
        log.debug("reading %s", job.name, exc_info=True)
        reason, text = Reason.FAILED, f"internal error: {type(error).__name__}"
    return job.failed(Unread(reason, text))
