"""What surrounds a host, as the gates want it: from vCenter and from the host, on a lab."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.gates.evaluate import evaluate
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict
from auditor.domain.rollback.situation import HostSituation
from auditor.lab.vcenter.vms import Pinned
from tests.control.conftest import Bench


def capacity(found: HostSituation) -> GateResult:
    return next(each for each in evaluate(found, "24585383") if each.gate is Gate.CAPACITY)


def test_a_quiet_host_in_a_cluster(bench: Bench) -> None:
    found = bench.situation()
    assert found.maintenance_mode == Read(False)
    assert isinstance(found.boot_id, Read)
    assert isinstance(found.machine, Read)
    assert found.machine == found.machine_in_vcenter
    assert found.cluster.name == Read("prod")
    assert (found.cluster.drs, found.cluster.ha_enabled) == (Read("off"), Read(False))
    assert capacity(found).verdict is GateVerdict.PASS
    assert (found.pinned_vms, found.runs_vcenter, found.ha_agent) == (Read(()), Read(False), Read(""))
    assert (found.stateless, found.dpu, found.quick_boot) == (Read(False), Read(False), Read(False))
    assert found.bank_errors == Read(())
    assert found.vsan.enabled == Read(False)
    assert (found.security.encryption, found.security.secure_boot) == (Read("NONE"), Read(False))
    assert found.way_in.ssh_policy_on == Read(True)
    # What only history or a person knows is left to them.
    assert isinstance(found.way_in.root_password, Unread)
    assert isinstance(found.settings_changed, Unread)


def test_cluster_and_vms(bench: Bench) -> None:
    cluster = bench.vcenter.cluster("prod")
    cluster.drs, cluster.ha = "fullyAutomated", True
    name = bench.host().name
    bench.vcenter.add_vm("web", name)
    bench.vcenter.add_vm("gpu-1", name, pinned=Pinned.PASSTHROUGH)
    bench.vcenter.add_vm("scratch", name, pinned=Pinned.LOCAL)
    bench.vcenter.add_vm("db", name, pinned=Pinned.MANUAL)
    bench.vcenter.add_vm("off", name, running=False, pinned=Pinned.PASSTHROUGH)
    found = bench.situation()
    assert found.cluster.drs == Read("fullyAutomated")
    assert (found.cluster.ha_enabled, found.ha_agent) == (Read(True), Read("connectedToMaster"))
    assert isinstance(found.pinned_vms, Read)
    assert [line.partition(":")[0] for line in found.pinned_vms.value] == ["db", "gpu-1", "scratch"]
    assert found.runs_vcenter == Read(False)
    assert capacity(found).verdict is GateVerdict.PASS
    together = replace(found, companions=(bench.host(2).name,))
    assert "0 hosts have 0 GB free" in capacity(together).evidence[0]
    assert capacity(together).verdict is GateVerdict.FAIL
    bench.host(2).maintenance = True
    assert capacity(bench.situation()).verdict is GateVerdict.FAIL


def test_another_host_without_vms_leaves_nothing_to_move(bench: Bench) -> None:
    bench.vcenter.cluster("prod").drs = "fullyAutomated"
    found = bench.situation()
    assert isinstance(found.loads, Read)
    assert {load.host: load.empties for load in found.loads.value} == {bench.host(1).name: True, bench.host(2).name: True}
    bench.vcenter.add_vm("web", bench.host(2).name)
    found = bench.situation()
    assert isinstance(found.loads, Read)
    assert {load.host: load.empties for load in found.loads.value} == {bench.host(1).name: True, bench.host(2).name: False}


def test_vcenters_own_vm_is_recognised(bench: Bench) -> None:
    bench.vcenter.add_vm("vcsa", bench.host().name, vcenter=True)
    assert bench.situation().runs_vcenter == Read(True)
    assert bench.situation(2).runs_vcenter == Read(False)


def test_what_the_hardware_can_do_is_not_what_it_will_do(bench: Bench) -> None:
    bench.host().quick_boot = True
    found = bench.situation()
    assert isinstance(found.quick_boot, Unread)
    assert found.quick_boot.reason is Reason.NOT_SUPPORTED
    assert found.quick_booted == Read(False)
    bench.host().quick_booted = True
    assert bench.situation().quick_booted == Read(True)


def test_lockdown_mode_and_tpm(bench: Bench) -> None:
    host = bench.host()
    found = bench.situation().security
    assert (found.lockdown, found.tpm) == (Read("lockdownDisabled"), Read(""))
    assert isinstance(found.attestation, Unread)
    host.tpm, host.attestation, host.lockdown, host.lockdown_exceptions = "2.0", "accepted", "lockdownStrict", ("root",)
    found = bench.situation().security
    assert (found.lockdown, found.tpm, found.attestation) == (Read("lockdownStrict"), Read("2.0"), Read("accepted"))


def test_lockdown_mode_keeps_out_whom_it_does_not_except(bench: Bench) -> None:
    bench.host().lockdown = "lockdownNormal"
    found = bench.situation()
    assert found.security.lockdown == Read("lockdownNormal")
    assert found.banks.trouble is not None
    assert found.banks.trouble.reason is Reason.DENIED


def test_encryption_secure_boot_and_services(bench: Bench) -> None:
    host = bench.host()
    host.encryption, host.secure_boot, host.ssh_policy = "TPM", True, "off"
    found = bench.situation()
    assert (found.security.encryption, found.security.secure_boot) == (Read("TPM"), Read(True))
    assert found.way_in.ssh_policy_on == Read(False)


def test_vsan(bench: Bench) -> None:
    bench.host().vsan = True
    found = bench.situation().vsan
    assert (found.enabled, found.healthy, found.format) == (Read(True), Read(True), Read(20))
    bench.host().vsan_format = 21
    assert bench.situation().vsan.format == Read(21)
    assert isinstance(found.format_then, Unread)
    command = "esxcli vsan debug resync summary get"
    bench.host().set_faults({"commands": {command: {"output": "   Total Number Of Resyncing Objects: 4\n"}}})
    assert bench.situation().vsan.healthy == Read(False)


def test_a_worn_boot_device_and_a_torn_archive(bench: Bench) -> None:
    bank = bench.host().other_bank
    assert bank is not None
    bank.files["imgpayld.tgz"] = bank.files["imgpayld.tgz"][:-10]
    assert bench.situation().bank_errors == Read(("/altbootbank/imgpayld.tgz: not a whole archive",))


def test_a_host_vcenter_is_not_connected_to_is_not_described_by_its_old_facts(bench: Bench) -> None:
    bench.vcenter.disconnect(bench.host().name)
    target = bench.target()
    found = bench.surroundings.fill(HostSituation(target.name, "lab", bench.reader.read_banks(target)), target)
    assert found.cluster.name == Read("prod")
    told = (found.pinned_vms, found.ha_agent, found.quick_boot, found.maintenance_mode, found.way_in.ssh_policy_on)
    for reading in (*told, found.security.lockdown, found.security.tpm, found.security.attestation):
        assert isinstance(reading, Unread)
        assert reading.reason is Reason.NOT_CONNECTED


@pytest.mark.parametrize("unlisted", [True, False])
def test_without_vcenter_the_host_still_tells_its_own(bench: Bench, unlisted: bool) -> None:
    if unlisted:
        bench.vcenter.remove_host(bench.host().name)
    else:
        bench.vcenter.starting = True
    found = bench.situation()
    assert found.maintenance_mode == Read(False)
    assert found.security.encryption == Read("NONE")
    assert isinstance(found.cluster.ha_enabled, Unread)
    assert found.cluster.ha_enabled.reason is (Reason.ABSENT if unlisted else Reason.UNREACHABLE)
    bench.vcenter.starting = False
    if not unlisted:
        assert bench.situation().cluster.ha_enabled == Read(False)


def test_without_the_host_vcenter_still_tells_its_own(bench: Bench) -> None:
    bench.fault(ssh="refuse")
    found = bench.situation()
    assert found.cluster.name == Read("prod")
    assert isinstance(found.boot_id, Unread)
    assert found.boot_id.reason is Reason.UNREACHABLE
    assert found.banks.trouble is not None


def test_what_is_known_already_is_kept(bench: Bench) -> None:
    target = bench.target()
    empty = HostSituation(target.name, "lab", bench.reader.read_banks(target))
    told = replace(empty, stateless=Read(True), security=replace(empty.security, encryption=Read("TPM")))
    found = bench.surroundings.fill(bench.asker.fill(told, target), target)
    assert (found.stateless, found.security.encryption) == (Read(True), Read("TPM"))


def test_leaving_maintenance_mode_in_an_ha_cluster_takes_the_way_back(bench: Bench) -> None:
    bench.vcenter.cluster("prod").ha = True
    assert bench.situation().state.window.leads_back
    bench.host().maintenance = True
    bench.vcenter.refresh_inventory()
    assert bench.situation().state.window.leads_back
    bench.host().maintenance = False
    bench.vcenter.refresh_inventory()
    assert bench.situation().state.window.kind.value == "CONSUMED"
