"""``propose``, ``depot gap`` and ``export image`` on the simulated estate after a restore: one lab, many commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor import documents
from auditor.workflows.proposal_file import read_proposal

RUN = """
run() { name=$1; shift; auditor "$@" > "$OUT/$name.out" 2> "$OUT/$name.err"; echo $? > "$OUT/$name.code"; }
"""
ALL = """
run all propose --all --out "$OUT/all" --json
run recorded propose --all --from-history --out "$OUT/recorded"
run gap depot gap Database --json
run gapfile depot gap "$OUT"/all/*Database*.proposal.json
run nogap depot gap Production
"""
SOME = """
run mixed propose analytics --out "$OUT/mixed"
run back propose Analytics --candidate roll-back-hosts --out "$OUT/back"
run host propose Analytics --from-host analytics-03.lab.example --out "$OUT/host"
run steady propose Management --out "$OUT/steady"
run none propose Nowhere
run usage propose
run live export image Production --live
run last export image Production
run early export image Production --at 2001-01-01
"""
SCHEDULED = """
run one propose Production --out "$OUT/one"
auditor lab do schedule remediation of Production > "$OUT/said"
run planned propose Production --out "$OUT/planned" --json
run told propose Production --out "$OUT/told"
run moved apply "$OUT"/one/*.proposal.json
auditor lab do hold remediation of Production >> "$OUT/said"
run held apply "$OUT"/one/*.proposal.json
"""


@dataclass(frozen=True)
class Ran:
    """A command's end: exit code, standard output and error."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Runs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Ran:
        parts = [(self.folder / f"{name}.{end}").read_text() for end in ("code", "out", "err")]
        return Ran(int(parts[0]), parts[1], parts[2])

    def files(self, name: str) -> list[Path]:
        return sorted((self.folder / name).glob("*.proposal.json"))


def play(folder: Path, scenario: str, script: str, **more: str) -> Runs:
    """What the commands of ``script`` said on the lab of ``scenario``."""
    command = [sys.executable, "-m", "auditor", "lab", "run", scenario, "-q", "--", "sh", "-c", RUN + script]
    environment = {**os.environ, "OUT": str(folder), "TMPDIR": str(folder), "PATH": "/usr/bin:/bin", **more}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Runs(folder)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return play(tmp_path_factory.mktemp("all"), "post-restore", ALL)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return play(tmp_path_factory.mktemp("some"), "post-restore", SOME)


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return play(tmp_path_factory.mktemp("scheduled"), "post-restore", SCHEDULED)


def test_every_cluster_of_the_incident_gets_the_proposal_it_needs(every: Runs) -> None:
    done = every["all"]
    assert done.code == 5  # Database lacks its image in the depot, Edge is on baselines
    assert documents.problems(done.data, "proposals.v1") == ()
    found = {}
    for entry in done.data["proposals"]:
        assert documents.problems(entry["proposal"], "proposal.v2") == ()
        chosen = entry["proposal"]["chosen"]
        codes = {w["code"] for w in chosen["warnings"]} if chosen else set()
        found[entry["proposal"]["cluster"]] = (
            chosen["kind"] if chosen else None,
            codes & {"depot-gap", "baselines"},
            entry["next"],
        )
    assert {name: kind for name, (kind, _, _) in found.items()} == {
        "Analytics": "archived", "Database": "archived", "Edge": "archived", "Management": None,
        "Production": "archived", "Virtual Desktops": "archived",
    }  # fmt: skip
    assert found["Database"][1] == {"depot-gap"}
    assert found["Edge"][1] == {"baselines"}
    assert found["Production"][2][0].startswith("auditor apply ")
    assert found["Database"][2][0].startswith("auditor depot gap ")
    assert found["Edge"][2] == ["auditor runbook show management-regressed"]


def test_files_are_written_for_what_can_change_and_can_be_read_back(every: Runs) -> None:
    proposals = {p.cluster: p for p in map(read_proposal, every.files("all"))}
    assert sorted(proposals) == ["Analytics", "Database", "Edge", "Production", "Virtual Desktops"]
    assert {name for name, p in proposals.items() if p.ready} == {"Analytics", "Production", "Virtual Desktops"}
    forecast = {h.host: h.forecast.value for h in proposals["Analytics"].chosen.forecast}  # type: ignore[union-attr]
    assert sorted(forecast.values()) == ["COMPLIANT", "COMPLIANT", "NON_COMPLIANT", "NON_COMPLIANT"]
    production = proposals["Production"]
    # One of its hosts is disconnected: vCenter cannot say what it runs, the host itself can.
    assert [h.forecast.value for h in production.chosen.forecast] == ["COMPLIANT"] * 4  # type: ignore[union-attr]


def test_one_cluster_is_explained_and_ends_with_what_to_type(scheduled: Runs) -> None:
    done = scheduled["one"]
    assert done.code == 0
    [path] = scheduled.files("one")
    assert f"next: auditor apply {path}" in done.out
    for part in ("1. archived", "<- proposed", "patch", "may act by itself after a commit", "the restore lost", "4 COMPLIANT"):
        assert part in " ".join(done.out.split())


def test_a_scheduled_remediation_is_shown_with_time_and_author_and_is_a_fact(scheduled: Runs) -> None:
    done = scheduled["planned"]
    assert done.code == 0
    [entry] = done.data["proposals"]
    assert documents.problems(entry["proposal"], "proposal.v2") == ()
    first = entry["proposal"]["may_act"][0]
    assert (first["kind"], first["standing"]) == ("scheduled-task", "set")
    assert "by carol@lab.example" in first["text"]
    shown = " ".join(scheduled["told"].out.split())
    assert "SET: scheduled remediation 'Remediate Production' of this cluster: runs next at" in shown
    assert "none: no task is scheduled" in " ".join(scheduled["one"].out.split()), "before, there was none"


def test_apply_names_what_was_scheduled_since_the_proposal_and_lets_held_tasks_be(scheduled: Runs) -> None:
    assert scheduled["moved"].code == 5
    said = " ".join((scheduled["moved"].out + scheduled["moved"].err).split())
    assert "scheduled-task schedule-1 was not there, is 'Remediate Production' on this cluster" in said
    assert scheduled["held"].code == 0, scheduled["held"].err


def test_a_mixed_cluster_also_shows_the_way_back(some: Runs) -> None:
    done = some["mixed"]
    assert done.code == 0
    assert "roll-back-hosts" in done.out
    assert "window OPEN" in done.out
    assert "remediate the rest" in done.out


def test_taking_hosts_back_changes_no_image_and_writes_no_file(some: Runs) -> None:
    assert some["back"].code == 0
    assert some.files("back") == []


def test_a_host_that_runs_the_image_leaves_nothing_to_do(some: Runs) -> None:
    assert some["host"].code == 0
    assert some.files("host") == []
    assert "nothing to change" in " ".join(some["host"].out.split())


def test_a_cluster_in_sync_has_no_proposal(some: Runs) -> None:
    assert some["steady"].code == 0
    assert some.files("steady") == []
    assert "already is what its hosts run" in some["steady"].out


def test_what_is_not_there_is_said_with_what_is(some: Runs) -> None:
    assert some["none"].code == 1
    assert "Production" in some["none"].err
    assert some["usage"].code == 2


def test_the_recorded_view_contacts_nothing(every: Runs) -> None:
    # The last snapshot was taken before the restore: everything was in sync then.
    assert every["recorded"].code == 0
    assert every.files("recorded") == []


def test_depot_gaps(every: Runs) -> None:
    done = every["gap"]
    assert done.code == 3
    assert documents.problems(done.data, "depot-gap.v1") == ()
    [cluster] = done.data["clusters"]
    missing = [item for item in cluster["items"] if item["present"] is False]
    assert [item["item"]["version"] for item in missing] == ["8.0.3-0.79.24859861"]
    assert len(missing[0]["running"]) == 3
    assert every["gapfile"].code == 3
    assert "KB 313266" in every["gapfile"].out
    assert every["nogap"].code == 0


def test_images_for_import(some: Runs) -> None:
    assert some["live"].data == {"base_image": {"version": "8.0.3-0.60.24585383"}}
    assert some["last"].data == {"base_image": {"version": "8.0.3-0.70.24674464"}}
    assert some["early"].code == 1
