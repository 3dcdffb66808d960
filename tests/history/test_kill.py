"""kill -9 at any line of a recording: the file stays readable, the run unfinished, and a new run works."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.domain.observation import Estate
from auditor.history.store import SqliteHistory

from .recording import NEW, host, record, vcenter
from .strategies import at

_CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import auditor.history.store as store
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

sys.settrace(trace if line else None)
if sys.argv[3:] == ["count"]:
    sys.settrace(trace)
history = store.SqliteHistory(path)
run = history.begin("snapshot", now)
print(run, flush=True)
history.record_vcenter(run, vcenter(now, clusters=(cluster(NEW),)))
for n in range(17):
    history.record_host(run, host(f"esx{n:02}", now, NEW))
history.finish(run, now, "complete")
history.close()
sys.settrace(None)
print(lines, flush=True)
"""
ROOT = Path(__file__).parents[2]
KILLS = 14


def child(path: Path, line: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHILD, str(path), str(line), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def check_usable(path: Path) -> None:
    """Reads, says which run did not end, and takes a new run."""
    with SqliteHistory(path, read_only=True) as history:
        first = history.estate(at(0))
        assert first[1].hosts == (host("esx00", at(0)), host("esx01", at(0)))
        past, runs = history.past(), list(history.runs())
        unfinished = [run for run in runs if run.finished is None]
        assert past.runs == len(runs) - len(unfinished)
        assert len(unfinished) <= 1
        recorded = [found for found in past.hosts if found.last == host(found.name, at(24 * 60), NEW)]
        if unfinished:
            assert unfinished[0].hosts == len(recorded)
            assert unfinished[0].hosts % 5 == 0, "a batch is written whole or not at all"
    with SqliteHistory(path) as history:
        run = record(history, Estate(at(9999), (vcenter(at(9999)),), (host("esx00", at(9999)),)))
        assert history.estate()[0] == run
        assert [found.finished for found in history.runs() if found.finished is None] == [None] * len(unfinished)
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A history with one finished run."""
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (vcenter(at(0)),), (host("esx00", at(0)), host("esx01", at(0)))))
    return path


def test_killed_at_any_line(started: Path, tmp_path: Path) -> None:
    contents = started.read_bytes()
    counted = child(started, 0, "count")
    assert counted.stderr == ""
    total = int(counted.stdout.split()[-1])
    rng = random.Random(20260310)
    first_lines = [1, total // 50]
    for line in [*first_lines, *rng.sample(range(1, total), KILLS - 3), total - 1]:
        path = tmp_path / f"killed{line}.db"
        path.write_bytes(contents)
        done = child(path, line)
        assert done.returncode == -signal.SIGKILL, f"line {line} of {total}: {done.stderr}"
        check_usable(path)


def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    for line in (2, 20, 60, 100, 140):
        path = tmp_path / f"killed{line}.db"
        assert child(path, line).returncode == -signal.SIGKILL
        with SqliteHistory(path) as history:
            run = record(history, Estate(at(0), (), (host("esx00", at(0)),)))
            assert history.estate()[0] == run


def test_killed_at_any_moment(started: Path, tmp_path: Path) -> None:
    """Also inside SQLite, where no line of ours is running."""
    contents = started.read_bytes()
    rng = random.Random(7)
    for n in range(4):
        path = tmp_path / f"killed{n}.db"
        path.write_bytes(contents)
        command = [sys.executable, "-c", _CHILD, str(path), "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
            process.kill()
        check_usable(path)
