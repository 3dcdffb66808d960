"""What a run promises: nothing on an expired plan, nothing that the journal does not know, the truth at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.journal import Entry, Phase
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.domain.rollback.report import ChosenHost
from auditor.errors import HistoryError, InputError, LockedError, RefusedError
from auditor.reports.rollback import operation_next
from auditor.workflows.rollback import run as rollback
from auditor.workflows.rollback.drive import HaltedError, Wishes, drive
from auditor.workflows.rollback.log import HostLog
from auditor.workflows.rollback.papers import Paper, load_plan, plan_document
from auditor.workflows.rollback.planning import PlanAsk, approve_plan, plan
from tests.domain.rollback.samples import OLD, OTHER, OWN, VOLUME_A, VOLUME_B
from tests.workflows.fakes import Quiet
from tests.workflows.rollback.driving import again, approval, fresh, journal, make, start
from tests.workflows.rollback.site import KilledJournal, Site, SiteHost, means


class StopError(Exception):
    """The process is gone here."""


def stopped(site: Site, folder: Path, here: Callable[[SiteHost, str], bool]) -> None:
    """A run that ends the moment ``here`` says so of a host and what is done to it."""

    def fault(host: SiteHost, act: str) -> None:
        if here(host, act):
            raise StopError

    made = make(site, folder)
    site.fault = fault
    with pytest.raises(StopError):
        start(site, folder, made)
    site.fault = lambda host, act: None


def failing(monkeypatch: pytest.MonkeyPatch, step: Step, phase: Phase, error: Exception) -> None:
    """The journal takes everything but this."""
    plain: Callable[..., Entry] = KilledJournal.write

    def write(self: KilledJournal, *words: Any, **more: Any) -> Entry:
        if (words[2], words[3]) == (step.value, phase):
            raise error
        return plain(self, *words, **more)

    monkeypatch.setattr(KilledJournal, "write", write)


def test_a_host_that_was_begun_is_not_armed_on_an_expired_plan(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: act == "bundle")
    site.pass_time(25 * 3600)
    status = again(site, tmp_path)
    assert status is not None
    assert status.hosts[0].state == "ABORTED"
    assert "expired" in status.hosts[0].why
    host = site.hosts()["esx1"]
    assert (host.arms, host.orders, host.volumes) == (0, 0, {VOLUME_A: OWN, VOLUME_B: OTHER})


def test_an_armed_host_is_disarmed_when_the_plan_has_expired(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: host.arms > 0 and act == "look")
    site.pass_time(25 * 3600)
    status = again(site, tmp_path)
    assert status is not None
    assert (status.hosts[0].state, status.hosts[0].armed) == ("ABORTED", "no")
    host = site.hosts()["esx1"]
    assert (host.arms, host.orders, host.volumes) == (1, 0, {VOLUME_A: OWN, VOLUME_B: OTHER})


def test_all_facts_are_read_again_when_a_run_is_taken_up_much_later(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: act == "enter")
    with journal(site, tmp_path) as opened:  # as if the process had been gone before that intention
        opened._file._conn.execute("DELETE FROM journal WHERE step = 'maintenance'")
    site.pass_time(3600)
    with site.host("esx1") as host:
        host.moved_fact = True
    status = again(site, tmp_path)
    assert status is not None
    assert status.hosts[0].state == "ABORTED"
    assert "not as planned any more: dpu" in status.hosts[0].why
    assert site.hosts()["esx1"].entered == 0


@pytest.mark.parametrize("step", [Step.MAINTENANCE, Step.ARM, Step.REBOOT, Step.LEAVE_MAINTENANCE])
def test_what_cannot_be_written_down_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    with monkeypatch.context() as patch:
        failing(patch, step, Phase.INTENT, HistoryError("the disk is full"))
        with pytest.raises(HistoryError, match="disk is full"):
            start(site, tmp_path, made)
    host = site.hosts()["esx1"]
    done = {Step.MAINTENANCE: host.entered, Step.ARM: host.arms, Step.REBOOT: host.orders, Step.LEAVE_MAINTENANCE: host.left}
    assert done[step] == 0
    status = again(site, tmp_path)
    assert status is not None
    assert status.rolled_back


@pytest.mark.parametrize("step", [Step.MAINTENANCE, Step.REBOOT, Step.LEAVE_MAINTENANCE])
def test_a_note_that_cannot_be_written_is_no_failure_of_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """The order went out: to call it failed would leave a host that enters maintenance mode behind everybody's back."""
    site = fresh(tmp_path, "s", SiteHost(name="esx1", enters_in=3))
    made = make(site, tmp_path)
    with monkeypatch.context() as patch:
        failing(patch, step, Phase.NOTE, LockedError("another process keeps the history locked"))
        with pytest.raises(LockedError):
            start(site, tmp_path, made)
    status = again(site, tmp_path)
    assert status is not None
    assert status.rolled_back, status.hosts[0].why
    host = site.hosts()["esx1"]
    assert (host.entered, host.arms, host.orders, host.maintenance) == (1, 1, 1, False)


