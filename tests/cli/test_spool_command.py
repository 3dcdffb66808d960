"""The commands beside a program that keeps the history open."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import documents
from auditor.cli import wiring
from tests.cli.conftest import Run
from tests.history.holder import Holder


@pytest.fixture
def reader(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Holder]:
    """It has the history open."""
    monkeypatch.setattr(wiring, "HISTORY_SECONDS", 0.05)
    holder = Holder()
    holder.hold(recorded)
    yield holder
    holder.close()


def runs(auditor: Run) -> list[tuple[int, str]]:
    return [(run["run"], run["kind"]) for run in json.loads(auditor("history", "runs", "--json").out)["runs"]]


def test_audit_and_snapshot_are_recorded_beside_the_history(auditor: Run, recorded: Path, reader: Holder) -> None:
    audit = auditor("audit")
    assert audit.code == 4
    assert "recorded beside the history; exit code 4" in " ".join(audit.out.split())
    assert "not recorded" not in audit.out
    document = json.loads(auditor("audit", "--json").out)
    assert documents.problems(document, "audit.v1") == ()
    assert document["run"] is None
    assert "What 1 earlier run there saw is not in this answer." in document["limits"][0]
    snapshot = auditor("snapshot")
    assert snapshot.code == 4
    assert re.search(r"RECORDED, VIEW INCOMPLETE: a run at .*beside the history, in ", " ".join(snapshot.out.split()))
    document = json.loads(auditor("snapshot", "--json").out)
    assert documents.problems(document, "snapshot.v1") == ()
    assert Path(document["history"]).parent == recorded.with_name("history.db.spool")

    looked = auditor("history", "runs")
    assert "4 runs wait beside the history" in looked.err
    for arguments in (("hosts", "list"), ("history", "images"), ("audit", "--from-history")):
        assert "4 runs wait beside the history" in auditor(*arguments).err, arguments
    limits = json.loads(auditor("audit", "--from-history", "--json").out)["limits"]
    assert "4 runs wait beside the history" in limits[0]
    before = runs(auditor)

    reader.free(recorded)
    done = auditor("snapshot")
    assert (done.code, done.err.count("took 4 runs into the history")) == (4, 1)
    numbers = [number for number, _ in before]
    later = [(numbers[-1] + n, kind) for n, kind in enumerate(["audit", "audit", "snapshot", "snapshot", "snapshot"], 1)]
    assert runs(auditor) == before + later
    assert "beside" not in auditor("history", "runs").err


def test_forgetting_a_host_takes_in_first_what_waits(auditor: Run, recorded: Path, reader: Holder) -> None:
    auditor("audit")
    known = len(runs(auditor))
    reader.free(recorded)
    done = auditor("history", "forget-host", "esx99", "--reason", "scrapped")
    assert done.code == 0
    assert "took 1 run into the history" in done.err
    assert len(runs(auditor)) == known + 1


def test_recorded_neither_here_nor_beside(auditor: Run, recorded: Path, reader: Holder) -> None:
    recorded.with_name("history.db.spool").touch()
    audit = auditor("audit")
    assert audit.code == 4, "that of what was seen"
    assert "could not be kept beside it" in audit.err
    assert "not recorded; exit code 4" in " ".join(audit.out.split())
    snapshot = auditor("snapshot")
    assert snapshot.code == 1, "recording is all it is for"
    assert "could not be kept beside it" in snapshot.err


@pytest.mark.parametrize("command", [("snapshot",), ("history", "runs"), ("audit", "--from-history"), ("hosts", "list")])
def test_a_history_that_is_no_file_is_an_error_at_once(auditor: Run, config: Path, command: tuple[str, ...]) -> None:
    path = config.parent / "history.db"
    os.mkfifo(path)
    done = auditor(*command)
    assert done.code == (0 if command[0] == "hosts" else 1)
    assert "Traceback" not in done.err
    if done.code:
        assert f"{path}: this is no ordinary file" in done.err
