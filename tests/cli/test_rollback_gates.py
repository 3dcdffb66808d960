"""What a plan says of solutions, vSAN format, lockdown mode, TPM and Quick Boot, read on a lab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from auditor.cli.wiring_rollback import sight
from auditor.config import load_config
from auditor.domain.rollback.gates.evaluate import TO_SETTLE, evaluate
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict
from auditor.lab.running import Running, running
from auditor.lab.scenario_file import load
from auditor.lab.verbs import do
from auditor.workflows.rollback.situation import collect

OLD = "24585383"


class Table:
    """The lab, and the gates of its hosts."""

    def __init__(self, lab: Running) -> None:
        self.lab = lab

    def gates(self, host: str) -> Mapping[Gate, GateResult]:
        config = load_config(self.lab.workspace.config)
        with sight(config) as eyes:
            situation = collect(eyes, config.vcenters[0].name, f"{host}.lab.example")
        return {result.gate: result for result in evaluate(situation, OLD)}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    scenario = load(str(Path(__file__).parent / "gates.toml"))
    with pytest.MonkeyPatch.context() as patch, running(scenario, keep=tmp_path_factory.mktemp("gates") / "lab") as lab:
        for name, value in lab.workspace.environment.items():
            patch.setenv(name, value)
        yield Table(lab)


def test_solutions_of_the_image_are_compared_by_the_vibs_of_their_components(table: Table) -> None:
    same, moved, baselines = (table.gates(f"{cluster}-01")[Gate.SOLUTIONS] for cluster in ("same", "moved", "old"))
    assert same.verdict is GateVerdict.PASS
    assert "nsx-host" in same.evidence[0]
    assert "fdm" not in same.evidence[0]
    assert moved.verdict is GateVerdict.FAIL
    assert "nsx-host: 4.2.1.0.0-8.0.24304122 now, 4.1.2.0.0-8.0.22589037 then" in moved.evidence[0]
    assert baselines.verdict is GateVerdict.UNKNOWN
    assert "ESX Agent Manager" in baselines.evidence[1]


def test_a_database_without_bulletins_names_the_component_that_is_not_known(table: Table) -> None:
    from auditor.lab.hosts.bank import tgz

    host = table.lab.play.hosts["same-01.lab.example"]
    bank = host.boot_bank
    assert bank is not None
    whole = bank.files["imgdb.tgz"]
    vib = b"<vib><name>esx-base</name><version>8.0.3-0.70.24674464</version><vendor>VMW</vendor></vib>"
    bank.files["imgdb.tgz"] = tgz({"var/db/esximg/vibs/esx-base-1.xml": vib})
    try:
        found = table.gates("same-01")[Gate.SOLUTIONS]
    finally:
        bank.files["imgdb.tgz"] = whole
    assert found.verdict is GateVerdict.UNKNOWN
    assert "nsx-lcp-bundle of solution com.vmware.nsxt" in found.evidence[0]


def test_the_vsan_format_is_held_against_the_table(table: Table) -> None:
    kept, raised = (table.gates(f"disks-{number:02d}")[Gate.VSAN_FORMAT] for number in (1, 2))
    assert (kept.verdict, raised.verdict) == (GateVerdict.PASS, GateVerdict.FAIL)
    assert "on-disk format 21; the older image mounts up to 20" in raised.evidence[0]


def test_lockdown_mode_and_tpm(table: Table) -> None:
    gates = table.gates("sealed-01")
    assert gates[Gate.LOCKDOWN].verdict is GateVerdict.PASS
    assert "lockdown mode is strict as of the upgrade" in gates[Gate.LOCKDOWN].evidence[0]
    assert gates[Gate.ENCRYPTION].verdict is GateVerdict.UNKNOWN
    assert "TPM (TPM 2.0, attestation accepted), recovery key" in gates[Gate.ENCRYPTION].evidence[0]
    assert "escrow" in gates[Gate.ENCRYPTION].evidence[1]
    assert gates[Gate.SECURITY_POLICY].verdict is GateVerdict.PASS
    do(table.lab.play, "make sealed-01 lockdown_exceptions = []; attestation = 'notAccepted'")
    try:
        shut = table.gates("sealed-01")
    finally:
        do(table.lab.play, "make sealed-01 lockdown_exceptions = ['root']; attestation = 'accepted'")
    assert shut[Gate.LOCKDOWN].verdict is GateVerdict.FAIL
    assert "SSH refuses us" in shut[Gate.LOCKDOWN].evidence[0]


def test_quick_boot_that_the_hardware_can_do_is_settled_by_a_person(table: Table) -> None:
    able, unable = (table.gates(f"sealed-{number:02d}")[Gate.QUICK_BOOT] for number in (2, 1))
    assert (able.verdict, unable.verdict) == (GateVerdict.UNKNOWN, GateVerdict.PASS)
    assert "this boot was not one" in able.evidence[0]
    assert able.evidence[1].startswith(f"{TO_SETTLE}run /bin/loadESXEnable -d on the host")
