"""Removing old details. Never removed: runs, marks, desired images, the newest finished run, each host's newest answer, and
hosts' settings with their times: a boot bank may hold a configuration that is years old."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from auditor.history.file import stamp

_OLD_RUNS = """CREATE TEMP TABLE old_runs AS SELECT id FROM runs WHERE started < ?
    AND id IS NOT (
        SELECT id FROM runs WHERE finished IS NOT NULL AND kind <> 'window' ORDER BY started DESC, id DESC LIMIT 1)"""
_OLD = "SELECT id FROM temp.old_runs"

_NEWEST = f"""SELECT coalesce(max(run), 0) FROM host_attempts AS newest JOIN runs ON runs.id = newest.run
    WHERE newest.host = host_attempts.host AND newest.answered > 0 AND newest.run IN ({_OLD})"""  # noqa: S608 - constants
_REMOVE_ATTEMPTS = f"""DELETE FROM host_attempts WHERE run IN ({_OLD}) AND NOT (answered > 0 AND run IN (
    ({_NEWEST} AND runs.kind <> 'window'), ({_NEWEST} AND newest.route = 'ssh'),
    ({_NEWEST} AND newest.route = 'ssh' AND runs.kind = 'audit' AND runs.finished IS NOT NULL)))"""  # noqa: S608
# What remains are the newest answers of each host among the old runs, of the kinds that ``past`` asks for, so that it gives
# the same for every run kept.

_REMOVE_CLUSTERS = f"""DELETE FROM cluster_attempts WHERE run IN ({_OLD}) AND id NOT IN (
    SELECT max(id) FROM cluster_attempts WHERE run IN ({_OLD}) GROUP BY cluster
    UNION SELECT max(id) FROM cluster_attempts WHERE run IN ({_OLD}) AND mode IS NOT NULL GROUP BY cluster
    UNION SELECT max(id) FROM cluster_attempts WHERE run IN ({_OLD}) AND image IS NOT NULL GROUP BY image)"""  # noqa: S608
_REMOVE_INTERVALS = f"""DELETE FROM observations WHERE last_run IN ({_OLD}) AND id NOT IN (
    SELECT id FROM (SELECT id, max(last_seen) FROM observations GROUP BY host, route, reading))"""  # noqa: S608
_DROP_ANSWERS = (
    f"UPDATE vcenter_attempts SET document = NULL WHERE run IN ({_OLD})",  # noqa: S608
    f"UPDATE cluster_attempts SET document = NULL WHERE run IN ({_OLD})",  # noqa: S608
)
_REMOVE_UNUSED = """DELETE FROM documents WHERE id NOT IN (
    SELECT document FROM host_attempts WHERE document IS NOT NULL UNION SELECT document FROM observations
    UNION SELECT document FROM vcenter_attempts WHERE document IS NOT NULL
    UNION SELECT document FROM cluster_attempts WHERE document IS NOT NULL
    UNION SELECT document FROM images UNION SELECT document FROM settings UNION SELECT part FROM parts)"""
_REMOVE_SETTINGS_ATTEMPTS = f"""DELETE FROM settings_attempts WHERE run IN ({_OLD}) AND id NOT IN (
    SELECT max(id) FROM settings_attempts GROUP BY host)"""  # noqa: S608
_REMOVE_PARTS = """DELETE FROM parts WHERE whole NOT IN (
    SELECT document FROM host_attempts WHERE document IS NOT NULL
    UNION SELECT document FROM vcenter_attempts WHERE document IS NOT NULL
    UNION SELECT document FROM cluster_attempts WHERE document IS NOT NULL
    UNION SELECT document FROM observations UNION SELECT document FROM images UNION SELECT part FROM parts)"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: runs that lost their details, attempts to read a host, documents nothing refers to any more."""

    runs: int
    attempts: int
    documents: int


def prune(conn: sqlite3.Connection, keep_runs_since: datetime) -> Pruned:
    """Remove the details of runs that began before that time. Needs a write transaction."""
    conn.execute(_OLD_RUNS, (stamp(keep_runs_since),))
    try:
        attempts = conn.execute(_REMOVE_ATTEMPTS).rowcount
        conn.execute(_REMOVE_CLUSTERS)
        conn.execute(_REMOVE_INTERVALS)
        conn.execute(_REMOVE_SETTINGS_ATTEMPTS)
        for statement in _DROP_ANSWERS:
            conn.execute(statement)
        runs = conn.execute(f"UPDATE runs SET pruned = 1 WHERE pruned = 0 AND id IN ({_OLD})").rowcount  # noqa: S608
        while conn.execute(_REMOVE_PARTS).rowcount:  # a part may itself have parts
            pass
        documents = conn.execute(_REMOVE_UNUSED).rowcount
    finally:
        conn.execute("DROP TABLE temp.old_runs")
    return Pruned(runs, attempts, documents)


__all__ = ["Pruned", "prune"]
