"""Hosts for the tests of the simulated fleet."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabImage, make_image

OLD = "8.0.3-0.60.24585383"
NEW = "8.0.3-0.70.24674464"


@pytest.fixture
def old_image() -> LabImage:
    return make_image(OLD)


@pytest.fixture
def new_image() -> LabImage:
    return make_image(NEW)


@pytest.fixture
def host(old_image: LabImage) -> LabHost:
    return LabHost("esx01.lab.local", old_image)


@pytest.fixture
def serve() -> Iterator[Callable[..., LabHost]]:
    """A function that puts a host with these settings on the wire."""
    fleets: list[SshFleet] = []

    def make(base_image: str = OLD, **settings: Any) -> LabHost:
        host = LabHost("esx01.lab.local", make_image(base_image), address="127.1.0.1", **settings)
        fleet = SshFleet([host])
        fleet.start()
        fleets.append(fleet)
        return host

    yield make
    for fleet in fleets:
        fleet.stop()


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's ECDSA key, made by the library the lab's server does not use."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path = tmp_path_factory.mktemp("key") / "id_ecdsa"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    )
    path.chmod(0o600)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(public + b"\n")
    return path


def ssh_command(ssh: str, host: LabHost, key_file: Path, known_hosts: Path) -> list[str]:
    """An OpenSSH command line that trusts nothing but ``known_hosts``."""
    options = {
        "BatchMode": "yes", "StrictHostKeyChecking": "yes", "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null", "IdentitiesOnly": "yes", "ConnectTimeout": "10",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [ssh, "-F", "/dev/null", "-i", str(key_file), *words, "-p", str(host.port), f"root@{host.address}"]


def run_ssh(
    ssh: str, host: LabHost, key_file: Path, tmp_path: Path, *command: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(host.known_hosts_line() + "\n")
    return subprocess.run(
        [*ssh_command(ssh, host, key_file, known_hosts), *command],
        input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
