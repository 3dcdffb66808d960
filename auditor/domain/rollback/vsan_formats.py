"""Which vSAN on-disk format a release can mount: a small table that ships with the tool, ages, and may be replaced.

Raising the format ends the way back: the vendor's manual says that a host's software cannot be rolled back afterwards (vSAN
administration, "About the vSAN disk format"). It also says that each release mounts the formats of the releases before it,
so a release that the table lacks mounts at least what the newest listed one before it does, and what it mounts beyond is not
known. Nothing here opens a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.proposal.tables import HintTableError, dated_rows

COLUMNS = ("release", "format", "grade", "source")
GRADES = {"KB", "INF"}
_RELEASE = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:-([0-9]+))?")
_PAGE = "KB 327034"


@dataclass(frozen=True, slots=True)
class VsanFormat:
    """One row. ``release`` is how the ``build=`` text begins."""

    release: str
    format: int
    grade: str
    source: str

    @property
    def order(self) -> tuple[int, ...]:
        """The release as numbers."""
        return _order(self.release)

    def is_of(self, build: str) -> bool:
        """Whether ``build``, a ``build=`` text, is of this release."""
        return re.match(re.escape(self.release) + r"(?![0-9])", build.strip()) is not None


@dataclass(frozen=True, slots=True)
class VsanFormats:
    """The table, with the day up to which it claims to know."""

    rows: tuple[VsanFormat, ...] = ()
    as_of: date | None = None

    @classmethod
    def parse(cls, text: str) -> VsanFormats:
        """Read the table from CSV text. Raises `HintTableError`."""
        lines, as_of = dated_rows(text, COLUMNS)
        found: list[VsanFormat] = []
        for line, row in lines:
            if not _RELEASE.fullmatch(row["release"]):
                raise HintTableError(line, f"release: not like 8.0.3 or 6.7.0-3: {row['release']!r}")
            if any(row["release"] == other.release for other in found):
                raise HintTableError(line, f"release: {row['release']} stands there twice")
            if not row["format"].isdecimal():
                raise HintTableError(line, f"format: not a number: {row['format']!r}")
            if row["grade"] not in GRADES:
                raise HintTableError(line, f"grade: {row['grade']!r} is not one of: {', '.join(sorted(GRADES))}")
            found.append(VsanFormat(row["release"], int(row["format"]), row["grade"], row["source"]))
        return cls(tuple(found), as_of)

    def newest(self, build: str, at_hand: int) -> Reading[int]:
        """The newest format that the release of ``build`` (a ``build=`` text) is known to mount. A release the table lacks is
        known only up to what an older one mounts, so it is ``Unread`` when ``at_hand``, the format in use, is newer."""
        exact = next((row for row in self.rows if row.is_of(build)), None)
        if exact is not None:
            return Read(exact.format)
        order = _order(build)
        older = [row for row in self.rows if order and row.order < order]
        at_least = max((row.format for row in older), default=0)
        if at_least >= at_hand:
            return Read(at_least)
        known = f"the table of {self.as_of}" if self.as_of else "the table"
        return Unread(Reason.NOT_SUPPORTED, f"{known} does not say what {build} mounts ({_PAGE})")


def _order(release: str) -> tuple[int, ...]:
    found = _RELEASE.match(release.strip())
    return tuple(int(number or 0) for number in found.groups()) if found else ()


__all__ = ["COLUMNS", "VsanFormat", "VsanFormats"]
