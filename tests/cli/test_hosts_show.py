"""``auditor hosts show``: each reading's newest recorded answer with route and time, now or at a time; nothing is contacted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor import documents
from auditor.domain.image import AddOn, Component, ImageProfile, Vib
from auditor.domain.observation import BankReading, HostObservation, Read, Reason, Route, Unread
from auditor.history.store import SqliteHistory
from tests.cli.conftest import Run
from tests.domain.estates import NEW, OLD, says
from tests.reports.estates import AT

HOST = "esx01.example.org"
VIBS = (Vib("esx-base", NEW, "VMware", "VMwareCertified", "2026-01-02", "host"), Vib("net-agent", "1.0-1", "LAB"))
BANKS = (BankReading("/bootbank", Read("/vmfs/volumes/a"), Read(b"bootstate=0\nbuild=8.0.3\nupdated=3\n")),)


def day(number: float) -> datetime:
    return AT + timedelta(days=number)


def record(path: Path, at: datetime, *observations: HostObservation) -> None:
    with SqliteHistory(path) as history:
        run = history.begin("snapshot", at)
        for seconds, observation in enumerate(observations):
            told = at + timedelta(seconds=seconds)
            history.record_host(run, HostObservation(**{**_fields(observation), "at": told}))
        history.finish(run, at, "complete")


def _fields(observation: HostObservation) -> dict[str, Any]:
    return {name: getattr(observation, name) for name in observation.__dataclass_fields__}


@pytest.fixture
def history(config: Path) -> Path:
    """Day 0: SSH tells all, and vCenter some of it. Day 1: only vCenter gets through, and its list has one VIB less; SSH is
    refused. In vCenter vc2 a host has the same name."""
    path = config.parent / "history.db"
    ssh = says(
        HOST, OLD, vibs=Read(VIBS), banks=BANKS, acceptance_level=Read("CommunitySupported"),
        components=Read((Component("Agent", "1.0-1", vendor="LAB"),)),
        profile=Read(ImageProfile("Image-A", "Maker", updated=True)),
    )  # fmt: skip
    none = Unread(Reason.NOT_ATTEMPTED)
    vcenter = says(
        HOST, OLD, AddOn("DEL-ESXi", "A1"), Route.VCENTER, vibs=Read(VIBS), components=Unread(Reason.DENIED, "no right")
    )
    record(path, day(0), ssh, vcenter)
    refused = HostObservation(HOST, Route.SSH, AT, "vc", trouble=Unread(Reason.UNREACHABLE, "refused"))
    later = says(
        HOST, NEW, route=Route.VCENTER, vibs=Read(VIBS[:1]), components=Unread(Reason.DENIED, "no right"), staged=none,
        acceptance_level=none,
    )  # fmt: skip
    record(path, day(1), refused, later)
    return path


def readings(auditor: Run, *words: str) -> dict[str, Any]:
    done = auditor("hosts", "show", *words, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert documents.problems(document, "host.v1") == ()
    [record_] = document["records"]
    found: dict[str, Any] = record_["readings"]
    return found


def source(reading: dict[str, Any]) -> tuple[str, str]:
    return reading["route"], reading["at"][:10]


def test_each_reading_is_the_newest_answer_with_its_own_route_and_time(auditor: Run, history: Path) -> None:
    found = readings(auditor, "esx01")
    assert found["base_image"]["value"]["version"] == NEW
    assert [vib["name"] for vib in found["vibs"]["value"]] == ["esx-base"]
    assert source(found["base_image"]) == source(found["vibs"]) == ("vcenter", "2026-03-02")
    # What only the older run could read is as old as that run.
    assert found["acceptance_level"]["value"] == "CommunitySupported"
    assert found["components"]["value"][0]["name"] == "Agent"
    assert found["banks"]["value"][0]["target"] == {"value": "/vmfs/volumes/a"}
    assert {source(found[key]) for key in ("acceptance_level", "components", "banks", "staged")} == {("ssh", "2026-03-01")}
    # What nobody could ever read says why.
    assert "unread" in found["boot_volumes"]


def test_at_a_time_it_is_what_was_known_then(auditor: Run, history: Path) -> None:
    found = readings(auditor, "esx01", "--at", "2026-03-01T18:00")
    assert found["base_image"]["value"]["version"] == OLD
    assert [vib["name"] for vib in found["vibs"]["value"]] == ["esx-base", "net-agent"]
    assert source(found["vibs"]) == ("ssh", "2026-03-01")
    assert found["vibs"]["value"][0]["install_date"] == "2026-01-02"
    # As in an audit: an add-on that one route names stands against another's "none".
    assert (found["add_on"]["value"]["name"], found["add_on"]["route"]) == ("DEL-ESXi", "vcenter")


def test_an_interval_that_goes_on_is_as_old_as_its_last_reading_before_that_time(auditor: Run, history: Path) -> None:
    record(history, day(2), says(HOST, NEW, route=Route.VCENTER))
    record(history, day(3), says(HOST, NEW, route=Route.VCENTER))
    assert source(readings(auditor, "esx01", "--at", "2026-03-03T23:00")["base_image"]) == ("vcenter", "2026-03-03")
    assert source(readings(auditor, "esx01")["base_image"]) == ("vcenter", "2026-03-04")


def test_people_see_the_same_with_ages_and_whole_lists(auditor: Run, history: Path) -> None:
    done = auditor("hosts", "show", "ESX01", "--at", "2026-03-01T18:00")
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "acceptance level CommunitySupported (ssh, 2026-03-01 12:00:00Z, 6 hours ago)" in lines
    assert (
        "image profile Image-A (updated since: VIBs were changed on the host), Maker (ssh, 2026-03-01 12:00:00Z, 6 hours ago)"
        in lines
    )
    assert (
        "boot banks /bootbank -> /vmfs/volumes/a: bootstate 0, updated 3, build 8.0.3 (ssh, 2026-03-01 12:00:00Z, 6 hours ago)"
        in lines
    )
    assert f"esx-base {NEW} VMwareCertified 2026-01-02 VMware host" in lines
    assert "net-agent 1.0-1 LAB" in lines
    assert "Agent 1.0-1 LAB" in lines
    now = auditor("hosts", "show", "esx01").out
    assert "ssh      2026-03-02 12:00:00Z" in now
    assert "unreachable: refused" in now


def test_hosts_of_one_name_in_two_vcenters_are_told_apart(auditor: Run, history: Path) -> None:
    other = HostObservation(**{**_fields(says(HOST, OLD)), "vcenter": "vc2"})
    record(history, day(2), other)
    document = json.loads(auditor("hosts", "show", "esx01", "--json").out)
    shown = {each["vcenter"]: each["readings"]["base_image"]["value"]["version"] for each in document["records"]}
    assert shown == {"vc": NEW, "vc2": OLD}
    assert auditor("hosts", "show", "esx01").out.count(f"{HOST} in vCenter") == 2
    assert readings(auditor, "esx01", "--vcenter", "vc2")["base_image"]["value"]["version"] == OLD
    wrong = auditor("hosts", "show", "esx01", "--vcenter", "vc3")
    assert wrong.code == 1
    assert "nothing is recorded of esx01.example.org in vCenter vc3" in wrong.err
    assert "recorded: vc, vc2" in wrong.err


def test_a_host_that_nobody_knows_is_an_error_with_names_that_look_like_it(auditor: Run, history: Path) -> None:
    done = auditor("hosts", "show", "esx011")
    assert done.code == 1
    assert "no host 'esx011' is known here" in done.err
    assert f"did you mean {HOST}" in done.err


def test_before_the_first_record_nothing_is_known(auditor: Run, history: Path) -> None:
    done = auditor("hosts", "show", "esx01", "--at", "2026-02-01")
    assert done.code == 1
    assert "nothing is recorded of esx01.example.org at that time" in done.err


def test_after_retention_the_newest_answers_are_still_there(auditor: Run, history: Path) -> None:
    with SqliteHistory(history) as recorded:
        recorded.prune(day(30))
    found = readings(auditor, "esx01")
    assert found["base_image"]["value"]["version"] == NEW
    assert found["vibs"]["value"][0]["name"] == "esx-base"


def test_an_audit_of_the_history_has_the_same_vibs(auditor: Run, history: Path) -> None:
    """The document of an audit names every reading in the same form."""
    done = auditor("audit", "--from-history", "--json")
    [row] = [host for host in json.loads(done.out)["hosts"] if host["name"] == HOST]
    assert row["readings"]["vibs"] == readings(auditor, "esx01")["vibs"]
    assert row["readings"].keys() == readings(auditor, "esx01").keys()
