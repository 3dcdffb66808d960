"""Record what runs where: collect, and keep it."""

from __future__ import annotations

from auditor.domain.snapshot import SnapshotSummary, summarise
from auditor.ports import Clock, History, Progress
from auditor.workflows.collect import Sources, collect


def snapshot(sources: Sources, history: History, clock: Clock, progress: Progress) -> SnapshotSummary:
    """Take one snapshot. Raises ``HistoryError`` when it cannot be recorded, ``LockedError`` when another process
    keeps the history locked."""
    at = clock.now()
    run = history.begin("snapshot", at)
    past = history.past(before=run)
    estate = collect(sources, past, at, progress, history, run)
    summary = summarise(estate, run=run, history=history.place, new_documents=history.new_documents(run))
    history.finish(run, clock.now(), "complete" if summary.complete else "incomplete")
    return summary
