"""The folder beside a history in which runs wait that could not be written into it, and how they are taken in.

A spooled run is a small history file of its own with that one run in it: it is written, kept whole when its process is killed,
and brought to a newer layout exactly as the history itself. While its process lives, SQLite keeps every other one out of it.

A spooled run gets its number when the first later run sees its file, before that run's own, also if it cannot be taken in yet:
so it stands where it began, whenever it comes.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auditor.codec import parse_timestamp
from auditor.domain.observation import Estate
from auditor.domain.settings.values import HostSettings
from auditor.errors import HistoryError
from auditor.history import queries
from auditor.history.file import stamp
from auditor.history.settings import settings_readings
from auditor.history.split import split_host, split_vcenter
from auditor.history.writer import HostEntry, Writer

LIMIT = 1 << 30
"""Bytes of a spool file that is still looked into: a thousand hosts take some 10 MB."""

_NAME = re.compile(r"(\d{8}T\d{12}Z)-(\d{1,15})-[0-9a-f]{8}\.db", re.ASCII)
_NOT_DIGITS = str.maketrans("", "", "-:.")
_NEXT = "SELECT 1 + max((SELECT coalesce(max(id), 0) FROM runs), (SELECT coalesce(max(run), 0) FROM spooled))"


@dataclass(frozen=True, slots=True)
class Spooled:
    """One file in the folder: its name says when the run began (a stamp without punctuation), and the run's number in the
    history if a part of it is there already, else 0."""

    path: Path
    begun: str
    run: int

    def check(self, conn: sqlite3.Connection) -> None:
        """Raise ``HistoryError`` for what should not be opened, or has its first part in another history."""
        found = self.path.lstat()
        unfit = {
            "it is a link or no ordinary file": not stat.S_ISREG(found.st_mode) or found.st_nlink != 1,
            f"it belongs to another user (uid {found.st_uid})": found.st_uid != os.geteuid(),
            f"it is larger than {LIMIT >> 20} MiB": found.st_size > LIMIT,
            "it is empty": not found.st_size,
            "its first part is in another history": self.run and not self.begun_in(conn),
        }
        for what in (what for what, so in unfit.items() if so):
            raise HistoryError(what, where=str(self.path))

    def began_at(self, started: str) -> bool:
        """Whether a run with that stamp is this one."""
        return started.translate(_NOT_DIGITS) == self.begun

    def begun_in(self, conn: sqlite3.Connection) -> bool:
        """Whether the history has the first part of the run."""
        row = conn.execute("SELECT started FROM runs WHERE id = ?", (self.run,)).fetchone()
        return row is not None and self.began_at(row["started"])

    def remove(self) -> None:
        """To be called while it is kept open, when the run is in the history."""
        for path in (self.path.with_name(f"{self.path.name}-journal"), self.path):
            path.unlink(missing_ok=True)


def folder(history: Path) -> Path:
    """Where the runs of a history wait."""
    return Path(f"{os.path.realpath(history)}.spool")


def waiting(history: Path) -> tuple[Spooled, ...]:
    """The runs that wait, in the order in which they began. Raises ``HistoryError`` for a folder that is not ours."""
    place = folder(history)
    try:
        _check(place)
        found = sorted(filter(None, (_NAME.fullmatch(path.name) for path in place.iterdir())), key=lambda match: match[0])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise HistoryError(f"the folder cannot be read: {error.strerror}", where=str(place)) from error
    return tuple(Spooled(place / match[0], match[1], int(match[2])) for match in found)


def new_path(history: Path, at: datetime, run: int) -> Path:
    """A name for a run's file; makes the folder. Raises ``HistoryError``."""
    place = folder(history)
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        _check(place)
    except OSError as error:
        raise HistoryError(f"the folder cannot be used: {error.strerror}", where=str(place)) from error
    return place / f"{stamp(at).translate(_NOT_DIGITS)}-{run}-{secrets.token_hex(4)}.db"


def _check(place: Path) -> None:
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        hint = "nothing was changed; look at it, and move it away or take the rights of others from it"
        raise HistoryError("it must be a folder that this user alone may write", where=str(place), hint=hint)


@dataclass(frozen=True, slots=True)
class KeptRun:
    """The run of a spool file. ``finished`` is None if its process was killed."""

    kind: str
    estate: Estate
    settings: tuple[HostSettings, ...]
    finished: datetime | None
    outcome: str


def kept_run(conn: sqlite3.Connection, where: str) -> KeptRun | None:
    """The one run of a spool file, checked page by page and document by document. None: killed before it had begun."""
    changed = any(
        hashlib.sha256(row["content"].encode()).hexdigest() != row["hash"]
        for row in conn.execute("SELECT hash, content FROM documents")
    )
    if changed or conn.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise HistoryError("it is damaged", where=where)
    runs = conn.execute("SELECT * FROM runs").fetchall()
    if len(runs) > 1:
        raise HistoryError("it holds several runs", where=where)
    for run in runs:
        finished = None if run["finished"] is None else parse_timestamp(run["finished"])
        return KeptRun(run["kind"], queries.answers(conn, run), tuple(settings_readings(conn)), finished, run["outcome"])
    return None


# What follows runs inside a transaction of the history that the caller holds.


def next_number(conn: sqlite3.Connection) -> int:
    """The number of the run that begins now."""
    return int(conn.execute(_NEXT).fetchone()[0])


def reserve(conn: sqlite3.Connection, some: Iterable[Spooled]) -> None:
    """A number for each file that has none, in their order. A run that is in the history in part keeps its own."""
    for one in some:
        if conn.execute("SELECT 1 FROM spooled WHERE name = ?", (one.path.name,)).fetchone() is None:
            number = one.run if one.begun_in(conn) else next_number(conn)
            conn.execute("INSERT INTO spooled (name, run) VALUES (?, ?)", (one.path.name, number))


def put_in(conn: sqlite3.Connection, writer: Writer, name: str, kept: KeptRun) -> bool:
    """Record the run of a reserved file. A file that was taken in already changes nothing: its process may have been killed
    before the file was removed."""
    run, taken = conn.execute("SELECT run, taken FROM spooled WHERE name = ?", (name,)).fetchone()
    if taken:
        return False
    started = stamp(kept.estate.at)
    conn.execute("INSERT OR IGNORE INTO runs (id, kind, started) VALUES (?, ?, ?)", (run, kept.kind, started))
    for view in kept.estate.vcenters:
        writer.vcenter(conn, run, view, split_vcenter(view))
    for observation in kept.estate.hosts:
        writer.host(conn, HostEntry(run, observation, split_host(observation)))
    for one in kept.settings:
        writer.settings(conn, run, one)
    if kept.finished is not None:
        queries.end_run(conn, run, kept.finished, kept.outcome)
    conn.execute("UPDATE spooled SET taken = 1 WHERE name = ?", (name,))
    return True


__all__ = ["KeptRun", "Spooled", "folder", "kept_run", "new_path", "next_number", "put_in", "reserve", "waiting"]
