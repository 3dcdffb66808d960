"""SIGKILL before and after every look, act and journal write of a rollback; then ``resume``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.domain.rollback.journal import Terminal
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.domain.rollback.status import OperationStatus, Standing
from auditor.workflows.rollback import run as rollback
from tests.domain.rollback.samples import OWN, VOLUME_A, VOLUME_B
from tests.workflows.rollback.driving import HISTORY, again, fresh, journal, killed, make, start
from tests.workflows.rollback.site import Killer, Site, SiteHost


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def hosts(method: Method, count: int) -> list[SiteHost]:
    if method is Method.GUIDED:
        return [SiteHost(name=f"esx{n}", person=4) for n in range(count)]
    return [SiteHost(name=f"esx{n}", enters_in=3) for n in range(count)]


@pytest.fixture(autouse=True, scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One life in this process, so that those that are forked from it find all modules loaded."""
    folder = tmp_path_factory.mktemp("loaded")
    site = fresh(folder, "site", SiteHost(name="esx1"))
    life(site, folder / "site", make(site, folder / "site"))


def life(site: Site, folder: Path, made: RollbackPlan) -> None:
    """What a person does after a crash: resume what is unfinished, or run the plan if it never began."""
    if again(site, folder) is None:
        with journal(site, folder) as opened:
            ran = opened.operations(rollback.KIND)
        if not ran:
            start(site, folder, made)


def status(site: Site, folder: Path) -> OperationStatus:
    from auditor.domain.rollback.status import status_of
    from auditor.workflows.rollback.papers import read_paper

    with journal(site, folder) as opened:
        (operation,) = opened.operations(rollback.KIND)
        paper = read_paper(operation.document, "test")
        return status_of(operation, paper.plan, paper.approval, opened.entries(operation.id))


PARTS = 4
"""Each case is a test per part, of every fourth moment that it looks at: a short test does not meet its time limit on a busy
machine, and the parts run beside each other."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    ("method", "count", "pause", "every"),
    [
        pytest.param(Method.UNATTENDED, 1, 0, 1, id="unattended"),
        pytest.param(Method.GUIDED, 1, 0, 1, id="guided"),
        pytest.param(Method.UNATTENDED, 1, 20, 3, id="resumed after 20 minutes"),
        pytest.param(Method.UNATTENDED, 2, 0, 7, id="two hosts"),
    ],
)
def test_killed_at_every_moment(tmp_path: Path, method: Method, count: int, pause: int, every: int, part: int) -> None:
    site = fresh(tmp_path, "whole", *hosts(method, count))
    made = make(site, tmp_path / "whole", method)
    _, moments = killed(site, 0, lambda: life(site, tmp_path / "whole", made))
    assert moments > 100
    for moment in range(1, moments + 1, every)[part::PARTS]:
        folder = tmp_path / str(moment)
        site = fresh(tmp_path, str(moment), *hosts(method, count))
        assert killed(site, moment, lambda: life(site, folder, made))[0], moment  # noqa: B023 - called at once
        if pause:
            site.pass_time(pause * 60)
        assert not killed(site, 0, lambda: life(site, folder, made))[0]  # noqa: B023
        ended = status(site, folder)
        assert ended.operation.outcome == "ROLLED_BACK", (moment, ended.hosts)
        for host in site.hosts().values():
            assert host.running == VOLUME_B, moment
            assert (host.boot, host.arms, host.orders) == (2, *((1, 1) if method is Method.UNATTENDED else (0, 0))), moment
            assert host.entered == 1, moment
            assert not host.maintenance, moment


FAULTS: dict[str, Callable[[SiteHost], None]] = {
    "lost": lambda host: setattr(host, "lost", True),
    "found": lambda host: setattr(host, "lost", False),
    "never returns": lambda host: setattr(host, "never_returns", True),
    "staged": lambda host: host.volumes.__setitem__(VOLUME_B, STAGED) if host.boot == 1 else None,
    "disarmed": lambda host: host.volumes.__setitem__(VOLUME_A, OWN) if host.boot == 1 else None,
    "read-only": lambda host: setattr(host, "read_only", True),
    "refuses reboot": lambda host: setattr(host, "reboot_refused", True),
    "taken out": lambda host: setattr(host, "maintenance", False),
    "disconnected": lambda host: setattr(host, "connects", False),
    "connected": lambda host: setattr(host, "connects", True),
    "check fails": lambda host: setattr(host, "check_fails", True),
    "mute": lambda host: setattr(host, "mute_orders", 2),
    "slow": lambda host: setattr(host, "takes", 90),
    "rebooted": lambda host: setattr(host, "down_at", host.minute),
}
STAGED = OWN.replace(b"bootstate=0", b"bootstate=1").replace(b"updated=5", b"updated=6")

ENDS = {terminal.value for terminal in Terminal}
STANDINGS = {standing.value for standing in Standing}


@pytest.mark.parametrize("method", Method)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 60), st.sampled_from(sorted(FAULTS))), max_size=3),
    st.lists(st.tuples(st.integers(1, 140), st.integers(0, 40)), max_size=3),
)
def test_faults_and_kills_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    method: Method,
    faults: list[tuple[int, str]],
    kills: list[tuple[int, int]],
) -> None:
    """Whatever happens, the journal names the host's state; it is not armed or told to reboot twice; an aborted one is not left
    armed by us; and one that is left in maintenance mode or armed is named so."""
    folder = tmp_path_factory.mktemp("any")
    site = Site(folder / "site", Killer()).make(SiteHost(name="esx1", person=4 if method is Method.GUIDED else None))
    made = make(site, folder, method)
    acts = folder / "acts"  # counted across lives

    def fault(host: SiteHost, act: str) -> None:
        count = len(acts.read_bytes()) if acts.exists() else 0
        with acts.open("ab") as file:
            file.write(b".")
        for at, name in faults:
            if at == count + 1:
                FAULTS[name](host)

    site.fault = fault
    for moment, pause in [*kills, (0, 0)]:
        killed(site, moment, lambda: life(site, folder, made))
        site.pass_time(max(1, pause) * 60)
    if not (folder / HISTORY).exists():
        return
    (left,) = status(site, folder).hosts
    (host,) = site.hosts().values()
    assert left.state in ENDS | {Standing.WAITING_FOR_PERSON.value}, left
    assert host.arms <= 1
    assert host.orders <= 1
    assert host.entered <= 3
    by_others = {name for _, name in faults} & {"rebooted", "staged", "disarmed", "taken out"}
    if left.state == Terminal.ROLLED_BACK and not by_others:
        assert host.running == VOLUME_B
        assert not host.maintenance
    if left.state == Terminal.ABORTED:
        assert host.orders == 0
        assert b"bootstate=3" not in host.volumes[VOLUME_A]
        # It stays in maintenance mode, and its end says so.
        if host.running is not None and not host.lost and "taken out" not in by_others:
            assert left.maintenance_mode == ("yes" if host.maintenance else "no")
    if host.maintenance and host.entered:
        assert left.state != Terminal.ROLLED_BACK
        assert left.maintenance_mode in {"yes", "unknown"} or left.state == Standing.WAITING_FOR_PERSON or by_others
    if host.arms and host.running == VOLUME_A and b"bootstate=3" in host.volumes[VOLUME_A]:
        assert left.armed in {"yes", "unknown"}
