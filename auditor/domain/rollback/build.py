"""What a ``build=`` text of a boot.cfg says, as far as it is certain."""

from __future__ import annotations

import re
from dataclasses import dataclass

# x.y.z, a hyphen, dotted numbers, the last of which is the build: "8.0.3-0.70.24674464", and from 9.0 one number fewer,
# "9.0.0-0.24755229". No boot.cfg of an installed 9.x host has been seen, so the count of numbers is not insisted on, nor
# on three before the hyphen (one fixture has four).
_BUILD = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]+)?-(?:[0-9]+\.)*([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Build:
    """Version of VIB esx-base. It is not the version of the whole image: two banks with one build may differ in drivers and
    add-on VIBs. ``number`` is the build number that ``vmware -v`` shows."""

    release: tuple[int, int, int]
    number: str


def parse_build(text: str) -> Build | None:
    """Read a ``build=`` text; None when it is not of the known form."""
    found = _BUILD.fullmatch(text.strip())
    if found is None:
        return None
    return Build((int(found[1]), int(found[2]), int(found[3])), found[4].lstrip("0") or "0")


def same_build(first: str, second: str) -> bool:
    """Whether two texts name one build: ``build=`` texts, or a bare build number as a person types it."""
    return first.strip() == second.strip() or (_number(first) != "" and _number(first) == _number(second))


def _number(text: str) -> str:
    if text.strip().isdigit():
        return text.strip().lstrip("0") or "0"
    build = parse_build(text)
    return build.number if build else ""


__all__ = ["Build", "parse_build", "same_build"]
