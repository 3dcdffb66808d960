"""What the depot lacks, and each way to get it, in the order to try them (field note, vlcm f3; KB 313266)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.domain.image import DesiredImage
from auditor.domain.observation import Depot, Reading
from auditor.domain.proposal.context import DepotContents, in_depot, items_of
from auditor.domain.proposal.values import DepotItem, ItemKind


class WayKind(StrEnum):
    """How an item can come into the depot."""

    SYNC = "sync"
    BUNDLE_PULL = "offline-bundle-pull"
    BUNDLE_PUSH = "offline-bundle-push"
    FROM_HOST = "from-host"


@dataclass(frozen=True, slots=True)
class Way:
    """One way. ``footprint`` says what it touches; ``note`` what to know first."""

    kind: WayKind
    how: str
    footprint: str
    note: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """One item of the depot. ``present`` None: the depot could not be asked. ``running`` are hosts that run it."""

    item: DepotItem
    present: bool | None
    running: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


def missing_items(image: DesiredImage, depot: Reading[Depot], contents: DepotContents) -> tuple[DepotItem, ...]:
    """What an image names and the depot is known to lack. By the depot's own list; where that was not read, by vLCM's
    missing ``details``."""
    found = []
    for item in items_of(image):
        present = in_depot(item, depot, contents)
        if present is None:
            present = _by_details(image, item)
        if present is False:
            found.append(item)
    return tuple(found)


def _by_details(image: DesiredImage, item: DepotItem) -> bool | None:
    if item.kind is ItemKind.BASE_IMAGE and image.base_image is not None:
        return image.base_image.in_depot
    if item.kind is ItemKind.ADD_ON and image.add_on is not None:
        return image.add_on.in_depot
    return None


def gap_of(item: DepotItem, present: bool | None, running: tuple[str, ...]) -> Gap:
    """One item with its ways; without any when the depot has it."""
    return Gap(item, present, running, () if present else ways(item, running))


def ways(item: DepotItem, running: tuple[str, ...]) -> tuple[Way, ...]:
    """Each way to get an item into the depot, the least invasive first. ``running`` are hosts that run it."""
    vendor = "the vendor's" if item.kind is ItemKind.ADD_ON else "Broadcom's or the vendor's"
    bundle = f"{vendor} offline bundle (-depot.zip; an ISO cannot be imported) that holds {item}"
    found = [
        Way(
            WayKind.SYNC,
            "synchronise the depots in vCenter (Lifecycle Manager, Actions, Sync Updates)",
            "vCenter's depot only; needs internet access and a download token, or UMDS, which replaces the online depots",
        ),
        Way(
            WayKind.BUNDLE_PULL,
            f"let vCenter fetch {bundle} from an http or https address it can reach: auditor depot import URL",
            "vCenter's depot only",
            "look inside first: auditor depot inspect ZIP",
        ),
        Way(
            WayKind.BUNDLE_PUSH,
            f"upload {bundle}: auditor depot import ZIP, or in vCenter: Actions, Import Updates",
            "vCenter's depot only; a bundle that is there already counts as done",
        ),
    ]
    if running:
        found.append(
            Way(
                WayKind.FROM_HOST,
                f"as the last resort let vCenter build it from a host that runs it: {', '.join(running[:5])}",
                "writes on that host's disk (/var/vmware/lifecycle/hostSeed) and loads it while the depot is built",
                "KB 313266: impossible for a host installed from a vendor's image and updated since: reserved VIBs not cached; "
                "from 9.1 the policy skip_reserved_vibs_caching has the same effect",
                running,
            )
        )
    return tuple(found)


__all__ = ["Gap", "Way", "WayKind", "gap_of", "missing_items", "ways"]
