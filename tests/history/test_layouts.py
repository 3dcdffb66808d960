"""Histories written by older programs, kept as SQL, are brought up to date and say what they said."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from auditor.codec import canonical
from auditor.errors import HistoryError
from auditor.history.migrations import MIGRATIONS
from auditor.history.store import SqliteHistory

from .make_layout import LAYOUTS, sample_estates
from .recording import host, in_order, record
from .strategies import at

FILES = sorted(LAYOUTS.glob("*.sql"))


def restore(layout: Path, path: Path) -> Path:
    with sqlite3.connect(path) as conn:
        conn.executescript(layout.read_text())
    return path


def schema(path: Path) -> set[tuple[str, ...]]:
    with sqlite3.connect(path) as conn:
        return set(conn.execute("SELECT type, name, sql FROM sqlite_master"))


def test_every_layout_there_was_has_its_file() -> None:
    """A migration that is changed after a release would leave the histories that have it already behind."""
    names = {migration.name for migration in MIGRATIONS._migrations}
    assert {file.stem for file in FILES} == names, "run: python -m tests.history.make_layout"


@pytest.mark.parametrize("layout", FILES, ids=lambda file: file.stem)
def test_an_old_history_is_brought_up_to_date(layout: Path, tmp_path: Path) -> None:
    path = restore(layout, tmp_path / "old.db")
    with SqliteHistory(path) as history:
        for estate in sample_estates():
            assert canonical(history.estate(estate.at)[1]) == canonical(in_order(estate))
        past = history.past()
        assert (past.runs, len(past.marks), len(past.hosts), [len(c.images) for c in past.clusters]) == (2, 1, 2, [2])
        record(history, sample_estates()[1])
        assert history.past().runs == 3
    SqliteHistory(tmp_path / "new.db").close()
    assert schema(path) == schema(tmp_path / "new.db")


def test_a_reader_does_not_change_an_old_history(tmp_path: Path) -> None:
    path = restore(FILES[0], tmp_path / "old.db")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="layout of an older program"):
        SqliteHistory(path, read_only=True)
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_layout(tmp_path: Path) -> None:
    path = restore(FILES[0], tmp_path / "old.db")
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE VIEW unread AS SELECT 1")  # stands in the way of the last view
    before = schema(path)
    with pytest.raises(HistoryError, match="unread already exists"):
        SqliteHistory(path)
    assert schema(path) == before
    with sqlite3.connect(path) as conn:
        conn.execute("DROP VIEW unread")
    with SqliteHistory(path) as history:
        assert history.past().runs == 2


def test_a_history_of_a_newer_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        run = history.begin("snapshot", at(0))
        history.record_host(run, host("esx01", at(0)))
    with sqlite3.connect(path) as conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('auditor-history', 'm900_later', 'x')"
        )
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(HistoryError, match=r"newer program \(layout m900_later\)\n.*next: use the newer program"):
            SqliteHistory(path, read_only=read_only)
    assert path.read_bytes() == before
