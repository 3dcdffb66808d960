"""The journal of a rollback: per host and step, what was intended and what came of it. Append only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Step(StrEnum):
    """The steps of one host, in order; DISARM stands outside the order and only ever undoes ARM."""

    LOOK = "look"
    """All facts again, against the plan."""
    MAINTENANCE = "maintenance"
    BACKUP = "backup"
    """Configuration bundle and both boot.cfg, fetched and hashed."""
    ARM = "arm"
    """The one byte (unattended only)."""
    REBOOT = "reboot"
    """Orderly, never forced. Guided: the card for the person at the console is handed over."""
    WATCH = "watch"
    CONNECT = "connect"
    """vCenter is connected to the host again."""
    CHECKS = "checks"
    LEAVE_MAINTENANCE = "leave-maintenance"
    VERIFY = "verify"
    """A fresh observation of the whole host."""
    DISARM = "disarm"
    """The exact bytes from before ARM."""


class Event(StrEnum):
    """What an entry says of its step. ENDED closes the host and has no step."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    ENDED = "ended"


class Terminal(StrEnum):
    """How a host ended. Anything but ROLLED_BACK stops the wave."""

    ROLLED_BACK = "ROLLED_BACK"
    FELL_BACK = "FELL_BACK"
    """It came up from the bank it was on before."""
    NOT_RETURNED = "NOT_RETURNED"
    RETURNED_UNHEALTHY = "RETURNED_UNHEALTHY"
    """It came up from the other bank, or lets nobody in, and something is not as it must be."""
    ABORTED = "ABORTED"
    """Stopped before the reboot, with both banks as they were found."""
    INCONSISTENT = "INCONSISTENT"
    """What was seen fits neither the plan nor the journal, or could not be looked at: a person must look."""

    @property
    def final(self) -> bool:
        """Nothing more is done. The others can be looked at again by ``resume``, which a person starts."""
        return self in {Terminal.ROLLED_BACK, Terminal.FELL_BACK, Terminal.ABORTED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. ``facts`` are names and texts: hashes, the boot's id, what was read back. Never a secret."""

    host: str
    at: datetime
    event: Event
    step: Step | None = None
    words: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    terminal: Terminal | None = None


@dataclass(frozen=True, slots=True)
class HostJournal:
    """One host's entries, oldest first, and the questions the machine asks of them."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, host: str, entries: Iterable[Entry]) -> HostJournal:
        """The entries of one host out of a plan's journal."""
        return cls(tuple(entry for entry in entries if entry.host == host))

    @property
    def ended(self) -> Entry | None:
        """The newest ENDED entry; None when there is none or something was written after it."""
        newest = self.entries[-1] if self.entries else None
        return newest if newest is not None and newest.event is Event.ENDED else None

    def intended(self, step: Step) -> tuple[Entry, ...]:
        """Every intention of a step, oldest first."""
        return self._of(step, Event.INTENDED)

    def done(self, step: Step) -> bool:
        """Whether the step was done: once is for ever."""
        return bool(self._of(step, Event.DONE))

    def failed(self, *steps: Step, since_end: bool = False) -> Entry | None:
        """The newest failure of one of these steps (none given: of any); ``since_end``: since the host was last closed."""
        start = 0
        if since_end:
            ends = [index for index, entry in enumerate(self.entries) if entry.event is Event.ENDED]
            start = ends[-1] + 1 if ends else 0
        for entry in reversed(self.entries[start:]):
            if entry.event is Event.FAILED and (not steps or entry.step in steps):
                return entry
        return None

    def _of(self, step: Step, event: Event) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.step is step and entry.event is event)


__all__ = ["Entry", "Event", "HostJournal", "Step", "Terminal"]
