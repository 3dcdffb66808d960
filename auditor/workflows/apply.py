"""Apply a proposal: carry out the steps, write each down before and after, stop at the first surprise.

A dry run goes up to the scan of the draft and discards it. Whatever ends an operation early ends it so: our own draft is
discarded, nothing is committed, the reason is said. Where vCenter cannot be asked whether something was done, the operation
stays open: ``resume`` looks first, then finishes what was committed, or withdraws.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from auditor.codec import canonical, from_plain
from auditor.domain.assessment import Source
from auditor.domain.editing import Draft
from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.proposal.apply import Discard, Do, End, Found, Look, Looked, Missed, Wait, next_step
from auditor.domain.proposal.steps import RESUMED, Outcome, Record, Step
from auditor.domain.proposal.values import CandidateKind, ImageProposal
from auditor.errors import (
    AbsentError,
    AuditorError,
    ConnectError,
    DeadlineError,
    DeniedError,
    ExistsError,
    FailedError,
    HistoryError,
    InDoubtError,
    LockedError,
    RefusedError,
    SessionEndedError,
    TrustError,
)
from auditor.workflows.apply_look import Data, SurpriseError, Tools
from auditor.workflows.apply_steps import Steps

T = TypeVar("T")
KIND = "apply"
TRIES = 3
"""How often in one run a discard of unknown outcome is tried, and a commit waited for that vCenter says nothing of."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long vCenter may stay away while it has to be looked at, and how often it is asked, in seconds."""

    absence: float = 120.0
    pause: float = 2.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """How it went. ``refused``: it ended by a rule or somebody's refusal, not by a fault; ``left``: drafts of our account that
    were left alone because they are not known to be ours."""

    operation: Operation
    proposal: ImageProposal
    execute: bool
    outcome: Outcome
    why: str
    refused: bool
    entries: tuple[Entry, ...]
    left: tuple[Draft, ...] = ()

    @property
    def record(self) -> Record:
        """The journal, by step."""
        return Record(self.entries)


def subject(proposal: ImageProposal) -> str:
    """What an apply locks: the cluster, by what does not change with a name."""
    return f"vCenter {proposal.instance_uuid} cluster {proposal.cluster_id}"


def apply(
    proposal: ImageProposal,
    tools: Tools,
    *,
    execute: bool,
    operator: str,
    ticket: str = "",
    patience: Patience | None = None,
) -> ApplyResult:
    """Apply ``proposal``, or with ``execute`` False try everything up to the commit. Raises ``RefusedError`` for a proposal
    that may not be applied, ``LockedError`` while another apply of this cluster is running or unfinished."""
    check(proposal, tools, execute=execute, ticket=ticket)
    try:
        number = tools.journal.open(
            KIND,
            (subject(proposal),),
            document=canonical(proposal),
            digest=proposal.digest,
            operator=operator,
            ticket=ticket if execute else "",
            at=tools.clock.now(),
        )
    except LockedError as error:
        error.where = f"{proposal.cluster} on {proposal.vcenter}"
        raise
    return _Run(proposal, tools.journal.operation(number), tools, patience or Patience()).carry_out()


def check(proposal: ImageProposal, tools: Tools, *, execute: bool, ticket: str) -> None:
    """Refuse what needs no vCenter to be refused."""
    again = f"auditor propose {shlex.quote(proposal.cluster)}"
    if proposal.chosen is None or not proposal.chosen.changes_image:
        raise RefusedError("it changes nothing", where=proposal.cluster, hint=again)
    if not proposal.intact:
        raise RefusedError("it was changed since it was written", where=proposal.cluster, hint=again)
    if proposal.expired(tools.clock.now()):
        raise RefusedError(f"it expired at {proposal.expires:%Y-%m-%d %H:%M} UTC", where=proposal.cluster, hint=again)
    if not proposal.ready:
        said = "; ".join(f"{warning.code.value}: {warning.text}" for warning in proposal.chosen.blockers)
        if proposal.source is not Source.LIVE:
            said = said or "it was made from the record, not from a live view"
        raise RefusedError(
            said or f"a candidate of kind {proposal.chosen.kind.value} is for comparison, not to be applied",
            where=proposal.cluster,
            hint=again,
        )
    if proposal.chosen.kind is CandidateKind.INVERSE and not _written_here(proposal, tools):
        raise RefusedError(
            "it says that it undoes an apply, and no apply in this history file wrote it",
            where=proposal.cluster,
            hint=f"apply it with the history file of the apply that it undoes; or {again}",
        )
    if execute and not ticket.strip():
        raise RefusedError("a ticket is needed", where=proposal.cluster, hint="--ticket names it; it goes into the commit")
    if execute and not tools.editor.may_commit:
        raise RefusedError("this editor cannot commit", where=proposal.cluster)


