"""The SSH route against a simulated host: ESXi's way of asking for a password, and an image waiting for a reboot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.domain.observation import Read, Reason
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import pin
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import make_image
from auditor.ports import HostTarget

RUNNING = "8.0.3-0.70.24674464"
STAGED = "9.0.0.0.24755229"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def host() -> Iterator[LabHost]:
    host = LabHost("esx1.lab.example", make_image(RUNNING), address="127.1.7.1")
    fleet = SshFleet([host])
    fleet.start()
    try:
        yield host
    finally:
        fleet.stop()


def reader(host: LabHost, folder: Path, password: str) -> SshHostReader:
    key, _ = fetch_host_key(host.address, host.port)
    pin(folder / "known_hosts", host.address, host.port, key, key.fingerprint)
    settings = SshSettings(folder / "known_hosts", connect_timeout=2, auth_timeout=5, host_deadline=30)
    return SshHostReader(settings, lambda: password, FixedClock())


def target(host: LabHost) -> HostTarget:
    return HostTarget(host.name, host.address, host.port)


def test_password_by_keyboard_interactive(host: LabHost, tmp_path: Path) -> None:
    seen = reader(host, tmp_path, DEFAULT_PASSWORD).read(target(host))
    assert seen.trouble is None
    assert isinstance(seen.product, Read)
    assert (seen.product.value.version, seen.product.value.build) == ("8.0.3", "24674464")
    assert isinstance(seen.base_image, Read)
    assert seen.base_image.value.version.raw == RUNNING
    assert isinstance(seen.vibs, Read)
    assert isinstance(seen.components, Read)
    assert seen.staged == Read(None)
    assert all(isinstance(bank.boot_cfg, Read) and isinstance(bank.target, Read) for bank in seen.banks)


def test_wrong_password(host: LabHost, tmp_path: Path) -> None:
    seen = reader(host, tmp_path, "wrong").read(target(host))
    assert seen.trouble is not None
    assert seen.trouble.reason is Reason.DENIED
    assert "wrong" not in seen.trouble.detail.replace("too many wrong passwords", "")


def test_staged_image(host: LabHost, tmp_path: Path) -> None:
    host.stage(make_image(STAGED))
    seen = reader(host, tmp_path, DEFAULT_PASSWORD).read(target(host))
    assert isinstance(seen.staged, Read)
    assert seen.staged.value is not None
    assert "24755229" in seen.staged.value.profile
    assert any(vib.name == "esx-base" for vib in seen.staged.value.vibs)
    assert isinstance(seen.product, Read)
    assert seen.product.value.build == "24674464"


def test_host_that_shows_another_key(host: LabHost, tmp_path: Path) -> None:
    own = reader(host, tmp_path, DEFAULT_PASSWORD)
    host.faults["ssh"] = "wrong-host-key"
    seen = own.read(target(host))
    assert seen.trouble is not None
    assert seen.trouble.reason is Reason.CHANGED


def test_host_that_hangs_before_its_banner(host: LabHost, tmp_path: Path) -> None:
    own = reader(host, tmp_path, DEFAULT_PASSWORD)
    host.faults["ssh"] = "hang-before-banner"
    seen = own.read(target(host))
    assert seen.trouble is not None
    assert seen.trouble.reason is Reason.TIMED_OUT
