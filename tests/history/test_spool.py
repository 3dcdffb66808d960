"""A run does not stop for a program that keeps the history open: it waits beside it, and is taken in once, in its place."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.domain.image import Commit
from auditor.domain.observation import Estate, InventoryHost, Read, Reason, Route, Unread
from auditor.domain.settings.values import HostSettings, SettingsGroup
from auditor.errors import HistoryError, LockedError
from auditor.history.journal import SqliteJournal
from auditor.history.spooling import UNNUMBERED, SpoolingHistory
from auditor.history.store import BATCH, SqliteHistory
from auditor.ports import History

from .holder import Holder
from .recording import NEW, OLD, cluster, count, host, record, silent, vcenter
from .strategies import at

NAMES = ("esx01", "esx02", "esx03")


@pytest.fixture(scope="module")
def reader() -> Iterator[Holder]:
    holder = Holder()
    yield holder
    holder.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history with one run."""
    path = tmp_path / "h.db"
    with SqliteHistory(path) as history:
        record(history, Estate(at(0), (vcenter(at(0)),), (host("esx01", at(0)),)))
    return path


def seen(minute: int) -> Estate:
    return Estate(at(minute), (vcenter(at(minute), minute),), (host("esx01", at(minute), NEW), host("esx02", at(minute))))


def some_settings(minute: int) -> tuple[HostSettings, ...]:
    ntp, denied = Read((("servers", f"ntp{minute // 2}"),)), Unread(Reason.DENIED, "no right")
    own = HostSettings("esx01", "vc", at(minute), {SettingsGroup.NTP: ntp, SettingsGroup.LOCKDOWN: denied})
    other = HostSettings("esx01", "vc", at(minute + 0.5), {SettingsGroup.NTP: ntp, SettingsGroup.DNS: Read(())})
    return own, other


def spooled(path: Path, reader: Holder, minute: int, wait: float = 0.0) -> Path:
    """Record a run while the file is kept open; the file that it went to."""
    reader.hold(path)
    try:
        with SpoolingHistory(path, wait=wait) as history:
            assert record(history, seen(minute), settings=some_settings(minute)) == UNNUMBERED
            found = Path(history.place)
    finally:
        reader.free(path)
    assert found.parent == path.with_name("h.db.spool")
    return found


def next_run(path: Path, minute: int) -> tuple[int, list[str]]:
    said: list[str] = []
    with SpoolingHistory(path, wait=0.0, say=said.append) as history:
        return record(history, seen(minute)), said


def answers(history: SqliteHistory) -> list[object]:
    """Everything that can be asked."""
    runs = list(history.runs())
    return [
        runs,
        history.past(),
        [history.past(run.id) for run in runs],
        [history.estate(run.started) for run in runs if run.finished],
        [
            history.latest_facts(name, when)
            for name in ("esx01", "esx02", "esx03")
            for when in (None, *(r.started for r in runs))
        ],
        [history.settings(name) for name in NAMES],
        history.list_commits(),
        history.bank_answers(),
    ]


def test_it_is_a_history(tmp_path: Path) -> None:
    history: History = SpoolingHistory(tmp_path / "h.db")
    assert list(history.runs()) == []
    assert history.beside == ""


def test_a_run_beside_a_reader_is_kept_and_taken_in_by_the_next(path: Path, reader: Holder, tmp_path: Path) -> None:
    kept = spooled(path, reader, 1)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    with SqliteHistory(path, read_only=True) as history:
        assert [one.path for one in history.waiting()] == [kept]
        assert len(list(history.runs())) == 1
    run, said = next_run(path, 2)
    assert (run, said) == (3, ["took 1 run into the history that waited beside it"])
    assert list(kept.parent.iterdir()) == []
    assert next_run(path, 3) == (4, [])
    with SqliteHistory(tmp_path / "direct.db") as direct, SqliteHistory(path, read_only=True) as history:
        record(direct, Estate(at(0), (vcenter(at(0)),), (host("esx01", at(0)),)))
        record(direct, seen(1), settings=some_settings(1))
        record(direct, seen(2))
        record(direct, seen(3))
        assert answers(history) == answers(direct)


