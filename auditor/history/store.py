"""The history as the workflows see it: ``SqliteHistory`` implements ``auditor.ports.History``.

Two runs at once both succeed: each batch is a short transaction of its own, and runs are kept apart by their number.
A killed run leaves what its last batch committed, and a row whose ``finished`` is empty.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType

from auditor.domain.observation import Estate, HostObservation, VCenterView, host_key
from auditor.domain.past import Past
from auditor.domain.recorded import RecordedHost
from auditor.domain.settings.past import PastSettings
from auditor.domain.settings.values import HostSettings
from auditor.errors import HistoryError
from auditor.history import queries, retention, spool
from auditor.history.bank_answers import bank_answers
from auditor.history.file import HistoryFile, stamp
from auditor.history.latest import latest_facts
from auditor.history.past import past
from auditor.history.queries import ArchivedImage
from auditor.history.retention import Pruned
from auditor.history.settings import read_settings
from auditor.history.split import split_host, split_vcenter
from auditor.history.spool import KeptRun, Spooled
from auditor.history.writer import HostEntry, Writer
from auditor.ports import RunRecord

BATCH = 50
"""Hosts that wait to be written together."""

BATCH_SECONDS = 2.0
"""After this time the next host is written with what waits: a killed run should lose little."""


class SqliteHistory:
    """The history in one SQLite file. Its methods may be called from any thread.

    ``path``: the file; it and its directory are created (0600, 0700) unless ``create`` is False. ``read_only``: nothing is
    created, migrated or written. ``wait``: seconds to wait for another process that writes. ``alone``: keeps every other
    process out until it is closed.

    Every method raises ``HistoryError`` when the file cannot be used, ``LockedError`` when another process kept it locked
    for longer than ``wait``: see ``spooling`` for what a run does then. A host that could not be written stays waiting and is
    tried again with later ones and at ``finish``, so the caller may go on after a full disk.
    """

    def __init__(
        self, path: Path | str, *, create: bool = True, read_only: bool = False, wait: float = 30.0, alone: bool = False
    ) -> None:
        self._file = HistoryFile(Path(path), create=create, read_only=read_only, wait=wait, alone=alone)
        self._writer = Writer()
        self._open: set[int] = set()
        self._waiting: list[HostEntry] = []
        self._next_try = BATCH
        self._written_at = time.monotonic()
        self._lock = Lock()

    def __enter__(self) -> SqliteHistory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def place(self) -> str:
        """Where the history is, for people."""
        return str(self._file.path)

    def close(self) -> None:
        """Write what waits and close the file. A run that was not finished stays marked so."""
        with self._lock:
            try:
                self._flush()
            finally:
                self._file.close()

    @property
    def beside(self) -> str:
        """That runs wait beside the file, in a sentence; empty if there are none."""
        try:
            number = len(spool.waiting(self.path))
        except HistoryError as error:
            return f"Whether runs wait beside the history cannot be seen: {error.where}: {error.what}."
        if not number:
            return ""
        return (
            f"{number} run{' waits' if number == 1 else 's wait'} beside the history, in {spool.folder(self.path)}, and not in"
            " this answer: the next audit or snapshot takes in what it can and names the rest."
        )

    def begin(self, kind: str, at: datetime) -> int:
        """Open a run ("snapshot", "audit", or "window": nothing but boot banks) and return its number. It is on disk as
        unfinished when this returns. Runs that wait beside the file get their numbers first."""
        with self._lock, self._file.writing() as conn:
            with suppress(HistoryError):  # of the folder
                spool.reserve(conn, spool.waiting(self.path))
            run = spool.next_number(conn)
            conn.execute("INSERT INTO runs (id, kind, started) VALUES (?, ?, ?)", (run, kind, stamp(at)))
            self._open.add(run)
        return run

    def reserve(self) -> tuple[Spooled, ...]:
        """The runs that wait beside the file, oldest first; each has its number when this returns."""
        waiting = spool.waiting(self.path)
        if waiting:
            with self._lock, self._writing() as conn:
                spool.reserve(conn, waiting)
        return waiting

    def check(self, one: Spooled) -> None:
        """Raise ``HistoryError`` for a run that cannot be of this history, or whose file should not be opened."""
        with self._file.reading() as conn:
            one.check(conn)

    def put_in(self, name: str, kept: KeptRun) -> bool:
        """Record the run of a spool file under the number reserved for it: all of it or nothing. False: it was before."""
        with self._lock, self._writing() as conn:
            return spool.put_in(conn, self._writer, name, kept)

    def kept_run(self) -> KeptRun | None:
        """The one run of a spool file; None: it has none. Raises ``HistoryError`` for a file that is damaged or has more."""
        with self._file.writing() as conn:  # of two that take it in, one has it
            return spool.kept_run(conn, str(self.path))

    def documents(self) -> frozenset[tuple[str, str]]:
        """Kind and hash of every document. Writes what waits."""
        with self._lock:
            self._flush()
            with self._file.reading() as conn:
                return frozenset((row["kind"], row["hash"]) for row in conn.execute("SELECT kind, hash FROM documents"))

    def give_up(self, run: int) -> list[HostObservation]:
        """Record nothing more of a run here, and give back the hosts that could not be written."""
        with self._lock:
            unwritten = [entry.observation for entry in self._waiting]
            self._waiting.clear()
            self._open.discard(run)
        return unwritten

    def record_vcenter(self, run: int, view: VCenterView) -> None:
        """Record one vCenter's view. It is on disk when this returns."""
        self._check_open(run)
        answer = split_vcenter(view)
        with self._lock, self._writing() as conn:
            self._writer.vcenter(conn, run, view, answer)

    def record_host(self, run: int, observation: HostObservation) -> None:
        """Record one host's observation, also a failed one. It is on disk with its batch, at the latest at ``finish``."""
        self._check_open(run)
        entry = HostEntry(run, observation, split_host(observation))
        self._check_writable(observation)
        with self._lock:
            self._waiting.append(entry)
            late = time.monotonic() - self._written_at > BATCH_SECONDS
            if len(self._waiting) >= self._next_try or (late and self._next_try == BATCH):
                self._flush()

    def record_settings(self, run: int, settings: Iterable[HostSettings]) -> None:
        """Record hosts' settings, also those that could not be read. On disk, all of them, when this returns."""
        self._check_open(run)
        with self._lock, self._writing() as conn:
            for one in settings:
                self._writer.settings(conn, run, one)

    def finish(self, run: int, at: datetime, outcome: str) -> None:
        """Write what waits and mark the run finished, in one transaction."""
        self._check_open(run)
        with self._lock:
            self._flush(run, at, outcome)
            self._open.discard(run)

    def new_documents(self, run: int) -> int:
        """How many documents this run was the first to store: 0 when nothing has changed. Writes what waits."""
        with self._lock:
            self._flush()
            with self._file.reading() as conn:
                return queries.new_documents(conn, run)

    def past(self, before: int | None = None) -> Past:
        """What the runs before run ``before`` recorded (None: all). Unfinished runs count for the facts, not for ``runs``."""
        with self._file.reading() as conn:
            return past(conn, before)

    def estate(self, at: datetime | None = None) -> tuple[int, Estate]:
        """Number and view of the newest finished run, or of the newest that began at or before ``at``, as it was recorded.
        The view's time is the one given to ``begin``."""
        with self._file.reading() as conn:
            return queries.estate(conn, at, where=str(self.path))

    def runs(self) -> Iterator[RunRecord]:
        """All runs, oldest first."""
        with self._file.reading() as conn:
            return iter(queries.runs(conn))

    def list_commits(self, vcenter: str | None = None, cluster: str | None = None) -> list[ArchivedImage]:
        """Every desired image ever seen, oldest first; ``vcenter`` is its name or instance UUID, ``cluster`` a name or id."""
        with self._file.reading() as conn:
            return queries.list_commits(conn, vcenter, cluster)

    def host_names(self) -> frozenset[str]:
        """Every host that was ever recorded, also those that are left out of reports."""
        with self._file.reading() as conn:
            return frozenset(host_key(row["name"]) for row in conn.execute("SELECT DISTINCT name FROM hosts"))

    def bank_answers(self, names: Collection[str] = ()) -> list[tuple[HostObservation, ...]]:
        """Per host, oldest first, the answers in which its boot banks were read; ``names`` are hosts, none for all."""
        with self._file.reading() as conn:
            return list(bank_answers(conn, names))

    def settings(self, host: str, vcenter: str | None = None) -> list[PastSettings]:
        """What is recorded of a host's settings, for each vCenter it is known in (``vcenter``: only that one)."""
        with self._file.reading() as conn:
            return read_settings(conn, host, vcenter)

    def latest_facts(self, host: str, at: datetime | None = None) -> list[RecordedHost]:
        """What was known of a host at ``at`` (by default now), for each vCenter it is known in."""
        with self._file.reading() as conn:
            return latest_facts(conn, host, at)

    def dismiss_host(self, name: str, reason: str, at: datetime, vcenter: str | None = None) -> list[str]:
        """Leave a host that is gone on purpose out of later runs; being listed again brings it back. Its records stay.
        Returns the vCenters it was known in. Raises ``HistoryError`` if no such host is known."""
        with self._lock, self._writing() as conn:
            return queries.dismiss_host(conn, name, reason, at, vcenter, where=str(self.path))

    def prune(self, keep_runs_since: datetime) -> Pruned:
        """Remove the details of runs that began before that time, and give the space back to the file system. Kept are
        all runs' own rows, all marks, desired images and settings, the newest finished run, and per host the newest answer."""
        with self._lock, self._writing() as conn:
            pruned = retention.prune(conn, keep_runs_since)
            self._writer.forget()
        self._file.vacuum()
        return pruned

    def _check_open(self, run: int) -> None:
        if run not in self._open:
            raise HistoryError(f"run {run} is not open here", where=str(self.path), hint="begin a run first")

    def _check_writable(self, observation: HostObservation) -> None:
        """Refuse here what would make the whole batch fail later."""
        try:
            f"{observation.vcenter}{observation.host}".encode()
            stamp(observation.at)
        except ValueError as error:  # UnicodeEncodeError is one
            raise HistoryError(
                f"the observation of host {observation.host!r} cannot be recorded: {error}",
                where=str(self.path),
                hint="check the host's name in the inventory and the configuration",
            ) from error

    def _flush(self, run: int | None = None, at: datetime | None = None, outcome: str = "") -> None:
        """Write what waits; with ``run`` and ``at``, end that run in the same transaction. On failure all of it waits on,
        and the next try comes after another batch."""
        if not self._waiting and run is None:
            return
        self._next_try = len(self._waiting) + BATCH
        with self._writing() as conn:
            for entry in self._waiting:
                self._writer.host(conn, entry)
            if run is not None and at is not None:
                queries.end_run(conn, run, at, outcome)
        self._waiting.clear()
        self._next_try = BATCH
        self._written_at = time.monotonic()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._file.writing() as conn:
                self._writer.check(conn)
                yield conn
        except BaseException:
            self._writer.forget()  # rows it remembers may have been rolled back
            raise


__all__ = ["ArchivedImage", "Pruned", "SqliteHistory"]
