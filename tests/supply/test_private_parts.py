"""What we use of libraries beyond their documentation is written down, is still there, and holds an upper bound.

To move with a library: correct private-parts.csv. ``where`` is a module or ``module:Class`` that has the name, or whose source
sets it.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
with (Path(__file__).parent / "private-parts.csv").open(encoding="utf-8", newline="") as file:
    PARTS = list(csv.DictReader(file))
USED = re.compile(r"\b(?!self\b|cls\b)\w+(?:\([^()]*\))?\.(_[A-Za-z]\w*)")


def gone(part: dict[str, str]) -> str:
    """What moved, and whom it concerns; empty while it is there."""
    module, _, kind = part["where"].partition(":")
    said = f"{part['library']}: {part['where']} has no {part['name']} any more: used in {part['used in']}"
    try:
        found = importlib.import_module(module)
        found = getattr(found, kind) if kind else found
    except (ImportError, AttributeError):
        return said
    there = hasattr(found, part["name"]) or re.search(rf"\b{part['name']}\b", inspect.getsource(found))
    return "" if there else said


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part['where']}.{part['name']}")
def test_it_is_still_there(part: dict[str, str]) -> None:
    moved = gone(part)
    assert not moved, moved


def test_what_moved_is_named() -> None:
    for where, name in (("pyVmomi.VmomiSupport:ManagedObject", "_foo"), ("pyVmomi.Nowhere", "Foo"), ("pyVmomi:Gone", "Foo")):
        said = gone({"library": "pyvmomi", "where": where, "name": name, "used in": "auditor/x.py"})
        assert said == f"pyvmomi: {where} has no {name} any more: used in auditor/x.py"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part['where']}.{part['name']}")
def test_it_is_used_where_the_list_says(part: dict[str, str]) -> None:
    for name in part["used in"].split():
        text = (ROOT / name).read_text("utf-8")
        assert re.search(rf"\b{part['name']}\b", text), f"{name} does not use {part['name']}: correct private-parts.csv"


def test_every_private_name_is_in_the_list() -> None:
    listed = {(part["name"], name) for part in PARTS for name in part["used in"].split()}
    for path in sorted((ROOT / "auditor").rglob("*.py")):
        here = path.relative_to(ROOT).as_posix()
        text = path.read_text("utf-8")
        for line in text.splitlines():
            code, mark, _ = line.partition("# noqa: SLF001")
            for name in USED.findall(code) if mark else ():
                own = f"def {name}(" in text
                assert own or (name, here) in listed, f"{here} uses {name} of a library: add it to private-parts.csv"


@pytest.mark.parametrize("library", sorted({part["library"] for part in PARTS}))
def test_its_library_has_an_upper_bound(library: str) -> None:
    extras = PROJECT["optional-dependencies"]
    asked = {each.name: each for each in map(Requirement, [*PROJECT["dependencies"], *extras["lab"], *extras["keyring"]])}
    assert {one.operator for one in asked[library].specifier} & {"<", "==", "~=", "<="}, f"{library} has no upper bound"
