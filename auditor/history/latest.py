"""What is known of one host at a time: for each reading the newest recorded answer, whichever run and route gave it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import datetime

from auditor.codec import parse_timestamp
from auditor.domain.assessment import RouteResult
from auditor.domain.hosts import PREFERENCE, Fact, facts_of, trouble_of
from auditor.domain.observation import READING_KEYS, HostObservation, Read, Route, host_key
from auditor.domain.recorded import RecordedHost
from auditor.history.file import stamp
from auditor.history.join import Library, join_host
from auditor.history.queries import parse_time

_HOSTS = "SELECT id, vcenter, name FROM hosts ORDER BY vcenter, id"
_LISTED = """SELECT cluster_name, min(last_seen, coalesce(:at, last_seen)) AS seen FROM listings
    WHERE host = :host AND (:at IS NULL OR first_seen <= :at) ORDER BY last_run DESC, id DESC LIMIT 1"""
_NEWEST = """SELECT * FROM host_attempts WHERE host = :host AND route = :route AND document IS NOT NULL
    AND (:at IS NULL OR at <= :at) ORDER BY run DESC, id DESC LIMIT 1"""
_RECORDED = "SELECT 1 FROM observations WHERE host = :host AND route = :route AND reading = :reading LIMIT 1"
# The whole answer refers to the documents of its readings, so this is the newest answer that has a value for the reading.
_WITH_VALUE = """SELECT a.* FROM host_attempts AS a WHERE a.host = :host AND a.route = :route AND a.document IS NOT NULL
    AND (:at IS NULL OR a.at <= :at) AND EXISTS (
        SELECT 1 FROM observations AS o JOIN parts AS p ON p.part = o.document
        WHERE o.host = a.host AND o.route = a.route AND o.reading = :reading AND p.whole = a.document)
    ORDER BY a.run DESC, a.id DESC LIMIT 1"""

_BANKS = ("/bootbank target", "/bootbank boot.cfg")


def latest_facts(conn: sqlite3.Connection, name: str, at: datetime | None) -> list[RecordedHost]:
    """What was known of a host at ``at`` (by default: now), for each vCenter that it is known in; two spellings of its name
    are one host. Empty where nothing was recorded by then."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row in conn.execute(_HOSTS).fetchall():
        if host_key(row["name"]) == host_key(name):
            rows[row["vcenter"]].append(row["id"])
    known = _Known(conn, name, at)
    return [found for vcenter, ids in rows.items() if (found := known.host(vcenter, ids)) is not None]


class _Known:
    """Looks up one host's answers of one time."""

    def __init__(self, conn: sqlite3.Connection, name: str, at: datetime | None) -> None:
        self._conn, self._name, self._library = conn, host_key(name), Library(conn)
        self._at = None if at is None else stamp(at)
        self._answers: dict[int, HostObservation] = {}

    def host(self, vcenter: str, ids: list[int]) -> RecordedHost | None:
        newest = [found for host in ids for route in PREFERENCE if (found := self._answer(_NEWEST, vcenter, host, route))]
        listed = [row for host in ids if (row := self._conn.execute(_LISTED, {"host": host, "at": self._at}).fetchone())]
        if not newest and not listed:
            return None
        last = max(listed, key=lambda row: str(row["seen"]), default=None)
        # Where a reading has no value anywhere, the newest answers say why.
        without = {fact.key: fact for fact in facts_of(self._name, [seen for _, seen in newest], lambda _: None).facts}
        facts = tuple(self._fact(key, vcenter, ids) or without[key] for key in READING_KEYS)
        return RecordedHost(
            self._name,
            vcenter,
            last["cluster_name"] if last else "",
            parse_time(last["seen"]) if last else None,
            tuple(RouteResult(seen.route, seen.at, trouble_of(seen)) for _, seen in newest),
            facts,
        )

    def _fact(self, key: str, vcenter: str, ids: list[int]) -> Fact | None:
        """The newest run's value; of one run's, that of the preferred route."""
        found: list[tuple[int, HostObservation]] = []
        for host, route in ((host, route) for host in ids for route in PREFERENCE):
            for reading in _BANKS if key == "banks" else (key,):
                if self._conn.execute(_RECORDED, {"host": host, "route": route.value, "reading": reading}).fetchone():
                    answer = self._answer(_WITH_VALUE, vcenter, host, route, reading)
                    found += [answer] if answer else []
        if not found:
            return None
        # An add-on that one route names stands against another's "none", as in an audit.
        _, seen = max(found, key=lambda each: (each[0], key == "add_on" and each[1].add_on != Read(None)))
        return Fact(key, Read(seen.banks) if key == "banks" else getattr(seen, key), seen.route, seen.at)

    def _answer(
        self, query: str, vcenter: str, host: int, route: Route, reading: str = ""
    ) -> tuple[int, HostObservation] | None:
        row = self._conn.execute(query, {"host": host, "route": route.value, "at": self._at, "reading": reading}).fetchone()
        if row is None:
            return None
        if row["id"] not in self._answers:
            self._answers[row["id"]] = join_host(
                self._library, row["document"], self._name, vcenter, Route(row["route"]), parse_timestamp(row["at"])
            )
        return row["run"], self._answers[row["id"]]
