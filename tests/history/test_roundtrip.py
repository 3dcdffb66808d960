"""What was recorded comes back equal, and costs nothing twice."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.codec import canonical
from auditor.domain.observation import BankReading, Estate, HostObservation, Read, Reason, Route, Unread, VCenterView
from auditor.history.join import _TYPES
from auditor.history.split import BANK_PARTS, HOST_READINGS
from auditor.history.store import SqliteHistory

from .recording import NEW, cluster, count, host, in_order, record, silent, vcenter
from .strategies import at, banks, estates, observations, views

TABLES = ("documents", "parts", "observations", "listings", "clusters", "images", "hosts")


def exact(estate: Estate) -> str:
    """Equal text means equal in every field, also in those that ``==`` leaves out."""
    return canonical(in_order(estate))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.lists(estates, min_size=1, max_size=4))
def test_runs_come_back_as_recorded(given_estates: list[Estate]) -> None:
    recorded = [replace(estate, at=at(n)) for n, estate in enumerate(given_estates)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with SqliteHistory(path) as history:
            runs = [record(history, estate) for estate in recorded]
        with SqliteHistory(path, read_only=True) as history:
            for run, estate in zip(runs, recorded, strict=True):
                found, view = history.estate(estate.at)
                assert found == run
                assert view == in_order(estate)
                assert exact(view) == exact(estate)
            assert history.estate()[0] == runs[-1]
            history.past()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(estates)
def test_an_unchanged_run_adds_only_attempts(estate: Estate) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        unique = {(o.vcenter, o.host, o.route): o for o in estate.hosts}  # two answers of one host would differ within a run
        estate = replace(estate, hosts=tuple(unique.values()), vcenters=estate.vcenters[:1])
        with SqliteHistory(path) as history:
            record(history, replace(estate, at=at(0)))
            sizes = {table: count(path, table) for table in TABLES}
            later = timedelta(days=3650)  # after any time of the first run
            again = replace(
                estate,
                at=at(1),
                hosts=tuple(replace(o, at=o.at + later) for o in estate.hosts),
                vcenters=tuple(replace(view, at=view.at + later) for view in estate.vcenters),
            )
            run = history.begin("snapshot", again.at)
            for view in again.vcenters:
                history.record_vcenter(run, view)
            for observation in again.hosts:
                history.record_host(run, observation)
            assert history.new_documents(run) == 0
            history.finish(run, again.at, "complete")
            assert {table: count(path, table) for table in TABLES} == sizes
            assert history.estate()[1] == in_order(again)


def test_every_field_of_an_observation_is_stored() -> None:
    """A field added to the domain must be given a place here and a strategy in the tests."""
    assert set(HOST_READINGS) <= set(_TYPES)
    assert set(BANK_PARTS) == {field.name for field in fields(BankReading)} - {"link"}
    for cls, strategy in ((HostObservation, observations), (VCenterView, views), (BankReading, banks)):
        named = set(strategy.wrapped_strategy.kwargs) | {
            field.name for field, _ in zip(fields(cls), strategy.wrapped_strategy.args, strict=False)
        }
        assert named == {field.name for field in fields(cls)}


def test_hosts_with_equal_vibs_share_one_document_whatever_their_install_dates(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        hosts = tuple(host(f"esx{n:03}", at(0), date=f"2026-01-{n % 28 + 1:02}") for n in range(60))
        record(history, Estate(at(0), (), hosts))
        assert history.estate()[1].hosts == hosts
        assert [h.vibs.value[0].install_date for h in history.estate()[1].hosts][:2] == ["2026-01-01", "2026-01-02"]
    assert count(path, "documents WHERE kind = 'vibs'") == 1


def test_a_change_of_one_reading_does_not_store_the_vibs_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (), (host("esx01", at(0)),)))
        before = count(path, "documents")
        record(history, Estate(at(1), (), (host("esx01", at(1), maintenance_mode=Read(True)),)))
        assert count(path, "documents") == before + 2  # the new value, and the answer as a whole
        assert count(path, "observations WHERE reading = 'maintenance_mode'") == 2
        assert count(path, "observations WHERE reading = 'vibs'") == 1


def test_an_unread_reading_neither_ends_nor_extends_the_last_known_value(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    cut = Unread(Reason.CUT_OFF, "stopped after 3 lines", "Name")
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (), (host("esx01", at(0)),)))
        record(history, Estate(at(1), (), (host("esx01", at(1), vibs=cut),)))
        assert history.estate()[1].hosts[0].vibs == cut
        row = f"observations WHERE reading = 'vibs' AND last_seen LIKE '{at(0):%Y-%m-%dT%H:%M}%'"
        assert count(path, row) == 1
        record(history, Estate(at(2), (), (host("esx01", at(2)),)))
    assert count(path, "observations WHERE reading = 'vibs'") == 1
    assert count(path, f"observations WHERE reading = 'vibs' AND last_seen LIKE '{at(2):%Y-%m-%dT%H:%M}%'") == 1


def test_a_value_that_comes_back_is_a_new_interval_of_the_same_document(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        for n, version in enumerate(("8.0.3-0.60.24585383", NEW, "8.0.3-0.60.24585383")):
            record(history, Estate(at(n), (), (host("esx01", at(n), version),)))
    assert count(path, "observations WHERE reading = 'base_image'") == 3
    assert count(path, "documents WHERE kind = 'base_image'") == 2


def test_a_new_scan_with_the_old_result_stores_no_verdict_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        for n in range(2):
            record(history, Estate(at(n), (vcenter(at(n), clusters=(cluster(scan=at(n)),)),)))
        assert history.estate()[1].vcenters[0].clusters.value[0].compliance.value.scan_time == at(1)
    assert count(path, "documents WHERE kind IN ('compliance', 'verdict')") == 2


@pytest.mark.parametrize("reason", list(Reason))
def test_a_failed_attempt_is_a_row_with_its_reason(tmp_path: Path, reason: Reason) -> None:
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (), (silent("esx01", at(0), reason), host("esx01", at(0), route=Route.VCENTER))))
    assert count(path, f"host_attempts WHERE outcome = 'failed' AND reason = '{reason}' AND route = 'ssh'") == 1
    assert count(path, f"unread WHERE name = 'esx01' AND reading = 'all' AND reason = '{reason}'") == 1
