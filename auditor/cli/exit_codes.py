"""The numbers `auditor` ends with: the only place that knows them.

Drift and failure never share a number, so a script can tell "your hosts differ" from "the tool could not work".
"""

from __future__ import annotations

from enum import IntEnum

from auditor.domain.assessment import Verdict
from auditor.errors import AuditorError, LockedError, RefusedError


class ExitCode(IntEnum):
    """What the end of a command means. ``meaning`` is the sentence shown in help and documentation."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # click's own number
    DRIFT = 3
    INCOMPLETE = 4
    REFUSED = 5
    LOCKED = 6
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it
    BROKEN_PIPE = 141  # 128 + SIGPIPE

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "in sync, or the command is done",
    ExitCode.FAILED: "the tool failed, or all is in sync and that could not be recorded",
    ExitCode.USAGE: "wrong usage of the command line",
    ExitCode.DRIFT: "drift found",
    ExitCode.INCOMPLETE: "no drift found, but not everything could be seen",
    ExitCode.REFUSED: "refused by a gate or a stale plan",
    ExitCode.LOCKED: "another run holds the lock",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.BROKEN_PIPE: "the reader of the output went away",
}

_VERDICTS = {
    Verdict.IN_SYNC: ExitCode.DONE,
    Verdict.DRIFT: ExitCode.DRIFT,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}


def for_verdict(verdict: Verdict, *, recorded: bool = True) -> ExitCode:
    """The code of a finished audit: that of what was seen. A hole in history is told where nothing else is to be."""
    code = _VERDICTS[verdict]
    return ExitCode.FAILED if code is ExitCode.DONE and not recorded else code


def for_error(error: AuditorError) -> ExitCode:
    """The code of a command that ended with ``error``."""
    if isinstance(error, RefusedError):
        return ExitCode.REFUSED
    if isinstance(error, LockedError):
        return ExitCode.LOCKED
    return ExitCode.FAILED


def table() -> str:
    """All codes with their meanings, one a line, for ``auditor --help``."""
    return "\n".join(f"  {code.value:>3}  {code.meaning}" for code in ExitCode)
