"""The shape the README promises: one third-party library, one home; a domain that imports the standard library only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "auditor"

HOMES = {
    "asyncssh": ["lab"],
    "cattrs": ["codec.py"],
    "click": ["cli"],
    "com": ["vcenter", "lab"],
    "cryptography": ["lab", "esxi/ssh/key.py", "backup"],
    "defusedxml": ["depot/xml.py"],
    "jsonschema": ["documents.py"],
    "keyring": ["secrets.py"],
    "paramiko": ["esxi/ssh"],
    "pyVim": ["vcenter", "lab"],
    "pyVmomi": ["vcenter", "lab"],
    "rich": ["reports", "cli"],
    "sqlite_utils": ["history"],
    "vmware": ["vcenter", "lab"],
}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported top-level name of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module, node.lineno


SOURCES = sorted(PACKAGE.rglob("*.py"))


def test_there_are_sources() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_library_stays_in_its_home(path: Path) -> None:
    here = path.relative_to(PACKAGE).as_posix()
    for module, line in imports(path):
        top = module.partition(".")[0]
        if top == "auditor" or top in sys.stdlib_module_names:
            continue
        homes = HOMES.get(top)
        assert homes is not None, f"{here}:{line} imports {top}, which has no home"
        assert any(here == home or here.startswith(f"{home}/") for home in homes), f"{here}:{line}: {top} lives in {homes}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "domain").rglob("*.py")), ids=lambda p: p.name)
def test_the_domain_imports_the_standard_library_only_and_asks_nothing(path: Path) -> None:
    outside = {"os", "pathlib", "socket", "subprocess", "sqlite3", "threading", "time", "random", "secrets", "urllib"}
    for module, line in imports(path):
        top = module.partition(".")[0]
        inside = module.startswith("auditor.domain") or module in {"auditor.errors", "auditor.masking"}
        assert inside or (top in sys.stdlib_module_names and top not in outside), f"{path.name}:{line} imports {module}"
    text = path.read_text("utf-8")
    asks = ("datetime.now(", "utcnow(", "today(", "open(", "read_text(", "print(", "environ")
    # "fingerprint(" is not "print("
    assert not [word for word in asks if re.search(rf"\b{re.escape(word)}", text)]


def test_the_domain_can_be_imported_without_any_third_party_package() -> None:
    modules = [".".join(("auditor", *p.relative_to(PACKAGE).with_suffix("").parts)) for p in (PACKAGE / "domain").rglob("*.py")]
    code = "; ".join(f"import {name.removesuffix('.__init__')}" for name in modules)
    # -I -S: no site-packages at all.
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
