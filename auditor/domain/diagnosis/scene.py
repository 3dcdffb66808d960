"""What the rules look at: one vCenter's view joined with the hosts' own words and with history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.domain.assessment import HostState, LayerDrift
from auditor.domain.composite import DEFAULT, part_of
from auditor.domain.diagnosis.restore import Rewind
from auditor.domain.findings import Subject, SubjectKind
from auditor.domain.hosts import HostFacts
from auditor.domain.image import DesiredImage
from auditor.domain.observation import ClusterView, InventoryHost, Read, VCenterView, value_of
from auditor.domain.past import PastCluster


@dataclass(frozen=True, slots=True)
class HostScene:
    """A host of the inventory, what it says itself, and how it compares with its cluster's image."""

    listed: InventoryHost
    facts: HostFacts
    state: HostState
    layers: tuple[LayerDrift, ...]
    label: str = ""

    @property
    def name(self) -> str:
        return self.listed.name


@dataclass(frozen=True, slots=True)
class ClusterScene:
    """A cluster, its hosts, and what history knows of it."""

    view: ClusterView
    hosts: tuple[HostScene, ...]
    past: PastCluster | None
    state: HostState

    def subject(self, vcenter: VCenterView) -> Subject:
        return Subject(SubjectKind.CLUSTER, self.view.name, vcenter.name, self.view.id)

    @property
    def image(self) -> DesiredImage | None:
        return value_of(self.view.image)

    def part_of(self, host: HostScene) -> str | None:
        """The part of a composite image that is this host's: its id, empty for the default one; None: not known."""
        said = value_of(self.view.compliance)
        verdict = said.of(host.listed.id) if said else None
        return part_of(self.image, host.listed, verdict) if self.image else DEFAULT


@dataclass(frozen=True, slots=True)
class Scene:
    """One vCenter with everything joined. ``releases`` are the versions and builds it has and had, as far as history knows."""

    view: VCenterView
    clusters: tuple[ClusterScene, ...]
    standalone: tuple[HostScene, ...]
    rewind: Rewind | None
    releases: tuple[tuple[str, str], ...] = ()

    @property
    def hosts(self) -> Iterable[HostScene]:
        for cluster in self.clusters:
            yield from cluster.hosts
        yield from self.standalone


def runs_text(host: HostScene) -> str:
    """What a host runs, in one line: base image or product, label, add-on."""
    facts = host.facts
    if isinstance(facts.base_image, Read):
        text = facts.base_image.value.version.raw
    elif isinstance(facts.product, Read):
        text = f"{facts.product.value.version} build {facts.product.value.build}"
    else:
        return "unknown"
    if host.label:
        text = f"{text} ({host.label})"
    add_on = value_of(facts.add_on)
    return f"{text} with {add_on.name} {add_on.version}" if add_on else text


def groups(hosts: Sequence[HostScene]) -> list[tuple[str, list[HostScene]]]:
    """Hosts by what they run, the most common first."""
    by_text: dict[str, list[HostScene]] = defaultdict(list)
    for host in hosts:
        by_text[runs_text(host)].append(host)
    return sorted(by_text.items(), key=lambda item: (-len(item[1]), item[0]))


def names(hosts: Iterable[HostScene]) -> tuple[str, ...]:
    return tuple(sorted(h.name for h in hosts))
