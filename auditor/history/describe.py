"""The layout of the history in words, made from the database itself: its tables, and the comments their statements hold."""

from __future__ import annotations

import re
import sqlite3

from sqlite_utils import Database

from auditor.history.migrations import MIGRATIONS

_HEAD = re.compile(r"CREATE (?:TABLE|VIEW) \w+ (?:AS|\() -- (.+)")
_COLUMN = re.compile(r"^    (\w+) .*?-- (.+)$", re.MULTILINE)


def describe_layout() -> str:
    """The tables and views as Markdown."""
    db = Database(memory=True, execute_plugins=False)
    MIGRATIONS.apply(db)
    db.conn.row_factory = sqlite3.Row
    rows = db.conn.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlite%' ESCAPE '\\' ORDER BY type, rowid"
    ).fetchall()
    sections = [_section(db.conn, row) for row in rows]
    db.close()
    return "\n\n".join(sections) + "\n"


def _section(conn: sqlite3.Connection, row: sqlite3.Row) -> str:
    head = _HEAD.match(row["sql"])
    lines = [f"## {row['type']} `{row['name']}`", "", head.group(1) if head else ""]
    columns = conn.execute(f"PRAGMA table_info({row['name']})").fetchall()
    if row["type"] == "view":
        return "\n".join([*lines, "", "Columns: " + ", ".join(f"`{column['name']}`" for column in columns) + "."])
    words = dict(_COLUMN.findall(row["sql"]))
    targets = {key["from"]: key["table"] for key in conn.execute(f"PRAGMA foreign_key_list({row['name']})")}
    lines += ["", "| Column | Type | Refers to | Meaning |", "|---|---|---|---|"]
    for column in columns:
        name = column["name"]
        target = f"`{targets[name]}`" if name in targets else ""
        lines.append(f"| `{name}` | {column['type']} | {target} | {words.get(name, '')} |")
    return "\n".join(lines)


__all__ = ["describe_layout"]
