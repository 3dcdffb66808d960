"""Record what runs where: collect, and keep it."""

from __future__ import annotations

from auditor.domain.snapshot import Snapshot, snapshot_of
from auditor.ports import Clock, History, Progress
from auditor.workflows.collect import Sources, collect


def snapshot(sources: Sources, history: History, clock: Clock, progress: Progress) -> Snapshot:
    """Take one snapshot. Raises ``HistoryError`` when it cannot be recorded, ``LockedError`` when another run records."""
    run = history.begin("snapshot", clock.now())
    past = history.past(before=run)
    estate = collect(sources, past, clock, progress, history, run)
    result = snapshot_of(estate, run)
    history.finish(run, clock.now(), "complete" if result.complete else "incomplete")
    return result
