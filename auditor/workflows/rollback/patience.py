"""Reads of a host that nobody answered are tried again for a bounded time. What acts is never repeated here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from auditor.domain.observation import Unread
from auditor.errors import ConnectError, InDoubtError, TrustError
from auditor.workflows.rollback.means import Means

T = TypeVar("T")


class Patience:
    """For one host: as long as a silent host is waited for (``Pace.silence``), with a pause between two tries."""

    def __init__(self, means: Means, host: str) -> None:
        self._means, self._host = means, host

    def read(self, look: Callable[[], T], unanswered: Callable[[T], Unread | None]) -> T:
        """What ``look`` gives, once ``unanswered`` finds nothing in it that nobody answered, or the time is over."""
        clock = self._means.sight.clock
        until = clock.now() + self._means.pace.silence
        while True:
            found = look()
            trouble = unanswered(found)
            if trouble is None or clock.now() >= until:
                return found
            self._wait(str(trouble))

    def fetch(self, fetch: Callable[[], T]) -> T:
        """What ``fetch``, which changes nothing, gives. Raises what it raises: a ``ConnectError`` when the time is over."""
        clock = self._means.sight.clock
        until = clock.now() + self._means.pace.silence
        while True:
            try:
                return fetch()
            except (TrustError, InDoubtError):
                raise
            except ConnectError as error:
                if clock.now() >= until:
                    raise
                self._wait(error.what)

    def _wait(self, why: str) -> None:
        self._means.tell(self._host, f"no answer; trying again: {why}")
        self._means.sleep(self._means.pace.poll.total_seconds())


__all__ = ["Patience"]
