"""The past as a diagnosis needs it: marks, clusters with every image, hosts with their newest own answer.

``before`` cuts exactly: what later runs added to a row (a newer last_seen) is not seen, so a run that is judged again
later from the history is judged on the same facts. Nor is what an earlier run that was still going on saw of a vCenter
after that run had: it would look as if the vCenter had gone back since.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from auditor.codec import parse_timestamp
from auditor.domain.image import Commit, ManagementMode
from auditor.domain.observation import HostObservation, Read, Route, host_key
from auditor.domain.past import Past, PastCluster, PastHost, PastImage, PastMarks
from auditor.history.join import Library
from auditor.history.queries import commit_of, marks_of, observation, parse_time

_EVER = 2**62  # greater than any run

_CLUSTERS = """SELECT clusters.*, attempt.name AS name_then, attempt.at AS last_listed,
    (SELECT mode FROM cluster_attempts WHERE cluster = clusters.id AND run < :before AND mode IS NOT NULL
        ORDER BY run DESC, id DESC LIMIT 1) AS mode
    FROM clusters JOIN cluster_attempts AS attempt ON attempt.id =
        (SELECT id FROM cluster_attempts WHERE cluster = clusters.id AND run < :before ORDER BY run DESC, id DESC LIMIT 1)
    ORDER BY clusters.vcenter, clusters.cluster, clusters.first_seen"""
_IMAGES = """SELECT images.*, documents.hash AS hash, seen.last_seen AS last_seen_then
    FROM images JOIN documents ON documents.id = images.document JOIN (
        SELECT image, max(at) AS last_seen FROM cluster_attempts
        WHERE run < :before AND (attempt < :until OR at < :until_at) AND image IS NOT NULL GROUP BY image
    ) AS seen ON seen.image = images.id
    ORDER BY images.first_seen, images.id"""
_ANSWERED = "SELECT run FROM host_attempts WHERE host = hosts.id AND answered > 0 AND run < :before"
_HOSTS = f"""SELECT hosts.*,
    ({_ANSWERED} AND run NOT IN (SELECT id FROM runs WHERE kind = 'window') ORDER BY run DESC LIMIT 1) AS answered_run,
    ({_ANSWERED} AND route = 'ssh' ORDER BY run DESC LIMIT 1) AS looked_run,
    ({_ANSWERED} AND route = 'ssh' AND run IN (SELECT id FROM runs WHERE kind = 'audit' AND finished IS NOT NULL)
        ORDER BY run DESC LIMIT 1) AS audited_run,
    EXISTS (
        SELECT 1 FROM dismissals WHERE host = hosts.id AND after_run < :before AND NOT EXISTS (
            SELECT 1 FROM listings WHERE listings.host = hosts.id AND listings.last_run > dismissals.after_run)) AS dismissed
    FROM hosts WHERE first_run < :before ORDER BY vcenter, name"""  # noqa: S608 - constants; boot banks are read over SSH only
_LISTINGS = """SELECT listings.*, hosts.vcenter AS vcenter, moid, uuid FROM listings JOIN hosts ON hosts.id = listings.host
    LEFT JOIN listed_as ON listed_as.listing = listings.id WHERE listings.first_run < :before
    ORDER BY listings.last_run, listings.id"""
_INVENTORIES = """SELECT vcenter, max(run) AS run, max(at) AS at FROM vcenter_attempts
    WHERE inventory_read = 1 AND run < :before GROUP BY vcenter"""
_AUDITED = """SELECT vcenter, max(vcenter_marks.at) AS at FROM vcenter_marks JOIN runs ON runs.id = vcenter_marks.run
    WHERE runs.kind = 'audit' AND runs.finished IS NOT NULL AND vcenter_marks.run < :before GROUP BY vcenter"""
_ANSWERS = """SELECT a.*, hosts.name AS name, hosts.vcenter AS vcenter FROM host_attempts AS a
    JOIN hosts ON hosts.id = a.host WHERE a.host = ? AND a.run = ? AND a.answered > 0"""


def _best_marks(column: str, *of: str) -> str:
    """The newest attempt with the highest value of a column, for each vCenter, instance UUID, and ``of``."""
    names = ", ".join(("vcenter", "instance_uuid", *of))
    known = "run < :before AND (attempt < :until OR at < :until_at)"
    return f"""SELECT attempt FROM (SELECT attempt, max(run) FROM vcenter_marks JOIN (
        SELECT {names}, max({column}) AS best FROM vcenter_marks WHERE {known} GROUP BY {names}
    ) USING ({names}) WHERE {column} = best AND {known} GROUP BY {names})"""  # noqa: S608 - constants


_MARKS = f"""SELECT * FROM vcenter_marks WHERE attempt IN ({_best_marks("newest_event_key")}
    UNION {_best_marks("newest_event_time")} UNION {_best_marks("at", "version", "build")}) ORDER BY at, attempt"""  # noqa: S608
_RICHEST_FIRST = {Route.SSH: 0, Route.HOST_API: 1, Route.VCENTER: 2}


def past(conn: sqlite3.Connection, before: int | None) -> Past:
    """What the runs before run ``before`` recorded (None: all)."""
    own = conn.execute("SELECT min(id) AS id, min(at) AS at FROM vcenter_attempts WHERE run = ?", (before,)).fetchone()
    # By time as well: what a run saw that waited beside the file is recorded late.
    limit = {"before": _EVER if before is None else before, "until": own["id"] or _EVER, "until_at": own["at"] or ""}
    finished = conn.execute(
        "SELECT count(*) AS runs, max(started) AS newest FROM runs"
        " WHERE id < :before AND finished IS NOT NULL AND kind <> 'window'",
        limit,
    ).fetchone()
    library = Library(conn)
    return Past(
        runs=finished["runs"],
        newest_run=parse_time(finished["newest"]),
        audited={row["vcenter"]: parse_timestamp(row["at"]) for row in conn.execute(_AUDITED, limit)},
        marks=_marks(conn, limit),
        clusters=_clusters(conn, library, limit),
        hosts=_hosts(conn, library, limit),
    )


def _marks(conn: sqlite3.Connection, limit: Mapping[str, Any]) -> tuple[PastMarks, ...]:
    """Per vCenter and instance UUID: those with the highest event key and time, and the newest of each build."""
    rows = conn.execute(_MARKS, limit)
    return tuple(PastMarks(row["vcenter"], parse_timestamp(row["at"]), marks_of(row)) for row in rows)


def _clusters(conn: sqlite3.Connection, library: Library, limit: Mapping[str, Any]) -> tuple[PastCluster, ...]:
    images: dict[int, dict[tuple[Commit | None, object], PastImage]] = defaultdict(dict)
    for row in conn.execute(_IMAGES, limit).fetchall():
        image = PastImage(
            library.value("image", row["hash"]),
            commit_of(row),
            parse_timestamp(row["first_seen"]),
            parse_timestamp(row["last_seen_then"]),
        )
        of_cluster, key = images[row["cluster"]], (image.commit, image.image.layers())
        of_cluster[key] = _merged_image(of_cluster[key], image) if key in of_cluster else image
    return tuple(
        PastCluster(
            row["vcenter"],
            row["instance_uuid"],
            row["cluster"],
            row["name_then"],
            parse_timestamp(row["first_seen"]),
            parse_timestamp(row["last_listed"]),
            None if row["mode"] is None else ManagementMode(row["mode"]),
            tuple(images[row["id"]].values()),
        )
        for row in conn.execute(_CLUSTERS, limit).fetchall()
    )


def _merged_image(first: PastImage, second: PastImage) -> PastImage:
    """One commit whose labels or depot state changed is one image: the newest text, the whole time."""
    newest = second if second.last_seen >= first.last_seen else first
    return replace(newest, first_seen=min(first.first_seen, second.first_seen))


def _hosts(conn: sqlite3.Connection, library: Library, limit: Mapping[str, Any]) -> tuple[PastHost, ...]:
    everything = conn.execute(_LISTINGS, limit).fetchall()
    listings = {row["host"]: row for row in everything}  # the newest row of each host stays
    inventories = {row["vcenter"]: row for row in conn.execute(_INVENTORIES, limit)}
    rows = {row["id"]: row for row in conn.execute(_HOSTS, limit).fetchall()}
    names_now, machine_since = _names_now(everything, listings), _machine_since(everything)
    hosts: dict[tuple[str, str], PastHost] = {}
    for row in rows.values():
        now = rows[names_now.get(row["id"], row["id"])]
        if now["dismissed"]:
            continue
        listing = listings.get(row["id"])
        host = PastHost(
            now["name"],
            row["vcenter"],
            listing["cluster"] if listing else "",
            listing["cluster_name"] if listing else "",
            parse_timestamp(row["first_seen"]),
            _last_listed(listing, inventories.get(row["vcenter"]), limit["before"]),
            last := _answer(conn, library, row["id"], row["answered_run"]),
            _looks(conn, library, row, last, machine_since.get(row["id"], 0)),
            (listing["moid"] if listing else None) or "",
            (listing["uuid"] if listing else None) or "",
        )
        key = (host.vcenter, host_key(host.name))
        hosts[key] = _merged_host(hosts[key], host) if key in hosts else host
    return tuple(hosts.values())


def _names_now(everything: Sequence[sqlite3.Row], newest: Mapping[int, sqlite3.Row]) -> dict[int, int]:
    """Of hosts that were renamed: the row of hosts with the present name, by that with the old one. See ``domain.identity``:
    the same object and machine, and a name that never stood for another."""
    stood_for: dict[int, set[tuple[str, ...]]] = defaultdict(set)
    for row in everything:
        if row["moid"]:
            stood_for[row["host"]].add(_identity(row))
    owners = {_identity(row): host for host, row in sorted(newest.items(), key=lambda item: item[1]["last_run"]) if row["moid"]}
    found = {host: owners[_identity(row)] for host, row in newest.items() if row["moid"]}
    return {old: now for old, now in found.items() if old != now and len(stood_for[now]) == 1}


def _machine_since(everything: Sequence[sqlite3.Row]) -> dict[int, int]:
    """Of hosts that are another machine than before under the same name: the first run that listed the present one."""
    machines: dict[int, str] = {}
    since: dict[int, int] = {}
    for row in everything:
        if row["uuid"] and machines.setdefault(row["host"], row["uuid"]) != row["uuid"]:
            machines[row["host"]], since[row["host"]] = row["uuid"], row["first_run"]
    return since


def _identity(listing: sqlite3.Row) -> tuple[str, ...]:
    return listing["vcenter"], listing["moid"], listing["uuid"]


def _last_listed(listing: sqlite3.Row | None, inventory: sqlite3.Row | None, before: int) -> datetime | None:
    if listing is None:
        return None
    if listing["last_run"] < before or inventory is None:
        return parse_timestamp(listing["last_seen"])
    # The row goes on past the limit, and it has no gaps: every inventory read since its start has listed the host.
    return parse_timestamp(inventory["at"])


def _looks(
    conn: sqlite3.Connection, library: Library, host: sqlite3.Row, last: HostObservation | None, since: int
) -> tuple[HostObservation, ...]:
    """``since``: boot banks seen before that run were another machine's."""
    runs = sorted(run for run in {host["audited_run"], host["looked_run"]} - {None} if run >= since)
    found = (last if run == host["answered_run"] else _answer(conn, library, host["id"], run) for run in runs)
    return tuple(look for look in found if look is not None and look.banks)


