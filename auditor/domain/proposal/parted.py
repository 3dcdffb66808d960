"""A cluster with a composite image, part by part: which hosts are whose, what they run, and what each part would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from auditor.domain import composite
from auditor.domain.image import BaseImage, DesiredImage
from auditor.domain.observation import value_of
from auditor.domain.past import PastImage
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.running import Running, image_of_hosts, keyed, own_components, running, runs_image, unlike
from auditor.domain.specification import SpecificationError
from auditor.domain.versions import BaseImageVersion
from auditor.domain.wording import few


@dataclass(frozen=True)
class Parted:
    """``old`` are the parts of the present image by id, ``groups`` what the hosts of each part run, the newest first. Hosts
    whose part is not known are in ``unknown``: nothing is concluded from them but their base image."""

    case: Case
    image_now: DesiredImage
    old: Mapping[str, DesiredImage]
    groups: Mapping[str, tuple[Running, ...]]
    unknown: tuple[Running, ...]

    @staticmethod
    def of(case: Case, image: DesiredImage) -> Parted:
        """Raises ``SpecificationError`` when the parts of the image are not understood."""
        old = composite.parts(image)
        hosts = case.cluster.hosts
        own = {host.listed.id: case.cluster.part_of(host) for host in hosts}

        def group(part: str | None) -> tuple[Running, ...]:
            members = tuple(host for host in hosts if own[host.listed.id] == part)
            return running(replace(case.cluster, hosts=members), case.hints)

        strange = {part for part in own.values() if part is not None and part not in old}
        unknown = (each for part in (None, *sorted(strange)) for each in group(part))
        return Parted(case, image, old, {part: group(part) for part in old}, tuple(unknown))

    @property
    def all(self) -> tuple[Running, ...]:
        return (*(group for groups in self.groups.values() for group in groups), *self.unknown)

    @property
    def by_base(self) -> Mapping[BaseImageVersion, tuple[str, ...]]:
        """The hosts by the base image they run."""
        found: dict[BaseImageVersion, list[str]] = {}
        for group in self.all:
            found.setdefault(group.base, []).extend(group.names)
        return {base: tuple(sorted(hosts)) for base, hosts in found.items()}

    @property
    def uniform(self) -> bool:
        """Whether the hosts of each part run one image."""
        return not self.unknown and all(len(groups) <= 1 for groups in self.groups.values())

    def speaker(self, part: str, base: BaseImageVersion) -> Running | None:
        """The hosts by which a part is raised: of its hosts on that base image the most. An add-on that was not read is no
        add-on that is not there, so hosts without it tell nothing."""
        fitting = [group for group in self.groups[part] if group.base == base and group.add_on_read]
        return max(fitting, key=lambda group: (len(group.hosts), group.title, group.names), default=None)

    def image(self, base: BaseImageVersion) -> DesiredImage:
        """The composite image on a base image: each part as its hosts run it. A part of which no host does stays as it is."""
        depot, contents, hints = value_of(self.case.depot), self.case.contents, self.case.hints
        version = keyed(base, depot, hints)
        made = {}
        for part, old in self.old.items():
            group = self.speaker(part, base)
            own = old if group is None else image_of_hosts(group, old, contents, depot, hints)
            made[part] = replace(own, base_image=BaseImage(version), solutions=())
        return composite.composed(self.image_now, made)

    def kept(self, base: BaseImageVersion) -> tuple[str, ...]:
        """The names of the parts of which nothing is known but the base image."""
        names = composite.names(self.image_now)
        return tuple(names[part] for part in self.old if self.speaker(part, base) is None)

    def told(self, base: BaseImageVersion) -> Iterable[str]:
        """For each part, by which hosts it is raised, or that it stays."""
        names = composite.names(self.image_now)
        for part in self.old:
            group = self.speaker(part, base)
            if group is None:
                yield f"{names[part]}: add-on and components stay; no host of it on that base image was read"
            else:
                rest = [other.title for other in self.groups[part] if other is not group]
                beside = f", beside {few(rest)}" if rest else ""
                yield f"{names[part]}: {group.title}, as {', '.join(group.names)} {_runs(group)}{beside}"
        if self.unknown:
            hosts = sorted(name for group in self.unknown for name in group.names)
            yield f"not known which part is theirs: {', '.join(hosts)}"

    def guessed(self, base: BaseImageVersion) -> bool:
        """Whether the components of some part could not be told apart from what base image and add-on bring."""
        depot, contents, hints = value_of(self.case.depot), self.case.contents, self.case.hints
        speakers = (self.speaker(part, base) for part in self.old)
        return any(group is not None and own_components(group, contents, depot, hints) is None for group in speakers)

    def group(self, base: BaseImageVersion) -> Running:
        """All hosts on a base image."""
        hosts = tuple(host for group in self.all if group.base == base for host in group.hosts)
        return Running(base, None, add_on_read=False, components=None, hosts=hosts)

    def runs(self, base: BaseImageVersion, known: PastImage) -> bool:
        """Whether every host on that base image runs its own part of an earlier composite image."""
        try:
            parts = composite.parts(known.image)
        except SpecificationError:
            return False
        here = {part: [group for group in groups if group.base == base] for part, groups in self.groups.items()}
        return (
            any(here.values())
            and parts.keys() == self.old.keys()
            and not any(group.base == base for group in self.unknown)
            and all(
                runs_image(group, replace(known, image=parts[part]), self.case.hints)
                for part, groups in here.items()
                for group in groups
            )
        )

    def unlike(self, base: BaseImageVersion, known: PastImage) -> tuple[str, ...] | None:
        """The components in which hosts on that base image differ from all that their part of an earlier image brings; None
        where that cannot be told of one."""
        parts, depot = composite.parts(known.image), value_of(self.case.depot)
        found: set[str] = set()
        for part, groups in self.groups.items():
            for group in groups:
                other = unlike(group, parts[part], self.case.contents, depot, self.case.hints) if group.base == base else ()
                if other is None:
                    return None
                found |= {*other}
        return tuple(sorted(found))


def _runs(group: Running) -> str:
    return "runs" if len(group.names) == 1 else "run"


__all__ = ["Parted"]
