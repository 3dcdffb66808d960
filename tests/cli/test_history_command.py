"""``auditor history``: what was recorded is shown as it was, and the right image is exported or none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auditor import documents
from tests.cli.conftest import Run


def test_runs(auditor: Run, recorded: Path) -> None:
    lines = auditor("history", "runs").out.splitlines()
    assert len(lines) == 3
    assert "2026-03-01 12:00:00Z  snapshot" in lines[0]
    assert "incomplete" in lines[1]
    assert "UNFINISHED" in lines[2]
    assert auditor("history", "runs", "--last", "1").out.splitlines() == lines[2:]
    document = json.loads(auditor("history", "runs", "--json").out)
    assert documents.problems(document, "runs.v1") == ()
    assert [run["finished"] is None for run in document["runs"]] == [False, False, True]


def test_images(auditor: Run, recorded: Path) -> None:
    newer, older = auditor("history", "images", "Prod-A").out.splitlines()
    assert "commit 5 of 2026-02-28 12:00:00Z by jane@vsphere.local: 8.0.3-0.70.24674464; seen 2026-03-01" in newer
    assert "commit 5 of 2026-01-20 12:00:00Z by jane@vsphere.local: 8.0.3-0.60.24585383; seen 2026-03-02" in older
    document = json.loads(auditor("history", "images", "--json").out)
    assert documents.problems(document, "images.v1") == ()
    versions = [entry["spec"]["base_image"]["version"] for entry in document["images"]]
    assert versions == ["8.0.3-0.70.24674464", "8.0.3-0.60.24585383"]
    assert {entry["author"] for entry in document["images"]} == {"jane@vsphere.local"}


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        ((), "8.0.3-0.60.24585383"),
        (("--committed", "2026-02-28"), "8.0.3-0.70.24674464"),
        (("--commit", "5", "--committed", "2026-02-28 12:00:00Z"), "8.0.3-0.70.24674464"),
        (("--commit", "5", "--committed", "2026-01-20", "--vcenter", "vc01"), "8.0.3-0.60.24585383"),
    ],
)
def test_export(arguments: tuple[str, ...], version: str, auditor: Run, recorded: Path) -> None:
    done = auditor("history", "export", "Prod-A", *arguments)
    assert done.code == 0
    assert json.loads(done.out) == {"base_image": {"version": version}}


def test_an_id_that_a_restore_used_again_names_nothing(auditor: Run, recorded: Path) -> None:
    done = auditor("history", "export", "Prod-A", "--commit", "5")
    assert done.code == 1
    assert done.out == ""
    assert "2 recorded images match" in done.err
    assert "0.70.24674464" in done.err
    assert "0.60.24585383" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "Prod-A", "--commit", "6"), "no recorded image matches"),
        (("export", "Prod-B"), "recorded: Prod-A"),
        (("images", "Prod-A", "--vcenter", "vc02"), "no image of cluster"),
    ],
)
def test_what_is_not_there(arguments: tuple[str, ...], message: str, auditor: Run, recorded: Path) -> None:
    done = auditor("history", *arguments)
    assert done.code == 1
    assert message in done.err
    assert done.out == ""


@pytest.mark.parametrize("arguments", [("runs",), ("images",), ("export", "Prod-A")])
def test_no_history_yet(arguments: tuple[str, ...], auditor: Run, home: Path) -> None:
    done = auditor("history", *arguments)
    assert done.code == 1
    assert "auditor snapshot" in done.err
    assert not (home / "history.db").exists()


def test_a_host_is_forgotten_as_a_person_types_it(auditor: Run, recorded: Path) -> None:
    unknown = auditor("history", "forget-host", "esx0", "--reason", "sold")
    assert unknown.code == 1
    assert "no host 'esx0' is known here" in unknown.err
    done = auditor("history", "forget-host", "ESX02", "--reason", "sold")
    assert done.code == 0
    assert done.out.startswith("esx02.example.org is left out")
    assert "esx02" not in auditor("hosts", "list").out


def test_an_audit_compares_with_a_history_it_may_not_write(
    auditor: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens on the configured port: what counts is that the recorded hosts are rows all the same."""

    def access(path: str | Path, mode: int) -> bool:
        return mode != os.W_OK

    monkeypatch.setattr("auditor.history.file.os.access", access)
    before = recorded.read_bytes()
    done = auditor("audit")
    assert done.code == 4, "that of what was seen"
    assert "the history may not be written" in done.err
    assert "; not recorded; exit code 4" in " ".join(done.out.split("\n\n")[0].split())
    assert "it was compared with what history has" in " ".join(done.out.split())
    assert "History could not be read" not in done.out
    assert "auditor audit --from-history --at 2026-03-" in done.out
    assert recorded.read_bytes() == before


def test_operations(auditor: Run, recorded: Path) -> None:
    assert auditor("history", "operations").code == 0
    document = json.loads(auditor("history", "operations", "--json").out)
    assert documents.problems(document, "operations.v1") == ()
