"""Hosts' settings: intervals that say what every run read, documents once, nothing of it lost to retention."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.observation import Estate, Read, Reason, Unread
from auditor.domain.settings.past import PastSettings, Seen
from auditor.domain.settings.values import HostSettings, SettingsGroup
from auditor.history.store import SqliteHistory

from .recording import count, host, record, vcenter
from .strategies import at

NTP, DNS = SettingsGroup.NTP, SettingsGroup.DNS
DENIED = Unread(Reason.DENIED, "lacks a privilege", "raw \udce4")


def seen(moment: datetime, name: str = "esx01", where: str = "vc", **groups: object) -> HostSettings:
    readings = {
        SettingsGroup[key.upper()]: value if isinstance(value, Unread) else Read((("servers", str(value)),))
        for key, value in groups.items()
    }
    return HostSettings(name, where, moment, readings)


def keep(history: SqliteHistory, *settings: HostSettings) -> int:
    moment = settings[0].at
    return record(history, Estate(moment, (vcenter(moment),), (host("esx01", moment),)), settings=settings)


@pytest.fixture
def history(tmp_path: Path) -> SqliteHistory:
    return SqliteHistory(tmp_path / "h.db")


def only(history: SqliteHistory, name: str = "esx01") -> PastSettings:
    (found,) = history.settings(name)
    return found


def test_an_unchanged_host_adds_no_document(history: SqliteHistory) -> None:
    keep(history, seen(at(1), ntp="a", dns="b"))
    again = keep(history, seen(at(2), ntp="a", dns="b"))
    assert history.new_documents(again) == 0
    assert only(history).groups == {
        NTP: (Seen((("servers", "a"),), at(1), at(2)),),
        DNS: (Seen((("servers", "b"),), at(1), at(2)),),
    }
    assert count(history.path, "settings") == 2


def test_hosts_with_the_same_settings_share_a_document(history: SqliteHistory) -> None:
    keep(history, *(seen(at(1), f"esx{n:02}", ntp="a", dns="a") for n in range(10)))
    with sqlite3.connect(history.path) as conn:
        assert conn.execute("SELECT count(*) FROM documents WHERE kind = 'settings'").fetchone()[0] == 1


def test_what_could_not_be_read_ends_nothing(history: SqliteHistory) -> None:
    keep(history, seen(at(1), ntp="a", dns="b"))
    keep(history, seen(at(2), ntp=DENIED, dns="c"))
    found = only(history)
    assert found.of(NTP) == (Seen((("servers", "a"),), at(1), at(1)),)
    assert found.unread == {NTP: DENIED}
    assert found.last_attempt == at(2)
    keep(history, seen(at(3), ntp="a", dns="c"))
    assert only(history).of(NTP) == (Seen((("servers", "a"),), at(1), at(3)),)
    assert only(history).unread == {}


def test_a_value_that_comes_back_is_a_new_interval(history: SqliteHistory) -> None:
    for n, value in enumerate(["a", "b", "a"]):
        keep(history, seen(at(n), ntp=value))
    changes = list(only(history).changes())
    assert [(str(change), change.seen) for change in changes] == [
        ("ntp servers: a -> b", at(1)),
        ("ntp servers: b -> a", at(2)),
    ]
    assert [change.seen for change in only(history).changes(at(1))] == [at(2)]
    assert only(history).at(NTP, at(1)) == Seen((("servers", "b"),), at(1), at(1))


def test_hosts_of_two_vcenters_are_apart_and_names_have_no_case(history: SqliteHistory) -> None:
    keep(history, seen(at(1), ntp="a"), seen(at(1), where="other", ntp="b"))
    keep(history, seen(at(2), "ESX01.", ntp="c"))
    (one, other) = sorted(history.settings("esx01"), key=lambda past: past.vcenter)
    assert (one.vcenter, len(one.of(NTP))) == ("other", 1)
    assert (other.vcenter, [s.entries[0][1] for s in other.of(NTP)]) == ("vc", ["a", "c"])
    assert [past.vcenter for past in history.settings("Esx01", "vc")] == ["vc"]
    assert history.settings("nobody") == []


def test_retention_leaves_settings_alone(history: SqliteHistory) -> None:
    for n in range(1, 9):
        keep(history, seen(at(n), ntp=f"ntp{n}", dns=DENIED))
    before = only(history)
    history.prune(at(7))
    assert only(history) == before
    assert count(history.path, "settings_attempts") < 8
    with sqlite3.connect(history.path) as conn:
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_view_shows_the_newest(history: SqliteHistory) -> None:
    keep(history, seen(at(1), ntp="a", dns="b"))
    keep(history, seen(at(2), ntp="c", dns=DENIED))
    with sqlite3.connect(history.path) as conn:
        rows = conn.execute("SELECT host, group_name, name, value, last_seen FROM latest_settings").fetchall()
    assert [row[:4] for row in rows] == [("esx01", "dns", "servers", "b"), ("esx01", "ntp", "servers", "c")]
    assert rows[0][4] < rows[1][4]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.one_of(st.sampled_from("abc"), st.none()), max_size=12))
def test_every_run_is_found_again(tmp_path_factory: pytest.TempPathFactory, values: list[str | None]) -> None:
    """At the time of every run that read a value, history gives that value; a run that read none changes nothing."""
    with SqliteHistory(tmp_path_factory.mktemp("h") / "h.db") as history:
        run = history.begin("snapshot", at(0))
        for n, value in enumerate(values):
            history.record_settings(run, [seen(at(n), ntp=DENIED if value is None else value)])
        found = history.settings("esx01")
    last = None
    for n, value in enumerate(values):
        last = value or last
        known = found[0].at(NTP, at(n))
        assert (known.entries[0][1] if known else None) == last
