"""The vendor add-on: ``esxcli software addon get`` (since 7.0).

No public output is known except that it is empty when there is no add-on (field note, e and h). ``Key: Value`` lines are
read, as every esxcli ``get`` prints them; everything else is kept as raw text.
"""

from __future__ import annotations

from auditor.domain.image import AddOn
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings import base_image
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, get
from auditor.domain.readings.table import Loose, fields, tidy

COMMAND = Command("add-on", "esxcli software addon get", 60)


def parse(answer: Answer) -> Reading[AddOn | None]:
    """The add-on; read as None when the command succeeded and printed nothing at all."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    if not text.strip():
        if answer.status == 0 and not answer.told:
            return Read(None)
        return unreadable(COMMAND, f"nothing printed, and it is not known that it succeeded: {answer.told}".rstrip(": "))
    return from_fields(fields(text), text)


def from_fields(structure: Loose, raw: str = "") -> Reading[AddOn | None]:
    """The structure of ``addon get``: Name, Version, and DisplayName or DisplayVersion for the label. No field, no add-on."""
    found = tidy(structure)
    if not found and not raw:
        return Read(None)
    name, version = found.get("Name", ""), found.get("Version", "")
    if not name or len(version.split()) != 1:
        return unreadable(COMMAND, "no add-on's name and version", raw or str(found))
    return Read(AddOn(name, version, found.get("DisplayName") or found.get("DisplayVersion", "")))


def _plain(add_on: AddOn | None) -> dict[str, str] | None:
    return {"name": add_on.name, "version": add_on.version, "display": add_on.display} if add_on else None


READING = HostReading(
    "add_on",
    "vendor add-on",
    (COMMAND,),
    lambda answers: parse(answers[COMMAND.name]),
    _plain,
    get("software addon", from_fields),
    never_silent=((COMMAND, base_image.COMMAND),),
)
