"""Each gate passes, fails or is unknown, and only what may be overridden can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.domain.image import Vib
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.gates.evaluate import TO_SETTLE, evaluate
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict, Override, blocking
from auditor.domain.rollback.gates.settle import SETTLE
from auditor.domain.rollback.situation import HostSituation, Since
from auditor.domain.settings.compare import SettingsSince, UnknownGroup
from auditor.domain.settings.past import SettingChange
from tests.domain.rollback.samples import NEW, OLD, OTHER, boot_cfg, image, loads, observation, situation, unread

FDM_FREE = Vib("nsx-host", "4.1.0")
NEWER_NSX = Vib("nsx-host", "4.2.0")
PASS, FAIL, UNKNOWN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.UNKNOWN


def result(gate: Gate, made: HostSituation, override: Override | None = None) -> GateResult:
    found = evaluate(made, OLD, {gate: override} if override else None)
    return next(one for one in found if one.gate is gate)


def within(part: str, **changes: Any) -> HostSituation:
    made = situation()
    return replace(made, **{part: replace(getattr(made, part), **changes)})


def with_solution(now: Vib, then: Vib | None) -> HostSituation:
    banks = observation(
        own_bank={"image": Read(image(NEW, now))},
        other_bank={"image": Read(image(OLD, *([then] if then else [])))},
    )
    return situation(banks, solution_vibs=Read(("nsx-host",)))


def test_a_good_host_passes_every_gate_with_evidence_and_page() -> None:
    results = evaluate(situation(), OLD)
    assert [one.gate for one in results] == list(Gate)
    assert {one.verdict for one in results} == {PASS}
    assert all(one.evidence[0] and one.rests_on for one in results)
    assert not blocking(results)


def locked(now: str, then: Any, trouble: Unread | None = None) -> HostSituation:
    made = within("security", lockdown=Read(now), lockdown_then=then if isinstance(then, Unread) else Read(then))
    return replace(made, banks=replace(made.banks, trouble=trouble))


SIX = observation(boot_cfg("7.0.3-0.55.24674464", 5), boot_cfg("6.7.0-0.0.8169922", 4))
NTP = SettingChange("ntp", "servers", "a", "b", datetime(2026, 11, 2, 7, 4, tzinfo=UTC))
ISCSI = UnknownGroup("iscsi", "denied: lacks a privilege")

CASES = [
    (Gate.IDENTITY, situation(machine=Read("4c4c4544-0031-3010-8054-b4c04f564433")), FAIL),
    (Gate.IDENTITY, situation(machine=unread()), UNKNOWN),
    (Gate.IDENTITY, situation(machine_in_vcenter=unread()), UNKNOWN),
    (Gate.WINDOW, situation(observation(other=boot_cfg(NEW, 6))), FAIL),
    (Gate.WINDOW, situation(observation(other=boot_cfg("8.0.3-0.65.24659227", 4))), FAIL),  # another older build
    (Gate.WINDOW, situation(observation(volumes=unread())), UNKNOWN),
    (Gate.ERA, situation(SIX), FAIL),
    (Gate.ERA, situation(observation(other_bank={"boot_cfg": unread()})), UNKNOWN),
    (Gate.BANK_HEALTH, situation(bank_errors=Read(("dirty bit",))), FAIL),
    (Gate.BANK_HEALTH, situation(bank_errors=unread()), UNKNOWN),
    (Gate.STATELESS, situation(stateless=Read(True)), FAIL),
    (Gate.STATELESS, situation(stateless=unread()), UNKNOWN),
    (Gate.DPU, situation(dpu=Read(True)), FAIL),
    (Gate.DPU, situation(dpu=unread()), UNKNOWN),
    (Gate.QUICK_BOOT, situation(quick_boot=Read(True)), FAIL),
    (Gate.QUICK_BOOT, situation(quick_boot=unread()), UNKNOWN),
    (Gate.QUICK_BOOT, situation(quick_boot=unread(), quick_booted=Read(False)), UNKNOWN),
    (Gate.DRS, within("cluster", drs=Read("manual")), FAIL),
    (Gate.DRS, within("cluster", drs=Read("partiallyAutomated")), FAIL),
    (Gate.DRS, within("cluster", drs=unread()), UNKNOWN),
    (Gate.CAPACITY, situation(loads=loads("esx1", used=250)), FAIL),
    (Gate.CAPACITY, situation(loads=loads("esx1", "esx2", used=130), companions=("esx2",)), FAIL),
    (Gate.CAPACITY, situation(loads=unread()), UNKNOWN),
    (Gate.CAPACITY, situation(loads=loads("esx2")), UNKNOWN),
    (Gate.CAPACITY, situation(loads=loads("esx1"), companions=("esx2",)), UNKNOWN),
    (Gate.PINNED_VMS, situation(pinned_vms=Read(("vm1: passthrough device",))), FAIL),
    (Gate.PINNED_VMS, situation(pinned_vms=unread()), UNKNOWN),
    (Gate.VCENTER_VM, situation(runs_vcenter=Read(True)), FAIL),
    (Gate.VCENTER_VM, situation(runs_vcenter=unread()), UNKNOWN),
    (Gate.VSAN_HEALTH, within("vsan", enabled=Read(True), healthy=Read(False)), FAIL),
    (Gate.VSAN_HEALTH, within("vsan", enabled=unread()), UNKNOWN),
    (Gate.VSAN_HEALTH, within("vsan", enabled=Read(True), healthy=unread()), UNKNOWN),
    (Gate.VSAN_FORMAT, within("vsan", enabled=Read(True), format=Read(21)), FAIL),
    (Gate.VSAN_FORMAT, within("vsan", enabled=Read(True), format_then=unread()), UNKNOWN),
    (Gate.HA_AGENT, situation(ha_agent=Read("uninitialized")), FAIL),
    (Gate.HA_AGENT, situation(ha_agent=unread()), UNKNOWN),
    (Gate.HA_AGENT, within("cluster", ha_enabled=unread()), UNKNOWN),
    (Gate.ENCRYPTION, within("security", encryption=Read("TPM")), UNKNOWN),
    (Gate.ENCRYPTION, within("security", encryption=unread()), UNKNOWN),
    (Gate.ENCRYPTION, within("security", encryption=Read("TPM"), recovery_key=Read("abc"), tpm=Read("")), UNKNOWN),
    (Gate.SECURITY_POLICY, within("security", policy_changed=Read(True)), FAIL),
    (Gate.SECURITY_POLICY, within("security", policy_changed=unread()), UNKNOWN),
    (Gate.SECURITY_POLICY, within("security", encryption=Read("TPM"), attestation=Read("notAccepted")), UNKNOWN),
    (Gate.SECURE_BOOT, within("security", secure_boot_then=Read(False)), FAIL),
    (Gate.SECURE_BOOT, within("security", secure_boot_then=unread()), UNKNOWN),
    (Gate.SECURE_BOOT, within("security", secure_boot=unread()), UNKNOWN),
    (Gate.SOLUTIONS, with_solution(NEWER_NSX, FDM_FREE), FAIL),
    (Gate.SOLUTIONS, with_solution(NEWER_NSX, None), FAIL),
    (Gate.SOLUTIONS, situation(solution_vibs=unread()), UNKNOWN),
    (Gate.SOLUTIONS, situation(solution_vibs=Read(("nsx-host",))), UNKNOWN),  # the image database does not list it
    (
        Gate.SOLUTIONS,
        situation(observation(other_bank={"image": unread()}), solution_vibs=Read(("esx-base",))),
        UNKNOWN,
    ),
    (Gate.ROOT_PASSWORD, within("way_in", root_password=Read(Since.CHANGED)), FAIL),
    (Gate.ROOT_PASSWORD, within("way_in", root_password=unread()), UNKNOWN),
    (Gate.HOST_KEYS, within("way_in", host_keys=Read(Since.CHANGED)), FAIL),
    (Gate.CERTIFICATES, within("way_in", certificates=unread()), UNKNOWN),
    (Gate.AUTHORIZED_KEYS, within("way_in", authorized_keys=Read(Since.CHANGED)), FAIL),
    (Gate.SSH_AFTER_REBOOT, within("way_in", ssh_policy_on=Read(False)), FAIL),
    (Gate.LOCKDOWN, within("security", lockdown=unread()), UNKNOWN),
    (Gate.LOCKDOWN, locked("lockdownDisabled", unread()), UNKNOWN),
    (Gate.LOCKDOWN, locked("lockdownDisabled", "lockdownStrict"), UNKNOWN),
    (Gate.LOCKDOWN, locked("lockdownNormal", "lockdownNormal", Unread(Reason.DENIED, "no")), FAIL),
    (Gate.LOCKDOWN, locked("lockdownNormal", "lockdownNormal", Unread(Reason.UNREACHABLE, "no")), UNKNOWN),
    (Gate.SETTINGS_CHANGED, situation(settings_changed=Read(SettingsSince((NTP,)))), FAIL),
    (Gate.SETTINGS_CHANGED, situation(settings_changed=Read(SettingsSince((NTP,), (ISCSI,)))), FAIL),
    (Gate.SETTINGS_CHANGED, situation(settings_changed=Read(SettingsSince((), (ISCSI,)))), UNKNOWN),
    (Gate.SETTINGS_CHANGED, situation(settings_changed=unread()), UNKNOWN),
    (Gate.CLUSTER_IMAGE, within("cluster", image_build=Read("24674464")), FAIL),
    (Gate.CLUSTER_IMAGE, within("cluster", image_build=unread()), UNKNOWN),
]


@pytest.mark.parametrize(("gate", "made", "verdict"), [pytest.param(*c, id=f"{c[0].value}-{n}") for n, c in enumerate(CASES)])
def test_each_gate(gate: Gate, made: HostSituation, verdict: GateVerdict) -> None:
    found = result(gate, made)
    assert found.verdict is verdict, found
    assert found.evidence[0]
    assert found.blocks


@pytest.mark.parametrize(
    ("gate", "made"),
    [
        (Gate.DRS, replace(within("cluster", drs=Read("off")), maintenance_mode=Read(True))),
        (Gate.CAPACITY, situation(loads=loads("esx1", used=250), maintenance_mode=Read(True))),
        (Gate.CAPACITY, situation(loads=loads("esx1", "esx2", used=130))),
        (Gate.HA_AGENT, situation(ha_agent=unread(), maintenance_mode=Read(True))),
        (Gate.HA_AGENT, replace(within("cluster", ha_enabled=Read(False)), ha_agent=unread())),
        (Gate.VSAN_FORMAT, within("vsan", enabled=Read(False), format=unread())),
        (Gate.ENCRYPTION, within("security", encryption=Read("TPM"), recovery_key=Read("SHA256:abc"))),
        (Gate.ENCRYPTION, within("security", encryption=Unread(Reason.NOT_SUPPORTED))),
        (Gate.SECURE_BOOT, within("security", secure_boot=Read(False), secure_boot_then=unread())),
        (Gate.ROOT_PASSWORD, within("way_in", root_password=Read(Since.CHANGED_AND_AT_HAND))),
        (Gate.CLUSTER_IMAGE, within("cluster", image_build=Read(None))),
        (Gate.SOLUTIONS, with_solution(FDM_FREE, FDM_FREE)),
        (Gate.LOCKDOWN, locked("lockdownStrict", "lockdownStrict")),
        (Gate.LOCKDOWN, locked("lockdownNormal", "lockdownDisabled")),
        (Gate.SECURITY_POLICY, within("security", encryption=Read("NONE"), attestation=Read("notAccepted"))),
        (Gate.ERA, situation(observation(boot_cfg("9.0.0-0.24755229", 5), OTHER))),
    ],
)
def test_what_does_not_apply_passes(gate: Gate, made: HostSituation) -> None:
    assert result(gate, made).verdict is PASS


def test_every_gate_is_unknown_or_failed_when_nothing_was_read() -> None:
    bare = HostSituation("esx1", "vc", observation(banks=(), volumes=unread(), product=unread(), live_marker=unread()))
    results = evaluate(bare, OLD)
    assert {one.verdict for one in results} == {UNKNOWN}
    assert len(blocking(results)) == len(Gate)
    everything = {gate: Override("ann", "we must") for gate in Gate}
    assert {one.gate for one in blocking(evaluate(bare, OLD, everything))} == {gate for gate in Gate if gate.absolute}


def test_every_unknown_says_what_settles_it() -> None:
    assert set(SETTLE) == {gate.value for gate in Gate}
    for gate, made, verdict in CASES:
        found = result(gate, made)
        assert [line for line in found.evidence if line.startswith(TO_SETTLE)] == (
            [TO_SETTLE + SETTLE[gate.value]] if verdict is UNKNOWN else []
        )
    places = ("[rollback", "[releases]", "vSphere Client", "on the host", "auditor ")
    assert [gate for gate, words in SETTLE.items() if not any(place in words for place in places)] == []


def test_what_is_known_of_the_tpm_is_shown() -> None:
    made = within("security", encryption=Read("TPM"), recovery_key=Read("abc"), tpm=Read("2.0"), attestation=Read("accepted"))
    assert "TPM 2.0, attestation accepted" in result(Gate.ENCRYPTION, made).evidence[0]
    assert "no TPM" in result(Gate.ENCRYPTION, within("security", tpm=Read(""))).evidence[0]


def test_a_quick_boot_of_the_past_is_a_hint_and_no_verdict() -> None:
    made = situation(quick_boot=Unread(Reason.NOT_SUPPORTED, "it can"), quick_booted=Read(True))
    found = result(Gate.QUICK_BOOT, made)
    assert (found.verdict, "this boot was one" in found.evidence[0]) == (UNKNOWN, True)
    assert "loadESXEnable -d" in found.evidence[1]
    assert result(Gate.QUICK_BOOT, replace(made, quick_boot=Read(False))).verdict is PASS


WORD = Override("ann", "checked by hand")


def test_an_override_is_recorded_and_takes_effect_on_unknown() -> None:
    found = result(Gate.DPU, situation(dpu=unread()), WORD)
    assert (found.verdict, found.overridden, found.blocks) == (UNKNOWN, WORD, False)


@pytest.mark.parametrize("override", [Override("", "reason"), Override("ann", "  ")])
def test_an_override_needs_a_name_and_a_reason(override: Override) -> None:
    assert result(Gate.DPU, situation(dpu=unread()), override).blocks


def test_a_fail_is_overridden_only_where_it_costs_no_host() -> None:
    for gate, made, verdict in CASES:
        if verdict is FAIL:
            assert result(gate, made, WORD).blocks is not gate.acceptable, gate
    assert {gate for gate in Gate if gate.acceptable}.isdisjoint({gate for gate in Gate if gate.absolute})


def test_an_override_of_a_gate_that_passes_is_not_recorded() -> None:
    assert result(Gate.DPU, situation(), WORD).overridden is None


def test_a_changed_setting_is_told_with_before_and_after_and_what_is_not_known() -> None:
    found = result(
        Gate.SETTINGS_CHANGED, situation(settings_changed=Read(SettingsSince((NTP, replace(NTP, seen=None)), (ISCSI,))))
    )
    assert found.evidence[0] == (
        "changed since the upgrade and lost: ntp servers: a -> b (first seen 2026-11-02 07:04Z); "
        "ntp servers: a -> b (seen now); "
        "not known: iscsi: denied: lacks a privilege"
    )


def test_many_changed_settings_are_counted() -> None:
    many = tuple(replace(NTP, name=f"server {n}") for n in range(25))
    (evidence,) = result(Gate.SETTINGS_CHANGED, situation(settings_changed=Read(SettingsSince(many)))).evidence
    assert evidence.endswith("; and 5 more")
