"""Each fault ends in its named state, and what a person then does with ``resume`` comes out right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.domain.observation import Reason
from auditor.domain.rollback.plan import Method
from auditor.domain.rollback.status import OperationStatus
from auditor.workflows.rollback import run as rollback
from tests.domain.rollback.samples import OWN, VOLUME_A, VOLUME_B
from tests.workflows.rollback.driving import again, fresh, make, start
from tests.workflows.rollback.site import Site, SiteHost
from tests.workflows.rollback.test_kill import STAGED

Change = Callable[[SiteHost], None]


def at(act: str, change: Change, nth: int = 1) -> Callable[[SiteHost, str], None]:
    """A fault that happens just before the ``nth`` act of that name."""
    seen = 0

    def fault(host: SiteHost, doing: str) -> None:
        nonlocal seen
        seen += doing == act
        if doing == act and seen == nth:
            change(host)

    return fault


def put(**values: object) -> Change:
    def change(host: SiteHost) -> None:
        for name, value in values.items():
            setattr(host, name, value)

    return change


def bank(volume: str, data: bytes) -> Change:
    return lambda host: host.volumes.__setitem__(volume, data)


def broken(
    fault: Callable[[SiteHost, str], None], tmp_path: Path, method: Method = Method.UNATTENDED, **host: object
) -> tuple[Site, OperationStatus]:
    site = fresh(tmp_path, "s", SiteHost(name="esx1", **host))  # type: ignore[arg-type] # fields by name
    made = make(site, tmp_path, method)
    site.fault = fault
    status = start(site, tmp_path, made)
    site.fault = lambda host, act: None
    return site, status


LOST = put(lost=True)
FOUND = put(lost=False)
NOTHING = put()
UNHEALTHY = "RETURNED_UNHEALTHY"

TABLE: list[tuple[str, Callable[[SiteHost, str], None], str, Change, str | None]] = [
    # what, when, its state, what is mended, the state after resume (None: final, nothing is resumed)
    ("network lost at the first look", at("look", LOST), "ABORTED", FOUND, None),
    ("network lost while facts are read", at("read", LOST), "ABORTED", FOUND, None),
    ("network lost entering maintenance mode", at("enter", LOST), "INCONSISTENT", FOUND, "ABORTED"),
    ("network lost fetching the bundle", at("bundle", LOST), "INCONSISTENT", FOUND, "ABORTED"),
    ("network lost arming", at("arm", LOST), "INCONSISTENT", FOUND, "ABORTED"),
    ("network lost ordering the reboot", at("reboot", LOST), "NOT_RETURNED", FOUND, "ABORTED"),
    ("network lost checking", at("check", LOST), "NOT_RETURNED", FOUND, "ROLLED_BACK"),
    ("network lost leaving maintenance mode", at("leave", LOST), "NOT_RETURNED", FOUND, "ROLLED_BACK"),
    ("never returns", at("reboot", put(never_returns=True)), "NOT_RETURNED", NOTHING, "NOT_RETURNED"),
    ("returns late", at("reboot", put(takes=80)), "NOT_RETURNED", put(up_at=1), "ROLLED_BACK"),
    ("returns on the old bank", at("reboot", bank(VOLUME_A, OWN)), "FELL_BACK", NOTHING, None),
    ("returns with another host key", at("reboot", put(denied=Reason.CHANGED)), UNHEALTHY, put(denied=None), "ROLLED_BACK"),
    ("returns with the old password", at("reboot", put(denied=Reason.DENIED)), UNHEALTHY, put(denied=None), "ROLLED_BACK"),
    ("disconnected by vCenter", at("reboot", put(connects=False)), "RETURNED_UNHEALTHY", put(connects=True), "ROLLED_BACK"),
    ("update staged between plan and run", at("look", bank(VOLUME_B, STAGED)), "ABORTED", NOTHING, None),
    ("update staged in maintenance mode", at("bundle", bank(VOLUME_B, STAGED)), "ABORTED", NOTHING, None),
    ("bank changed between arm and reboot", at("look", bank(VOLUME_B, STAGED), 6), "ABORTED", NOTHING, None),
    ("bank changed while it goes down", at("reboot", bank(VOLUME_B, STAGED)), "INCONSISTENT", NOTHING, "INCONSISTENT"),
    ("boot.cfg read-only", at("arm", put(read_only=True)), "ABORTED", NOTHING, None),
    ("/bootbank full", at("arm", put(full=True)), "ABORTED", NOTHING, None),
    ("reboot refused", at("reboot", put(reboot_refused=True)), "ABORTED", NOTHING, None),
    ("taken out of maintenance mode by somebody", at("arm", put(maintenance=False)), "ABORTED", NOTHING, None),
    ("a required check fails", at("check", put(check_fails=True)), "RETURNED_UNHEALTHY", put(check_fails=False), "ROLLED_BACK"),
    ("answers to all orders are lost once", at("enter", put(mute_orders=1)), "ROLLED_BACK", NOTHING, None),
    ("answer to arming lost", at("arm", put(mute_orders=1)), "ROLLED_BACK", NOTHING, None),
    ("answer to the reboot lost", at("reboot", put(mute_orders=1)), "ROLLED_BACK", NOTHING, None),
    ("answer to leaving lost", at("leave", put(mute_orders=1)), "ROLLED_BACK", NOTHING, None),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "state", "mend", "then"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_fault_has_its_state(
    tmp_path: Path, fault: Callable[[SiteHost, str], None], state: str, mend: Change, then: str | None
) -> None:
    site, status = broken(fault, tmp_path)
    (left,) = status.hosts
    assert left.state == state, left
    assert left.why
    host = site.hosts()["esx1"]
    assert host.arms <= 1
    assert host.orders <= 1
    assert host.entered <= 1
    if state == "ABORTED":
        assert host.orders == 0
        if host.volumes[VOLUME_A] != OWN:
            pytest.fail("an aborted host is left armed")
    with site.host("esx1") as found:
        mend(found)
    site.pass_time(60)
    ended = again(site, tmp_path)
    assert (ended is None) == (then is None), ended
    if ended is not None:
        assert ended.hosts[0].state == then, ended.hosts[0]
        host = site.hosts()["esx1"]
        assert host.arms <= 1
        assert host.orders <= 1
    if "ROLLED_BACK" in {state, then}:
        assert (host.running, host.maintenance, host.boot) == (VOLUME_B, False, 2)


def blip(minutes: int) -> Change:
    """The network is lost and comes back by itself. A silent host is waited for five minutes."""

    def change(host: SiteHost) -> None:
        host.lost, host.lost_until = True, host.minute + minutes

    return change


MOMENTS = [*(("look", nth) for nth in range(1, 13)), *(("read", nth) for nth in range(1, 4)), ("bundle", 1)]


@pytest.mark.parametrize(("act", "nth"), MOMENTS, ids=[f"{act}-{nth}" for act, nth in MOMENTS])
def test_a_blip_while_nothing_is_ordered_is_waited_out(tmp_path: Path, act: str, nth: int) -> None:
    lost: list[int] = []

    def change(host: SiteHost) -> None:
        blip(3)(host)
        lost.append(host.minute)

    site, status = broken(at(act, change, nth), tmp_path)
    assert lost, "there is no such moment"
    assert status.hosts[0].state == "ROLLED_BACK", status.hosts[0]
    host = site.hosts()["esx1"]
    assert (host.arms, host.orders, host.entered, host.left) == (1, 1, 1, 1)


@pytest.mark.parametrize("act", ["enter", "arm"])
def test_an_order_that_met_a_blip_is_not_given_again(tmp_path: Path, act: str) -> None:
    """What was on its way is over, and the host is left as it was found: armed it is not."""
    site, status = broken(at(act, blip(3)), tmp_path)
    assert status.hosts[0].state == "ABORTED", status.hosts[0]
    host = site.hosts()["esx1"]
    assert (host.arms, host.orders, host.volumes[VOLUME_A]) == (0, 0, OWN)


@pytest.mark.parametrize("nth", [4, 6])
def test_a_network_that_stays_away_is_no_blip(tmp_path: Path, nth: int) -> None:
    site, status = broken(at("look", blip(7), nth), tmp_path)
    assert status.hosts[0].state == "INCONSISTENT", status.hosts[0]
    assert "cannot be looked at" in status.hosts[0].why
    site.pass_time(10 * 60)
    ended = again(site, tmp_path)
    assert ended is not None
    assert ended.rolled_back, ended.hosts[0]


def test_giving_up_waits_for_nobody(tmp_path: Path) -> None:
    site, _ = broken(at("look", blip(7), 6), tmp_path)
    with site.host("esx1") as host:
        host.lost, host.lost_until = True, None
    before = site.now()
    ended = again(site, tmp_path, lambda m, j, n, me: rollback.abort(m, j, n, me, give_up=True))
    assert ended is not None
    assert ended.operation.outcome == "GIVEN_UP"
    assert site.now() == before


def test_shift_r_missed_is_said(tmp_path: Path) -> None:
    _, status = broken(at("bundle", put(down_at=20)), tmp_path, Method.GUIDED)
    assert status.hosts[0].state == "FELL_BACK"
    assert "Shift+R was not pressed" in status.hosts[0].why
    assert status.hosts[0].maintenance_mode == "yes"
    assert status.operation.outcome == "STOPPED"


def test_a_task_that_never_ends_is_given_up(tmp_path: Path) -> None:
    site, status = broken(lambda host, act: None, tmp_path, enters_in=500)
    assert status.hosts[0].state == "ABORTED"
    assert not site.hosts()["esx1"].maintenance
    assert site.hosts()["esx1"].entering is None
