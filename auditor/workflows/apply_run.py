"""One process's part in an apply: ask what is next, do it, write it down before and after, stop at the first surprise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from auditor.domain.editing import Draft
from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.proposal.apply import Discard, Do, End, Found, Look, Looked, Missed, Wait, next_step
from auditor.domain.proposal.steps import Outcome, Record, Step
from auditor.domain.proposal.values import ImageProposal
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


class Run:
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
            proposal=self.steps.shown(),
            execute=self.execute,
            outcome=end.outcome,
            why=end.why,
            refused=end.refused,
            entries=journal.entries(self.operation.id),
            left=end.left,
        )


def _said(error: AuditorError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what


__all__ = ["ApplyResult", "Patience", "Run"]
