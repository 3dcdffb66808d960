"""What changed since the older image's configuration was saved: history and the site's records together, on the safe side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from auditor.domain.observation import NOT_ATTEMPTED, Read, Reading, Reason, Unread
from auditor.domain.readings.own_settings import STARTED_WITH_IT as SECURE_BOOT
from auditor.domain.rollback.gates.evaluate import evaluate
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict
from auditor.domain.rollback.situation import HostSituation, SecurityFacts, Since, WayBackIn
from auditor.domain.settings.past import PastSettings, Seen
from auditor.domain.settings.values import CONFIGURATION, POLICY, HostSettings, SettingsGroup, entries
from auditor.workflows.rollback.since import since_the_upgrade
from tests.domain.rollback import samples
from tests.domain.rollback.samples import NOW, OLD

SAVED = samples.situation().state.configuration_saved
assert isinstance(SAVED, Read)
BEFORE, AFTER = SAVED.value - timedelta(days=9), SAVED.value + timedelta(days=1)
RECORDED = tuple(SettingsGroup)
LONG_AGO, LATER = SAVED.value - timedelta(days=30), SAVED.value + timedelta(days=1)
KEYS = ("root_password", "host_keys", "certificates", "authorized_keys", "security_policy", "settings")
VALUE = {group: {"a": "1"} for group in RECORDED} | {
    SettingsGroup.SECURE_BOOT: {SECURE_BOOT: "yes"},
    SettingsGroup.LOCKDOWN: {"mode": "lockdownDisabled"},
    SettingsGroup.HOST_KEY: {"key": "rsa SHA256:1"},
    SettingsGroup.AUTHORIZED_KEYS: {"root": "SHA256 1"},
}


def past(*leave_out: SettingsGroup, **changed: str) -> PastSettings:
    """Everything as recorded before the upgrade, and what was seen changed after it."""
    groups = {}
    for group in RECORDED:
        if group not in leave_out:
            groups[group] = (Seen(entries(VALUE[group]), BEFORE, SAVED.value),)
            if group.value in changed:
                groups[group] += (Seen(entries({"a": changed[group.value]}), AFTER, NOW),)
    return PastSettings("esx1", "vc", groups)


def now(**changed: str | Unread) -> HostSettings:
    groups: dict[SettingsGroup, Reading] = {group: Read(entries(VALUE[group])) for group in RECORDED}
    for name, value in changed.items():
        groups[SettingsGroup(name)] = value if isinstance(value, Unread) else Read(entries({"a": value}))
    return HostSettings("esx1", "vc", NOW, groups)


def bare() -> HostSituation:
    """Nothing of what this settles is known yet."""
    made = samples.situation()
    return replace(
        made,
        settings_changed=NOT_ATTEMPTED,
        security=SecurityFacts(Read("NONE"), secure_boot=Read(True), lockdown=Read("lockdownDisabled")),
        way_in=WayBackIn(ssh_policy_on=Read(True), host_key=Read("rsa SHA256:1"), keys_digest=Read("SHA256 1")),
    )


def settled(
    days: Mapping[str, datetime] | None = None,
    recorded: Reading[PastSettings] | PastSettings | None = None,
    current: HostSettings | None = None,
    made: HostSituation | None = None,
) -> HostSituation:
    known = recorded if isinstance(recorded, Read | Unread) else Read(recorded or past())
    return since_the_upgrade(made or bare(), days or {}, known, current or now())


def gate(situation: HostSituation, gate: Gate) -> GateResult:
    return next(result for result in evaluate(situation, OLD) if result.gate is gate)


def test_history_alone_settles_everything_but_roots_password() -> None:
    found = settled()
    assert gate(found, Gate.SETTINGS_CHANGED).verdict is GateVerdict.PASS
    assert found.security.policy_changed == Read(False)
    assert found.security.secure_boot_then == Read(True)
    assert found.security.lockdown_then == Read("lockdownDisabled")
    way = found.way_in
    assert (way.host_keys, way.certificates, way.authorized_keys) == (Read(Since.SAME),) * 3
    assert isinstance(way.root_password, Unread)
    assert "[rollback.changed] root_password" in way.root_password.detail


def test_records_alone_settle_everything() -> None:
    nothing: Reading[PastSettings] = Unread(Reason.ABSENT, "there is no history yet")
    found = settled(dict.fromkeys(KEYS, LONG_AGO), nothing)
    assert gate(found, Gate.SETTINGS_CHANGED).verdict is GateVerdict.PASS
    assert found.security.policy_changed == Read(False)
    assert found.security.secure_boot_then == Read(True)
    assert set(vars_of(found.way_in)) == {Since.SAME}
    changed = settled(dict.fromkeys(KEYS, LATER), nothing)
    assert gate(changed, Gate.SETTINGS_CHANGED).verdict is GateVerdict.FAIL
    assert changed.security.policy_changed == Read(True)
    assert set(vars_of(changed.way_in)) == {Since.CHANGED}


def vars_of(way: WayBackIn) -> list[Since]:
    readings = (way.root_password, way.host_keys, way.certificates, way.authorized_keys)
    return [reading.value for reading in readings if isinstance(reading, Read)]


def test_without_either_it_is_unknown_and_both_are_named() -> None:
    found = settled({}, PastSettings("esx1", "vc"))
    result = gate(found, Gate.SETTINGS_CHANGED)
    assert result.verdict is GateVerdict.UNKNOWN
    assert "it was never recorded" in result.evidence[0]
    assert "[rollback.changed] settings" in result.evidence[0]
    for reading in (found.security.policy_changed, found.way_in.host_keys, found.way_in.certificates):
        assert isinstance(reading, Unread)


@pytest.mark.parametrize("group", CONFIGURATION)
def test_a_change_that_history_saw_fails_whatever_the_records_say(group: SettingsGroup) -> None:
    found = settled(dict.fromkeys(KEYS, LONG_AGO), past(**{group.value: "2"}), now(**{group.value: "2"}))
    result = gate(found, Gate.SETTINGS_CHANGED)
    assert result.verdict is GateVerdict.FAIL
    assert f"{group.value} a: 1 -> 2 (first seen" in result.evidence[0] or group is SettingsGroup.LOCKDOWN


@pytest.mark.parametrize("group", CONFIGURATION)
def test_a_change_by_the_records_fails_whatever_history_says(group: SettingsGroup) -> None:
    result = gate(settled({"settings": LATER}, past(group)), Gate.SETTINGS_CHANGED)
    assert result.verdict is GateVerdict.FAIL
    assert "your records last change: none -> on" in result.evidence[0]


@pytest.mark.parametrize("group", CONFIGURATION)
def test_the_records_settle_what_history_does_not_know(group: SettingsGroup) -> None:
    unknown = gate(settled({}, past(group)), Gate.SETTINGS_CHANGED)
    assert unknown.verdict is GateVerdict.UNKNOWN
    assert group.value in unknown.evidence[0]
    passed = gate(settled({"settings": LONG_AGO}, past(group)), Gate.SETTINGS_CHANGED)
    assert passed.verdict is GateVerdict.PASS
    assert f"unchanged by your records: {group.value}" in passed.evidence[0]


@pytest.mark.parametrize("group", POLICY[::2])
def test_a_changed_policy(group: SettingsGroup) -> None:
    found = settled({"security_policy": LONG_AGO}, past(), now(**{group.value: "2"}))
    assert found.security.policy_changed == Read(True)
    assert isinstance(settled({}, past(group)).security.policy_changed, Unread)


def test_secure_boot_is_the_hosts_own_word() -> None:
    """What vCenter shows now of it does not count, nor what the records say, once the host's word of then is known."""
    off = replace(past(), groups={**past().groups, SettingsGroup.SECURE_BOOT: (Seen(((SECURE_BOOT, "no"),), BEFORE, AFTER),)})
    found = settled({"security_policy": LONG_AGO}, off)
    assert found.security.secure_boot_then == Read(False)
    assert found.security.policy_changed == Read(True)
    assert gate(found, Gate.SECURE_BOOT).verdict is GateVerdict.FAIL
    assert isinstance(settled({}, past(SettingsGroup.SECURE_BOOT)).security.secure_boot_then, Unread)
    assert settled({"security_policy": LONG_AGO}, past(SettingsGroup.SECURE_BOOT)).security.secure_boot_then == Read(True)


