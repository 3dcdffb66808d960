"""What a rollback needs of a host: to look at it, and the few acts there are, each apart from its reading back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from auditor.domain.observation import (
    Reading,
    Route,
)
from auditor.domain.rollback.control import (
    BootCfgChange,
    BootCfgWrite,
    Bundle,
    Connection,
    Evacuation,
    HostTask,
    TaskView,
)
from auditor.domain.rollback.look import Look
from auditor.domain.rollback.situation import HostSituation
from auditor.ports.basics import HostTarget

Save = Callable[[Iterable[bytes]], tuple[int, str]]
"""Keeps a file from its pieces, as they come; returns its size and SHA-256."""


class HostLooker(Protocol):
    """Looks at one host during a rollback, by SSH. A fault of the host is a `Look` with ``banks.trouble``, never an exception:
    UNREACHABLE, TIMED_OUT and CUT_OFF while it is away, DENIED for a refused password, CHANGED for another host key."""

    def look(self, target: HostTarget) -> Look:
        """Both banks, this boot's name and maintenance mode, in one connection and one login. ``connected`` is left
        unattempted: that is vCenter's to say (`HostSurroundings`)."""
        ...


class SituationReader(Protocol):
    """Fills in what one route knows of a host before a rollback. What it cannot tell becomes ``Unread`` with its reason where
    nothing was read so far, and what another route read stays. Never an exception for a fault of host or vCenter."""

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation: ...


class HostSurroundings(SituationReader, Protocol):
    """What only vCenter can say of a host. ``fill`` adds cluster, VMs, HA, vSAN, services, Quick Boot and encryption mode."""

    def connection(self, target: HostTarget) -> Reading[Connection]:
        """Whether vCenter is connected to the host. ABSENT when it does not list it. A host it is not connected to is
        reconnected by a person: nothing here does so."""
        ...


class KeyEscrow(Protocol):
    """Hands a host's recovery key to the helper command that keeps it."""

    def escrow(self, target: HostTarget) -> Reading[str]:
        """The fingerprint of the key handed over (SHA-256, hexadecimal). ABSENT: the host has no recovery key. The key itself
        goes from the host into the helper's standard input and nowhere else."""
        ...


class BankControl(Protocol):
    """Writes the one byte of a boot bank, over SSH. Each order is one compare-and-set on the host: it writes only when the host
    is exactly as the change says, and reads back. Refusals are values.

    Raises `InDoubtError` when the order may have been carried out and no answer came: look at the host. Any other
    `AuditorError`: it was not. `NotDoneError`: it reached the host, perhaps, and was never told to act; it may be given again
    after a look. `ConnectError`, `TrustError`, `DeniedError`, `ReadError`: it did not reach the host.
    """

    def arm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Write the byte: the next boot starts the other bank. A copy of the file is kept in the bank."""
        ...

    def disarm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Put back the exact bytes, and take away the copy. What the other bank holds by now does not matter."""
        ...


class HostControl(Protocol):
    """Acts on a whole host by one route. Acting and reading back are separate calls; nothing is waited for, but by the SSH
    route, whose orders end when they are carried out (then `HostTask.id` is empty).

    Raises `InDoubtError` when an order may have been carried out and no answer came, `RefusedError` with the host's or
    vCenter's own words when it was refused, `NotDoneError` when it was broken off before it was told to act, any other
    `AuditorError` when it did not arrive.
    """

    @property
    def route(self) -> Route:
        """VCENTER, HOST_API or SSH: whoever wires it chooses. Only vCenter can move VMs away."""
        ...

    def enter_maintenance(self, target: HostTarget, evacuation: Evacuation, timeout: float) -> HostTask:
        """Order maintenance mode; vSphere gives up after ``timeout`` seconds (0: never)."""
        ...

    def leave_maintenance(self, target: HostTarget, timeout: float) -> HostTask: ...

    def reboot(self, target: HostTarget, reason: str) -> HostTask:
        """Order an orderly reboot, never a forced one; refused by the host outside of maintenance mode. The answer may be lost
        with the host: `InDoubtError`."""
        ...

    def task(self, target: HostTarget, task: HostTask) -> TaskView:
        """How far an order is. One without an id is done."""
        ...

    def cancel(self, target: HostTarget, task: HostTask) -> None:
        """Ask that an order be given up; `task` tells what came of it."""
        ...

    def pending(self, target: HostTarget) -> tuple[HostTask, ...]:
        """Orders of these kinds that still run on the host, whoever gave them: asked before an order is given again."""
        ...

    def maintenance_mode(self, target: HostTarget) -> Reading[bool]: ...

    def fetch_bundle(self, target: HostTarget, save: Save) -> Bundle:
        """Have the host write its configuration bundle, and hand it to ``save``: it is a secret, and whoever fetches it puts it
        on no disk. Changes nothing but the host's saved configuration. Raises like any reading, and what
        ``save`` raises; nothing is kept then."""
        ...