def test_a_run_that_ends_begins_nothing_more(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(made, approval(made)), "ann", "CHG1", own.sight)
        log = HostLog(opened, number, "esx1", site)
        with pytest.raises(HaltedError):
            drive(own, made.targets[0], log, Wishes(halted=lambda: site.hosts()["esx1"].arms > 0))
        assert log.entries()[-1].step == "arm"
        assert log.entries()[-1].phase is Phase.DONE
    assert site.hosts()["esx1"].orders == 0


def test_a_host_that_went_back_is_not_called_armed(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2", check_fails=True))
    status = start(site, tmp_path, make(site, tmp_path))
    assert [(host.state, host.armed) for host in status.hosts] == [("ROLLED_BACK", "no"), ("RETURNED_UNHEALTHY", "no")]


def test_a_host_that_cannot_be_looked_at_is_not_called_disarmed(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: host.arms > 0 and act == "look")
    with site.host("esx1") as host:
        host.lost = True
    status = again(site, tmp_path, rollback.disarm)
    assert status is not None
    assert (status.hosts[0].state, status.hosts[0].armed) == ("INCONSISTENT", "unknown")
    with site.host("esx1") as host:
        host.lost = False
    back = again(site, tmp_path, rollback.disarm)
    assert back is not None
    assert (back.hosts[0].state, back.hosts[0].armed) == ("ABORTED", "no")


def minutes(site: Site) -> int:
    return max(host.minute for host in site.hosts().values())


def test_abort_does_not_wait_for_a_person_who_was_told_to_stop(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    status = start(site, tmp_path, make(site, tmp_path, Method.GUIDED), unattended=False)
    assert status.hosts[0].state == "WAITING_FOR_PERSON"
    with journal(site, tmp_path) as opened:  # the card was handed over this very minute
        opened._file._conn.execute("UPDATE journal SET at = ? WHERE step = 'reboot'", (f"{site.now():%Y-%m-%dT%H:%M:%S.%fZ}",))
    before = minutes(site)
    ended = again(site, tmp_path, rollback.abort)
    assert ended is not None
    assert (ended.hosts[0].state, ended.operation.outcome) == ("ABORTED", "ABORTED")
    assert not site.hosts()["esx1"].maintenance
    assert minutes(site) - before < 5


def test_giving_up_does_not_wait_for_the_host_once_more(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", never_returns=True))
    start(site, tmp_path, make(site, tmp_path))
    before = minutes(site)
    ended = again(site, tmp_path, lambda m, j, n, r: rollback.abort(m, j, n, r, give_up=True))
    assert ended is not None
    assert (ended.hosts[0].state, ended.operation.outcome) == ("NOT_RETURNED", "GIVEN_UP")
    assert minutes(site) - before < 5


def test_the_wrong_host_was_rebooted_at_the_console(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    start(site, tmp_path, make(site, tmp_path, Method.GUIDED), unattended=False)
    heard: list[str] = []
    ended = again(site, tmp_path, rollback.confirm, heard=heard)
    assert any("was it another host?" in words for words in heard)
    assert ended is not None
    assert ended.hosts[0].state == "INCONSISTENT"
    assert "which host was rebooted instead" in ended.hosts[0].why


def test_another_host_at_the_address_is_named_and_never_written_to(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: act == "bundle")
    strange = "/vmfs/volumes/strange-1", "/vmfs/volumes/strange-2"
    with site.host("esx1") as host:
        host.volumes = {strange[0]: OWN, strange[1]: OTHER}
        host.order, host.running = strange, strange[0]
    status = again(site, tmp_path)
    assert status is not None
    assert status.hosts[0].state == "INCONSISTENT"
    assert "is another host at its address?" in status.hosts[0].why
    host = site.hosts()["esx1"]
    assert (host.arms, host.orders, host.volumes) == (0, 0, {strange[0]: OWN, strange[1]: OTHER})


def test_who_takes_over_is_written_down(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    stopped(site, tmp_path, lambda host, act: act == "bundle")
    again(site, tmp_path)
    with journal(site, tmp_path) as opened:
        notes = [entry.data for entry in opened.entries(1) if entry.data.get("wish") == "resume"]
    assert notes == [{"wish": "resume", "by": "ann"}]


def test_an_order_that_never_takes_effect_is_not_given_for_ever(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", goes_down=10**9))
    made = make(site, tmp_path)
    asked = 0

    def lose(host: SiteHost, act: str) -> None:
        nonlocal asked
        if act == "reboot":
            asked += 1
            host.mute_orders = 1

    site.fault = lose
    status = start(site, tmp_path, made)
    assert status.hosts[0].state == "ABORTED"
    assert "3 times" in status.hosts[0].why
    assert asked == 3
    assert site.hosts()["esx1"].volumes == {VOLUME_A: OWN, VOLUME_B: OTHER}


def test_approval_that_runs_out_under_way(tmp_path: Path) -> None:
    """The approval is shorter than the plan: it, too, must hold when the byte is written."""
    from dataclasses import replace

    site = fresh(tmp_path, "s", SiteHost(name="esx1", enters_in=9))
    made = make(site, tmp_path)
    short = replace(approval(made), expires=made.created + timedelta(minutes=5))
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(made, short), "ann", "CHG1", own.sight)
        status = rollback.carry_on(own, opened, number, "ann")
    assert status.hosts[0].state == "ABORTED"
    assert "approval is valid" in status.hosts[0].why
    assert site.hosts()["esx1"].arms == 0


def test_gates_are_judged_anew_and_not_by_the_plans_word(tmp_path: Path) -> None:
    """Somebody writes a plan whose facts are true and whose gates are left out, and has it approved."""
    from dataclasses import replace

    site = fresh(tmp_path, "s", SiteHost(name="esx1", moved_fact=True))
    honest = rollback_plan(site, tmp_path)
    assert honest.blocked
    forged = replace(honest, targets=tuple(replace(target, gates=()) for target in honest.targets))
    assert not forged.blocked
    with journal(site, tmp_path) as opened:
        own = means(site, tmp_path)
        number = rollback.start(opened, Paper(forged, approval(forged)), "ann", "CHG1", own.sight)
        status = rollback.carry_on(own, opened, number, "ann")
    assert status.hosts[0].state == "ABORTED"
    assert site.hosts()["esx1"].entered == 0
    path = tmp_path / "forged.json"
    path.write_text(json.dumps(plan_document(forged)))
    with pytest.raises(InputError, match="does not hold together"):
        load_plan(path)


def rollback_plan(site: Site, folder: Path) -> RollbackPlan:
    ask = PlanAsk(OLD, Method.UNATTENDED, "ann", timedelta(hours=24))
    return plan(means(site, folder).sight, [ChosenHost("esx1", "vc", "prod", None)], ask, 1, Quiet())


@pytest.mark.parametrize("name", ["ann", "ANN@jump2", "ann@jump1", "CORP\\ann", "corp.example\\Ann@jump9", " ann ", "\uff41nn"])
def test_one_person_under_another_name_is_no_second_pair_of_eyes(tmp_path: Path, name: str) -> None:
    from dataclasses import replace

    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = replace(make(site, tmp_path), author="ann@jump1")
    with pytest.raises(RefusedError, match="another person"):
        approve_plan(made, name, site)
    assert approve_plan(made, "bob@jump1", site).by == "bob@jump1"


def test_what_to_do_next_names_the_hosts(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", person=3), SiteHost(name="esx2"))
    status = start(site, tmp_path, make(site, tmp_path, Method.GUIDED), unattended=False)
    assert [host.state for host in status.hosts] == ["ROLLED_BACK", "WAITING_FOR_PERSON"]
    with site.host("esx2") as host:  # missed: rebooted without Shift+R
        host.down_at = host.minute + 1
    status = again(site, tmp_path, rollback.confirm) or status
    assert status.hosts[1].state == "FELL_BACK"
    told = "\n".join(operation_next(status))
    assert "look at the console of esx2;" in told
    assert "esx2 is left in maintenance mode" in told
    assert "esx1 is left" not in told


def test_a_damaged_file_is_followed_by_where_the_good_one_is(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))

    def damage(host: SiteHost, act: str) -> None:
        if act == "arm":
            host.volumes[VOLUME_A] = OWN.replace(b"bootstate", b"bootstat3")

    made = make(site, tmp_path)
    site.fault = damage
    status = start(site, tmp_path, made)
    assert status.hosts[0].state == "INCONSISTENT"
    (said,) = [step for step in operation_next(status) if step.startswith("do not reboot esx1")]
    assert Path(said.rpartition(": ")[2]).read_bytes() == OWN


def test_a_canary_that_cannot_go_back_is_not_replaced_in_silence(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2", volumes={VOLUME_A: OWN, VOLUME_B: b""}))
    ask = PlanAsk(OLD, Method.UNATTENDED, "ann", timedelta(hours=24), canary="esx2")
    chosen = [ChosenHost(name, "vc", "prod", None) for name in ("esx1", "esx2")]
    with pytest.raises(RefusedError, match="canary cannot go back"):
        plan(means(site, tmp_path).sight, chosen, ask, 1, Quiet())
