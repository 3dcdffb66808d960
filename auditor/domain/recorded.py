"""What the history knows of one host at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditor.domain.assessment import RouteResult
from auditor.domain.hosts import Fact


@dataclass(frozen=True, slots=True)
class RecordedHost:
    """A host under one vCenter (empty: it was only configured). ``listed`` is when its inventory last had it; ``routes`` what
    came of the newest try of each; ``facts`` the newest answer for every reading, or why there is none."""

    name: str
    vcenter: str
    cluster: str
    listed: datetime | None
    routes: tuple[RouteResult, ...]
    facts: tuple[Fact, ...]
