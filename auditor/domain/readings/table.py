"""The two forms in which esxcli prints structures as text: tables under a ruler of dashes, and ``Key: Value`` lines.

Column and key names are given without blanks ("Install Date" becomes "InstallDate"), which is how the same fields are
named in esxcli's structured forms (field note, e), so that one reader serves the text and the vSphere API. They are found
in any capitals: those of many outputs are not known at first hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from auditor.masking import masked

Loose = Mapping[str, str | Sequence[str] | None]
"""A structure as a structured form brings it: a value may be a list, or missing."""

_RULER = re.compile(r"-+(?: +-+)*\s*")
_KEY = re.compile(r"[A-Za-z][A-Za-z /]*")
_INDENT = 3
"""Blanks before the structure's own fields."""


class TableError(ValueError):
    """A text is not such a table, or one of its rows cannot be split in one way only."""


class Row(Mapping[str, str]):
    """Values by name, whatever its capitals. A name that comes twice with different values is left out: it would be a guess."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._found: dict[str, str] = {}
        twice = {name.lower() for name, value in pairs if self._found.setdefault(name.lower(), value) != value}
        for name in twice:
            del self._found[name]

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(self._found)


def tidy(structure: Loose) -> Row:
    """Names without blanks; lists joined the way esxcli's text does; None as the empty text."""
    return Row(("".join(name.split()), _text(value)) for name, value in structure.items())


def _text(value: str | Sequence[str] | None) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else ", ".join(item.strip() for item in value)


def rows(text: str, *required: str) -> list[Row]:
    """The rows of the table whose header has the ``required`` columns; raises `TableError` if there is none.

    Text before the header is skipped. Column widths are taken from the ruler, as they differ from host to host; a field
    wider than its ruler is accepted as long as the row can be split in one way only.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        if not _RULER.fullmatch(line):
            continue
        starts = [match.start() for match in re.finditer("-+", line)]
        names = ["".join(cell.split()).lower() for cell in _cells(lines[number - 1], starts)]
        if {name.lower() for name in required} <= set(names) and len(set(names)) == len(names):
            return [Row(zip(names, _split(row, starts), strict=True)) for row in lines[number + 1 :] if row.strip()]
    raise TableError(f"no table with the columns {', '.join(required)}")


def _cells(line: str, starts: Sequence[int]) -> list[str]:
    return [line[start:end].strip() for start, end in pairwise([*starts, None])]


def _split(line: str, starts: Sequence[int]) -> list[str]:
    """One row's cells. Columns are two blanks apart; the last ones may be missing."""
    sliced = None
    if all(line[start - 2 : start].isspace() or len(line) < start for start in starts[1:]):
        sliced = _cells(line, starts)
    words = re.split(r" {2,}", line.strip())
    if len(words) == len(starts):
        if sliced is not None and sliced != words:
            raise TableError(f"row can be split in two ways: {masked(line.strip())[:200]!r}")
        return words
    # Which cell is empty, or has two blanks inside ("8.0  - 20764643"), shows only where the columns are in their places.
    if sliced is not None and (len(words) < len(starts) or _begin_in_place(line, starts, sliced)):
        return sliced
    raise TableError(f"row does not fit the columns: {masked(line.strip())[:200]!r}")


def _begin_in_place(line: str, starts: Sequence[int], cells: Sequence[str]) -> bool:
    return all(not cell or not line[start].isspace() for start, cell in zip(starts, cells, strict=True))


def fields(text: str) -> Row:
    """The structure's own ``Key: Value`` lines.

    Lines further in than its own belong to a value: another structure, or a text of several lines such as a profile's
    Description, which tells of other profiles.
    """
    lines = [(line, *(part.strip() for part in line.partition(":"))) for line in text.split("\n")]
    settings = [
        (_depth(line), "".join(key.split()), value) for line, key, colon, value in lines if colon and _KEY.fullmatch(key)
    ]
    own = min((depth for depth, _, _ in settings), default=0)
    return Row((name, value) for depth, name, value in settings if depth <= max(own, _INDENT))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
