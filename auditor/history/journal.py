"""The journal of write operations, in the history file.

Each ``write`` is a transaction of its own, on disk when it returns (SQLite's default, synchronous=FULL): it may be the last
thing this process does. Who carries an operation out is told by a lock the operating system drops with the process, so
a killed run never has to be unlocked by hand: ``flock`` on a small file per subject beside the history.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from auditor.codec import parse_timestamp
from auditor.domain.journal import Entry, Operation, Phase
from auditor.errors import HistoryError, LockedError, RefusedError
from auditor.history.file import HistoryFile, stamp
from auditor.masking import masked_plain


class SqliteJournal:
    """The journal in one history file (``auditor.ports.Journal``). Closing it, or the end of the process, lets go of all
    operations; unfinished ones stay unfinished. Raises ``HistoryError`` when the file cannot be used."""

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        self._file = HistoryFile(Path(path), read_only=read_only)
        self._held: dict[int, list[int]] = {}

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything held and close the file."""
        for operation in list(self._held):
            self._let_go(operation)
        self._file.close()

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
        """Begin an operation; see ``auditor.ports.Journal.open``."""
        names = sorted(set(subjects))
        if not names:
            raise HistoryError("an operation without subjects", where=str(self._file.path))
        locks = self._lock(names)
        try:
            with self._file.writing() as conn:
                for name in names:
                    self._refuse_unfinished(conn, name)
                cursor = conn.execute(
                    "INSERT INTO operations (kind, started, operator, ticket, digest, document) VALUES (?, ?, ?, ?, ?, ?)",
                    (kind, stamp(at), operator, ticket, digest, document),
                )
                operation = int(cursor.lastrowid or 0)
                rows = [(operation, name) for name in names]
                conn.executemany("INSERT INTO operation_subjects (operation, subject) VALUES (?, ?)", rows)
        except BaseException:
            _release(locks)
            raise
        self._held[operation] = locks
        return operation

    def resume(self, operation: int) -> Operation:
        """Take over an unfinished operation; see ``auditor.ports.Journal.resume``."""
        _refuse_finished(self.operation(operation))
        if operation not in self._held:
            self._held[operation] = self._lock(self.operation(operation).subjects)
        found = self.operation(operation)
        try:
            _refuse_finished(found)  # it may have been finished before the locks were ours
        except RefusedError:
            self._let_go(operation)
            raise
        return found

    def holds(self, operation: int) -> bool:
        """Whether this process carries the operation out."""
        return operation in self._held

    def write(
        self, operation: int, subject: str, step: str, phase: Phase, at: datetime, data: Mapping[str, str] | None = None
    ) -> Entry:
        """Write one entry. Raises ``HistoryError`` also when the operation is not held by this process."""
        if operation not in self._held:
            raise HistoryError(f"operation {operation} is not held here", where=str(self._file.path))
        kept = masked_plain(data or {})
        with self._file.writing() as conn:
            cursor = conn.execute(
                "INSERT INTO journal (operation, at, subject, step, phase, data) VALUES (?, ?, ?, ?, ?, ?)",
                (operation, stamp(at), subject, step, phase.value, json.dumps(kept, sort_keys=True)),
            )
            return Entry(int(cursor.lastrowid or 0), at, subject, step, phase, kept)

    def entries(self, operation: int) -> tuple[Entry, ...]:
        """All entries of an operation, in the order of writing."""
        with self._file.reading() as conn:
            rows = conn.execute("SELECT * FROM journal WHERE operation = ? ORDER BY id", (operation,)).fetchall()
        return tuple(
            Entry(
                row["id"], parse_timestamp(row["at"]), row["subject"], row["step"], Phase(row["phase"]), json.loads(row["data"])
            )
            for row in rows
        )

    def operation(self, operation: int) -> Operation:
        """One operation. Raises ``HistoryError`` when there is none of that number."""
        found = self._operations("WHERE operations.id = ?", (operation,))
        if not found:
            raise HistoryError(f"there is no operation {operation}", where=str(self._file.path))
        return found[0]

    def operations(self, kind: str | None = None, *, unfinished: bool = False) -> tuple[Operation, ...]:
        """Operations, oldest first; of one kind, or only the unfinished ones."""
        where = "WHERE (? IS NULL OR kind = ?)" + (" AND finished IS NULL" if unfinished else "")
        return self._operations(where, (kind, kind))

    def close_operation(self, operation: int, outcome: str, at: datetime) -> None:
        """Finish an operation and let go of it."""
        if operation not in self._held:
            raise HistoryError(f"operation {operation} is not held here", where=str(self._file.path))
        with self._file.writing() as conn:
            conn.execute("UPDATE operations SET finished = ?, outcome = ? WHERE id = ?", (stamp(at), outcome, operation))
        self._let_go(operation)

    def _operations(self, where: str, values: tuple[object, ...]) -> tuple[Operation, ...]:
        with self._file.reading() as conn:
            rows = conn.execute(f"SELECT * FROM operations {where} ORDER BY id", values).fetchall()  # noqa: S608 - our own text
            subjects: dict[int, list[str]] = {}
            for row in conn.execute("SELECT * FROM operation_subjects ORDER BY subject"):
                subjects.setdefault(row["operation"], []).append(row["subject"])
        return tuple(
            Operation(
                id=row["id"],
                kind=row["kind"],
                started=parse_timestamp(row["started"]),
                operator=row["operator"],
                ticket=row["ticket"],
                digest=row["digest"],
                document=row["document"],
                subjects=tuple(subjects.get(row["id"], ())),
                finished=parse_timestamp(row["finished"]) if row["finished"] else None,
                outcome=row["outcome"],
            )
            for row in rows
        )

    def _refuse_unfinished(self, conn: sqlite3.Connection, subject: str) -> None:
        row = conn.execute(
            "SELECT operations.* FROM operations JOIN operation_subjects ON operation = operations.id "
            "WHERE subject = ? AND finished IS NULL",
            (subject,),
        ).fetchone()
        if row is not None:
            raise LockedError(
                f"operation {row['id']} ({row['kind']}, begun {row['started']} by {row['operator']}) is unfinished",
                where=subject,
                hint=f"look at it and end it first: auditor {row['kind']} --resume"
                if row["kind"] == "apply"
                else "auditor rollback status",
            )

    def _lock(self, subjects: Sequence[str]) -> list[int]:
        """One lock per subject, in a fixed order so that two processes cannot wait for each other."""
        held: list[int] = []
        for subject in subjects:
            name = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            path = self._file.path.with_name(f"{self._file.path.name}.{name}.lock")
            try:
                handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                _release(held)
                raise HistoryError(f"the lock file cannot be made: {error.strerror}", where=str(path)) from error
            held.append(handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                _release(held)
                raise LockedError(
                    "another process is working on it right now",
                    where=subject,
                    hint="wait for it to end; auditor history operations",
                ) from error
        return held

    def _let_go(self, operation: int) -> None:
        _release(self._held.pop(operation, []))


def _refuse_finished(operation: Operation) -> None:
    if not operation.unfinished:
        raise RefusedError(
            f"operation {operation.id} is finished: {operation.outcome}",
            hint="there is nothing to resume; auditor audit shows the present state",
        )


def _release(handles: list[int]) -> None:
    for handle in handles:
        os.close(handle)


__all__ = ["SqliteJournal"]
