"""Whether the host is in maintenance mode: ``esxcli system maintenanceMode get``."""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading

COMMAND = Command("maintenance-mode", "esxcli system maintenanceMode get", 30)

_STATES = {"Enabled": True, "Disabled": False}


def parse(answer: Answer) -> Reading[bool]:
    """One word, after lines of something else if need be."""
    text = text_of(answer, COMMAND)
    return text if isinstance(text, Unread) else from_word(text)


def from_word(text: str) -> Reading[bool]:
    """The word as the structured form brings it: "Enabled" or "Disabled"."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    states = [line for line in lines if line in _STATES]
    if len(states) != 1 or lines[-1] != states[0]:
        return unreadable(COMMAND, "neither Enabled nor Disabled", text)
    return Read(_STATES[states[0]])


READING = HostReading("maintenance_mode", "maintenance mode", (COMMAND,), lambda answers: parse(answers[COMMAND.name]))
