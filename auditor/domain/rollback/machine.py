"""What to do next with one host: decided anew each time from the journal and a fresh look, never from memory.

The contract with whoever acts: ask `next_step`; on `Do` write INTENT, act, read back, write DONE or FAILED; on `Found` write
DONE without acting; on `Wait` look again later; on `Ended` write the end (`journal.end_data`) unless the journal ends with
the same. A tool killed anywhere and started again does so too, and the machine keeps these promises, held by tests that kill
it everywhere:

* A step that is done is not done again, and ARM never while the byte is there.
* The host is not told to reboot twice: where it is not known whether the order went out, the machine waits for the host to
  go down, and only after `Limits.grace` on the same boot is the order given once more.
* It is not told to reboot unless both boot.cfg are exactly as planned and, unattended, the byte stands. When that is not so
  any more the byte is taken back first: with a staged update behind it, an armed host has no bank to fall back to.
* What is not understood ends in INCONSISTENT, not in an act.

A ping is no proof, and neither is a login: what counts is the volume behind /bootbank, the build that runs, the state of the
trial boot, and the boot's own name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from auditor.domain.journal import Entry
from auditor.domain.observation import Read, Reason, Unread, value_of
from auditor.domain.rollback import returned
from auditor.domain.rollback.decision import Decision, Do, Ended, Found, Limits, Wait
from auditor.domain.rollback.journal import HostJournal, Step, Terminal
from auditor.domain.rollback.look import SILENT, Look, Seen
from auditor.domain.rollback.plan import Target

_DISRUPTIVE = (Step.MAINTENANCE, Step.ARM, Step.DISARM)

ORDERS = 3
"""How often a host is told to reboot, each time after a whole grace without its going down."""

FACTS_GOOD_FOR = timedelta(minutes=30)
"""How long all facts, once read, are good for entering maintenance mode. Later they cannot be read again to be compared:
the host's own evacuation has changed them."""


def next_step(
    target: Target,
    entries: Iterable[Entry],
    look: Look,
    limits: Limits | None = None,
    *,
    abort: bool = False,
    lapsed: str = "",
    silent_since: datetime | None = None,
) -> Decision:
    """What to do now. ``entries`` is the plan's whole journal, ``look`` from this moment; ``abort`` is a person's wish to
    stop, which is granted until the order to reboot went out. ``lapsed`` is why plan or approval hold no longer, empty while
    they do: a host that was begun is not armed or told to reboot on them, and an armed one is disarmed. ``silent_since`` is
    when the looks without an answer began, for a caller that looks again; None: it is not waited for."""
    journal = HostJournal.of(target.host, entries)
    ended = journal.ended
    if ended is not None and ended[0].final:
        return Ended(*ended, value_of(look.maintenance_mode), Seen(target, look).armed)
    return _Machine(target, journal, look, limits or Limits(), abort=abort, lapsed=lapsed, since=silent_since).decide()


