"""Record what runs where, and how hosts are set up: collect, and keep it.

Settings are read here and not by an audit: they are wanted as of some time before a rollback, and an audit in an incident has
to be fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from auditor import parallel
from auditor.domain.accepted import Entry
from auditor.domain.observation import EXCLUDED, Reason, Route, Unread, VCenterView, value_of
from auditor.domain.past import Past
from auditor.domain.snapshot import SnapshotSummary, summarise
from auditor.domain.wording import count
from auditor.errors import LockedError
from auditor.ports import Clock, History, Progress
from auditor.workflows.collect import Sources, collect


def snapshot(
    sources: Sources, history: History, clock: Clock, progress: Progress, accepted: Sequence[Entry] = ()
) -> SnapshotSummary:
    """Take one snapshot; ``accepted`` are the gaps somebody answers for.

    Raises ``HistoryError`` when it cannot be recorded."""
    at = clock.now()
    run = history.begin("snapshot", at)
    past = Past(readable=False)
    with suppress(LockedError):  # what cannot be read for now may still be recorded beside it
        past = history.past(before=run)
    estate = collect(sources, past, at, progress, history, run)
    history.record_settings(run, sources.own_settings())
    late = {view.name: _record_settings(sources, view, history, run, progress) for view in estate.vcenters}
    new = history.new_documents(run)
    summary = summarise(estate, run=run or None, history=history.place, new_documents=new, accepted=accepted, late=late)
    history.finish(run, clock.now(), "complete" if summary.complete else "incomplete")
    return replace(summary, history=history.place, beside=history.beside)


def _record_settings(sources: Sources, view: VCenterView, history: History, run: int, progress: Progress) -> Unread | None:
    """Of the hosts that a vCenter lists, those of excluded clusters left out, if it is one that hosts are read through. Gives
    why some are not there, if the time of the run was over."""
    reader = sources.settings.get(view.name)
    if reader is None or Route.VCENTER not in sources.routes.get(view.name, frozenset()):
        return None
    excluded = {cluster.id for cluster in value_of(view.clusters) or () if cluster.mode == EXCLUDED}
    hosts = [host for host in value_of(view.hosts) or () if host.cluster not in excluded]
    phase = f"settings of {view.name}"
    progress.start(phase, len(hosts))
    told = 0
    for some in parallel.until(reader.settings(hosts), sources.end):
        history.record_settings(run, some)
        told += len(some)
        for one in some:
            progress.advance(phase, one.host)
    if told == len(hosts):
        return None
    return Unread(Reason.OUT_OF_TIME, f"{count(len(hosts) - told, 'host')}: the time of this run ({sources.limit}) was over")
