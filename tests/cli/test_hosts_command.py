"""``auditor hosts``: nothing is pinned that nobody confirmed."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from auditor import documents
from tests.cli.conftest import Run


class Listener:
    """An SSH server on a free port of 127.0.0.1 that shows one of ``keys``."""

    def __init__(self, *keys: asyncssh.SSHKey) -> None:
        self.loop = asyncio.new_event_loop()
        starting = asyncssh.create_server(asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=list(keys))
        self.server = self.loop.run_until_complete(starting)
        self.port: int = self.server.get_port()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def listener(config: Path) -> Iterator[Listener]:
    made = Listener(asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
    config.write_text(config.read_text().replace("127.0.0.1:2201", f"127.0.0.1:{made.port}"))
    yield made
    made.stop()


class Typist(io.StringIO):
    """A terminal at which someone types."""

    def isatty(self) -> bool:
        return True


def shown(auditor: Run) -> str:
    """The fingerprint that the host shows, learnt from a refused attempt."""
    done = auditor("hosts", "trust", "esx01.example.org")
    assert done.code == 5
    found = re.search(r"SHA256:[A-Za-z0-9+/]{43}", done.err)
    assert found
    return found[0]


def test_list_shows_hosts_of_configuration_and_history(auditor: Run, recorded: Path) -> None:
    done = auditor("hosts", "list", "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert documents.problems(document, "hosts.v1") == ()
    assert [(host["name"], host["address"], host["pinned"]) for host in document["hosts"]] == [
        ("esx01.example.org", "127.0.0.1:2201", []),
        ("esx02.example.org", "esx02.example.org:22", []),
        ("esx03.example.org", "esx03.example.org:22", []),
        ("esx04.example.org", "esx04.example.org:22", []),
        ("esx99.example.org", "127.0.0.9:2299", []),
    ]
    text = auditor("hosts", "list")
    assert "esx01.example.org  127.0.0.1:2201  no host key pinned" in text.out
    assert "next: auditor hosts trust esx01.example.org   (5 without" in text.err


def test_the_right_fingerprint_pins(auditor: Run, listener: Listener, home: Path) -> None:
    fingerprint = shown(auditor)
    assert not (home / "known_hosts").exists()
    done = auditor("hosts", "trust", "ESX01.example.org", "--fingerprint", fingerprint)
    assert done.code == 0
    assert (home / "known_hosts").read_text().startswith(f"[127.0.0.1]:{listener.port} ecdsa-sha2-nistp256 ")
    assert fingerprint in auditor("hosts", "list").out
    again = auditor("hosts", "trust", "esx01.example.org")
    assert again.code == 0
    assert "pinned already" in again.err


def test_another_fingerprint_pins_nothing(auditor: Run, listener: Listener, home: Path) -> None:
    done = auditor("hosts", "trust", "esx01.example.org", "--fingerprint", "SHA256:" + "A" * 43)
    assert done.code == 1
    assert not (home / "known_hosts").exists()


@pytest.mark.parametrize("right", [True, False])
def test_at_a_terminal_the_end_of_the_fingerprint_is_typed(
    right: bool, auditor: Run, listener: Listener, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = shown(auditor)
    monkeypatch.setattr("sys.stdin", Typist(f"{fingerprint[-6:] if right else 'yes'}\n"))
    done = auditor("hosts", "trust", "esx01.example.org")
    assert done.code == (0 if right else 5)
    assert (home / "known_hosts").exists() == right


def test_a_changed_key_is_said_and_replaced_only_when_confirmed(auditor: Run, listener: Listener, home: Path) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key("openssh").decode().strip()
    old = f"[127.0.0.1]:{listener.port} {other}\n"
    (home / "known_hosts").write_text(old)
    done = auditor("hosts", "trust", "esx01.example.org")
    assert done.code == 5
    assert "THE HOST KEY HAS CHANGED" in done.err
    assert (home / "known_hosts").read_text() == old
    assert auditor("hosts", "trust", "esx01.example.org", "--fingerprint", shown(auditor)).code == 0
    lines = (home / "known_hosts").read_text().splitlines()
    assert len(lines) == 1
    assert other.split()[1] not in lines[0]


def test_a_host_that_does_not_answer(auditor: Run) -> None:
    done = auditor("hosts", "trust", "esx01.example.org", "--fingerprint", "SHA256:" + "A" * 43)
    assert done.code == 1
    assert "127.0.0.1" in done.err


def test_a_host_is_named_as_a_person_types_it(auditor: Run, recorded: Path) -> None:
    for typed in ("ESX99", "127.0.0.9"):
        assert "127.0.0.9 port 2299" in auditor("hosts", "trust", typed).err
    unknown = auditor("hosts", "trust", "127.0.0.1:1", "--fingerprint", "SHA256:" + "A" * 43)
    assert (unknown.code, "127.0.0.1 port 1" in unknown.err) == (1, True)


def test_without_ssh_there_is_nothing_to_pin(auditor: Run, config: Path) -> None:
    text = config.read_text()
    config.write_text(text[: text.index("[ssh]")])
    for arguments in (("list",), ("trust", "esx01")):
        done = auditor("hosts", *arguments)
        assert done.code == 1
        assert "the ssh route is off" in done.err