def test_what_it_says_names_the_program_the_place_and_who_is_left_out(path: Path, reader: Holder) -> None:
    spooled(path, reader, 1)
    reader.hold(path)
    with SpoolingHistory(path, wait=0.0) as history:
        record(history, seen(2))
        said = history.beside
        assert history.past().runs == 1, "it can be read"
    reader.free(path)
    assert f"in {path}.spool/" in said
    assert f", process {reader.pid})" in said or "open: the next run" in said, "where the system does not tell, nothing"
    assert "What 1 earlier run there saw is not in this answer." in said


def test_a_lock_in_the_middle_of_a_run_takes_the_rest_of_it_beside(path: Path, reader: Holder, tmp_path: Path) -> None:
    hosts = tuple(host(f"esx{n:03}", at(1)) for n in range(BATCH + 20))
    whole = Estate(at(1), (vcenter(at(1)),), hosts)
    with SpoolingHistory(path, wait=0.0) as history:
        run = history.begin("audit", at(1))
        history.record_vcenter(run, whole.vcenters[0])
        for one in hosts[: BATCH - 3]:
            history.record_host(run, one)
        reader.hold(path)
        for one in hosts[BATCH - 3 :]:
            history.record_host(run, one)
        history.record_settings(run, some_settings(1))
        history.finish(run, at(2), "drift")
        assert history.beside
    with SqliteHistory(path, read_only=True) as recorded:
        assert [one.finished for one in recorded.runs()] == [at(0), None]
    reader.free(path)
    assert next_run(path, 5)[0] == run + 1
    with SqliteHistory(path, read_only=True) as recorded:
        found, view = recorded.estate(at(2))
        assert (found, view) == (run, whole)
        (_, mine, _) = recorded.runs()
        assert (mine.finished, mine.outcome, mine.hosts) == (at(2), "drift", len(hosts))


def test_a_history_that_cannot_even_be_read_stops_no_run(path: Path, reader: Holder) -> None:
    reader.shut(path)
    try:
        with SpoolingHistory(path, wait=0.0) as history:
            assert history.begin("audit", at(1)) == UNNUMBERED
            with pytest.raises(LockedError):
                history.past()
            history.record_host(UNNUMBERED, host("esx01", at(1)))
            assert history.new_documents(UNNUMBERED) > 0
            history.finish(UNNUMBERED, at(1), "complete")
    finally:
        reader.free(path)
    assert next_run(path, 2)[0] == 3


def test_the_wait_is_one_for_all_writes_of_a_run(path: Path, reader: Holder) -> None:
    """Of what is waited only time with the lock counts: the history says how much is left."""
    reader.hold(path)
    try:
        with SqliteHistory(path, wait=0.3, in_all=True) as history:
            with pytest.raises(LockedError):
                history.begin("audit", at(1))
            assert history._file._left <= 0
    finally:
        reader.free(path)
    with SqliteHistory(path, wait=0.3, in_all=True) as history:
        record(history, seen(1))
        assert history._file._left == 0.3


def test_a_killed_run_keeps_what_it_had(path: Path, reader: Holder) -> None:
    reader.hold(path)
    history = SpoolingHistory(path, wait=0.0)
    history.begin("snapshot", at(1))
    history.record_vcenter(UNNUMBERED, vcenter(at(1)))
    reader.free(path)
    assert next_run(path, 2) == (3, []), "its process lives, so its number is kept for it"
    os.close(history._lock)  # as the end of its process does
    assert next_run(path, 3) == (4, ["took 1 run into the history that waited beside it"])
    with SqliteHistory(path, read_only=True) as recorded:
        assert [(run.id, run.started, run.finished) for run in recorded.runs()] == [
            (1, at(0), at(0)), (2, at(1), None), (3, at(2), at(2)), (4, at(3), at(3))
        ]  # fmt: skip
        assert len(recorded.past(before=3).marks) == 1


