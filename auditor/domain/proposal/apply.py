"""What to do next in applying a proposal: decided anew each time from the journal and, where needed, a fresh look.

The contract with whoever acts: ask `next_step`; on `Do` write INTENT, act, read back, write DONE or FAILED; on `Look` look at
the cluster and ask again with what was seen; on `Wait` wait for that task; on `Found` and `Missed` write DONE or FAILED without
acting; on `Discard` discard that draft and write so; on `End` close the operation. The machine keeps these promises, held by
tests that kill it everywhere:

* A commit is sent once at most in an operation, by the run that opened it. Whoever resumes never sends one: what was not
  committed is withdrawn, what was is finished.
* A commit that may or may not have been made is looked for: by its task, and by the commit that carries the operation's token.
* The draft that is discarded is the one the journal names by id and time of creation; or, where the journal ends between the
  order and its answer, the one draft of our account that was not there before and holds nothing but the image in force or
  the target. Everybody else's is left alone.
* Nothing is committed after a surprise.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from auditor.domain.editing import Draft, VlcmTask
from auditor.domain.image import Commit
from auditor.domain.journal import Entry, Phase, last

COMMIT_OPERATION = "commit$task"


class Step(StrEnum):
    """The steps, in order. DISCARD is outside of it: it follows whatever stops an apply before its commit."""

    FACTS = "facts"
    DRAFT = "draft"
    LAYERS = "layers"
    VALIDATE = "validate"
    DRAFT_SCAN = "draft-scan"
    INVERSE = "inverse"
    COMMIT = "commit"
    SCAN = "scan"
    COMPARE = "compare"
    PROOF = "proof"
    DISCARD = "discard"

    @property
    def meaning(self) -> str:
        """What it does, for reports."""
        return _MEANINGS[self]


_MEANINGS = {
    Step.FACTS: "read the proposal's facts anew",
    Step.DRAFT: "make a draft of our own",
    Step.LAYERS: "set the target's layers in the draft",
    Step.VALIDATE: "let vLCM validate the draft",
    Step.DRAFT_SCAN: "scan the draft and compare with the proposal",
    Step.INVERSE: "write the inverse proposal",
    Step.COMMIT: "commit the draft",
    Step.SCAN: "scan the cluster anew",
    Step.COMPARE: "compare image, commit and scan with the proposal",
    Step.PROOF: "prove that no host was touched",
    Step.DISCARD: "discard our own draft",
}
_DRY = (Step.FACTS, Step.DRAFT, Step.LAYERS, Step.VALIDATE, Step.DRAFT_SCAN)
_BEFORE = (*_DRY, Step.INVERSE, Step.COMMIT)
_AFTER = (Step.SCAN, Step.COMPARE, Step.PROOF)
RESUMED = "resume"
"""The step of the note that a later run writes when it takes over."""


class Outcome(StrEnum):
    """How an operation ended. UNFINISHED is never written down: the operation stays open, to be resumed."""

    APPLIED = "applied"
    APPLIED_DIFFERS = "applied-differs"
    DRY_RUN = "dry-run"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    FAILED = "failed"
    UNFINISHED = "unfinished"

    @property
    def meaning(self) -> str:
        """One sentence for reports."""
        return _OUTCOMES[self]

    @property
    def committed(self) -> bool:
        """Whether the cluster has the new image."""
        return self in {Outcome.APPLIED, Outcome.APPLIED_DIFFERS}


_OUTCOMES = {
    Outcome.APPLIED: "The cluster has the proposed image, and everything is as proposed.",
    Outcome.APPLIED_DIFFERS: "The cluster was given the proposed image, and something is not as proposed.",
    Outcome.DRY_RUN: "Everything up to the commit works as proposed. Nothing was changed.",
    Outcome.WITHDRAWN: "Nothing was committed; our own draft is gone.",
    Outcome.REFUSED: "Nothing was begun.",
    Outcome.FAILED: "Nothing was begun: what the proposal rests on could not be read.",
    Outcome.UNFINISHED: "It is not over: vCenter could not be asked, or still works on it.",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A fresh look at the cluster. ``contents`` are fingerprints of our account's drafts by id, ``before`` and ``target`` those
    of the image the operation began with and of the one it wants; ``ours`` is the commit that carries the operation's token;
    ``running`` are vLCM's unfinished tasks on the cluster."""

    drafts: tuple[Draft, ...] = ()
    contents: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    target: str = ""
    ours: Commit | None = None
    running: tuple[VlcmTask, ...] = ()


