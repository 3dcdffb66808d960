"""How a host's window moved between two looks, and the likely cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.domain.observation import HostObservation, value_of
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.judge import recorded_window
from auditor.domain.rollback.window import BankState, Window, WindowKind


class Cause(StrEnum):
    """Why a window moved, as far as the two looks tell."""

    UPDATED = "updated"
    STAGED = "staged"
    ROLLED_BACK = "rolled-back"
    LIVE_VIB = "live-vib"
    GIVEN_UP = "given-up"
    DAMAGED = "damaged"
    UNDONE = "undone"
    UNCLEAR = "unclear"

    @property
    def words(self) -> str:
        """A sentence for people."""
        return _WORDS[self]


_WORDS = {
    Cause.UPDATED: "The host booted another image; the one it ran before is in the other bank now.",
    Cause.STAGED: "An update was written into the other bank and waits for a reboot.",
    Cause.ROLLED_BACK: "The host booted the image that was in the other bank.",
    Cause.LIVE_VIB: (
        "A VIB was installed without a reboot, which copies the running image into the other bank. vSphere HA does so when a "
        "host joins its cluster or leaves maintenance mode; NSX and vLCM components do too."
    ),
    Cause.GIVEN_UP: "The other bank was marked invalid: an update failed, or somebody wrote it there.",
    Cause.DAMAGED: "The banks are not in order.",
    Cause.UNDONE: "What waited in the other bank or stood against it is gone.",
    Cause.UNCLEAR: "What was seen does not tell.",
}


@dataclass(frozen=True, slots=True)
class WindowChange:
    """One window's move. ``closed``: a way back that was open is not any more, and the build it led to is lost."""

    host: str
    before: Window
    after: Window
    seen_before: datetime
    seen_after: datetime
    cause: Cause

    @property
    def closed(self) -> bool:
        return self.before.leads_back and not self.after.leads_back


def window_change(before: BankState, after: BankState) -> WindowChange | None:
    """The move between two looks at one host; None when there was none, or when one of the two does not know."""
    was, now = before.window, after.window
    if WindowKind.UNKNOWN in {was.kind, now.kind} or (was.kind, was.build) == (now.kind, now.build):
        return None
    return WindowChange(after.host, was, now, before.at, after.at, _cause(before, after))


def window_events(answers: Iterable[HostObservation]) -> tuple[WindowChange, ...]:
    """Every move of one host's window over what was recorded of it, oldest first. Judged by boot.cfg alone, which is what
    audits record; a look that could not tell is passed over."""
    events: list[WindowChange] = []
    before: BankState | None = None
    for answer in answers:
        now = recorded_window(answer)
        if now.window.kind is WindowKind.UNKNOWN:
            continue
        if before is not None and (change := window_change(before, now)) is not None:
            events.append(change)
        before = now
    return tuple(events)


def _cause(before: BankState, after: BankState) -> Cause:
    was, now = before.window, after.window
    booted_then, booted_now = value_of(before.booted), value_of(after.booted)
    if booted_then is None or booted_now is None:
        return Cause.UNCLEAR
    if not same_build(booted_then, booted_now):
        # The booted build is the one the window led to: the host went back, or started what was staged there.
        return Cause.ROLLED_BACK if was.leads_back and same_build(booted_now, was.build) else Cause.UPDATED
    if now.leads_back:
        return Cause.UNDONE
    return {
        WindowKind.PENDING_UPDATE: Cause.STAGED,
        WindowKind.CONSUMED: Cause.LIVE_VIB,
        WindowKind.EMPTY: Cause.GIVEN_UP,
        WindowKind.UNHEALTHY: Cause.DAMAGED,
    }.get(now.kind, Cause.UNCLEAR)


__all__ = ["Cause", "WindowChange", "window_change", "window_events"]