def _written_here(proposal: ImageProposal, tools: Tools) -> bool:
    """Whether an apply on this cluster wrote this inverse, by our own journal. More is allowed to an inverse than to any other
    proposal, and its digest is no signature."""
    wanted = {"id": proposal.id, "digest": proposal.digest}
    earlier = (each for each in tools.journal.operations(KIND) if subject(proposal) in each.subjects)
    return any(wanted.items() <= Record(tools.journal.entries(each.id)).data(Step.INVERSE).items() for each in earlier)


def proposal_in(operation: Operation) -> ImageProposal:
    """The proposal that an operation carries out. Raises ``ReadError``."""
    return from_plain(ImageProposal, json.loads(operation.document))


def resume(operation: int, tools: Tools, patience: Patience | None = None) -> ApplyResult:
    """Take over an unfinished operation: look, then finish what was committed, or withdraw. Raises ``LockedError`` while
    another process carries it out, ``RefusedError`` when it is finished."""
    found = tools.journal.resume(operation)
    tools.journal.write(found.id, found.subjects[0], RESUMED, Phase.NOTE, tools.clock.now())
    return _Run(proposal_in(found), found, tools, patience or Patience()).carry_out()


class _Run:
    """One process's part in an operation."""

    def __init__(self, proposal: ImageProposal, operation: Operation, tools: Tools, patience: Patience) -> None:
        self.proposal, self.operation, self.tools, self.patience = proposal, operation, tools, patience
        self.steps = Steps(proposal, operation, tools)
        self.execute = bool(operation.ticket)
        self._discards = self._waits = 0

    def carry_out(self) -> ApplyResult:
        try:
            end = self._until_the_end()
        except (HistoryError, LockedError) as error:  # without the journal nothing more may be done
            over = f"operation {self.operation.id} is not over, and a draft of ours may be left: auditor apply --resume"
            error.hint = f"{error.hint}; then: {over} {self.operation.id}"
            raise
        except AuditorError as error:
            return self._result(End(Outcome.UNFINISHED, str(error).replace("\n", "; ")))
        self.tools.journal.close_operation(self.operation.id, end.outcome.value, self.tools.clock.now())
        return self._result(end)

    def _until_the_end(self) -> End:
        looked: Looked | None = None
        if Record(self.tools.journal.entries(self.operation.id)).resumed:
            self._patiently(self.steps.same_vcenter)
        while True:
            move = next_step(self.tools.journal.entries(self.operation.id), looked, execute=self.execute)
            looked = None
            if isinstance(move, End):
                return move
            if isinstance(move, Look):
                looked = self._patiently(self.steps.look)
            elif isinstance(move, Do):
                self._commit() if move.step is Step.COMMIT else self._do(move.step)
            elif isinstance(move, Wait):
                self._await(move.task)
            elif isinstance(move, Found):
                self._write(Step.COMMIT, Phase.DONE, {"commit": move.commit.id, "found": "yes"})
            elif isinstance(move, Missed):
                self._write(Step.COMMIT, Phase.FAILED, {"why": move.why})
            elif isinstance(move, Discard):
                self._discard(move.draft)

    # Acting ----------------------------------------------------------------------------------------------------------

    def _do(self, step: Step) -> None:
        """One step other than the commit. After the commit only what vCenter says is a failure; when it says nothing, the step
        stays open for whoever resumes."""
        after = step in {Step.SCAN, Step.COMPARE, Step.PROOF}
        try:
            self._write(step, Phase.INTENT, self.steps.intent(step))
            data = self.steps.do(step)
        except (HistoryError, LockedError):
            raise
        except AuditorError as error:
            if after and not isinstance(error, (RefusedError, FailedError)):
                raise
            self._fail(step, error)
        else:
            self._write(step, Phase.DONE, data)

    def _commit(self) -> None:
        try:
            intent = self.steps.intent(Step.COMMIT)
            draft = self.steps.draft()
        except (HistoryError, LockedError):
            raise
        except AuditorError as error:
            self._fail(Step.COMMIT, error)
            return
        self._write(Step.COMMIT, Phase.INTENT, intent)
        try:
            task = self.tools.editor.start_commit(self.proposal.cluster_id, draft, intent["message"])
        except InDoubtError as error:
            self._write(Step.COMMIT, Phase.NOTE, {"why": _said(error)})
            return
        except AuditorError as error:
            self._fail(Step.COMMIT, error)
            return
        self._write(Step.COMMIT, Phase.NOTE, {"task": task})
        self._await(task)

    def _await(self, task: str) -> None:
        """Wait for a commit. Its failure is vCenter's word; that it cannot be asked is none, then the cluster is looked at."""
        editor = self.tools.editor
        self._waits += 1
        try:
            commit = editor.finish_commit(task, self.steps.told(Step.COMMIT))
            ours = self.steps.is_ours(commit)
        except (RefusedError, FailedError) as error:
            self._fail(Step.COMMIT, error)
        except DeadlineError:
            raise
        except AuditorError as error:
            if self._waits >= TRIES:
                raise
            self._write(Step.COMMIT, Phase.NOTE, {"why": _said(error)})
        else:
            if ours:
                self._write(Step.COMMIT, Phase.DONE, {"commit": commit})
            else:
                self._write(Step.COMMIT, Phase.NOTE, {"why": f"task {task} made commit {commit}, which is not ours"})

    def _discard(self, draft: Draft) -> None:
        self._discards += 1
        data = {"draft": draft.id, "created": draft.created.isoformat()}
        self._write(Step.DISCARD, Phase.INTENT, data)
        try:
            there = self.tools.editor.discard(self.proposal.cluster_id, draft)
        except AbsentError:
            there = False
        except (InDoubtError, SessionEndedError) as error:
            if self._discards >= TRIES:
                raise
            self._write(Step.DISCARD, Phase.NOTE, {"why": _said(error)})
            return
        self._write(Step.DISCARD, Phase.DONE, {**data, "was": "there" if there else "gone"})

    def _patiently(self, look: Callable[[], T]) -> T:
        """Look; a vCenter that is being started is waited for."""
        waited = 0.0
        while True:
            try:
                return look()
            except TrustError:
                raise
            except (ConnectError, DeniedError) as error:
                refused = isinstance(error, DeniedError) and not isinstance(error, SessionEndedError)
                if refused or waited >= self.patience.absence:
                    raise
                self.patience.sleep(self.patience.pause)
                waited += self.patience.pause

    # Writing ---------------------------------------------------------------------------------------------------------

    def _fail(self, step: Step, error: AuditorError) -> None:
        """A refusal of a draft is certain; anything else may have come after it was made."""
        certain = isinstance(error, (RefusedError, ExistsError, SessionEndedError))
        data = {
            **(error.data if isinstance(error, SurpriseError) else {}),
            "why": _said(error),
            "refused": "yes" if isinstance(error, RefusedError) else "no",
            "doubt": "no" if certain else "yes",
        }
        self._write(step, Phase.FAILED, data)

    def _write(self, step: Step, phase: Phase, data: Data) -> None:
        self.tools.journal.write(self.operation.id, self.operation.subjects[0], step.value, phase, self.tools.clock.now(), data)

    def _result(self, end: End) -> ApplyResult:
        journal = self.tools.journal
        return ApplyResult(
            operation=journal.operation(self.operation.id),
            proposal=self.proposal,
            execute=self.execute,
            outcome=end.outcome,
            why=end.why,
            refused=end.refused,
            entries=journal.entries(self.operation.id),
            left=end.left,
        )


def _said(error: AuditorError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what


__all__ = ["KIND", "ApplyResult", "Patience", "Tools", "apply", "check", "proposal_in", "resume", "subject"]
