"""Generated documentation is what the code says, and names every command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_is_up_to_date() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_notices_a_difference(tmp_path: Path) -> None:
    stale = tmp_path / "commands.md"
    stale.write_text((ROOT / "docs" / "commands.md").read_text().replace("drift found", "drift lost"))
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'docs')!r}); import generate;"
        f"generate.FILES = ({str(stale)!r},); sys.exit(generate.main(['--check']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "documentation is not up to date" in done.stderr


def test_every_command_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    for heading in (
        "auditor snapshot",
        "auditor audit",
        "auditor config check",
        "auditor hosts trust",
        "auditor history export",
    ):
        assert f"\n## {heading}\n" in text


def test_every_promise_of_security_names_tests_that_there_are() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    promises = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "| ---"))]
    assert promises
    for line in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
        assert named, line
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text())
            assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (file, test)
