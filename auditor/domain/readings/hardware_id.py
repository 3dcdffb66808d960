"""Which machine answers: the hardware UUID, in the host's own summary of itself.

``summary.hardware.uuid`` is the same property that vCenter keeps of a host. Two machines may have one UUID, by a vendor's
mistake; one machine never has two.
"""

from __future__ import annotations

import re

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable

COMMAND = Command("hardware-id", "vim-cmd hostsvc/hostsummary", 30)

_UUID = re.compile(r"""^\s*uuid = ["']([0-9A-Fa-f-]{36})["'],?\s*$""", re.MULTILINE)


def parse(answer: Answer) -> Reading[str]:
    """The UUID in lower case."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    found = {uuid.lower() for uuid in _UUID.findall(text)}
    if len(found) != 1:
        return unreadable(COMMAND, f"{len(found)} hardware UUIDs", text)
    return Read(found.pop())


__all__ = ["COMMAND", "parse"]
