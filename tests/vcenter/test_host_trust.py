"""A host that nobody pinned gets nothing, whatever it shows; and the file of pinned certificates."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.domain.observation import Reason, Route
from auditor.domain.rollback.control import Evacuation
from auditor.errors import ConfigError, ConnectError, RefusedError, TrustError
from auditor.ports import Clock, HostTarget
from auditor.vcenter.certificates import NewPin, load, pin_all, place
from auditor.vcenter.hostapi import HostApiReader, HostApiSettings
from auditor.vcenter.hostcontrol import ApiHostControl
from tests.vcenter.servers import Certificate, TlsServer, make_certificate, serving

A, B = ":".join(["AA"] * 32), ":".join(["BB"] * 32)


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.fixture
def host(own: Certificate) -> Iterator[TlsServer]:
    with serving(own, lambda *_: (200, b"")) as server:
        yield server


def trouble(settings: HostApiSettings, target: HostTarget, clock: Clock) -> tuple[Reason, str]:
    found = HostApiReader(settings, lambda: "secret", clock).read(target).trouble
    assert found is not None
    return found.reason, found.detail


def test_without_pin_and_authority_nothing_is_opened(host: TlsServer, clock: Clock, tmp_path: Path) -> None:
    settings = HostApiSettings("root")
    target = HostTarget("esx01; reboot", "localhost", host.port)
    reason, detail = trouble(settings, target, clock)
    assert reason is Reason.UNTRUSTED
    assert "not pinned" in detail
    assert "auditor hosts trust 'esx01; reboot'" in detail
    control = ApiHostControl(Route.HOST_API, settings.endpoint, lambda: "secret", settings.endpoint)
    orders: list[Callable[[], object]] = [
        lambda: control.reboot(target, "test"),
        lambda: control.enter_maintenance(target, Evacuation.NO_ACTION, 1),
        lambda: control.fetch_bundle(target, tmp_path / "bundle"),
        lambda: control.pending(target),
    ]
    for order in orders:
        with pytest.raises(TrustError):
            order()
    assert host.connections == 0


def test_the_authority_signs_for_the_name_that_is_contacted(
    host: TlsServer, own: Certificate, clock: Clock, tmp_path: Path
) -> None:
    settings = HostApiSettings("root", ca_file=own.file)
    assert trouble(settings, HostTarget("h", "localhost.", host.port), clock)[0] is Reason.UNREADABLE
    assert host.requests
    host.requests.clear()
    other = make_certificate(tmp_path, "evil.example")
    host.show(other)
    for file in (own.file, other.file):
        settings = HostApiSettings("root", ca_file=file)
        assert trouble(settings, HostTarget("h", "localhost", host.port), clock)[0] is Reason.UNTRUSTED
    assert host.requests == []


def test_a_pin_of_the_file_counts_and_wins_over_the_authority(host: TlsServer, own: Certificate, clock: Clock) -> None:
    target = HostTarget("h", "LOCALHOST.", host.port)
    good = HostApiSettings("root", pinned={place("localhost", host.port): own.thumbprint})
    assert trouble(good, target, clock)[0] is Reason.UNREADABLE
    host.requests.clear()
    bad = HostApiSettings("root", ca_file=own.file, pinned={place("localhost", host.port): A})
    reason, detail = trouble(bad, target, clock)
    assert reason is Reason.CHANGED
    assert "auditor hosts trust h" in detail
    assert host.requests == []


def test_configuration_and_file_that_contradict_stop_that_host(host: TlsServer, clock: Clock, tmp_path: Path) -> None:
    where = place("localhost", host.port)
    settings = HostApiSettings("root", thumbprints={"h": A}, pinned={where: B}, pins=tmp_path / "pins")
    reason, detail = trouble(settings, HostTarget("h", "localhost", host.port), clock)
    assert reason is Reason.UNTRUSTED
    for word in (A, B, "[host-api.thumbprints]", str(tmp_path / "pins")):
        assert word in detail
    assert host.connections == 0


def test_what_shows_no_certificate() -> None:
    """Not TLS at all, and a name that cannot be one."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-x\r\n" * 100_000)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ConnectError):
            HostApiSettings("root", connect_timeout=20).shown(HostTarget("h", "127.0.0.1", server.getsockname()[1]))
    for name in ("x" * 70, "a..b", "a\0b"):
        with pytest.raises(ConnectError):
            HostApiSettings("root").shown(HostTarget("h", name, 443))


def test_the_file_of_pins(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "pins"
    pin_all(file, [NewPin("ESX01.", 443, A), NewPin("2001:DB8:0::1", 8443, B)])
    assert file.read_text() == f"esx01:443 {A}\n[2001:db8::1]:8443 {B}\n"
    assert load(file) == {place("esx01", 443): A, place("2001:db8::1", 8443): B}
    file.write_text(f"# ours\n{file.read_text()}")
    pin_all(file, [NewPin("esx01", 443, B, (A,))])
    assert file.read_text() == f"# ours\n[2001:db8::1]:8443 {B}\nesx01:443 {B}\n"
    assert [path.name for path in file.parent.iterdir()] == ["pins"]
    with pytest.raises(RefusedError):  # somebody pinned B since A was shown as the old one
        pin_all(file, [NewPin("esx01", 443, ":".join(["CC"] * 32), (A,))])


@pytest.mark.parametrize("text", ["esx01:443", f"esx01:443 {A} x", "esx01:443 " + "AB" * 20, f"h:1 {A}\nh:1 {B}"])
def test_a_damaged_file_is_said_with_the_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "pins"
    file.write_text(f"\n{text}\n")
    with pytest.raises(ConfigError, match="line"):
        load(file)


def test_many_at_once_and_after_a_killed_one_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "pins"
    (tmp_path / ".pins.lock").write_text("")  # of a run that was killed
    threads = [threading.Thread(target=pin_all, args=(file, [NewPin(f"h{n}", 443, A)])) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load(file)) == 16
    assert [path.name for path in tmp_path.iterdir()] == ["pins"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "pins"
    pin_all(file, [NewPin(f"h{n}", 443, A) for n in range(50)])
    before = file.read_bytes()
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from auditor.vcenter.certificates import NewPin, pin_all\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "pin_all(Path(sys.argv[1]), [NewPin('new', 443, sys.argv[2])])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file, A], capture_output=True, text=True, check=False)
    assert "could not be written" in done.stderr
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["pins"]
