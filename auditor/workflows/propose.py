"""Propose images: collect the clusters asked for, look into the depot, and let the rules decide. Reads only.

Nothing is recorded: a view of some clusters would pass for one of all. The record that history already has is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from auditor import parallel
from auditor.domain.assess import scenes
from auditor.domain.assessment import Source
from auditor.domain.diagnosis.scene import ClusterScene, Scene
from auditor.domain.image import Component
from auditor.domain.observation import EXCLUDED, Estate, HostObservation, Reading, Unread, VCenterView, host_key, value_of
from auditor.domain.past import Past
from auditor.domain.proposal.candidates import depot_needs, find
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.context import AddOnContents, ClusterExtras, DepotContents, items_of
from auditor.domain.proposal.propose import LIFETIME, propose
from auditor.domain.proposal.tables import Hints
from auditor.domain.proposal.values import ImageProposal, ItemKind
from auditor.domain.releases import ReleaseTable
from auditor.errors import InputError
from auditor.ports import Clock, History, ImageReader, Progress
from auditor.workflows.choosing import one_name
from auditor.workflows.collect import Sources, collect

T = TypeVar("T")
K = TypeVar("K")

DEPOT = "depot"
ADVICE = "clusters"


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for. ``clusters``: names or managed object ids; empty: all. ``vcenter`` narrows them to one, by its name
    in the configuration. ``from_host``: as a person types it; ``reached`` has the addresses of hosts. ``choose``: a candidate's
    number or kind."""

    clusters: tuple[str, ...] = ()
    vcenter: str = ""
    from_host: str = ""
    choose: str = ""
    lifetime: timedelta = LIFETIME
    reached: Mapping[str, Collection[str]] = field(default_factory=dict)

    def wants(self, view: VCenterView, cluster: ClusterScene) -> bool:
        """Whether a cluster was asked for."""
        if self.vcenter and view.name != self.vcenter:
            return False
        asked = {text.lower() for text in self.clusters}
        return not asked or bool(asked & {cluster.view.id.lower(), cluster.view.name.lower()})


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables a proposal looks things up in."""

    releases: ReleaseTable
    hints: Hints = field(default_factory=Hints)


Unseen = Callable[[str, Unread], object]
"""Is told each vCenter whose clusters could not be read, with the reason: what follows does not speak of them."""


def _untold(_vcenter: str, _why: Unread) -> None:
    """For who asks for one cluster by its id and vCenter."""


def propose_live(
    sources: Sources, past: Past, tables: Tables, ask: Ask, clock: Clock, progress: Progress, unseen: Unseen = _untold
) -> tuple[ImageProposal, ...]:
    """Proposals from what vCenter and hosts say now. Raises ``InputError`` for a cluster or host that is not there, and when
    no vCenter's clusters could be read."""
    cases = live_cases(sources, past, tables, ask, clock.now(), progress, unseen)
    return tuple(_propose(case, ask) for case in cases)


def propose_recorded(
    history: History, tables: Tables, ask: Ask, at: datetime | None = None, unseen: Unseen = _untold
) -> tuple[ImageProposal, ...]:
    """Proposals from the newest recorded view, or the newest at or before ``at``, without contacting anything. What only a
    live look tells (advice, owner, what is inside the depot's items) is not in them."""
    run, estate = history.estate(at)
    cases = _cases(estate, history.past(before=run), tables, ask, Source.HISTORY, unseen)
    return tuple(_propose(case, ask) for case in cases)


def live_cases(
    sources: Sources,
    past: Past,
    tables: Tables,
    ask: Ask,
    at: datetime,
    progress: Progress,
    unseen: Unseen = _untold,
) -> tuple[Case, ...]:
    """The clusters asked for with everything a proposal rests on, read now. ``apply`` re-reads its facts through this."""
    estate = collect(sources, past, at, progress, _Unrecorded(), 0)
    cases = _cases(estate, past, tables, ask, Source.LIVE, unseen)
    cases = _with_extras(cases, sources, progress)
    return _with_contents(cases, sources, progress)


def _cases(estate: Estate, past: Past, tables: Tables, ask: Ask, source: Source, unseen: Unseen) -> tuple[Case, ...]:
    known = [(scene, cluster) for scene in scenes(estate, past, tables.releases) for cluster in scene.clusters]
    found = [(scene, cluster) for scene, cluster in known if ask.wants(scene.view, cluster)]
    _check(ask, estate, found, unseen)
    host = _host(ask, found)
    return tuple(
        Case(scene, cluster, tables.releases, tables.hints, estate.at, from_host=_own(cluster, host), source=source)
        for scene, cluster in sorted(found, key=lambda pair: (pair[0].view.name, pair[1].view.name, pair[1].view.id))
    )


def _host(ask: Ask, found: Sequence[tuple[Scene, ClusterScene]]) -> str:
    """The host that was meant, by its whole name; empty when none was named. Raises ``InputError``."""
    if not ask.from_host:
        return ""
    places: dict[str, list[str]] = defaultdict(list)
    for scene, cluster in found:
        for host in cluster.hosts:
            places[host_key(host.name)].append(f"{cluster.view.name} on {scene.view.name}")
    hint = f"the clusters asked for have: {', '.join(sorted(places)[:20])}"
    name = one_name(ask.from_host, places, ask.reached, places, hint)
    if len(places[name]) > 1:
        raise InputError(f"{name} is in several clusters: {', '.join(places[name])}", hint="name one cluster, or add --vcenter")
    return name


