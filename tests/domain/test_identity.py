"""A renamed host is the same host; what only looks like a renamed one is not, and stays a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.assessment import Verdict
from auditor.domain.observation import BankReading, Read, Reason, Unread
from auditor.domain.past import Past
from tests.domain.estates import NEW, OLD, ago, cluster, estate, image, listed, past, says, silent
from tests.domain.judging import COMMIT_5, codes, judge
from tests.domain.rollback.samples import VOLUME_A, VOLUME_B, boot_cfg

MACHINE = "4c4c4544-0000-4a10-8000-000000000001"


def known(name: str, moid: str = "host-1", uuid: str = MACHINE) -> Past:
    before = past((image(NEW), COMMIT_5), hosts=(name, "b"))
    (host, other) = before.hosts
    return replace(before, hosts=(replace(host, id=moid, uuid=uuid, last=replace(says(name, NEW), at=ago(5))), other))


def now(name: str, moid: str = "host-1", uuid: str = MACHINE) -> object:
    return replace(listed(name, NEW), id=moid, uuid=uuid)


def test_a_renamed_host_is_one_host_under_its_new_name() -> None:
    view = estate((cluster(NEW),), (now("new"), listed("b", NEW)), (silent("new"), says("b", NEW)))  # type: ignore[arg-type]
    result = judge(view, known("old"))
    assert codes(result) == {"host-unseen"}
    assert {row.name: row.last_seen for row in result.hosts} == {"new": ago(5), "b": view.at}


def test_a_renamed_host_that_answers_is_no_finding() -> None:
    view = estate((cluster(NEW),), (now("new"), listed("b", NEW)), (says("new", NEW), says("b", NEW)))  # type: ignore[arg-type]
    result = judge(view, known("old"))
    assert (codes(result), result.verdict) == (set(), Verdict.IN_SYNC)


@pytest.mark.parametrize(
    ("then", "here"),
    [
        (known("old"), now("new", uuid=MACHINE[:-1] + "2")),
        (known("old"), now("new", moid="host-2")),
        (known("old", uuid=""), now("new", uuid="")),
        (known("old"), now("new", uuid="")),
        (known("old", moid=""), now("new", moid="")),
        (replace(known("old"), hosts=tuple(replace(h, vcenter="other") for h in known("old").hosts)), now("new")),
    ],
    ids=["another machine", "another object", "no UUID at all", "no UUID now", "no id", "another vCenter"],
)
def test_a_host_that_only_looks_like_it_is_another_one(then: Past, here: object) -> None:
    view = estate((cluster(NEW),), (here, listed("b", NEW)), (says("new", NEW), says("b", NEW)))  # type: ignore[arg-type]
    gone = {host.name for host in then.hosts if host.vcenter == "vc"} - {"b"}
    result = judge(view, then)
    assert codes(result) == ({"host-vanished"} if gone else set())
    assert {row.name for row in result.hosts} >= {"new", *gone}


def test_a_host_that_takes_over_the_name_of_one_that_is_gone_does_not_hide_that() -> None:
    """Two were known, one is listed: whatever it is called."""
    view = estate((cluster(NEW),), (now("b"),), (says("b", NEW),))  # type: ignore[arg-type]
    assert codes(judge(view, known("old"))) == {"host-vanished"}


def test_a_name_that_is_still_listed_is_not_followed() -> None:
    """Two hosts swapped names: a host goes by its name."""
    view = estate((cluster(NEW),), (now("b"), listed("old", NEW)), (says("b", NEW), says("old", NEW)))  # type: ignore[arg-type]
    assert codes(judge(view, known("old"))) == set()


def test_an_inventory_that_was_not_read_renames_nobody() -> None:
    view = estate((cluster(NEW),), (), (says("old", NEW), says("b", NEW)))
    view = replace(view, vcenters=(replace(view.vcenters[0], hosts=Unread(Reason.DENIED), clusters=Read(())),))
    result = judge(view, known("old"))
    assert {row.name for row in result.hosts} == {"old", "b"}
    assert "host-vanished" not in codes(result)


@pytest.mark.parametrize(("uuid", "told"), [(MACHINE, {"window-closed"}), ("", {"window-closed"}), (MACHINE[:-1] + "2", set())])
def test_a_machine_that_replaces_another_under_its_name_has_closed_no_window(uuid: str, told: set[str]) -> None:
    before = known("a")
    then = replace(says("a", NEW), at=ago(5), banks=banks(boot_cfg(NEW, 5), boot_cfg(OLD, 4)))
    before = replace(before, hosts=(replace(before.hosts[0], looks=(then,)), before.hosts[1]))
    here = says("a", NEW, banks=banks(boot_cfg(NEW, 5), boot_cfg(NEW, 4)))
    view = estate((cluster(NEW),), (now("a", uuid=uuid), listed("b", NEW)), (here, says("b", NEW)))  # type: ignore[arg-type]
    assert codes(judge(view, before)) == told


def banks(own: bytes, other: bytes) -> tuple[BankReading, ...]:
    return (BankReading("/bootbank", Read(VOLUME_A), Read(own)), BankReading("/altbootbank", Read(VOLUME_B), Read(other)))
