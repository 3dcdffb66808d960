"""The lab's shell and busybox ash must not differ on a table of programs: busybox was written by others."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from auditor.lab.host import LabHost
from auditor.lab.images import make_image
from auditor.lab.shell import run_script
from tests import judges

SNIPPETS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("snippets.toml").read_text("utf-8"))["snippet"]


@pytest.mark.judge("busybox")
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet["name"])
def test_same_output_and_status(snippet: dict[str, Any], tmp_path: Path) -> None:
    busybox = judges.need("busybox")
    stdin = snippet.get("stdin", "").encode()
    applets = tmp_path / "bin"
    applets.mkdir()
    subprocess.run([busybox, "--install", "-s", str(applets)], check=True)
    real = subprocess.run(
        [busybox, "ash", "-c", snippet["text"]],
        input=stdin, capture_output=True, timeout=60, check=False, cwd=tmp_path,
        env={"PATH": str(applets), "HOME": "/", "LC_ALL": "C"},
    )  # fmt: skip
    host = LabHost("esx01.lab.local", make_image("8.0.3-0.70.24674464"))
    lab = asyncio.run(asyncio.wait_for(run_script(host, snippet["text"], stdin), 60))
    assert lab.stdout.decode("latin-1") == real.stdout.decode("latin-1"), lab.stderr.decode("latin-1")
    assert lab.status == real.returncode
