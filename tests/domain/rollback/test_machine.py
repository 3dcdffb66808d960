"""The steps of one host under kills, faults and other people, driven on a host that boots by the loader's rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.bootcfg import read_keys
from auditor.domain.journal import Phase
from auditor.domain.observation import Read, Reason
from auditor.domain.rollback.decision import Do, Ended, Wait
from auditor.domain.rollback.journal import END, HostJournal, Step, Terminal, end_data
from auditor.domain.rollback.machine import ORDERS, next_step
from auditor.domain.rollback.plan import Method
from tests.domain.rollback.samples import NEW, OTHER, OWN, VOLUME_A, VOLUME_B, boot_cfg
from tests.domain.rollback.world import LIMITS, Tool, World, target

STAGED = boot_cfg("8.0.3-0.102.25595708", 6, 1)
ALL = [step for step in Step if step is not Step.DISARM]


def state_of(world: World, volume: str) -> int:
    keys = read_keys(world.volumes[volume])
    assert keys is not None
    return keys.bootstate


def test_the_straight_way() -> None:
    world = World()
    tool = Tool(world, target())
    ended = tool.run()
    assert ended.terminal is Terminal.ROLLED_BACK, ended
    assert world.running == VOLUME_B
    assert (state_of(world, VOLUME_A), state_of(world, VOLUME_B)) == (3, 0)
    assert not world.maintenance
    assert (ended.in_maintenance_mode, ended.armed) == (False, False)
    done = [entry.step for entry in tool.journal if entry.phase is Phase.DONE and entry.step != END]
    assert done == [step.value for step in ALL]
    assert next_step(tool.target, tool.journal, world.look(), LIMITS) == ended


def test_guided_leaves_the_byte_to_the_person() -> None:
    world = World(shift_r=True)
    tool = Tool(world, target(Method.GUIDED))
    assert tool.run().terminal is Terminal.ROLLED_BACK
    assert Step.ARM not in tool.acted
    missed = World()
    ended = Tool(missed, target(Method.GUIDED)).run()
    assert ended.terminal is Terminal.FELL_BACK
    assert "Shift+R" in ended.why
    assert ended.in_maintenance_mode is True


def test_a_host_found_in_maintenance_mode_stays_there() -> None:
    world = World(maintenance=True)
    tool = Tool(world, target(maintenance_mode=Read(True)))
    assert tool.run().terminal is Terminal.ROLLED_BACK
    assert world.maintenance
    assert not {Step.MAINTENANCE, Step.LEAVE_MAINTENANCE} & set(tool.acted)


def moments() -> int:
    tool = Tool(World(), target())
    tool.run()
    return tool.moment


@pytest.mark.parametrize("after_kill", [0, 1, 4, 9, 30])
@pytest.mark.parametrize("goes_down", [1, 5])
def test_killed_once_at_every_moment(after_kill: int, goes_down: int) -> None:
    for moment in range(1, moments() + 1):
        world = World(goes_down=goes_down)
        tool = Tool(world, target(), frozenset({moment}))
        ended = tool.run(after_kill=after_kill)
        assert ended.terminal is Terminal.ROLLED_BACK, (moment, ended)
        assert (world.arms, world.orders, world.boot) == (1, 1, 2), moment
        assert not world.maintenance


@settings(max_examples=150, deadline=None)
@given(st.frozensets(st.integers(1, 90), max_size=12), st.integers(0, 14), st.integers(1, 14), st.sampled_from(Method))
def test_killed_anywhere_any_number_of_times(kills: frozenset[int], after_kill: int, goes_down: int, method: Method) -> None:
    world = World(goes_down=goes_down, shift_r=method is Method.GUIDED)
    tool = Tool(world, target(method), kills)
    ended = tool.run(after_kill=after_kill)
    assert world.arms == (method is Method.UNATTENDED)
    tries = len(HostJournal.of("esx1", tool.journal).intended(Step.REBOOT))
    if tries == ORDERS and not world.orders:  # killed each time between intention and order: that is enough
        assert (ended.terminal, method, world.boot) == (Terminal.ABORTED, Method.UNATTENDED, 1)
        assert state_of(world, VOLUME_A) == 0
        assert world.maintenance
    else:
        assert ended.terminal is Terminal.ROLLED_BACK
        assert (world.orders, world.boot) == (1, 2)


def never_returns(world: World) -> None:
    world.never_returns = True


def other_key(world: World) -> None:
    world.denied = Reason.CHANGED


def old_password(world: World) -> None:
    world.denied = Reason.DENIED


def disconnected(world: World) -> None:
    world.connects = False


def check_fails(world: World) -> None:
    world.checks_pass = False


def read_only(world: World) -> None:
    world.read_only = True


def reboot_refused(world: World) -> None:
    world.reboot_refused = True


def staged(world: World) -> None:
    world.volumes[VOLUME_B] = STAGED


def lost(world: World) -> None:
    world.lost = True


def taken_out(world: World) -> None:
    world.maintenance = False


def unarmed(world: World) -> None:
    world.volumes[VOLUME_A] = OWN


def rebooted(world: World) -> None:
    world.down_at = world.minute


def half_written(world: World) -> None:
    world.volumes[VOLUME_A] = OWN[:40]


def fault_at(tool: Tool, fault: Callable[[World], None], step: Step | None) -> Ended:
    """Let the fault happen once ``step`` is done (None: at the start), and go on."""
    if step is None:
        fault(tool.world)
    happened = step is None
    for ended in tool.turns():
        if ended is not None:
            return ended
        if not happened and step is not None and HostJournal.of("esx1", tool.journal).done(step):
            fault(tool.world)
            happened = True
    raise AssertionError


@pytest.mark.parametrize(
    ("fault", "at", "terminal", "left"),
    [
        (never_returns, None, Terminal.NOT_RETURNED, None),
        (other_key, None, Terminal.RETURNED_UNHEALTHY, None),
        (old_password, None, Terminal.RETURNED_UNHEALTHY, None),
        (disconnected, None, Terminal.RETURNED_UNHEALTHY, True),
        (check_fails, None, Terminal.RETURNED_UNHEALTHY, True),
        (read_only, None, Terminal.ABORTED, True),
        (reboot_refused, None, Terminal.ABORTED, True),
        (staged, None, Terminal.ABORTED, False),
        (staged, Step.LOOK, Terminal.ABORTED, False),
        (staged, Step.BACKUP, Terminal.ABORTED, True),
        (staged, Step.ARM, Terminal.ABORTED, True),  # disarmed first
        (lost, None, Terminal.ABORTED, None),
        (lost, Step.LOOK, Terminal.ABORTED, None),
        (lost, Step.MAINTENANCE, Terminal.INCONSISTENT, None),
        (lost, Step.BACKUP, Terminal.INCONSISTENT, None),
        (lost, Step.ARM, Terminal.INCONSISTENT, None),
        (lost, Step.REBOOT, Terminal.NOT_RETURNED, None),
        (lost, Step.WATCH, Terminal.NOT_RETURNED, None),
        (taken_out, Step.MAINTENANCE, Terminal.ABORTED, False),
        (taken_out, Step.ARM, Terminal.ABORTED, False),
        (unarmed, Step.ARM, Terminal.ABORTED, True),
        (half_written, Step.BACKUP, Terminal.ABORTED, True),  # not by us
        (half_written, Step.ARM, Terminal.INCONSISTENT, True),
        (rebooted, Step.BACKUP, Terminal.INCONSISTENT, None),  # seen while it is away
        (unarmed, Step.REBOOT, Terminal.FELL_BACK, True),
    ],
)
def test_every_fault_ends_in_its_name(
    fault: Callable[[World], None], at: Step | None, terminal: Terminal, left: bool | None
) -> None:
    tool = Tool(World(), target())
    ended = fault_at(tool, fault, at)
    assert ended.terminal is terminal, ended
    assert ended.in_maintenance_mode is left, ended
    assert tool.world.orders <= 1
    # Stopped before the reboot means that both banks are as they were found, whoever changed them.
    if terminal is Terminal.ABORTED and fault is not half_written:
        assert tool.world.volumes[VOLUME_A] == OWN
        assert ended.armed is (None if fault is lost else False)
    assert tool.journal[-1].data["terminal"] == terminal.value


def test_a_staged_update_behind_an_armed_host_is_disarmed_and_not_rebooted() -> None:
    tool = Tool(World(), target())
    fault_at(tool, staged, Step.ARM)
    assert tool.acted[-1] is Step.DISARM
    assert Step.REBOOT not in tool.acted
    assert tool.world.volumes == {VOLUME_A: OWN, VOLUME_B: STAGED}


def test_a_host_that_comes_late_is_found_by_resume() -> None:
    tool = Tool(World(takes=120), target())
    assert tool.run().terminal is Terminal.NOT_RETURNED
    assert tool.run().terminal is Terminal.NOT_RETURNED  # asked too early
    tool.world.tick(70)
    assert tool.run().terminal is Terminal.ROLLED_BACK
    assert (tool.world.arms, tool.world.orders) == (1, 1)


def test_resume_after_the_old_password_was_given() -> None:
    tool = Tool(World(denied=Reason.DENIED), target())
    assert tool.run().terminal is Terminal.RETURNED_UNHEALTHY
    assert tool.run().terminal is Terminal.RETURNED_UNHEALTHY
    tool.world.denied = None
    assert tool.run().terminal is Terminal.ROLLED_BACK


def test_a_failed_check_is_tried_again_only_by_resume() -> None:
    tool = Tool(World(checks_pass=False), target())
    assert tool.run().terminal is Terminal.RETURNED_UNHEALTHY
    assert tool.acted.count(Step.CHECKS) == 1
    tool.world.checks_pass = True
    assert tool.run().terminal is Terminal.ROLLED_BACK
    assert tool.acted.count(Step.CHECKS) == 2
    assert tool.acted.count(Step.CONNECT) <= 1


@pytest.mark.parametrize("kill", range(1, 60, 2))
def test_abort_disarms_and_leaves_maintenance_mode_until_the_order_went_out(kill: int) -> None:
    world = World()
    tool = Tool(world, target(), frozenset({kill}))
    first = list(_until_killed(tool))
    ended = tool.run(abort=True)
    if first or world.orders:
        assert ended.terminal in {Terminal.ROLLED_BACK, Terminal.RETURNED_UNHEALTHY}
    else:
        assert ended.terminal is Terminal.ABORTED
        assert world.volumes == {VOLUME_A: OWN, VOLUME_B: OTHER}
    assert not world.maintenance
    assert world.boot == 1 + (world.orders > 0)


def _until_killed(tool: Tool) -> list[Ended]:
    from tests.domain.rollback.world import KilledError

    try:
        return [ended for ended in tool.turns() if ended is not None]
    except KilledError:
        return []


def test_it_is_too_late_to_abort_once_the_order_may_be_out() -> None:
    tool = Tool(World(goes_down=5), target())
    for _ in tool.turns():
        if HostJournal.of("esx1", tool.journal).intended(Step.REBOOT):
            break
    decision = next_step(tool.target, tool.journal, tool.world.look(), LIMITS, abort=True)
    assert isinstance(decision, Wait)


def test_the_order_is_given_again_only_on_the_same_boot_after_the_grace() -> None:
    tool = Tool(World(), target())
    for _ in tool.turns():
        if HostJournal.of("esx1", tool.journal).done(Step.ARM):
            break
    tool.write(Step.REBOOT, Phase.INTENT)  # and killed before the act
    waiting = next_step(tool.target, tool.journal, tool.world.look(), LIMITS)
    assert isinstance(waiting, Wait)
    tool.world.tick(16)
    assert isinstance(next_step(tool.target, tool.journal, tool.world.look(), LIMITS), Do)
    tool.world.volumes[VOLUME_B] = STAGED
    again = next_step(tool.target, tool.journal, tool.world.look(), LIMITS)
    assert isinstance(again, Do)
    assert again.step is Step.DISARM


def test_an_arming_that_is_not_ours_is_not_touched() -> None:
    made = target()
    assert made.edit is not None
    tool = Tool(World(volumes={VOLUME_A: made.edit.apply(OWN), VOLUME_B: OTHER}), made)
    ended = tool.run()
    assert ended.terminal is Terminal.INCONSISTENT
    assert ended.armed is True
    assert not tool.acted


def test_a_host_that_would_leave_again_is_not_well() -> None:
    tool = Tool(World(), target())

    def swapped(world: World) -> None:
        world.volumes[VOLUME_A] = boot_cfg(NEW, 9)

    ended = None
    for turn in tool.turns():
        ended = turn
        if tool.world.boot == 2 and not HostJournal.of("esx1", tool.journal).done(Step.WATCH):
            swapped(tool.world)
    assert ended is not None
    assert ended.terminal is Terminal.RETURNED_UNHEALTHY
    assert "next boot" in ended.why


FAULTS = [never_returns, other_key, old_password, disconnected, check_fails, read_only, reboot_refused, staged, lost, taken_out]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([*FAULTS, unarmed, rebooted]), st.integers(1, 60)), max_size=3),
    st.frozensets(st.integers(1, 120), max_size=8),
    st.integers(0, 40),
    st.integers(0, 4),
)
def test_faults_and_kills_in_any_order(
    faults: list[tuple[Callable[[World], None], int]], kills: frozenset[int], after_kill: int, resumes: int
) -> None:
    """Whatever happens, the host ends in a state that the journal names, is not armed twice and not told to reboot twice,
    and an ABORTED host is never left armed by us.

    One thing nobody can tell: a byte that somebody took back after a kill, before the journal had it, looks as if it had never
    been written. Just then, and as often as that happened, it may be written again."""
    world = World()
    unseen = 0
    tool = Tool(world, target(), kills)
    pending = sorted(faults, key=lambda fault: fault[1])
    plain_tick = world.tick

    def tick(minutes: int = 1) -> None:
        nonlocal unseen
        plain_tick(minutes)
        while pending and world.minute >= pending[0][1]:
            fault = pending.pop(0)[0]
            armed, known = state_of(world, VOLUME_A) == 3, HostJournal.of("esx1", tool.journal).done(Step.ARM)
            unseen += fault is unarmed and armed and not known
            fault(world)

    world.tick = tick  # type: ignore[method-assign]
    for _ in range(resumes + 1):
        ended = tool.run(after_kill=after_kill)
        assert tool.journal[-1].data == end_data(ended.terminal, ended.why)
        assert tool.acted.count(Step.ARM) <= 2
        assert world.arms <= 1 + unseen
        assert world.orders <= 1
        if ended.terminal is Terminal.ABORTED and world.running is not None:
            assert state_of(world, VOLUME_A) == 0
        if ended.terminal is Terminal.ROLLED_BACK:
            assert world.running in {VOLUME_B, None} or world.down_at is not None
        if ended.terminal.final:
            break
        world.lost = False
