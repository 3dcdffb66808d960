"""Hosts' settings: written as intervals, given back as what is known of one host."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable

from auditor.codec import canonical, from_plain, parse_timestamp, to_plain
from auditor.domain.observation import Read, Reading, Unread, host_key
from auditor.domain.settings.past import PastSettings, Seen
from auditor.domain.settings.values import Entries, HostSettings, SettingsGroup
from auditor.history.file import stamp
from auditor.history.split import Document, document

KIND = "settings"
"""Of the documents; one serves every host and group with the same settings."""

_NEWEST = """SELECT group_name, id, document, max(last_seen) FROM settings WHERE host = :host GROUP BY group_name"""
_EXTEND = """UPDATE settings SET first_run = min(first_run, :run), last_run = max(last_run, :run),
    first_seen = min(first_seen, :at), last_seen = max(last_seen, :at) WHERE id = :id"""
_INSERT = """INSERT INTO settings (host, group_name, document, first_run, last_run, first_seen, last_seen)
    VALUES (:host, :group, :document, :run, :run, :at, :at)"""
_ATTEMPT = "INSERT INTO settings_attempts (run, host, at, answered, unread) VALUES (:run, :host, :at, :answered, :unread)"
_HOSTS = "SELECT id, name, vcenter FROM hosts WHERE :vcenter IS NULL OR vcenter = :vcenter ORDER BY vcenter, id"
_SETTINGS = """SELECT settings.*, documents.content AS content FROM settings
    JOIN documents ON documents.id = settings.document WHERE settings.host = ? ORDER BY settings.first_seen, settings.id"""
_ATTEMPTS = "SELECT at, unread FROM settings_attempts WHERE host = ? ORDER BY id"
_ALL_ATTEMPTS = """SELECT settings_attempts.*, hosts.name AS name, hosts.vcenter AS vcenter FROM settings_attempts
    JOIN hosts ON hosts.id = settings_attempts.host ORDER BY settings_attempts.id"""


def settings_document(value: Entries) -> Document:
    """The document of a group."""
    return document(KIND, to_plain(value))


def write_settings(
    conn: sqlite3.Connection, run: int, host: int, settings: HostSettings, store: Callable[[Document], int]
) -> None:
    """One reading of a host's settings; ``store`` gives the row of a document. Needs a write transaction."""
    row = {"run": run, "host": host, "at": stamp(settings.at)}
    newest = {found["group_name"]: found for found in conn.execute(_NEWEST, row)}
    for group, value in settings.read.items():
        number, last = store(settings_document(value)), newest.get(group.value)
        if last is not None and last["document"] == number:
            conn.execute(_EXTEND, row | {"id": last["id"]})
        else:
            conn.execute(_INSERT, row | {"group": group.value, "document": number})
    reasons: dict[str, list[str]] = defaultdict(list)  # mostly one for all
    for group, why in settings.unread.items():
        reasons[canonical(why)].append(group.value)
    unread = json.dumps([{"groups": names, **json.loads(why)} for why, names in reasons.items()])
    conn.execute(_ATTEMPT, row | {"answered": len(settings.read), "unread": unread})


def settings_readings(conn: sqlite3.Connection) -> list[HostSettings]:
    """All readings of a file that holds a single run, each as it was given to ``write_settings``."""
    found = []
    for attempt in conn.execute(_ALL_ATTEMPTS).fetchall():
        groups: dict[SettingsGroup, Reading[Entries]] = {
            SettingsGroup(name): from_plain(Unread, why) for why in json.loads(attempt["unread"]) for name in why["groups"]
        }
        for row in conn.execute(_SETTINGS, (attempt["host"],)).fetchall():
            if row["first_seen"] <= attempt["at"] <= row["last_seen"]:
                groups.setdefault(SettingsGroup(row["group_name"]), Read(from_plain(Entries, json.loads(row["content"]))))
        found.append(HostSettings(attempt["name"], attempt["vcenter"], parse_timestamp(attempt["at"]), groups))
    return found


def read_settings(conn: sqlite3.Connection, name: str, vcenter: str | None) -> list[PastSettings]:
    """What is known of a host's settings, for each vCenter that it is known in; two spellings of its name are one host."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in conn.execute(_HOSTS, {"vcenter": vcenter}).fetchall():
        if host_key(row["name"]) == host_key(name):
            found[row["vcenter"]].append(row["id"])
    return [_past(conn, host_key(name), where, hosts) for where, hosts in found.items()]


def _past(conn: sqlite3.Connection, name: str, vcenter: str, hosts: list[int]) -> PastSettings:
    groups: dict[SettingsGroup, list[Seen]] = defaultdict(list)
    unread: dict[SettingsGroup, tuple[str, Unread]] = {}
    last = None
    for host in hosts:
        for row in conn.execute(_SETTINGS, (host,)).fetchall():
            value = from_plain(Entries, json.loads(row["content"]))
            groups[SettingsGroup(row["group_name"])].append(
                Seen(value, parse_timestamp(row["first_seen"]), parse_timestamp(row["last_seen"]))
            )
        for row in conn.execute(_ATTEMPTS, (host,)).fetchall():
            last = max(last or row["at"], row["at"])
            for why in json.loads(row["unread"]):
                unread |= {SettingsGroup(name): (row["at"], from_plain(Unread, why)) for name in why["groups"]}
    for values in groups.values():
        values.sort(key=lambda seen: seen.first_seen)
    newer = {
        group: why
        for group, (at, why) in unread.items()
        if group not in groups or parse_timestamp(at) > max(seen.last_seen for seen in groups[group])
    }
    return PastSettings(
        name,
        vcenter,
        {group: tuple(values) for group, values in groups.items()},
        newer,
        None if last is None else parse_timestamp(last),
    )


__all__ = ["KIND", "read_settings", "settings_document", "settings_readings", "write_settings"]
