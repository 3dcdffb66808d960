"""The lab's record of every call it received, so that a test can say what was called and what was not.

A call is written down when it arrives, before anything is decided about it: also one that is refused, delayed or broken.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 200_000


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One call. `protocol` is `soap` (service: the managed object's type), `vapi` (also for its REST form), `esxcli`
    (through the vSphere API; service `vim.EsxCLI.software.vib`) or `http` (service: the path, operation: the method)."""

    time: dt.datetime
    protocol: str
    service: str
    operation: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What was called, without when."""
        return self.protocol, self.service, self.operation


class CallLog:
    """The calls in the order they arrived, the newest `KEPT`. Safe to use from any thread."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._calls: deque[ReceivedCall] = deque(maxlen=KEPT)

    def add(self, protocol: str, service: str, operation: str) -> None:
        """Write down a call."""
        call = ReceivedCall(self._now(), protocol, service, operation)
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[ReceivedCall]:
        """Every call, oldest first."""
        with self._lock:
            return list(self._calls)

    def kinds(self) -> set[tuple[str, str, str]]:
        """What was called at least once, as (protocol, service, operation)."""
        return {call.key for call in self.all()}

    def clear(self) -> None:
        """Start a new page."""
        with self._lock:
            self._calls.clear()
