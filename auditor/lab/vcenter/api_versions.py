"""Which vCenter versions the lab can be, and which vLCM operations each of them has."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class VCenterRelease:
    """One version the lab can be.

    `vmodl` is pyVmomi's name of the newest API version it speaks, `api` what it says of itself. `build` is the default
    and only a label: releases of 7.0 and 8.0 carry a real build, the one of 9.1 is made up.
    """

    version: str
    product_version: str
    api: str
    vmodl: str
    build: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The API version for comparison, such as (8, 0, 3, 0)."""
        return _numbers(self.api)


RELEASES = {
    each.version: each
    for each in (
        VCenterRelease("7.0.3", "7.0.3", "7.0.3.0", "vim.version.v7_0_3_0", "24201990"),
        VCenterRelease("8.0.2", "8.0.2", "8.0.2.0", "vim.version.v8_0_2_0", "22617221"),
        VCenterRelease("8.0.3", "8.0.3", "8.0.3.0", "vim.version.v8_0_3_0", "24022515"),
        VCenterRelease("9.1", "9.1.0", "9.1.0.0", "vim.version.v9_1_0_0", "25370000"),
    )
}


def release(version: str) -> VCenterRelease:
    """The release of that name. Raises ValueError naming the known ones."""
    if version not in RELEASES:
        raise ValueError(f"the lab has no vCenter {version}; there are {', '.join(RELEASES)}")
    return RELEASES[version]


def available(numbers: tuple[int, ...], service: str, operation: str) -> bool:
    """Whether a vCenter of that API version has the operation. Operations not in the table are older than vLCM."""
    since = _since().get((service, operation))
    return since is None or since <= numbers


@cache
def _since() -> dict[tuple[str, str], tuple[int, ...]]:
    # From the "added in" notes of the SDK's docstrings; where there is none, from the published API of each version.
    text = resources.files("auditor.lab").joinpath("data", "vlcm-operations.csv").read_text(encoding="utf-8")
    return {(row["service"], row["operation"]): _numbers(row["since"]) for row in csv.DictReader(text.splitlines())}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
