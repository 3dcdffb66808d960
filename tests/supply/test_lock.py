"""requirements.lock is what pyproject.toml asks for, with a hash for every file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = [*PROJECT["dependencies"], *EXTRAS["lab"], *EXTRAS["keyring"]]
ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    rest = [line for line in ENTRY.sub("", text).splitlines() if line and not line.startswith("#")]
    assert rest == [], "not an exact version with hashes"
    return {name: version for name, version, _ in ENTRY.findall(text)}


@pytest.mark.parametrize("text", ASKED, ids=lambda text: Requirement(text).name)
def test_each_dependency_is_locked_within_its_bounds(text: str) -> None:
    asked = Requirement(text)
    version = locked().get(canonicalize_name(asked.name))
    assert version is not None, f"{asked.name} is not in requirements.lock: make lock"
    assert asked.specifier.contains(version), f"{asked} and the lock's {version} do not agree: make lock"


def test_the_lock_names_no_place_of_this_machine() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert not re.search(r"file:|/(?!\n)|--find-links|index", text.partition("\n")[2])
