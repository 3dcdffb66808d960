"""The listing commands as busybox, ESXi's own set of programs, answers them."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from auditor.domain.observation import Read
from auditor.domain.readings import bank_files, bank_place
from auditor.domain.readings.answer import Answer
from tests import judges

OLD = datetime(2017, 5, 1, 10, 0, tzinfo=UTC)


def ask(busybox: str, folder: Path, command: str) -> Answer:
    """Run a command's text in busybox's shell with busybox's programs only."""
    tools = folder / "tools"
    if not tools.exists():
        tools.mkdir()
        for name in ("sh", "ls", "stat", "date", "readlink"):
            (tools / name).symlink_to(busybox)
    environment = {"PATH": str(tools), "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run([str(tools / "sh"), "-c", command], env=environment, capture_output=True, check=False)
    return Answer(done.stdout, done.returncode, done.stderr.decode())


def test_both_listings_agree(tmp_path: Path) -> None:
    busybox = judges.need("busybox")
    bank = tmp_path / "bank"
    bank.mkdir()
    for name, size, when in (("imgdb.tgz", 51306, OLD), ("a b.v00", 7, OLD), ("boot.cfg", 0, OLD)):
        (bank / name).write_bytes(bytes(size))
        os.utime(bank / name, (when.timestamp(), when.timestamp()))
    ls, stat = bank_files.commands(str(bank))
    clock = bank_files.parse_clock(ask(busybox, tmp_path, bank_files.CLOCK.text))
    assert isinstance(clock, Read)
    listed, stated = ask(busybox, tmp_path, ls.text), ask(busybox, tmp_path, stat.text)
    by_stat = bank_files.parse(str(bank), Answer(b"", 127), stated, clock)
    by_ls = bank_files.parse(str(bank), listed, Answer(b"", 127), clock)
    assert isinstance(by_stat, Read)
    assert isinstance(by_ls, Read)
    sizes = {"imgdb.tgz": 51306, "a b.v00": 7, "boot.cfg": 0}
    for found in (by_stat.value, by_ls.value):
        assert {file.name: file.size for file in found} == sizes
    assert {file.modified for file in by_stat.value} == {OLD}
    assert {file.modified and file.modified.date() for file in by_ls.value} == {OLD.date()}


def test_a_host_without_any_boot_cfg_on_a_volume(tmp_path: Path) -> None:
    busybox = judges.need("busybox")
    command = bank_place.VOLUMES_WITH_BOOT_CFG.text.replace("/vmfs/volumes", str(tmp_path / "volumes"))
    assert bank_place.parse_volumes(ask(busybox, tmp_path, command)) == Read(())