def test_a_file_that_comes_back_is_not_taken_in_twice(path: Path, reader: Holder, tmp_path: Path) -> None:
    kept = spooled(path, reader, 1)
    copy = tmp_path / "copy"
    shutil.copy(kept, copy)
    next_run(path, 2)
    shutil.copy(copy, kept)  # a kill between the commit and the removal leaves the same
    tables = ("host_attempts", "vcenter_attempts", "settings_attempts", "observations", "listings", "settings")
    before = [count(path, table) for table in tables]
    with SqliteHistory(path, read_only=True) as history:
        assert history.waiting() == ()
    said: list[str] = []
    with SpoolingHistory(path, wait=0.0, say=said.append) as spooling:
        assert spooling.begin("window", at(3)) == 4
    assert (kept.exists(), said) == (False, [])
    assert [count(path, table) for table in tables] == before


def test_the_journal_is_never_beside(path: Path, reader: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteJournal(path) as journal:
        journal._file._wait = 0.0
        reader.hold(path)
        try:
            with pytest.raises(LockedError):
                journal.open("apply", ["vc/c1"], document="{}", digest="d", operator="o", ticket="t", at=at(1))
        finally:
            reader.free(path)
    assert not path.with_name("h.db.spool").exists()


def test_no_room_beside_either_is_said(path: Path, reader: Holder) -> None:
    path.with_name("h.db.spool").write_text("in the way")
    reader.hold(path)
    try:
        with SpoolingHistory(path, wait=0.0) as history, pytest.raises(HistoryError, match="could not be kept beside it"):
            history.begin("audit", at(1))
    finally:
        reader.free(path)


def _truncated(kept: Path) -> None:
    os.truncate(kept, kept.stat().st_size // 2)


def _flipped(kept: Path) -> None:
    with sqlite3.connect(kept) as conn:
        conn.execute("UPDATE documents SET content = replace(content, 'VMware', 'Vmware') WHERE kind = 'vibs'")


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(kept: Path) -> None:
        kept.unlink()
        make(kept)

    return spoil


def _two_runs(kept: Path) -> None:
    with SqliteHistory(kept) as history:
        history.begin("audit", at(1))


def _renamed(old: str, new: str) -> Callable[[Path], None]:
    return lambda kept: kept.rename(kept.with_name(kept.name.replace(old, new, 1))) and None


def _newer(kept: Path) -> None:
    with sqlite3.connect(kept) as conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('auditor-history', 'm900_later', 'x')"
        )


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncated, "damaged"),
    "emptied": (lambda kept: os.truncate(kept, 0), "empty"),
    "changed": (_flipped, "damaged"),
    "text": (lambda kept: kept.write_text("{}"), "not an SQLite database"),
    "no JSON": (lambda kept: sqlite3.connect(kept).executescript("UPDATE runs SET started = 'soon';"), "damaged"),
    "huge": (lambda kept: os.truncate(kept, 1 << 40), "larger than"),
    "link": (_replaced(lambda kept: kept.symlink_to("/dev/zero")), "link"),
    "FIFO": (_replaced(os.mkfifo), "no ordinary file"),
    "folder": (_replaced(lambda kept: kept.mkdir()), "no ordinary file"),
    "second name": (lambda kept: os.link(kept, f"{kept}.copy"), "link"),
    "two runs": (_two_runs, "several runs"),
    "newer": (_newer, "newer program"),
    "another name": (_renamed("20260101T000100", "20260101T000200"), "do not belong together"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_file_that_is_not_fit_is_named_and_left_and_the_run_goes_on(path: Path, reader: Holder, case: str) -> None:
    spoil, why = UNFIT[case]
    spoil(spooled(path, reader, 1))
    names = {one.name for one in path.with_name("h.db.spool").iterdir()}
    run, (said,) = next_run(path, 2)
    assert run == 3, "its number is kept, in case it can be taken in one day"
    assert why in said
    assert "is left as it is" in said
    assert {one.name for one in path.with_name("h.db.spool").iterdir()} >= names
    assert next_run(path, 3)[0] == 4
    with SqliteHistory(path, read_only=True) as history:
        assert [one.id for one in history.runs()] == [1, 3, 4]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_left(path: Path, reader: Holder) -> None:
    os.chown(spooled(path, reader, 1), 65534, 65534)
    assert "belongs to another user" in next_run(path, 2)[1][0]


def test_another_historys_file_is_left(path: Path, reader: Holder, tmp_path: Path) -> None:
    kept = spooled(path, reader, 1)
    other = tmp_path / "other.db"
    with SqliteHistory(other) as history:
        record(history, seen(7))
    kept.parent.rename(tmp_path / "other.db.spool")
    assert "belongs to another history" in next_run(other, 8)[1][0]


def test_a_folder_that_others_can_write_is_not_looked_into(path: Path, reader: Holder) -> None:
    spooled(path, reader, 1).parent.chmod(0o777)
    run, (said,) = next_run(path, 2)
    assert run == 2
    assert "this user alone" in said


def test_a_run_of_an_older_layout_is_taken_in(path: Path, reader: Holder) -> None:
    kept = spooled(path, reader, 1)
    with sqlite3.connect(kept) as conn:
        conn.executescript("DROP TABLE spooled; DELETE FROM _sqlite_migrations WHERE name = 'm007_spooled';")
    assert next_run(path, 2) == (3, ["took 1 run into the history that waited beside it"])


@dataclass(frozen=True)
class Step:
    """One run: what it saw, and whether another program kept the file open then; ``late``: its process lives on, and it ends
    after so many later runs."""

    hosts: tuple[str, ...]
    moved: bool
    version: str
    silent: bool
    kind: str
    held: bool
    late: int


steps = st.builds(
    Step,
    hosts=st.sampled_from([("esx01",), ("esx01", "esx02"), ("esx02", "esx03"), ()]),
    moved=st.booleans(),
    version=st.sampled_from([OLD, NEW]),
    silent=st.booleans(),
    kind=st.sampled_from(["snapshot", "audit", "window"]),
    held=st.booleans(),
    late=st.integers(0, 2),
)


def run_of(history: History, step: Step, minute: int) -> Iterator[None]:
    """One run, up to its first answer; then the rest."""
    run = history.begin(step.kind, at(minute))
    commit = Commit("5" if step.version == OLD else "6", "admin", at(0), "")
    listed = tuple(
        InventoryHost(f"host-{name}", name, "domain-c2" if step.moved and name == "esx02" else "domain-c1", uuid=f"u-{name}")
        for name in step.hosts
    )
    yield
    view = vcenter(at(minute), minute, clusters=(cluster(step.version, commit), cluster(OLD, moid="domain-c2")))
    if step.kind != "window" and not (step.silent and step.moved):
        history.record_vcenter(run, replace(view, hosts=Read(listed)))
    for name in step.hosts:
        answer = silent(name, at(minute)) if step.silent else host(name, at(minute), step.version)
        history.record_host(run, answer)
        history.record_host(run, host(name, at(minute), step.version, Route.VCENTER, banks=()))
    if step.kind == "snapshot" and "esx01" in step.hosts:
        history.record_settings(run, some_settings(minute))
    history.finish(run, at(minute), "complete")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, min_size=1, max_size=6))
