"""kill -9 at any line of a run that goes beside the history, and of one that takes such runs in."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.domain.observation import Estate
from auditor.history.spooling import SpoolingHistory
from auditor.history.store import SqliteHistory

from .holder import Holder
from .recording import host, record, vcenter
from .strategies import at

_CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import auditor.history.store as store
from auditor.history.spooling import SpoolingHistory
from tests.history.recording import NEW, cluster, host, vcenter

path, line = Path(sys.argv[1]), int(sys.argv[2])
store.BATCH = 5
now = datetime(2026, 1, 2, tzinfo=UTC)
lines = 0

def trace(frame, event, _):
    global lines
    if "/auditor/history/" not in frame.f_code.co_filename:
        return None
    if event == "line":
        lines += 1
        if lines == line:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
history = SpoolingHistory(path, wait=0.0)
run = history.begin("snapshot", now)
history.record_vcenter(run, vcenter(now, clusters=(cluster(NEW),)))
for n in range(17):
    history.record_host(run, host(f"esx{n:02}", now, NEW))
history.finish(run, now, "complete")
history.close()
sys.settrace(None)
print(lines, flush=True)
"""
ROOT = Path(__file__).parents[2]
KILLS = 12


def child(path: Path, line: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CHILD, str(path), str(line)], capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.fixture
def reader() -> Iterator[Holder]:
    holder = Holder()
    yield holder
    holder.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (vcenter(at(0)),), (host("esx00", at(0)),)))
    return path


def lines_of(path: Path, folder: Path, *, reader: Holder | None = None) -> tuple[int, list[int]]:
    """How many lines a run takes, and some of them."""
    copy = shutil.copytree(path.parent, folder) / path.name
    if reader is not None:
        reader.hold(copy)
    done = child(copy, 0)
    assert done.stderr == ""
    total = int(done.stdout)
    return total, [1, total // 40, *random.Random(20260310).sample(range(1, total), KILLS - 3), total - 1]


def check(path: Path) -> list[tuple[int, bool]]:
    """A later run works and leaves nothing behind; what is in the history is whole, and each run in it once."""
    for _ in range(2):
        with SpoolingHistory(path, wait=0.0) as history:
            record(history, Estate(at(9999), (vcenter(at(9999)),), (host("esx00", at(9999)),)))
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        twice = "SELECT run, host, route FROM host_attempts GROUP BY run, host, route HAVING count(*) > 1"
        assert conn.execute(twice).fetchall() == []
        assert conn.execute("SELECT run FROM vcenter_attempts GROUP BY run HAVING count(*) > 1").fetchall() == []
    with SqliteHistory(path, read_only=True) as history:
        return [(run.hosts, run.finished is not None) for run in history.runs()]


def test_killed_while_it_goes_beside(path: Path, reader: Holder, tmp_path: Path) -> None:
    total, lines = lines_of(path, tmp_path / "count", reader=reader)
    for line in lines:
        copy = shutil.copytree(path.parent, tmp_path / f"killed{line}") / path.name
        reader.hold(copy)
        done = child(copy, line)
        reader.free(copy)
        assert done.returncode == -signal.SIGKILL, f"line {line} of {total}: {done.stderr}"
        first, *killed, _, _ = check(copy)
        assert first == (1, True)
        assert len(killed) <= 1
        assert all(hosts == 17 or (hosts % 5 == 0 and not finished) for hosts, finished in killed)


def test_killed_while_it_takes_in(path: Path, reader: Holder, tmp_path: Path) -> None:
    for _ in range(2):
        reader.hold(path)
        assert child(path, 0).stderr == ""
        reader.free(path)
    total, lines = lines_of(path, tmp_path / "count")
    for line in lines:
        copy = shutil.copytree(path.parent, tmp_path / f"killed{line}") / path.name
        done = child(copy, line)
        assert done.returncode == -signal.SIGKILL, f"line {line} of {total}: {done.stderr}"
        first, second, third, *_ = check(copy)
        assert (first, second, third) == ((1, True), (17, True), (17, True))
        assert [one.name for one in copy.with_name("h.db.spool").iterdir() if one.suffix == ".db"] == []


def test_two_at_once_take_each_run_in_once(path: Path, reader: Holder) -> None:
    for _ in range(3):
        reader.hold(path)
        assert child(path, 0).stderr == ""
        reader.free(path)
    patient = _CHILD.replace("wait=0.0", "wait=60.0")
    command = [sys.executable, "-c", patient, str(path), "0"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == [b"", b""]
    assert check(path)[:6] == [(1, True), *[(17, True)] * 5]
