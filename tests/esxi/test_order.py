"""The order that writes the byte, run by a real busybox ash on real files: whatever cuts it, boot.cfg is old or new."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.bootcfg import state_offset
from auditor.domain.rollback.arm import ByteEdit
from auditor.domain.rollback.control import BootCfgChange, BootCfgWrite, WriteOutcome
from auditor.esxi import order
from auditor.lab.hosts.bank import boot_cfg
from tests.judges import need

MODULES = tuple(f"m{number:03d}.v00" for number in range(120))
OWN = boot_cfg("8.0.3-0.70.24674464", MODULES, bootstate=0, updated=7)
OTHER = boot_cfg("8.0.3-0.60.24585383", MODULES, bootstate=0, updated=6)


@dataclass(frozen=True)
class Banks:
    """Two folders for two banks, a link to one of them, and a busybox."""

    folder: Path
    change: BootCfgChange
    busybox: str

    @property
    def file(self) -> Path:
        return Path(self.change.volume) / "boot.cfg"

    @property
    def other(self) -> Path:
        return Path(self.change.other_volume) / "boot.cfg"

    @property
    def copy(self) -> Path:
        return Path(self.change.volume) / order.COPY

    @property
    def link(self) -> str:
        return str(self.folder / "bootbank")

    def run(self, what: order.Order, path: str | None = None, said: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": path or str(self.folder / "bin")}
        return subprocess.run(
            [self.busybox, "ash", "-c", what.text],
            env=environment,
            input=what.go if said is None else said,
            capture_output=True,
            check=False,
            timeout=30,
        )

    def result(self, make: Callable[..., order.Order], change: BootCfgChange | None = None) -> BootCfgWrite:
        what = make(change or self.change, link=self.link)
        told = order.outcome_of(what, self.run(what).stdout)
        assert told is not None
        return told


@pytest.fixture
def banks(tmp_path: Path) -> Banks:
    return make_banks(tmp_path)


def make_banks(folder: Path, own: bytes = OWN) -> Banks:
    busybox = need("busybox")
    tools = folder / "bin"
    tools.mkdir()
    for tool in (*order.TOOLS, "echo", "ash"):
        (tools / tool).symlink_to(busybox)
    for name, text in (("one", own), ("two", OTHER)):
        (folder / name).mkdir()
        (folder / name / "boot.cfg").write_bytes(text)
    (folder / "bootbank").symlink_to(folder / "one")
    offset = state_offset(own)
    assert offset is not None
    edit = ByteEdit(offset, "0", "3")
    return Banks(folder, BootCfgChange(str(folder / "one"), own, edit, str(folder / "two"), OTHER), busybox)


def test_arming_changes_one_byte_keeps_a_copy_and_reads_back(banks: Banks) -> None:
    inode = banks.file.stat().st_ino
    told = banks.result(order.arm)
    assert told == BootCfgWrite(WriteOutcome.WRITTEN, banks.change.after)
    assert banks.file.read_bytes() == banks.change.after
    assert [a for a, b in zip(OWN, banks.change.after, strict=True) if a != b] == [ord("0")]
    assert banks.file.stat().st_ino == inode  # in place: no moment without a file of that name
    assert banks.copy.read_bytes() == OWN
    assert banks.other.read_bytes() == OTHER


def test_arming_twice_says_so_and_writes_nothing(banks: Banks) -> None:
    banks.result(order.arm)
    before = banks.file.stat()
    assert banks.result(order.arm).outcome is WriteOutcome.ALREADY
    after = banks.file.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_disarming_puts_back_the_exact_bytes_and_takes_the_copy_away(banks: Banks) -> None:
    banks.result(order.arm)
    assert banks.result(order.disarm) == BootCfgWrite(WriteOutcome.WRITTEN, OWN)
    assert banks.file.read_bytes() == OWN
    assert sorted(path.name for path in banks.file.parent.iterdir()) == ["boot.cfg"]
    assert banks.result(order.disarm).outcome is WriteOutcome.ALREADY


def test_disarming_does_not_mind_what_the_other_bank_holds_by_now(banks: Banks) -> None:
    banks.result(order.arm)
    banks.other.write_bytes(boot_cfg("8.0.3-0.79.24859861", MODULES, bootstate=1, updated=8))
    assert banks.result(order.disarm).outcome is WriteOutcome.WRITTEN


@pytest.mark.parametrize("changed", [OWN + b"\n", OWN.replace(b"updated=7", b"updated=8"), b"", OWN[:-1]])
def test_another_file_than_planned_is_not_written(banks: Banks, changed: bytes) -> None:
    banks.file.write_bytes(changed)
    for make in (order.arm, order.disarm):
        told = banks.result(make)
        assert told.outcome is WriteOutcome.BOOT_CFG_CHANGED
        assert told.boot_cfg == (changed or None)
        assert banks.file.read_bytes() == changed
        assert not banks.copy.exists()


def test_a_staged_update_in_the_other_bank_stops_arming(banks: Banks) -> None:
    banks.other.write_bytes(boot_cfg("8.0.3-0.79.24859861", MODULES, bootstate=1, updated=8))
    assert banks.result(order.arm).outcome is WriteOutcome.OTHER_BANK_CHANGED
    assert banks.file.read_bytes() == OWN


def test_a_link_that_points_elsewhere_stops_both(banks: Banks) -> None:
    (banks.folder / "bootbank").unlink()
    (banks.folder / "bootbank").symlink_to(banks.folder / "two")
    for make in (order.arm, order.disarm):
        told = banks.result(make)
        assert told.outcome is WriteOutcome.LINK_MOVED
        assert told.why == str(banks.folder / "two")
    assert banks.file.read_bytes() == OWN


@pytest.mark.parametrize("tool", order.TOOLS)
def test_a_missing_tool_stops_arming(banks: Banks, tool: str) -> None:
    (banks.folder / "bin" / tool).unlink()
    what = order.arm(banks.change, link=banks.link)
    # The order looks in the usual places too: these must not have it either.
    text = what.text.replace('PATH="${PATH:+$PATH:}/bin:/sbin:/usr/bin:/usr/sbin"\n', "")
    run = banks.run(replace(what, text=text))
    told = order.outcome_of(what, run.stdout)
    if tool == "printf":  # the shell's own
        assert told is not None
        assert told.outcome is WriteOutcome.WRITTEN
        return
    assert told is not None
    assert told.outcome is WriteOutcome.TOOLS_MISSING
    assert banks.file.read_bytes() == OWN


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("cp: can't create 'x': Read-only file system", WriteOutcome.READ_ONLY),
        ("cp: write error: No space left on device", WriteOutcome.FULL),
        ("cp: write error: Input/output error", WriteOutcome.NOT_WRITABLE),
    ],
)
def test_a_bank_that_takes_no_file_is_not_written(banks: Banks, words: str, outcome: WriteOutcome) -> None:
    shim(banks, "cp", f'printf x >"$2" 2>/dev/null; echo "{words}" >&2; exit 1')
    told = banks.result(order.arm)
    assert told.outcome is outcome
    assert told.why == words
    assert banks.file.read_bytes() == OWN
    assert not banks.copy.exists()


def test_a_dd_that_truncates_is_found_out_on_the_copy(banks: Banks) -> None:
    """Such as one that was built without ``conv=``."""
    shim(banks, "dd", 'for word; do case $word in of=*) exec cat >"${word#of=}" ;; esac; done')
    told = banks.result(order.arm)
    assert told.outcome is WriteOutcome.REHEARSAL_FAILED
    assert banks.file.read_bytes() == OWN
    assert not banks.copy.exists()


@pytest.mark.parametrize(
    ("whose", "outcome"), [("own", WriteOutcome.BOOT_CFG_CHANGED), ("other", WriteOutcome.OTHER_BANK_CHANGED)]
)
def test_what_changes_while_it_is_rehearsed_is_noticed(banks: Banks, whose: str, outcome: WriteOutcome) -> None:
    """An installer, or the hourly saving of the configuration, at just that moment."""
    file = banks.file if whose == "own" else banks.other
    staged = boot_cfg("8.0.3-0.79.24859861", MODULES, bootstate=1, updated=8)
    (banks.folder / "staged").write_bytes(staged)
    slow = banks.folder / "bin" / "sync"
    slow.unlink()
    slow.write_text(f"#!/bin/sh\n{banks.busybox} cp {banks.folder / 'staged'} {file}\n")
    slow.chmod(0o755)
    assert banks.result(order.arm).outcome is outcome
    assert file.read_bytes() == staged
    assert {"own": banks.other.read_bytes() == OTHER, "other": banks.file.read_bytes() == OWN}[whose]
    assert not banks.copy.exists()


def test_a_write_that_is_refused_leaves_the_file(banks: Banks) -> None:
    shim(banks, "dd", f'for word; do case $word in of=*/boot.cfg) echo "dd: I/O error" >&2; exit 1 ;; esac; done\n'
                      f'exec {banks.busybox} dd "$@"')  # fmt: skip
    told = banks.result(order.arm)
    assert told == BootCfgWrite(WriteOutcome.WRITE_FAILED, OWN, "dd: I/O error")


@pytest.mark.parametrize("said", [b"", b"go\n", b"00000000000000000000000000000000 go\n"])
def test_who_is_not_told_to_go_on_writes_nothing(banks: Banks, said: bytes) -> None:
    """The connection ends while the order is under way, or somebody else's word comes."""
    what = order.arm(banks.change, link=banks.link)
    run = banks.run(what, said=said)
    assert run.returncode == 1
    assert what.marks(run.stdout)[-1] == ("ready", "")
    assert what.ready(run.stdout)
    assert order.outcome_of(what, run.stdout) is None
    assert banks.file.read_bytes() == OWN


