"""Rows for answers: documents once, attempts always, intervals only where something changed.

Everything here runs inside a write transaction that the caller holds.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from auditor.codec import to_plain
from auditor.domain.image import Commit
from auditor.domain.observation import HostObservation, InventoryHost, Read, Reading, Unread, VCenterView, value_of
from auditor.domain.settings.values import HostSettings
from auditor.history.file import stamp
from auditor.history.settings import write_settings
from auditor.history.split import ClusterAnswer, Document, HostAnswer, VCenterAnswer

_EXTEND = """first_run = min(first_run, :run), last_run = max(last_run, :run),
    first_seen = min(first_seen, :at), last_seen = max(last_seen, :at)"""
_LIST_CLUSTER = f"""INSERT INTO clusters (vcenter, instance_uuid, cluster, name, first_run, last_run, first_seen, last_seen)
    VALUES (:vcenter, :uuid, :moid, :name, :run, :run, :at, :at)
    ON CONFLICT (vcenter, instance_uuid, cluster) DO UPDATE
    SET name = CASE WHEN last_run > :run THEN name ELSE :name END, {_EXTEND}"""  # noqa: S608 - a constant
_LISTED_BEFORE = """SELECT hosts.name, listings.id, listings.cluster, listings.cluster_name, moid, uuid
    FROM listings JOIN hosts ON hosts.id = listings.host LEFT JOIN listed_as ON listed_as.listing = listings.id
    WHERE hosts.vcenter = :vcenter AND listings.last_run = (
        SELECT max(run) FROM vcenter_attempts WHERE vcenter = :vcenter AND inventory_read = 1)"""
_CLUSTER_NAMES = "SELECT cluster, name FROM clusters WHERE vcenter = ? ORDER BY last_run"


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host's observation, taken apart and waiting to be written."""

    run: int
    observation: HostObservation
    answer: HostAnswer


