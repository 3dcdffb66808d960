"""The SSH route against peers that do not behave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.observation import Reason, Unread
from auditor.errors import ConnectError, DeadlineError
from auditor.esxi.host import SshHostReader
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
from auditor.ports import HostTarget
from tests.esxi.sshd import FixedClock, trouble


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """A listener on loopback whose one connection is handed to a function."""
    listeners: list[socket.socket] = []

    def start(behave: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            try:
                connection, _ = listener.accept()
                with connection:
                    behave(connection)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that is taken, so that nobody else listens on it, and refuses connections."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def read_from(port: int, tmp_path: Path, address: str = "127.0.0.1", **changes: object) -> tuple[Unread, float]:
    settings = SshSettings(tmp_path / "known_hosts", connect_timeout=1, auth_timeout=1, host_deadline=60)
    reader = SshHostReader(replace(settings, **changes), lambda: "x", FixedClock())
    started = time.monotonic()
    observation = reader.read(HostTarget("esx1", address, port))
    return trouble(observation), time.monotonic() - started


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def dripping(connection: socket.socket) -> None:
    while True:
        connection.sendall(b".")
        time.sleep(0.05)


class TestPeersThatDoNotBehave:
    def test_nobody_listens(self, tmp_path: Path, deaf: int) -> None:
        found, _ = read_from(deaf, tmp_path)
        assert found.reason is Reason.UNREACHABLE
        assert "TSM-SSH" in found.detail

    def test_no_such_name(self, tmp_path: Path) -> None:
        found, _ = read_from(22, tmp_path, address="no-such-host.invalid")
        assert found.reason is Reason.UNREACHABLE

    @pytest.mark.parametrize("behave", [silent, dripping])
    def test_no_banner(self, tmp_path: Path, peer: Callable[..., int], behave: Callable[[socket.socket], None]) -> None:
        found, took = read_from(peer(behave), tmp_path)
        assert found.reason is Reason.TIMED_OUT
        assert took < 14  # paramiko's own limit is 15

    def test_banner_and_then_nothing(self, tmp_path: Path, peer: Callable[..., int]) -> None:
        def behave(connection: socket.socket) -> None:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            silent(connection)

        found, took = read_from(peer(behave), tmp_path)
        assert found.reason is Reason.TIMED_OUT
        assert took < 14  # paramiko's own limit is 15

    def test_closed_at_once(self, tmp_path: Path, peer: Callable[..., int]) -> None:
        found, _ = read_from(peer(lambda connection: None), tmp_path)
        assert found.reason in {Reason.CUT_OFF, Reason.FAILED}

    def test_not_ssh(self, tmp_path: Path, peer: Callable[..., int]) -> None:
        def behave(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        found, _ = read_from(peer(behave), tmp_path)
        assert found.reason in {Reason.FAILED, Reason.CUT_OFF}

    def test_no_thread_and_no_log_is_left(
        self, tmp_path: Path, peer: Callable[..., int], capfd: pytest.CaptureFixture[str]
    ) -> None:
        before = set(threading.enumerate())
        port = peer(silent)
        read_from(port, tmp_path)
        ours = {thread for thread in threading.enumerate() if thread not in before and "paramiko" in type(thread).__module__}
        for thread in ours:
            thread.join(2)
        assert not [thread for thread in ours if thread.is_alive()]
        assert capfd.readouterr() == ("", "")

    def test_fetching_a_key_from_them(self, peer: Callable[..., int], deaf: int) -> None:
        with pytest.raises(DeadlineError):
            fetch_host_key("127.0.0.1", peer(silent), timeout=0.5)
        with pytest.raises(ConnectError):
            fetch_host_key("127.0.0.1", deaf, timeout=0.5)
