"""Plans, their hash, their waves, what makes them stale, and who may approve them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.codec import from_plain, to_plain
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.approval import Approval, approval_problem, approve, break_glass
from auditor.domain.rollback.arm import ByteEdit, Refusal
from auditor.domain.rollback.gates.gate import Gate, Override
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.plan import (
    FAILURE_BUDGET,
    Method,
    RollbackPlan,
    check_plan,
    image_commands,
    make_plan,
    next_wave,
)
from auditor.domain.rollback.situation import HostSituation, VsanFacts
from auditor.domain.settings.compare import SettingsSince
from auditor.domain.settings.past import SettingChange
from tests.domain.rollback.samples import NEW, NOW, OLD, OTHER, OWN, boot_cfg, files, loads, observation, situation, unread

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def named(name: str, domain: str | None = None, **changes: Any) -> HostSituation:
    vsan = (
        VsanFacts(Read(False), Read(""))
        if domain is None
        else VsanFacts(Read(True), Read(domain), Read(20), Read(20), Read(True))
    )
    return situation(observation(host=name), host=name, vsan=vsan, **changes)


def plan(*situations: HostSituation, method: Method = Method.UNATTENDED, **changes: Any) -> RollbackPlan:
    return make_plan(situations or (situation(),), OLD, method, "ann", NOW, DAY, **changes)


def test_the_command_that_lowers_each_newer_image_is_named_once() -> None:
    newer = replace(situation().cluster, name=Read("Prod A"), image_build=Read("24674464"))
    made = plan(named("esx1", cluster=newer), named("esx2", cluster=newer), named("esx3"), canary="esx2")
    command = "auditor propose 'Prod A' --vcenter vc --from-host esx2"
    assert image_commands(made) == (command,)
    told = [gate.evidence for target in made.targets for gate in target.gates if gate.gate is Gate.CLUSTER_IMAGE]
    assert any(command in line for evidence in told for line in evidence)
    assert image_commands(plan()) == ()


def test_what_a_target_holds() -> None:
    made = plan()
    (target,) = made.targets
    assert (target.from_build, target.to_build) == (NEW, OLD)
    assert target.booted.boot_cfg == OWN
    assert target.other.boot_cfg == OTHER
    assert target.edit == ByteEdit(10, "0", "3")
    assert target.enters_maintenance
    assert target.steps[0] is Step.LOOK
    assert target.steps[-1] is Step.VERIFY
    assert Step.DISARM not in target.steps
    assert not made.blocked
    assert made.waves == (("esx1",),)
    assert FAILURE_BUDGET == 0
    guided = plan(method=Method.GUIDED).targets[0]
    assert guided.edit is None
    assert Step.ARM not in guided.steps
    stays = plan(situation(maintenance_mode=Read(True))).targets[0]
    assert Step.LEAVE_MAINTENANCE not in stays.steps


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (situation(observation(other=boot_cfg(NEW, 6))), "CONSUMED"),
        (situation(observation(other=boot_cfg("8.0.3-0.65.24659227", 4))), "leads to"),
        (situation(boot_id=unread()), "cannot be told"),
        (situation(maintenance_mode=unread()), "maintenance mode"),
    ],
)
def test_a_host_that_cannot_be_planned_is_left_out_by_name(made: HostSituation, words: str) -> None:
    found = plan(made)
    assert not found.targets
    assert not found.waves
    (left,) = found.left_out
    assert left.host == "esx1"
    assert words in left.why
    assert len(left.gates) == len(Gate)


def test_gates_that_block_stay_in_the_plan_and_overrides_are_recorded() -> None:
    unknown = named("esx1", dpu=unread())
    assert [(host, result.gate) for host, result in plan(unknown).blocked] == [("esx1", Gate.DPU)]
    word = Override("ann", "no DPU in this model")
    made = plan(unknown, overrides={"ESX1": {Gate.DPU: word}})
    assert not made.blocked
    assert word in {result.overridden for result in made.targets[0].gates}


def test_the_hash_names_everything() -> None:
    made = plan(named("esx1"), named("esx2"))
    assert made.hash == plan(named("esx1"), named("esx2")).hash
    others = [
        plan(named("esx2"), named("esx1")),
        plan(named("esx1")),
        plan(named("esx1"), named("esx2"), method=Method.GUIDED),
        plan(named("esx1"), named("esx2"), canary="esx2"),
        plan(named("esx1"), named("esx2", boot_id=Read("boot-2"))),
        plan(named("esx1"), named("esx2", dpu=unread())),
        replace(made, author="bob"),
        replace(made, expires=NOW + 2 * DAY),
        replace(made, targets=(made.targets[0], replace(made.targets[1], edit=ByteEdit(11, "0", "3")))),
        plan(replace(named("esx1"), banks=observation(OWN + b"#\n", host="esx1")), named("esx2")),
    ]
    assert len({made.hash, *(other.hash for other in others)}) == len(others) + 1


def test_a_plan_survives_its_file() -> None:
    made = plan(named("esx1", dpu=unread()), named("esx2"), situation(observation(other=boot_cfg(NEW, 6)), host="esx3"))
    again = from_plain(RollbackPlan, to_plain(made))
    assert again == made
    assert again.hash == made.hash
    approval = approve(plan(), "bob", NOW, HOUR)
    assert isinstance(approval, Approval)
    assert from_plain(Approval, to_plain(approval)) == approval


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"banks": observation(OWN.replace(b"timeout=5", b"timeout=9"))}, "/bootbank/boot.cfg"),
        ({"banks": observation(other=OTHER.replace(b"timeout=5", b"timeout=9"))}, "/altbootbank/boot.cfg"),
        ({"banks": observation(other=boot_cfg("8.0.3-0.102.25595708", 6, 1))}, "window"),
        ({"banks": observation(other_bank={"files": Read(files(age=timedelta(days=1)))})}, "/altbootbank files"),
        ({"boot_id": Read("boot-2")}, "boot id"),
        ({"maintenance_mode": Read(True)}, "maintenance mode"),
        ({"dpu": Unread(Reason.TIMED_OUT)}, "dpu"),
        ({"dpu": Unread(Reason.TIMED_OUT)}, "gate dpu"),
        ({"pinned_vms": Read(("vm7: passthrough",))}, "gate pinned-vms"),
        ({"settings_changed": Read(SettingsSince((SettingChange("ntp", "servers", "a", "b"),)))}, "settings changed"),
        ({"cluster": replace(situation().cluster, image_build=Read("1"))}, "cluster image build"),
    ],
)
def test_a_fact_that_moved_is_named(change: dict[str, Any], name: str) -> None:
    made = plan()
    moved = check_plan(made, {"esx1": situation(**change)})
    assert name in {fact.name for fact in moved}
    assert all(fact.planned != fact.now and fact.name in str(fact) for fact in moved)


def test_what_may_move_does_not_make_a_plan_stale() -> None:
    made = plan()
    later = NOW + timedelta(hours=5)
    own = {"files": Read(files(age=timedelta(0)))}  # its configuration is saved every hour
    seen = observation(own_bank=own, at=later, clock=Read(later))
    assert check_plan(made, {"ESX1": situation(seen, ha_agent=Read("master"))}) == ()
    unknown = plan(situation(dpu=Unread(Reason.TIMED_OUT, "first words")), overrides={"esx1": {Gate.DPU: Override("a", "b c")}})
    assert check_plan(unknown, {"esx1": situation(dpu=Unread(Reason.TIMED_OUT, "other words"))}) == ()


def test_a_host_that_was_not_looked_at_has_moved() -> None:
    assert [(fact.host, fact.now) for fact in check_plan(plan(), {})] == [("esx1", "not read")]


def test_expiry() -> None:
    made = plan()
    assert not made.expired(NOW + DAY - timedelta(seconds=1))
    assert made.expired(NOW + DAY)


HOSTS = st.lists(
    st.tuples(st.sampled_from(["prod", "test"]), st.sampled_from([None, "", "fd1", "fd2"])), min_size=1, max_size=12
)


@given(HOSTS, st.integers(1, 4), st.integers(0, 11))
def test_waves(hosts: list[tuple[str, str | None]], size: int, canary: int) -> None:
    situations = [
        replace(named(f"esx{n}", domain), cluster=replace(situation().cluster, name=Read(cluster)))
        for n, (cluster, domain) in enumerate(hosts)
    ]
    wanted = f"esx{canary}"
    made = plan(*situations, wave_size=size, canary=wanted)
    waves = made.waves
    assert sorted(host for wave in waves for host in wave) == sorted(target.host for target in made.targets)
    assert len(waves[0]) == 1
    assert waves[0][0] == (wanted if canary < len(hosts) else "esx0")
    for wave in waves:
        assert 1 <= len(wave) <= size
        places = {hosts[int(host[3:])] for host in wave}
        assert len({cluster for cluster, _ in places}) == 1
        assert len({domain for _, domain in places if domain is not None}) <= 1
        if any(domain == "" for _, domain in places):
            assert len(wave) == 1


def test_a_wave_is_judged_with_all_its_hosts_away() -> None:
    """Each alone could go; the two of the second wave together could not."""
    full = loads("esx1", "esx2", "esx3", used=100)
    hosts = [named(f"esx{n}", loads=full) for n in (1, 2, 3)]
    assert not plan(*hosts).blocked
    assert not plan(*hosts, wave_size=2).blocked
    crowded = loads("esx1", "esx2", "esx3", used=200)
    hosts = [named(f"esx{n}", loads=crowded) for n in (1, 2, 3)]
    assert not plan(*hosts).blocked
    made = plan(*hosts, wave_size=2)
    assert [(host, result.gate) for host, result in made.blocked] == [("esx2", Gate.CAPACITY), ("esx3", Gate.CAPACITY)]
    assert "esx2, esx3" in made.blocked[0][1].evidence[0]
    assert "--wave-size" in made.blocked[0][1].evidence[0]


def test_a_cluster_that_filled_up_is_a_moved_fact_for_a_whole_wave() -> None:
    made = plan(*(named(f"esx{n}") for n in (1, 2, 3)), wave_size=2)
    busier = {f"esx{n}": named(f"esx{n}", loads=loads("esx1", "esx2", "esx3", used=17)) for n in (1, 2, 3)}
    assert check_plan(made, busier) == ()
    full = {f"esx{n}": named(f"esx{n}", loads=loads("esx1", "esx2", "esx3", used=200)) for n in (1, 2, 3)}
    moved = check_plan(made, full)
    assert [(fact.host, fact.name, fact.now) for fact in moved] == [
        ("esx2", "gate capacity", "fail"),
        ("esx3", "gate capacity", "fail"),
    ]


def test_the_next_wave_stops_at_the_first_failure() -> None:
    made = plan(named("esx1"), named("esx2"), named("esx3"), wave_size=2)
    assert made.waves == (("esx1",), ("esx2", "esx3"))
    assert next_wave(made, ()) == ("esx1",)
    assert next_wave(made, ("esx1",)) == ("esx2", "esx3")
    assert next_wave(made, ("esx1", "ESX3")) == ("esx2",)
    assert next_wave(made, ("esx1", "esx2", "esx3")) == ()
    assert next_wave(made, ("esx1",), stopped=("esx2",)) == ()


@pytest.mark.parametrize(
    ("author", "lifetime", "size", "names"),
    [("", DAY, 1, ("a",)), ("ann", timedelta(0), 1, ("a",)), ("ann", DAY, 0, ("a",)), ("ann", DAY, 1, ("a", "A."))],
)
def test_senseless_plans(author: str, lifetime: timedelta, size: int, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"plan needs|given twice"):
        make_plan([named(name) for name in names], OLD, Method.GUIDED, author, NOW, lifetime, wave_size=size)


def approved(made: RollbackPlan, **changes: Any) -> Approval:
    approval = approve(made, "bob", NOW, HOUR)
    assert isinstance(approval, Approval)
    return replace(approval, **changes)


def test_four_eyes() -> None:
    made = plan()
    assert isinstance(approve(made, " ANN ", NOW, HOUR), Refusal)
    assert approval_problem(made, approved(made), "ann", NOW) is None
    assert approval_problem(made, approved(made), "carol", NOW) is None
    assert "four eyes" in (approval_problem(made, approved(made), "Bob", NOW) or "")
    assert "four eyes" in (approval_problem(made, approved(made, by="Ann"), "carol", NOW) or "")


@pytest.mark.parametrize(
    ("changes", "at"),
    [({"plan": "0" * 64}, NOW), ({}, NOW + HOUR), ({}, NOW - HOUR), ({"by": " "}, NOW)],
)
def test_an_approval_is_for_one_plan_and_one_time(changes: dict[str, Any], at: Any) -> None:
    made = plan()
    assert approval_problem(made, approved(made, **changes), "ann", at) is not None
    assert approval_problem(made, None, "ann", NOW) is not None
    assert approval_problem(replace(made, author="eve"), approved(made), "ann", NOW) is not None


def test_an_approval_does_not_outlive_its_plan() -> None:
    made = plan()
    long = approve(made, "bob", NOW, 10 * DAY)
    assert isinstance(long, Approval)
    assert long.expires == made.expires


@pytest.mark.parametrize(
    ("made", "by", "at"),
    [
        (plan(), "  ", NOW),
        (plan(), "bob", NOW + DAY),
        (plan(situation(dpu=unread())), "bob", NOW),
        (plan(situation(observation(other=boot_cfg(NEW, 6)))), "bob", NOW),
    ],
)
def test_what_cannot_be_approved_cannot_be_broken_open_either(made: RollbackPlan, by: str, at: Any) -> None:
    assert isinstance(approve(made, by, at, HOUR), Refusal)
    assert isinstance(break_glass(made, by, "site is down", at, HOUR), Refusal)


def test_break_glass_is_loud_and_needs_a_reason() -> None:
    made = plan()
    assert isinstance(break_glass(made, "ann", "hurry", NOW, HOUR), Refusal)
    approval = break_glass(made, "ann", " site is  down ", NOW, HOUR)
    assert isinstance(approval, Approval)
    assert str(approval) == "BREAK GLASS by ann: site is down"
    assert approval_problem(made, approval, "ann", NOW) is None
    assert approval_problem(made, approval, "ann", NOW + HOUR) is not None