def test_whatever_waited_beside_it_the_history_says_the_same(reader: Holder, plan: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as own:
        path, direct = Path(own) / "h.db", Path(own) / "direct.db"
        for file in (path, direct):
            with SqliteHistory(file) as history:
                record(history, Estate(at(0), (vcenter(at(0)),), (host("esx01", at(0)),)))
        late: list[tuple[int, Iterator[None], SpoolingHistory]] = []
        for number, step in enumerate(plan, 1):
            with SqliteHistory(direct) as straight:
                list(run_of(straight, step, 10 * number))
            if step.held:
                reader.hold(path)
            history_ = SpoolingHistory(path, wait=0.0)
            running = run_of(history_, step, 10 * number)
            next(running)
            if step.held:
                reader.free(path)
            late.append((number + step.late * step.held, running, history_))
            for entry in [entry for entry in late if entry[0] <= number]:
                list(entry[1])
                entry[2].close()
                late.remove(entry)
        for _, running, history_ in late:
            list(running)
            history_.close()
        with SpoolingHistory(path, wait=0.0) as last, SqliteHistory(direct) as straight:
            assert last.begin("audit", at(999)) == straight.begin("audit", at(999))
        with SqliteHistory(path, read_only=True) as found, SqliteHistory(direct, read_only=True) as wanted:
            for number, (one, other) in enumerate(zip(answers(found), answers(wanted), strict=True)):
                if number != 5 or not any(
                    step.late for step in plan
                ):  # settings' intervals may overlap, as those of two at once
                    assert one == other
