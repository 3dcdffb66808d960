"""The main job: collect, record, compare, diagnose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from auditor.domain.accepted import Entry
from auditor.domain.assess import assess
from auditor.domain.assessment import Assessment, Source
from auditor.domain.observation import HostObservation, VCenterView
from auditor.domain.past import Past
from auditor.domain.releases import ReleaseTable
from auditor.errors import AuditorError, HistoryError, LockedError
from auditor.ports import Clock, History, Progress
from auditor.workflows.collect import Sources, collect


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The assessment, and why it could not be recorded, if it could not. In an incident the answer is worth more than its
    record, so a broken history never costs the report; but it is never silent either."""

    assessment: Assessment
    not_recorded: AuditorError | None = None


def audit(
    sources: Sources,
    history: History | AuditorError,
    releases: ReleaseTable,
    clock: Clock,
    progress: Progress,
    accepted: Sequence[Entry] = (),
) -> AuditResult:
    """Audit the estate as it is now. ``history`` may be the reason why there is none; ``accepted`` differences are no
    findings until they expire."""
    at = clock.now()
    recorder = _Recorder(history, at)
    estate = collect(sources, recorder.past, at, progress, recorder, recorder.run)
    assessment = assess(estate, recorder.past, releases, run=recorder.run or None, accepted=accepted)
    recorder.finish(clock.now(), assessment.verdict.value)
    if recorder.error is not None:
        compared = "; it was compared with what history has" if recorder.past.readable else " or compared with history"
        line = f"This run could not be recorded{compared}: {recorder.error.what}."
        assessment = replace(assessment, run=None, limits=(line, *assessment.limits))
    elif recorder.beside:
        assessment = replace(assessment, beside=True, limits=(recorder.beside, *assessment.limits))
    return AuditResult(assessment, recorder.error)


def audit_history(
    history: History, releases: ReleaseTable, at: datetime | None = None, accepted: Sequence[Entry] = ()
) -> Assessment:
    """Audit the newest recorded view, or the newest at or before ``at``, without contacting anything. Raises
    ``HistoryError`` when there is none."""
    run, estate = history.estate(at)
    found = assess(estate, history.past(before=run), releases, source=Source.HISTORY, run=run, accepted=accepted)
    return replace(found, limits=(history.beside, *found.limits)) if history.beside else found


class _Recorder:
    """The history as one audit uses it: after its first fault it records nothing more and remembers that fault."""

    def __init__(self, history: History | AuditorError, at: datetime) -> None:
        self._history = history
        self.error: AuditorError | None = None
        self.run = 0
        self.past = Past(readable=False)

        def begin(history: History) -> None:
            self.run = history.begin("audit", at)

        self._keep(begin)
        if not isinstance(history, AuditorError):
            # A full disk or a file that may not be written can still be read, and a restore is seen by nothing else.
            # What cannot be read may still be recorded beside the history.
            with suppress(LockedError):
                self.past = self._read(history)

    @property
    def beside(self) -> str:
        return "" if isinstance(self._history, AuditorError) else self._history.beside

    def _read(self, history: History) -> Past:
        try:
            return history.past(None if self.error else self.run)
        except HistoryError as error:
            self.error = self.error or error
            return self.past

    def record_vcenter(self, run: int, view: VCenterView) -> None:
        self._keep(lambda history: history.record_vcenter(run, view))

    def record_host(self, run: int, observation: HostObservation) -> None:
        self._keep(lambda history: history.record_host(run, observation))

    def finish(self, at: datetime, outcome: str) -> None:
        self._keep(lambda history: history.finish(self.run, at, outcome))

    def _keep(self, write: Callable[[History], None]) -> None:
        if isinstance(self._history, AuditorError):
            self.error = self._history
        if self.error is None and not isinstance(self._history, AuditorError):
            try:
                write(self._history)
            except (HistoryError, LockedError) as error:
                self.error = error
