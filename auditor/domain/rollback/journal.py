"""One host's part of the journal of write operations (`auditor.domain.journal`), read as the steps of a rollback.

An entry's subject is the host, its step a `Step`. A host is closed by an entry of step `END`, phase DONE, whose data holds
``terminal`` and ``why``; a failure's data holds ``why``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.domain.journal import Entry, Phase
from auditor.domain.observation import host_key


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


END = "end"


def end_data(terminal: Terminal, why: str) -> Mapping[str, str]:
    """The data of the entry that closes a host."""
    return {"terminal": terminal.value, "why": why}


@dataclass(frozen=True, slots=True)
class HostJournal:
    """One host's entries, oldest first, and the questions the machine asks of them."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, host: str, entries: Iterable[Entry]) -> HostJournal:
        """The entries of one host out of an operation's journal. Notes are left out: they report no act."""
        own = (entry for entry in entries if host_key(entry.subject) == host_key(host) and entry.phase is not Phase.NOTE)
        return cls(tuple(sorted(own, key=lambda entry: entry.seq)))

    @property
    def ended(self) -> tuple[Terminal, str] | None:
        """How and why the host was closed; None when it is open, or something was written after its close."""
        newest = self.entries[-1] if self.entries else None
        if newest is None or newest.step != END:
            return None
        return Terminal(newest.data.get("terminal", Terminal.INCONSISTENT)), newest.data.get("why", "")

    @property
    def last_end(self) -> datetime | None:
        """When the host was last closed."""
        return next((entry.at for entry in reversed(self.entries) if entry.step == END), None)

    def intended(self, step: Step) -> tuple[Entry, ...]:
        """Every intention of a step, oldest first."""
        return self._of(step, Phase.INTENT)

    def done(self, step: Step) -> bool:
        """Whether the step was done: once is for ever."""
        return bool(self._of(step, Phase.DONE))

    def last_done(self, step: Step) -> datetime | None:
        """When the step was last done; None: never."""
        found = self._of(step, Phase.DONE)
        return found[-1].at if found else None

    def failed(self, *steps: Step, since_end: bool = False) -> tuple[Step, str] | None:
        """The newest failure of one of these steps (none given: of any) and why; ``since_end``: since the last close."""
        for entry in reversed(self.entries):
            if since_end and entry.step == END:
                return None
            if entry.phase is Phase.FAILED and entry.step in set(steps or Step):
                return Step(entry.step), entry.data.get("why", "")
        return None

    def _of(self, step: Step, phase: Phase) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.step == step and entry.phase is phase)


__all__ = ["END", "HostJournal", "Step", "Terminal", "end_data"]
