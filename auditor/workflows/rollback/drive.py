"""One host from wherever it stands to its end: look, decide, write the intention, act, read back, record.

The machine decides anew at every turn, so it makes no difference whether this process began the host or found it half done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditor.domain.rollback.decision import Do, Ended, Found, Wait
from auditor.domain.rollback.journal import HostJournal, Step
from auditor.domain.rollback.look import Look
from auditor.domain.rollback.machine import next_step
from auditor.domain.rollback.plan import Method, Target
from auditor.errors import AuditorError, HistoryError, InDoubtError, LockedError, NotDoneError
from auditor.workflows.rollback.card import console_card
from auditor.workflows.rollback.log import HostLog
from auditor.workflows.rollback.means import Means
from auditor.workflows.rollback.situation import connected
from auditor.workflows.rollback.steps import StepFailedError, Steps

IN_DOUBT_LIMIT = 3
"""How often one life of the tool gives an order whose answer is lost each time."""

_WORDS = {
    Step.LOOK: "reading all facts again",
    Step.MAINTENANCE: "entering maintenance mode",
    Step.BACKUP: "saving its configuration and both boot.cfg",
    Step.ARM: "arming: one byte of /bootbank/boot.cfg",
    Step.REBOOT: "rebooting",
    Step.CONNECT: "waiting for vCenter's connection",
    Step.CHECKS: "checking",
    Step.LEAVE_MAINTENANCE: "leaving maintenance mode",
    Step.VERIFY: "verifying by a fresh observation",
    Step.DISARM: "disarming: the exact bytes from before",
}


@dataclass(frozen=True, slots=True)
class Paused:
    """The host waits for a person: the card is handed over, and nobody has rebooted it yet."""

    why: str


Outcome = Ended | Paused


class HaltedError(Exception):
    """The run ends under this host, at a point where nothing of it is under way. ``resume`` goes on from there."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked at every turn: ``abort`` whether a person wants to stop, ``lapsed`` why plan or approval hold no longer
    (empty: they do), ``halted`` whether this run is ending and must begin nothing more. ``watch``: False to take a host that
    is away for what it is now, without waiting for it."""

    abort: Callable[[], bool] = lambda: False
    lapsed: Callable[[], str] = lambda: ""
    halted: Callable[[], bool] = lambda: False
    watch: bool = True


def drive(means: Means, target: Target, log: HostLog, wishes: Wishes | None = None, *, wave: Sequence[str] = ()) -> Outcome:
    """Bring one host of a ``wave`` to its end, or to where a person must act. Raises only what the journal raises,
    ``ConfigError`` for a login without a password, and `HaltedError`: whatever happens to the host is in its end."""
    return _Drive(means, target, log, wishes or Wishes(), wave).run()


class _Drive:
    def __init__(self, means: Means, target: Target, log: HostLog, wishes: Wishes, wave: Sequence[str]) -> None:
        self._means, self._target, self._log, self._wishes = means, target, log, wishes
        self._steps = Steps(means, target, log, wave)
        self._method = Method.GUIDED if target.edit is None else Method.UNATTENDED
        limits = means.pace.limits(self._method)
        self._limits = limits if wishes.watch else replace(limits, watch=timedelta(0), silence=timedelta(0))
        self._silent_since: datetime | None = None
        self._doubts: Counter[Step] = Counter()
        self._told = ""

    def run(self) -> Outcome:
        while True:
            self._halt()
            wishes, look = self._wishes, self._look()
            self._silent_since = (self._silent_since or look.at) if look.silent is not None else None
            decision = next_step(
                self._target,
                self._log.entries(),
                look,
                self._limits,
                abort=wishes.abort(),
                lapsed=wishes.lapsed(),
                silent_since=self._silent_since,
            )
            self._halt()
            match decision:
                case Ended():
                    self._log.end(
                        decision.terminal, decision.why, maintenance=decision.in_maintenance_mode, armed=decision.armed
                    )
                    self._tell(f"{decision.terminal.value}: {decision.why}")
                    return decision
                case Found(step, why):
                    self._log.done(step, found="yes", why=why)
                    self._tell(f"{step.value}: {why}")
                case Wait(until, why):
                    self._tell(why)
                    left = until - self._means.sight.clock.now()
                    self._means.sleep(max(timedelta(seconds=0.1), min(self._means.pace.poll, left)).total_seconds())
                case Do(step, _) if step is Step.REBOOT and self._method is Method.GUIDED:
                    if self._log.read().intended(Step.REBOOT):
                        return Paused("nobody has rebooted it yet: the card says what to do at its console")
                    self._log.intend(Step.REBOOT, card="handed over")
                    self._means.tell(self._target.host, console_card(self._target))
                case Do(step, why):
                    self._do(step, why)

    def _halt(self) -> None:
        if self._wishes.halted():
            raise HaltedError(self._target.host)

    def _tell(self, words: str) -> None:
        """Once for each thing: a wait is decided anew every few seconds."""
        if words != self._told:
            self._told = words
            self._means.tell(self._target.host, words)

    def _look(self) -> Look:
        look = self._means.sight.looker.look(self._steps.host)
        journal = self._log.read()
        if look.banks.trouble is not None or not journal.done(Step.WATCH) or journal.done(Step.CONNECT):
            return look
        return replace(look, connected=connected(self._means.sight, self._target.vcenter, self._steps.host))

    def _do(self, step: Step, why: str) -> None:
        self._tell(_WORDS[step] + (f" ({why})" if step is Step.DISARM else ""))
        self._log.intend(step, **({"why": why} if step is Step.DISARM else {}))
        try:
            evidence = self._steps.act(step)
        except (InDoubtError, NotDoneError) as error:
            # Nothing is written: an intention without an outcome is just what is known. The next look tells.
            self._doubts[step] += 1
            known = "not done" if isinstance(error, NotDoneError) else "not known whether it was done"
            self._tell(f"{known}: {error.what}")
            if self._doubts[step] >= IN_DOUBT_LIMIT and step is not Step.REBOOT:
                self._log.failed(step, f"{IN_DOUBT_LIMIT} times no answer: {error.what}")
        except (HistoryError, LockedError):
            raise  # our own journal, which says nothing of the act: it may well have been done
        except StepFailedError as error:
            self._failed(step, str(error))
        except AuditorError as error:
            tried = f" (tried: {error.tried})" if error.tried else ""
            self._failed(step, f"{error.what}{tried}")
        else:
            self._log.done(step, **evidence)

    def _failed(self, step: Step, why: str) -> None:
        self._tell(f"{step.value} failed: {why}")
        self._log.failed(step, why)


def begun(journal: HostJournal) -> bool:
    """Whether anything was ever intended on the host."""
    return bool(journal.entries)


__all__ = ["IN_DOUBT_LIMIT", "HaltedError", "Outcome", "Paused", "Wishes", "begun", "drive"]
