"""Collect, snapshot and audit over fakes of the outside world and the real history."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import parallel
from auditor.domain.assessment import Source, Verdict
from auditor.domain.observation import EXCLUDED, Connection, Estate, HostObservation, Read, Reason, Route, VCenterView
from auditor.domain.settings.values import HostSettings
from auditor.errors import ConnectError, HistoryError
from auditor.history.store import SqliteHistory
from auditor.tables import load_release_table
from auditor.workflows.audit import audit, audit_history
from auditor.workflows.collect import collect
from auditor.workflows.snapshot import snapshot
from tests.domain.estates import NEW, OLD, cluster, estate, listed, marks, says, silent
from tests.workflows.fakes import FakeHosts, FakeVCenter, Quiet, Ticking, sources

TABLE = load_release_table()


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def record_vcenter(self, run: int, view: object) -> None:
        pass

    def record_host(self, run: int, observation: HostObservation) -> None:
        self.hosts.append(observation.host)


def vcenter(view: Estate) -> FakeVCenter:
    by_name = {o.host: o for o in view.hosts}
    return FakeVCenter(view.vcenters[0], lambda host: by_name[host.name])


STEADY = estate(
    (cluster(NEW),),
    (listed("a", NEW), listed("b", NEW)),
    (says("a", NEW, route=Route.VCENTER), says("b", NEW, route=Route.VCENTER)),
)
RESTORED = estate(
    (cluster(OLD),),
    (listed("a", OLD, connection=Connection.NOT_RESPONDING), listed("b", NEW)),
    (silent("a", Reason.NOT_CONNECTED, Route.VCENTER), says("b", NEW, route=Route.VCENTER)),
    vc_marks=marks(10),
)


def test_snapshot_restore_audit(tmp_path: Path) -> None:
    clock = Ticking()
    with SqliteHistory(tmp_path / "history.db") as history:
        summary = snapshot(sources(vcenter(STEADY)), history, clock, Quiet())
        assert (summary.complete, len(summary.hosts)) == (True, 2)
        ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
        result = audit(sources(vcenter(RESTORED), ssh), history, TABLE, clock, Quiet())
        found = {f.code.value for f in result.assessment.findings}
        assert found == {"restore-detected", "host-ahead", "stale-inventory", "host-disconnected"}
        assert result.not_recorded is None
        again = audit_history(history, TABLE)
        assert again.source is Source.HISTORY
        assert again.findings == result.assessment.findings
        assert again.hosts == result.assessment.hosts


def test_the_newest_recorded_commit_helps_to_find_the_present_one(tmp_path: Path) -> None:
    reader = vcenter(STEADY)
    with SqliteHistory(tmp_path / "history.db") as history:
        snapshot(sources(reader), history, Ticking(), Quiet())
        assert reader.recorded == {}
        audit(sources(reader), history, TABLE, Ticking(), Quiet())
    assert reader.recorded == {"domain-c1": "5"}


def test_a_snapshot_after_the_restore_does_not_hide_it(tmp_path: Path) -> None:
    clock = Ticking()

    def quiet() -> FakeVCenter:
        view = replace(STEADY.vcenters[0], at=clock.now(), marks=Read(marks(10)))
        return vcenter(replace(STEADY, vcenters=(view,)))

    with SqliteHistory(tmp_path / "history.db") as history:
        snapshot(sources(vcenter(STEADY)), history, clock, Quiet())
        snapshot(sources(quiet()), history, clock, Quiet())
        first = audit(sources(quiet()), history, TABLE, clock, Quiet())
        second = audit(sources(quiet()), history, TABLE, clock, Quiet())
    assert [f.severity.value for f in first.assessment.findings] == ["critical"]
    assert [f.severity.value for f in second.assessment.findings] == ["notice"]
    assert second.assessment.verdict is Verdict.IN_SYNC


def test_a_broken_history_never_costs_the_report() -> None:
    broken = HistoryError("the disk is full", where="/h.db")
    result = audit(sources(vcenter(STEADY)), broken, TABLE, Ticking(), Quiet())
    assert result.not_recorded is broken
    assert result.assessment.verdict is Verdict.IN_SYNC
    assert "disk is full" in result.assessment.limits[0]


def test_a_history_that_can_only_be_read_still_witnesses_a_restore(tmp_path: Path) -> None:
    """A full disk, a file of another user, a copy on read-only media: what is recorded is all that sees a restore."""
    path = tmp_path / "history.db"
    with SqliteHistory(path) as history:
        snapshot(sources(vcenter(STEADY)), history, Ticking(), Quiet())
    ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
    with SqliteHistory(path, read_only=True) as history:
        result = audit(sources(vcenter(RESTORED), ssh), history, TABLE, Ticking(), Quiet())
    assert "restore-detected" in {f.code.value for f in result.assessment.findings}
    assert result.not_recorded is not None
    assert result.assessment.run is None
    assert "it was compared with what history has" in result.assessment.limits[0]
    assert not any("History could not be read" in line for line in result.assessment.limits)


def test_a_history_that_breaks_on_the_way_never_costs_the_report(tmp_path: Path) -> None:
    class Breaking(SqliteHistory):
        def record_host(self, run: int, observation: HostObservation) -> None:
            raise HistoryError("the disk is full")

    with Breaking(tmp_path / "history.db") as history:
        result = audit(sources(vcenter(STEADY)), history, TABLE, Ticking(), Quiet())
    assert result.not_recorded is not None
    assert len(result.assessment.hosts) == 2


def test_a_reader_that_raises_is_a_row_with_its_reason() -> None:
    def answer(host: object) -> HostObservation:
        if getattr(host, "name", "") == "a":
            raise ConnectError("the line went dead", where="a")
        raise ZeroDivisionError

    fake = FakeVCenter(STEADY.vcenters[0], answer)
    view = collect(sources(fake), _no_past(), Ticking().now(), Quiet(), Kept(), 1)
    troubles = {o.host: str(o.trouble) for o in view.hosts}
    assert troubles == {"a": "failed: the line went dead", "b": "failed: internal error: ZeroDivisionError"}


def test_hosts_history_knows_are_asked_when_the_inventory_lacks_them(tmp_path: Path) -> None:
    clock = Ticking()
    with SqliteHistory(tmp_path / "history.db") as history:
        snapshot(sources(vcenter(STEADY)), history, clock, Quiet())
        shrunk = estate((cluster(NEW),), (listed("a", NEW),), (says("a", NEW, route=Route.VCENTER),))
        ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
        result = audit(sources(vcenter(shrunk), ssh), history, TABLE, clock, Quiet())
    assert sorted(ssh.asked) == ["a", "b"]
    assert [f.code.value for f in result.assessment.findings] == ["host-vanished"]


def test_excluded_clusters_are_not_read() -> None:
    view = estate((cluster(NEW, mode=EXCLUDED),), (listed("a", NEW),), ())
    ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
    kept = Kept()
    collect(sources(vcenter(view), ssh), _no_past(), Ticking().now(), Quiet(), kept, 1)
    assert (ssh.asked, kept.hosts) == ([], [])


@pytest.mark.parametrize("machines", [("u1", "u2"), ("u1", "")])
def test_two_machines_of_one_name_are_not_taken_for_each_other(machines: tuple[str, str]) -> None:
    one, other = (replace(listed("a", NEW), id=f"host-{n}", uuid=uuid) for n, uuid in enumerate(machines))
    found = replace(STEADY.vcenters[0], hosts=Read((one, replace(other, name="A"), listed("b", NEW))))
    ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
    fake = FakeVCenter(found, lambda host: says(host.name, NEW, route=Route.VCENTER))
    view = collect(sources(fake, ssh), _no_past(), Ticking().now(), Quiet(), Kept(), 1)
    assert ssh.asked == ["b"]
    troubles = {(o.host, o.trouble.reason if o.trouble else None) for o in view.hosts}
    assert troubles == {("a", Reason.FAILED), ("A", Reason.FAILED), ("b", None)}


def test_one_machine_that_is_listed_twice_is_read() -> None:
    moved = replace(listed("a", NEW), uuid="u1")
    found = replace(STEADY.vcenters[0], hosts=Read((moved, replace(moved, id="host-9"))))
    fake = FakeVCenter(found, lambda host: says(host.name, NEW, route=Route.VCENTER))
    view = collect(sources(fake), _no_past(), Ticking().now(), Quiet(), Kept(), 1)
    assert [o.trouble for o in view.hosts] == [None, None]


def test_configured_hosts_are_read_without_any_vcenter() -> None:
    ssh = FakeHosts(Route.SSH, lambda target: says(target.name, NEW))
    made = sources(None, ssh, configured=("lonely",))
    view = collect(made, _no_past(), Ticking().now(), Quiet(), Kept(), 1)
    assert [o.host for o in view.hosts] == ["lonely"]


def test_progress_counts_every_host_and_vcenter() -> None:
    progress = Quiet()
    collect(sources(vcenter(STEADY)), _no_past(), Ticking().now(), progress, Kept(), 1)
    assert (progress.totals["hosts"], progress.steps["hosts"], progress.steps["vCenters"]) == (2, 2, 1)


def test_hosts_are_read_while_another_vcenter_is_silent() -> None:
    read = threading.Event()

    def answer(host: object) -> HostObservation:
        read.set()
        return says(getattr(host, "name", ""), NEW, route=Route.VCENTER)

    class Waiting(FakeVCenter):
        def view(self, *_: object) -> VCenterView:
            assert read.wait(60), "no host was read while this vCenter was waited for"
            return super().view(Quiet())

    slow = replace(STEADY.vcenters[0], name="slow", hosts=Read(()))
    made = sources(FakeVCenter(STEADY.vcenters[0], answer))
    both = replace(made, vcenters=(Waiting(slow, answer), *made.vcenters))
    found = collect(both, _no_past(), Ticking().now(), Quiet(), Kept(), 1)
    assert [view.name for view in found.vcenters] == ["slow", STEADY.vcenters[0].name]
    assert [o.host for o in found.hosts] == ["a", "b"]


def test_what_is_open_when_the_time_is_over_is_there_with_that_reason(tmp_path: Path) -> None:
    """Nothing waits for a clock: the silent ones are never let go, and the time is over from the beginning."""
    never = threading.Event()

    class Silent(FakeVCenter):
        def view(self, *_: object) -> VCenterView:
            never.wait()
            raise AssertionError

    def silent_host(_: object) -> HostObservation:
        never.wait()
        raise AssertionError

    with SqliteHistory(tmp_path / "history.db") as history:
        snapshot(sources(vcenter(STEADY)), history, Ticking(), Quiet())
        made = sources(Silent(STEADY.vcenters[0], silent_host), FakeHosts(Route.SSH, silent_host), configured=("lonely",))
        over = replace(made, end=0.0, limit="--max-time 5 s")
        result = audit(over, history, TABLE, Ticking(), Quiet()).assessment
        again = snapshot(over, history, Ticking(), Quiet())
    assert result.verdict is Verdict.INCOMPLETE
    assert result.limits[0].startswith("The run ended when its time (--max-time) was over; not read to the end: vc, 3 hosts.")
    assert {host.name for host in result.hosts} == {"a", "b", "lonely"}  # those that history knows are named as well
    assert {trouble.trouble.reason for host in result.hosts for trouble in host.routes} == {Reason.OUT_OF_TIME}
    assert all("--max-time 5 s" in str(trouble.trouble) for host in result.hosts for trouble in host.routes)
    assert not again.complete
    assert [gap.why.reason for gap in again.vcenters[0].gaps] == [Reason.OUT_OF_TIME]


def test_settings_that_come_too_late_are_a_gap(tmp_path: Path) -> None:
    never = threading.Event()

    class Slow:
        name = STEADY.vcenters[0].name

        def settings(self, hosts: object) -> Iterator[tuple[HostSettings, ...]]:
            never.wait()
            raise AssertionError
            yield ()

    with SqliteHistory(tmp_path / "history.db") as history:
        made = replace(sources(vcenter(STEADY)), settings={STEADY.vcenters[0].name: Slow()})
        estate_read = threading.Event()

        class Ending(Quiet):
            """The time is over when the first of the settings are asked for."""

            def start(self, phase: str, total: int | None) -> None:
                if phase.startswith("settings"):
                    estate_read.set()
                super().start(phase, total)

        summary = snapshot(replace(made, end=_After(estate_read)), history, Ticking(), Ending())
    assert all(host.seen for host in summary.hosts)
    assert [(gap.part, gap.why.reason) for gap in summary.vcenters[0].gaps] == [("settings of hosts", Reason.OUT_OF_TIME)]
    assert not summary.complete


class _After(float):
    """An end of time that comes with an event and not with the clock."""

    def __new__(cls, event: threading.Event) -> _After:
        made = super().__new__(cls, "inf")
        made.event = event  # type: ignore[attr-defined]
        return made

    def __sub__(self, other: float) -> float:
        return 0.0 if self.event.is_set() else float("inf")  # type: ignore[attr-defined]


def test_jobs_run_side_by_side_and_come_as_they_finish() -> None:
    gate = threading.Barrier(4, timeout=60)

    def job(number: int) -> int:
        gate.wait()
        return number

    assert sorted(parallel.each(range(4), job, 4)) == [0, 1, 2, 3]
    assert list(parallel.each([], job, 4)) == []


def test_no_more_jobs_than_allowed_run_at_once() -> None:
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(3, timeout=60)

    def job(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if number < 3:
            together.wait()
        with lock:
            now -= 1
        return number

    assert len(list(parallel.each(range(50), job, 3))) == 50
    assert most == 3


def test_an_abandoned_sweep_starts_no_further_jobs() -> None:
    started: list[int] = []
    go_on = threading.Event()

    def job(number: int) -> int:
        started.append(number)
        assert number == 0 or go_on.wait(60)
        return number

    before = set(threading.enumerate())
    results = parallel.each(range(500), job, 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    go_on.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert len(started) <= 3  # the one that ended, and one for each of two threads


def test_an_exception_of_a_job_is_raised_in_the_caller() -> None:
    def job(number: int) -> int:
        raise KeyError(number)

    with pytest.raises(KeyError):
        list(parallel.each([1], job, 1))


def _no_past() -> object:
    from auditor.domain.past import Past

    return Past()