@dataclass(frozen=True, slots=True)
class Do:
    """Do this step."""

    step: Step


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the cluster, and ask again with what was seen."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for this task, a commit of ours."""

    task: str


@dataclass(frozen=True, slots=True)
class Found:
    """The commit was made: write that it is done."""

    commit: Commit


@dataclass(frozen=True, slots=True)
class Missed:
    """The commit was not made: write that it failed."""

    why: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Discard this draft, which is ours."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class End:
    """The operation is over. ``refused``: it ended by a rule or by somebody's refusal, not by a fault. ``left``: drafts of our
    own account that are not known to be ours."""

    outcome: Outcome
    why: str = ""
    refused: bool = False
    left: tuple[Draft, ...] = ()


Move: TypeAlias = Do | Look | Wait | Found | Missed | Discard | End


class Record:
    """An operation's journal, asked by step."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    def phase(self, step: Step) -> Phase | None:
        """The newest phase of a step; None: it was never begun."""
        entry = last(self.entries, step)
        return entry.phase if entry else None

    def done(self, step: Step) -> bool:
        return self.phase(step) is Phase.DONE

    def begun(self, step: Step) -> bool:
        return self.phase(step) is not None

    def failed(self, step: Step) -> bool:
        return self.phase(step) is Phase.FAILED

    def data(self, step: Step, phase: Phase = Phase.DONE) -> Mapping[str, str]:
        """The data of the newest entry of that step and phase; empty without one."""
        return next((e.data for e in reversed(self.entries) if e.step == step and e.phase is phase), {})

    @property
    def resumed(self) -> bool:
        """Whether a later run took over."""
        return any(entry.step == RESUMED for entry in self.entries)

    @property
    def stopped_by(self) -> Entry | None:
        """The failure before the commit, if there is one."""
        return next((e for e in self.entries if e.phase is Phase.FAILED and e.step in _BEFORE), None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not as proposed after the commit."""
        return tuple(self.data(step, Phase.FAILED).get("why", "") for step in _AFTER if self.failed(step))

    @property
    def draft(self) -> tuple[str, str] | None:
        """Our draft by id and time of creation, where the journal has it."""
        data = self.data(Step.DRAFT)
        return (data["draft"], data["created"]) if "draft" in data else None

    @property
    def draft_in_doubt(self) -> bool:
        """Whether a draft was ordered and it is not known what came of it. A refusal is certain."""
        ordered = any(e.step == Step.DRAFT and e.phase is Phase.INTENT for e in self.entries)
        if ordered and self.failed(Step.DRAFT):
            return self.data(Step.DRAFT, Phase.FAILED).get("doubt") == "yes"
        return self.phase(Step.DRAFT) is Phase.INTENT

    @property
    def seen(self) -> frozenset[tuple[str, str]]:
        """The drafts that were there before ours was ordered."""
        found = json.loads(self.data(Step.DRAFT, Phase.INTENT).get("seen", "[]"))
        return frozenset((id_, created) for id_, created in found)

    @property
    def task(self) -> str:
        """The task of our commit, where the journal has it."""
        notes = (e for e in self.entries if e.step == Step.COMMIT and e.phase is Phase.NOTE)
        return next((e.data["task"] for e in notes if "task" in e.data), "")


def key(draft: Draft) -> tuple[str, str]:
    """A draft as the journal names it."""
    return draft.id, draft.created.isoformat()


def known_drafts(entries: Iterable[Entry]) -> frozenset[tuple[str, str]]:
    """The drafts that an operation made, by its journal."""
    return frozenset((e.data["draft"], e.data["created"]) for e in entries if e.step == Step.DRAFT and e.phase is Phase.DONE)


def leftovers(drafts: Iterable[Draft], known: Collection[tuple[str, str]]) -> tuple[Draft, ...]:
    """Drafts of our account that an earlier operation of ours made: a restore brings them back."""
    return tuple(draft for draft in drafts if draft.own and key(draft) in known)


