"""The history as a run uses it that must not stop for it: what another program keeps from being written waits beside it.

A reader that keeps a transaction open lets SQLite write nothing. After ``wait`` seconds the run goes on in a file of its own
in the folder of ``spool``, and the next run that can write takes it in before it begins. The journal of write operations is
never spooled: nothing may be done that is not written down where the next look finds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from auditor.domain.observation import Estate, HostObservation, VCenterView
from auditor.domain.past import Past
from auditor.domain.settings.past import PastSettings
from auditor.domain.settings.values import HostSettings
from auditor.errors import HistoryError, LockedError
from auditor.history import spool
from auditor.history.file import stamp
from auditor.history.store import SqliteHistory
from auditor.ports import RunRecord

UNNUMBERED = 0
"""The number of a run that is not in the history yet."""

Say = Callable[[str], None]


def take_in(history: SqliteHistory, say: Say) -> None:
    """Take spooled runs into the history, in the order in which they began, and say so. One that is being written waits on; one
    that cannot be taken in is named and left as it is. Raises what the history raises."""
    taken = 0
    try:
        waiting = history.reserve()
    except HistoryError as error:
        say(f"runs that wait beside the history were not taken in: {error}")
        return
    for one in waiting:
        try:
            taken += _take_one(history, one)
        except Exception as error:  # what is in the file is not to be trusted, and must not stop the run
            if isinstance(error, LockedError) and error.where == str(history.path):
                raise
            if isinstance(error, LockedError) or not os.path.lexists(one.path):
                continue  # its process lives, or another run is taking it in or was faster
            why = error.what if isinstance(error, HistoryError) else f"it is damaged ({type(error).__name__})"
            say(f"{one.path} was not taken into the history and is left as it is: {why}")
    if taken:
        say(f"took {taken} run{'s' * (taken > 1)} into the history that waited beside it")


def _take_one(history: SqliteHistory, one: spool.Spooled) -> bool:
    history.check(one)
    with SqliteHistory(one.path, create=False, wait=0.0, alone=True) as file:
        kept = file.kept_run()
        if kept is not None and not one.began_at(stamp(kept.estate.at)):
            raise HistoryError("its name and its run do not belong together", where=str(one.path))
        put_in = kept is not None and history.put_in(one.path.name, kept)
        one.remove()
    return put_in


class SpoolingHistory:
    """``auditor.ports.History`` for one run, called from one thread.

    ``wait``: seconds to wait for other processes before the run goes on beside the history; ``say`` tells people what became
    of spooled runs. Raises ``HistoryError`` when a run can be written neither into the history nor beside it; reading raises
    ``LockedError`` while the history cannot even be read.
    """

    def __init__(self, path: Path, *, wait: float, say: Say = lambda _: None) -> None:
        self._path, self._say = path, say
        self._kind, self._at = "", datetime.min.replace(tzinfo=UTC)
        self._file: SqliteHistory | None = None
        self._number = UNNUMBERED
        self._main: SqliteHistory | LockedError
        try:
            self._main = SqliteHistory(path, wait=wait)
        except LockedError as error:
            self._main = error

    def __enter__(self) -> SpoolingHistory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits and close the files. A run that was not finished stays marked so."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            if isinstance(self._main, SqliteHistory):
                self._main.close()

    @property
    def place(self) -> str:
        """Where the run is recorded, for people."""
        return str(self._path if self._file is None else self._file.path)

    @property
    def beside(self) -> str:
        """That the run waits beside the history, and why, in a sentence; empty if it is in the history."""
        if self._file is None:
            return ""
        earlier = sum(one.path.name < self._file.path.name for one in spool.waiting(self._path))
        more = f" What {earlier} earlier run{'s' * (earlier > 1)} there saw is not in this answer." if earlier else ""
        return (
            f"This run is recorded beside the history, in {self.place}, because another program keeps the history open"
            f" (fuser {self._path} says which): the next run that can write takes it in.{more}"
        )

    def begin(self, kind: str, at: datetime) -> int:
        """Take in what waits, and open a run; ``UNNUMBERED`` if that is beside the history."""
        self._kind, self._at = kind, at
        try:
            take_in(self._history(), self._say)
            return self._history().begin(kind, at)
        except LockedError as error:
            self._go_beside(UNNUMBERED, error)
            return UNNUMBERED

    def record_vcenter(self, run: int, view: VCenterView) -> None:
        self._keep(run, lambda file, number: file.record_vcenter(number, view))

    def record_settings(self, run: int, settings: Iterable[HostSettings]) -> None:
        some = tuple(settings)
        self._keep(run, lambda file, number: file.record_settings(number, some))

    def finish(self, run: int, at: datetime, outcome: str) -> None:
        self._keep(run, lambda file, number: file.finish(number, at, outcome))

    def record_host(self, run: int, observation: HostObservation) -> None:
        if self._file is not None:
            self._file.record_host(self._number, observation)
            return
        try:
            self._history().record_host(run, observation)
        except LockedError as error:
            self._go_beside(run, error)  # takes along what waited, this one as well

    def new_documents(self, run: int) -> int:
        """How many documents the history, while it can be read, and this run had not before."""
        if self._file is None:
            try:
                return self._history().new_documents(run)
            except LockedError as error:
                self._go_beside(run, error)
        assert self._file is not None  # noqa: S101 - for the type checker
        found = self._file.documents()
        with suppress(HistoryError, LockedError):
            found -= self._history().documents()
        return len(found)

    def past(self, before: int | None = None) -> Past:
        return self._history().past(before or None)

    def estate(self, at: datetime | None = None) -> tuple[int, Estate]:
        return self._history().estate(at)

    def runs(self) -> Iterator[RunRecord]:
        return self._history().runs()

    def settings(self, host: str, vcenter: str | None = None) -> Sequence[PastSettings]:
        return self._history().settings(host, vcenter)

    def _history(self) -> SqliteHistory:
        if isinstance(self._main, LockedError):
            raise self._main
        return self._main

    def _keep(self, run: int, write: Callable[[SqliteHistory, int], None]) -> None:
        if self._file is None:
            try:
                write(self._history(), run)
                return
            except LockedError as error:
                self._go_beside(run, error)
        assert self._file is not None  # noqa: S101 - for the type checker
        write(self._file, self._number)

    def _go_beside(self, run: int, locked: LockedError) -> None:
        """Go on in a file beside the history, with the hosts that were still to be written."""
        try:
            file = SqliteHistory(spool.new_path(self._path, self._at, run), alone=True)
            self._number = file.begin(self._kind, self._at)
        except HistoryError as error:
            what = f"{locked.what}, and the run could not be kept beside it: {error.what}"
            raise HistoryError(what, where=error.where or locked.where, tried=locked.tried, hint=locked.hint) from error
        self._file = file
        if isinstance(self._main, SqliteHistory):
            for observation in self._main.give_up(run):
                file.record_host(self._number, observation)


__all__ = ["UNNUMBERED", "SpoolingHistory", "take_in"]