class Writer:
    """Writes entries. Remembers row numbers, so ``forget`` must be called when a transaction was rolled back."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], int] = {}
        self._hosts: dict[tuple[str, str], int] = {}
        self._version: int | None = None

    def forget(self) -> None:
        """Drop what was remembered: rows may have been rolled back or removed."""
        self._documents.clear()
        self._hosts.clear()

    def check(self, conn: sqlite3.Connection) -> None:
        """To be called first in each transaction: forgets, if another process has written in between."""
        version = conn.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.forget()
            self._version = version

    def host(self, conn: sqlite3.Connection, entry: HostEntry) -> None:
        """One observation: its attempt, its documents, its intervals."""
        observation, answer, run = entry.observation, entry.answer, entry.run
        at, trouble, route = stamp(observation.at), observation.trouble, observation.route.value
        host = self._host(conn, observation.vcenter, observation.host, run, at)
        whole = self._document(conn, answer.whole, run)
        answered = 0 if trouble else len(answer.readings)
        outcome = "failed" if not answered else "read" if answer.complete else "partial"
        conn.execute(
            "INSERT INTO host_attempts (run, host, route, at, outcome, reason, detail, answered, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, host, route, at, outcome, *_why(trouble), answered, whole),
        )
        self._intervals(conn, answer, run, {"host": host, "route": route, "run": run, "at": at})

    def settings(self, conn: sqlite3.Connection, run: int, settings: HostSettings) -> None:
        """One host's settings: the attempt, and intervals where something changed."""
        host = self._host(conn, settings.vcenter, settings.host, run, stamp(settings.at))
        write_settings(conn, run, host, settings, lambda part: self._document(conn, part, run))

    def _intervals(self, conn: sqlite3.Connection, answer: HostAnswer, run: int, row: dict[str, object]) -> None:
        newest = {  # SQLite takes the other columns from the row that has the maximum
            found["reading"]: found
            for found in conn.execute(
                "SELECT reading, id, document, max(last_seen) FROM observations"
                " WHERE host = :host AND route = :route GROUP BY reading",
                row,
            )
        }
        extended, new = [], []
        for reading, part in answer.readings:
            document, last = self._document(conn, part, run), newest.get(reading)
            if last is not None and last["document"] == document:
                extended.append(row | {"id": last["id"]})
            else:
                new.append(row | {"reading": reading, "document": document})
        conn.executemany(f"UPDATE observations SET {_EXTEND} WHERE id = :id", extended)  # noqa: S608 - a constant
        conn.executemany(
            "INSERT INTO observations (host, route, reading, document, first_run, last_run, first_seen, last_seen)"
            " VALUES (:host, :route, :reading, :document, :run, :run, :at, :at)",
            new,
        )

    def vcenter(self, conn: sqlite3.Connection, run: int, view: VCenterView, answer: VCenterAnswer) -> None:
        """One vCenter's view: its attempt, marks, clusters, images and the hosts it lists."""
        at = stamp(view.at)
        readings: tuple[Reading[object], ...] = (view.marks, view.clusters, view.hosts, view.depot)
        unread = [reading for reading in readings if isinstance(reading, Unread)]
        outcome = "read" if not unread else "partial" if len(unread) < len(readings) else "failed"
        if isinstance(view.hosts, Read):  # before the attempt is there: it asks for the newest earlier one
            self._listings(conn, run, view, view.hosts.value)
        attempt = conn.execute(
            "INSERT INTO vcenter_attempts (run, vcenter, at, outcome, reason, detail, inventory_read, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (run, view.name, at, outcome, *_why(unread[0] if outcome == "failed" else None),
             isinstance(view.hosts, Read), self._document(conn, answer.whole, run)),
        ).lastrowid  # fmt: skip
        if isinstance(view.marks, Read):
            marks = view.marks.value
            times = [value_of(reading) for reading in (marks.newest_event_time, marks.clock)]
            fields = {"newest_event_key": marks.newest_event_key, "newest_event_time": marks.newest_event_time,
                      "clock": marks.clock}  # fmt: skip
            reasons = {name: to_plain(reading) for name, reading in fields.items() if isinstance(reading, Unread)}
            conn.execute(
                "INSERT INTO vcenter_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (attempt, run, view.name, at, marks.instance_uuid, marks.version, marks.build,
                 value_of(marks.newest_event_key), *(None if time is None else stamp(time) for time in times),
                 json.dumps(reasons)),
            )  # fmt: skip
        uuid = view.marks.value.instance_uuid if isinstance(view.marks, Read) else ""
        for cluster in answer.clusters:
            row: dict[str, object] = {"attempt": attempt, "run": run, "at": at, "vcenter": view.name, "uuid": uuid}
            self._cluster(conn, cluster, run, row)

    def _cluster(self, conn: sqlite3.Connection, answer: ClusterAnswer, run: int, row: dict[str, object]) -> None:
        view = answer.view
        row |= {"moid": view.id, "name": view.name}
        conn.execute(_LIST_CLUSTER, row)
        key = "SELECT id FROM clusters WHERE vcenter = :vcenter AND instance_uuid = :uuid AND cluster = :moid"
        row["cluster"] = conn.execute(key, row).fetchone()["id"]
        image = (
            None
            if answer.image is None
            else self._image(conn, self._document(conn, answer.image, run), value_of(view.commit), row)
        )
        row |= {"mode": value_of(view.mode), "image": image, "document": self._document(conn, answer.whole, run)}
        conn.execute(
            "INSERT INTO cluster_attempts (attempt, run, cluster, at, name, mode, image, document)"
            " VALUES (:attempt, :run, :cluster, :at, :name, :mode, :image, :document)",
            row,
        )

    def _image(self, conn: sqlite3.Connection, document: int, commit: Commit | None, row: dict[str, object]) -> int:
        """The row of an image under its commit. An image whose commit was not read is a row of its own."""
        row = row | {"document": document, "commit": None, "time": None, "by": None, "text": None}
        if commit is not None:
            time = None if commit.time is None else stamp(commit.time)
            row |= {"commit": commit.id, "time": time, "by": commit.author, "text": commit.description}
        found = conn.execute(
            "SELECT id FROM images WHERE cluster = :cluster AND document = :document AND commit_id IS :commit"
            " AND commit_time IS :time AND commit_author IS :by AND commit_description IS :text",
            row,
        ).fetchone()
        if found is not None:
            conn.execute(f"UPDATE images SET {_EXTEND} WHERE id = :id", row | {"id": found["id"]})  # noqa: S608 - a constant
            return int(found["id"])
        return _new_id(
            conn.execute(
                "INSERT INTO images (cluster, commit_id, commit_time, commit_author, commit_description, document,"
                " first_run, last_run, first_seen, last_seen)"
                " VALUES (:cluster, :commit, :time, :by, :text, :document, :run, :run, :at, :at)",
                row,
            )
        )

    def _listings(self, conn: sqlite3.Connection, run: int, view: VCenterView, hosts: tuple[InventoryHost, ...]) -> None:
        """A host's row goes on while it is listed in the same cluster by every inventory that is read, and is the same object
        and machine as far as is read."""
        at = stamp(view.at)
        before = {row["name"]: row for row in conn.execute(_LISTED_BEFORE, {"vcenter": view.name})}
        names = {row["cluster"]: row["name"] for row in conn.execute(_CLUSTER_NAMES, (view.name,))}
        names |= {cluster.id: cluster.name for cluster in value_of(view.clusters) or ()}
        extended = []
        for host in {host.name: host for host in hosts}.values():
            cluster_name, last = names.get(host.cluster, ""), before.get(host.name)
            here, same = (host.cluster, cluster_name), (host.id, host.uuid)
            if (
                last is not None
                and (last["cluster"], last["cluster_name"]) == here
                and (not all(same) or (last["moid"], last["uuid"]) == same)
            ):
                extended.append({"run": run, "at": at, "id": last["id"]})
                continue
            listing = conn.execute(
                "INSERT INTO listings (host, cluster, cluster_name, first_run, last_run, first_seen, last_seen)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._host(conn, view.name, host.name, run, at), *here, run, run, at, at),
            )
            if all(same):
                conn.execute("INSERT INTO listed_as (listing, moid, uuid) VALUES (?, ?, ?)", (_new_id(listing), *same))
        conn.executemany(f"UPDATE listings SET {_EXTEND} WHERE id = :id", extended)  # noqa: S608 - a constant

    def _host(self, conn: sqlite3.Connection, vcenter: str, name: str, run: int, at: str) -> int:
        key = (vcenter, name)
        if key not in self._hosts:
            found = conn.execute("SELECT id, first_run FROM hosts WHERE vcenter = ? AND name = ?", key).fetchone()
            if found is not None and found["first_run"] > run:  # a run that waited is recorded late
                conn.execute("UPDATE hosts SET first_run = ?, first_seen = ? WHERE id = ?", (run, at, found["id"]))
            self._hosts[key] = int(found["id"]) if found is not None else _new_id(
                conn.execute("INSERT INTO hosts (vcenter, name, first_run, first_seen) VALUES (?, ?, ?, ?)", (*key, run, at))
            )  # fmt: skip
        return self._hosts[key]

    def _document(self, conn: sqlite3.Connection, document: Document, run: int) -> int:
        key = (document.kind, document.hash)
        if key not in self._documents:
            found = conn.execute("SELECT id FROM documents WHERE kind = ? AND hash = ?", key).fetchone()
            self._documents[key] = int(found["id"]) if found is not None else self._new_document(conn, document, run)
        return self._documents[key]

    def _new_document(self, conn: sqlite3.Connection, document: Document, run: int) -> int:
        parts = {self._document(conn, part, run) for part in document.parts}
        whole = _new_id(
            conn.execute(
                "INSERT INTO documents (kind, hash, content, first_run) VALUES (?, ?, ?, ?)",
                (document.kind, document.hash, document.content, run),
            )
        )
        conn.executemany("INSERT INTO parts (whole, part) VALUES (?, ?)", [(whole, part) for part in parts])
        return whole


def _new_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None, "an INSERT gives a row number"  # noqa: S101 - for the type checker
    return cursor.lastrowid


def _why(trouble: Unread | None) -> tuple[str, str]:
    """Reason and detail for the columns people read; the exact text is in the document."""
    if trouble is None:
        return "", ""
    return trouble.reason.value, trouble.detail.encode("utf-8", "backslashreplace").decode()


__all__ = ["HostEntry", "Writer"]
