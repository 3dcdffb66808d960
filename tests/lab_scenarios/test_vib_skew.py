"""A VIB that somebody installed on one of three hosts, as a user sees it, and its twin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lab_scenarios.test_lab_command import run

THREE = """
title = "Three hosts of one image"
[vcenter]
version = "8.0.3"
[image.u3e]
base_image = "8.0.3-0.70.24674464"
[[cluster]]
name = "Edge"
hosts = 3
image = "u3e"
management = "{management}"
[[past]]
do = "snapshot"
[[past]]
do = "install-live-vib"
hosts = {hosts}
"""


@pytest.mark.parametrize("management", ["image", "baselines"])
def test_a_live_vib_on_one_of_three_hosts_ends_with_3_and_names_vib_and_host(management: str, tmp_path: Path) -> None:
    path = tmp_path / "live.toml"
    path.write_text(THREE.format(management=management, hosts='["edge-02"]'), "utf-8")
    done = run(tmp_path, "lab", "run", str(path), "-q", "--", "auditor", "audit", "--json")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    [finding] = [f for f in report["findings"] if f["code"] == "vib-skew"]
    assert (finding["severity"], finding["hosts"]) == ("warning", ["edge-02.lab.example"])
    [line] = finding["evidence"]
    assert line.startswith("extra: lab-live-agent: 1.0.0-1OEM.800.1.0.20613240 (PartnerSupported; installed 20")
    assert "likely installed live" in line
    assert line.endswith("on edge-02.lab.example; none on 2 of 3 hosts")
    has = {row["name"][:7]: {vib["name"] for vib in row["readings"]["vibs"]["value"]} for row in report["hosts"]}
    assert [host for host, vibs in sorted(has.items()) if "lab-live-agent" in vibs] == ["edge-02"]
    assert {row["readings"]["acceptance_level"]["value"] for row in report["hosts"]} == {"PartnerSupported"}


def test_the_same_vib_on_every_host_is_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "everywhere.toml"
    path.write_text(THREE.format(management="image", hosts='["edge-01", "edge-02", "edge-03"]'), "utf-8")
    done = run(tmp_path, "lab", "run", str(path), "-q", "--", "auditor", "audit", "--json")
    assert [f["code"] for f in json.loads(done.stdout)["findings"] if f["severity"] != "notice"] == []
    assert done.returncode == 0, done.stderr
