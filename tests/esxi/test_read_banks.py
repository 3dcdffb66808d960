"""The boot banks of simulated hosts over the wire: what is read, and the window that is judged from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK, BankObservation
from auditor.domain.rollback.judge import window_of
from auditor.domain.rollback.window import WindowKind
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import pin
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import LabVib, make_image
from auditor.ports import HostTarget

OLD = "8.0.3-0.60.24585383"
NEW = "8.0.3-0.70.24674464"
NOW = datetime(2026, 7, 1, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


def live_vib() -> LabVib:
    return LabVib("vmware-fdm", "8.0.3-24853646", "VMware", "VMwareCertified", "2026-06-30")


Serve = Callable[[LabHost], LabHost]


@pytest.fixture
def serve() -> Iterator[Serve]:
    fleets: list[SshFleet] = []

    def start(host: LabHost) -> LabHost:
        fleet = SshFleet([host])
        fleet.start()
        fleets.append(fleet)
        return host

    yield start
    for fleet in fleets:
        fleet.stop()


def read(host: LabHost, folder: Path, password: str = DEFAULT_PASSWORD) -> BankObservation:
    key, _ = fetch_host_key(host.address, host.port)
    pin(folder / "known_hosts", host.address, host.port, key, key.fingerprint)
    settings = SshSettings(folder / "known_hosts", connect_timeout=2, auth_timeout=5, host_deadline=30)
    reader = SshHostReader(settings, lambda: password, FixedClock())
    return reader.read_banks(HostTarget(host.name, host.address, host.port))


def updated_host() -> LabHost:
    host = LabHost("esx1.lab.example", make_image(OLD), address="127.1.9.1")
    host.remediate(make_image(NEW))
    return host


def test_an_updated_host_is_read_whole(serve: Serve, tmp_path: Path) -> None:
    host = serve(updated_host())
    seen = read(host, tmp_path)
    assert seen.trouble is None
    assert (seen.host, seen.at) == ("esx1.lab.example", NOW)
    for link, lab_bank in ((BOOTBANK, host.boot_bank), (ALTBOOTBANK, host.other_bank)):
        bank = seen.bank(link)
        assert lab_bank is not None
        assert lab_bank.image is not None
        assert bank.target == Read(f"/vmfs/volumes/{lab_bank.volume}")
        assert bank.boot_cfg == Read(lab_bank.files["boot.cfg"])
        assert bank.partition == Read(lab_bank.partition)
        assert isinstance(bank.files, Read)
        assert {(file.name, file.size) for file in bank.files.value} == {
            (name, len(data)) for name, data in lab_bank.files.items()
        }
        assert isinstance(bank.image, Read)
        assert {(vib.name, vib.version) for vib in bank.image.value.vibs} == {
            (vib.name, vib.version) for vib in lab_bank.image.vibs
        }
    assert isinstance(seen.volumes, Read)
    assert len(seen.volumes.value) == 2
    assert seen.live_marker == Read(False)
    state = window_of(seen)
    assert state.window.kind is WindowKind.OPEN
    assert state.window.leads_to("24585383")
    assert state.window.leads_to(OLD)
    assert not state.window.leads_to("24674464")
    assert isinstance(state.configuration_saved, Read)


def fresh() -> LabHost:
    return LabHost("esx1.lab.example", make_image(OLD), address="127.1.9.1")


def staged() -> LabHost:
    host = updated_host()
    host.stage(make_image("8.0.3-0.102.25595708"))
    return host


def live() -> LabHost:
    host = updated_host()
    host.live_install(live_vib())
    return host


def without_module() -> LabHost:
    host = updated_host()
    other = host.other_bank
    assert other is not None
    del other.files["vmx.v00"]
    return host


def lost_boot_device() -> LabHost:
    host = updated_host()
    host.set_faults({"links": "tmp"})
    return host


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (fresh, WindowKind.EMPTY, ""),
        (staged, WindowKind.PENDING_UPDATE, "first boot"),
        (live, WindowKind.CONSUMED, "without a reboot"),
        (without_module, WindowKind.UNHEALTHY, "vmx.v00"),
        (lost_boot_device, WindowKind.UNHEALTHY, "/tmp"),
    ],
)
def test_windows_over_the_wire(serve: Serve, tmp_path: Path, make: Callable[[], LabHost], kind: WindowKind, words: str) -> None:
    window = window_of(read(serve(make()), tmp_path)).window
    assert window.kind is kind, window
    assert words in window.reason


def test_a_refused_login_is_trouble_and_an_unknown_window(serve: Serve, tmp_path: Path) -> None:
    seen = read(serve(updated_host()), tmp_path, password="wrong")
    assert isinstance(seen.trouble, Unread)
    assert seen.trouble.reason is Reason.DENIED
    assert window_of(seen).window.kind is WindowKind.UNKNOWN
