"""The host's acceptance level, below which it takes no VIB: ``esxcli software acceptance get``.

One word of four, whose case counts (vSphere 6.7 and 7.0 documentation, "Manage the Acceptance Levels of Hosts and VIBs"). The
vSphere API has words of its own for them (vim25 ``HostImageAcceptanceLevel``), also for those of VIBs.
"""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading

COMMAND = Command("acceptance-level", "esxcli software acceptance get", 60)

_API_WORDS = {
    "vmware_certified": "VMwareCertified",
    "vmware_accepted": "VMwareAccepted",
    "partner": "PartnerSupported",
    "community": "CommunitySupported",
}


def parse(answer: Answer) -> Reading[str]:
    """One word, after lines of something else if need be."""
    text = text_of(answer, COMMAND)
    return text if isinstance(text, Unread) else from_word(text)


def from_word(text: str) -> Reading[str]:
    """The level as esxcli writes it, from its own word or the API's."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    found = [level for line in lines if (level := esxcli_word(line)) in _API_WORDS.values()]
    if len(found) != 1 or esxcli_word(lines[-1]) != found[0]:
        return unreadable(COMMAND, "no acceptance level", text)
    return Read(found[0])


def esxcli_word(level: str) -> str:
    """esxcli's word for a level of the API; any other text as it is."""
    return _API_WORDS.get(level, level)


READING = HostReading("acceptance_level", "acceptance level", (COMMAND,), lambda answers: parse(answers[COMMAND.name]))
