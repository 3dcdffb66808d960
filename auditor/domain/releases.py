"""Known ESX and ESXi releases: what a build is called, when it came out, and which base image it is.

The table is data that ages: it says its own date, and a build it does not hold is unknown, never an error. Nothing here
opens a file; `ReleaseTable.parse` takes the text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from auditor.domain.versions import BaseImageVersion, ProductVersion, VersionError

COLUMNS = ("version", "update_label", "build", "base_image_version", "release_date", "source")


class ReleaseTableError(ValueError):
    """A release table cannot be used. ``line`` counts from 1; ``column`` is empty when the whole line is at fault."""

    def __init__(self, line: int, column: str, what: str) -> None:
        super().__init__(f"line {line}, column {column}: {what}" if column else f"line {line}: {what}")
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Release:
    """One row. ``base_image`` and ``release_date`` are None where they are not known.

    Up to 6.7 there are no base images; ``base_image`` is then the version of the VIB esx-base.
    """

    label: str
    product: ProductVersion
    base_image: BaseImageVersion | None = None
    release_date: date | None = None
    source: str = ""


@dataclass(frozen=True)
class ReleaseTable:
    """Releases, and ``as_of``: the day up to which the table claims to know them (None: it has no dates at all)."""

    releases: tuple[Release, ...]
    as_of: date | None = None
    source: str = ""
    _builds: dict[int, Release] = field(init=False, repr=False, compare=False)
    _base_images: dict[BaseImageVersion, Release] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_builds", {release.product.build: release for release in self.releases})
        by_image = {release.base_image: release for release in self.releases if release.base_image is not None}
        object.__setattr__(self, "_base_images", by_image)

    @classmethod
    def parse(cls, text: str) -> ReleaseTable:
        """Read a table from CSV text with the columns `COLUMNS`, in any order; others are ignored.

        Lines that begin with ``#`` may stand before the header; ``# date: YYYY-MM-DD`` and ``# source: …`` among them are
        the table's own. Without one the table is dated by its newest row. Raise `ReleaseTableError` at the first fault.
        """
        notes, first, body = _split_notes(text)
        releases = tuple(_rows(body, first))
        if "date" in notes:
            line, stated = notes["date"]
            as_of: date | None = _date(stated, line, "date")
        else:
            as_of = max((row.release_date for row in releases if row.release_date is not None), default=None)
        return cls(releases, as_of, notes.get("source", (0, ""))[1])

    def by_build(self, build: int) -> Release | None:
        """Return the release with that build number: one build is one release in all lines."""
        return self._builds.get(build)

    def find(self, version: ProductVersion | BaseImageVersion) -> Release | None:
        """Return the release of a product version or of a base image version in either grammar.

        A base image the table does not name is found by its release triple and build, which are the product's.
        """
        if isinstance(version, BaseImageVersion):
            named = self._base_images.get(version)
            return named if named is not None else self.find(version.product)
        release = self.by_build(version.build)
        return release if release is not None and release.product == version else None

    def base_image(self, product: ProductVersion) -> BaseImageVersion | None:
        """Return the base image a host with that product version was built from, where it is known."""
        release = self.find(product)
        return None if release is None else release.base_image

    def label(self, version: ProductVersion | BaseImageVersion) -> str:
        """Return what the release is called, such as ``ESXi 8.0 Update 3e (P05)``; empty when it is not known."""
        release = self.find(version)
        return "" if release is None else release.label

    def release_date(self, version: ProductVersion | BaseImageVersion) -> date | None:
        """Return the day the release came out, where it is known."""
        release = self.find(version)
        return None if release is None else release.release_date

    def later(self, left: ProductVersion | BaseImageVersion, right: ProductVersion | BaseImageVersion) -> bool | None:
        """Say whether ``left`` came out on a later day than ``right``; None when a date is not known.

        Only a hint: across release lines a later day does not make a higher version.
        """
        left_date, right_date = self.release_date(left), self.release_date(right)
        return None if left_date is None or right_date is None else left_date > right_date


def _split_notes(text: str) -> tuple[dict[str, tuple[int, str]], int, str]:
    """Return the named notes before the header (line and value), the number of note lines, and the rest of the text."""
    notes: dict[str, tuple[int, str]] = {}
    rest = text.removeprefix("\ufeff")
    lines = 0
    while rest.startswith("#"):
        note, _, rest = rest.partition("\n")
        lines += 1
        name, colon, value = note.lstrip("# ").partition(":")
        if colon and name.strip().lower() in {"date", "source"}:
            notes[name.strip().lower()] = (lines, value.strip())
    return notes, lines, rest


def _rows(body: str, first: int) -> Iterator[Release]:
    """Yield the releases; ``first`` is the number of lines before the header."""
    records = _records(body, first)
    line, header = next(records, (first + 1, []))
    names = [name.strip() for name in header]
    for column in COLUMNS:
        if names.count(column) != 1:
            fault = "is missing" if column not in names else "stands there twice"
            raise ReleaseTableError(line, column, f"{fault}; the header must name {', '.join(COLUMNS)}")
    lines_of: dict[object, int] = {}
    for line, record in records:
        if not any(cell.strip() for cell in record):
            continue
        if len(record) != len(names):
            raise ReleaseTableError(line, "", f"{len(record)} fields, the header names {len(names)}")
        release = _release(dict(zip(names, record, strict=True)), line)
        for column, key in (("build", release.product.build), ("base_image_version", release.base_image)):
            if key is not None and lines_of.setdefault(key, line) != line:
                raise ReleaseTableError(line, column, f"{key} stands in line {lines_of[key]} already")
        yield release


def _records(body: str, first: int) -> Iterator[tuple[int, list[str]]]:
    """Yield records with the line of the file they end in; turn the CSV reader's faults into ours."""
    reader = csv.reader(io.StringIO(body, newline=""), strict=True)
    try:
        for record in reader:
            yield first + reader.line_num, record
    except csv.Error as error:
        raise ReleaseTableError(first + reader.line_num, "", f"not CSV: {error}") from error


def _release(row: dict[str, str], line: int) -> Release:
    cells = {column: row[column].strip() for column in COLUMNS}
    if not cells["update_label"]:
        raise ReleaseTableError(line, "update_label", "is empty")
    column = "version"
    try:
        ProductVersion.parse(cells["version"], "0")
        column = "build"
        product = ProductVersion.parse(cells["version"], cells["build"])
        column = "base_image_version"
        text = cells["base_image_version"]
        base_image = BaseImageVersion.parse(text) if text else None
    except VersionError as error:
        raise ReleaseTableError(line, column, str(error)) from error
    if base_image is not None and base_image.product != product:
        raise ReleaseTableError(line, column, f"{base_image} is not a base image of {product}")
    released = _date(cells["release_date"], line, "release_date") if cells["release_date"] else None
    return Release(cells["update_label"], product, base_image, released, cells["source"])


def _date(text: str, line: int, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ReleaseTableError(line, column, f"not a date like 2025-04-10: {text[:40]!r}") from error
