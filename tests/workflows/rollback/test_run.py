"""Whole runs over the ports: order, waves, four eyes, pauses for a person, abort and disarm."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from auditor.domain.rollback.approval import Approval, approve
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.domain.rollback.report import ChosenHost
from auditor.errors import InputError, LockedError, NotDoneError, RefusedError
from auditor.workflows.rollback import run as rollback
from auditor.workflows.rollback.papers import Paper, load_plan, plan_document
from auditor.workflows.rollback.planning import PlanAsk, approve_plan, plan, read_overrides
from tests.domain.rollback.samples import OLD, OTHER, OWN, VOLUME_A, VOLUME_B
from tests.workflows.fakes import Quiet
from tests.workflows.rollback.driving import again, approval, fresh, journal, make, start
from tests.workflows.rollback.site import Site, SiteHost, means


def test_a_cluster_goes_back_host_by_host(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", *(SiteHost(name=f"esx{n}") for n in (1, 2, 3)))
    made = make(site, tmp_path)
    assert made.waves == (("esx1",), ("esx2",), ("esx3",))
    status = start(site, tmp_path, made, checked=True)
    assert status.rolled_back
    assert status.operation.outcome == "ROLLED_BACK"
    for host in site.hosts().values():
        assert (host.running, host.arms, host.orders, host.boot) == (VOLUME_B, 1, 1, 2)
        assert (host.entered, host.left, host.maintenance, host.bundles) == (1, 1, False, 1)
    first = status.hosts[0]
    assert first.done == tuple(step.value for step in Step if step is not Step.DISARM)
    assert dict(first.evidence)["arm: outcome"] == "written"
    kept = {path.name.partition("-")[2] for path in (tmp_path / "vault" / "esx1").iterdir()}
    assert kept >= {"bootbank-boot.cfg", "altbootbank-boot.cfg", "configBundle.tgz.fernet"}


def test_the_first_host_that_fails_stops_the_rest(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2", check_fails=True), SiteHost(name="esx3"))
    status = start(site, tmp_path, make(site, tmp_path))
    assert [host.state for host in status.hosts] == ["ROLLED_BACK", "RETURNED_UNHEALTHY", "NOT_BEGUN"]
    assert status.operation.unfinished
    assert site.hosts()["esx3"].entered == 0
    assert site.hosts()["esx2"].maintenance  # nothing is done to a host that is not well
    with site.host("esx2") as host:
        host.check_fails = False
    ended = again(site, tmp_path)
    assert ended is not None
    assert ended.rolled_back, ended
    assert all((host.arms, host.orders) == (1, 1) for host in site.hosts().values())


def test_a_cluster_that_filled_up_keeps_a_whole_wave_from_going(tmp_path: Path) -> None:
    """Each of the two hosts alone could still go."""
    site = fresh(tmp_path, "s", *(SiteHost(name=f"esx{n}") for n in (1, 2, 3)))
    made = make(site, tmp_path, wave_size=2)
    assert made.waves == (("esx1",), ("esx2", "esx3"))
    site.used = 200
    with pytest.raises(RefusedError, match="gate capacity was pass, is fail"):
        start(site, tmp_path, made, checked=True)
    status = start(site, tmp_path, made)
    assert [host.state for host in status.hosts] == ["ROLLED_BACK", "ABORTED", "ABORTED"]
    assert all("gate capacity" in host.why for host in status.hosts[1:])
    assert [host.entered for host in site.hosts().values()] == [1, 0, 0]


@pytest.mark.parametrize(("times", "end"), [(1, "ROLLED_BACK"), (2, "ROLLED_BACK"), (3, "ABORTED")])
def test_an_order_that_was_never_told_to_act_is_given_again_after_a_look(tmp_path: Path, times: int, end: str) -> None:
    site = fresh(tmp_path, "s", SiteHost())
    made = make(site, tmp_path)
    acts: list[str] = []

    def fault(_host: SiteHost, act: str) -> None:
        acts.append(act)
        if act == "arm" and acts.count("arm") <= times:
            raise NotDoneError("the order was broken off before it was told to act", where="esx1")

    site.fault = fault
    status = start(site, tmp_path, made)
    assert [host.state for host in status.hosts] == [end], status.hosts
    tries = [number for number, act in enumerate(acts) if act == "arm"]
    assert all("look" in acts[one:other] for one, other in pairwise(tries))
    assert site.hosts()["esx1"].arms == (end == "ROLLED_BACK")


def test_guided_hands_over_a_card_and_waits_for_the_person(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", person=5), SiteHost(name="esx2", person=None))
    made = make(site, tmp_path, Method.GUIDED)
    status = start(site, tmp_path, made, unattended=False)
    assert [host.state for host in status.hosts] == ["ROLLED_BACK", "WAITING_FOR_PERSON"]
    assert status.waiting == (status.hosts[1],)
    heard: list[str] = []
    waiting = again(site, tmp_path, heard=heard)
    assert waiting is not None
    assert waiting.hosts[1].state == "WAITING_FOR_PERSON"
    with site.host("esx2") as host:
        host.person = 2
    ended = again(site, tmp_path, rollback.confirm)
    assert ended is not None
    assert ended.rolled_back
    assert all((host.arms, host.orders, host.boot) == (0, 0, 2) for host in site.hosts().values())
    assert again(site, tmp_path) is None


def test_the_card_names_both_builds(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", person=3))
    made = make(site, tmp_path, Method.GUIDED)
    heard: list[str] = []
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path, unattended=False, heard=heard)
        number = rollback.start(opened, Paper(made, approval(made)), "ann", "CHG1", own.sight)
        rollback.carry_on(own, opened, number, "ann")
    (card,) = [words for words in heard if "Shift+R" in words]
    assert made.targets[0].from_build in card
    assert made.targets[0].to_build in card
    assert "BANK5" in card
    assert "CURRENT DEFAULT HYPERVISOR WILL BE REPLACED PERMANENTLY." in card


def test_nobody_confirms_what_is_not_asked(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", check_fails=True))
    start(site, tmp_path, make(site, tmp_path))
    with pytest.raises(RefusedError, match="not waiting"):
        again(site, tmp_path, rollback.confirm)
    with pytest.raises(InputError, match="did you mean esx1"):
        again(site, tmp_path, lambda m, j, n, me: rollback.confirm(m, j, n, me, "esx7"))


def test_facts_that_moved_stop_the_plan_before_anything_is_opened(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    with site.host("esx1") as host:
        host.moved_fact = True
    with pytest.raises(RefusedError, match="dpu was"):
        start(site, tmp_path, made, checked=True)
    with journal(site, tmp_path) as opened:
        assert not opened.operations()


def test_a_plan_is_run_once(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    start(site, tmp_path, made)
    with pytest.raises(RefusedError, match="was run before"):
        start(site, tmp_path, made)


def test_four_eyes(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    sight = means(site, tmp_path).sight
    with pytest.raises(RefusedError, match="another person"):
        approve_plan(made, "Ann ", site)
    with pytest.raises(RefusedError, match="not approved"):
        rollback.check(sight, made, None, "ann", Quiet())
    by_bob = approve_plan(made, "bob", site)
    rollback.check(sight, made, by_bob, "ann", Quiet())
    with pytest.raises(RefusedError, match="four eyes"):
        rollback.check(sight, made, by_bob, "bob", Quiet())
    with pytest.raises(RefusedError, match="another plan"):
        rollback.check(sight, make(site, tmp_path, Method.GUIDED), by_bob, "ann", Quiet())
    site.pass_time(9 * 3600)
    with pytest.raises(RefusedError, match="valid from"):
        rollback.check(sight, made, by_bob, "ann", Quiet())


def test_break_glass_is_loud(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    with pytest.raises(RefusedError, match="reason in words"):
        approve_plan(made, "ann", site, glass="urgent")
    glass = approve_plan(made, "ann", site, glass="site down, nobody else reachable")
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        rollback.check(own.sight, made, glass, "ann", Quiet())
        number = rollback.start(opened, Paper(made, glass), "ann", "CHG1", own.sight)
        status = rollback.carry_on(own, opened, number, "ann")
    assert status.approval == "BREAK GLASS by ann: site down, nobody else reachable"
    assert status.rolled_back


def test_two_operators_at_once(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2"))
    both, one = make(site, tmp_path), make(site, tmp_path, hosts=["esx2"])
    with journal(site, tmp_path) as first, journal(site, tmp_path) as second:
        own = means(site, tmp_path)
        number = rollback.start(first, Paper(both, approval(both)), "ann", "CHG1", own.sight)
        with pytest.raises(LockedError):
            rollback.start(second, Paper(one, approval(one)), "cid", "CHG2", own.sight)
        with pytest.raises(LockedError):
            rollback.resume(own, second, number, "cid")
        assert rollback.carry_on(own, first, number, "ann").rolled_back
    assert all((host.arms, host.orders) == (1, 1) for host in site.hosts().values())


def test_two_operators_with_two_journals(tmp_path: Path) -> None:
    """No lock between them: the second one finds the facts moved and touches nothing."""
    site = fresh(tmp_path, "s", SiteHost(name="esx1", check_fails=True))
    first, second = make(site, tmp_path), make(site, tmp_path)
    start(site, tmp_path, first)
    (tmp_path / "elsewhere").mkdir()
    with journal(site, tmp_path / "elsewhere") as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(second, approval(second)), "cid", "CHG2", own.sight)
        status = rollback.carry_on(own, opened, number, "cid")
    assert status.hosts[0].state in {"ABORTED", "INCONSISTENT"}
    assert status.hosts[0].done == ()
    assert site.hosts()["esx1"].orders == 1


def halfway(site: Site, folder: Path, act: str) -> None:
    """A run that loses its journal's process at an act: simulated by an error nobody catches."""

    class StopError(Exception):
        pass

    def stop(host: SiteHost, doing: str) -> None:
        if doing == act:
            raise StopError

    made = make(site, folder)
    site.fault = stop
    with pytest.raises(StopError):
        start(site, folder, made)
    site.fault = lambda host, doing: None


