"""Which hosts a command is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from auditor.domain.past import Past, PastHost
from auditor.errors import InputError
from auditor.workflows.choosing import KnownHosts, choose, known_hosts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=9)


def listed(name: str, vcenter: str, cluster: str = "prod", at: datetime | None = NOW) -> PastHost:
    return PastHost(name, vcenter, f"domain-{cluster}", cluster, BEFORE, at, None)


def known(*hosts: PastHost, configured: tuple[tuple[str, str], ...] = (), complete: bool = True) -> KnownHosts:
    places = {"far.example": ("192.0.2.9", "192.0.2.9:22"), "esx01.a.example": ("192.0.2.1", "192.0.2.1:22")}
    return known_hosts(Past(hosts=hosts), configured, places, ("vc1", "vc2"), complete=complete)


def names(found: tuple[object, ...]) -> list[tuple[str, str]]:
    return [(host.name, host.vcenter) for host in found]  # type: ignore[attr-defined]


TWO = (listed("esx01.a.example", "vc1"), listed("esx01.b.example", "vc2"), listed("esx02.a.example", "vc1"))


def test_by_short_name_address_and_twice() -> None:
    found = choose(known(*TWO), ["ESX02", "esx02.a.example", "192.0.2.1", "far"])
    assert names(found) == [("esx02.a.example", "vc1"), ("esx01.a.example", "vc1"), ("far.example", "")]


def test_several_candidates_are_named_with_their_vcenters() -> None:
    with pytest.raises(InputError, match=r"2 hosts: esx01\.a\.example \(vc1\), esx01\.b\.example \(vc2\)") as caught:
        choose(known(*TWO), ["esx01"])
    assert "whole name" in caught.value.hint
    assert names(choose(known(*TWO), ["esx01"], vcenter="vc2")) == [("esx01.b.example", "vc2")]


def test_an_unknown_one_is_refused_with_what_is_near() -> None:
    with pytest.raises(InputError, match=r"no host 'esx03\.a\.example'") as caught:
        choose(known(*TWO), ["esx02.a.example", "esx03.a.example"])
    assert "did you mean esx0" in caught.value.hint
    assert "auditor snapshot" in caught.value.hint
    with pytest.raises(InputError, match="vCenter vc2") as caught:
        choose(known(*TWO), ["esx02"], vcenter="vc2")
    assert "esx01.b.example" in caught.value.hint


def test_without_history_a_name_may_be_right() -> None:
    assert names(choose(known(complete=False), ["esx77.a.example"])) == [("esx77.a.example", "")]
    with pytest.raises(InputError, match="no host"):
        choose(known(), ["esx77.a.example"])


def test_one_name_that_two_vcenters_list_now() -> None:
    twins = known(listed("esx01", "vc1"), listed("esx01", "vc2"))
    with pytest.raises(InputError, match="2 vCenters: vc1, vc2") as caught:
        choose(twins, ["esx01"])
    assert "--vcenter" in caught.value.hint
    assert names(choose(twins, ["esx01"], vcenter="vc2")) == [("esx01", "vc2")]


def test_a_host_that_was_moved_is_where_it_was_listed_last() -> None:
    moved = known(listed("esx01", "vc1", at=BEFORE), listed("esx02", "vc1"), listed("esx01", "vc2"))
    assert names(choose(moved, ["esx01"])) == [("esx01", "vc2")]
    assert names(choose(moved, [])) == [("esx01", "vc2"), ("esx02", "vc1")]


def test_a_vcenter_that_is_not_configured_any_more_is_no_second_place() -> None:
    renamed = known(listed("esx01", "old"), listed("esx01", "vc1"))
    assert names(choose(renamed, ["esx01"])) == [("esx01", "vc1")]
    assert names(choose(known(listed("esx01", "old")), ["esx01"])) == [("esx01", "old")]


def test_clusters() -> None:
    assert names(choose(known(*TWO), [], cluster="PROD", vcenter="vc1")) == [
        ("esx01.a.example", "vc1"),
        ("esx02.a.example", "vc1"),
    ]
    with pytest.raises(InputError, match="2 vCenters have a cluster 'prod'"):
        choose(known(*TWO), [], cluster="prod")
    with pytest.raises(InputError, match="cluster 'nosuch'") as caught:
        choose(known(*TWO), [], cluster="nosuch")
    assert "prod" in caught.value.hint
    with pytest.raises(InputError, match="no vCenter is called 'vc3'"):
        choose(known(*TWO), [], vcenter="vc3")


def test_a_configured_host_keeps_its_label_once_it_is_recorded() -> None:
    alone = PastHost("lone.example", "", "", "", BEFORE, None, None)
    (host,) = choose(known(alone, configured=(("Lone.example", "edge"),)), [], cluster="edge")
    assert (host.name, host.known) == ("lone.example", alone)
    assert names(choose(known(configured=(("new.example", "edge"),)), [])) == [("new.example", "")]


def test_an_address_alone_is_no_host_of_all() -> None:
    assert names(choose(known(*TWO), [])) == [
        ("esx01.a.example", "vc1"),
        ("esx01.b.example", "vc2"),
        ("esx02.a.example", "vc1"),
    ]
    with pytest.raises(InputError, match="no host is known"):
        choose(known(), [])
