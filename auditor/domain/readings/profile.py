"""The image profile: ``esxcli software profile get``, of the running and of the rebooting image."""

from __future__ import annotations

from auditor.domain.image import ImageProfile
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, get
from auditor.domain.readings.table import Loose, fields, tidy

COMMAND = Command("profile", "esxcli software profile get", 60)
REBOOTING = Command("profile-rebooting", "esxcli software profile get --rebooting-image", 60)

_UPDATED = "(Updated) "
_NONE_PENDING = "No pending image profile available."  # seen on 6.0, also as the value of Name


def parse(answer: Answer) -> Reading[ImageProfile]:
    """The running image's profile."""
    text = text_of(answer, COMMAND)
    return text if isinstance(text, Unread) else _parse_text(text, COMMAND)


def parse_rebooting(answer: Answer) -> Reading[ImageProfile | None]:
    """The profile the next boot would start; read as None when the host says there is none."""
    text = text_of(answer, REBOOTING)
    if isinstance(text, Unread):
        return text
    if any(line.strip() == _NONE_PENDING for line in text.split("\n")):
        return Read(None)
    return _parse_text(text, REBOOTING)


def from_fields(structure: Loose, raw: str = "", command: Command = COMMAND) -> Reading[ImageProfile]:
    """The structure of ``profile get``: Name, Vendor and more. Vendor may be the host's own name after a local change."""
    found = tidy(structure)
    name = found.get("Name", "")
    updated = name.startswith(_UPDATED)
    name = name.removeprefix(_UPDATED)
    if not name or "Vendor" not in found or name == _NONE_PENDING:
        return unreadable(command, "no image profile's name and vendor", raw or str(found))
    return Read(ImageProfile(name, found["Vendor"], updated))


def _parse_text(text: str, command: Command) -> Reading[ImageProfile]:
    """The structure's text begins with a line that repeats the name, which tells it from other structures with a Name."""
    found = fields(text)
    if not any(line.startswith(found.get("Name") or "\n") for line in text.split("\n")):
        return unreadable(command, "no image profile", text)
    return from_fields(found, text, command)


def rebooting_from_fields(structure: Loose) -> Reading[ImageProfile | None]:
    """As `parse_rebooting`, from the structure."""
    if tidy(structure).get("Name", "") == _NONE_PENDING:
        return Read(None)
    return from_fields(structure, "", REBOOTING)


def _plain(profile: ImageProfile) -> dict[str, object]:
    return {"name": profile.name, "vendor": profile.vendor, "updated": profile.updated}


READING = HostReading(
    "profile",
    "image profile",
    (COMMAND,),
    lambda answers: parse(answers[COMMAND.name]),
    _plain,
    get("software profile", from_fields),
)
