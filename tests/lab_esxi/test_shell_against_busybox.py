"""The lab's shell and busybox ash must not differ on a table of programs: busybox was written by others."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.readings.answer import Command
from auditor.esxi.script import parse, render
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.shell.run import run_script
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


OWN = [
    Command("plain", "printf 'a\\nb'", 5),
    Command("words", "echo one 'two  words'", 5),
    Command("fails", "sh -c 'echo out; echo trouble >&2; echo more >&2; exit 7'", 5),
    Command("missing", "no_such_command --at-all", 5),
    Command("killed", "sh -c 'kill -9 $$'", 5),
    Command("hangs", "sh -c 'echo first; sleep 60 & sleep 60'", 1),
    Command("shouts", "yes shouting", 5),
    Command("shouts-errors", "sh -c 'yes trouble >&2'", 1),
    Command("bytes", "printf '\\000\\377\\r\\n'", 5),
    Command("silent", "true", 5),
]


@pytest.mark.judge("busybox")
def test_the_collectors_script_reads_the_same_from_both(tmp_path: Path) -> None:
    """The text that is sent to real hosts, with commands both sides have: each command's answer must agree."""
    busybox = judges.need("busybox")
    applets = tmp_path / "bin"
    applets.mkdir()
    subprocess.run([busybox, "--install", "-s", str(applets)], check=True)
    nonce = "0123456789abcdef" * 2
    text = render(nonce, OWN, output_limit=30000, error_limit=600, grace=1)
    real = subprocess.run(
        [busybox, "ash", "-c", text], capture_output=True, timeout=60, check=False, env={"PATH": str(applets)}
    )
    host = LabHost("esx01.lab.local", make_image("8.0.3-0.70.24674464"))
    lab = asyncio.run(asyncio.wait_for(run_script(host, text), 60))
    answers = [parse(nonce, side.stdout, side.stderr, OWN, output_limit=30000) for side in (real, lab)]
    for command in OWN:
        one, other = (side[command.name] for side in answers)
        assert (other.data, other.status, other.fault) == (one.data, one.status, one.fault), command.name
        if command.name == "missing":
            assert other.told.split("no_such")[1] == one.told.split("no_such")[1]
        else:
            assert other.told == one.told, command.name
    assert lab.status == real.returncode
