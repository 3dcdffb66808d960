"""Generated documentation is what the code says, and names every command."""

from __future__ import annotations

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
