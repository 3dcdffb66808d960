"""Where the host boots from: ``esxcli system boot device get``. A network card there means that it has no banks of its own."""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.table import fields

COMMAND = Command("boot-device", "esxcli system boot device get", 30)


def parse_stateless(answer: Answer) -> Reading[bool]:
    """Whether the host was booted over the network (Auto Deploy). No output of a real host is published, so both fields must
    be there and agree."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    found = fields(text)
    if not {"BootFilesystemUUID", "StatelessBootNIC"} <= found.keys():
        return unreadable(COMMAND, "no Boot Filesystem UUID and Stateless Boot NIC", text)
    if bool(found["BootFilesystemUUID"]) == bool(found["StatelessBootNIC"] or found.get("BootNIC")):
        return unreadable(COMMAND, "does not tell disk from network", text)
    return Read(not found["BootFilesystemUUID"])
