"""The journal of write operations: the intention is written down before each act, the outcome after it.

An *operation* is one apply of a proposal or one rollback of a plan. It has *subjects* (a cluster, a host) and consists of
entries in the order of writing. After a kill at any line the entries say what may have happened: an intention without an
outcome means that the act may or may not have been done, and only a fresh look can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Phase(StrEnum):
    """What an entry says about its step."""

    INTENT = "intent"  # about to act
    DONE = "done"  # acted, and read back
    FAILED = "failed"  # the act was refused or its check failed; nothing is left half done
    NOTE = "note"  # something seen or decided; no act


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. ``data`` holds what resuming needs (ids, hashes, bytes as hex), never a secret."""

    seq: int
    at: datetime
    subject: str
    step: str
    phase: Phase
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One write operation. ``document`` is the proposal or plan it carries out, as JSON text, and ``digest`` its hash;
    ``outcome`` is empty while it is not finished."""

    id: int
    kind: str  # "apply", "rollback", "depot-import"
    started: datetime
    operator: str
    ticket: str
    digest: str
    document: str
    subjects: tuple[str, ...]
    finished: datetime | None = None
    outcome: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether it is running now, or was killed."""
        return self.finished is None


def last(entries: tuple[Entry, ...], step: str, subject: str | None = None) -> Entry | None:
    """The newest entry of a step (of one subject), notes aside; None if the step was never begun."""
    found = (e for e in reversed(entries) if e.step == step and e.phase is not Phase.NOTE and subject in {None, e.subject})
    return next(found, None)


def is_done(entries: tuple[Entry, ...], step: str, subject: str | None = None) -> bool:
    """Whether a step was done and read back."""
    entry = last(entries, step, subject)
    return entry is not None and entry.phase is Phase.DONE


def in_doubt(entries: tuple[Entry, ...], step: str, subject: str | None = None) -> bool:
    """Whether a step was intended and nothing is known of its outcome."""
    entry = last(entries, step, subject)
    return entry is not None and entry.phase is Phase.INTENT
