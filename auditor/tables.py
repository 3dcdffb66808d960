"""Tables that ship with the package and that a user may replace by a newer copy."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from auditor import handed_in
from auditor.domain.proposal.tables import BUILD_COLUMNS, PATH_COLUMNS, Hints, HintTableError
from auditor.domain.releases import COLUMNS, ReleaseTable, ReleaseTableError
from auditor.domain.rollback.vsan_formats import COLUMNS as FORMAT_COLUMNS
from auditor.domain.rollback.vsan_formats import VsanFormats
from auditor.errors import InputError

MAX_TABLE_BYTES = 4 * 1024 * 1024
"""Largest table read, in bytes; the shipped one has about 13 thousand."""

_SHIPPED = resources.files("auditor.domain") / "data"


def load_release_table(path: Path | None = None) -> ReleaseTable:
    """Return the release table from ``path``, or the one that ships with the package.

    Raise `InputError`, naming the file, the line and the column, when it cannot be used.
    """
    text = _text(path, "esxi-releases.csv", COLUMNS)
    try:
        return ReleaseTable.parse(text)
    except ReleaseTableError as error:
        raise InputError(str(error), where=_where(path, "esxi-releases.csv"), hint=_hint(COLUMNS)) from error


def load_hints(paths: Path | None = None, builds: Path | None = None) -> Hints:
    """Return the tables of upgrade paths and of vendors' own builds, each from a file or as shipped. Raise `InputError`."""
    path_text = _text(paths, "upgrade-paths.csv", PATH_COLUMNS)
    build_text = _text(builds, "vendor-builds.csv", BUILD_COLUMNS)
    try:
        parsed = Hints.parse_paths(path_text)
    except HintTableError as error:
        raise InputError(str(error), where=_where(paths, "upgrade-paths.csv"), hint=_hint(PATH_COLUMNS)) from error
    try:
        return parsed.with_builds(build_text)
    except HintTableError as error:
        raise InputError(str(error), where=_where(builds, "vendor-builds.csv"), hint=_hint(BUILD_COLUMNS)) from error


def load_vsan_formats(path: Path | None = None) -> VsanFormats:
    """Return the table of vSAN on-disk formats from ``path``, or as shipped. Raise `InputError`."""
    text = _text(path, "vsan-formats.csv", FORMAT_COLUMNS)
    try:
        return VsanFormats.parse(text)
    except HintTableError as error:
        raise InputError(str(error), where=_where(path, "vsan-formats.csv"), hint=_hint(FORMAT_COLUMNS)) from error


def _where(path: Path | None, shipped: str) -> str:
    return f"the table {shipped} of this package" if path is None else str(path)


def _hint(columns: tuple[str, ...]) -> str:
    return "give a CSV file in UTF-8 with the columns " + ", ".join(columns)


def _text(path: Path | None, shipped: str, columns: tuple[str, ...]) -> str:
    where, hint = _where(path, shipped), _hint(columns)
    data = (_SHIPPED / shipped).read_bytes() if path is None else handed_in.read(path, MAX_TABLE_BYTES, hint=hint)
    return handed_in.text(data, where, hint=hint)
