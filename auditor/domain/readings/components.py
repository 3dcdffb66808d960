"""The installed components: ``esxcli software component list`` (since 7.0).

No public output with its header is known (field note, h), only one row of an 8.0 host: a table, whose columns are taken
by the names they have in the structured form. Everything else is kept as raw text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from auditor.domain.image import Component
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, listing
from auditor.domain.readings.table import Loose, Row, TableError, rows, tidy

COMMAND = Command("component-list", "esxcli software component list", 60)


def parse(answer: Answer) -> Reading[tuple[Component, ...]]:
    """The running image's components, in the order listed."""
    text = text_of(answer, COMMAND)
    return text if isinstance(text, Unread) else _parse_text(text)


def from_rows(structures: Iterable[Loose], raw: str = "") -> Reading[tuple[Component, ...]]:
    """The structures of ``component list``: Name, Version, Vendor, DisplayName and more."""
    try:
        components = tuple(_component(tidy(structure)) for structure in structures)
    except TableError as error:
        return unreadable(COMMAND, str(error), raw)
    if not components:
        return unreadable(COMMAND, "no component listed, and every image of 7.0 and later has some", raw)
    if len({component.name for component in components}) < len(components):
        return unreadable(COMMAND, "the same component is listed twice", raw)
    return Read(components)


@lru_cache(maxsize=64)
def _parse_text(text: str) -> Reading[tuple[Component, ...]]:
    try:
        return from_rows(rows(text, "Name", "Version"), text)
    except TableError as error:
        return unreadable(COMMAND, str(error), text)


def _component(row: Row) -> Component:
    return _shared(*(row.get(key, "") for key in ("Name", "Version", "DisplayName", "Vendor")))


@lru_cache(maxsize=16_384)
def _shared(name: str, version: str, display: str, vendor: str) -> Component:
    if len(name.split()) != 1 or len(version.split()) != 1:
        raise TableError(f"not a component's name and version: {name!r} {version!r}")
    return Component(name, version, display, vendor)


def _plain(components: tuple[Component, ...]) -> list[dict[str, str]]:
    return [{"name": c.name, "version": c.version, "display": c.display, "vendor": c.vendor} for c in components]


READING = HostReading(
    "components",
    "components",
    (COMMAND,),
    lambda answers: parse(answers[COMMAND.name]),
    _plain,
    listing("software component", from_rows),
)
