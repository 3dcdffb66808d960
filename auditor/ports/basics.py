"""What every port speaks of: the time, what is being done, and where a host is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias


class Clock(Protocol):
    """Tells the time: aware, UTC."""

    def now(self) -> datetime: ...


class Progress(Protocol):
    """Told what is being done, from any thread. ``start`` names a phase and how many steps it has (None: unknown)."""

    def start(self, phase: str, total: int | None) -> None: ...

    def advance(self, phase: str, note: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class HostTarget:
    """A host to be read directly: its name in the inventory or the configuration, and where to reach it."""

    name: str
    address: str
    port: int
    vcenter: str = ""  # the vCenter's name in the configuration; empty for a host that was only configured


Told: TypeAlias = Callable[[int, str], None]
"""Told how far a task is: percent, and what it is doing in vCenter's words."""
