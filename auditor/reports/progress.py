"""What is being done, told while it is done: a progress bar on a terminal, else sparse log lines. Never on stdout."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from auditor.reports.safe import printable

_log = logging.getLogger("auditor.progress")

_NOTE = 40  # characters of a note beside the bar
_SHARES = 4
"""Log lines a phase gives while it runs: at each quarter of its steps."""


class BarProgress:
    """A bar per phase on ``stream``, removed at the end. Use as a context manager; safe from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(file=stream or sys.stderr, highlight=False, markup=False, emoji=False),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def start(self, phase: str, total: int | None) -> None:
        with self._lock:
            known = self._tasks.get(phase)
            if known is None:
                self._tasks[phase] = self._bars.add_task(printable(phase, _NOTE), total=total, note="")
            else:
                self._bars.update(known, total=total)

    def advance(self, phase: str, note: str = "") -> None:
        with self._lock:
            task = self._tasks.get(phase)
        if task is None:
            self.start(phase, None)
            task = self._tasks[phase]
        self._bars.update(task, advance=1, note=printable(note, _NOTE))


class LogProgress:
    """A log line when a phase starts, at each quarter of it and at its end; shown with ``-v``. Safe from any thread."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._totals: dict[str, int | None] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def start(self, phase: str, total: int | None) -> None:
        with self._lock:
            self._totals[phase] = total
            self._done.setdefault(phase, 0)
        _log.info("%s%s", phase, f": {total}" if total is not None else "")

    def advance(self, phase: str, note: str = "") -> None:
        with self._lock:
            done = self._done[phase] = self._done.get(phase, 0) + 1
            total = self._totals.get(phase)
        if total and done * _SHARES // total != (done - 1) * _SHARES // total:
            _log.info("%s: %d of %d", phase, done, total)
        elif note:
            _log.debug("%s: %d%s, %s", phase, done, f" of {total}" if total else "", note)


def progress_for(stream: TextIO | None = None) -> BarProgress | LogProgress:
    """A bar where ``stream`` (default: stderr) is a terminal, else log lines."""
    target = stream or sys.stderr
    return BarProgress(target) if target.isatty() else LogProgress()


__all__ = ["BarProgress", "LogProgress", "progress_for"]
