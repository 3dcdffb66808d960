"""The SSH route against a real OpenSSH server, and against peers that do not behave."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.domain.observation import HostObservation, Read, Reason, Route, Unread
from auditor.errors import ConfigError, ConnectError, DeadlineError
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import pin
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh import fetch_host_key
from auditor.ports import HostTarget
from tests.judges import need

SAMPLES = Path(__file__).parent.parent / "readings"
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return AT


class Server:
    """A real sshd for the user who runs the tests: own port, own host key, key login only, stub commands on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("host_key", "user_key"):
            self.keygen(name, "ecdsa")
        (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text())
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()

    def keygen(self, name: str, kind: str, passphrase: str = "") -> Path:
        path = self.folder / name
        subprocess.run([need("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
        return path

    def start(self, *host_keys: str) -> None:
        config = [
            f"ListenAddress 127.0.0.1:{self.port}",
            *(f"HostKey {self.folder / name}" for name in host_keys or ("host_key",)),
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'pid'}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitUserEnvironment no",
            # A home of its own keeps the start-up files of whoever runs the tests out of it.
            f"SetEnv PATH={self.bin}:/usr/bin:/bin HOME={self.folder}",
        ]
        (self.folder / "sshd_config").write_text("\n".join(config) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it when it is root, wherever its own files are
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen([need("sshd"), "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log)
        until(lambda: listening(self.port), lambda: (self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def stub(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def settings(self, **changes: object) -> SshSettings:
        settings = SshSettings(
            known_hosts=self.folder / "known_hosts",
            user=self.user,
            port=self.port,
            key=self.folder / "user_key",
            connect_timeout=5,
            auth_timeout=5,
            command_timeout=5,
            host_deadline=30,
        )
        return replace(settings, **changes)

    @property
    def target(self) -> HostTarget:
        return HostTarget("ESX1.example", "127.0.0.1", self.port, "vc1")

    def pin(self) -> None:
        key, _ = fetch_host_key("127.0.0.1", self.port)
        pin(self.folder / "known_hosts", "127.0.0.1", self.port, key, key.fingerprint)

    def read(self, **changes: object) -> HostObservation:
        return SshHostReader(self.settings(**changes), None, FixedClock()).read(self.target)

    def stub_an_esxi(self) -> None:
        """The commands of an ESXi 9.0.0, from recorded outputs where there are some."""
        shutil.copy(SAMPLES / "vib-list" / "9.0.0-24755229-vanilla.txt", self.bin / "vibs")
        shutil.copy(SAMPLES / "system-version" / "9.0.0-24755229.txt", self.bin / "version")
        self.stub("vmware", "echo 'VMware ESXi 9.0.0 build-24755229'; echo 'VMware ESXi 9.0.0 GA'")
        self.stub("cat", 'case $1 in */boot.cfg) printf "updated=1\\n\\000\\377" ;; *) exec /bin/cat "$@" ;; esac')
        self.stub("readlink", "echo /vmfs/volumes/01234567-89abcdef-0123-456789abcdef")
        self.stub(
            "esxcli",
            f"""case "$*" in
"system version get") cat {self.bin}/version ;;
"system maintenanceMode get") echo Disabled ;;
"software profile get") printf 'ESXi-9.0.0-24755229-standard\\n   Name: ESXi-9.0.0-24755229-standard\\n   Vendor: VMware\\n' ;;
"software vib list") cat {self.bin}/vibs ;;
"software profile get --rebooting-image") printf 'No pending image profile available.\\n' ;;
"software vib list --rebooting-image" | "software addon get") ;;
*) echo "Error: Unknown command or namespace $*"; echo; exit 1 ;;
esac""",
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool], told: Callable[[], str] = str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    need("sshd")
    server = Server(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def trouble(observation: HostObservation) -> Unread:
    assert observation.trouble is not None
    assert observation.trouble.detail
    assert observation.product == Unread(Reason.NOT_ATTEMPTED)
    return observation.trouble


class TestRealServer:
    def test_all_readings_in_one_go(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        seen = server.read()
        assert (seen.host, seen.route, seen.at, seen.vcenter, seen.trouble) == ("esx1.example", Route.SSH, AT, "vc1", None)
        assert isinstance(seen.product, Read)
        assert (seen.product.value.version, seen.product.value.build) == ("9.0.0", "24755229")
        assert (seen.product.value.label, seen.product.value.patch) == ("VMware ESXi 9.0.0 GA", "0")
        assert seen.maintenance_mode == Read(False)
        assert isinstance(seen.profile, Read)
        assert isinstance(seen.vibs, Read)
        assert len(seen.vibs.value) == 112
        assert seen.add_on == Read(None)
        assert seen.staged == Read(None)
        for reading in (seen.base_image, seen.components):
            assert isinstance(reading, Unread)
            assert reading.reason is Reason.NOT_SUPPORTED
        assert [bank.link for bank in seen.banks] == ["/bootbank", "/altbootbank"]
        for bank in seen.banks:
            assert bank.target == Read("/vmfs/volumes/01234567-89abcdef-0123-456789abcdef")
            assert bank.boot_cfg == Read(b"updated=1\n\0\xff")

    def test_one_command_hangs(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("vmware", "sleep 1000")
        server.pin()
        seen = server.read(command_timeout=1)
        assert seen.trouble is None
        assert isinstance(seen.product, Read)  # esxcli said it as well
        assert isinstance(seen.vibs, Read)

    def test_deadline_of_the_host_keeps_what_came_before(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("readlink", "sleep 1000")
        server.pin()
        started = time.monotonic()
        seen = server.read(host_deadline=2, command_timeout=60)
        assert time.monotonic() - started < 5
        assert seen.trouble is None
        assert isinstance(seen.product, Read)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.TIMED_OUT

    def test_connection_dropped_in_the_middle(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("readlink", f"touch {server.folder}/reached; sleep 5")
        server.pin()
        threading.Thread(target=self._drop, args=(server,)).start()
        seen = server.read()
        assert isinstance(seen.product, Read)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.CUT_OFF

    @staticmethod
    def _drop(server: Server) -> None:
        """End the server's process for this connection: its children are sessions of the one we started."""
        until((server.folder / "reached").exists)
        assert server.process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        for child in children:
            os.kill(int(child), 9)

    def test_host_that_sends_too_much(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        seen = server.read(output_limit=1500)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.TOO_LARGE

    def test_unknown_host_key(self, server: Server) -> None:
        found = trouble(server.read())
        key, line = fetch_host_key("127.0.0.1", server.port)
        assert found.reason is Reason.UNTRUSTED
        assert key.fingerprint in found.detail
        assert "auditor hosts trust ESX1.example" in found.detail
        assert line.startswith(f"[127.0.0.1]:{server.port} ecdsa-sha2-nistp256 ")

    def test_changed_host_key(self, server: Server) -> None:
        server.pin()
        before, _ = fetch_host_key("127.0.0.1", server.port)
        server.stop()
        (server.folder / "host_key").unlink()
        server.keygen("host_key", "ecdsa")
        server.start()
        after, _ = fetch_host_key("127.0.0.1", server.port)
        found = trouble(server.read())
        assert found.reason is Reason.UNTRUSTED
        assert before.fingerprint in found.detail
        assert after.fingerprint in found.detail

    def test_host_with_two_keys_of_which_one_is_pinned(self, server: Server) -> None:
        """The pinned kind is asked for, even where the other one would be taken first."""
        server.stop()
        server.keygen("host_key_rsa", "rsa")
        server.start("host_key_rsa")
        server.pin()
        server.stop()
        server.start("host_key", "host_key_rsa")
        assert server.read().trouble is None

    def test_revoked_key(self, server: Server) -> None:
        server.pin()
        file = server.folder / "known_hosts"
        file.write_text(file.read_text() + f"@revoked {file.read_text()}")
        assert trouble(server.read()).reason is Reason.UNTRUSTED

    @pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
    def test_kinds_of_user_keys_and_passphrase(self, server: Server, kind: str) -> None:
        server.pin()
        path = server.keygen(f"other_{kind}", kind, "open sesame")
        (server.folder / "authorized_keys").write_text(path.with_name(f"{path.name}.pub").read_text())
        reader = SshHostReader(server.settings(key=path), None, FixedClock(), passphrase=lambda: "open sesame")
        assert reader.read(server.target).trouble is None

    def test_refused_login(self, server: Server) -> None:
        server.pin()
        (server.folder / "authorized_keys").write_text("")
        found = trouble(server.read())
        assert found.reason is Reason.DENIED
        assert "lockdown" in found.detail

    def test_password_is_tried_once_and_shown_nowhere(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        server.pin()
        (server.folder / "authorized_keys").write_text("")
        asked = []
        reader = SshHostReader(server.settings(), lambda: asked.append(1) or "s3cret-word", FixedClock())
        with caplog.at_level(logging.DEBUG):
            for _ in range(2):
                assert trouble(reader.read(server.target)).reason is Reason.DENIED
        assert asked == [1]
        assert "s3cret-word" not in repr(reader) + repr(vars(reader)) + caplog.text

    def test_many_threads_share_one_reader(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        reader = SshHostReader(server.settings(), None, FixedClock())
        seen: list[HostObservation] = []
        threads = [threading.Thread(target=lambda: seen.append(reader.read(server.target))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({repr(one) for one in seen}) == 1
        assert seen[0].trouble is None


class TestConfiguration:
    def test_nothing_to_log_in_with(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError):
            SshHostReader(SshSettings(tmp_path / "known_hosts"), None, FixedClock())

    def test_bad_keys(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("not a key")
        locked = tmp_path / "locked"
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ecdsa", "-N", "open sesame", "-f", locked], check=True)
        for path, passphrase in (
            (tmp_path / "none", None),
            (tmp_path / "text", None),
            (locked, None),
            (locked, lambda: "wrong"),
        ):
            with pytest.raises(ConfigError) as caught:
                SshHostReader(SshSettings(tmp_path / "known_hosts", key=path), None, FixedClock(), passphrase)
            assert caught.value.where == str(path)

    def test_password_that_cannot_be_had_is_not_the_hosts_fault(self, tmp_path: Path, server: Server) -> None:
        def provider() -> str:
            raise ConfigError("the helper command failed")

        server.pin()
        reader = SshHostReader(server.settings(key=None), provider, FixedClock())
        for _ in range(2):
            with pytest.raises(ConfigError):
                reader.read(server.target)


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


def read_from(port: int, tmp_path: Path, address: str = "127.0.0.1", **changes: object) -> tuple[Unread, float]:
    settings = SshSettings(tmp_path / "known_hosts", connect_timeout=1, auth_timeout=1, host_deadline=5)
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
    def test_nobody_listens(self, tmp_path: Path) -> None:
        found, _ = read_from(free_port(), tmp_path)
        assert found.reason is Reason.UNREACHABLE
        assert "TSM-SSH" in found.detail

    def test_no_such_name(self, tmp_path: Path) -> None:
        found, _ = read_from(22, tmp_path, address="no-such-host.invalid")
        assert found.reason is Reason.UNREACHABLE

    @pytest.mark.parametrize("behave", [silent, dripping])
    def test_no_banner(self, tmp_path: Path, peer: Callable[..., int], behave: Callable[[socket.socket], None]) -> None:
        found, took = read_from(peer(behave), tmp_path)
        assert found.reason is Reason.TIMED_OUT
        assert took < 3

    def test_banner_and_then_nothing(self, tmp_path: Path, peer: Callable[..., int]) -> None:
        def behave(connection: socket.socket) -> None:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            silent(connection)

        found, took = read_from(peer(behave), tmp_path)
        assert found.reason is Reason.TIMED_OUT
        assert took < 3

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

    def test_fetching_a_key_from_them(self, peer: Callable[..., int]) -> None:
        with pytest.raises(DeadlineError):
            fetch_host_key("127.0.0.1", peer(silent), timeout=0.5)
        with pytest.raises(ConnectError):
            fetch_host_key("127.0.0.1", free_port(), timeout=0.5)