def _own(cluster: ClusterScene, host: str) -> str:
    """The host, if it is in this cluster."""
    return host if any(host_key(each.name) == host for each in cluster.hosts) else ""


def _check(ask: Ask, estate: Estate, found: Sequence[tuple[Scene, ClusterScene]], unseen: Unseen) -> None:
    """Refuse names that fit nothing or more than one thing, before anything is made of them; a vCenter of which nothing is
    known is said, or raises when there is nothing else."""
    views = [view for view in estate.vcenters if ask.vcenter in {"", view.name}]
    dark = [(view.name, view.clusters) for view in views if isinstance(view.clusters, Unread)]
    if dark and len(dark) == len(views):
        name, why = dark[0]
        others = f"; nor those of {', '.join(name for name, _ in dark[1:])}" if dark[1:] else ""
        raise InputError(
            f"its clusters could not be read: {why}{others}", where=name, hint="auditor audit shows what can be read"
        )
    for name, why in dark:
        unseen(name, why)
    listed = {cluster.name for view in estate.vcenters for cluster in value_of(view.clusters) or ()}
    hint = f"there are: {', '.join(sorted(listed))}" if listed else "auditor audit shows what can be read"
    for name in ask.clusters:
        fitting = [pair for pair in found if name.lower() in {pair[1].view.id.lower(), pair[1].view.name.lower()}]
        if not fitting:
            other = f", or it is on {', '.join(name for name, _ in dark)}, which could not be read" if dark else ""
            raise InputError(f"there is no cluster {name!r}, or it is left out by the configuration{other}", hint=hint)
        if len(fitting) > 1:
            places = ", ".join(f"{scene.view.name} ({cluster.view.id})" for scene, cluster in fitting)
            raise InputError(f"{len(fitting)} clusters are called {name!r}: {places}", hint="add --vcenter NAME or give the id")


def _with_extras(cases: Sequence[Case], sources: Sources, progress: Progress) -> tuple[Case, ...]:
    progress.start(ADVICE, len(cases))

    def ask(case: Case) -> tuple[tuple[str, str], ClusterExtras]:
        reader = sources.images.get(case.scene.view.name)
        extras = reader.extras(case.cluster.view.id) if reader and case.cluster.view.mode != EXCLUDED else ClusterExtras()
        return _key(case), extras

    found: dict[tuple[str, str], ClusterExtras] = {}
    for key, extras in parallel.each(cases, ask, sources.concurrency):
        found[key] = extras
        progress.advance(ADVICE)
    return tuple(replace(case, extras=found[_key(case)]) for case in cases)


def _key(case: Case) -> tuple[str, str]:
    return case.scene.view.name, case.cluster.view.id


def _with_contents(cases: Sequence[Case], sources: Sources, progress: Progress) -> tuple[Case, ...]:
    """Each depot item is looked into once, however many clusters name it."""
    made: dict[str, DepotContents] = {}
    for vcenter in sorted({case.scene.view.name for case in cases}):
        reader = sources.images.get(vcenter)
        if reader is not None:
            own = [case for case in cases if case.scene.view.name == vcenter]
            made[vcenter] = _contents(reader, own, sources.concurrency, progress)
    return tuple(replace(case, contents=made.get(case.scene.view.name, case.contents)) for case in cases)


def _contents(reader: ImageReader, cases: Sequence[Case], concurrency: int, progress: Progress) -> DepotContents:
    needs = [depot_needs(case) for case in cases]
    bases = sorted(set().union(*(base for base, _ in needs)))
    add_ons = sorted(set().union(*(add_on for _, add_on in needs)))
    images: Mapping[str, Reading[tuple[Component, ...]]] = _each(reader.base_image_contents, bases, concurrency, progress)
    parts: Mapping[tuple[str, str], Reading[AddOnContents]] = _each(
        lambda key: reader.add_on_contents(*key), add_ons, concurrency, progress
    )
    contents = DepotContents(images, parts)
    targets = [found.target for case in cases for found in find(replace(case, contents=contents))]
    items = (item for target in targets for item in items_of(target) if item.kind is ItemKind.COMPONENT)
    wanted = sorted({(item.name, item.version) for item in items})
    return replace(contents, components=_each(lambda key: reader.has_component(*key), wanted, concurrency, progress))


def _each(read: Callable[[K], T], keys: Iterable[K], concurrency: int, progress: Progress) -> dict[K, T]:
    keys = list(keys)
    progress.start(DEPOT, len(keys))
    found = {}
    for key, value in parallel.each(keys, lambda key: (key, read(key)), concurrency):
        found[key] = value
        progress.advance(DEPOT)
    return {key: found[key] for key in keys}


def _propose(case: Case, ask: Ask) -> ImageProposal:
    try:
        return propose(case, ask.choose, ask.lifetime)
    except LookupError as error:
        raise InputError(
            str(error.args[0]),
            where=case.cluster.view.name,
            hint="auditor propose CLUSTER shows the candidates with their numbers",
        ) from error


class _Unrecorded:
    """A recorder that keeps nothing."""

    def record_vcenter(self, run: int, view: VCenterView) -> None: ...

    def record_host(self, run: int, observation: HostObservation) -> None: ...


__all__ = ["Ask", "Tables", "live_cases", "propose_live", "propose_recorded"]
