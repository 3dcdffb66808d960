"""The base image: ``esxcli software baseimage get`` (since 7.0), of the running and of the rebooting image.

Whole public outputs are not known (field note, h), nor whether ``--rebooting-image`` is taken by every version. The first
line names the image, ``ESXi:7.0.1-0.0.16850804``; one of 7.0.1 was published with nothing below it. ``Key: Value`` lines
are read as every esxcli ``get`` prints them, and only a version that is a base image version counts.
"""

from __future__ import annotations

import re

from auditor.domain.image import BaseImage
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, get
from auditor.domain.readings.table import Loose, fields, tidy
from auditor.domain.versions import BaseImageVersion, VersionError

COMMAND = Command("base-image", "esxcli software baseimage get", 60)
REBOOTING = Command("base-image-rebooting", "esxcli software baseimage get --rebooting-image", 60)


_HEADER = re.compile(r"^ESXi?:(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def parse(answer: Answer, command: Command = COMMAND) -> Reading[BaseImage]:
    """The base image; give `REBOOTING` for the staged one."""
    text = text_of(answer, command)
    if isinstance(text, Unread):
        return text
    found: Loose = fields(text)
    headers = set(_HEADER.findall(text))
    if "Version" not in found and len(headers) == 1:
        found = {**found, "Version": headers.pop()}
    return from_fields(found, text, command)


def from_fields(structure: Loose, raw: str = "", command: Command = COMMAND) -> Reading[BaseImage]:
    """The structure of ``baseimage get``: Version, and DisplayVersion or DisplayName for the label."""
    found = tidy(structure)
    try:
        version = BaseImageVersion.parse(found.get("Version", ""))
    except VersionError as error:
        return unreadable(command, str(error), raw or str(found))
    return Read(BaseImage(version, found.get("DisplayVersion") or found.get("DisplayName", "")))


def _plain(image: BaseImage) -> dict[str, str]:
    return {"version": image.version.raw, "display": image.display}


READING = HostReading(
    "base_image",
    "base image",
    (COMMAND,),
    lambda answers: parse(answers[COMMAND.name]),
    _plain,
    get("software baseimage", from_fields),
)
