"""What a snapshot says of the run it recorded: every host and vCenter, what is missing of them, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.observation import EXCLUDED, ClusterView, Estate, HostObservation, Read, Reason, Route, Unread
from auditor.domain.snapshot import SnapshotSummary, summarise
from tests.domain.estates import NEW, cluster, estate, listed, says, silent
from tests.domain.judging import STEADY
from tests.domain.whole import FAILED, steady, without

GONE, DENIED = Unread(Reason.UNREACHABLE, "refused"), Unread(Reason.DENIED, "no right")
ABSENT, OLD_VCENTER = Unread(Reason.ABSENT, "never scanned"), Unread(Reason.NOT_SUPPORTED, "6.7")


def summary(view: Estate) -> SnapshotSummary:
    return summarise(view, run=7, history="h", new_documents=3)


def vcenter(**readings: Unread) -> Estate:
    return replace(STEADY, vcenters=(replace(STEADY.vcenters[0], **readings),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("readings", "gaps", "counted"),
    [
        ({}, {}, (1, 2)),
        ({"depot": GONE}, {"depot": GONE}, (1, 2)),
        ({"depot": OLD_VCENTER}, {}, (1, 2)),
        ({"clusters": DENIED}, {"clusters": DENIED}, (None, 2)),
        ({"hosts": DENIED}, {"hosts": DENIED}, (1, None)),
        ({"marks": DENIED, "depot": GONE}, {"marks": DENIED, "depot": GONE}, (1, 2)),
        (dict.fromkeys(("marks", "clusters", "hosts", "depot"), GONE), {"everything": GONE}, (None, None)),
        ({"marks": GONE, "clusters": GONE, "hosts": GONE}, {"marks": GONE, "clusters": GONE, "hosts": GONE}, (None, None)),
        (
            {"marks": DENIED, "clusters": GONE, "hosts": GONE, "depot": GONE},
            {"marks": DENIED, "clusters": GONE, "hosts": GONE, "depot": GONE},
            (None, None),
        ),
    ],
)
def test_what_a_vcenter_did_not_give(
    readings: dict[str, Unread], gaps: dict[str, Unread], counted: tuple[int | None, int | None]
) -> None:
    [found] = summary(vcenter(**readings)).vcenters
    assert {gap.part: gap.why for gap in found.gaps} == gaps
    assert (found.clusters, found.hosts) == counted
    assert not (gaps and summary(vcenter(**readings)).complete)


@pytest.mark.parametrize(
    ("view", "gaps"),
    [
        (replace(cluster(NEW), commit=DENIED), {"commit of cluster prod": DENIED}),
        (cluster(NEW, mode=DENIED, image=GONE), {"management mode of cluster prod": DENIED, "image of cluster prod": GONE}),
        (cluster(NEW, compliance=DENIED), {"compliance of cluster prod": DENIED}),
        (cluster(NEW, compliance=ABSENT), {}),
        (cluster(None), {}),
    ],
)
def test_what_a_cluster_did_not_give(view: ClusterView, gaps: dict[str, Unread]) -> None:
    [found] = summary(estate((view,), (listed("a", NEW),), (says("a", NEW),))).vcenters
    assert {gap.part: gap.why for gap in found.gaps} == gaps


def test_hosts_of_a_cluster_that_is_left_out_are_not_counted() -> None:
    left_out, other = cluster(NEW, mode=EXCLUDED), replace(cluster(NEW, name="b"), id="domain-c2")
    view = estate((left_out, other), (listed("a", NEW), listed("b", NEW, "domain-c2"), listed("c", NEW, "")), ())
    assert [host.name for host in summary(view).hosts] == ["b", "c"]
    assert [host.name for host in summary(replace(view, vcenters=())).hosts] == []


@pytest.mark.parametrize("part", ["clusters", "hosts"])
def test_hosts_are_told_without_the_inventory(part: str) -> None:
    """Those that answered, and those that are listed."""
    assert [host.name for host in summary(vcenter(**{part: DENIED})).hosts] == ["a", "b"]


def test_hosts_are_in_order_of_their_names_and_then_of_their_vcenters() -> None:
    def of(vcenter: str, name: str, route: Route = Route.SSH) -> HostObservation:
        return replace(says(name, NEW, route=route), vcenter=vcenter)

    said = (of("z", "a"), of("y", "b"), of("y", "a", Route.VCENTER), of("y", "a", Route.HOST_API), of("y", "a"))
    found = summary(Estate(STEADY.at, (), said)).hosts
    assert [(host.vcenter, host.name) for host in found] == [("y", "a"), ("z", "a"), ("y", "b")]
    assert [route.route for route in found[0].routes] == [Route.HOST_API, Route.SSH, Route.VCENTER]


def test_a_host_goes_by_the_name_in_the_inventory() -> None:
    view = estate((cluster(NEW),), (listed("A.example", NEW),), (says("a.EXAMPLE.", NEW),))
    assert [(host.name, host.seen) for host in summary(view).hosts] == [("A.example", True)]


@pytest.mark.parametrize(
    ("said", "unseen", "complete"),
    [
        ((), ("a",), False),  # nobody asked it
        ((silent("a"),), ("a",), False),
        ((says("a", NEW), silent("a", route=Route.VCENTER)), (), True),
    ],
)
def test_hosts_that_nobody_saw_are_told(said: tuple[HostObservation, ...], unseen: tuple[str, ...], complete: bool) -> None:
    found = summary(estate((cluster(NEW),), (listed("a", NEW),), said))
    assert tuple(host.name for host in found.unseen) == unseen
    assert found.complete is complete


def test_a_route_that_failed_beside_one_that_read_all_is_told_and_no_gap() -> None:
    whole = steady({Route.SSH})
    found = summary(replace(whole, hosts=(*whole.hosts, silent("north-02", route=Route.HOST_API))))
    assert found.silent_routes == ("Route host-api failed (unreachable) on 1 host read otherwise: north-02.",)
    assert found.complete
    assert summary(whole).silent_routes == ()


def test_what_no_route_gave_is_told_as_an_audit_tells_it() -> None:
    [found] = summary(without(steady({Route.SSH}), "profile")).missing
    assert found.summary == "Not read by ssh (failed) of 1 host; no other route gave: image profile."
    assert found.evidence == (f"north-01: image profile: {FAILED.detail}",)
    whole = summary(steady({Route.SSH}))
    assert (whole.missing, whole.run, whole.new_documents, whole.at) == ((), 7, 3, STEADY.at)
    assert isinstance(whole.vcenters[0].marks, Read)
