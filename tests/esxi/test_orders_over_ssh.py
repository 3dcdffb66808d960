"""The orders that change a host, as they are sent, by a real OpenSSH server into a real busybox ash with two banks of files."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from auditor import newfile
from auditor.domain.observation import Read
from auditor.domain.rollback.bank import BOOTBANK
from auditor.domain.rollback.control import BootCfgWrite, Evacuation, WriteOutcome
from auditor.domain.rollback.judge import window_of
from auditor.domain.rollback.window import WindowKind
from auditor.errors import DeniedError, InDoubtError, NotDoneError, ReadError, RefusedError
from auditor.esxi import control
from auditor.esxi.control import SshBankControl, SshHostControl
from auditor.esxi.host import SshHostReader
from auditor.esxi.look import SshLooker
from auditor.ports import HostTarget
from tests.esxi.host_root import BUNDLE, HostRoot
from tests.esxi.sshd import FixedClock, Server
from tests.judges import need

PASSWORD = "s3cret Wörd'$(reboot)"


@dataclass
class Host:
    """A served root, and what acts on it."""

    root: HostRoot
    server: Server
    reader: SshHostReader

    @property
    def target(self) -> HostTarget:
        return self.server.target

    @property
    def banks(self) -> SshBankControl:
        return SshBankControl(self.reader.client)

    @property
    def shell(self) -> SshHostControl:
        return SshHostControl(self.reader)

    def arm(self) -> BootCfgWrite:
        return self.banks.arm(self.target, self.root.change)

    def disarm(self) -> BootCfgWrite:
        return self.banks.disarm(self.target, self.root.change)


def serve(folder: Path, *options: str, password: str | None = None, program: Path | None = None, **settings: object) -> Host:
    need("sshd")
    server = Server(folder)
    root = HostRoot(folder / "root", server)
    server.options += options
    server.program = program or server.program
    server.start()
    server.pin()
    settings = {"key": None} | settings if password else settings
    reader = SshHostReader(server.settings(**settings), (lambda: password) if password else None, FixedClock())
    return Host(root, server, reader)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = serve(tmp_path)
    try:
        yield host
    finally:
        host.server.stop()


# The byte --------------------------------------------------------------------------------------------------------------


def test_one_byte_is_written_synced_and_read_back(host: Host) -> None:
    root, change = host.root, host.root.change
    inode = (root.bank / "boot.cfg").stat().st_ino
    others = {path.name: path.read_bytes() for path in root.bank.iterdir()}
    assert host.arm() == BootCfgWrite(WriteOutcome.WRITTEN, change.after)
    assert root.boot_cfg == change.after
    assert [(a, b) for a, b in zip(change.before, root.boot_cfg, strict=True) if a != b] == [(ord("0"), ord("3"))]
    assert (root.bank / "boot.cfg").stat().st_ino == inode
    assert root.copy.read_bytes() == change.before
    assert {path.name for path in root.bank.iterdir()} == {*others, root.copy.name}
    # Before the file itself is touched its copy is on the disk, and after it the file.
    assert root.calls == [f"sync: {hashlib.sha256(text).hexdigest()}" for text in (change.before, change.after)]
    assert host.arm() == BootCfgWrite(WriteOutcome.ALREADY, change.after)
    assert host.disarm() == BootCfgWrite(WriteOutcome.WRITTEN, change.before)
    assert {path.name: path.read_bytes() for path in root.bank.iterdir()} == others
    assert host.disarm() == BootCfgWrite(WriteOutcome.ALREADY, change.before)


def test_what_is_read_of_the_banks_is_what_was_written(host: Host) -> None:
    """The reading route and the writing route agree on one host: the window is open, and consumed once it is armed."""
    root = host.root
    before = host.reader.read_banks(host.target)
    assert before.trouble is None
    assert window_of(before).window.kind is WindowKind.OPEN
    assert window_of(before).window.leads_to("24585383")
    host.arm()
    look = SshLooker(host.reader, FixedClock()).look(host.target)
    assert look.banks.bank(BOOTBANK).boot_cfg == Read(root.change.after)
    assert look.banks.bank(BOOTBANK).target == Read(root.change.volume)
    assert look.maintenance_mode == Read(False)
    host.disarm()
    after = host.reader.read_banks(host.target)
    assert after.bank(BOOTBANK).boot_cfg == Read(root.before)
    assert window_of(after).window == window_of(before).window


@pytest.mark.parametrize("changed", ["more", "counter", "empty", "other"])
def test_another_file_than_planned_is_refused_and_nothing_is_written(host: Host, changed: str) -> None:
    root, own = host.root, host.root.before
    place = (root.other if changed == "other" else root.bank) / "boot.cfg"
    other = {"more": own + b"\n", "counter": own.replace(b"updated=", b"updated=1"), "empty": b""}.get(changed, own)
    place.write_bytes(other)
    stamp = place.stat().st_mtime_ns
    told = host.arm()
    if changed == "other":
        assert told == BootCfgWrite(WriteOutcome.OTHER_BANK_CHANGED, own, hashlib.sha256(own).hexdigest())
    else:
        assert told == BootCfgWrite(WriteOutcome.BOOT_CFG_CHANGED, other or None, hashlib.sha256(other).hexdigest())
        assert host.disarm().outcome is WriteOutcome.BOOT_CFG_CHANGED
    assert place.stat().st_mtime_ns == stamp
    assert place.read_bytes() == other
    assert root.calls == []
    assert not root.copy.exists()


@pytest.mark.parametrize(
    ("file", "call", "error", "outcome"),
    [
        ("bootcfg.aud", "openat", "EROFS", WriteOutcome.READ_ONLY),
        ("bootcfg.aud", "openat", "ENOSPC", WriteOutcome.FULL),
        ("bootcfg.aud", "write,sendfile", "ENOSPC", WriteOutcome.FULL),
        ("bootcfg.aud", "write,sendfile", "EIO", WriteOutcome.NOT_WRITABLE),
        ("boot.cfg", "write", "EROFS", WriteOutcome.WRITE_FAILED),
        ("boot.cfg", "write", "EIO", WriteOutcome.WRITE_FAILED),
    ],
)
def test_a_volume_that_takes_no_write(host: Host, file: str, call: str, error: str, outcome: WriteOutcome) -> None:
    """The kernel says so, in the words of busybox. Disarming needs no room: it goes on after a full volume."""
    host.root.failing(file, call, error)
    told = host.arm()
    assert (told.outcome, told.boot_cfg) == (outcome, host.root.before)
    assert os.strerror({"EROFS": 30, "ENOSPC": 28, "EIO": 5}[error]).lower() in told.why.lower()
    assert host.root.boot_cfg == host.root.before
    if outcome is not WriteOutcome.WRITE_FAILED:
        assert not host.root.copy.exists()


def test_an_armed_host_with_a_full_volume_is_disarmed(host: Host) -> None:
    host.arm()
    host.root.failing("bootcfg.aud", "openat", "ENOSPC")
    assert host.disarm() == BootCfgWrite(WriteOutcome.WRITTEN, host.root.before)


def test_a_hand_that_only_takes_back_arms_nothing(host: Host) -> None:
    hand = SshBankControl(host.reader.client, may_arm=False)
    before = host.root.boot_cfg
    with pytest.raises(RefusedError, match="not allowed by the configuration"):
        hand.arm(host.target, host.root.change)
    assert host.root.boot_cfg == before
    host.arm()
    assert host.root.boot_cfg != before
    assert hand.disarm(host.target, host.root.change).as_wanted
    assert host.root.boot_cfg == before


def test_a_write_that_gives_another_file_is_named_damage_with_what_stands_there(host: Host) -> None:
    host.root.stub(
        "dd",
        'case "$*" in *of=*/boot.cfg*) set -- "$@" seek=0 ;; esac\nexec busybox dd "$@"',
    )
    told = host.arm()
    assert told.outcome is WriteOutcome.DAMAGED
    assert told.boot_cfg == host.root.boot_cfg not in {host.root.before, host.root.change.after}


# Cuts ------------------------------------------------------------------------------------------------------------------

BEFORE = [("readlink", 1), ("sha256sum", 1), ("cp", 1), ("dd", 1), ("cp", 2), ("sync", 1), ("sha256sum", 7)]
AFTER = [("dd", 2), ("sync", 2), ("sha256sum", 8)]


def in_the_middle(host: Host, program: str, nth: int, then: Callable[[], None], order: Callable[[], object]) -> object:
    """What comes of an order that is held before a program while ``then`` happens."""
    host.root.hold(program, nth)
    came: list[object] = []

    def give() -> None:
        try:
            came.append(order())
        except Exception as error:  # whatever it is, it is looked at
            came.append(error)

    thread = threading.Thread(target=give)
    thread.start()
    host.root.held()
    then()
    thread.join(60)
    host.root.release()
    host.server.drop(signal.SIGCONT)
    host.root.wait()
    return came[0]


@pytest.mark.parametrize(("program", "nth", "written"), [(*at, False) for at in BEFORE] + [(*at, True) for at in AFTER])
def test_a_connection_that_is_cut_before_the_order_was_told_to_act_has_done_nothing(
    host: Host, program: str, nth: int, written: bool
) -> None:
    """Before the host has said that it is ready nothing is written any more, and that is known; after it the write is done to
    its end, and is in doubt. The next order finds out."""
    root = host.root
    came = in_the_middle(host, program, nth, host.server.drop, host.arm)
    assert isinstance(came, InDoubtError if written else NotDoneError), came
    assert not isinstance(came, NotDoneError if written else InDoubtError)
    assert root.boot_cfg == (root.change.after if written else root.before)
    assert host.arm().outcome is (WriteOutcome.ALREADY if written else WriteOutcome.WRITTEN)
    assert host.disarm() == BootCfgWrite(WriteOutcome.WRITTEN, root.before)
    assert not root.copy.exists()


def test_an_answer_that_is_cut_after_its_outcome_has_no_file(host: Host) -> None:
    """The outcome may have come through or not: if it did, what was read back did not."""
    came = in_the_middle(host, "cat", 1, host.server.drop, host.arm)
    assert isinstance(came, InDoubtError) or came == BootCfgWrite(WriteOutcome.WRITTEN, None)
    assert host.root.boot_cfg == host.root.change.after


@pytest.mark.parametrize(("program", "nth", "written"), [("sha256sum", 1, False), ("sync", 2, True)])
def test_a_server_that_stands_still_leaves_in_doubt_what_was_told_to_act(
    host: Host, program: str, nth: int, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host goes on after we gave up, and its side of the connection still stands: it writes nothing, for it is not told to
    any more."""
    monkeypatch.setattr(control, "ORDER_SECONDS", 2.0)
    came = in_the_middle(host, program, nth, lambda: host.server.drop(signal.SIGSTOP), host.arm)
    assert isinstance(came, InDoubtError if written else NotDoneError), came
    assert host.root.boot_cfg == (host.root.change.after if written else host.root.before)
    monkeypatch.undo()
    assert host.arm().outcome is (WriteOutcome.ALREADY if written else WriteOutcome.WRITTEN)
    assert host.disarm() == BootCfgWrite(WriteOutcome.WRITTEN, host.root.before)


