"""What the machine says to whoever acts on a host: do a step, it is done already, wait, it is over. And how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from auditor.domain.rollback.journal import Step, Terminal


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait: for a host to go down after the order; for it to come back and settle, counted from the order; for one
    that does not answer at any other time, when nobody told it to reboot."""

    grace: timedelta = timedelta(minutes=15)
    watch: timedelta = timedelta(minutes=60)
    silence: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Do:
    """Do this step: write the intention, act, read back, write what came of it."""

    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The host is already as this step leaves it: write that it is done, do nothing."""

    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again; at ``until`` the answer changes by itself."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The host is finished. How it is left behind: None where that could not be seen. ``armed``: its next boot goes to the
    other bank, because the one it runs from is marked invalid."""

    terminal: Terminal
    why: str
    in_maintenance_mode: bool | None
    armed: bool | None


Decision: TypeAlias = Do | Found | Wait | Ended


__all__ = ["Decision", "Do", "Ended", "Found", "Limits", "Wait"]
