"""The installed VIBs: ``esxcli software vib list``, of the running and of the rebooting image."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from auditor.domain.image import Vib
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, listing
from auditor.domain.readings.table import Loose, Row, TableError, rows, tidy

COMMAND = Command("vib-list", "esxcli software vib list", 60)
REBOOTING = Command("vib-list-rebooting", "esxcli software vib list --rebooting-image", 60)

_ALWAYS_THERE = "esx-base"


def parse(answer: Answer) -> Reading[tuple[Vib, ...]]:
    """The running image's VIBs, in the order listed."""
    text = text_of(answer, COMMAND)
    return text if isinstance(text, Unread) else _parse_text(text, COMMAND)


def parse_rebooting(answer: Answer) -> Reading[tuple[Vib, ...]]:
    """The staged image's VIBs; none when nothing is staged, for which the command prints nothing (field note, d)."""
    text = text_of(answer, REBOOTING)
    if isinstance(text, Unread):
        return text
    return _parse_text(text, REBOOTING) if text.strip() else Read(())


def from_rows(structures: Iterable[Loose], raw: str = "", command: Command = COMMAND) -> Reading[tuple[Vib, ...]]:
    """The structures of ``vib list``: Name, Version, Vendor, AcceptanceLevel, InstallDate and, from 8.0, Platforms.

    A list without esx-base is refused: every ESXi has that VIB, and a host with a damaged image database was seen to
    list nothing but tools-light, with no other sign of trouble.
    """
    try:
        vibs = tuple(_vib(tidy(structure)) for structure in structures)
    except TableError as error:
        return unreadable(command, str(error), raw)
    names = {vib.name for vib in vibs}
    if len(names) < len(vibs):
        return unreadable(command, "the same VIB is listed twice", raw)
    if _ALWAYS_THERE in names or (command is REBOOTING and not vibs):
        return Read(vibs)
    why = f"{len(vibs)} VIBs and no {_ALWAYS_THERE} among them: part of the list is missing, or the image database is damaged"
    return unreadable(command, why, raw)


# A fleet prints few different lists: hosts that print the same text share one tuple. The install dates are part of the
# text, so sharing never mixes them up; hosts that differ in dates only still share the rows they have in common.
@lru_cache(maxsize=64)
def _parse_text(text: str, command: Command) -> Reading[tuple[Vib, ...]]:
    try:
        return from_rows(rows(text, "Name", "Version"), text, command)
    except TableError as error:
        return unreadable(command, str(error), text)


def _vib(row: Row) -> Vib:
    return _shared(*(row.get(key, "") for key in ("Name", "Version", "Vendor", "AcceptanceLevel", "InstallDate", "Platforms")))


@lru_cache(maxsize=16_384)
def _shared(name: str, version: str, vendor: str, acceptance_level: str, install_date: str, platforms: str) -> Vib:
    if len(name.split()) != 1 or len(version.split()) != 1:
        raise TableError(f"not a VIB's name and version: {name!r} {version!r}")
    return Vib(name, version, vendor, acceptance_level, install_date, platforms)


def plain(vibs: tuple[Vib, ...]) -> list[dict[str, str]]:
    """The list as JSON data."""
    keys = ("name", "version", "vendor", "acceptance_level", "install_date", "platforms")
    return [{key: getattr(vib, key) for key in keys} for vib in vibs]


READING = HostReading(
    "vibs",
    "VIBs",
    (COMMAND,),
    lambda answers: parse(answers[COMMAND.name]),
    plain,
    listing("software vib", from_rows),
)
