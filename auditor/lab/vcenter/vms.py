"""Virtual machines of a simulated vCenter: enough to stand in the way of maintenance mode."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Pinned(StrEnum):
    """Why a VM cannot be moved to another host."""

    NO = ""
    PASSTHROUGH = "passthrough"
    """It has a PCI device of its host."""
    LOCAL = "local-datastore"
    """Its disks are where no other host sees them."""
    MANUAL = "manual"
    """DRS may not move it; a person could."""


@dataclass
class LabVm:
    """One VM. ``host`` is the name of the host it is registered on; ``vcenter`` marks vCenter's own appliance."""

    moid: str
    name: str
    host: str
    running: bool = True
    pinned: Pinned = Pinned.NO
    vcenter: bool = False


__all__ = ["LabVm", "Pinned"]