@pytest.mark.parametrize(
    ("key", "group", "name"),
    [
        ("certificates", SettingsGroup.CERTIFICATE, "certificates"),
        ("host_keys", SettingsGroup.HOST_KEY, "host_keys"),
        ("authorized_keys", SettingsGroup.AUTHORIZED_KEYS, "authorized_keys"),
    ],
)
def test_the_ways_in(key: str, group: SettingsGroup, name: str) -> None:
    other = replace(bare(), way_in=replace(bare().way_in, host_key=Read("rsa SHA256:2"), keys_digest=Read("none")))
    changed = settled({key: LONG_AGO}, past(), now(**{group.value: "2"}), other)
    assert getattr(changed.way_in, name) == Read(Since.CHANGED)
    assert getattr(settled({key: LATER}).way_in, name) == Read(Since.CHANGED)
    assert getattr(settled({key: LONG_AGO}, past(group)).way_in, name) == Read(Since.SAME)
    assert isinstance(getattr(settled({}, past(group)).way_in, name), Unread)


def test_lockdown_mode_of_then() -> None:
    gone = past(SettingsGroup.LOCKDOWN)
    assert isinstance(settled({}, gone).security.lockdown_then, Unread)
    assert settled({"settings": LONG_AGO}, gone).security.lockdown_then == Read("lockdownDisabled")
    assert isinstance(settled({"settings": LATER}, gone).security.lockdown_then, Unread)


