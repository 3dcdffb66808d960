"""Runs, threads, two processes, a full disk."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from auditor.domain.observation import Estate, Route
from auditor.errors import HistoryError, LockedError
from auditor.history.store import BATCH, SqliteHistory
from auditor.ports import History, RunRecord

from .recording import NEW, count, host, record, silent, vcenter
from .strategies import at


def test_it_is_a_history(tmp_path: Path) -> None:
    history: History = SqliteHistory(tmp_path / "h.db")
    assert list(history.runs()) == []


def test_runs_count_hosts_by_name_and_those_no_route_saw(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        hosts = (
            silent("esx01", at(0)),
            host("esx01", at(0), route=Route.VCENTER),
            silent("esx02", at(0)),
            silent("esx02", at(0), route=Route.VCENTER),
        )
        record(history, Estate(at(0), (), hosts), outcome="incomplete")
        run = history.begin("audit", at(1))
        assert list(history.runs()) == [
            RunRecord(1, "snapshot", at(0), at(0), "incomplete", 2, 1),
            RunRecord(run, "audit", at(1), None, "", 0, 0),
        ]


def test_the_view_of_a_time_is_that_of_the_newest_run_begun_by_then(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        for n in (1, 2):
            record(history, Estate(at(n), (), (host("esx01", at(n)),)), kind=("audit", "snapshot")[n - 1])
        unfinished = history.begin("audit", at(3))
        history.record_host(unfinished, host("esx01", at(3), NEW))
        assert [history.estate(when)[0] for when in (at(1), at(1.5), at(2), at(9), None)] == [1, 1, 2, 2, 2]
        with pytest.raises(HistoryError, match="no finished run that began at or before 2026-01-01T00:00"):
            history.estate(at(0))


def test_a_clock_that_was_ahead_once_does_not_hide_later_runs(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        for minute in (1, 500, 2):
            record(history, Estate(at(minute), (), (host("esx01", at(minute)),)))
        assert history.estate()[0] == 3
        assert history.estate(at(2))[0] == 3


def test_without_any_finished_run_there_is_no_view(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        history.begin("snapshot", at(0))
        with pytest.raises(HistoryError, match="auditor snapshot"):
            history.estate()


def test_many_threads_record_at_once(tmp_path: Path) -> None:
    names = [f"esx{n:03}" for n in range(3 * BATCH + 7)]
    with SqliteHistory(tmp_path / "h.db") as history:
        run = history.begin("snapshot", at(0))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: history.record_host(run, host(name, at(0))), names))
        history.finish(run, at(1), "complete")
        assert [observation.host for observation in history.estate()[1].hosts] == names


def test_batches_are_on_disk_before_the_run_ends(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        run = history.begin("snapshot", at(0))
        for n in range(BATCH + 1):
            history.record_host(run, host(f"esx{n}", at(0)))
        assert count(path, "host_attempts") == BATCH


def test_a_run_is_recorded_only_between_begin_and_finish(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        run = record(history, Estate(at(0)))
        for act in (
            lambda: history.record_host(run, host("esx01", at(0))),
            lambda: history.record_vcenter(run, vcenter(at(0))),
            lambda: history.finish(run, at(0), ""),
            lambda: history.finish(run + 1, at(0), ""),
        ):
            with pytest.raises(HistoryError, match="is not open here"):
                act()


def test_a_host_that_cannot_be_written_costs_no_other_host(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        run = history.begin("snapshot", at(0))
        history.record_host(run, host("esx01", at(0)))
        for bad in (host("esx\udc80", at(0)), host("esx02", datetime(2026, 1, 1))):  # noqa: DTZ001 - that is the point
            with pytest.raises(HistoryError, match="cannot be recorded"):
                history.record_host(run, bad)
        history.finish(run, at(0), "complete")
        assert [observation.host for observation in history.estate()[1].hosts] == ["esx01"]


def test_two_runs_at_once_both_succeed_and_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "h.db"

    def snapshot(minute: int) -> int:
        with SqliteHistory(path) as history:
            run = history.begin("snapshot", at(minute))
            barrier.wait()
            history.record_vcenter(run, vcenter(at(minute), minute))
            for n in range(2 * BATCH + 20):
                history.record_host(run, host(f"esx{n:03}", at(minute)))
            history.finish(run, at(minute), "complete")
            return run

    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(snapshot, (1, 2)))
    assert len(set(runs)) == 2
    with SqliteHistory(path) as history:
        for minute, run in zip((1, 2), runs, strict=True):
            found, view = history.estate(at(minute))
            assert found == run
            assert [o.at for o in view.hosts] == [at(minute)] * (2 * BATCH + 20)
        assert history.past().runs == 2
    assert count(path, "documents WHERE kind = 'vibs'") == 1
    assert count(path, "observations WHERE reading = 'vibs'") == 2 * BATCH + 20
    assert count(path, "listings") == 2


def test_two_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def create(_: int) -> None:
        barrier.wait()
        SqliteHistory(tmp_path / "h.db").close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(8)))
    with SqliteHistory(tmp_path / "h.db") as history:
        assert list(history.runs()) == []


def test_a_reader_is_not_kept_out_while_a_run_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as writer, SqliteHistory(path, read_only=True, wait=0.0) as reader:
        record(writer, Estate(at(0), (), (host("esx01", at(0)),)))
        run = writer.begin("snapshot", at(1))
        writer.record_vcenter(run, vcenter(at(1)))
        writer.record_host(run, host("esx01", at(1), NEW))
        assert reader.estate()[0] == 1
        with pytest.raises(HistoryError, match="may not be written"):
            reader.begin("audit", at(2))
        assert len(list(reader.runs())) == 2


def test_a_lock_that_is_kept_is_said_and_costs_nothing_that_waits(tmp_path: Path) -> None:
    """What a run does then: ``test_spool``."""
    path = tmp_path / "h.db"
    with SqliteHistory(path, wait=0.05) as history:
        run = history.begin("snapshot", at(0))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match=r"waited 0\.05 seconds"):
            history.begin("audit", at(1))
        with pytest.raises(LockedError):
            history.prune(at(1))
        with pytest.raises(LockedError):
            history.record_vcenter(run, vcenter(at(0)))
        history.record_host(run, host("esx01", at(0)))
        with pytest.raises(LockedError):
            history.finish(run, at(0), "complete")
        other.execute("ROLLBACK")
        other.close()
        history.finish(run, at(0), "complete")
        assert history.estate()[1].hosts == (host("esx01", at(0)),)


def test_a_full_disk_is_said_and_costs_nothing_that_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (vcenter(at(0)),), (host("esx01", at(0)),)))
        conn = history._file._conn
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count = {pages + 2}")
        run = history.begin("snapshot", at(1))
        big = [host(f"esx{n:03}", at(1), banks=(), version=f"8.0.3-0.70.{n + 1}") for n in range(BATCH)]
        for observation in big[:-1]:
            history.record_host(run, observation)
        with pytest.raises(HistoryError, match="disk is full"):
            history.record_host(run, big[-1])
        history.record_host(run, silent("esx900", at(1)))  # no new try with every host
        with SqliteHistory(path) as other:
            assert other.estate()[1].hosts == (host("esx01", at(0)),)
            assert other.past().runs == 1
        with pytest.raises(HistoryError, match="free some space"):
            history.finish(run, at(2), "complete")
        conn.execute("PRAGMA max_page_count = 100000")
        history.finish(run, at(2), "complete")
        assert len(history.estate()[1].hosts) == BATCH + 1
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
