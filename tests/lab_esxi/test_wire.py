"""The SSH face, with OpenSSH's client and paramiko as clients that know nothing of the server."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest

from auditor.domain.readings.registry import COMMANDS
from auditor.esxi.script import new_nonce, parse, render
from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.shell.run import run_script
from tests import judges
from tests.lab_esxi.conftest import NEW, OLD, run_ssh, ssh_command

Serve = Callable[..., LabHost]


@contextmanager
def paramiko_client(host: LabHost, tmp_path: Path, **login: Any) -> Iterator[paramiko.SSHClient]:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(host.known_hosts_line() + "\n")
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(known_hosts))
        client.connect(
            host.address, host.port, "root", look_for_keys=False, allow_agent=False, timeout=60, banner_timeout=60,
            auth_timeout=60, **login,
        )  # fmt: skip
        yield client


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def listens(host: LabHost) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host.address, host.port)) == 0


@pytest.mark.judge("ssh")
def test_openssh_logs_in_with_a_key_and_runs_a_command(serve: Serve, key_file: Path, tmp_path: Path) -> None:
    ssh = judges.need("ssh")
    host = serve(authorized_keys=[key_file.with_suffix(".pub").read_text().strip()])
    result = run_ssh(ssh, host, key_file, tmp_path, "vmware -vl; echo trouble >&2; exit 3")
    assert result.stdout == "VMware ESXi 8.0.3 build-24585383\nVMware ESXi 8.0 Update 3\n"
    assert result.stderr == "trouble\n"
    assert result.returncode == 3


@pytest.mark.judge("ssh")
def test_openssh_can_feed_a_script_to_sh_and_reads_long_output(serve: Serve, key_file: Path, tmp_path: Path) -> None:
    ssh = judges.need("ssh")
    host = serve(authorized_keys=[key_file.with_suffix(".pub").read_text().strip()])
    script = "seq 1 200000; esxcli software vib list | wc -l; exit 5\n"
    result = run_ssh(ssh, host, key_file, tmp_path, "/bin/sh", stdin=script)
    lines = result.stdout.splitlines()
    assert lines[:200000] == [str(number) for number in range(1, 200001)]
    assert int(lines[-1]) > 80
    assert result.returncode == 5


@pytest.mark.judge("ssh")
def test_openssh_gets_a_prompt_at_a_terminal(serve: Serve, key_file: Path, tmp_path: Path) -> None:
    ssh = judges.need("ssh")
    host = serve(authorized_keys=[key_file.with_suffix(".pub").read_text().strip()])
    typed = "cd /bootbank\nif true; then\necho in-if\nfi\nno_such\nexit 4\n"
    result = run_ssh(ssh, host, key_file, tmp_path, "-tt", stdin=typed)
    assert "[root@esx01:~] " in result.stdout
    assert f"[root@esx01:/vmfs/volumes/{host.banks[0].volume}] " in result.stdout
    assert re.search(r"(?<!echo )in-if\n", result.stdout), result.stdout
    assert "sh: no_such: not found" in result.stdout
    assert result.returncode == 4


@pytest.mark.judge("ssh")
def test_openssh_refuses_a_host_that_shows_another_key(serve: Serve, key_file: Path, tmp_path: Path) -> None:
    ssh = judges.need("ssh")
    keys = [key_file.with_suffix(".pub").read_text().strip()]
    host = serve(authorized_keys=keys, faults={"ssh": "wrong-host-key"})
    result = run_ssh(ssh, host, key_file, tmp_path, "vmware -v")
    assert result.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in result.stderr
    host.set_faults({})
    assert run_ssh(ssh, host, key_file, tmp_path, "vmware -v").returncode == 0


@pytest.mark.judge("ssh")
def test_openssh_sees_only_fips_algorithms(serve: Serve, key_file: Path, tmp_path: Path) -> None:
    ssh = judges.need("ssh")
    host = serve()
    (tmp_path / "known_hosts").write_text("")
    command = ssh_command(ssh, host, key_file, tmp_path / "known_hosts")
    for option, offered in (
        ("HostKeyAlgorithms=ssh-ed25519", "ecdsa-sha2-nistp256"),
        ("KexAlgorithms=curve25519-sha256", "ecdh-sha2-nistp256"),
        ("Ciphers=chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"),
    ):
        result = subprocess.run(
            [command[0], "-o", option, *command[1:], "true"], capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 255
        assert offered in result.stderr.partition("Their offer: ")[2], result.stderr


def test_paramiko_falls_back_from_password_to_keyboard_interactive(serve: Serve, tmp_path: Path) -> None:
    host = serve(password="s3cret!")
    with paramiko_client(host, tmp_path, password="s3cret!") as client:
        _, out, _ = client.exec_command("esxcli system version get | grep Build; exit 9")
        assert out.read() == b"   Build: Releasebuild-24585383\n"
        assert out.channel.recv_exit_status() == 9


def test_paramiko_keyboard_interactive_alone(serve: Serve, tmp_path: Path) -> None:
    host = serve()
    with socket.create_connection((host.address, host.port), 10) as connection:
        transport = paramiko.Transport(connection)
        transport.start_client(timeout=60)
        asked: list[Any] = []

        def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
            asked.extend(prompts)
            return [host.password]

        with pytest.raises(paramiko.BadAuthenticationType) as refused:
            transport.auth_none("root")
        assert set(refused.value.allowed_types) == {"publickey", "keyboard-interactive"}
        assert transport.auth_interactive("root", answer) == []
        assert asked == [("Password: ", False)]
        transport.close()


def test_five_wrong_passwords_lock_the_account(serve: Serve, tmp_path: Path, key_file: Path) -> None:
    host = serve(authorized_keys=[key_file.with_suffix(".pub").read_text().strip()])
    for _ in range(5):
        with pytest.raises(paramiko.AuthenticationException), paramiko_client(host, tmp_path, password="wrong"):
            pass
    with pytest.raises(paramiko.AuthenticationException), paramiko_client(host, tmp_path, password=host.password):
        pass
    with paramiko_client(host, tmp_path, key_filename=str(key_file)):
        pass


def test_other_users_and_unknown_keys_are_refused(serve: Serve, tmp_path: Path, key_file: Path) -> None:
    host = serve()
    key = paramiko.ECDSAKey.from_private_key_file(str(key_file))
    with pytest.raises(paramiko.AuthenticationException), paramiko_client(host, tmp_path, pkey=key):
        pass
    with socket.create_connection((host.address, host.port), 10) as connection, paramiko.Transport(connection) as transport:
        transport.start_client(timeout=60)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive("admin", lambda *_: [host.password])


def test_the_collectors_own_script_brings_every_reading(serve: Serve, tmp_path: Path) -> None:
    host = serve()
    nonce = new_nonce()
    with paramiko_client(host, tmp_path, password=host.password) as client:
        _, out, err = client.exec_command(render(nonce))
        answers = parse(nonce, out.read(), err.read())
    assert list(answers) == [command.name for command in COMMANDS]
    for name, answer in answers.items():
        assert answer.fault is None, (name, answer)
        assert answer.status == 0, (name, answer)
    assert answers["bootbank-cfg"].data == host.banks[0].files["boot.cfg"]
    alone = asyncio.run(run_script(host, "esxcli software vib list"))
    assert answers["vib-list"].data == alone.stdout


def test_a_dropped_connection_leaves_half_an_answer(serve: Serve, tmp_path: Path) -> None:
    host = serve(faults={"ssh": "drop-mid-output", "drop_after": 1000})
    with paramiko_client(host, tmp_path, password=host.password) as client:
        _, out, _ = client.exec_command("esxcli software vib list; echo never")
        assert len(out.read()) == 1000
        assert out.channel.recv_exit_status() == -1


def test_hanging_hosts_accept_and_stay_silent(serve: Serve, tmp_path: Path) -> None:
    host = serve(faults={"ssh": "hang-before-banner"})
    with socket.create_connection((host.address, host.port), 5) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    host.set_faults({"ssh": "hang-after-auth"})
    with paramiko_client(host, tmp_path, password=host.password) as client:
        _, out, _ = client.exec_command("vmware -v", timeout=0.3)
        with pytest.raises(TimeoutError):
            out.read()


def test_nothing_listens_while_the_host_is_away(serve: Serve, tmp_path: Path) -> None:
    host = serve(reboot_seconds=0.3)
    host.stage(make_image(NEW))
    with paramiko_client(host, tmp_path, password=host.password) as client:
        _, out, _ = client.exec_command("reboot")
        assert out.channel.recv_exit_status() == 0
        until(lambda: not listens(host))
        transport = client.get_transport()
        assert transport is not None
        until(lambda: not transport.is_active())
    until(lambda: listens(host))
    with paramiko_client(host, tmp_path, password=host.password) as client:
        _, out, _ = client.exec_command("vmware -v")
        assert out.read() == b"VMware ESXi 8.0.3 build-24674464\n"


def test_the_listener_follows_the_service_and_the_refusing_fault(serve: Serve) -> None:
    host = serve()
    port = host.port
    for change in (lambda: setattr(host, "ssh_enabled", False), lambda: host.set_faults({"ssh": "refuse"})):
        change()
        until(lambda: not listens(host))
        host.set_faults({})
        host.ssh_enabled = True
        until(lambda: listens(host))
        assert host.port == port


def test_a_thousand_hosts_start_at_once() -> None:
    image = make_image(OLD)
    hosts = [LabHost(f"esx{n:04}.lab.local", image, address=f"127.1.{n // 250}.{n % 250 + 1}") for n in range(1000)]
    with SshFleet(hosts):
        assert all(listens(host) for host in hosts[::50])
        lines = {host.known_hosts_line().split()[2] for host in hosts[:50]}
        assert len(lines) == 50, "every host has a key of its own"
    assert not listens(hosts[0])


def test_a_host_that_comes_up_takes_its_port_back_as_soon_as_it_is_free(serve: Serve) -> None:
    host = serve()
    assert listens(host)
    host.set_faults({"ssh": "refuse"})
    until(lambda: not listens(host))
    with socket.socket() as other:  # as a process does that was started before the listener closed and holds a copy of it
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host.address, host.port))
        other.listen()
        host.set_faults({})
        time.sleep(0.2)
    until(lambda: listens(host))
    with socket.create_connection((host.address, host.port), timeout=10) as connection:
        assert connection.recv(7) == b"SSH-2.0"
