"""Configuration bundles that were fetched and kept: what is known of each, and which ones may go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a host that was kept. ``sha256`` and ``size`` are of what the host gave, also where it lies encrypted; ``key``:
    the fingerprint of the key it is sealed with; ``clear_for``: who said that it is to be kept in the clear."""

    host: str
    path: str
    size: int
    sha256: str
    taken: datetime
    encrypted: bool = False
    key: str = ""
    clear_for: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """A bundle goes when it is older than ``age`` and at least ``count`` newer ones of its host are there."""

    count: int = 5
    age: timedelta = timedelta(days=90)


def may_go(kept: Iterable[KeptFile], rule: Retention, now: datetime) -> tuple[KeptFile, ...]:
    """The files that the rule lets go, oldest first. The newest ``count`` of a host never go, however old they are."""
    by_host: dict[str, list[KeptFile]] = defaultdict(list)
    for one in kept:
        by_host[one.host].append(one)
    found: list[KeptFile] = []
    for files in by_host.values():
        files.sort(key=lambda one: one.taken, reverse=True)
        found += [one for one in files[max(1, rule.count) :] if now - one.taken > rule.age]
    return tuple(sorted(found, key=lambda one: (one.taken, one.host)))


__all__ = ["KeptFile", "Retention", "may_go"]
