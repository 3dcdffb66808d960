"""A read verb builds no object that can write: nothing it imports, also inside functions, leads to one."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "auditor"
WRITERS = frozenset(
    {"auditor.vcenter.tasks", "auditor.vcenter.editor", "auditor.vcenter.depot_editor", "auditor.vcenter.exporter"}
)
READ_COMMANDS = ("snapshot", "audit", "propose", "depot_gap", "depot_inspect", "hosts", "history", "config", "banks", "runbook")
READ_MODULES = ("auditor.vcenter.reader", "auditor.vcenter.hostapi", "auditor.vcenter.vapi", "auditor.workflows.collect")


def files() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imported(module: str) -> frozenset[str]:
    """The modules of ours that a module imports anywhere in its text."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(files()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names & files().keys())


def reached(module: str) -> set[str]:
    """All modules that can be reached by imports."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += imported(each)
    return found


@pytest.mark.parametrize("module", [*(f"auditor.cli.{name}" for name in READ_COMMANDS), *READ_MODULES])
def test_a_read_command_leads_to_nothing_that_writes(module: str) -> None:
    assert reached(module) & WRITERS == set()


def test_the_walk_sees_imports_inside_functions() -> None:
    assert "auditor.vcenter.reader" in reached("auditor.cli.audit"), "wired lazily, found all the same"
    assert reached("auditor.vcenter.editor") >= {"auditor.vcenter.editor", "auditor.vcenter.tasks", "auditor.vcenter.vapi"}


def test_the_reader_loads_no_table_of_writes() -> None:
    code = (
        "import sys, auditor.vcenter.reader, auditor.vcenter.operations as o; o.Gate();"
        f"assert not {set(WRITERS)!r} & set(sys.modules), 'imported';"
        "assert o.operations.cache_info().currsize == 1"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
