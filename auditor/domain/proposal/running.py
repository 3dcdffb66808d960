"""Which images the hosts of a cluster run: hosts grouped by what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from auditor.domain.diagnosis.scene import ClusterScene, HostScene
from auditor.domain.image import AddOn, BaseImage, DesiredImage
from auditor.domain.observation import Depot, Read, Unread, value_of
from auditor.domain.past import PastImage
from auditor.domain.proposal.context import DepotContents, depot_key, same_version
from auditor.domain.proposal.tables import Hints
from auditor.domain.specification import specification
from auditor.domain.versions import BaseImageVersion, VersionError


@dataclass(frozen=True, slots=True)
class Running:
    """Hosts that run the same image. ``components`` are all they have, solutions aside; None where not read.
    ``own`` are those that neither base image nor add-on bring, where the depot could tell what these bring."""

    base: BaseImageVersion
    add_on: AddOn | None
    add_on_read: bool
    components: Mapping[str, str] | None
    hosts: tuple[HostScene, ...]

    @property
    def rank(self) -> tuple[BaseImageVersion, int]:
        return self.base, len(self.hosts)

    @property
    def title(self) -> str:
        add_on = f" with {self.add_on.name} {self.add_on.version}" if self.add_on else ""
        return f"{self.base.raw}{add_on}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(h.name for h in self.hosts))


def running(cluster: ClusterScene, hints: Hints) -> tuple[Running, ...]:
    """The images that run in a cluster, the newest first; among equals the one with more hosts, then by text. Hosts whose
    base image was not read are in none. A vendor's own build number counts as the usual one. Components of solutions,
    present and earlier, are no part of it: a restore takes a solution out of the image, not off the hosts."""
    earlier = (known.image for known in (cluster.past.images if cluster.past else ()))
    solved = frozenset().union(*(solution_components(image) for image in (cluster.image, *earlier)))
    groups: dict[object, Running] = {}
    for host in sorted(cluster.hosts, key=lambda h: h.name):
        base = value_of(host.facts.base_image)
        if base is None:
            continue
        version = hints.usual(base.version)
        add_on = value_of(host.facts.add_on)
        parts = _components(host, solved)
        key = (
            version,
            (add_on.name, add_on.version) if add_on else None,
            isinstance(host.facts.add_on, Read),
            None if parts is None else tuple(sorted(parts.items())),
        )
        known = groups.get(key)
        groups[key] = (
            replace(known, hosts=(*known.hosts, host))
            if known
            else Running(version, add_on, isinstance(host.facts.add_on, Read), parts, (host,))
        )
    by_text = sorted(groups.values(), key=lambda g: (g.title, g.names))
    return tuple(sorted(by_text, key=lambda g: g.rank, reverse=True))


def solution_components(image: DesiredImage | None) -> frozenset[str]:
    """The names of components that solutions own."""
    return frozenset(part.name for solution in (image.solutions if image else ()) for part in solution.components)


def _components(host: HostScene, solved: frozenset[str]) -> Mapping[str, str] | None:
    if isinstance(host.facts.components, Unread):
        return None
    return {part.name: part.version for part in host.facts.components.value if part.name not in solved}


def own_components(group: Running, contents: DepotContents, depot: Depot | None, hints: Hints) -> Mapping[str, str] | None:
    """The components of these hosts that neither their base image nor their add-on brings, by name; None where the depot
    cannot tell what those bring, or the hosts' components were not read."""
    bare = DesiredImage(BaseImage(keyed(group.base, depot, hints)), group.add_on)
    brought = contents.effective(bare)
    if isinstance(brought, Unread) or not group.components:
        return None
    return {name: version for name, version in group.components.items() if brought.value.get(name) != version}


def keyed(version: BaseImageVersion, depot: Depot | None, hints: Hints) -> BaseImageVersion:
    """A base image under the text by which the depot has it: the usual number, else a vendor's own, else as it is."""
    listed = depot.base_images if depot else ()
    if not any(same_version(version, text) for text in listed):
        for text in listed:
            with suppress(VersionError):
                if hints.usual(BaseImageVersion.parse(text)) == version:
                    return BaseImageVersion.parse(text)
    return BaseImageVersion.parse(depot_key(version, depot))


def image_of_hosts(
    group: Running, old: DesiredImage | None, contents: DepotContents, depot: Depot | None, hints: Hints
) -> DesiredImage:
    """What these hosts run, as an image for their cluster.

    Components the hosts have beside base image and add-on become the image's, since a host may not be below its image and
    never goes down (KB 320562). Choices of the image before are kept: a component it holds at a version of its own, where the
    hosts have exactly that (RETAINED), what it takes out where the hosts have it not (REMOVED, 8.0.3+), and firmware.
    """
    own = own_components(group, contents, depot, hints)
    components: dict[str, str | None] = dict(own or {})
    for name, version in (old.components if old else {}).items():
        installed = (group.components or {}).get(name)
        if own is None:
            # What the base image brings is not known: keep the choice, at the version the hosts have.
            components[name] = installed or version
        elif installed is not None and installed == version:
            components[name] = version
        elif version is None:
            components.setdefault(name, None)
    removed = tuple(name for name in (old.removed_components if old else ()) if name not in (group.components or {}))
    made = DesiredImage(
        base_image=BaseImage(keyed(group.base, depot, hints), in_depot=None),
        add_on=AddOn(group.add_on.name, group.add_on.version) if group.add_on else None,
        components={name: version for name, version in sorted(components.items()) if name not in removed},
        hardware_support=old.hardware_support if old else (),
        removed_components=removed,
    )
    return replace(made, spec=specification(made))


def runs_image(group: Running, past: PastImage, hints: Hints) -> bool:
    """Whether the hosts run an earlier image as far as it says itself: base image, add-on, and each component that it sets or
    takes out. What base image and add-on bring is `unlike`'s."""
    image = past.image
    if image.base_image is None or not group.add_on_read or image.alternatives:
        return False
    if hints.usual(image.base_image.version) != group.base or _keys(image.add_on) != _keys(group.add_on):
        return False
    if group.components is None:
        return not image.components and not image.removed_components
    on_hosts = group.components
    set_ones = all(name in on_hosts and version in {None, on_hosts[name]} for name, version in image.components.items())
    return set_ones and not any(name in on_hosts for name in image.removed_components)


def unlike(
    group: Running, image: DesiredImage, contents: DepotContents, depot: Depot | None, hints: Hints
) -> tuple[str, ...] | None:
    """The components in which hosts differ from all that an image of their base image and add-on brings; None where that
    cannot be told: the depot does not know what it brings, or the hosts' components were not read."""
    brought = contents.effective(replace(image, base_image=BaseImage(keyed(group.base, depot, hints))))
    if isinstance(brought, Unread) or not group.components:
        return None
    wanted = {name: version or group.components.get(name, "") for name, version in brought.value.items()}
    names = sorted(wanted.keys() | group.components.keys())
    return tuple(name for name in names if wanted.get(name) != group.components.get(name))


def _keys(add_on: AddOn | None) -> tuple[str, str] | None:
    return (add_on.name, add_on.version) if add_on else None


def groups_text(groups: Sequence[Running]) -> tuple[str, ...]:
    """Each group in a line."""
    return tuple(f"{group.title}: {', '.join(group.names)}" for group in groups)


__all__ = [
    "Running",
    "groups_text",
    "image_of_hosts",
    "keyed",
    "own_components",
    "running",
    "runs_image",
    "solution_components",
    "unlike",
]
