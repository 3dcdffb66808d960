"""Numbers and lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def few(items: Sequence[str], limit: int = 5) -> str:
    """A list for one line of evidence: the first few, and how many more."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def hosts_run(number: int, total: int | None = None) -> str:
    """ "3 hosts run", "1 of 4 hosts runs": the beginning of a sentence about what hosts run."""
    if total is None:
        return f"{count(number, 'host')} {'runs' if number == 1 else 'run'}"
    return f"{number} of {count(total, 'host')} {'runs' if number == 1 else 'run'}"
