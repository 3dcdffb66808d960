"""The past a diagnosis rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.image import Commit, ManagementMode
from auditor.domain.observation import (
    NOT_ATTEMPTED,
    BankReading,
    Estate,
    HostObservation,
    Read,
    Reason,
    Route,
    Unread,
    VCenterMarks,
)
from auditor.domain.past import Past
from auditor.errors import HistoryError
from auditor.history.store import SqliteHistory

from .recording import NEW, OLD, cluster, count, host, record, silent, vcenter
from .strategies import at

FIVE = Commit("5", "admin", at(-100), "first")
SIX = Commit("6", "admin", at(-50), "second")


def test_of_an_empty_history_nothing_is_known(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        run = history.begin("audit", at(0))
        assert history.past(before=run) == history.past() == Past()


def test_marks_keep_what_shows_a_rewind(tmp_path: Path) -> None:
    """Newest, highest event key, newest event time, and the newest of each build; per vCenter and instance UUID."""
    seen = [  # event key, minute of the newest event, build, instance
        (100, 0, "100", "uuid-1"),
        (900, 20, "100", "uuid-1"),
        (800, 90, "100", "uuid-1"),
        (850, 40, "300", "uuid-1"),
        (300, 30, "200", "uuid-1"),
        (310, 31, "200", "uuid-1"),
        (5, 1, "100", "uuid-2"),
    ]
    with SqliteHistory(tmp_path / "h.db") as history:
        for n, (key, minute, build, uuid) in enumerate(seen):
            marks = VCenterMarks(uuid, "8.0.3", build, Read(key), Read(at(minute)), Read(at(n)))
            record(history, Estate(at(n), (vcenter(at(n), marks=Read(marks)),)))
        past = history.past()
        kept = [mark.marks.newest_event_key for mark in past.marks]
        assert kept == [Read(900), Read(800), Read(850), Read(310), Read(5)]
        assert [mark.at for mark in past.marks] == [at(1), at(2), at(3), at(5), at(6)]
        assert {mark.vcenter for mark in past.marks} == {"vc"}
        assert [mark.marks.newest_event_key for mark in history.past(before=2).marks] == [Read(100)]


def test_marks_that_were_not_read_are_no_marks_but_parts_of_them_may_be_missing(tmp_path: Path) -> None:
    unread = Unread(Reason.DENIED, "no right to read events")
    marks = VCenterMarks("uuid-1", "8.0.3", "100", unread, unread, Read(at(1)))
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0), marks=Unread(Reason.UNREACHABLE)),)))
        record(history, Estate(at(1), (vcenter(at(1), marks=Read(marks)),)))
        assert [mark.marks for mark in history.past().marks] == [marks]


def test_every_image_a_cluster_ever_had_stays_also_after_a_restore_reuses_its_commit_id(tmp_path: Path) -> None:
    reused = Commit("6", "other", at(200), "after the restore")
    with SqliteHistory(tmp_path / "h.db") as history:
        for n, view in enumerate(
            (cluster(OLD, FIVE), cluster(NEW, SIX), cluster(NEW, SIX), cluster(OLD, FIVE), cluster(OLD, reused))
        ):
            record(history, Estate(at(n), (vcenter(at(n), clusters=(view,)),)))
        (found,) = history.past().clusters
        assert [(image.commit, image.first_seen, image.last_seen) for image in found.images] == [
            (FIVE, at(0), at(3)),
            (SIX, at(1), at(2)),
            (reused, at(4), at(4)),
        ]
        assert found.images[1].image == cluster(NEW).image.value
        assert found.images[1].image.spec == '{"base_image": {}}'
        assert (found.instance_uuid, found.id, found.mode) == ("uuid-1", "domain-c1", ManagementMode.IMAGE)
        listed = history.list_commits(cluster="name of domain-c1")
        assert [(image.commit, image.image.base_image.version.raw) for image in listed] == [
            (FIVE, OLD), (SIX, NEW), (reused, OLD)
        ]  # fmt: skip
        assert history.list_commits("uuid-1", "domain-c1") == listed == history.list_commits("vc")
        assert history.list_commits("vc-x") == history.list_commits(cluster="x") == []


def test_an_image_whose_commit_could_not_be_read_is_kept(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        denied = replace(cluster(NEW), commit=Unread(Reason.DENIED))
        for n in range(2):
            record(history, Estate(at(n), (vcenter(at(n), clusters=(denied,)),)))
        ((image,),) = [found.images for found in history.past().clusters]
        assert (image.commit, image.image, image.last_seen) == (None, denied.image.value, at(1))


def test_a_depot_that_lost_the_image_makes_no_second_image(tmp_path: Path) -> None:
    seen = cluster(OLD, FIVE)
    lost = replace(seen.image.value, base_image=replace(seen.image.value.base_image, in_depot=False))
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0), clusters=(seen,)),)))
        record(history, Estate(at(1), (vcenter(at(1), clusters=(replace(seen, image=Read(lost)),)),)))
        ((image,),) = [found.images for found in history.past().clusters]
        assert (image.first_seen, image.last_seen, image.image.base_image.in_depot) == (at(0), at(1), False)


def test_the_last_mode_that_was_read_is_the_mode(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0)),)))
        unread = replace(cluster(), mode=Unread(Reason.TIMED_OUT), image=Unread(Reason.TIMED_OUT))
        record(history, Estate(at(1), (vcenter(at(1), clusters=(unread,)),)))
        (found,) = history.past().clusters
        assert (found.mode, found.last_seen, len(found.images)) == (ManagementMode.IMAGE, at(1), 1)


def test_before_cuts_exactly(tmp_path: Path) -> None:
    """What a run was told about the past stays the answer, whatever is recorded later."""
    with SqliteHistory(tmp_path / "h.db") as history:
        told = []
        for n in range(8):
            run = history.begin("audit", at(n))
            told.append((run, history.past(before=run)))
            gone = n in {3, 4}
            image = cluster(NEW, SIX) if n in {2, 3} else cluster(OLD, FIVE)
            view = vcenter(at(n), n, ("esx01",) if gone else ("esx01", "esx02"), clusters=(image,))
            history.record_vcenter(run, view if n != 5 else replace(view, hosts=Unread(Reason.DENIED)))
            history.record_host(run, host("esx01", at(n), NEW if n > 2 else OLD))
            history.record_host(run, silent("esx02", at(n)) if n % 2 else host("esx02", at(n), route=Route.VCENTER))
            history.finish(run, at(n), "complete")
        for run, past in told:
            assert history.past(before=run) == past
        assert [past.runs for _, past in told] == list(range(8))
        assert [past.newest_run for _, past in told] == [None, *map(at, range(7))]


def test_a_host_that_vanished_and_one_that_never_answered(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0)),), (host("esx01", at(0)), silent("esx02", at(0)))))
        record(history, Estate(at(1), (vcenter(at(1), hosts=("esx01",)),), (silent("esx01", at(1)),)))
        first, second = history.past().hosts
        assert (first.name, first.cluster, first.cluster_name) == ("esx01", "domain-c1", "name of domain-c1")
        assert (first.first_seen, first.last_listed, first.last) == (at(0), at(1), host("esx01", at(0)))
        assert (second.name, second.last_listed, second.last) == ("esx02", at(0), None)


def test_a_host_that_moved_is_in_the_cluster_it_was_last_listed_in(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        for n, moid in enumerate(("domain-c1", "domain-c2", "domain-c1", "domain-c2")):
            view = vcenter(at(n), clusters=(cluster(), cluster(moid="domain-c2")))
            moved = tuple(replace(listed, cluster=moid) for listed in view.hosts.value)
            record(history, Estate(at(n), (replace(view, hosts=Read(moved)),)))
            assert {(found.cluster, found.cluster_name, found.last_listed) for found in history.past().hosts} == {
                (moid, f"name of {moid}", at(n))
            }


def test_a_cluster_keeps_its_name_while_its_clusters_cannot_be_read(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0)),)))
        record(history, Estate(at(1), (replace(vcenter(at(1)), clusters=Unread(Reason.DENIED)),)))
        found = history.past()
        assert {(h.cluster_name, h.first_seen, h.last_listed) for h in found.hosts} == {("name of domain-c1", at(0), at(1))}
        assert [(c.name, c.last_seen) for c in found.clusters] == [("name of domain-c1", at(0))]
    assert count(tmp_path / "h.db", "listings") == 2


def test_the_newest_own_answer_is_the_richest_of_its_run(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        unsupported = Unread(Reason.NOT_SUPPORTED, "not by this route")
        through = host("esx01", at(1), route=Route.VCENTER, banks=(), staged=unsupported)
        direct = host("esx01", at(1.5), components=Unread(Reason.CUT_OFF))
        record(history, Estate(at(0), (), (host("esx01", at(0), NEW),)))
        record(history, Estate(at(1), (), (through, direct)))
        record(history, Estate(at(2), (), (silent("esx01", at(2)),)))
        (found,) = history.past().hosts
        assert found.last == replace(direct, components=through.components)


def test_an_older_run_never_fills_a_newer_one(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (), (host("esx01", at(0)),)))
        poor = host("esx01", at(1), NEW, vibs=Unread(Reason.TIMED_OUT), banks=())
        record(history, Estate(at(1), (), (poor,)))
        assert history.past().hosts[0].last == poor


def test_two_spellings_of_a_name_are_one_host(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0), hosts=("ESX01.lab",)),), (host("esx01.lab", at(0)),)))
        (found,) = history.past().hosts
        assert (found.last_listed, found.last) == (at(0), host("esx01.lab", at(0)))


def looked(name: str, time: float, text: bytes, **more: object) -> HostObservation:
    """What a look at the boot banks records."""
    nothing = NOT_ATTEMPTED
    banks = (BankReading("/bootbank", Read("/vmfs/volumes/a"), Read(text)),)
    fields = dict.fromkeys(("base_image", "add_on", "components", "vibs", "staged", "maintenance_mode"), nothing)
    return host(name, at(time), banks=banks, **{**fields, **more})


def test_a_look_at_boot_banks_is_a_look_and_nothing_else(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        first = looked("esx01", 0, b"updated=1\n")
        record(history, Estate(at(0), (), (first,)), kind="window")
        past = history.past()
        assert (past.runs, past.newest_run) == (0, None)
        assert [(h.last, h.looks) for h in past.hosts] == [(None, (first,))]
        with pytest.raises(HistoryError, match="no finished run"):
            history.estate()
        audited, snapped = host("esx01", at(1)), host("esx01", at(2), NEW)
        audit = record(history, Estate(at(1), (), (audited,)), kind="audit")
        snapshot = record(history, Estate(at(2), (), (snapped,)))
        last = looked("esx01", 3, b"updated=3\n")
        record(history, Estate(at(3), (), (last,)), kind="window")
        record(history, Estate(at(4), (), (silent("esx01", at(4)),)), kind="window")
        past = history.past()
        assert (past.runs, past.newest_run, history.estate()[0]) == (2, at(2), snapshot)
        assert [(h.last, h.looks) for h in past.hosts] == [(snapped, (audited, last))]
        assert [(h.last, h.looks) for h in history.past(before=snapshot).hosts] == [(audited, (audited,))]
        assert [(h.last, h.looks) for h in history.past(before=audit).hosts] == [(None, (first,))]


def test_unfinished_runs_count_for_facts_only(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        run = history.begin("snapshot", at(0))
        history.record_vcenter(run, vcenter(at(0)))
        history.record_host(run, host("esx01", at(0)))
    with SqliteHistory(tmp_path / "h.db") as history:
        past = history.past()
        assert (past.runs, past.newest_run, len(past.marks), len(past.hosts)) == (0, None, 1, 2)
        (record_,) = history.runs()
        assert (record_.finished, record_.outcome, record_.hosts, record_.unseen) == (None, "", 1, 0)


def test_a_dismissed_host_is_left_out_until_it_is_listed_again(tmp_path: Path) -> None:
    def names(before: int | None = None) -> set[str]:
        return {known.name for known in history.past(before).hosts}

    with SqliteHistory(tmp_path / "history.db") as history:
        both, one = [vcenter(at(n), hosts=("esx01", "esx02")[: 2 - n]) for n in range(2)]
        record(history, Estate(at(0), (both,)))
        second = record(history, Estate(at(1), (one,)))
        assert names() == {"esx01", "esx02"}
        assert history.dismiss_host("ESX02.", "scrapped", at(2)) == ["vc"]
        assert names() == {"esx01"}
        assert names(before=second) == {"esx01", "esx02"}  # what an earlier run was told does not change
        record(history, Estate(at(3), (one,)))
        assert names() == {"esx01"}
        record(history, Estate(at(4), (both,)))
        assert names() == {"esx01", "esx02"}
        with pytest.raises(HistoryError, match="no host"):
            history.dismiss_host("nobody", "x", at(5))