def _answer(conn: sqlite3.Connection, library: Library, host: int, run: int | None) -> HostObservation | None:
    """A run's richest answer, filled up with what only its other routes read. Never with other runs: an observation has one
    time."""
    if run is None:
        return None
    answers = [observation(library, row) for row in conn.execute(_ANSWERS, (host, run)).fetchall()]
    answers.sort(key=lambda answer: (-_richness(answer), _RICHEST_FIRST[answer.route], -answer.at.timestamp()))
    best, *others = answers
    for other in others:
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(HostObservation)
            if not isinstance(getattr(best, field.name), Read) and isinstance(getattr(other, field.name), Read)
        }
        best = replace(best, banks=best.banks or other.banks, **missing)
    return best


def _richness(answer: HostObservation) -> int:
    values = [getattr(answer, field.name) for field in fields(HostObservation)]
    values += [reading for bank in answer.banks for reading in (bank.target, bank.boot_cfg)]
    return sum(isinstance(value, Read) for value in values)


def _merged_host(first: PastHost, second: PastHost) -> PastHost:
    """Two spellings of one name, or two names of one host."""
    by_listing = max((first, second), key=lambda host: (host.last_listed is not None, host.last_listed))
    lasts = [host.last for host in (first, second) if host.last is not None]
    return replace(
        by_listing,
        first_seen=min(first.first_seen, second.first_seen),
        last=max(lasts, key=lambda last: last.at, default=None),
        looks=tuple(sorted((*first.looks, *second.looks), key=lambda look: look.at))[-2:],
    )


__all__ = ["past"]
