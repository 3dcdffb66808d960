"""Two small tables of hints that ship with the tool, age, and may be replaced: upgrade paths and vendors' own build numbers.

Nothing here opens a file; the parsers take the text. A pair that a table does not hold is not known, never allowed.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from auditor.domain.releases import ReleaseTable
from auditor.domain.versions import BaseImageVersion, ProductVersion

PATH_COLUMNS = ("product", "from", "to", "verdict", "source")
BUILD_COLUMNS = ("vendor", "release", "ordinal", "vendor_build", "build", "source")
_VERDICTS = {"no", "yes", "check"}
_RELEASE = re.compile(r"([0-9]+\.[0-9]+)(?:U([0-9]+))?")
_UPDATE = re.compile(r"\bUpdate\s+([0-9]+)", re.IGNORECASE)


class HintTableError(ValueError):
    """A table cannot be used. ``line`` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class UpgradePath:
    """One pair of releases, such as 6.5U2 to 6.7. ``verdict``: no, yes, or check."""

    product: str
    old: str
    new: str
    verdict: str
    source: str


@dataclass(frozen=True, slots=True)
class VendorBuild:
    """A base image under a vendor's own build number."""

    vendor: str
    release: tuple[int, ...]
    ordinal: tuple[int, ...]
    vendor_build: int
    build: int
    source: str

    def is_of(self, version: BaseImageVersion) -> bool:
        """Whether ``version`` is this base image under either number: release and ordinal must agree too."""
        same = version.release == self.release and version.ordinal == self.ordinal
        return same and version.build in {self.vendor_build, self.build}


@dataclass(frozen=True, slots=True)
class Hints:
    """Both tables, with the day up to which they claim to know."""

    paths: tuple[UpgradePath, ...] = ()
    builds: tuple[VendorBuild, ...] = ()
    paths_as_of: date | None = None
    builds_as_of: date | None = None

    @classmethod
    def parse_paths(cls, text: str) -> Hints:
        """Read the table of upgrade paths from CSV text. Raises `HintTableError`."""
        rows, as_of = dated_rows(text, PATH_COLUMNS)
        return cls(paths=tuple(_path(line, row) for line, row in rows), paths_as_of=as_of)

    def with_builds(self, text: str) -> Hints:
        """The same with the table of vendors' own build numbers. Raises `HintTableError`."""
        rows, as_of = dated_rows(text, BUILD_COLUMNS)
        return replace(self, builds=tuple(_build(line, row) for line, row in rows), builds_as_of=as_of)

    def path(self, product: str, old: str, new: str) -> UpgradePath | None:
        """What is said of a pair of releases (``6.5U2``). A row that says "check" speaks of whole release lines."""
        pair, lines = (product, old, new), (product, old.partition("U")[0], new.partition("U")[0])
        exact = (row for row in self.paths if (row.product, row.old, row.new) == pair)
        of_lines = (row for row in self.paths if row.verdict == "check" and (row.product, row.old, row.new) == lines)
        return next(chain(exact, of_lines), None)

    def alias(self, left: BaseImageVersion, right: BaseImageVersion) -> VendorBuild | None:
        """The row by which two unequal versions are one base image."""
        if left == right:
            return None
        return next((row for row in self.builds if row.is_of(left) and row.is_of(right)), None)

    def known_as(self, version: BaseImageVersion) -> VendorBuild | None:
        """The row that takes ``version`` for a vendor's own number."""
        return next((row for row in self.builds if row.is_of(version) and version.build == row.vendor_build), None)

    def usual(self, version: BaseImageVersion) -> BaseImageVersion:
        """The same base image under the number everybody else uses."""
        row = self.known_as(version)
        if row is None:
            return version
        return BaseImageVersion.parse(version.raw[: -len(str(row.vendor_build))] + str(row.build))


def release_name(version: BaseImageVersion | ProductVersion, releases: ReleaseTable) -> str:
    """A release as the path table writes it: ``6.5U2``. Up to 6.x the update is only in the label, where it is: a patch between
    updates is ``6.7U?``. From 7.0 it is the third number; from 9.0 there are no updates, and the triple is the name."""
    major, minor, third = version.release
    if major >= 9:
        return f"{major}.{minor}.{third}"
    update = str(third)
    if major < 7:
        label = releases.label(version)
        match = _UPDATE.search(label)
        update = match.group(1) if match else "0" if label.endswith(" GA") else "?"
    return f"{major}.{minor}" + (f"U{update}" if update != "0" else "")


def dated_rows(text: str, columns: tuple[str, ...]) -> tuple[list[tuple[int, dict[str, str]]], date | None]:
    """The rows of a table with their lines, and the day it names in ``# date:``; other lines with ``#`` before the header are
    remarks. Raises `HintTableError`."""
    lines = text.removeprefix("\ufeff").splitlines()
    head = 0
    as_of: date | None = None
    while head < len(lines) and lines[head].startswith("#"):
        name, _, value = lines[head].lstrip("# ").partition(":")
        if name.strip().lower() == "date":
            try:
                as_of = date.fromisoformat(value.strip())
            except ValueError as error:
                raise HintTableError(head + 1, f"not a date: {value.strip()!r}") from error
        head += 1
    reader = csv.DictReader(io.StringIO("\n".join(lines[head:])), strict=True)
    if tuple(reader.fieldnames or ()) != columns:
        raise HintTableError(head + 1, f"the header must be {','.join(columns)}")
    found = []
    try:
        for row in reader:
            line = head + reader.line_num
            if None in row or None in row.values():
                raise HintTableError(line, f"must have {len(columns)} fields")
            found.append((line, {name: value.strip() for name, value in row.items()}))
    except csv.Error as error:
        raise HintTableError(head + reader.reader.line_num, f"not CSV: {error}") from error
    return found, as_of


def _path(line: int, row: dict[str, str]) -> UpgradePath:
    for column in ("from", "to"):
        if not _RELEASE.fullmatch(row[column]) and not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", row[column]):
            raise HintTableError(line, f"{column}: not a release like 6.5U2: {row[column]!r}")
    if row["verdict"] not in _VERDICTS:
        raise HintTableError(line, f"verdict: {row['verdict']!r} is not one of: check, no, yes")
    return UpgradePath(row["product"], row["from"], row["to"], row["verdict"], row["source"])


def _build(line: int, row: dict[str, str]) -> VendorBuild:
    try:
        release, ordinal = (tuple(int(part) for part in row[c].split(".")) for c in ("release", "ordinal"))
        return VendorBuild(row["vendor"], release, ordinal, int(row["vendor_build"]), int(row["build"]), row["source"])
    except ValueError as error:
        raise HintTableError(line, f"not numbers: {error}") from error


__all__ = ["HintTableError", "Hints", "UpgradePath", "VendorBuild", "dated_rows", "release_name"]
