"""The recorded answers in which hosts' boot banks were read: what window events are made of."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from auditor.domain.observation import HostObservation, host_key
from auditor.history.join import Library
from auditor.history.queries import observation

_ANSWERS = """SELECT a.*, hosts.name AS name, hosts.vcenter AS vcenter
    FROM host_attempts AS a JOIN hosts ON hosts.id = a.host
    WHERE a.route = 'ssh' AND a.answered > 0 AND a.document IS NOT NULL ORDER BY hosts.vcenter, hosts.name, a.run, a.id"""


def bank_answers(conn: sqlite3.Connection, names: Collection[str]) -> Iterator[tuple[HostObservation, ...]]:
    """Per host, oldest first, the answers with banks; of equal ones in a row the first and the last. ``names`` are the hosts
    wanted, none for all. What retention removed is not there any more."""
    library, wanted = Library(conn), {host_key(name) for name in names}
    rows: list[sqlite3.Row] = []
    for row in conn.execute(_ANSWERS):
        if wanted and host_key(row["name"]) not in wanted:
            continue
        if rows and rows[-1]["host"] != row["host"]:
            yield _answers(library, rows)
            rows = []
        if len(rows) > 1 and rows[-1]["document"] == rows[-2]["document"] == row["document"]:
            rows[-1] = row
        else:
            rows.append(row)
    if rows:
        yield _answers(library, rows)


def _answers(library: Library, rows: list[sqlite3.Row]) -> tuple[HostObservation, ...]:
    return tuple(answer for answer in (observation(library, row) for row in rows) if answer.banks)


__all__ = ["bank_answers"]
