"""The whole session after a restore, as an operator types it: real commands against the shipped scenario."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor import documents
from auditor.lab.running import Running, running
from auditor.lab.scenario import stock
from auditor.lab.scenario_file import load
from auditor.lab.vcenter.bundle import make_bundle
from auditor.lab.vcenter.depot import LabDepot
from auditor.lab.verbs import do
from tests.wire.judging import EVERY, forbidden


@dataclass
class Desk:
    """Where the operator sits."""

    lab: Running
    folder: Path

    def type(self, line: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "auditor", *shlex.split(line)[1:]],
            env={**os.environ, **self.lab.workspace.environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def json(self, line: str, schema: str, code: int = 0) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.type(f"{line} --json", code))
        assert documents.problems(document, schema) == ()
        return document

    def found(self, code: int) -> set[tuple[str, str]]:
        report = self.json("auditor audit", "audit.v1", code)
        return {(finding["code"], finding["subject"]["name"]) for finding in report["findings"]}

    def hosts(self) -> dict[str, str]:
        return {name: host.state_digest() for name, host in self.lab.play.hosts.items()}

    def proposal(self, cluster: str, code: int = 0) -> str:
        made = self.json(f"auditor propose {cluster!r} --out proposals", "proposals.v1", code)
        [entry] = made["proposals"]
        return str(entry["file"])

    def raised(self, cluster: str) -> dict[str, Any]:
        """Propose, look at the depot, try, apply."""
        file = self.proposal(cluster)
        self.type(f"auditor depot gap {file}")
        tried = self.json(f"auditor apply {file}", "apply.v1")
        assert tried["outcome"] == "dry-run"
        [following] = tried["next"]
        done = self.json(following.replace("TICKET", "CHG0042"), "apply.v1")
        assert (done["outcome"], done["next"]) == ("applied", ["auditor audit"])
        assert Path(self.folder, done["inverse"]).is_file()
        return done


def no_host_was_touched(desk: Desk, before: dict[str, str]) -> None:
    kinds = desk.lab.play.vcenter.calls.kinds()
    assert desk.hosts() == before
    assert forbidden(kinds, EVERY) == {}
    assert not any("touches" in effect for effect in forbidden(kinds, frozenset()).values())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with running(load("post-restore")) as lab:
        yield Desk(lab, tmp_path)


@pytest.mark.slow
def test_clusters_whose_images_are_in_the_depot(desk: Desk) -> None:
    before = desk.hosts()
    assert {("host-ahead", "Production"), ("depot-gap", "Database"), ("mixed-cluster", "Analytics")} <= desk.found(3)

    # Production: one host has another password than vCenter remembers, so vCenter cannot scan it. That is expected.
    done = desk.raised("Production")
    [away] = [host for host in done["hosts"] if host["scanned"] != "COMPLIANT"]
    assert (away["host"], away["scanned"], away["expected"]) == ("production-02.lab.example", "UNAVAILABLE", True)
    assert done["unproven"] == ["production-02.lab.example"]
    assert any("reconnect and check production-02.lab.example" in text for text in done["then"])

    # Virtual Desktops: only the vendor's add-on differs.
    assert desk.raised("Virtual Desktops")["then"][-1].startswith("to undo it: auditor apply ")
    no_host_was_touched(desk, before)


@pytest.mark.slow
def test_a_cluster_whose_image_the_depot_lacks(desk: Desk) -> None:
    scenario, before = desk.lab.play.scenario, desk.hosts()
    refused = desk.proposal("Database", 5)
    assert desk.type(f"auditor apply {refused} --execute --ticket CHG0042", 5).count("depot-gap") == 1
    assert "MISSING" in desk.type("auditor depot gap Database", 3)
    source = LabDepot()
    stock(source, scenario.images["u3g"])
    bundle = desk.folder / "u3g-depot.zip"
    bundle.write_bytes(make_bundle(scenario.images["u3g"], source))
    assert "Nothing was sent" in desk.type(f"auditor depot import {bundle}")
    imported = desk.json(f"auditor depot import {bundle} --execute --ticket CHG0042", "depot-import.v1")
    assert imported["new"]["base_images"] == [scenario.images["u3g"].base_image]
    assert desk.json(f"auditor depot import {bundle} --execute --ticket CHG0042", "depot-import.v1")["outcome"] == "known"
    desk.raised("Database")
    no_host_was_touched(desk, before)
    assert ("host-ahead", "Database") not in desk.found(3)


@pytest.mark.slow
def test_a_half_updated_cluster_and_the_end_in_sync(desk: Desk) -> None:
    vcenter, scenario, before = desk.lab.play.vcenter, desk.lab.play.scenario, desk.hosts()
    mixed = desk.raised("Analytics")
    assert sorted(host["scanned"] for host in mixed["hosts"]) == ["COMPLIANT", "COMPLIANT", "NON_COMPLIANT", "NON_COMPLIANT"]
    assert mixed["then"][0] == (
        "remediate the rest in a maintenance window: analytics-03.lab.example, analytics-04.lab.example"
    )
    for cluster in ("Production", "Virtual Desktops"):
        desk.type(f"auditor apply {desk.proposal(cluster)} --execute --ticket CHG0042")
    no_host_was_touched(desk, before)

    # What is a person's to do: reconnect a host, import a bundle, switch a cluster to images, remediate.
    do(desk.lab.play, "reconnect production-02")
    stock(vcenter.database.depot, scenario.images["u3g"])
    vcenter.set_desired("Database", scenario.images["u3g"])
    vcenter.set_desired("Edge", scenario.images["u3e"])
    vcenter.remediate("Analytics")
    for cluster in ("Production", "Database", "Edge"):
        vcenter.scan(cluster)
    desk.found(0)
    assert len(desk.json("auditor history operations", "operations.v1")["operations"]) == 4


@pytest.mark.slow
def test_facts_that_moved_and_two_at_once(desk: Desk) -> None:
    file = desk.proposal("Virtual Desktops")
    desk.type(f"auditor apply {file} --execute --ticket T1")
    moved = desk.type(f"auditor apply {file} --execute --ticket T1", 5)
    assert "facts moved: cluster.commit was 4 of" in moved
    assert "next: auditor propose 'Virtual Desktops'" in moved
    assert desk.type("auditor apply --resume", 5).count("there is no unfinished apply") == 1
    for line, code in (("auditor apply", 2), (f"auditor apply {file} --execute", 2), ("auditor apply --resume 1 --execute", 2)):
        desk.type(line, code)
    exported = desk.json("auditor export bundle Management --out management.zip", "export-file.v1")
    assert exported["size"] == (desk.folder / "management.zip").stat().st_size
    assert desk.type("auditor export bundle Management --out management.zip", 1).count("is there already") == 1
    assert desk.json("auditor export iso Management --out management.iso", "export-file.v1")["kind"] == "iso"
