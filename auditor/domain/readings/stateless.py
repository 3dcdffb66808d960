"""Whether the host was booted over the network (Auto Deploy), and so has no boot banks of its own.

No output of a real host is published, so no route owes it: it only tells a lost boot device from one that never was.
"""

from __future__ import annotations

from auditor.domain.readings.boot_device import COMMAND, parse_stateless
from auditor.domain.readings.reading import HostReading

READING = HostReading(
    "stateless",
    "booted over the network",
    (COMMAND,),
    lambda answers: parse_stateless(answers[COMMAND.name]),
    routes=frozenset(),
)
