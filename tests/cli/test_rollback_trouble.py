"""What the command line says when the work on an operation ends before its time, or cannot be told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from auditor.cli import output, wiring_rollback
from auditor.domain.journal import Phase
from auditor.domain.observation import Reason, Unread
from auditor.errors import HistoryError
from auditor.esxi.control import SshBankControl
from auditor.history.journal import SqliteJournal
from tests.cli.rollback_desk import OLD, Desk, valid, wait_until_gone

RUN = ("--execute", "--ticket", "T", "--unattended")


def armed_and_left(desk: Desk, monkeypatch: pytest.MonkeyPatch, how: Callable[[], None]) -> Any:
    """A run that ends by ``how`` when the first host has just been armed."""
    path = desk.planned("--unattended")
    plain: Callable[..., Any] = SshBankControl.arm

    def arm(*args: Any) -> Any:
        written = plain(*args)
        how()
        return written

    with monkeypatch.context() as patch:
        patch.setattr(SshBankControl, "arm", arm)
        return desk("rollback", "run", str(path), *RUN)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_host_that_does_not_answer_is_not_disarmed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    armed_and_left(desk, monkeypatch, interrupt)
    first = desk.hosts[0]
    first.shut_down()
    told = desk("rollback", "disarm")
    assert told.code == 1, told.out
    assert "armed not known" in told.out


@pytest.mark.parametrize("verb", ["disarm", "abort"])
def test_taking_back_needs_no_permission_to_arm(desk: Desk, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    first = desk.hosts[0]

    def armed() -> bool:
        return any(b"bootstate=3" in bank.files["boot.cfg"] for bank in first.banks)

    armed_and_left(desk, monkeypatch, interrupt)
    assert armed()
    config = desk.folder / "ann.toml"
    config.write_text(config.read_text().replace("unattended = true", "unattended = false"))
    onward = desk("rollback", "resume", "1")
    assert onward.code == 5
    assert "auditor rollback abort 1, or disarm 1" in onward.err
    back = desk("rollback", verb, "1")
    assert back.code == 0, back.err
    assert not armed()
    assert first.maintenance is (verb == "disarm")
    assert "went down" not in desk.acts(first)


def test_a_disk_that_fills_up_names_the_armed_host(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Callable[..., Any] = SqliteJournal.write

    def write(self: SqliteJournal, *words: Any, **more: Any) -> Any:
        if words[2:4] == ("arm", Phase.DONE):
            raise HistoryError("the disk is full")
        return plain(self, *words, **more)

    monkeypatch.setattr(SqliteJournal, "write", write)
    path = desk.planned("--unattended")
    stopped = desk("rollback", "run", str(path), *RUN)
    assert stopped.code == 1
    name = desk.hosts[0].name
    assert (
        f"{name}: left at arm intent; done: look, maintenance, backup; it may be in maintenance mode and armed" in stopped.err
    )
    assert "rollback resume 1, or abort 1" in stopped.err
    assert "went down" not in desk.acts(desk.hosts[0])


def test_sigterm_says_where_the_hosts_stand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = armed_and_left(desk, monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert stopped.code == 130
    assert "it may be in maintenance mode and armed" in stopped.err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_terminal_that_went_away_stops_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(text: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(output, "say", gone)
    tell = wiring_rollback.teller()
    tell("esx1", "arming")
    tell("esx1", "a card\nof two lines")


def test_a_refusal_tells_of_no_hosts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    armed_and_left(desk, monkeypatch, interrupt)
    told = desk("rollback", "confirm", "1")
    assert told.code == 5
    assert "left at" not in told.err


def test_a_look_before_the_run_as_json(desk: Desk) -> None:
    path = desk.planned("--unattended")
    looked = desk("rollback", "run", str(path), "--unattended", "--json")
    assert looked.code == 0, looked.err
    assert valid(looked.document, "rollback-plan.v2") == json.loads(path.read_text())
    assert "Nothing was done" in looked.err


def test_what_hosts_and_checks_say_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell = wiring_rollback.teller()
    tell("esx1", "required check 10-loud: fail (\x1b]0;owned\x07 and \x1b[2J)")
    tell("esx1\x1b[31m", "two\nlines \u202e")
    told = capsys.readouterr().err
    assert "owned" in told
    assert "two" in told
    assert not set(told) & set("\x1b\x07\u202e")


def test_a_host_that_was_not_read_is_no_silent_gap_in_a_plan(desk: Desk) -> None:
    away, other = desk.hosts
    away.set_faults({"ssh": "refuse"})
    wait_until_gone(away)
    words = ("rollback", "plan", "--cluster", "Prod", "--to", "24585383")
    plan = desk(*words, "--out", "prod.plan.json")
    assert plan.code == 4, plan.out
    assert f"left out: {away.name}: its window is UNKNOWN: the host was not read: unreachable" in plan.out
    other.set_faults({"ssh": "refuse"})
    wait_until_gone(other)
    assert desk(*words, "--out", "none.plan.json").code == 5


def test_two_hosts_whose_addresses_were_swapped(desk: Desk) -> None:
    """SSH leads to one machine and vCenter acts on the other: nothing may be planned on that."""
    config = desk.folder / "ann.toml"
    text = config.read_text()
    first, second = (f"{host.address}:{host.port}" for host in desk.hosts)
    assert first in text
    config.write_text(text.replace(first, "<1>").replace(second, first).replace("<1>", second))
    plan = desk("rollback", "plan", "--cluster", "Prod", "--to", "24585383", "--unattended", "--out", "swapped.plan.json")
    assert plan.code == 5
    assert "identity fail: SSH leads to the machine" in plan.out
    forced = desk("rollback", "plan", desk.hosts[0].name, "--to", OLD, "--out", "x", "--override", "identity=they are the same")
    assert forced.code == 5
    assert "BLOCKS     identity fail" in forced.out


def test_what_the_approver_has_not_seen_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.workflows.rollback import situation

    path = desk.planned("--unattended")
    assert desk("rollback", "run", str(path), "--unattended", "--evacuation", "noAction").code == 0  # vSAN is off
    plain = situation.collect

    def with_vsan(*args: Any) -> Any:
        found = plain(*args)
        return replace(found, vsan=replace(found.vsan, enabled=Unread(Reason.TIMED_OUT)))

    monkeypatch.setattr(situation, "collect", with_vsan)
    path.unlink()
    words = [f"--override={gate}=seen to by hand" for gate in ("vsan-health", "vsan-format")]
    plan = desk("rollback", "plan", "--cluster", "Prod", "--to", OLD, "--unattended", "--out", str(path), *words)
    assert plan.code == 0, plan.out
    refused = desk("rollback", "run", str(path), "--unattended", "--evacuation", "noAction")
    assert refused.code == 5
    assert "has not seen it" in refused.err
