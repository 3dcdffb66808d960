"""What remembers: the history of what was seen, and the journal of what was done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.observation import (
    Estate,
    HostObservation,
    VCenterView,
)
from auditor.domain.past import Past
from auditor.domain.settings.past import PastSettings
from auditor.domain.settings.values import HostSettings


class Recorder(Protocol):
    """Takes what a run reads, as it comes. Called from one thread."""

    def record_vcenter(self, run: int, view: VCenterView) -> None: ...

    def record_host(self, run: int, observation: HostObservation) -> None: ...


class History(Recorder, Protocol):
    """The record outside vCenter."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def beside(self) -> str:
        """That the run waits beside the history to be taken in, and why, in a sentence; empty otherwise."""
        ...

    def record_settings(self, run: int, settings: Iterable[HostSettings]) -> None:
        """Record hosts' settings, also those that could not be read."""
        ...

    def settings(self, host: str, vcenter: str | None = None) -> Sequence[PastSettings]:
        """What is recorded of a host's settings, for each vCenter it is known in (``vcenter``: only that one)."""
        ...

    def new_documents(self, run: int) -> int:
        """How many answers run ``run`` was the first to record."""
        ...

    def begin(self, kind: str, at: datetime) -> int:
        """Open a run ("snapshot", "audit", or "window": nothing but boot banks) and return its id, 0 while it has
        none. It stays marked unfinished until ``finish``."""
        ...

    def finish(self, run: int, at: datetime, outcome: str) -> None: ...

    def past(self, before: int | None = None) -> Past:
        """What the finished and unfinished runs before run ``before`` recorded (None: all)."""
        ...

    def estate(self, at: datetime | None = None) -> tuple[int, Estate]:
        """The newest run's id and view, or the newest at or before ``at``. Raises ``HistoryError`` if there is none."""
        ...

    def runs(self) -> Iterator[RunRecord]: ...


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as history has it. ``finished`` is None for a run that is running or was killed."""

    id: int
    kind: str
    started: datetime
    finished: datetime | None
    outcome: str
    hosts: int
    unseen: int


class Journal(Protocol):
    """The journal of write operations. Every ``write`` is on disk when it returns: it may be the last thing we do."""

    def open(
        self,
        kind: str,
        subjects: Sequence[str],
        *,
        document: str,
        digest: str,
        operator: str,
        ticket: str,
        at: datetime,
    ) -> int:
        """Begin an operation and return its number. Raises ``LockedError`` when one of the subjects has an operation that
        another process is carrying out, or an unfinished one that must be resumed or abandoned first."""
        ...

    def resume(self, operation: int) -> Operation:
        """Take over an unfinished operation. Raises ``LockedError`` while another process is carrying it out, and
        ``RefusedError`` when it is finished."""
        ...

    def write(
        self, operation: int, subject: str, step: str, phase: Phase, at: datetime, data: Mapping[str, str] | None = None
    ) -> Entry: ...

    def entries(self, operation: int) -> tuple[Entry, ...]: ...

    def operation(self, operation: int) -> Operation: ...

    def operations(self, kind: str | None = None, *, unfinished: bool = False) -> tuple[Operation, ...]: ...

    def close_operation(self, operation: int, outcome: str, at: datetime) -> None:
        """Finish an operation with its outcome in a word, and let go of it."""
        ...
