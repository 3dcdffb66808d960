"""Settings on a simulated site by the command lines: recorded by snapshots, shown, and named by a plan to roll back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import documents
from auditor.cli.main import main
from auditor.lab.running import Running, running
from auditor.lab.scenario_file import load
from tests.cli.conftest import Done

SCENARIO = Path(__file__).parent / "settings.toml"


class Desk:
    """A person at a running lab, whose configuration has no days in [rollback.changed]."""

    def __init__(self, lab: Running, capsys: pytest.CaptureFixture[str]) -> None:
        self.lab, self._capsys = lab, capsys

    def __call__(self, *words: str) -> Done:
        self._capsys.readouterr()
        code = main([*words, "--config", str(self.lab.workspace.config)])
        captured = self._capsys.readouterr()
        return Done(code, captured.out, captured.err)

    def gates(self, host: str, folder: Path) -> dict[str, tuple[str, str]]:
        """Verdict and evidence by gate, of a plan for one host."""
        plan = self("rollback", "plan", host, "--to", "24585383", "--json", "--out", str(folder / "one.plan.json"))
        (target,) = json.loads(plan.out)["plan"]["targets"]
        (folder / "one.plan.json").unlink()
        return {gate["gate"]: (gate["verdict"], gate["evidence"][0]) for gate in target["gates"]}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(load(str(SCENARIO)), keep=tmp_path_factory.mktemp("site") / "lab") as made:
        yield made


@pytest.fixture
def desk(lab: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    for name, value in lab.workspace.environment.items():
        monkeypatch.setenv(name, value)
    return Desk(lab, capsys)


def test_what_changed_is_shown_with_before_and_after(desk: Desk) -> None:
    shown = desk("history", "settings", "prod-01")
    assert shown.code == 0, shown.err
    change = re.search(r"(\S+ \S+Z)  ntp servers: ntp1.lab.example, ntp2.lab.example -> ntp9.lab.example", shown.out)
    assert change is not None, shown.out
    assert "1 change:" in shown.out
    assert "no change" in desk("history", "settings", "prod-02").out
    later = desk("history", "settings", "prod-01", "--since", change[1].replace(" ", "T").replace("Z", ".999999Z"))
    assert f"no changes since {change[1]}" in later.out
    assert "vSwitch0: uplinks vmnic0 vmnic1" in desk("history", "settings", "prod-01", "--values").out


def test_the_document_fits_its_schema(desk: Desk) -> None:
    for host in ("prod-01", "prod-02"):
        document = json.loads(desk("history", "settings", host, "--json").out)
        assert documents.problems(document, "settings.v1") == ()
    (record,) = json.loads(desk("history", "settings", "prod-01", "--json").out)["records"]
    assert [(change["group"], change["after"]) for change in record["changes"]] == [("ntp", "ntp9.lab.example")]
    assert record["unread"] == []
    assert {"ntp", "dns", "services", "options", "certificate"} <= {group["group"] for group in record["groups"]}


def test_a_host_that_nobody_knows(desk: Desk) -> None:
    missing = desk("history", "settings", "prod-77")
    assert missing.code == 1
    assert "no host 'prod-77' is known here" in missing.err


def test_a_plan_names_the_changed_server_and_passes_where_nothing_changed(desk: Desk, tmp_path: Path) -> None:
    verdict, evidence = desk.gates("prod-01", tmp_path)["settings-changed"]
    assert verdict == "fail"
    assert re.search(r"ntp servers: ntp1\S+ ntp2\S+ -> ntp9.lab.example \(first seen \d{4}-\d\d-\d\d \d\d:\d\dZ\)", evidence)
    other = desk.gates("prod-02", tmp_path)
    assert other["settings-changed"] == ("pass", "no setting that is recorded changed since the upgrade")
    for gate in ("certificates", "lockdown", "host-keys", "authorized-keys", "security-policy"):
        assert other[gate][0] == "pass", (gate, other[gate])
    assert other["root-password"][0] == "unknown"


def test_a_change_nobody_recorded_yet_is_seen_at_once(desk: Desk, tmp_path: Path) -> None:
    host = desk.lab.play.hosts["prod-02.lab.example"]
    before = host.settings
    try:
        host.settings = before.changed("vlan", "99").changed("certificate", "1")
        gates = desk.gates("prod-02", tmp_path)
    finally:
        host.settings = before
    verdict, evidence = gates["settings-changed"]
    assert verdict == "fail"
    assert "port-groups Management Network: VLAN 10, on vSwitch0 -> VLAN 99, on vSwitch0 (seen now)" in evidence
    assert gates["certificates"][0] == "fail"


def test_without_vcenter_the_newest_record_is_taken_and_its_age_said(desk: Desk, tmp_path: Path) -> None:
    desk.lab.play.vcenter.starting = True
    try:
        gates = desk.gates("prod-02", tmp_path)
    finally:
        desk.lab.play.vcenter.starting = False
    verdict, evidence = gates["settings-changed"]
    assert verdict == "pass"
    assert "ntp: as recorded" in evidence
    assert "now unreachable" in evidence


def test_an_audit_does_not_ask_for_settings(desk: Desk) -> None:
    before = json.loads(desk("history", "settings", "prod-01", "--json").out)["records"][0]["last_attempt"]
    desk("audit")
    assert json.loads(desk("history", "settings", "prod-01", "--json").out)["records"][0]["last_attempt"] == before
