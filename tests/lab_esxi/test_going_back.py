"""What a simulated host does on the way back: the console, the state that comes with a bank, late and failing starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from auditor.domain.bootbank import BootState
from auditor.lab.hosts.bank import BOOT_CFG, STATE
from auditor.lab.hosts.faults import check_faults, command_fault
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.hosts.power import FORGOTTEN_PASSWORD
from auditor.lab.shell.run import run_script

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"


@pytest.fixture
def host() -> Iterator[LabHost]:
    """A host that was updated and can go back."""
    made = LabHost("esx1.lab.example", make_image(OLD), reboot_seconds=0.05)
    made.remediate(make_image(NEW))
    yield made
    made.cancel_restart()


def running(host: LabHost) -> str:
    return host.running_image.base_image


def arm(host: LabHost) -> None:
    assert host.boot_bank is not None
    host.boot_bank.set_bootstate(BootState.INVALID)


def run(host: LabHost, text: str) -> tuple[int, str, str]:
    result = asyncio.run(run_script(host, text))
    return result.status, result.stdout.decode(), result.stderr.decode()


def wait_for(what: Any) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_shift_r_is_pressed_once_at_the_next_start(host: LabHost) -> None:
    host.press_shift_r()
    assert running(host) == NEW
    host.reboot()
    assert running(host) == OLD
    assert host.other_bank is not None
    assert host.other_bank.bootstate == BootState.INVALID
    host.reboot()
    assert running(host) == OLD


def test_the_configuration_of_the_upgrade_day_comes_back(host: LabHost) -> None:
    """Root's password, authorized keys, the SSH host key, and the password of vCenter's account."""
    before = host.host_key.export_public_key()
    host.password, host.authorized_keys = "New-1!", ["ssh-rsa AAAA new"]
    host.renew_host_key()
    host.vpxuser += 1
    assert host.host_key.export_public_key() != before
    host.reboot()
    assert (host.password, host.vpxuser) == ("New-1!", 1)
    arm(host)
    host.reboot()
    assert running(host) == OLD
    assert (host.password, host.authorized_keys, host.vpxuser) == (DEFAULT_PASSWORD, [], 0)
    assert host.host_key.export_public_key() == before


def test_a_key_is_never_used_again_for_another_host_identity(host: LabHost) -> None:
    host.renew_host_key()
    first = host.host_key.export_public_key()
    arm(host)
    host.reboot()
    host.renew_host_key()
    assert host.host_key.export_public_key() != first


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ({"old_password": True}, lambda h, _: h.password == FORGOTTEN_PASSWORD),
        ({"host_key": True}, lambda h, key: h.host_key.export_public_key() != key),
        ({"forget_vcenter": True}, lambda h, _: h.vpxuser == -1),
    ],
)
def test_a_host_that_comes_back_as_a_stranger(host: LabHost, fault: dict[str, bool], check: Any) -> None:
    key = host.host_key.export_public_key()
    host.set_faults({"reboot": fault})
    arm(host)
    host.reboot()
    assert running(host) == OLD
    assert check(host, key)


def test_a_write_that_never_reached_the_disk_brings_the_host_back_on_the_old_bank(host: LabHost) -> None:
    host.set_faults({"reboot": {"old_bank": True}})
    arm(host)
    host.reboot()
    assert running(host) == NEW
    assert host.boot_bank is not None
    assert host.boot_bank.bootstate == BootState.VALID


def test_a_late_confirmation(host: LabHost) -> None:
    host.set_faults({"reboot": {"confirm_seconds": 0.2}})
    host.stage(make_image("8.0.3-0.79.24859861"))
    host.reboot()
    assert host.boot_bank is not None
    assert host.boot_bank.bootstate == BootState.DIRTY
    wait_for(lambda: host.boot_bank and host.boot_bank.bootstate == BootState.VALID)


def test_an_ignored_order_and_one_to_a_host_that_is_down(host: LabHost) -> None:
    host.set_faults({"reboot": {"ignored": True}})
    host.restart()
    assert (host.power, host.boots) == ("on", 2)
    host.set_faults({})
    host.restart()
    host.restart()
    wait_for(lambda: host.boots == 3)
    time.sleep(0.1)
    assert host.boots == 3


def test_boots_can_be_told_apart_by_the_second(host: LabHost) -> None:
    seen = set()
    for _ in range(5):
        assert host.boot_time is not None
        seen.add(int(host.boot_time.timestamp()))
        _, text, _ = run(host, "stat -c %Y /bootbank")
        assert int(text) == int(host.boot_time.timestamp())
        host.reboot()
    assert len(seen) == 5


@pytest.mark.parametrize(("fault", "words"), [("read-only", "Read-only file system"), ("full", "No space left on device")])
def test_a_bank_that_takes_no_more(host: LabHost, fault: str, words: str) -> None:
    host.set_faults({"bank": fault})
    assert host.boot_bank is not None
    files = dict(host.boot_bank.files)
    status, _, err = run(host, "cp /bootbank/boot.cfg /bootbank/copy")
    assert status
    assert words in err
    assert host.boot_bank.files == files
    status, _, err = run(host, "printf 3 | dd of=/bootbank/boot.cfg bs=1 seek=10 conv=notrunc 2>/dev/null; echo $?")
    changed = host.boot_bank.files[BOOT_CFG] != files[BOOT_CFG]
    assert changed is (fault == "full")  # within a file there is room
    bank = host.boot_bank
    host.password = "changed"
    host.shut_down()
    assert bank.files[STATE] == files[STATE]  # backup.sh could not write


def test_a_bundle_of_the_configuration(host: LabHost) -> None:
    status, text, _ = run(host, "vim-cmd hostsvc/firmware/sync_config && vim-cmd hostsvc/firmware/backup_config")
    assert status == 0
    path = text.strip().partition("*")[2]
    assert path.endswith("/configBundle-esx1.lab.example.tgz")
    assert run(host, f"gunzip -c /scratch{path} >/dev/null")[0] == 0


def test_fault_rows_are_checked_and_counted() -> None:
    for wrong in (
        {"bank": "slow"},
        {"tasks": {"leave": {}}},
        {"tasks": {"enter": {"sleep": 1}}},
        {"commands": {"dd": {"drop": "now"}}},
    ):
        with pytest.raises(ValueError, match="unknown"):
            check_faults(wrong)
    faults = {"commands": {"dd of=*/boot.cfg": {"exit": 1, "skip": 1, "times": 2}}}
    check_faults(faults)
    uses: dict[str, int] = {}
    argv = ["dd", "of=/bootbank/boot.cfg", "bs=1"]
    assert [command_fault(faults, argv, uses) is not None for _ in range(5)] == [False, True, True, False, False]
    assert command_fault(faults, ["dd", "of=/tmp/x"], uses) is None


@pytest.mark.parametrize(("moment", "written"), [("before", False), ("after", True)])
def test_a_connection_that_breaks_before_or_after_a_command(host: LabHost, moment: str, written: bool) -> None:
    host.set_faults({"commands": {"touch": {"drop": moment}}})
    _, out, _ = run(host, "echo one; touch /tmp/mark; echo two")
    assert out == "one\n"
    host.set_faults({})
    assert (run(host, "ls /tmp/mark")[0] == 0) is written
