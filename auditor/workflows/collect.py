"""Collect one run's view: every vCenter, then every host by every route that is on. Reads only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
    ``own_settings`` is what hosts said of theirs while they were read."""

    vcenters: tuple[VCenterReader, ...]
    routes: Mapping[str, frozenset[Route]]
    direct: Mapping[Route, HostReader]
    target: Callable[[str, str, Route], HostTarget]
    configured: tuple[str, ...] = ()
    concurrency: int = 64
    images: Mapping[str, ImageReader] = field(default_factory=dict)
    settings: Mapping[str, SettingsReader] = field(default_factory=dict)
    own_settings: Callable[[], Sequence[HostSettings]] = tuple

    def close(self) -> None:
        for reader in self.vcenters:
            reader.close()


Job = Callable[[], HostObservation]


def collect(sources: Sources, past: Past, at: datetime, progress: Progress, recorder: Recorder, run: int) -> Estate:
    """Read everything and record it on the way, so that a run that is killed keeps what it had. A vCenter or a host that
    fails is in the result with its reason; nothing here raises for it. ``at`` is when the run began. Raises what the
    recorder raises."""
    views: list[VCenterView] = []
    progress.start(VCENTERS, len(sources.vcenters))

    def read(reader: VCenterReader) -> VCenterView:
        return reader.view(progress, newest_commits(past, reader.name))

    for view in parallel.each(sources.vcenters, read, max(1, len(sources.vcenters))):
        views.append(view)
        recorder.record_vcenter(run, view)
        progress.advance(VCENTERS, view.name)
    views.sort(key=lambda view: view.name)
    jobs = list(_jobs(sources, views, follow_names(past, views), at))
    observations: list[HostObservation] = []
    progress.start(HOSTS, len(jobs))
    for observation in parallel.each(jobs, lambda job: job(), sources.concurrency):
        observations.append(observation)
        recorder.record_host(run, observation)
        progress.advance(HOSTS, observation.host)
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


def _jobs(sources: Sources, views: Iterable[VCenterView], past: Past, at: datetime) -> Iterator[Job]:
    """One job per host and route. Hosts history knows are asked as well when the inventory does not list them, or could not
    be read: they may be up and running what the backup never saw."""
    readers = {reader.name: reader for reader in sources.vcenters}
    for view in views:
        routes = sources.routes.get(view.name, frozenset())
        direct = [reader for route, reader in sources.direct.items() if route in routes]
        excluded = {c.id for c in value_of(view.clusters) or () if c.mode == EXCLUDED}
        listed = value_of(view.hosts) or ()
        for host in listed:
            if host.cluster in excluded:
                continue
            if Route.VCENTER in routes:
                yield _through_vcenter(readers[view.name], host, at)
            for reader in direct:
                yield _direct(reader, sources.target(view.name, host.name, reader.route), at)
        known = {host_key(host.name) for host in listed}
        for gone in past.hosts:
            if gone.vcenter == view.name and host_key(gone.name) not in known:
                for reader in direct:
                    yield _direct(reader, sources.target(view.name, gone.name, reader.route), at)
    for name in sources.configured:
        for route, reader in sources.direct.items():
            yield _direct(reader, sources.target("", name, route), at)


def _through_vcenter(reader: VCenterReader, host: InventoryHost, at: datetime) -> Job:
    return lambda: _guarded(lambda: reader.read_host(host), host.name, Route.VCENTER, reader.name, at)


def _direct(reader: HostReader, target: HostTarget, at: datetime) -> Job:
    return lambda: _guarded(lambda: reader.read(target), target.name, reader.route, target.vcenter, at)


def _guarded(job: Job, name: str, route: Route, vcenter: str, at: datetime) -> HostObservation:
    """One bad host never fails the run. Readers do not raise; if one does all the same, that is a row with the reason."""
    try:
        return job()
    except AuditorError as error:
        reason, text = Reason.FAILED, error.what
    except Exception as error:  # an unforeseen fault of ours costs this one reading
        log.debug("reading %s by %s", name, route, exc_info=True)
        reason, text = Reason.FAILED, f"internal error: {type(error).__name__}"
    return HostObservation(name, route, at, vcenter=vcenter, trouble=Unread(reason, text))
