"""Waves of a plan: run, resume, abort, disarm, confirm. One operation of the journal is one run of a plan.

The first host that does not end in ROLLED_BACK stops everything that has not begun. Nothing is tried a second time by itself:
``resume`` is a person's doing, and looks first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from auditor.domain.journal import Operation
from auditor.domain.observation import host_key
from auditor.domain.rollback.approval import Approval, approval_problem
from auditor.domain.rollback.journal import HostJournal, Step, Terminal
from auditor.domain.rollback.plan import RollbackPlan, check_plan, next_wave
from auditor.domain.rollback.status import OperationStatus, status_of
from auditor.errors import HistoryError, RefusedError
from auditor.masking import masked
from auditor.parallel import each
from auditor.ports import Journal, Progress
from auditor.workflows.choosing import one_name
from auditor.workflows.rollback.drive import Outcome, Paused, Wishes, begun, drive
from auditor.workflows.rollback.log import HostLog
from auditor.workflows.rollback.means import Means, Sight
from auditor.workflows.rollback.papers import Paper, paper_text, read_paper
from auditor.workflows.rollback.situation import collect

KIND = "rollback"


def check(sight: Sight, plan: RollbackPlan, approval: Approval | None, runner: str, progress: Progress) -> None:
    """Refuse a plan that may not run now: expired, blocked, not approved for ``runner``, or resting on facts that moved.
    Looks only. Raises ``RefusedError`` with the reasons."""
    where = f"plan {plan.hash[:12]}"
    now = sight.clock.now()
    if plan.expired(now):
        raise RefusedError(f"the plan expired at {plan.expires:%Y-%m-%dT%H:%M:%SZ}", where=where, hint="make a new plan")
    if plan.unborn(now):
        what = f"the plan says that it was made at {plan.created:%Y-%m-%dT%H:%M:%SZ}, which is yet to come"
        raise RefusedError(what, where=where, hint="make a new plan")
    if not plan.targets:
        raise RefusedError("the plan has no host", where=where, hint="make a new plan")
    if plan.blocked:
        lines = [f"{host}: gate {gate.gate.value} is {gate.verdict.value}" for host, gate in plan.blocked]
        raise RefusedError(
            "\n".join(["gates stand against it", *lines[:10]]), where=where, hint="auditor rollback plan … --override"
        )
    problem = approval_problem(plan, approval, runner, now)
    if problem is not None:
        raise RefusedError(problem, where=where, hint="auditor rollback approve PLAN, by somebody else")
    progress.start("facts", len(plan.targets))
    situations = {}
    for situation in each(plan.targets, lambda target: collect(sight, target.vcenter, target.host), 8):
        situations[host_key(situation.host)] = situation
        progress.advance("facts", situation.host)
    moved = check_plan(plan, situations)
    if moved:
        lines = [masked(str(fact))[:300] for fact in moved[:10]]
        more = [f"and {len(moved) - 10} more"] if len(moved) > 10 else []
        raise RefusedError(
            "\n".join(["facts moved since the plan was made", *lines, *more]), where=where, hint="make a new plan"
        )


def start(journal: Journal, paper: Paper, runner: str, ticket: str, sight: Sight) -> int:
    """Open the operation of a plan and return its number. Raises ``RefusedError`` for a plan that was run before, and
    ``LockedError`` when somebody works on one of its hosts."""
    plan = paper.plan
    before = next((one for one in journal.operations(KIND) if one.digest == plan.hash), None)
    if before is not None:
        hint = f"auditor rollback {'resume' if before.unfinished else 'status'} {before.id}; for another try make a new plan"
        raise RefusedError(f"this plan was run before, as operation {before.id}", where=f"plan {plan.hash[:12]}", hint=hint)
    return journal.open(
        KIND,
        [target.host for target in plan.targets],
        document=paper_text(paper),
        digest=plan.hash,
        operator=runner,
        ticket=ticket,
        at=sight.clock.now(),
    )


def carry_on(means: Means, journal: Journal, operation: int, runner: str) -> OperationStatus:
    """Take every host of an operation as far as it goes: first those that were begun, then, while all went well, wave after
    wave. Closes the operation when nothing is left to look at."""
    return _Run(means, journal, operation, runner).go()


def resume(means: Means, journal: Journal, operation: int, runner: str) -> OperationStatus:
    """Take over an unfinished operation and carry on. Raises ``LockedError`` while another process has it."""
    _take(journal, operation)
    return _Run(means, journal, operation, runner).go(note="resume")


def abort(means: Means, journal: Journal, operation: int, runner: str, *, give_up: bool = False) -> OperationStatus:
    """Stop an operation: hosts that were not told to reboot are disarmed and leave maintenance mode; the others are watched to
    their end. Nothing new is begun. With ``give_up``, close it also over hosts whose end is not final: a person looks."""
    _take(journal, operation)
    return _Run(means, journal, operation, runner).stop(give_up=give_up)


def disarm(means: Means, journal: Journal, operation: int, runner: str) -> OperationStatus:
    """Take the byte back on every host that is armed and not told to reboot, and end those hosts; they stay in maintenance
    mode. Raises ``RefusedError`` naming the hosts for which it is too late."""
    _take(journal, operation)
    return _Run(means, journal, operation, runner).disarm()


def confirm(means: Means, journal: Journal, operation: int, runner: str, host: str = "") -> OperationStatus:
    """A person says that the reboot at the console is done: written down, and the host is watched to its end. It proves
    nothing: what counts is what the host shows. Raises ``RefusedError`` when no host waits for that."""
    _take(journal, operation)
    return _Run(means, journal, operation, runner).confirm(host)


def standing(journal: Journal, operation: int) -> OperationStatus:
    """What the journal has of an operation. Contacts nothing."""
    found = journal.operation(operation)
    paper = read_paper(found.document, f"operation {operation}")
    return status_of(found, paper.plan, paper.approval, journal.entries(operation))


def _take(journal: Journal, operation: int) -> Operation:
    taken = journal.resume(operation)
    if taken.kind != KIND:
        raise HistoryError(f"operation {operation} is an {taken.kind}, not a rollback")
    return taken


class _Run:
    def __init__(self, means: Means, journal: Journal, operation: int, runner: str) -> None:
        self._means, self._journal, self._number, self._runner = means, journal, operation, runner
        self._operation = journal.operation(operation)
        self._paper = read_paper(self._operation.document, f"operation {operation}")
        self._plan = self._paper.plan
        self._paused: dict[str, Paused] = {}
        self._halted = threading.Event()

    # What stands ----------------------------------------------------------------------------------------------------

    def _log(self, host: str) -> HostLog:
        return HostLog(self._journal, self._number, host, self._means.sight.clock)

    def _read(self, host: str) -> HostJournal:
        return HostJournal.of(host, self._journal.entries(self._number))

    def _ends(self) -> dict[str, Terminal | None]:
        """The hosts that were begun, with how they ended."""
        entries = self._journal.entries(self._number)
        found: dict[str, Terminal | None] = {}
        for target in self._plan.targets:
            own = HostJournal.of(target.host, entries)
            if begun(own):
                found[target.host] = own.ended[0] if own.ended else None
        return found

    def _status(self) -> OperationStatus:
        return standing(self._journal, self._number)

    # Going on -------------------------------------------------------------------------------------------------------

    def go(self, note: str = "") -> OperationStatus:
        if note:
            self._note(note)
        self._drive([host for host, end in self._ends().items() if end is None or not end.final])
        while not self._paused:
            ends = self._ends()
            stopped = [host for host, end in ends.items() if end is not Terminal.ROLLED_BACK]
            wave = next_wave(self._plan, [host for host, end in ends.items() if end is Terminal.ROLLED_BACK], stopped)
            if not wave or not self._may_begin(wave):
                break
            self._drive(wave)
        return self._finish()

    def _lapsed(self) -> str:
        """Why plan or approval hold no longer; empty while they do."""
        now = self._means.sight.clock.now()
        if self._plan.expired(now):
            return f"the plan expired at {self._plan.expires:%Y-%m-%dT%H:%M:%SZ}"
        return approval_problem(self._plan, self._paper.approval, self._operation.operator, now) or ""

    def _may_begin(self, wave: Sequence[str]) -> bool:
        """Whether plan and approval still hold for hosts that were not begun."""
        problem = self._lapsed()
        for host in wave if problem else ():
            self._means.tell(host, f"not begun: {problem}")
        return not problem

    def _drive(self, hosts: Sequence[str], *, abort: bool = False, watch: bool = True) -> None:
        """Hosts of one wave side by side; each to its end, also when another one fails: stopping it half-way is worse. Only
        when this run itself ends (Ctrl-C, a journal that cannot be written) is nothing more begun on any of them."""
        wishes = Wishes(lambda: abort, self._lapsed, self._halted.is_set, watch)

        def one(host: str) -> tuple[str, Outcome]:
            target = self._plan.target(host)
            if target is None:
                raise HistoryError(f"operation {self._number} has no host {host}")
            wave = next((wave for wave in self._plan.waves if host in wave), ())
            return host, drive(self._means, target, self._log(host), wishes, wave=wave)

        try:
            for host, outcome in each(list(hosts), one, max(1, len(hosts))):
                if isinstance(outcome, Paused):
                    self._paused[host] = outcome
                else:
                    self._paused.pop(host, None)
        except BaseException:
            self._halted.set()
            raise

    def stop(self, *, give_up: bool) -> OperationStatus:
        self._note("abort")
        left = [host for host, end in self._ends().items() if end is None or not end.final]
        self._drive(left, abort=True, watch=not give_up)
        return self._finish(closing="ABORTED", give_up=give_up)

    def disarm(self) -> OperationStatus:
        self._note("disarm")
        late: list[str] = []
        chosen: list[str] = []
        for target in self._plan.targets:
            journal = self._read(target.host)
            if not journal.intended(Step.ARM) or (journal.ended is not None and journal.ended[0].final):
                continue
            if journal.intended(Step.REBOOT):
                late.append(target.host)
            else:
                chosen.append(target.host)
                self._log(target.host).intend(Step.DISARM, by=self._runner)  # from here on the machine only takes it back
        self._drive(chosen)
        if late:
            entries = self._journal.entries(self._number)
            others = [f"{host}: {' '.join(HostJournal.of(host, entries).ended or ('no end',))}" for host in chosen]
            raise RefusedError(
                f"too late to disarm: told to reboot already: {', '.join(late)}",
                where=f"operation {self._number}",
                tried="; ".join(others),
                hint=f"auditor rollback resume {self._number} watches what comes of it",
            )
        return self._finish()

    def confirm(self, host: str) -> OperationStatus:
        waiting = []
        hint = f"auditor rollback status {self._number}"
        name = one_name(host, [target.host for target in self._plan.targets], hint=hint) if host else ""
        for target in self._plan.targets:
            journal = self._read(target.host)
            asked = journal.intended(Step.REBOOT) and not journal.done(Step.REBOOT) and not journal.ended
            if target.edit is None and asked and name in {"", target.host}:
                waiting.append(target.host)
        if not waiting:
            raise RefusedError(
                f"{name or 'no host'} is not waiting for a person at its console",
                where=f"operation {self._number}",
                hint=hint,
            )
        for name in waiting:
            self._log(name).done(Step.REBOOT, confirmed_by=self._runner)
        return self.go()

    def _note(self, wish: str) -> None:
        for host in self._ends():
            self._log(host).note(Step.LOOK, wish=wish, by=self._runner)

    def _finish(self, closing: str = "", *, give_up: bool = False) -> OperationStatus:
        """Close the operation, unless a host is left that somebody must look at or act on."""
        ends = self._ends()
        open_ = [host for host, end in ends.items() if end is None or not end.final]
        if open_ and give_up:
            for host in open_:
                self._log(host).note(Step.LOOK, wish="given up", by=self._runner)
            self._journal.close_operation(self._number, "GIVEN_UP", self._means.sight.clock.now())
        elif not open_:
            every = len(ends) == len(self._plan.targets) and set(ends.values()) == {Terminal.ROLLED_BACK}
            outcome = Terminal.ROLLED_BACK.value if every else closing or "STOPPED"
            self._journal.close_operation(self._number, outcome, self._means.sight.clock.now())
        return self._status()


__all__ = ["KIND", "abort", "carry_on", "check", "confirm", "disarm", "resume", "standing", "start"]
