"""A renamed host in the record: one host, under the name it has now; and what is not one host stays two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.image import Commit
from auditor.domain.observation import Estate, InventoryHost, Read, VCenterMarks, VCenterView
from auditor.domain.past import PastHost
from auditor.history.store import SqliteHistory

from .recording import NEW, cluster, host, record, silent, vcenter
from .strategies import at


def view(n: float, *hosts: tuple[str, str, str]) -> VCenterView:
    """A view that lists hosts, each by name, managed object id and hardware UUID."""
    listed = tuple(InventoryHost(moid, name, "domain-c1", uuid=uuid) for name, moid, uuid in hosts)
    return replace(vcenter(at(n)), hosts=Read(listed))


def names(history: SqliteHistory, before: int | None = None) -> dict[str, PastHost]:
    return {known.name: known for known in history.past(before).hosts}


def test_it_is_one_host_with_the_whole_record(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("old", "host-1", "m1")),), (host("old", at(0)),)), kind="audit")
        second = record(history, Estate(at(1), (view(1, ("new", "host-1", "m1")),), (silent("new", at(1)),)))
        found = names(history)
        assert found.keys() == {"new"}
        assert (found["new"].first_seen, found["new"].last_listed) == (at(0), at(1))
        assert (found["new"].id, found["new"].uuid) == ("host-1", "m1")
        assert found["new"].last == host("old", at(0))  # the newest own answer, until it answers under its new name
        assert found["new"].looks == (host("old", at(0)),)
        assert names(history, before=second).keys() == {"old"}  # what an earlier run was told does not change
        record(history, Estate(at(2), (view(2, ("old", "host-1", "m1")),), (host("old", at(2), NEW),)))
        found = names(history)
        assert found.keys() == {"old"}
        assert (found["old"].last, found["old"].last_listed) == (host("old", at(2), NEW), at(2))


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (("new", "host-1", "m2"), {"old", "new"}),  # the id was used again
        (("new", "host-2", "m1"), {"old", "new"}),  # some vendors' machines share a UUID
        (("new", "host-1", ""), {"old", "new"}),  # not read: unknown is not the same
        (("old", "host-1", "m2"), {"old"}),  # another main board: a host goes by its name
        (("old", "host-2", "m1"), {"old"}),  # taken out and added again
    ],
)
def test_what_is_not_known_to_be_the_same_host_is_another_one(
    tmp_path: Path, now: tuple[str, str, str], left: set[str]
) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("old", "host-1", "m1")),)))
        record(history, Estate(at(1), (view(1, now),)))
        assert names(history).keys() == left


def test_a_name_that_stood_for_another_host_is_not_taken_over(tmp_path: Path) -> None:
    """Of two hosts one is gone, and the other has its name now: one of two names has to stay a question."""
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("a", "host-1", "m1"), ("b", "host-2", "m2")),)))
        record(history, Estate(at(1), (view(1, ("b", "host-1", "m1")),)))
        assert names(history).keys() == {"a", "b"}


def test_a_uuid_that_is_not_shown_for_a_while_changes_nothing(tmp_path: Path) -> None:
    """As of a disconnected host."""
    with SqliteHistory(tmp_path / "h.db") as history:
        for n, uuid in enumerate(("m1", "", "m1")):
            record(history, Estate(at(n), (view(n, ("old", "host-1", uuid)),)))
        record(history, Estate(at(3), (view(3, ("new", "host-1", "m1")),)))
        assert names(history).keys() == {"new"}


def test_a_history_from_before_uuids_were_recorded_learns_them(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("old", "host-1", "")),)))
        record(history, Estate(at(1), (view(1, ("old", "host-1", "m1")),)))
        record(history, Estate(at(2), (view(2, ("new", "host-1", "m1")),)))
        assert names(history).keys() == {"new"}
        assert names(history)["new"].first_seen == at(0)


def test_who_forgets_it_by_its_new_name_has_forgotten_it(tmp_path: Path) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("old", "host-1", "m1")),)))
        record(history, Estate(at(1), (view(1, ("new", "host-1", "m1")),)))
        record(history, Estate(at(2), (view(2),)))
        assert names(history).keys() == {"new"}
        history.dismiss_host("new", "scrapped", at(3))
        assert names(history).keys() == set()


@pytest.mark.parametrize(("uuid", "looks"), [("m1", 1), ("m2", 0), ("", 1)])
def test_boot_banks_of_a_machine_that_was_replaced_are_not_the_new_ones(tmp_path: Path, uuid: str, looks: int) -> None:
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (view(0, ("a", "host-1", "m1")),), (host("a", at(0)),)), kind="audit")
        record(history, Estate(at(1), (view(1, ("a", "host-2", uuid)),), (silent("a", at(1)),)))
        assert len(names(history)["a"].looks) == looks
        record(history, Estate(at(2), (view(2, ("a", "host-2", uuid)),), (host("a", at(2)),)), kind="audit")
        assert [look.at for look in names(history)["a"].looks] == [at(2)]


def test_what_an_earlier_run_read_later_is_no_past_of_a_run(tmp_path: Path) -> None:
    """A snapshot that waits for a vCenter sees newer events and a newer commit than the audit that passed it."""
    six, seven = Commit("6", "admin", at(-50)), Commit("7", "admin", at(1.5))
    with SqliteHistory(tmp_path / "h.db") as history:
        record(history, Estate(at(0), (vcenter(at(0), 100, clusters=(cluster(NEW, six),)),)))
        slow = history.begin("snapshot", at(1))
        audit = history.begin("audit", at(1.1))
        told = history.past(before=audit)
        history.record_vcenter(audit, vcenter(at(1.1), 200, clusters=(cluster(NEW, six),)))
        history.finish(audit, at(1.2), "in-sync")
        history.record_vcenter(slow, vcenter(at(2), 300, clusters=(cluster(NEW, seven),)))
        history.finish(slow, at(2), "complete")
        past = history.past(before=audit)
        assert (past.marks, [c.images for c in past.clusters]) == (told.marks, [c.images for c in told.clusters])
        assert isinstance(past.marks[-1].marks, VCenterMarks)
        assert past.marks[-1].marks.newest_event_key == Read(100)
        assert [mark.marks.newest_event_key for mark in history.past().marks] == [Read(300)]