def test_nobody_listening_means_nothing_is_written(banks: Banks) -> None:
    """The shell is ended by its next line, also by one that was told to go on before it asked."""
    what = order.arm(banks.change, link=banks.link)
    (banks.folder / "go").write_bytes(what.go)
    with (banks.folder / "go").open("rb") as go:
        process = subprocess.Popen(
            [banks.busybox, "ash", "-c", f"sleep 1; {what.text}"],
            env={"PATH": str(banks.folder / "bin")},
            stdin=go,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=20)
    assert banks.file.read_bytes() == OWN


def shim(banks: Banks, tool: str, body: str) -> None:
    path = banks.folder / "bin" / tool
    path.unlink()
    path.write_text(f"#!{banks.busybox} ash\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# Cuts ------------------------------------------------------------------------------------------------------------------


def cut(banks: Banks, what: order.Order, nth: int, *, before: bool) -> bool:
    """Run the order and kill all of it before or after its nth program; whether it got that far."""
    counter = banks.folder / "count"
    counter.write_text("0\n")
    now, later = ("kill -9 0", ":") if before else (":", "kill -9 0")
    for tool in order.TOOLS:
        lines = (
            f"read n <{counter}",
            "n=$((n + 1))",
            f"echo $n >{counter}",
            f"[ $n -eq {nth} ] && {now}",
            f'{banks.busybox} {tool} "$@"',
            "r=$?",
            f"[ $n -eq {nth} ] && {later}",
            "exit $r",
        )
        shim(banks, tool, "\n".join(lines))
    (banks.folder / "go").write_bytes(what.go)
    with (banks.folder / "go").open("rb") as go:
        process = subprocess.Popen(
            [banks.busybox, "ash", "-c", what.text],
            env={"PATH": str(banks.folder / "bin")},
            stdin=go,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    process.wait(timeout=30)
    for tool in order.TOOLS:
        (banks.folder / "bin" / tool).unlink()
        (banks.folder / "bin" / tool).symlink_to(banks.busybox)
    return process.returncode == -9


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("make", [order.arm, order.disarm])
def test_a_cut_anywhere_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, make: Callable[..., order.Order], before: bool
) -> None:
    cuts = 0
    for nth in range(1, 60):
        folder = tmp_path / str(nth)
        folder.mkdir()
        banks = make_banks(folder)
        if make is order.disarm:
            banks.result(order.arm)
        if not cut(banks, make(banks.change, link=banks.link), nth, before=before):
            break
        cuts += 1
        assert banks.file.read_bytes() in {OWN, banks.change.after}
        assert banks.other.read_bytes() == OTHER
        # Whatever was cut, the same order again ends as wanted, and disarming gives back the exact bytes.
        assert banks.result(make).as_wanted
        assert banks.file.read_bytes() == (banks.change.after if make is order.arm else OWN)
        assert banks.result(order.disarm).as_wanted
        assert banks.file.read_bytes() == OWN
    assert cuts == (16 if make is order.arm else 8)


def test_the_file_itself_is_opened_for_writing_once_and_given_one_byte(banks: Banks) -> None:
    """By the system calls: no truncation, no renaming over it, one write of one byte."""
    strace = need("strace")
    log = banks.folder / "calls"
    what = order.arm(banks.change, link=banks.link)
    calls = "trace=openat,write,rename,renameat,renameat2,unlink,unlinkat,ftruncate,truncate,dup2"
    subprocess.run(
        [strace, "-f", "-y", "-e", calls, "-o", log, banks.busybox, "ash", "-c", what.text],
        env={"PATH": str(banks.folder / "bin")},
        input=what.go,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert banks.file.read_bytes() == banks.change.after
    path = re.escape(str(banks.file))
    lines = log.read_text("utf-8", "replace").splitlines()
    opened = [line for line in lines if re.search(rf'openat\(.*"{path}", .*O_(WRONLY|RDWR)', line)]
    assert len(opened) == 1
    assert "O_TRUNC" not in opened[0]
    assert not [
        line for line in lines if re.search(rf'(rename|unlink|truncate)\w*\(.*{path}["\')>]', line) and "ftruncate" not in line
    ]
    written = [line for line in lines if re.search(rf"write\(\d+<{path}>", line)]
    assert [re.search(r'"([^"]*)", (\d+)\)', line).groups() for line in written] == [("3", "1")]  # type: ignore[union-attr]
    # dd sets the size to what it is: cutting nothing off.
    truncations = [line for line in lines if re.search(rf"ftruncate\(\d+<{path}>", line)]
    assert all(f", {len(OWN)})" in line for line in truncations)


@settings(max_examples=25, deadline=None)
@given(tail=st.binary(max_size=300), ends=st.sampled_from([b"\n", b"\r\n"]))
def test_any_bytes_behind_the_state_come_through_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, ends: bytes
) -> None:
    own = OWN.replace(b"\n", ends) + b"# " + tail
    banks = make_banks(tmp_path_factory.mktemp("banks"), own)
    told = banks.result(order.arm)
    assert told == BootCfgWrite(WriteOutcome.WRITTEN, banks.change.after)
    assert banks.result(order.disarm) == BootCfgWrite(WriteOutcome.WRITTEN, own)
    shutil.rmtree(banks.folder)


def test_a_command_order_gives_output_and_status(banks: Banks) -> None:
    what = order.command("echo one", "sh -c 'echo two >&2; exit 3'", "echo never")
    (banks.folder / "bin" / "sh").symlink_to(banks.busybox)
    run = banks.run(what, f"{banks.folder / 'bin'}{os.pathsep}/bin")
    assert what.payload(run.stdout) == b"one\ntwo\n"
    assert ("status", "3") in what.marks(run.stdout)
    assert what.finished(run.stdout[-256:])
