"""The lab's clock: real time with an offset, so that a scenario can play its past and then arrive at now."""

from __future__ import annotations

import datetime as dt


class LabClock:
    """Tells UTC. `offset` is added to real time; it starts at zero."""

    def __init__(self, offset: dt.timedelta = dt.timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> dt.datetime:
        """The lab's time, timezone-aware, UTC, whole milliseconds (all that the vAPI and SOAP forms carry)."""
        moment = dt.datetime.now(dt.UTC) + self.offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, step: dt.timedelta) -> None:
        """Let `step` pass at once."""
        self.offset += step
