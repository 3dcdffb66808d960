"""A real OpenSSH server for tests, with stub commands for what an ESXi host has."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from auditor.domain.observation import HostObservation, Reason, Unread
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import pin
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
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
        self.port = 0
        """Chosen at the first start, and kept."""
        self.options: list[str] = []
        """Lines of configuration that come before ours: sshd takes the first it finds of a kind."""
        self.program = Path(need("sshd"))
        self.process: subprocess.Popen[bytes] | None = None
        self.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()

    def keygen(self, name: str, kind: str, passphrase: str = "") -> Path:
        path = self.folder / name
        subprocess.run([need("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
        return path

    def start(self, *host_keys: str) -> None:
        """Serve. Between the search for a free port and its use another program may take it, whose answers would be taken
        for this one's: only what our own sshd says of its port counts."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it when it is root, wherever its own files are
        chosen = self.port
        for _ in range(20):
            self.port = chosen or free_port()
            if self._serves(host_keys or ("host_key",)):
                return
            time.sleep(0.2)
        raise AssertionError((self.folder / "log").read_text())

    def _serves(self, host_keys: tuple[str, ...]) -> bool:
        """Whether sshd has its port; False: it is in use."""
        config = [
            *self.options,
            f"ListenAddress 127.0.0.1:{self.port}",
            *(f"HostKey {self.folder / name}" for name in host_keys),
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
        with (self.folder / "log").open("ab") as log:
            before = log.tell()
            process = self.process = subprocess.Popen([self.program, "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log)

        def told() -> str:
            return (self.folder / "log").read_bytes()[before:].decode()

        until(lambda: f"Server listening on 127.0.0.1 port {self.port}" in told() or process.poll() is not None, told, 30)
        if process.poll() is None:
            return True
        assert "Address already in use" in told(), told()
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def sessions(self) -> list[int]:
        """The processes that serve one connection each: children of the one we started."""
        assert self.process is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended meanwhile
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                if int(parent) == self.process.pid and state != "Z":
                    found.append(int(stat.parent.name))
        return found

    def drop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End every connection, or what else ``how`` does to it."""
        for session in self.sessions():
            with suppress(ProcessLookupError):  # it may have ended by itself since it was seen
                os.kill(session, how)

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
            connect_timeout=50,
            auth_timeout=50,
            command_timeout=50,
            host_deadline=120,
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


def until(condition: Callable[[], bool], told: Callable[[], str] = str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.02)


def trouble(observation: HostObservation) -> Unread:
    assert observation.trouble is not None
    assert observation.trouble.detail
    assert observation.product == Unread(Reason.NOT_ATTEMPTED)
    return observation.trouble
