"""Opening the history file, its transactions, and what SQLite's errors mean to a user.

One rollback journal, no WAL: WAL needs memory shared between processes and so fails on network file systems, where home
directories of jump hosts often are; it also leaves facts in a second file, and a plain copy of the first one would miss
them. The price is that a reader may wait for the moment in which a batch is committed. Every write transaction takes the
write lock at its start (``BEGIN IMMEDIATE``), so two processes wait for each other and never deadlock.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from auditor.errors import AuditorError, HistoryError, LockedError
from auditor.history.migrations import APPLICATION_ID, MIGRATIONS, newer_than_known

_NEW_FILE_MODE = 0o600  # names of hosts and versions are not for every user of the jump host

_SQLITE_HEAD = b"SQLite format 3\0"

_UPGRADE = "use the newer program that wrote it, or name another file in the configuration"
_RESCUE = "keep this file; put back a copy of it, or rescue it with: sqlite3 FILE .recover | sqlite3 NEWFILE"

_MEANING: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "free some space; what was recorded before is safe",
    ),
    sqlite3.SQLITE_READONLY: (
        "the history may not be written",
        "check the rights of the file and its directory, and whether the file system is mounted read-only",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the history cannot be opened",
        "check the rights of the file and its directory",
    ),
    sqlite3.SQLITE_PERM: ("access to the history was refused", "check the rights of the file and its directory"),
    sqlite3.SQLITE_NOTADB: (
        "this is not an SQLite database",
        "name another file in the configuration; this one was not touched",
    ),
    sqlite3.SQLITE_CORRUPT: ("the history is damaged", _RESCUE),
    sqlite3.SQLITE_IOERR: (
        "the file system failed while the history was read or written",
        "check the disk, its quota and free space, and the network it may be behind",
    ),
}


def stamp(at: datetime) -> str:
    """A time as the database has it: UTC, always six digits of the second, so that text order is time order.

    Raises ``ValueError`` for a time without a zone, which would be a guess.
    """
    if at.tzinfo is None:
        raise ValueError(f"time without a zone: {at!r}")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class HistoryFile:
    """The open database: one connection, used by one thread at a time.

    ``create`` False: a file that does not exist is an error. ``read_only``: nothing is created, migrated or written.
    ``wait``: seconds to wait for another process's write. ``alone``: from the first transaction on every other process is
    kept out. Raises ``HistoryError``, or ``LockedError`` after that wait.
    """

    def __init__(
        self, path: Path, *, create: bool = True, read_only: bool = False, wait: float = 30.0, alone: bool = False
    ) -> None:
        self.path = path
        self._wait = wait
        self._lock = threading.RLock()
        existed = self._check_path(create=create and not read_only, read_only=read_only)
        with self._explained():
            self._conn = self._connect(read_only)
            if alone:
                self._conn.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            with self._explained():
                self._settle(read_only, existed)
        except BaseException:
            self._conn.close()
            raise

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        with self._lock:
            self._conn.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the database."""
        with self._transaction("BEGIN") as conn:
            yield conn

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes all or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as conn:
            yield conn

    def vacuum(self) -> None:
        """Give free pages back to the file system. Needs room for a second copy while it runs."""
        with self._lock, self._explained():
            self._conn.execute("VACUUM")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            self._conn.execute(begin)
            try:
                yield self._conn
                self._conn.execute("COMMIT")
            except BaseException:
                if self._conn.in_transaction:  # some errors, a full disk among them, have already ended it
                    self._conn.execute("ROLLBACK")
                raise

    def _check_path(self, *, create: bool, read_only: bool) -> bool:
        """Whether the file exists; makes it (and its directory) if it may. Says early what SQLite would say obscurely."""
        path = self.path
        try:
            if path.is_dir():
                raise HistoryError("this is a directory", where=str(path), hint="name a file in the configuration")
            if path.exists():
                if not stat.S_ISREG(path.stat().st_mode):  # to open a FIFO would wait for ever
                    raise self._error("this is no ordinary file", "name a file in the configuration")
                if not read_only and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                    raise self._error(*_MEANING[sqlite3.SQLITE_READONLY])
                return self._has_content()
            if not create:
                raise self._error("there is no history yet", "record one first: auditor snapshot")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, _NEW_FILE_MODE))
            return False
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
            raise self._error(
                f"the history cannot be opened: {getattr(error, 'strerror', error)}",
                "check the path and the rights of its directory",
            ) from error

    def _has_content(self) -> bool:
        """False for a file of no bytes. A file that does not begin as SQLite's do is refused: SQLite takes one of a few bytes
        for an empty database. With a journal beside it the beginning may be half written, and SQLite is to repair it."""
        with self.path.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
        if head and head != _SQLITE_HEAD and not self.path.with_name(f"{self.path.name}-journal").exists():
            raise self._error(*_MEANING[sqlite3.SQLITE_NOTADB])
        return bool(head)

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        # A reader that may write still opens the file for writing: only so can it roll back what a killed run left
        # half done. It is kept from writing by query_only.
        can_write = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        conn = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={'rw' if can_write else 'ro'}",
            uri=True,
            timeout=self._wait,
            isolation_level=None,  # transactions begin and end where this module says so
            check_same_thread=False,  # _lock keeps it to one thread at a time
        )
        conn.row_factory = sqlite3.Row
        conn.execute("PRAGMA foreign_keys = ON")
        # A large transaction must meet other processes' locks at its end only, not at every page that memory has no room for.
        conn.execute("PRAGMA cache_spill = OFF")
        if read_only:
            conn.execute("PRAGMA query_only = ON")
        return conn

    def _settle(self, read_only: bool, existed: bool) -> None:
        """Make sure that the file is ours, and bring it to the present layout."""
        if existed:
            self._check_ours()
        db = Database(self._conn, execute_plugins=False)
        if not MIGRATIONS.pending(db):
            return
        if read_only and not existed:  # what a run that died at its very start, or on a full disk, leaves
            raise self._error("the history is empty: nothing is recorded yet", "record something: auditor snapshot")
        if read_only:
            raise self._error("the history has the layout of an older program", "bring it up to date: auditor snapshot")
        # One transaction around all: a second process waits here and then finds nothing left to do.
        with self.writing():
            MIGRATIONS.apply(db)

    def _check_ours(self) -> None:
        application_id = self._conn.execute("PRAGMA application_id").fetchone()[0]
        tables = self._conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application_id != APPLICATION_ID and (application_id or tables):
            raise self._error(
                "this SQLite database is not a history of this program",
                "name another file in the configuration; this one was not touched",
            )
        unknown = newer_than_known(Database(self._conn, execute_plugins=False))
        if unknown:
            raise self._error(f"the history was written by a newer program (layout {unknown[-1]})", _UPGRADE)

    def _error(self, what: str, hint: str) -> HistoryError:
        return HistoryError(what, where=str(self.path), hint=hint)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
            raise self._explanation(error) from error

    def _explanation(self, error: Exception) -> AuditorError:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None  # the low byte of an extended result code
        if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return LockedError(
                "another process keeps the history locked",
                where=str(self.path),
                tried=f"waited {self._wait:g} seconds",
                hint="look who has it open (fuser FILE): a database tool with an unfinished transaction does this",
            )
        what, hint = _MEANING.get(primary or 0, (f"the history cannot be used: {error}", _RESCUE))
        return self._error(what, hint.replace("FILE", str(self.path), 1))


__all__ = ["HistoryFile", "stamp"]
