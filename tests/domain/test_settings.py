"""Settings compared with those that a rollback would bring back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.settings.compare import SettingsSince, compare, span
from auditor.domain.settings.past import PastSettings, Seen, differences
from auditor.domain.settings.values import CONFIGURATION, POLICY, Entries, HostSettings, SettingsGroup, entries

NTP, SERVICES, HOST_KEY = SettingsGroup.NTP, SettingsGroup.SERVICES, SettingsGroup.HOST_KEY
START = datetime(2026, 5, 1, tzinfo=UTC)
DENIED = Unread(Reason.DENIED, "lacks a privilege")


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def past(*values: tuple[float, float, dict[str, str | None]], group: SettingsGroup = NTP) -> PastSettings:
    return PastSettings("esx01", "vc", {group: tuple(Seen(entries(v), at(a), at(b)) for a, b, v in values)})


def now(value: dict[str, str | None] | Unread, group: SettingsGroup = NTP) -> HostSettings:
    reading: Reading[Entries] = value if isinstance(value, Unread) else Read(entries(value))
    return HostSettings("esx01", "vc", at(100), {group: reading})


def since(known: PastSettings, current: HostSettings | None, saved: float = 10, group: SettingsGroup = NTP) -> SettingsSince:
    return compare(known, current, at(saved), (group,))


def test_a_changed_server_is_named_with_the_time_it_was_first_seen() -> None:
    known = past((0, 20, {"servers": "a", "daemon": "on"}), (30, 40, {"servers": "b", "daemon": "on"}))
    found = since(known, now({"servers": "b", "daemon": "on"}))
    assert [(str(change), change.seen) for change in found.changed] == [("ntp servers: a -> b", at(30))]
    assert not found.unknown


def test_a_change_that_only_this_look_sees_has_no_time() -> None:
    (change,) = since(past((0, 20, {"servers": "a"})), now({})).changed
    assert (str(change), change.seen) == ("ntp servers: a -> none", None)


def test_changed_and_changed_back_is_the_same() -> None:
    known = past((0, 20, {"servers": "a"}), (30, 40, {"servers": "b"}), (50, 60, {"servers": "a"}))
    assert since(known, now({"servers": "a"})).same


def test_a_change_between_the_last_look_and_the_saving_counts_as_lost() -> None:
    found = since(past((0, 5, {"servers": "a"}), (15, 20, {"servers": "b"})), now({"servers": "b"}))
    assert [change.seen for change in found.changed] == [at(15)]


def test_what_was_before_that_is_of_no_interest() -> None:
    assert since(past((0, 1, {"servers": "old"}), (2, 90, {"servers": "a"})), now({"servers": "a"})).same


def test_without_a_record_from_before_it_is_unknown_and_what_changed_since_is_told() -> None:
    known = past((20, 30, {"servers": "a"}), (40, 90, {"servers": "b"}))
    found = since(known, now({"servers": "b"}))
    assert [str(change) for change in found.changed] == ["ntp servers: a -> b"]
    (unknown,) = found.unknown
    assert unknown.why == "not recorded before 2026-05-01 10:00Z; history knows it since 2026-05-01 20:00Z"
    same = since(past((20, 90, {"servers": "a"})), now({"servers": "a"}))
    assert (same.changed, len(same.unknown), same.same) == ((), 1, False)


def test_never_recorded_is_unknown() -> None:
    (unknown,) = since(PastSettings("esx01", "vc"), now({"servers": "a"})).unknown
    assert unknown.why.endswith("it was never recorded")


def test_what_cannot_be_read_now_is_taken_from_the_newest_record_and_its_age_said() -> None:
    known = past((0, 20, {"servers": "a"}), (30, 97, {"servers": "b"}))
    found = since(known, now(DENIED))
    assert [str(change) for change in found.changed] == ["ntp servers: a -> b"]
    assert found.notes == ("ntp: as recorded 2026-05-05 01:00Z, 3 hours ago; now denied",)
    assert since(past((0, 97, {"servers": "a"})), None).same


def test_a_record_from_before_the_upgrade_is_not_now() -> None:
    found = since(past((0, 5, {"servers": "a"})), now(DENIED))
    assert [(unknown.group, unknown.why) for unknown in found.unknown] == [("ntp", "denied: lacks a privilege")]
    assert found.changed == ()


def test_a_service_that_only_one_release_has_is_nobodys_setting() -> None:
    before, after = {"TSM-SSH": "off", "old": "on"}, {"TSM-SSH": "on", "new": "on"}
    (change,) = since(past((0, 5, before), group=SERVICES), now(after, SERVICES), group=SERVICES).changed
    assert str(change) == "services TSM-SSH: off -> on"


def test_the_time_of_the_file_has_whole_seconds() -> None:
    seen = Seen(entries({"servers": "a"}), at(10) + timedelta(milliseconds=900), at(11))
    assert since(PastSettings("esx01", "vc", {NTP: (seen,)}), now({"servers": "a"})).same


def test_the_groups_of_the_gates_are_apart() -> None:
    assert not set(CONFIGURATION) & set(POLICY)
    others = set(SettingsGroup) - set(CONFIGURATION) - set(POLICY)
    assert others == {SettingsGroup.CERTIFICATE, HOST_KEY, SettingsGroup.AUTHORIZED_KEYS}


def test_when_and_why_do_not_make_two_results_differ() -> None:
    """A plan rests on what changed; recording it meanwhile must not make the plan a stale one."""
    known = past((0, 20, {"servers": "a"}))
    seen_now = since(known, now({"servers": "b"}))
    recorded = since(past((0, 20, {"servers": "a"}), (90, 95, {"servers": "b"})), now({"servers": "b"}))
    assert seen_now == recorded
    assert seen_now.changed[0].seen != recorded.changed[0].seen
    unknown = since(known, now(DENIED))
    assert unknown == since(known, now(replace(DENIED, detail="another time")))


@pytest.mark.parametrize(("length", "text"), [(0, "0 minutes"), (119, "119 minutes"), (120, "2 hours"), (2880, "2 days")])
def test_span(length: int, text: str) -> None:
    assert span(timedelta(minutes=length)) == text


values = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"), max_size=4).map(entries)
timelines = st.lists(values, max_size=6)


@given(timelines, st.one_of(st.none(), values), st.integers(-1, 7))
def test_same_is_said_only_if_it_was_read_before_and_is_so_now(
    line: list[Entries], current: Entries | None, saved: int
) -> None:
    """Whatever was recorded and read: no setting is called unchanged unless it was read on both sides and is equal."""
    known = PastSettings("esx01", "vc", {NTP: tuple(Seen(value, at(n), at(n)) for n, value in enumerate(line))})
    live = None if current is None else HostSettings("esx01", "vc", at(100), {NTP: Read(current)})
    found = since(known, live, saved)
    before = line[: saved + 1]
    effective = current if current is not None else (line[-1] if len(line) > max(saved + 1, 0) else None)
    if found.same:
        assert before
        assert effective == before[-1]
    if before and effective is not None:
        assert {change.name for change in found.changed} == {
            name for name in dict(before[-1]).keys() | dict(effective).keys()
            if dict(before[-1]).get(name) != dict(effective).get(name)
        }  # fmt: skip
        assert not found.unknown
    else:
        assert found.unknown
    for change in found.changed:
        assert change.before != change.after
        assert change.seen is None or any(dict(v).get(change.name) != change.before and at(n) == change.seen
                                          for n, v in enumerate(line))  # fmt: skip


@given(values, values)
def test_differences_lead_from_one_to_the_other(one: Entries, other: Entries) -> None:
    result = dict(one)
    for change in differences(NTP, one, other):
        assert result.get(change.name) == change.before
        if change.after is None:
            del result[change.name]
        else:
            result[change.name] = change.after
    assert entries(result) == other