def test_disarm_restores_the_exact_bytes(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    halfway(site, tmp_path, "reboot")
    assert site.hosts()["esx1"].volumes[VOLUME_A] != OWN
    with pytest.raises(RefusedError, match="too late"):  # the order may have gone out
        again(site, tmp_path, rollback.disarm)


def test_disarm_between_arm_and_reboot(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2"))
    made = make(site, tmp_path)
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(made, approval(made)), "ann", "CHG1", own.sight)
    seen = 0

    class StopError(Exception):
        pass

    def stop(host: SiteHost, doing: str) -> None:  # the second look after the arming
        nonlocal seen
        seen += host.arms > 0 and doing == "look"
        if seen:
            raise StopError

    site.fault = stop
    with pytest.raises(StopError):
        again(site, tmp_path)
    site.fault = lambda host, doing: None
    status = again(site, tmp_path, rollback.disarm)
    assert status is not None
    assert [host.state for host in status.hosts] == ["ABORTED", "NOT_BEGUN"]
    assert "disarmed" in status.hosts[0].why
    assert status.operation.id == number
    assert status.operation.outcome == "STOPPED"
    host = site.hosts()["esx1"]
    assert host.volumes == {VOLUME_A: OWN, VOLUME_B: OTHER}
    assert (host.arms, host.orders, host.maintenance) == (1, 0, True)


def test_abort_before_the_reboot_leaves_nothing_behind(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2"))
    halfway(site, tmp_path, "arm")
    status = again(site, tmp_path, rollback.abort)
    assert status is not None
    assert [host.state for host in status.hosts] == ["ABORTED", "NOT_BEGUN"]
    assert status.operation.outcome == "ABORTED"
    host = site.hosts()["esx1"]
    assert (host.maintenance, host.entered, host.left) == (False, 1, 1)
    assert host.volumes == {VOLUME_A: OWN, VOLUME_B: OTHER}


def test_a_host_that_never_returns_can_be_given_up(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", never_returns=True))
    status = start(site, tmp_path, make(site, tmp_path))
    assert status.hosts[0].state == "NOT_RETURNED"
    assert status.operation.unfinished
    ended = again(site, tmp_path, lambda m, j, n, r: rollback.abort(m, j, n, r, give_up=True))
    assert ended is not None
    assert ended.operation.outcome == "GIVEN_UP"
    assert ended.hosts[0].state == "NOT_RETURNED"
    assert site.hosts()["esx1"].orders == 1


def test_a_plan_that_expires_begins_no_host(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", person=None), SiteHost(name="esx2"))
    made = make(site, tmp_path, Method.GUIDED)
    start(site, tmp_path, made, unattended=False)
    site.pass_time(25 * 3600)
    with site.host("esx1") as host:
        host.person = 1
    site.pass_time(30 * 60)
    status = again(site, tmp_path)
    assert status is not None
    assert [host.state for host in status.hosts] == ["ROLLED_BACK", "NOT_BEGUN"]
    assert status.operation.outcome == "STOPPED"


def test_guided_runs_are_given_nothing_that_writes_a_byte(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    status = start(site, tmp_path, make(site, tmp_path, Method.UNATTENDED), unattended=False)
    assert status.hosts[0].state == "ABORTED"
    assert "nothing that could arm" in status.hosts[0].why
    assert site.hosts()["esx1"].arms == 0


def test_the_ha_agent_that_takes_the_other_bank_is_no_failure(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", ha_live=True))
    status = start(site, tmp_path, make(site, tmp_path))
    assert status.rolled_back, status.hosts[0].why


def test_a_plan_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    import json

    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    path = tmp_path / "plan.json"
    document = json.loads(json.dumps(plan_document(made)))
    path.write_text(json.dumps(document))
    assert load_plan(path) == made
    document["plan"]["targets"][0]["edit"]["offset"] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(RefusedError, match="was changed"):
        load_plan(path)
    for text in ("", "{", "[]", '{"schema": "auditor/rollback-plan/v2"}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(InputError):
            load_plan(path)


def test_a_byte_that_is_not_the_loaders_is_never_written(tmp_path: Path) -> None:
    """Also when somebody makes a whole plan with a fitting hash and approves it."""
    from dataclasses import replace

    from auditor.domain.rollback.arm import ByteEdit

    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    offset = made.targets[0].booted.boot_cfg.index(b"build=8.0.3") + 8
    forged = replace(made, targets=(replace(made.targets[0], edit=ByteEdit(offset, "0", "3")),))
    found = approve(forged, "bob", forged.created, timedelta(hours=1))
    assert isinstance(found, Approval)
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(forged, found), "ann", "CHG1", own.sight)
        status = rollback.carry_on(own, opened, number, "ann")
    assert status.hosts[0].state == "ABORTED"
    assert site.hosts()["esx1"].volumes == {VOLUME_A: OWN, VOLUME_B: OTHER}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nosuch=because I say so", "no gate"),
        ("window=because I say so", "cannot be overridden"),
        ("dpu=fine", "reason in words"),
    ],
)
def test_overrides_need_a_gate_and_a_reason(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_overrides([text], "ann")


def test_overrides_for_one_host_and_for_all() -> None:
    found = read_overrides(["dpu=no such card here", "ESX1.:drs=moved by hand"], "ann")
    assert {host: [gate.value for gate in gates] for host, gates in found.items()} == {"": ["dpu"], "esx1": ["drs"]}


def test_canary_and_overrides_name_hosts_as_a_person_types_them(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1.lab.example"), SiteHost(name="esx2.lab.example"))
    chosen = [ChosenHost(name, "vc", "prod", None) for name in site.hosts()]
    reached = {"esx2.lab.example": ("192.0.2.2",)}

    def planned(canary: str, *overrides: str) -> RollbackPlan:
        given = read_overrides(overrides, "ann")
        ask = PlanAsk(OLD, Method.GUIDED, "ann", canary=canary, overrides=given, reached=reached)
        return plan(means(site, tmp_path).sight, chosen, ask, 4, Quiet())

    made = planned("ESX2", "esx1:dpu=no such card here", "192.0.2.2:drs=moved by hand", "esx2:dpu=none in there either")
    assert made.waves[0] == ("esx2.lab.example",)
    for wrong in (("esx3",), ("", "esx3:dpu=no such card here")):
        with pytest.raises(InputError, match="no host 'esx3'"):
            planned(*wrong)
