"""What may act by itself after a commit, which itself installs nothing (vSphere Lifecycle Manager guide; field note, vlcm f5).

What can be read is read: scheduled tasks, the cluster's remediation policy, the image's solutions and its owner. What cannot
is named as possible, and what could not be read as unread: neither is ever taken for "nothing".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActorKind(StrEnum):
    """Who or what acts."""

    SCHEDULED_TASK = "scheduled-task"
    AUTO_REMEDIATION = "auto-remediation"
    SOLUTION = "solution-manager"
    OWNER = "owner"
    STATELESS = "stateless-hosts"
    REMEDIATION = "next-remediation"


class Standing(StrEnum):
    """What is known of it."""

    SET = "set"  # it is there, or switched on
    UNREAD = "unread"  # it could not be read
    POSSIBLE = "possible"  # vCenter has no call that tells
    CLEAR = "clear"  # it was read, and there is none


@dataclass(frozen=True, slots=True)
class Actor:
    """One of them, in words."""

    kind: ActorKind
    standing: Standing
    text: str

    def __str__(self) -> str:
        return f"{_WORDS[self.standing]}{self.text}"


_WORDS = {Standing.SET: "SET: ", Standing.UNREAD: "NOT READ: ", Standing.POSSIBLE: "", Standing.CLEAR: "none: "}


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A task vCenter starts by itself (vim25 ``ScheduledTaskInfo``). ``entity`` is the managed object id it is set on and
    ``entity_kind`` its type, both empty where vCenter does not say. ``action`` is what it calls, verbatim; ``schedule`` when,
    in words; ``next_run`` is vCenter's own reckoning."""

    id: str
    name: str
    enabled: bool
    entity: str = ""
    entity_kind: str = ""
    action: str = ""
    schedule: str = ""
    user: str = ""
    next_run: datetime | None = None
    description: str = ""

    @property
    def remediates(self) -> bool:
        """Whether its own words say so. No public source has the action that a scheduled remediation is stored with."""
        return any("remediat" in text.lower() for text in (self.name, self.description, self.action))


__all__ = ["Actor", "ActorKind", "ScheduledTask", "Standing"]
