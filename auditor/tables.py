"""Tables that ship with the package and that a user may replace by a newer copy."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from auditor.domain.releases import COLUMNS, ReleaseTable, ReleaseTableError
from auditor.errors import InputError

MAX_TABLE_BYTES = 4 * 1024 * 1024
"""Largest release table read, in bytes; the shipped one has about 13 thousand."""

_SHIPPED = resources.files("auditor.domain") / "data" / "esxi-releases.csv"


def load_release_table(path: Path | None = None) -> ReleaseTable:
    """Return the release table from ``path``, or the one that ships with the package.

    Raise `InputError`, naming the file, the line and the column, when it cannot be used.
    """
    where = "the release table of this package" if path is None else str(path)
    hint = "give a CSV file in UTF-8 with the columns " + ", ".join(COLUMNS)
    try:
        if path is None:
            data = _SHIPPED.read_bytes()
        else:
            with path.open("rb") as file:
                data = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where, hint=hint) from error
    if len(data) > MAX_TABLE_BYTES:
        raise InputError(f"is larger than {MAX_TABLE_BYTES:,} bytes", where=where, hint=hint)
    try:
        return ReleaseTable.parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 at byte {error.start}", where=where, hint=hint) from error
    except ReleaseTableError as error:
        raise InputError(str(error), where=where, hint=hint) from error