class _Machine:
    def __init__(
        self,
        target: Target,
        journal: HostJournal,
        look: Look,
        limits: Limits,
        *,
        abort: bool,
        lapsed: str,
        since: datetime | None,
    ) -> None:
        self.target, self.journal, self.look, self.limits, self.abort = target, journal, look, limits, abort
        self.lapsed, self.silent_since = lapsed, since
        self.seen = Seen(target, look)
        self.unattended = target.edit is not None
        self.ours = target.edit is not None and self.seen.own == target.edit.apply(target.booted.boot_cfg)
        """Whether the bank to be given up holds exactly the bytes that ARM leaves."""

    def decide(self) -> Decision:
        orders = self.journal.intended(Step.REBOOT)
        if orders:
            return self._after_order(orders)
        if self._rebooted and self.journal.intended(Step.ARM):
            return self._back(self.look.at)  # somebody else rebooted an armed host
        return self._before_order()

    # Ends ----------------------------------------------------------------------------------------------------------

    def _end(self, terminal: Terminal, why: str) -> Ended:
        return Ended(terminal, why, value_of(self.look.maintenance_mode), self.seen.armed)

    def _stop(self, why: str) -> Decision:
        """Before the reboot, go no further: take the byte back if it is ours, and leave both banks as they were found."""
        failed = self.journal.failed(Step.DISARM, since_end=True)
        if failed is not None and not self.seen.pristine:
            return self._end(Terminal.INCONSISTENT, f"{why}; and it could not be disarmed: {failed[1]}")
        if self.unattended and self.ours and self.journal.intended(Step.ARM):
            if self.journal.done(Step.DISARM):
                return self._end(Terminal.INCONSISTENT, f"{why}; it was disarmed, and is armed again by somebody else")
            return Do(Step.DISARM, why)
        if not self.seen.pristine and self.journal.intended(Step.ARM):
            return self._end(
                Terminal.INCONSISTENT, f"{why}; {self.target.booted.volume}/boot.cfg is neither as planned nor armed"
            )
        if self.seen.armed:
            return self._end(Terminal.INCONSISTENT, f"{why}; the booted bank is marked invalid, and not by this plan")
        if self.abort and self._may_leave:
            return Do(Step.LEAVE_MAINTENANCE, why)
        return self._end(Terminal.ABORTED, why)

    @property
    def _may_leave(self) -> bool:
        """This plan put the host into maintenance mode, and leaving it was not tried in vain."""
        entered = self.target.enters_maintenance and bool(self.journal.intended(Step.MAINTENANCE))
        in_vain = self.journal.failed(Step.LEAVE_MAINTENANCE) is not None
        return entered and not in_vain and value_of(self.look.maintenance_mode) is True

    def _deadline(self, since: datetime, span: timedelta) -> datetime:
        """``span`` after ``since``, or after the host was last closed: whoever resumes wants to wait anew."""
        return max(since, self.journal.last_end or since) + span

    # Before the order to reboot --------------------------------------------------------------------------------------

    @property
    def _rebooted(self) -> bool:
        return isinstance(self.look.boot_id, Read) and self.look.boot_id.value != self.target.boot_id

    def _before_order(self) -> Decision:
        silent = self.look.silent
        if silent is not None and self.silent_since is not None and self.look.at < self.silent_since + self.limits.silence:
            return Wait(self.silent_since + self.limits.silence, f"no answer; waiting for the host: {silent}")
        trouble = self.seen.trouble
        if trouble is None and isinstance(self.look.boot_id, Unread):
            trouble = self.look.boot_id
        if trouble is not None:
            if any(self.journal.intended(step) for step in _DISRUPTIVE):
                return self._end(Terminal.INCONSISTENT, f"the host cannot be looked at: {trouble}")
            return self._end(Terminal.ABORTED, f"the host cannot be looked at, and nothing was changed: {trouble}")
        if not self.seen.on_own:
            return self._end(Terminal.INCONSISTENT, f"the host runs from {self.seen.volume}, not from the planned bank")
        obstacle = self._obstacle()
        return self._stop(obstacle) if obstacle else self._forward()

    def _obstacle(self) -> str | None:
        """Why this host goes no further towards its reboot."""
        failed = self.journal.failed()
        if self.abort:
            return "stopped by a person"
        disarmed = self.journal.intended(Step.DISARM)
        if disarmed:
            by, why = (disarmed[0].data.get(key, "") for key in ("by", "why"))
            return "disarmed" + (f" by {by}" if by else "") + (f": {why}" if why else "")
        if failed is not None:
            return f"{failed[0].value} failed: {failed[1]}"
        if self.lapsed and (self.unattended or not self.journal.intended(Step.REBOOT)):
            return self.lapsed  # with the card handed over, a person may be at the console right now
        if self._rebooted:
            return "the host was rebooted since the plan was made"
        if not self.seen.other_as_planned:
            return "the other bank's boot.cfg changed since the plan was made"
        if not self.seen.pristine and not (self.ours and self.journal.intended(Step.ARM)):
            return "the booted bank's boot.cfg changed since the plan was made"
        if self.journal.done(Step.ARM) and self.seen.pristine:
            return "the host was armed and is not any more"
        return None

    def _forward(self) -> Decision:
        mode = self.look.maintenance_mode
        for step in self.target.steps[: self.target.steps.index(Step.REBOOT)]:
            if step is Step.MAINTENANCE and isinstance(mode, Unread):
                return self._stop(f"whether it is in maintenance mode was not read: {mode}")
            if step is Step.MAINTENANCE and value_of(mode) is False and self.journal.done(step):
                return self._stop("somebody took it out of maintenance mode")
            if self.journal.done(step) and not (step is Step.LOOK and self._facts_are_old):
                continue
            if step is Step.MAINTENANCE and value_of(mode):
                return Found(step, "the host is in maintenance mode")
            if step is Step.ARM and self.ours:
                return Found(step, "the byte stands as intended")
            return Do(step, "next")
        return Do(Step.REBOOT, "both banks are as planned")

    @property
    def _facts_are_old(self) -> bool:
        """The tool stopped after reading all facts, and was started again much later, with nothing done to the host yet."""
        if any(self.journal.intended(step) or self.journal.done(step) for step in _DISRUPTIVE):
            return False
        newest = self.journal.last_done(Step.LOOK)
        return newest is not None and self.look.at - newest > FACTS_GOOD_FOR

    # After the order -------------------------------------------------------------------------------------------------

    def _after_order(self, orders: tuple[Entry, ...]) -> Decision:
        last = orders[-1].at
        trouble = self.seen.trouble
        if trouble is not None:
            return self._away(trouble, last)
        if self._rebooted or self.seen.on_other:
            return self._back(last)
        if isinstance(self.look.boot_id, Unread):
            deadline = self._deadline(last, self.limits.watch)
            if self.look.at < deadline:
                return Wait(deadline, f"which boot this is was not read: {self.look.boot_id}")
            return self._end(Terminal.INCONSISTENT, f"whether it rebooted cannot be told: {self.look.boot_id}")
        return self._still_up(orders)

    def _away(self, trouble: Unread, order: datetime) -> Decision:
        """A silent host is waited for. One that lets nobody in is not tried again: wrong logins lock the account."""
        if trouble.reason in {Reason.DENIED, Reason.UNTRUSTED, Reason.CHANGED}:
            return self._end(Terminal.RETURNED_UNHEALTHY, f"it answers and lets nobody in: {trouble}")
        deadline = self._deadline(order, self.limits.watch)
        if self.look.at < deadline:
            return Wait(deadline, f"waiting for the host: {trouble}")
        if trouble.reason not in SILENT:
            return self._end(Terminal.INCONSISTENT, f"it answers, and cannot be looked at: {trouble}")
        return self._end(Terminal.NOT_RETURNED, f"no answer {_minutes(self.limits.watch)} after the order to reboot: {trouble}")

    def _still_up(self, orders: tuple[Entry, ...]) -> Decision:
        """The same boot as before the order."""
        last = orders[-1].at
        grace = last + self.limits.grace
        if self.journal.done(Step.REBOOT):
            deadline = self._deadline(last, self.limits.watch)
            waiting, never = _NOT_DOWN if self.unattended else _NOT_DOWN_BY_HAND
            return Wait(deadline, waiting) if self.look.at < deadline else self._end(Terminal.INCONSISTENT, never)
        if self.abort and not self.unattended:
            return self._stop("stopped by a person")  # the card is no order: nobody has said that it was followed
        if self.look.at < grace:
            why = "whether the order to reboot went out is not known: waiting whether the host goes down"
            return Wait(grace, why if self.unattended else "waiting for the person at its console")
        obstacle = self._obstacle()
        if obstacle is None and value_of(self.look.maintenance_mode) is not True:
            obstacle = "the host is not in maintenance mode"
        if obstacle is None and self.unattended and not self.ours:
            obstacle = "the host is not armed"
        if obstacle is None and self.unattended and len(orders) >= ORDERS:
            obstacle = f"it was told to reboot {len(orders)} times, and has not gone down"
        return self._stop(obstacle) if obstacle else Do(Step.REBOOT, "it has not gone down: the order did not go out")

    # Back again --------------------------------------------------------------------------------------------------------

    def _back(self, order: datetime) -> Decision:
        """The host is up in another boot than before."""
        if self.seen.trouble is not None:
            return self._away(self.seen.trouble, order)
        if self.seen.on_own:
            missed = "" if self.unattended else ": Shift+R was not pressed, or not confirmed"
            return self._end(Terminal.FELL_BACK, f"it came up from the bank it was on before{missed}")
        if not self.seen.on_other:
            return self._end(Terminal.INCONSISTENT, f"it came up from {self.seen.volume}, which is none of the two banks")
        unsettled = returned.unsettled(self.seen)
        if unsettled is not None:
            deadline = self._deadline(order, self.limits.watch)
            if self.look.at < deadline:
                return Wait(deadline, unsettled)
            return self._end(Terminal.RETURNED_UNHEALTHY, unsettled)
        wrong = returned.wrong(self.target, self.seen)
        return self._end(*wrong) if wrong is not None else self._finish()

    def _finish(self) -> Decision:
        mode = self.look.maintenance_mode
        for step in self.target.steps[self.target.steps.index(Step.WATCH) :]:
            if self.journal.done(step):
                continue
            if step is Step.WATCH:
                return Found(step, f"it came up from the other bank with {self.target.to_build}, and has settled")
            failed = self.journal.failed(step, since_end=True)
            if failed is not None:
                return self._end(Terminal.RETURNED_UNHEALTHY, f"{step.value} failed: {failed[1]}")
            if step is Step.CONNECT and value_of(self.look.connected):
                return Found(step, "vCenter is connected to it")
            if step is Step.LEAVE_MAINTENANCE and value_of(mode) is False:
                return Found(step, "the host is not in maintenance mode")
            return Do(step, "next")
        return self._end(Terminal.ROLLED_BACK, f"it runs {self.target.to_build} from the other bank, verified")


_NOT_DOWN = (
    "the order was taken, and the host has not gone down yet",
    "it took the order to reboot and did not go down: it may at any moment",
)
_NOT_DOWN_BY_HAND = (
    "somebody says that it was rebooted, and it is still on the boot from before: was it another host?",
    "somebody said that it was rebooted, and it never went down: look which host was rebooted instead",
)


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} minutes"


__all__ = ["next_step"]
