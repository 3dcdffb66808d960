"""Whether the rest of a cluster can take the VMs of the hosts that are away together.

By memory in use alone: reservations, admission control and CPU are not looked at, so a yes is a rough one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.domain.observation import Read, Reading, Reason, Unread, host_key

_GB = 1024**3


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A host of the cluster as vCenter shows it. ``memory`` is installed and ``used`` in use, in bytes, None: not shown.
    ``takes_vms``: connected and not in maintenance mode. ``empties``: no VM has to leave it before it goes away."""

    host: str
    memory: int | None
    used: int | None
    takes_vms: bool = True
    empties: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What has to move, and the room on the hosts that stay, in bytes."""

    moves: int
    free: int
    staying: int

    @property
    def enough(self) -> bool:
        """Whether there is room for what has to move."""
        return self.moves <= max(self.free, 0)

    def __str__(self) -> str:
        hosts = "1 host has" if self.staying == 1 else f"{self.staying} hosts have"
        return f"{self.moves / _GB:.0f} GB in use would move, and the {hosts} {self.free / _GB:.0f} GB free"


def room_without(loads: Sequence[HostLoad], away: Iterable[str]) -> Reading[Room]:
    """The room in the cluster of ``loads`` with the hosts ``away`` gone at once; Unread where that cannot be told."""
    gone = {host_key(host) for host in away}
    by_name = {host_key(load.host): load for load in loads}
    missing = sorted(gone - set(by_name))
    if missing:
        return Unread(Reason.ABSENT, f"vCenter does not list {', '.join(missing)} among the hosts of the cluster")
    moves = free = staying = 0
    silent = []
    for name, load in by_name.items():
        if name in gone:
            if load.empties:
                continue
            if load.used is None:
                return Unread(Reason.ABSENT, f"vCenter does not show how much memory {name} uses")
            moves += load.used
        elif load.takes_vms:
            staying += 1
            if load.used is None or load.memory is None:
                silent.append(name)
            else:
                free += load.memory - load.used
    room = Room(moves, free, staying)
    if silent and not room.enough:
        return Unread(Reason.ABSENT, f"vCenter does not show how much memory is free on {', '.join(sorted(silent))}")
    return Read(room)


__all__ = ["HostLoad", "Room", "room_without"]
