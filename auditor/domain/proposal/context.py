"""What a proposal looks at beyond an audit's view: the depot's contents, vCenter's own advice, who owns the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.domain.composite import all_parts
from auditor.domain.image import AddOn, Component, DesiredImage
from auditor.domain.observation import NOT_ATTEMPTED, Depot, Read, Reading, Unread, value_of
from auditor.domain.proposal.actors import ScheduledTask
from auditor.domain.proposal.values import DepotItem, ItemKind
from auditor.domain.versions import BaseImageVersion, VersionError


@dataclass(frozen=True, slots=True)
class AddOnContents:
    """What an add-on brings, and which components of the base image it takes out."""

    components: tuple[Component, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An image vCenter recommended when it was last asked to. ``label`` is the series; ``checked`` when it was made."""

    label: str
    image: DesiredImage
    checked: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClusterExtras:
    """What vCenter says of one cluster that an audit does not ask. ``owner`` read as None: nobody but vCenter's users.
    ``orphans`` are VIBs no component accounts for, "name(version)", with the hosts' ids, as the last extraction saw them.
    ``scheduled`` are all scheduled tasks of the vCenter that the account sees; ``auto_remediation`` tells whether hosts that
    are added to the cluster are remediated without being asked for (9.1)."""

    owner: Reading[str | None] = NOT_ATTEMPTED
    recommendations: Reading[tuple[Recommendation, ...]] = NOT_ATTEMPTED
    orphans: Reading[tuple[tuple[str, tuple[str, ...]], ...]] = NOT_ATTEMPTED
    scheduled: Reading[tuple[ScheduledTask, ...]] = NOT_ATTEMPTED
    auto_remediation: Reading[bool] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class DepotContents:
    """What the depot says is inside the items asked for: components of base images by version, of add-ons by name and
    version, and whether it has a component of that name and version. ABSENT: the depot does not have it."""

    base_images: Mapping[str, Reading[tuple[Component, ...]]] = field(default_factory=dict)
    add_ons: Mapping[tuple[str, str], Reading[AddOnContents]] = field(default_factory=dict)
    components: Mapping[tuple[str, str], Reading[bool]] = field(default_factory=dict)

    def effective(self, image: DesiredImage) -> Reading[Mapping[str, str]]:
        """Every component that hosts on this image get, by name, solutions aside: the add-on over the base image, the
        user's components over both, and without what is taken out (SDK ``SoftwareSpec``). A version of "" is vLCM's pick."""
        if image.base_image is None:
            return NOT_ATTEMPTED
        base = self.base_images.get(image.base_image.version.raw, NOT_ATTEMPTED)
        if isinstance(base, Unread):
            return base
        found = {part.name: part.version for part in base.value}
        if image.add_on is not None:
            add_on = self.add_ons.get((image.add_on.name, image.add_on.version), NOT_ATTEMPTED)
            if isinstance(add_on, Unread):
                return add_on
            for name in add_on.value.removed:
                found.pop(name, None)
            found |= {part.name: part.version for part in add_on.value.components}
        for name, version in image.components.items():
            found[name] = version or found.get(name, "")
        for name in image.removed_components:
            found.pop(name, None)
        return Read(found)


def depot_key(version: BaseImageVersion, depot: Depot | None) -> str:
    """The text the depot knows a base image by: 9.0.x was seen with a hyphen and with a dot (field note, vlcm c1). Without
    it in the depot, the text as read."""
    return next((text for text in (depot.base_images if depot else ()) if same_version(version, text)), version.raw)


def same_version(version: BaseImageVersion, text: str) -> bool:
    """Whether a depot's text names this version."""
    try:
        return BaseImageVersion.parse(text) == version
    except VersionError:
        return text.strip() == version.raw


def items_of(image: DesiredImage) -> Iterable[DepotItem]:
    """What an image needs from the depot, with all its parts, each item once. A component without a version comes with base
    image or add-on."""
    found: dict[DepotItem, None] = {}
    if image.base_image is not None:
        found[DepotItem(ItemKind.BASE_IMAGE, "", image.base_image.version.raw)] = None
    for part in all_parts(image):
        if part.add_on is not None:
            found[_add_on_item(part.add_on)] = None
        for name, version in sorted(part.components.items()):
            if version:
                found[DepotItem(ItemKind.COMPONENT, name, version)] = None
    return tuple(found)


def _add_on_item(add_on: AddOn) -> DepotItem:
    return DepotItem(ItemKind.ADD_ON, add_on.name, add_on.version)


def in_depot(item: DepotItem, depot: Reading[Depot], contents: DepotContents) -> bool | None:
    """Whether the depot has an item; None where that could not be read."""
    if item.kind is ItemKind.COMPONENT:
        return value_of(contents.components.get((item.name, item.version), NOT_ATTEMPTED))
    listed = value_of(depot)
    if listed is None:
        return None
    if item.kind is ItemKind.ADD_ON:
        return (item.name, item.version) in listed.add_ons
    try:
        version = BaseImageVersion.parse(item.version)
    except VersionError:
        return item.version in listed.base_images
    return any(same_version(version, text) for text in listed.base_images)


__all__ = [
    "AddOnContents",
    "ClusterExtras",
    "DepotContents",
    "Recommendation",
    "depot_key",
    "in_depot",
    "items_of",
    "same_version",
]
