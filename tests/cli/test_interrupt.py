"""Ctrl-C while hosts or a vCenter do not answer: the end comes at once, and the run stays in history as unfinished."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SOON = 25  # it takes a fraction of a second; what hangs here would hang for longer than this
"""Seconds an interrupted command may take. Every deadline in the configuration is longer than that."""

HOSTS = 20
FIRST, LAST = "[deadlines]\nconnect = 60\nauthenticate = 60\ncommand = 60\nhost = 60\n", '[history]\npath = "history.db"\n'


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server


def wait_for_connections(server: socket.socket, count: int) -> list[socket.socket]:
    found = []
    while len(found) < count:
        assert select.select([server], [], [], 30)[0], f"only {len(found)} connections came"
        found.append(server.accept()[0])
    return found


def interrupt(home: Path, config: str, command: str, server: socket.socket, connections: int) -> tuple[float, int, str]:
    """Run a command until it waits for so many silent connections, press Ctrl-C; (seconds until its end, exit code, stderr)."""
    path = home / "auditor.toml"
    path.write_text(FIRST + config + LAST, "utf-8")
    (home / "known_hosts").write_text("", "ascii")
    environment = os.environ | {"AUDITOR_CONFIG": str(path), "HOME": str(home), "PASSWORD": "irrelevant"}
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    opened = wait_for_connections(server, connections)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    took = time.monotonic() - began
    for connection in opened:
        connection.close()
    return took, process.returncode, err


def runs(home: Path) -> list[dict[str, object]]:
    listed = subprocess.run(
        [sys.executable, "-m", "auditor", "history", "runs", "--json", "--config", home / "auditor.toml"],
        capture_output=True, check=True, env=os.environ | {"PASSWORD": "irrelevant"},
    )  # fmt: skip
    entries: list[dict[str, object]] = json.loads(listed.stdout)["runs"]
    return entries


@pytest.mark.parametrize("command", ["audit", "snapshot"])
def test_hosts_that_hang(tmp_path: Path, silent: socket.socket, command: str) -> None:
    port = silent.getsockname()[1]
    hosts = "".join(f'[[host]]\nname = "esx{n}"\naddress = "127.0.0.1:{port}"\n' for n in range(HOSTS))
    ssh = '[ssh]\npassword = { env = "PASSWORD" }\nknown_hosts = "known_hosts"\n'
    took, code, err = interrupt(tmp_path, ssh + hosts, command, silent, HOSTS)
    assert (code, err.strip()) == (130, "auditor: interrupted")
    assert took < SOON
    (run,) = runs(tmp_path)
    assert (run["kind"], run["finished"], run["outcome"]) == (command, None, None)


def test_a_vcenter_that_hangs(tmp_path: Path, silent: socket.socket) -> None:
    port = silent.getsockname()[1]
    vcenter = '[[vcenter]]\nname = "vc"\nhost = "127.0.0.1"\nuser = "u"\npassword = { env = "PASSWORD" }\n'
    took, code, err = interrupt(tmp_path, f"{vcenter}port = {port}\n", "audit", silent, 1)
    assert (code, err.strip()) == (130, "auditor: interrupted")
    assert took < SOON
    assert [run["finished"] for run in runs(tmp_path)] == [None]
