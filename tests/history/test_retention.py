"""Old details go; what a diagnosis needs stays."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.image import Commit
from auditor.domain.observation import BankReading, Estate, Read
from auditor.errors import HistoryError
from auditor.history.store import SqliteHistory

from .recording import NEW, OLD, cluster, count, host, record, silent, vcenter
from .strategies import at


def fill(history: SqliteHistory) -> list[int]:
    """Ten runs. esx01 goes on answering, esx02 falls silent in run 4 and leaves the inventory in run 6."""
    runs = []
    for n in range(1, 11):
        version = f"8.0.3-0.70.{24674464 + n}"
        hosts = (host("esx01", at(n), version), host("esx02", at(n), version) if n < 4 else silent("esx02", at(n)))
        names = ("esx01", "esx02") if n < 6 else ("esx01",)
        image = cluster(OLD if n in {1, 2, 9} else NEW, Commit(str(n // 3), "admin", at(n // 3)), scan=at(n))
        view = vcenter(at(n), 1000 if n == 2 else n, names, (image,))
        runs.append(record(history, Estate(at(n), (view,), hosts)))
    return runs


def test_the_past_of_every_kept_run_is_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        runs = fill(history)
        told = {run: (history.past(before=run), history.estate(at(run))) for run in runs if run >= 8}
        everything, commits = history.past(), history.list_commits()
        size = path.stat().st_size
        pruned = history.prune(at(8))
        assert (pruned.runs, pruned.attempts > 8, pruned.documents > 20) == (7, True, True)
        assert path.stat().st_size < size
        assert {run: (history.past(before=run), history.estate(at(run))) for run in told} == told
        assert history.past() == everything
        assert history.list_commits() == commits
        assert [found.last for found in history.past().hosts][1] == host("esx02", at(3), "8.0.3-0.70.24674467")
        assert len(list(history.runs())) == 10
        with pytest.raises(HistoryError, match="removed by retention"):
            history.estate(at(5))
        assert history.prune(at(8)) == replace(pruned, runs=0, attempts=0, documents=0)
        again = record(history, Estate(at(11), (vcenter(at(11)),), (host("esx01", at(11), "8.0.3-0.70.24674465"),)))
        assert history.estate()[0] == again
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        assert conn.execute("SELECT count(*) FROM latest_hosts WHERE base_image IS NOT NULL").fetchone()[0] == 2


def test_the_newest_finished_run_stays_however_old(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        runs = fill(history)
        view, past = history.estate(), history.past()
        assert history.prune(at(10_000)).runs == len(runs) - 1
        assert (history.estate(), history.past()) == (view, past)


def test_looks_at_boot_banks_stay_where_a_kept_run_is_compared_with_them(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        kinds = ("audit", "window", "snapshot", "window", "window", "snapshot", "window")
        for n, kind in enumerate(kinds):
            banks = (BankReading("/bootbank", Read("/vmfs/volumes/a"), Read(f"updated={n}\n".encode())),)
            record(history, Estate(at(n), (vcenter(at(n)),), (host("esx01", at(n), NEW, banks=banks),)), kind=kind)
        told = {run.id: history.past(before=run.id) for run in history.runs() if run.started >= at(5)}
        told[10_000], view = history.past(), history.estate()
        assert history.prune(at(5)).attempts == 2
        assert {run: history.past(before=run) for run in told} == told
        assert history.prune(at(9)).runs == 1  # the newest view stays, a newer look does not stand for it
        assert (history.past(), history.estate()) == (told[10_000], view)


def test_another_recorder_notices_that_documents_went(tmp_path: Path) -> None:
    """It remembers row numbers of documents; after a prune by another process they may be gone."""
    path = tmp_path / "h.db"
    with SqliteHistory(path) as recorder, SqliteHistory(path) as other:
        for n, version in enumerate((OLD, NEW, NEW)):
            record(recorder, Estate(at(n), (), (host("esx01", at(n), version),)))
        assert other.prune(at(2)).documents > 0
        assert count(path, "documents WHERE kind = 'vibs'") == 1
        old = host("esx01", at(3), OLD)
        record(recorder, Estate(at(3), (), (old,)))
        assert recorder.estate()[1].hosts == (old,)
    assert count(path, "documents WHERE kind = 'vibs'") == 2
