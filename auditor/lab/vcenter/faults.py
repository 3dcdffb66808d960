"""Faults as data: what a simulated vCenter does wrong, for which operation, how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    """What happens to a matching call."""

    DELAY = "delay"
    """Answered after `seconds`."""
    ERROR = "error"
    """Refused with the error or fault class named by `error`."""
    STUCK = "stuck"
    """A task that never ends; a plain call is held for `seconds` and then refused."""
    EXPIRE = "expire"
    """The session is gone: the caller is told to log in."""
    FAIL = "fail"
    """A task that is started and ends as FAILED with `error`; a plain call is refused with it."""
    INVALID = "invalid"
    """A validation whose task succeeds and whose result holds an error; a commit is refused with the same result."""
    LOSE = "lose"
    """The call is carried out and the connection breaks before its answer."""
    RESTART = "restart"
    """vCenter restarts instead of answering: sessions and tasks are lost, everything is answered 503 for `seconds`."""
    FORGET = "forget"
    """`item` disappears from the depot before the call is carried out."""


@dataclass(frozen=True)
class Fault:
    """One planned fault.

    `operation` is a shell pattern over the operation's full name: `com.vmware.esx.settings.clusters.software.get`
    (vAPI, also for its REST form) or the WSDL name such as `RetrievePropertiesEx` (SOAP). `times` limits how often it
    happens; None means always. `error` is a class name of `com.vmware.vapi.std.errors_client` such as
    `ServiceUnavailable`, or of pyVmomi such as `vmodl.fault.HostCommunication`. `item` is a base image version, or name and
    version of an add-on or component with a blank between.
    """

    operation: str
    kind: FaultKind
    seconds: float = 0.0
    error: str = ""
    times: int | None = None
    item: str = ""


class FaultPlan:
    """The faults in force. Safe to change while the lab runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[list[Fault | int | None]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._planned.append([fault, fault.times])

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._planned.clear()

    def take(self, operation: str) -> list[Fault]:
        """The faults that hit this call of `operation`; counts down those with a limit."""
        hit: list[Fault] = []
        with self._lock:
            for entry in self._planned:
                fault, left = entry
                if not isinstance(fault, Fault) or left == 0 or not fnmatchcase(operation, fault.operation):
                    continue
                if isinstance(left, int):
                    entry[1] = left - 1
                hit.append(fault)
        return hit