def test_without_the_age_of_the_configuration_nothing_is_known() -> None:
    missing = samples.observation(other_bank={"files": Read(())})
    found = settled(dict.fromkeys(KEYS, LONG_AGO), made=replace(bare(), banks=missing))
    for reading in (found.settings_changed, found.security.policy_changed, found.way_in.certificates):
        assert isinstance(reading, Unread)
        assert "/altbootbank" in reading.detail


def test_a_host_whose_clock_is_ahead_saved_its_configuration_earlier_than_it_says() -> None:
    """A change that was recorded before the time of the file, by our clock, may be one from after it."""
    line = (Seen(entries({"a": "0"}), LONG_AGO, BEFORE), Seen(entries({"a": "1"}), SAVED.value - timedelta(hours=1), NOW))
    known = replace(past(), groups={**past().groups, SettingsGroup.NTP: line})
    assert gate(settled({}, known), Gate.SETTINGS_CHANGED).verdict is GateVerdict.PASS
    ahead = replace(bare(), banks=replace(bare().banks, clock=Read(bare().banks.at + timedelta(hours=2))))
    assert gate(settled({}, known, made=ahead), Gate.SETTINGS_CHANGED).verdict is GateVerdict.FAIL


def test_what_vcenter_cannot_tell_now_is_taken_from_the_newest_record() -> None:
    away = Unread(Reason.UNREACHABLE, "vCenter is down")
    current = now(**{group.value: away for group in RECORDED})
    line = {group: (*past().of(group), Seen(entries(VALUE[group]), AFTER, AFTER)) for group in RECORDED}
    result = gate(settled({}, PastSettings("esx1", "vc", line), current), Gate.SETTINGS_CHANGED)
    assert result.verdict is GateVerdict.PASS
    assert "now unreachable" in result.evidence[0]
    assert gate(settled({}, past(), current), Gate.SETTINGS_CHANGED).verdict is GateVerdict.UNKNOWN
