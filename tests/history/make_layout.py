"""Writes ``layouts/NAME.sql``: a small history in the present layout, NAME being its newest migration.

Run it once, when a migration was added: ``python -m tests.history.make_layout``. Never make an old file again: it shows
what an old program really wrote.
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import datetime
from pathlib import Path

from auditor.domain.observation import Estate, Read, Reason, Route, Unread
from auditor.domain.settings.values import HostSettings, SettingsGroup
from auditor.history.store import SqliteHistory

from .recording import NEW, OLD, cluster, host, record, silent, vcenter
from .strategies import at

LAYOUTS = Path(__file__).parent / "layouts"


def sample_estates() -> list[Estate]:
    """What the files hold: two runs, between them a remediation of one of two hosts."""
    return [
        Estate(
            at(n),
            (vcenter(at(n), 100 + n, clusters=(cluster((OLD, NEW)[n], scan=at(n)),)),),
            (
                host("esx01", at(n), (OLD, NEW)[n]),
                host("esx01", at(n), (OLD, NEW)[n], Route.VCENTER, banks=(), staged=Unread(Reason.NOT_SUPPORTED, "not so")),
                silent("esx02", at(n)) if n else host("esx02", at(n), maintenance_mode=Read(True)),
            ),
        )
        for n in range(2)
    ]


def sample_settings(moment: datetime) -> list[HostSettings]:
    """Of one of the hosts, as read in each of these runs."""
    ntp = Read((("servers", f"ntp{moment.minute}.example.org"),))
    why = Unread(Reason.DENIED, "no right")
    return [HostSettings("esx01", "vc", moment, {SettingsGroup.NTP: ntp, SettingsGroup.LOCKDOWN: why})]


def dump(path: Path) -> str:
    """The database as SQL, with the header field that marks it as ours."""
    with sqlite3.connect(path) as conn:
        application_id = conn.execute("PRAGMA application_id").fetchone()[0]
        return "\n".join([f"PRAGMA application_id = {application_id};", *conn.iterdump()]) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with SqliteHistory(path) as history:
            for estate in sample_estates():
                record(history, estate, settings=sample_settings(estate.at))
        with sqlite3.connect(path) as conn:
            (name,) = conn.execute("SELECT name FROM _sqlite_migrations ORDER BY id DESC LIMIT 1").fetchone()
        (LAYOUTS / f"{name}.sql").write_text(dump(path))


if __name__ == "__main__":
    main()
