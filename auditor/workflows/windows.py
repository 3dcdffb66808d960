"""The windows of hosts: read their banks, judge them, and say what changed since they were last looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.change import window_change
from auditor.domain.rollback.compare import compare_banks
from auditor.domain.rollback.judge import boot_cfg_window, recorded_of, recorded_window, window_of
from auditor.domain.rollback.report import ChosenHost, WindowRow
from auditor.domain.rollback.window import Window, WindowKind
from auditor.errors import AuditorError
from auditor.parallel import each
from auditor.ports import BankReader, Clock, History, HostTarget, Progress

PHASE = "boot banks"


def read_windows(
    hosts: Sequence[ChosenHost],
    reader: BankReader,
    target: Callable[[str, str], HostTarget],
    concurrency: int,
    progress: Progress,
) -> tuple[WindowRow, ...]:
    """Read the banks of all hosts side by side. A host that cannot be read is a row that says why, and what was known."""
    progress.start(PHASE, len(hosts))
    rows = {}
    for host, seen in each(hosts, lambda host: (host, reader.read_banks(target(host.vcenter, host.name))), concurrency):
        rows[host.name] = _row(host, seen)
        progress.advance(PHASE, host.name)
    return tuple(rows[host.name] for host in hosts)


def _row(host: ChosenHost, seen: BankObservation) -> WindowRow:
    state = window_of(seen)
    looks = [recorded_window(look) for look in host.known.looks] if host.known else []
    recorded = looks[-1] if looks else None
    if seen.trouble is not None and recorded is not None:
        reason = f"{state.window.reason}; last seen {recorded.window}"
        window = Window(WindowKind.UNKNOWN, recorded.window.build, reason, seen.at - recorded.at)
        state = replace(state, window=window)
    now = boot_cfg_window(seen)
    # Since the newest look, else since the last audit: what this command showed before is shown until an audit tells it.
    change = next((change for look in reversed(looks) if (change := window_change(look, now)) is not None), None)
    return WindowRow(host, seen, state, compare_banks(seen), change)


def record_windows(history: History | AuditorError, rows: Sequence[WindowRow], begun: datetime, clock: Clock) -> None:
    """Record what was read as a run of its own, so that a window's moves between two audits are not lost, as
    audits record them. Raises ``HistoryError`` or ``LockedError``, also ``history`` itself if it is one."""
    if isinstance(history, AuditorError):
        raise history
    run = history.begin("window", begun)
    for row in rows:
        history.record_host(run, recorded_of(row.seen))
    history.finish(run, clock.now(), "incomplete" if unknown(rows) else "complete")


def unknown(rows: Iterable[WindowRow]) -> tuple[WindowRow, ...]:
    """The rows whose window is not known."""
    return tuple(row for row in rows if row.state.window.kind is WindowKind.UNKNOWN)


__all__ = ["read_windows", "record_windows", "unknown"]
