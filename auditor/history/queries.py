"""Questions to the history: the past a diagnosis needs, the view of one run, the runs, the images ever seen.

Each runs inside a read transaction that the caller holds.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auditor.codec import from_plain, parse_timestamp
from auditor.domain.image import Commit, DesiredImage
from auditor.domain.observation import (
    ClusterView,
    Estate,
    HostObservation,
    Read,
    Reading,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
    host_key,
)
from auditor.errors import HistoryError
from auditor.history.file import stamp
from auditor.history.join import Library, join_cluster, join_host, join_vcenter
from auditor.ports import RunRecord

_COUNTS = """SELECT count(DISTINCT lower(hosts.name)) AS hosts,
    count(DISTINCT lower(hosts.name)) - count(DISTINCT CASE WHEN a.answered > 0 THEN lower(hosts.name) END) AS unseen
    FROM host_attempts AS a JOIN hosts ON hosts.id = a.host WHERE a.run = ?"""
_HOST_ATTEMPTS = """SELECT a.*, hosts.name AS name, hosts.vcenter AS vcenter
    FROM host_attempts AS a JOIN hosts ON hosts.id = a.host WHERE a.run = ? ORDER BY a.id"""
_COMMITS = """SELECT images.*, clusters.vcenter AS vcenter, clusters.instance_uuid AS instance_uuid,
    clusters.cluster AS moid, clusters.name AS cluster_name, documents.hash AS hash
    FROM images JOIN clusters ON clusters.id = images.cluster JOIN documents ON documents.id = images.document
    WHERE (:vcenter IS NULL OR :vcenter IN (clusters.vcenter, clusters.instance_uuid))
    AND (:cluster IS NULL OR :cluster IN (clusters.cluster, clusters.name))
    ORDER BY clusters.vcenter, clusters.cluster, images.first_seen, images.id"""


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """A desired image as it was seen, whole. ``commit`` is None where it could not be read."""

    vcenter: str
    instance_uuid: str
    cluster: str  # managed object id
    cluster_name: str
    commit: Commit | None
    image: DesiredImage
    first_seen: datetime
    last_seen: datetime


def runs(conn: sqlite3.Connection) -> list[RunRecord]:
    """All runs, oldest first. The counts of an unfinished run are those of what it has recorded until now."""
    return [
        RunRecord(row["id"], row["kind"], parse_timestamp(row["started"]), parse_time(row["finished"]), row["outcome"],
                  *((row["hosts"], row["unseen"]) if row["finished"] else _counts(conn, row["id"])))
        for row in conn.execute("SELECT * FROM runs ORDER BY id").fetchall()
    ]  # fmt: skip


def end_run(conn: sqlite3.Connection, run: int, at: datetime, outcome: str) -> None:
    """Mark a run finished, with its counts. Needs a write transaction."""
    conn.execute(
        "UPDATE runs SET finished = ?, outcome = ?, hosts = ?, unseen = ? WHERE id = ?",
        (stamp(at), outcome, *_counts(conn, run), run),
    )


def _counts(conn: sqlite3.Connection, run: int) -> tuple[int, int]:
    row = conn.execute(_COUNTS, (run,)).fetchone()
    return row["hosts"], row["unseen"]


def new_documents(conn: sqlite3.Connection, run: int) -> int:
    """How many documents were first stored by this run."""
    return int(conn.execute("SELECT count(*) FROM documents WHERE first_run = ?", (run,)).fetchone()[0])


def estate(conn: sqlite3.Connection, at: datetime | None, where: str) -> tuple[int, Estate]:
    """The newest finished run that began at or before ``at``, as it was recorded, in the order of names and routes: hosts
    are recorded as they answer. A run that read nothing but boot banks is no view. Raises ``HistoryError`` if there is none."""
    row = conn.execute(
        "SELECT * FROM runs WHERE finished IS NOT NULL AND kind <> 'window' AND (:at IS NULL OR started <= :at)"
        # Without a time the newest is the one recorded last, also after a clock that was ahead has been put right.
        " ORDER BY CASE WHEN :at IS NULL THEN id END DESC, started DESC, id DESC",
        {"at": None if at is None else stamp(at)},
    ).fetchone()
    if row is None:
        if at is None:
            raise HistoryError("there is no finished run", where=where, hint="record one: auditor snapshot")
        hint = "auditor history runs lists what is recorded, with the times"
        raise HistoryError(f"there is no finished run that began at or before {stamp(at)}", where=where, hint=hint)
    if row["pruned"]:
        raise HistoryError(
            f"the details of run {row['id']} of {row['started']} were removed by retention",
            where=where,
            hint="ask for a later time; desired images are kept for ever: see the view cluster_images",
        )
    view = answers(conn, row)
    hosts = sorted(view.hosts, key=lambda host: (host.vcenter, host_key(host.host), host.route))
    return row["id"], replace(view, hosts=tuple(hosts))


def answers(conn: sqlite3.Connection, run: sqlite3.Row) -> Estate:
    """What one run saw, by its row; hosts in the order of recording."""
    library = Library(conn)
    attempts = conn.execute("SELECT * FROM vcenter_attempts WHERE run = ? ORDER BY vcenter, id", (run["id"],)).fetchall()
    vcenters = tuple(_vcenter(conn, library, attempt) for attempt in attempts)
    hosts = tuple(observation(library, attempt) for attempt in conn.execute(_HOST_ATTEMPTS, (run["id"],)).fetchall())
    return Estate(parse_timestamp(run["started"]), vcenters, hosts)


def observation(library: Library, attempt: sqlite3.Row) -> HostObservation:
    """The observation of a row of host_attempts joined with hosts."""
    return join_host(
        library, attempt["document"], attempt["name"], attempt["vcenter"], Route(attempt["route"]),
        parse_timestamp(attempt["at"]),
    )  # fmt: skip


def _vcenter(conn: sqlite3.Connection, library: Library, attempt: sqlite3.Row) -> VCenterView:
    marks = conn.execute("SELECT * FROM vcenter_marks WHERE attempt = ?", (attempt["id"],)).fetchone()
    clusters: tuple[ClusterView, ...] = tuple(
        join_cluster(library, row["document"])
        for row in conn.execute("SELECT document FROM cluster_attempts WHERE attempt = ? ORDER BY id", (attempt["id"],))
    )
    return join_vcenter(
        library, attempt["document"], attempt["vcenter"], parse_timestamp(attempt["at"]),
        None if marks is None else marks_of(marks), clusters,
    )  # fmt: skip


def marks_of(row: sqlite3.Row) -> VCenterMarks:
    """The marks of a row of vcenter_marks."""
    unread = json.loads(row["unread"])

    def reading(name: str, value: Any) -> Reading[Any]:
        return from_plain(Unread, unread[name]) if name in unread else Read(value)

    return VCenterMarks(
        row["instance_uuid"],
        row["version"],
        row["build"],
        newest_event_key=reading("newest_event_key", row["newest_event_key"]),
        newest_event_time=reading("newest_event_time", parse_time(row["newest_event_time"])),
        clock=reading("clock", parse_time(row["clock"])),
    )


def commit_of(row: sqlite3.Row) -> Commit | None:
    """The commit of a row of images; None where it could not be read."""
    if row["commit_id"] is None:
        return None
    return Commit(row["commit_id"], row["commit_author"], parse_time(row["commit_time"]), row["commit_description"])


def list_commits(conn: sqlite3.Connection, vcenter: str | None, cluster: str | None) -> list[ArchivedImage]:
    """Every desired image ever seen, per cluster oldest first."""
    library = Library(conn)
    return [
        ArchivedImage(
            row["vcenter"], row["instance_uuid"], row["moid"], row["cluster_name"], commit_of(row),
            library.value("image", row["hash"]), parse_timestamp(row["first_seen"]), parse_timestamp(row["last_seen"]),
        )
        for row in conn.execute(_COMMITS, {"vcenter": vcenter, "cluster": cluster}).fetchall()
    ]  # fmt: skip


def parse_time(text: str | None) -> datetime | None:
    """The time of a column that may be empty."""
    return None if text is None else parse_timestamp(text)


def dismiss_host(
    conn: sqlite3.Connection, name: str, reason: str, at: datetime, vcenter: str | None, *, where: str
) -> list[str]:
    """Record that a host is gone on purpose, in every vCenter it is known in, or in the one named."""
    known = conn.execute("SELECT id, name, vcenter FROM hosts").fetchall()
    found = [row for row in known if host_key(row["name"]) == host_key(name) and vcenter in {None, row["vcenter"]}]
    if not found:
        raise HistoryError(f"no host {name!r} is recorded", where=where, hint="auditor hosts list shows the known ones")
    newest = conn.execute("SELECT max(id) AS run FROM runs").fetchone()["run"]
    for row in found:
        values = (row["id"], newest, stamp(at), reason)
        conn.execute("INSERT INTO dismissals (host, after_run, at, reason) VALUES (?, ?, ?, ?)", values)
    return sorted(row["vcenter"] for row in found)


__all__ = [
    "ArchivedImage",
    "answers",
    "commit_of",
    "end_run",
    "estate",
    "list_commits",
    "marks_of",
    "new_documents",
    "observation",
    "parse_time",
    "runs",
]
