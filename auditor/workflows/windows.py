"""The windows of hosts: read their banks, judge them, and say what changed since they were last looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.change import window_change
from auditor.domain.rollback.compare import compare_banks
from auditor.domain.rollback.judge import boot_cfg_window, recorded_window, window_of
from auditor.domain.rollback.report import ChosenHost, WindowRow
from auditor.domain.rollback.window import Window, WindowKind
from auditor.parallel import each
from auditor.ports import BankReader, HostTarget, Progress

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
    last = host.known.last if host.known else None
    recorded = recorded_window(last) if last is not None and last.banks else None
    if seen.trouble is not None and recorded is not None:
        reason = f"{state.window.reason}; last seen {recorded.window}"
        window = Window(WindowKind.UNKNOWN, recorded.window.build, reason, seen.at - recorded.at)
        state = replace(state, window=window)
    change = window_change(recorded, boot_cfg_window(seen)) if recorded is not None else None
    return WindowRow(host, seen, state, compare_banks(seen), change)


def unknown(rows: Iterable[WindowRow]) -> tuple[WindowRow, ...]:
    """The rows whose window is not known."""
    return tuple(row for row in rows if row.state.window.kind is WindowKind.UNKNOWN)


__all__ = ["read_windows", "unknown"]
