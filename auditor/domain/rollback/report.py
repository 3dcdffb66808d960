"""What is said of each host's window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditor.domain.observation import Reading
from auditor.domain.past import PastHost
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.change import WindowChange
from auditor.domain.rollback.compare import BankDifference
from auditor.domain.rollback.window import BankState


@dataclass(frozen=True, slots=True)
class ChosenHost:
    """A host whose banks are wanted. ``known`` is what history has of it; ``cluster`` a name, empty for none."""

    name: str
    vcenter: str
    cluster: str
    known: PastHost | None


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One host: what was read, what it amounts to, what going back would change, and what changed since the last look."""

    chosen: ChosenHost
    seen: BankObservation
    state: BankState
    difference: Reading[BankDifference]
    change: WindowChange | None

    @property
    def listed(self) -> datetime | None:
        """When an inventory last listed the host: the age of its place in a cluster."""
        return self.chosen.known.last_listed if self.chosen.known else None
