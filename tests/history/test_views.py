"""The views, read with plain SQLite as a person would."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.image import Commit
from auditor.domain.observation import BankReading, Estate, Read, Reason, Route, Unread, VCenterMarks
from auditor.history.file import stamp
from auditor.history.store import SqliteHistory

from .recording import NEW, OLD, cluster, host, record, silent, vcenter
from .strategies import at


@pytest.fixture
def ask(tmp_path: Path) -> object:
    """Two runs: in the second esx01 was updated but its VIBs could not be read, esx02 is silent, much of vCenter unread."""
    denied = Unread(Reason.DENIED, "no right")
    bank = BankReading("/altbootbank", Read("/vmfs/volumes/b"), Unread(Reason.CUT_OFF, "half a file"))
    with SqliteHistory(tmp_path / "h.db") as history:
        first = vcenter(at(0), clusters=(cluster(OLD, Commit("5", "admin", at(-9), "first"), scan=at(-1)),))
        record(history, Estate(at(0), (first,), (host("esx01", at(0)), host("esx02", at(0)))))
        marks = VCenterMarks("uuid-1", "8.0.3", "24022515", denied, denied, Read(at(1)))
        second = replace(cluster(NEW, Commit("6", "ops", at(0))), compliance=denied)
        view = vcenter(at(1), marks=Read(marks), clusters=(second,), hosts=("esx01",), depot=Unread(Reason.TIMED_OUT))
        updated = host("esx01", at(1), NEW, vibs=Unread(Reason.CUT_OFF, "stopped"), banks=(bank,))
        record(history, Estate(at(1), (view,), (updated, silent("esx02", at(1)))))
    conn = sqlite3.connect(f"file:{tmp_path / 'h.db'}?mode=ro", uri=True)
    conn.row_factory = sqlite3.Row
    return lambda sql: [dict(row) for row in conn.execute(sql)]


def test_latest_hosts(ask) -> None:
    first, second = ask("SELECT * FROM latest_hosts")
    assert first == {
        "vcenter": "vc", "host": "esx01", "cluster": "domain-c1", "cluster_name": "name of domain-c1",
        "version": "8.0.3", "build": "24674464", "profile": None, "base_image": NEW,
        "add_on": "HPE-addon", "add_on_version": "803.0.0.11", "components": 10, "vibs": 20, "maintenance_mode": 0,
        "last_answered": stamp(at(1)), "vibs_last_seen": stamp(at(0)), "last_listed": stamp(at(1)),
        "last_attempt": stamp(at(1)), "last_route": "ssh", "last_outcome": "partial", "last_reason": "",
        "last_detail": "", "first_seen": stamp(at(0)),
    }  # fmt: skip
    assert (second["host"], second["base_image"], second["last_answered"]) == ("esx02", OLD, stamp(at(0)))
    assert (second["last_outcome"], second["last_reason"]) == ("failed", "unreachable")
    assert (second["last_detail"], second["last_listed"]) == ("nothing answered", stamp(at(0)))


def test_latest_clusters(ask) -> None:
    (row,) = ask("SELECT * FROM latest_clusters")
    assert row == {
        "vcenter": "vc", "instance_uuid": "uuid-1", "cluster": "domain-c1", "name": "name of domain-c1", "mode": "image",
        "base_image": NEW, "add_on": "HPE-addon", "add_on_version": "803.0.0.11", "commit_id": "6",
        "commit_time": stamp(at(0)), "commit_author": "ops", "image_seen": stamp(at(1)), "status": None,
        "scan_time": None, "first_seen": stamp(at(0)), "last_seen": stamp(at(1)),
    }  # fmt: skip


def test_cluster_images(ask) -> None:
    rows = ask("SELECT commit_id, commit_author, commit_description, base_image, spec, last_seen FROM cluster_images")
    spec = '{"base_image": {}}'
    assert rows == [
        {"commit_id": "5", "commit_author": "admin", "commit_description": "first", "base_image": OLD, "spec": spec,
         "last_seen": stamp(at(0))},
        {"commit_id": "6", "commit_author": "ops", "commit_description": "", "base_image": NEW, "spec": spec,
         "last_seen": stamp(at(1))},
    ]  # fmt: skip


def test_unread(ask) -> None:
    rows = ask("SELECT * FROM unread ORDER BY subject, name, reading")
    assert {row["run"] for row in rows} == {2}
    assert [
        tuple(row[key] for key in ("subject", "vcenter", "name", "route", "reading", "reason", "detail")) for row in rows
    ] == [
        ("cluster", "vc", "name of domain-c1", "vcenter", "compliance", "denied", "no right"),
        ("host", "vc", "esx01", Route.SSH, "/altbootbank boot.cfg", "cut-off", "half a file"),
        ("host", "vc", "esx01", Route.SSH, "vibs", "cut-off", "stopped"),
        ("host", "vc", "esx02", Route.SSH, "all", "unreachable", "nothing answered"),
        ("vcenter", "vc", "vc", "vcenter", "depot", "timed-out", ""),
        ("vcenter", "vc", "vc", "vcenter", "newest_event_key", "denied", "no right"),
        ("vcenter", "vc", "vc", "vcenter", "newest_event_time", "denied", "no right"),
    ]
