"""A rollback whose orders go straight to the hosts and not through vCenter: ``control = "host-api"``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.lab.scenario_file import load
from tests.cli.rollback_desk import OLD, SCENARIO, Desk, opened

CONTROL = "host-api"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    scenario = load(str(SCENARIO))
    scenario = replace(scenario, rollback={**scenario.rollback, "control": CONTROL})
    with opened(scenario, tmp_path / "lab", monkeypatch, capsys, f'control = "{CONTROL}"') as desk:
        yield desk


def asked_of(desk: Desk, name: str) -> list[str]:
    """The operations that a host's own API was asked for, in order."""
    assert desk.lab.lab.host_apis is not None
    calls = desk.lab.lab.host_apis.servers[name].agent.calls.all()
    return [call.operation for call in calls]


def test_a_cluster_goes_back_by_orders_to_the_hosts_themselves(desk: Desk) -> None:
    path = desk.planned("--unattended")
    desk.lab.play.vcenter.calls.clear()
    done = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-1", "--unattended", "--json")
    assert done.code == 0, done.err
    (operation,) = done.document["operations"]
    assert {host["state"] for host in operation["hosts"]} == {"ROLLED_BACK"}
    orders = {"EnterMaintenanceMode_Task", "RebootHost_Task", "ExitMaintenanceMode_Task", "BackupFirmwareConfiguration"}
    for host in desk.hosts:
        assert host.running_image.base_image == OLD
        assert not host.maintenance
        assert desk.acts(host).count("went down") == 1
        asked = [operation for operation in asked_of(desk, host.name) if operation in orders]
        assert asked == [
            "EnterMaintenanceMode_Task",
            "BackupFirmwareConfiguration",
            "RebootHost_Task",
            "ExitMaintenanceMode_Task",
        ]
        assert (desk.folder / "bundles" / host.name).is_dir()
    assert not orders & {call.operation for call in desk.lab.play.vcenter.calls.all()}


def test_bundles_come_from_each_hosts_own_web_server(desk: Desk) -> None:
    done = desk("backup", "--cluster", "Prod", "--json")
    assert done.code == 0, done.out + done.err
    rows = done.document["hosts"]
    assert [row["host"] for row in rows] == sorted(host.name for host in desk.hosts)
    for row in rows:
        assert row["encrypted"]
        assert "BackupFirmwareConfiguration" in asked_of(desk, row["host"])
        opened_to = desk.folder / f"{row['host']}.tgz"
        assert desk("backup", "--decrypt", row["file"], "--to", str(opened_to)).code == 0
        assert gzip.decompress(opened_to.read_bytes())
    assert not [call for host in desk.hosts for call in desk.acts(host)]


def test_a_host_whose_certificate_is_not_the_pinned_one_gives_no_bundle(desk: Desk) -> None:
    config = desk.folder / "ann.toml"
    first, second = (host.name for host in desk.hosts)
    assert desk.lab.lab.host_apis is not None
    pins = desk.lab.lab.host_apis.thumbprints()
    config.write_text(config.read_text().replace(pins[first], pins[second]))
    done = desk("backup", "--cluster", "Prod", "--json")
    assert done.code == 4
    rows = {row["host"]: row for row in json.loads(done.out)["hosts"]}
    assert "not the pinned one" in rows[first]["error"]
    assert rows[second]["error"] is None
