"""Arming and disarming over SSH on simulated hosts, with everything that can get in the way."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.domain.bootbank import BootState
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.control import WriteOutcome
from auditor.domain.rollback.window import WindowKind
from auditor.errors import ConnectError, DeniedError, InDoubtError, NotDoneError, TrustError
from auditor.esxi import control
from auditor.esxi.order import COPY
from auditor.lab.hosts.bank import BOOT_CFG
from auditor.lab.hosts.images import make_image
from tests.control.conftest import NEW, OLD, Bench


def own(bench: Bench) -> bytes:
    bank = bench.host().boot_bank
    assert bank is not None
    return bank.files[BOOT_CFG]


def test_a_planned_host_is_armed_and_the_next_boot_goes_back(bench: Bench) -> None:
    host, target, change = bench.host(), bench.target(), bench.change()
    told = bench.banks.arm(target, change)
    assert told.outcome is WriteOutcome.WRITTEN
    assert told.boot_cfg == change.after == own(bench)
    assert bench.banks.arm(target, change).outcome is WriteOutcome.ALREADY
    host.reboot()
    assert host.running_image.base_image == OLD
    assert host.other_bank is not None
    assert host.other_bank.bootstate == BootState.INVALID


def test_disarming_gives_back_the_exact_bytes(bench: Bench) -> None:
    host, target, change = bench.host(), bench.target(), bench.change()
    files = {bank.volume: dict(bank.files) for bank in host.banks}
    bench.banks.arm(target, change)
    assert bench.banks.disarm(target, change).outcome is WriteOutcome.WRITTEN
    assert {bank.volume: dict(bank.files) for bank in host.banks} == files
    assert bench.banks.disarm(target, change).outcome is WriteOutcome.ALREADY


def test_after_the_reboot_it_is_too_late_to_disarm(bench: Bench) -> None:
    change = bench.change()
    bench.banks.arm(bench.target(), change)
    bench.host().reboot()
    bench.settle()
    assert bench.banks.disarm(bench.target(), change).outcome is WriteOutcome.LINK_MOVED


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"bank": "read-only"}, WriteOutcome.READ_ONLY),
        ({"bank": "full"}, WriteOutcome.FULL),
        ({"links": "tmp"}, WriteOutcome.LINK_MOVED),
        ({"links": "swapped"}, WriteOutcome.LINK_MOVED),
        ({"commands": {"dd": {"exit": 1, "output": "dd: no"}}}, WriteOutcome.REHEARSAL_FAILED),
    ],
)
def test_a_bank_that_cannot_be_written_is_refused_and_left_alone(
    bench: Bench, faults: dict[str, Any], outcome: WriteOutcome
) -> None:
    change = bench.change()
    before = bench.host().state_digest()
    bench.fault(**faults)
    assert bench.banks.arm(bench.target(), change).outcome is outcome
    assert bench.host().state_digest() == before


def test_an_update_staged_by_somebody_stops_arming(bench: Bench) -> None:
    change = bench.change()
    bench.host().stage(make_image("8.0.3-0.79.24859861"))
    before = own(bench)
    assert bench.banks.arm(bench.target(), change).outcome is WriteOutcome.OTHER_BANK_CHANGED
    assert own(bench) == before


def test_a_boot_cfg_changed_by_somebody_stops_arming(bench: Bench) -> None:
    change = bench.change()
    bank = bench.host().boot_bank
    assert bank is not None
    bank.files[BOOT_CFG] += b"# somebody was here\n"
    told = bench.banks.arm(bench.target(), change)
    assert told.outcome is WriteOutcome.BOOT_CFG_CHANGED
    assert told.boot_cfg == own(bench) != change.after


PROGRAMS = ("readlink", "sha256sum", "cp", "dd", "sync", "cat")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("skip", [0, 1, 2])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_connection_breaks_at_each_program(bench: Bench, program: str, skip: int, moment: str) -> None:
    """Whatever was cut: it is said to be not done, and the file is old, or to be in doubt, and it is old or new; the order
    again ends as wanted."""
    host, target, change = bench.host(), bench.target(), bench.change()
    host.set_faults({"commands": {program: {"drop": moment, "skip": skip, "times": 1}}})
    try:
        told = bench.banks.arm(target, change)
    except NotDoneError:
        assert own(bench) == change.before
    except InDoubtError:
        assert own(bench) in {change.before, change.after}
    else:
        assert told.outcome is WriteOutcome.WRITTEN  # that program does not run as often
    host.set_faults({})
    assert bench.banks.arm(target, change).as_wanted
    assert own(bench) == change.after
    assert bench.banks.disarm(target, change).as_wanted
    assert own(bench) == change.before
    assert host.boot_bank is not None
    assert COPY not in host.boot_bank.files


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", ConnectError),
        ("bad-password", DeniedError),
        ("wrong-host-key", TrustError),
        ("hang-after-auth", NotDoneError),
        ("drop-mid-output", NotDoneError),
    ],
)
def test_a_host_that_lets_nobody_in_or_goes_silent(
    bench: Bench, fault: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = bench.change()
    before = own(bench)
    bench.fault(ssh=fault, drop_after=40)
    monkeypatch.setattr(control, "ORDER_SECONDS", 2.0)
    with pytest.raises(error):
        bench.banks.arm(bench.target(), change)
    assert own(bench) == before


def test_a_look_tells_boots_apart_and_names_the_window(bench: Bench) -> None:
    first, again = bench.looker.look(bench.target()), bench.looker.look(bench.target())
    assert isinstance(first.boot_id, Read)
    assert first.boot_id == again.boot_id
    assert first.maintenance_mode == Read(False)
    assert first.banks.trouble is None
    bench.host().reboot()
    bench.settle()
    after = bench.looker.look(bench.target())
    assert isinstance(after.boot_id, Read)
    assert after.boot_id != first.boot_id
    bench.host().reboot()
    bench.settle()
    assert bench.looker.look(bench.target()).boot_id not in {first.boot_id, after.boot_id}


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"ssh": "refuse"}, Reason.UNREACHABLE),
        ({"ssh": "bad-password"}, Reason.DENIED),
        ({"ssh": "wrong-host-key"}, Reason.CHANGED),
        ({"ssh": "drop-mid-output", "drop_after": 300}, Reason.CUT_OFF),
    ],
)
def test_a_look_at_a_host_that_does_not_answer_has_a_reason(bench: Bench, faults: dict[str, Any], reason: Reason) -> None:
    bench.fault(**faults)
    look = bench.looker.look(bench.target())
    found = look.banks.trouble or look.banks.bank("/bootbank").boot_cfg
    assert isinstance(found, Unread)
    assert found.reason is reason


def test_the_windows_of_the_bench_are_open(bench: Bench) -> None:
    situation = bench.situation()
    assert situation.state.window.kind is WindowKind.OPEN
    assert situation.state.window.leads_to("24585383")
    assert bench.host().running_image.base_image == NEW
