"""Composite images and hardware support, end to end: from a restored vCenter to an image that is what the hosts run."""

from __future__ import annotations

import json

import pytest

from auditor import documents
from tests.cli.test_propose_command import Runs, play

SCRIPT = """
run before audit --json
run propose propose "$CLUSTER" --out "$OUT/proposals" --json
run apply apply "$OUT"/proposals/*.proposal.json --execute --ticket CHG-1 --json
run after audit --json
run export export image "$CLUSTER" --live
"""


@pytest.fixture(scope="module")
def composite(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return play(tmp_path_factory.mktemp("composite"), "composite", SCRIPT, CLUSTER="AI")


@pytest.fixture(scope="module")
def hardware(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return play(tmp_path_factory.mktemp("hardware"), "hardware", SCRIPT, CLUSTER="Rack")


def layers(runs: Runs, name: str) -> dict[str, set[tuple[str, str]]]:
    """By host, its layers that are not in sync with their states."""
    found = {}
    for host in runs[name].data["hosts"]:
        found[host["name"].partition(".")[0]] = {
            (layer["layer"], layer["state"]) for layer in host["layers"] if layer["state"] != "IN_SYNC"
        }
    return found


def test_each_host_is_compared_with_its_own_part(composite: Runs) -> None:
    found = layers(composite, "before")
    assert found["ai-01"] == found["ai-02"] == {("base-image", "HOST_AHEAD")}
    assert found["ai-05"] == {("base-image", "HOST_AHEAD")}, "the driver it holds is its part's"
    assert found["ai-03"] == found["ai-04"] == {("base-image", "HOST_AHEAD"), ("add-on", "EXTRA"), ("component", "DIFFERENT")}
    codes = {finding["code"] for finding in composite["before"].data["findings"]}
    assert "mixed-cluster" not in codes, "hosts of other parts run something else rightly"


def test_every_part_is_raised_to_what_its_own_hosts_run(composite: Runs) -> None:
    [entry] = composite["propose"].data["proposals"]
    assert documents.problems(entry["proposal"], "proposal.v2") == ()
    chosen = entry["proposal"]["chosen"]
    assert chosen["kind"] == "archived"
    changes = {f"{c['layer']} {c['name']}".strip(): c["new"] for c in chosen["changes"] if c["old"] != c["new"]}
    assert changes == {
        "base-image": "9.0.2.0.25148076",
        "add-on of Hosts of a maker": "HPE-Custom-AddOn 900.0.0.12.3.5-5",
        "component Broadcom-ntg3 of Hosts of a maker": "",
    }
    assert {host["forecast"] for host in chosen["forecast"]} == {"COMPLIANT"}


def test_after_the_apply_all_parts_are_in_sync(composite: Runs) -> None:
    assert composite["apply"].code == 0, composite["apply"].out
    assert composite["after"].code == 0
    assert set(map(frozenset, layers(composite, "after").values())) == {frozenset()}
    parts = composite["export"].data["alternative_images"]
    assert {part["base_image"]["version"] for part in parts.values()} == {"9.0.2.0.25148076"}
    assert parts["maker"]["selection_criteria"]["host_hardware_spec"]["vendor"] == "Maker Inc."
    assert parts["gpu"]["components"] == {"Broadcom-ntg3": "4.1.15.0-4vmw.910.0.25370933"}


def test_a_scan_from_before_tells_nothing_of_firmware(hardware: Runs) -> None:
    assert {("hardware-support", "UNKNOWN")} <= set.intersection(*layers(hardware, "before").values())


def test_the_package_is_raised_with_the_image_and_the_host_without_it_is_told(hardware: Runs) -> None:
    [entry] = hardware["propose"].data["proposals"]
    changes = {c["layer"]: c["new"] for c in entry["proposal"]["chosen"]["changes"] if c["old"] != c["new"]}
    assert changes == {"base-image": "8.0.3-0.70.24674464", "hardware-support": "Maker-Firmware 2026.04"}
    assert hardware["apply"].code == 0, hardware["apply"].out
    scanned = {host["host"].partition(".")[0]: host["scanned"] for host in hardware["apply"].data["hosts"]}
    assert scanned == {"rack-01": "COMPLIANT", "rack-02": "COMPLIANT", "rack-03": "COMPLIANT", "rack-04": "NON_COMPLIANT"}
    assert hardware["after"].code == 3
    found = layers(hardware, "after")
    assert found == {"rack-01": set(), "rack-02": set(), "rack-03": set(), "rack-04": {("hardware-support", "MISSING")}}
    acting = {actor["kind"]: actor for actor in entry["proposal"]["may_act"]}
    assert acting["solution-manager"]["standing"] == "set"
    assert "com.vmware.vsphere-ha 8.0.3-24674346" in acting["solution-manager"]["text"], "and the apply left it in"
    assert json.loads(hardware["export"].out)["hardware_support"] == {
        "packages": {"com.maker.hsm": {"pkg": "Maker-Firmware", "version": "2026.04"}}
    }
