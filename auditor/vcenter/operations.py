"""The closed lists of what may be called, and since which version each call exists.

``data/operations.csv`` is the list of the reading route: ``effect`` is ``read`` or ``session`` (login, logout, and views that
live and die with the session). Versions and privileges are those of the vmware-vcenter SDK's docstrings and of pyVmomi's type
information. Both clients check every outgoing call against their list at the last place before the wire, so the reading
route cannot write. ``data/operations-apply.csv`` and ``data/operations-rollback.csv`` are the lists of the objects that write;
only those load them.
"""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from auditor.errors import RefusedError

Protocol = Literal["soap", "vapi", "esxcli"]
Effect = Literal["read", "session", "compute", "draft-write", "commit", "depot-add", "host-write"]
Operations = Mapping[tuple[str, str, str], "Operation"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the list. ``since`` is the vCenter version that brought it ("7.0.2.0"); empty: older than anything met."""

    protocol: Protocol
    service: str
    name: str
    since: str
    effect: Effect
    privilege: str

    def missing_in(self, version: str) -> bool:
        """Whether a vCenter of ``version`` ("7.0.3") is too old for it. An unknown version is not: then it is tried."""
        have, need = _numbers(version), _numbers(self.since)
        return bool(have and need) and have < need[: len(have)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


@cache
def operations(table: str = "operations.csv") -> dict[tuple[str, str, str], Operation]:
    """The list in ``table``, keyed by (protocol, service, operation)."""
    text = resources.files("auditor.vcenter").joinpath("data", table).read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    found = (
        Operation(r["protocol"], r["service"], r["operation"], r["since"], r["effect"], r["privilege"])  # type: ignore[arg-type]  # a test checks the two literal columns
        for r in rows
    )
    return {(o.protocol, o.service, o.name): o for o in found}


@cache
def effects() -> dict[tuple[str, str, str], str]:
    """What every known call does to the world, by (protocol, service, operation); see ``data/README.md``."""
    text = resources.files("auditor.vcenter").joinpath("data", "effects.csv").read_text("utf-8")
    return {(r["protocol"], r["service"], r["operation"]): r["effect"] for r in csv.DictReader(text.splitlines())}


class Gate:
    """Lets the operations of one list pass (by default the reading route's) and remembers each one that did. Safe to share
    between threads."""

    def __init__(self, allowed: Operations | None = None) -> None:
        self.allowed: Operations = operations() if allowed is None else allowed
        self._lock = threading.Lock()
        self._passed: dict[Operation, int] = {}

    def check(self, protocol: Protocol, services: Iterable[str], name: str) -> Operation:
        """The listed operation ``name`` of one of ``services`` (a type and its ancestors). Raises ``RefusedError``, before
        anything is sent, when there is none."""
        names = tuple(services)
        for service in names:
            operation = self.allowed.get((protocol, service, name))
            if operation is not None:
                with self._lock:
                    self._passed[operation] = self._passed.get(operation, 0) + 1
                return operation
        raise RefusedError(
            f"{protocol} operation {names[0] if names else ''}.{name} is not on this route's list",
            tried="nothing was sent",
            hint="this is a defect of the tool: please report it",
        )

    @property
    def passed(self) -> dict[Operation, int]:
        """Every operation that was let through, with how often."""
        with self._lock:
            return dict(self._passed)
