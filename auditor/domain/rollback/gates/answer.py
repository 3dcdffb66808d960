"""A gate's answer on one host: the verdict, and what was seen, in words. What could not be read is never a pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from auditor.domain.observation import Reading, Unread
from auditor.domain.rollback.gates.gate import GateVerdict
from auditor.domain.rollback.situation import HostSituation

Answer: TypeAlias = tuple[GateVerdict, str]

Check: TypeAlias = tuple[Callable[[HostSituation, str], Answer], tuple[str, ...]]
"""How a gate is answered for going back to a build, and the pages that this rests on."""

CONFIGURATION_RETURNS = "KB 316592: the configuration returns to what it was at the upgrade"


def passed(why: str) -> Answer:
    """The gate is open, and why."""
    return GateVerdict.PASS, why


def failed(why: str) -> Answer:
    """It is shut, and why."""
    return GateVerdict.FAIL, why


def unknown(what: str, reading: Unread) -> Answer:
    """``what`` could not be read."""
    return GateVerdict.UNKNOWN, f"{what}: {reading}"


def must_not(reading: Reading[bool], what: str, bad: str, good: str) -> Answer:
    """For a fact that must be false."""
    if isinstance(reading, Unread):
        return unknown(what, reading)
    return failed(bad) if reading.value else passed(good)


def must(reading: Reading[bool], what: str, good: str, bad: str) -> Answer:
    """For a fact that must be true."""
    if isinstance(reading, Unread):
        return unknown(what, reading)
    return passed(good) if reading.value else failed(bad)


def nothing_in(reading: Reading[tuple[str, ...]], what: str, good: str) -> Answer:
    """For a list that must be empty; of a long one the first ten are told."""
    if isinstance(reading, Unread):
        return unknown(what, reading)
    if not reading.value:
        return passed(good)
    more = f" and {len(reading.value) - 10} more" if len(reading.value) > 10 else ""
    return failed(f"{what}: {'; '.join(reading.value[:10])}{more}")


__all__ = ["CONFIGURATION_RETURNS", "Answer", "Check", "failed", "must", "must_not", "nothing_in", "passed", "unknown"]
