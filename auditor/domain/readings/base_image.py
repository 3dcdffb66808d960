"""The base image: ``esxcli software baseimage get`` (since 7.0), of the running and of the rebooting image.

No public output is known (field note, h), nor whether ``--rebooting-image`` is taken by every version. ``Key: Value`` lines
are read, as every esxcli ``get`` prints them, and only a Version that is a base image version counts.
"""

from __future__ import annotations

from auditor.domain.image import BaseImage
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.table import Loose, fields, tidy
from auditor.domain.versions import BaseImageVersion, VersionError

COMMAND = Command("base-image", "esxcli software baseimage get", 60)
REBOOTING = Command("base-image-rebooting", "esxcli software baseimage get --rebooting-image", 60)


def parse(answer: Answer, command: Command = COMMAND) -> Reading[BaseImage]:
    """The base image; give `REBOOTING` for the staged one."""
    text = text_of(answer, command)
    return text if isinstance(text, Unread) else from_fields(fields(text), text, command)


def from_fields(structure: Loose, raw: str = "", command: Command = COMMAND) -> Reading[BaseImage]:
    """The structure of ``baseimage get``: Version, and DisplayVersion or DisplayName for the label."""
    found = tidy(structure)
    try:
        version = BaseImageVersion.parse(found.get("Version", ""))
    except VersionError as error:
        return unreadable(command, str(error), raw or str(found))
    return Read(BaseImage(version, found.get("DisplayVersion") or found.get("DisplayName", "")))
