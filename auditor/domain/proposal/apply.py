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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from auditor.domain.editing import Draft, VlcmTask
from auditor.domain.image import Commit
from auditor.domain.journal import Entry, Phase
from auditor.domain.proposal.steps import AFTER, BEFORE, Outcome, Record, Step, key

COMMIT_OPERATION = "commit$task"


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
    return Do(next(step for step in BEFORE if not record.done(step)))


def _finish(record: Record) -> Move:
    """After the commit everything only looks, so a step in doubt is done again. What differs is told at the end."""
    for step in AFTER:
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
    done = [step for step in BEFORE if record.done(step)]
    where = f"after the step {done[-1].value}" if done else "before its first step was done"
    return End(Outcome.WITHDRAWN, f"it was interrupted {where}, before anything was committed", left=left)


__all__ = [
    "COMMIT_OPERATION",
    "Discard",
    "Do",
    "End",
    "Found",
    "Look",
    "Looked",
    "Missed",
    "Move",
    "Wait",
    "next_step",
]