def next_step(entries: Iterable[Entry], looked: Looked | None, *, execute: bool) -> Move:
    """What to do now. ``looked`` is a look from this moment, or None; ``execute`` False: a dry run."""
    record = Record(entries)
    if record.done(Step.COMMIT):
        return _finish(record)
    if record.begun(Step.COMMIT):
        if looked is not None and looked.ours is not None:
            return Found(looked.ours)
        if record.phase(Step.COMMIT) is Phase.INTENT:
            return _in_doubt(record, looked)
    if record.stopped_by or record.resumed or (not execute and record.done(Step.DRAFT_SCAN)):
        return _withdraw(record, looked, execute=execute)
    return Do(next(step for step in _BEFORE if not record.done(step)))


def _finish(record: Record) -> Move:
    """After the commit everything only looks, so a step in doubt is done again. What differs is told at the end."""
    for step in _AFTER:
        if not record.done(step) and not record.failed(step):
            return Do(step)
    outcome = Outcome.APPLIED_DIFFERS if record.problems else Outcome.APPLIED
    return End(outcome, "; ".join(record.problems))


def _in_doubt(record: Record, looked: Looked | None) -> Move:
    if looked is None:
        return Look()
    for task in looked.running:
        if task.id == record.task or (not record.task and task.operation == COMMIT_OPERATION):
            return Wait(task.id)
    said = record.data(Step.COMMIT, Phase.NOTE).get("why", "")
    return Missed(f"the commit was not made{f': {said}' if said else ''}")


def _withdraw(record: Record, looked: Looked | None, *, execute: bool) -> Move:
    if not record.begun(Step.DRAFT):
        return _end(record, execute=execute)
    looks_once_more = record.begun(Step.COMMIT)  # it may have come through while the draft was being discarded
    if record.done(Step.DISCARD) and not looks_once_more:
        return _end(record, execute=execute)
    if looked is None:
        return Look()
    if record.done(Step.DISCARD):
        return _end(record, execute=execute)
    draft, left = _own(record, looked)
    return Discard(draft) if draft else _end(record, execute=execute, left=left)


def _own(record: Record, looked: Looked) -> tuple[Draft | None, tuple[Draft, ...]]:
    """Our draft, and drafts of our account of which that is not known."""
    mine = tuple(draft for draft in looked.drafts if draft.own)
    if record.draft is not None:
        found = next((draft for draft in mine if key(draft) == record.draft), None)
    elif record.draft_in_doubt:
        new = (draft for draft in mine if key(draft) not in record.seen)
        found = next((draft for draft in new if looked.contents.get(draft.id, "?") in {looked.before, looked.target}), None)
    else:
        found = None
    return found, tuple(draft for draft in mine if draft is not found)


def _end(record: Record, *, execute: bool, left: tuple[Draft, ...] = ()) -> End:
    entry = record.stopped_by
    if entry is not None:
        why, refused = entry.data.get("why", ""), entry.data.get("refused") == "yes"
        if record.begun(Step.DRAFT):
            return End(Outcome.WITHDRAWN, why, refused, left)
        return End(Outcome.REFUSED if refused else Outcome.FAILED, why, refused)
    if not execute and record.done(Step.DRAFT_SCAN):
        return End(Outcome.DRY_RUN, left=left)
    done = [step for step in _BEFORE if record.done(step)]
    where = f"after the step {done[-1].value}" if done else "before its first step was done"
    return End(Outcome.WITHDRAWN, f"it was interrupted {where}, before anything was committed", left=left)


def token(operation: int, started: datetime, digest: str) -> str:
    """What marks a commit as this operation's: its number and start, and the proposal's digest."""
    return f"auditor apply {operation} of {started:%Y-%m-%dT%H:%M:%SZ}, proposal {digest}"


def message(operator: str, ticket: str, mark: str) -> str:
    """The text of the commit."""
    return f"{ticket} by {operator}: {mark}"


__all__ = [
    "RESUMED",
    "Discard",
    "Do",
    "End",
    "Found",
    "Look",
    "Looked",
    "Missed",
    "Move",
    "Outcome",
    "Record",
    "Step",
    "Wait",
    "key",
    "known_drafts",
    "leftovers",
    "message",
    "next_step",
    "token",
]
