"""Whether the running system was started by a Quick Boot: what ESXi's own boot script asks for the log's sake (grade CODE).

It says nothing of the next reboot. That is decided by a switch on the host which /bin/loadESXEnable sets: at every orderly
reboot ESXi's shutdown script (``loadESX.py``, grade CODE) prepares a Quick Boot where it is on. No way to read the switch is
published.
"""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable

COMMAND = Command("quick-booted", "vsish -e get /system/loadESX/isBootLoadESX", 10)


def parse(answer: Answer) -> Reading[bool]:
    """1 or 0, alone."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    word = text.strip()
    if word not in {"0", "1"}:
        return unreadable(COMMAND, "neither 0 nor 1", text)
    return Read(word == "1")
