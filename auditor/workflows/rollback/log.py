"""One host's hand on the journal of an operation."""

from __future__ import annotations

from auditor.domain.journal import Entry, Phase
from auditor.domain.rollback.journal import END, HostJournal, Step, Terminal, end_data
from auditor.ports import Clock, Journal


class HostLog:
    """Writes one host's entries; every one is on disk when the call returns."""

    def __init__(self, journal: Journal, operation: int, host: str, clock: Clock) -> None:
        self._journal, self.operation, self.host, self._clock = journal, operation, host, clock

    def entries(self) -> tuple[Entry, ...]:
        """The whole operation's, as it is now."""
        return self._journal.entries(self.operation)

    def read(self) -> HostJournal:
        """This host's part."""
        return HostJournal.of(self.host, self.entries())

    def intend(self, step: Step, **data: str) -> None:
        self._write(step.value, Phase.INTENT, data)

    def done(self, step: Step, **data: str) -> None:
        self._write(step.value, Phase.DONE, data)

    def failed(self, step: Step, why: str, **data: str) -> None:
        self._write(step.value, Phase.FAILED, {"why": why, **data})

    def note(self, step: Step, **data: str) -> None:
        self._write(step.value, Phase.NOTE, data)

    def end(self, terminal: Terminal, why: str, *, maintenance: bool | None, armed: bool | None) -> None:
        """Close the host, unless it is closed with the same words already."""
        if self.read().ended != (terminal, why):
            left = {"maintenance_mode": _tri(maintenance), "armed": _tri(armed)}
            self._write(END, Phase.DONE, {**end_data(terminal, why), **left})

    def _write(self, step: str, phase: Phase, data: dict[str, str]) -> None:
        self._journal.write(self.operation, self.host, step, phase, self._clock.now(), data)


def _tri(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


__all__ = ["HostLog"]
