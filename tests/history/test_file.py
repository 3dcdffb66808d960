"""Opening: what is created, and what is refused with which words."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from auditor.domain.observation import Estate
from auditor.errors import HistoryError
from auditor.history.store import SqliteHistory

from .recording import host, record
from .strategies import at


def test_file_and_directory_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "share with % and ?" / "auditor" / "h.db"
    old = os.umask(0)
    try:
        with SqliteHistory(path) as history:
            record(history, Estate(at(0), (), (host("esx01", at(0)),)))
            assert history.place == str(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["h.db"]


def test_a_file_of_no_bytes_is_a_new_history(tmp_path: Path) -> None:
    (tmp_path / "h.db").touch()
    with SqliteHistory(tmp_path / "h.db") as history:
        assert list(history.runs()) == []


def test_a_reader_says_that_a_file_of_no_bytes_has_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.touch()
    with pytest.raises(HistoryError, match="nothing is recorded yet"):
        SqliteHistory(path, read_only=True)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
def test_a_history_that_is_not_there_is_not_made_by_readers(tmp_path: Path, options: dict[str, bool]) -> None:
    with pytest.raises(HistoryError, match=r"no history yet\n.*auditor snapshot"):
        SqliteHistory(tmp_path / "h.db", **options)
    assert list(tmp_path.iterdir()) == []


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE runs (id INTEGER)")


def _other_application(path: Path) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA application_id = 42")


FOREIGN = {
    "text": (lambda path: path.write_text("[vcenter]\n" * 200), "not an SQLite database"),
    "short": (lambda path: path.write_bytes(b"x"), "not an SQLite database"),
    "other tables": (_other_database, "not a history of this program"),
    "other application": (_other_application, "not a history of this program"),
    "directory": (lambda path: path.mkdir(), "this is a directory"),
    "FIFO": (os.mkfifo, "no ordinary file"),
    "socket": (lambda path: socket.socket(socket.AF_UNIX).bind(os.fspath(path.relative_to(Path.cwd()))), "no ordinary file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "no ordinary file"),
    "link to itself": (lambda path: path.symlink_to(path), "no history yet|cannot be opened"),
    "encrypted": (lambda path: path.write_bytes(bytes(range(256)) * 16), "not an SQLite database"),
}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_file_is_refused_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, read_only: bool
) -> None:
    make, words = FOREIGN[case]
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = tmp_path / "h.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(HistoryError, match=words) as caught:
        SqliteHistory(path, read_only=read_only)
    assert caught.value.where == str(path)
    assert caught.value.hint
    assert before is None or path.read_bytes() == before


def test_a_damaged_history_says_so(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (), tuple(host(f"esx{n}", at(0), version=f"8.0.3-0.70.{n}") for n in range(40))))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 8192))
    with pytest.raises(HistoryError, match="damaged") as caught, SqliteHistory(path) as history:
        history.estate()
    assert ".recover" in caught.value.hint
    assert str(path) in caught.value.hint


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be opened: embedded null byte"):
        SqliteHistory(tmp_path / "a\0b.db")


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="cannot be opened: "):
        SqliteHistory(tmp_path / "file" / "h.db")


def test_what_a_killed_writer_left_half_done_is_rolled_back_also_by_a_reader(tmp_path: Path) -> None:
    """Changed pages are in the file and the old ones in the journal, as after a kill in the middle of a commit."""
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (), tuple(host(f"esx{n}", at(0)) for n in range(30))))
        view = history.estate()
    for read_only in (True, False):
        crashed = tmp_path / f"crashed{read_only}.db"
        conn = sqlite3.connect(path, isolation_level=None)
        conn.execute("PRAGMA cache_size = 1")  # no room: pages go to the file before the commit
        conn.execute("BEGIN")
        conn.execute("UPDATE documents SET content = 'torn'")
        shutil.copy(path, crashed)
        shutil.copy(f"{path}-journal", f"{crashed}-journal")
        conn.execute("ROLLBACK")
        conn.close()
        assert b"torn" in crashed.read_bytes()
        with SqliteHistory(crashed, read_only=read_only) as history:
            assert history.estate() == view


_AS_NOBODY = """
import os, sys
from pathlib import Path
from auditor.errors import HistoryError
from auditor.history.store import SqliteHistory
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
try:
    with SqliteHistory(path, read_only=sys.argv[2] == "read") as history:
        print("runs", len(list(history.runs())))
except HistoryError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", ["read", "write"])
def test_without_the_right_to_write_a_history_can_still_be_read(mode: str) -> None:
    """In a process of its own, because root may write everywhere. In a folder of its own too: those of pytest are closed to
    others, and shared with the tests beside this one, so their modes are not to be changed."""
    with tempfile.TemporaryDirectory() as own:
        Path(own).chmod(0o711)
        folder = Path(own).resolve() / "store"
        with SqliteHistory(folder / "h.db") as history:
            record(history, Estate(at(0)))
        (folder / "h.db").chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(folder / "h.db"), mode],
            capture_output=True,
            text=True,
            check=False,
        )
        folder.chmod(0o755)
    assert done.stderr == ""
    if mode == "read":
        assert done.stdout == "runs 1\n"
    else:
        assert "may not be written" in done.stdout
        assert "next: check the rights" in done.stdout


_SMALL_DISK = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from auditor.errors import HistoryError
from auditor.history.store import SqliteHistory
from tests.history.recording import host
path = Path(sys.argv[1])
now = datetime(2026, 1, 1, tzinfo=UTC)
with SqliteHistory(path) as history:
    run = history.begin("snapshot", now)
    size = path.stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8192, resource.RLIM_INFINITY))
    for n in range(60):
        history_host = host(f"esx{n}", now, version=f"8.0.3-0.70.{n}")
        try:
            history.record_host(run, history_host)
        except HistoryError as error:
            print(error.what, "|", error.hint)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    history.finish(run, now, "complete")
    print(len(history.estate()[1].hosts))
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The operating system refuses the write itself, as a quota does."""
    done = subprocess.run(
        [sys.executable, "-c", _SMALL_DISK, str(tmp_path / "h.db")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
    error, hosts = done.stdout.splitlines()
    assert "full" in error or "file system failed" in error
    assert hosts == "60"
