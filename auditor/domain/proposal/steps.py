"""The steps of applying a proposal, how one can end, and an operation's journal asked by step."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from auditor.domain.editing import Draft
from auditor.domain.journal import Entry, Phase, last


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
BEFORE = (*_DRY, Step.INVERSE, Step.COMMIT)
AFTER = (Step.SCAN, Step.COMPARE, Step.PROOF)
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
    Outcome.WITHDRAWN: "Nothing was committed; no draft that is known to be ours is left.",
    Outcome.REFUSED: "Nothing was begun.",
    Outcome.FAILED: "Nothing was begun: what the proposal rests on could not be read.",
    Outcome.UNFINISHED: "It is not over: vCenter could not be asked, or still works on it.",
}


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
        return next((e for e in self.entries if e.phase is Phase.FAILED and e.step in BEFORE), None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not as proposed after the commit."""
        return tuple(self.data(step, Phase.FAILED).get("why", "") for step in AFTER if self.failed(step))

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


def token(operation: int, started: datetime, digest: str) -> str:
    """What marks a commit as this operation's: its number and start, and the proposal's digest."""
    return f"auditor apply {operation} of {started:%Y-%m-%dT%H:%M:%SZ}, proposal {digest}"


def message(operator: str, ticket: str, mark: str) -> str:
    """The text of the commit."""
    return f"{ticket} by {operator}: {mark}"


__all__ = [
    "AFTER",
    "BEFORE",
    "RESUMED",
    "Outcome",
    "Record",
    "Step",
    "key",
    "known_drafts",
    "leftovers",
    "message",
    "token",
]
