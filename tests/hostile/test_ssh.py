"""One audit over hosts that mean harm and one that is well: every one ends with its own reason, in time, in little memory.

The figures are printed with ``-s``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.observation import Reason, Unread
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import HostKey, pin
from auditor.esxi.settings import SshSettings
from auditor.ports import HostTarget
from tests.esxi.sshd import FixedClock, Server
from tests.hostile.ssh_peers import BEHAVIOURS, ESCAPES, KEY, OTHER_KEY, LetsIn, Peers, ends, served
from tests.judges import need

DEADLINE = 30.0
PEAK = 300  # MB

MEASURED = """
import sys, threading
from pathlib import Path
from auditor.cli.main import main
code = main(sys.argv[2:])
for thread in threading.enumerate():  # what the end of the process would wait for
    if not thread.daemon and thread is not threading.main_thread():
        thread.join()
Path(sys.argv[1]).write_text(Path("/proc/self/status").read_text())
sys.exit(code)
"""


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Server]:
    need("sshd")
    (tmp_path / "healthy").mkdir()
    server = Server(tmp_path / "healthy")
    server.stub_an_esxi()
    server.start()
    server.pin()
    yield server
    server.stop()


def pinned(path: Path, port: int) -> None:
    key = HostKey(KEY.get_name(), KEY.asbytes())
    pin(path, "127.0.0.1", port, key, key.fingerprint)


def run(home: Path, command: str, server: Server, hosts: dict[str, int]) -> tuple[dict[str, Any], str, float, float]:
    """Its document, all it wrote, seconds, and MB at its peak."""
    (home / "auditor.toml").write_text(
        f'[ssh]\nuser = "{server.user}"\nkey = "{server.folder / "user_key"}"\npassword = {{ env = "PASSWORD" }}\n'
        f'known_hosts = "{server.folder / "known_hosts"}"\n'
        f"[deadlines]\nconnect = 12\nauthenticate = 12\ncommand = 20\nhost = {DEADLINE:g}\n[limits]\nconcurrency = 64\n"
        + "".join(f'[[host]]\nname = "{name}.test"\naddress = "127.0.0.1:{port}"\n' for name, port in hosts.items())
    )
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, home / "status", command, "--json", "--config", home / "auditor.toml"],
        capture_output=True, text=True, check=False, env=os.environ | {"PASSWORD": "irrelevant"}, timeout=280,
    )  # fmt: skip
    took = time.monotonic() - begun
    assert "Traceback" not in done.stderr, done.stderr
    peak = next(line for line in (home / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return json.loads(done.stdout), done.stdout + done.stderr, took, int(peak.split()[1]) / 1024


def test_no_peer_holds_or_fills_a_run(tmp_path: Path, healthy: Server) -> None:
    _, _, alone, _ = run(tmp_path, "audit", healthy, {"healthy": healthy.port})
    peers = Peers(BEHAVIOURS)
    names = {f"h{number}": name for number, name in enumerate(BEHAVIOURS)}
    for name, behaviour in BEHAVIOURS.items():
        if behaviour.pinned:
            pinned(healthy.folder / "known_hosts", peers.ports[name])
    hosts = {host: peers.ports[name] for host, name in names.items()} | {"healthy": healthy.port}
    document, said, took, peak = run(tmp_path, "audit", healthy, hosts)
    peers.close()
    product = {host["name"].removesuffix(".test"): host["product"] for host in document["hosts"]}
    found = {name: product[host].get("unread", "read") for host, name in names.items()}
    print(*(f"{found[name]:12} {name}" for name in BEHAVIOURS), sep="\n")
    print(f"{took:.1f} s of {DEADLINE:g} + 5 (one healthy host alone: {alone:.1f} s), {peak:.0f} MB of {PEAK}")
    assert found == {name: behaviour.reason for name, behaviour in BEHAVIOURS.items()}
    assert product["healthy"]["value"]["build"] == "24755229"
    assert took <= alone + DEADLINE + 5
    assert peak <= PEAK
    assert "\x1b" not in said
    assert ESCAPES[1:] not in said.replace("\\u001b", "")


def test_a_key_that_changes_in_mid_run(tmp_path: Path) -> None:
    """What was read under the pinned key stands; what the other key answers is not asked for."""
    keys = iter((KEY, OTHER_KEY))
    peers = Peers({})
    port = peers.serve(lambda connection: served(LetsIn, ends(b"no shell"), next(keys))(connection))
    settings = SshSettings(tmp_path / "known_hosts", connect_timeout=60, auth_timeout=60)
    pinned(settings.known_hosts, port)
    reader = SshHostReader(settings, lambda: "irrelevant", FixedClock())
    target = HostTarget("esx1.test", "127.0.0.1", port)
    first, second = reader.read(target).trouble, reader.read_banks(target).trouble
    peers.close()
    assert isinstance(first, Unread)
    assert isinstance(second, Unread)
    assert "no shell" in first.detail
    assert second.reason is Reason.CHANGED


def test_a_key_that_changes_between_runs_leaves_what_was_read(tmp_path: Path, healthy: Server) -> None:
    before, *_ = run(tmp_path, "audit", healthy, {"esx1": healthy.port})
    healthy.stop()
    healthy.keygen("other_key", "ecdsa")
    healthy.start("other_key")
    after, *_ = run(tmp_path, "audit", healthy, {"esx1": healthy.port})
    (host,) = after["hosts"]
    assert host["product"]["unread"] == "changed"
    assert host["last_seen"] == before["hosts"][0]["last_seen"]
    assert "identity-changed" in {finding["code"] for finding in after["findings"]}
