"""Spooled runs taken into the history: their numbers, their contents, and the note that each was taken in once.

A spooled run gets its number when the first later run sees its file, before that run's own, also if it cannot be taken in
yet: so it stands where it began, whenever it comes.

Everything here runs inside a transaction that the caller holds.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from auditor.codec import parse_timestamp
from auditor.domain.observation import Estate
from auditor.domain.settings.values import HostSettings
from auditor.errors import HistoryError
from auditor.history import queries
from auditor.history.file import stamp
from auditor.history.settings import settings_readings
from auditor.history.split import split_host, split_vcenter
from auditor.history.spool import Spooled
from auditor.history.writer import HostEntry, Writer

_NEXT = "SELECT 1 + max((SELECT coalesce(max(id), 0) FROM runs), (SELECT coalesce(max(run), 0) FROM spooled))"


@dataclass(frozen=True, slots=True)
class KeptRun:
    """The run of a spool file. ``finished`` is None if its process was killed."""

    kind: str
    estate: Estate
    settings: tuple[HostSettings, ...]
    finished: datetime | None
    outcome: str


def next_number(conn: sqlite3.Connection) -> int:
    """The number of the run that begins now."""
    return int(conn.execute(_NEXT).fetchone()[0])


def taken(conn: sqlite3.Connection) -> frozenset[str]:
    """Names of the files that were taken in."""
    return frozenset(row["name"] for row in conn.execute("SELECT name FROM spooled WHERE taken = 1"))


def reserve(conn: sqlite3.Connection, waiting: Iterable[Spooled]) -> None:
    """A number for each file that has none, in their order. A run that is in the history in part keeps its own."""
    for one in waiting:
        if conn.execute("SELECT 1 FROM spooled WHERE name = ?", (one.path.name,)).fetchone() is None:
            begun = conn.execute("SELECT started FROM runs WHERE id = ?", (one.run,)).fetchone()
            known = begun is not None and one.began_at(begun["started"])
            number = one.run if known else next_number(conn)
            conn.execute("INSERT INTO spooled (name, run) VALUES (?, ?)", (one.path.name, number))


def kept_run(conn: sqlite3.Connection, where: str) -> KeptRun | None:
    """The one run of a spool file, checked page by page and document by document."""
    check = conn.execute("PRAGMA quick_check").fetchone()[0]
    changed = any(
        hashlib.sha256(row["content"].encode()).hexdigest() != row["hash"]
        for row in conn.execute("SELECT hash, content FROM documents")
    )
    runs = conn.execute("SELECT * FROM runs").fetchall()
    if check != "ok" or changed or len(runs) > 1:
        raise HistoryError("it holds several runs" if len(runs) > 1 else "it is damaged", where=where)
    return (
        KeptRun(
            runs[0]["kind"],
            queries.answers(conn, runs[0]),
            tuple(settings_readings(conn)),
            None if runs[0]["finished"] is None else parse_timestamp(runs[0]["finished"]),
            runs[0]["outcome"],
        )
        if runs
        else None
    )


def put_in(conn: sqlite3.Connection, writer: Writer, name: str, kept: KeptRun) -> bool:
    """Record the run of a reserved file. A file that was taken in already changes nothing: its process may have been killed
    before the file was removed."""
    row = conn.execute("SELECT run, taken FROM spooled WHERE name = ?", (name,)).fetchone()
    if row["taken"]:
        return False
    run = row["run"]
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


__all__ = ["KeptRun", "kept_run", "next_number", "put_in", "reserve", "taken"]
