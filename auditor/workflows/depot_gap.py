"""What the depot lacks of a cluster's image, of what its hosts run, or of a proposal. Reads only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.domain.hosts import HostFacts
from auditor.domain.image import DesiredImage
from auditor.domain.observation import Unread, value_of
from auditor.domain.past import Past
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.context import DepotContents, in_depot, items_of
from auditor.domain.proposal.gap import Gap, gap_of
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.values import DepotItem, ImageProposal, ItemKind
from auditor.domain.versions import BaseImageVersion, VersionError
from auditor.errors import InputError
from auditor.ports import Clock, Progress
from auditor.workflows.collect import Sources
from auditor.workflows.propose import Ask, Tables, Unseen, live_cases


@dataclass(frozen=True, slots=True)
class ClusterGaps:
    """The items of one cluster, those that are there included. ``unread`` are hosts of which it is not known what they run:
    what they need is not among the items."""

    vcenter: str
    cluster: str
    gaps: tuple[Gap, ...]
    unread: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.present is False)

    @property
    def unknown(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.present is None)


def depot_gaps(
    sources: Sources,
    past: Past,
    tables: Tables,
    ask: Ask,
    clock: Clock,
    progress: Progress,
    proposal: ImageProposal | None = None,
    unseen: Unseen = lambda _vcenter, _why: None,
) -> tuple[ClusterGaps, ...]:
    """The gaps of the clusters asked for: of what each cluster asks for and of what would be proposed for it now; with a
    ``proposal``, of its target alone. Raises ``InputError`` when a cluster is not there, or is not the proposal's."""
    cases = live_cases(sources, past, tables, ask, clock.now(), progress, unseen)
    return tuple(_gaps(case, sources, proposal) for case in cases)


def _gaps(case: Case, sources: Sources, proposal: ImageProposal | None) -> ClusterGaps:
    if proposal is not None and case.marks is not None and case.marks.instance_uuid != proposal.instance_uuid:
        raise InputError(
            f"the proposal is for vCenter {proposal.instance_uuid}, this one is {case.marks.instance_uuid}",
            where=case.scene.view.name,
            hint=f"make a new one: auditor propose {shlex.quote(case.cluster.view.name)}",
        )
    items = sorted({item for image in _images(case, proposal) for item in items_of(image)})
    contents = _with_components(case, sources, items)
    found = tuple(gap_of(item, in_depot(item, case.depot, contents), _running(case, item)) for item in items)
    dark = () if proposal is not None else _unread(case)
    return ClusterGaps(case.scene.view.name, case.cluster.view.name, found, dark)


def _unread(case: Case) -> tuple[str, ...]:
    """Hosts of which base image, add-on or components were not read."""
    facts = ((h.name, (h.facts.base_image, h.facts.add_on, h.facts.components)) for h in case.cluster.hosts)
    return tuple(sorted(name for name, readings in facts if any(isinstance(each, Unread) for each in readings)))


def _images(case: Case, proposal: ImageProposal | None) -> Iterable[DesiredImage]:
    if proposal is not None:
        if proposal.chosen is not None:
            yield proposal.chosen.target
        return
    if case.old is not None:
        yield case.old
    chosen = propose(case).chosen
    if chosen is not None:
        yield chosen.target


def _with_components(case: Case, sources: Sources, items: Iterable[DepotItem]) -> DepotContents:
    """The contents with every component asked for: a proposal's may be others than today's candidates name."""
    reader = sources.images.get(case.scene.view.name)
    known = dict(case.contents.components)
    for item in items:
        key = (item.name, item.version)
        if item.kind is ItemKind.COMPONENT and key not in known and reader is not None:
            known[key] = reader.has_component(*key)
    return DepotContents(case.contents.base_images, case.contents.add_ons, known)


def _running(case: Case, item: DepotItem) -> tuple[str, ...]:
    """The hosts that have the item, by name."""
    return tuple(sorted(h.name for h in case.cluster.hosts if _has(h.facts, item)))


def _has(facts: HostFacts, item: DepotItem) -> bool:
    if item.kind is ItemKind.BASE_IMAGE:
        base = value_of(facts.base_image)
        try:
            return base is not None and base.version == BaseImageVersion.parse(item.version)
        except VersionError:
            return False
    if item.kind is ItemKind.ADD_ON:
        add_on = value_of(facts.add_on)
        return add_on is not None and (add_on.name, add_on.version) == (item.name, item.version)
    return any((part.name, part.version) == (item.name, item.version) for part in value_of(facts.components) or ())


__all__ = ["ClusterGaps", "depot_gaps"]
