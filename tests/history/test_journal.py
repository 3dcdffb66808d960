"""The journal: on disk at once, one process per subject, resumable after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from auditor.domain.journal import Phase, in_doubt, is_done
from auditor.errors import HistoryError, LockedError, RefusedError
from auditor.history.journal import SqliteJournal

from .strategies import at


def begin(journal: SqliteJournal, *subjects: str, kind: str = "apply") -> int:
    return journal.open(kind, subjects, document="{}", digest="d", operator="me", ticket="T-1", at=at(0))


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "h.db") as journal:
        operation = begin(journal, "cluster a")
        journal.write(operation, "cluster a", "draft", Phase.INTENT, at(1))
        journal.write(operation, "cluster a", "draft", Phase.DONE, at(2), {"draft": "29"})
        journal.write(operation, "cluster a", "commit", Phase.INTENT, at(3))
        entries = journal.entries(operation)
        assert [(e.step, e.phase) for e in entries] == [("draft", "intent"), ("draft", "done"), ("commit", "intent")]
        assert entries[1].data == {"draft": "29"}
        assert is_done(entries, "draft")
        assert in_doubt(entries, "commit")
        assert not in_doubt(entries, "scan")
        journal.close_operation(operation, "withdrawn", at(4))
        assert journal.operations(unfinished=True) == ()
        assert journal.operation(operation).outcome == "withdrawn"


def test_a_subject_has_one_unfinished_operation(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "h.db") as journal:
        operation = begin(journal, "a", "b")
        begin(journal, "c")
    with SqliteJournal(tmp_path / "h.db") as journal:
        with pytest.raises(LockedError, match="unfinished"):
            begin(journal, "b")
        journal.resume(operation)
        journal.close_operation(operation, "done", at(1))
        begin(journal, "b")
        with pytest.raises(RefusedError, match="finished"):
            journal.resume(operation)


def test_two_at_once(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "h.db") as one, SqliteJournal(tmp_path / "h.db") as two:
        operation = begin(one, "a")
        with pytest.raises(LockedError, match="right now"):
            begin(two, "a")
        with pytest.raises(LockedError, match="right now"):
            two.resume(operation)
        with pytest.raises(HistoryError, match="not held"):
            two.write(operation, "a", "x", Phase.NOTE, at(0))
        begin(two, "b")


def test_a_killed_process_leaves_its_intention_and_no_lock(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import os, signal, sys
        from datetime import UTC, datetime
        from auditor.domain.journal import Phase
        from auditor.history.journal import SqliteJournal
        now = datetime(2026, 1, 1, tzinfo=UTC)
        journal = SqliteJournal(sys.argv[1])
        number = journal.open("apply", ["a"], document="{}", digest="d", operator="me", ticket="T", at=now)
        journal.write(number, "a", "commit", Phase.INTENT, now)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "h.db")], check=False)
    assert run.returncode == -signal.SIGKILL
    with SqliteJournal(tmp_path / "h.db") as journal:
        (left,) = journal.operations(unfinished=True)
        journal.resume(left.id)
        assert in_doubt(journal.entries(left.id), "commit")


def test_there_is_no_such_operation(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "h.db") as journal, pytest.raises(HistoryError, match="no operation 7"):
        journal.operation(7)
