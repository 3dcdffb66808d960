"""What names one boot of a host: the time at which the link /bootbank was made.

The links are made anew at every boot (KB 306902) and lie in RAM, so their time stays the same until the next boot, whatever
NTP or a restart of the management agents does to the boot time that the API tells. That nothing else makes them anew is
inferred; a host that lost its boot device does, and its links then point into RAM, which no window outlives.
"""

from __future__ import annotations

import re

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable

COMMAND = Command("boot-identity", "stat -c '%Y' /bootbank", 10)
"""Without -L: the link's own time, in seconds since 1970."""


def parse(answer: Answer) -> Reading[str]:
    """A text that is the same during one boot and another in the next."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,11}", digits):
        return unreadable(COMMAND, "not seconds since 1970", text)
    return Read(f"bootbank-link-{digits}")