# What comes before the answer ------------------------------------------------------------------------------------------


def make_noise(root: HostRoot, size: int) -> None:
    """Login messages, without an end of line, that look like answers to somebody else's order."""
    dice = random.Random(8)
    lines = [
        f"{dice.getrandbits(128):032x} {dice.choice(list(WriteOutcome))} WARNING: \x1b[7m\0\xff" for _ in range(size // 64)
    ]
    root.noise.write_text("\n".join(lines), "latin-1")


def test_banner_and_login_messages_of_any_size(tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_text("All activity is monitored. \n" * 2000)
    host = serve(tmp_path, f"Banner {banner}")
    try:
        make_noise(host.root, 600_000)
        assert host.arm() == BootCfgWrite(WriteOutcome.WRITTEN, host.root.change.after)
        host.shell.enter_maintenance(host.target, Evacuation.NO_ACTION, 60)
        assert host.shell.maintenance_mode(host.target) == Read(True)
    finally:
        host.server.stop()


def test_an_order_whose_readiness_lies_beyond_the_limit_is_not_done(tmp_path: Path) -> None:
    host = serve(tmp_path, output_limit=50_000)
    try:
        make_noise(host.root, 600_000)
        with pytest.raises(NotDoneError, match="50000 bytes"):
            host.arm()
        host.root.noise.unlink()
        assert host.arm().as_wanted
    finally:
        host.server.stop()


@pytest.mark.parametrize("says", ["This account is not available.", ""])
def test_a_login_without_a_shell_has_not_begun_the_order(tmp_path: Path, says: str) -> None:
    host = serve(tmp_path)
    try:
        (tmp_path / "session").write_text(f"#!/bin/sh\necho {shlex.quote(says)}\nexit 1\n")
        with pytest.raises(ReadError, match=says or "printed nothing") as raised:
            host.arm()
        assert not isinstance(raised.value, InDoubtError)
    finally:
        host.server.stop()


# Logging in ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_password(tmp_path: Path) -> Iterator[Host]:
    """A server that asks for the password by keyboard-interactive, as ESXi's does: through PAM, which sshd needs root for.

    PAM reads its rules from /etc/pam.d by the name of the program: ours has a name of its own, and its file goes away again.
    """
    if os.geteuid() != 0:
        pytest.skip("an sshd that asks for passwords must be started by root")
    program = tmp_path / f"judge-sshd-{os.getpid()}"
    program.symlink_to(need("sshd"))
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    check = tmp_path / "check"
    # The password comes with a zero byte at its end.
    check.write_text(f'#!/bin/sh\n[ "$(tr -d "\\000")" = "$(cat {tmp_path}/password)" ]\n')
    check.chmod(0o755)
    rules = Path("/etc/pam.d") / program.name
    rules.write_text(
        f"auth required pam_exec.so quiet expose_authtok {check}\nauth required pam_permit.so\naccount required pam_permit.so\n"
        "session required pam_permit.so\n"
    )
    options = ("UsePAM yes", "PermitRootLogin yes", "KbdInteractiveAuthentication yes")
    try:
        host = serve(tmp_path, *options, "AuthenticationMethods keyboard-interactive", password=PASSWORD, program=program)
        try:
            yield host
        finally:
            host.server.stop()
    finally:
        rules.unlink()


def test_orders_with_a_password_given_at_the_prompt(with_password: Host) -> None:
    host = with_password
    assert host.arm() == BootCfgWrite(WriteOutcome.WRITTEN, host.root.change.after)
    assert host.reader.read_banks(host.target).bank(BOOTBANK).boot_cfg == Read(host.root.change.after)
    assert host.disarm() == BootCfgWrite(WriteOutcome.WRITTEN, host.root.before)


def test_a_password_that_is_not_the_hosts_any_more_gives_no_order(with_password: Host) -> None:
    host = with_password
    (host.server.folder / "password").write_text("another")
    with pytest.raises(DeniedError) as raised:
        host.arm()
    assert "s3cret" not in str(raised.value) + repr(raised.value)
    assert host.root.boot_cfg == host.root.before


# The whole host --------------------------------------------------------------------------------------------------------


def test_maintenance_mode_and_an_orderly_reboot(host: Host) -> None:
    shell, target = host.shell, host.target
    with pytest.raises(RefusedError, match="not in maintenance mode"):
        shell.reboot(target, "too early")
    assert shell.maintenance_mode(target) == Read(False)
    shell.enter_maintenance(target, Evacuation.ENSURE_ACCESSIBILITY, 60)
    assert shell.maintenance_mode(target) == Read(True)
    shell.reboot(target, "back to 24585383; $(touch /pwned) 'quoted' \"$HOME\"")
    assert [" ".join(call.split()) for call in host.root.calls] == ["reboot: back to 24585383 touch /pwned quoted HOME (5)"]
    assert not (host.root.path / "pwned").exists()
    shell.leave_maintenance(target, 60)
    assert shell.maintenance_mode(target) == Read(False)


def test_a_reboot_that_takes_the_connection_with_it_is_in_doubt(host: Host) -> None:
    host.shell.enter_maintenance(host.target, Evacuation.NO_ACTION, 60)
    came = in_the_middle(host, "esxcli", 1, host.server.drop, lambda: host.shell.reboot(host.target, "test"))
    assert isinstance(came, InDoubtError), came
    assert host.root.calls == ["reboot: test (5)"]


def test_a_command_the_host_does_not_have_is_refused_in_its_words(host: Host) -> None:
    (host.root.path / "bin" / "esxcli").unlink()
    with pytest.raises(RefusedError, match="not found"):
        host.shell.enter_maintenance(host.target, Evacuation.ALL_DATA, 60)


def test_a_configuration_bundle_comes_byte_for_byte(host: Host, tmp_path: Path) -> None:
    data = gzip.compress(random.Random(1).randbytes(3_000_000), mtime=0)
    (host.root.path / BUNDLE.lstrip("/")).write_bytes(data)
    bundle = host.shell.fetch_bundle(host.target, partial(newfile.save, tmp_path / "bundle.tgz"))
    assert (bundle.name, bundle.size, bundle.sha256) == (BUNDLE.rpartition("/")[2], len(data), hashlib.sha256(data).hexdigest())
    assert (tmp_path / "bundle.tgz").read_bytes() == data


def test_a_bundle_that_is_cut_leaves_no_file(host: Host, tmp_path: Path) -> None:
    (host.root.path / BUNDLE.lstrip("/")).write_bytes(gzip.compress(b"x" * 1000))
    came = in_the_middle(
        host,
        "cat",
        1,
        host.server.drop,
        lambda: host.shell.fetch_bundle(host.target, partial(newfile.save, tmp_path / "bundle.tgz")),
    )
    assert isinstance(came, InDoubtError), came
    assert not (tmp_path / "bundle.tgz").exists()
