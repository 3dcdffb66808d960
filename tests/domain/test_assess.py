"""The rules of the audit, each with its twin that must stay silent."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.assessment import HostState, Verdict
from auditor.domain.findings import Code, Severity
from auditor.domain.image import AddOn, Component, ManagementMode
from auditor.domain.observation import (
    BankReading,
    ClusterView,
    Connection,
    ElementVerdict,
    Estate,
    InventoryHost,
    Read,
    Reason,
    Route,
    StagedImage,
    Unread,
)
from auditor.domain.past import Past
from tests.domain.estates import (
    NEW,
    NOW,
    OLD,
    ago,
    base,
    cluster,
    estate,
    image,
    listed,
    marks,
    past,
    says,
    scan,
    silent,
)
from tests.domain.judging import COMMIT_5, COMMIT_7, STEADY, codes, judge, one


def test_in_sync_has_no_finding() -> None:
    result = judge(STEADY, past((image(NEW), COMMIT_5), hosts=("a", "b")))
    assert (codes(result), result.verdict) == (set(), Verdict.IN_SYNC)
    assert {h.state for h in result.hosts} == {HostState.IN_SYNC}


def test_an_estate_without_anything_is_in_sync_and_says_it_is_the_first_run() -> None:
    result = judge(Estate(NOW))
    assert result.verdict is Verdict.IN_SYNC
    assert any("first run" in line for line in result.limits)


def test_runs_that_read_nothing_of_a_vcenter_are_no_past_of_it() -> None:
    told = judge(STEADY, Past(runs=2, newest_run=ago(1)))
    assert any("No earlier run could read vc, so nothing can be said about change" in line for line in told.limits)
    assert not judge(STEADY, past((image(NEW), COMMIT_5), hosts=("a", "b"))).limits


def test_a_history_that_cannot_be_read_is_not_called_a_first_run() -> None:
    told = judge(STEADY, Past(readable=False)).limits
    assert any("History could not be read" in line for line in told)
    assert not any("first run" in line for line in told)


def test_host_behind() -> None:
    view = estate((cluster(NEW),), (listed("a", OLD),), (says("a", OLD),))
    assert codes(judge(view)) == {"host-behind"}


def test_mixed_cluster() -> None:
    view = estate((cluster(OLD),), (listed("a", NEW), listed("b", OLD)), (says("a", NEW), says("b", OLD)))
    result = judge(view)
    assert codes(result) == {"mixed-cluster", "host-ahead"}
    assert one(result, Code.HOST_AHEAD).hosts == ("a",)


def test_an_unread_add_on_does_not_make_a_cluster_mixed() -> None:
    dell = AddOn("DEL-ESXi", "803.24414501-A03")
    unread = says("b", NEW, add_on=None)
    unread = replace(unread, add_on=Unread(Reason.FAILED, "x"))
    view = estate(
        (cluster(NEW, add_on=dell),),
        (listed("a", NEW), listed("b", NEW)),
        (says("a", NEW, dell), unread),
        add_ons=(("DEL-ESXi", "803.24414501-A03"),),
    )
    result = judge(view)
    assert codes(result) == {"view-incomplete", "readings-missing"}
    assert {h.name: h.state for h in result.hosts} == {"a": HostState.IN_SYNC, "b": HostState.UNKNOWN}


def test_an_add_on_gets_its_direction_from_history() -> None:
    old, new = AddOn("DEL-ESXi", "803.24280767-A02"), AddOn("DEL-ESXi", "803.24414501-A03")
    view = estate(
        (cluster(NEW, COMMIT_5, add_on=old),),
        (listed("a", NEW),),
        (says("a", NEW, new),),
        add_ons=((old.name, old.version), (new.name, new.version)),
    )
    assert codes(judge(view)) == {"host-diverged"}
    result = judge(view, past((image(NEW, old), COMMIT_5), (image(NEW, new), COMMIT_7)))
    assert codes(result) == {"restore-detected", "host-ahead"}


@pytest.mark.parametrize(
    ("status", "state"), [("INCOMPATIBLE", HostState.HOST_AHEAD), ("NON_COMPLIANT", HostState.HOST_BEHIND)]
)
def test_a_component_gets_its_direction_from_vlcm_if_it_speaks_of_these_versions(status: str, state: HostState) -> None:
    verdict = scan("x", NEW, NEW, "a", ago(1))
    element = replace(verdict.hosts[0].base_image, status=status, current="2.0-1", target="1.0-1")  # type: ignore[type-var]
    said = replace(verdict, hosts=(replace(verdict.hosts[0], components=(("drv", element),)),))
    view_cluster = replace(cluster(NEW, compliance=Read(said)), image=Read(image(NEW, components={"drv": "1.0-1"})))
    host = says("a", NEW, components=Read((Component("drv", "2.0-1"),)))
    result = judge(estate((view_cluster,), (listed("a", NEW),), (host,)))
    assert result.hosts[0].state is state
    other = says("a", NEW, components=Read((Component("drv", "3.0-1"),)))
    assert judge(estate((view_cluster,), (listed("a", NEW),), (other,))).hosts[0].state is HostState.DIVERGED


def test_management_regressed() -> None:
    view = estate((cluster(None),), (listed("a", NEW),), (says("a", NEW),))
    result = judge(view, past((image(NEW), COMMIT_7)))
    assert codes(result) == {"restore-detected", "management-regressed"}
    assert codes(judge(view, past())) == set()


def test_depot_gap_for_what_hosts_run_and_for_what_the_image_asks() -> None:
    view = estate((cluster(OLD),), (listed("a", NEW),), (says("a", NEW),), depot=(OLD,))
    gap = one(judge(view), Code.DEPOT_GAP)
    assert gap.severity is Severity.CRITICAL
    assert any(NEW in line for line in gap.evidence)
    view = estate((cluster(NEW),), (listed("a", NEW),), (says("a", NEW),), depot=(OLD,))
    assert one(judge(view), Code.DEPOT_GAP).severity is Severity.WARNING


def test_the_depot_need_not_have_what_hosts_behind_leave() -> None:
    view = estate((cluster(NEW),), (listed("a", OLD),), (says("a", OLD),), depot=(NEW,))
    assert codes(judge(view)) == {"host-behind"}


def test_a_mixed_cluster_with_nobody_ahead_is_not_told_to_raise_its_image() -> None:
    hosts = (listed("a", OLD), listed("b", NEW))
    said = (says("a", OLD), says("b", NEW))
    rolling = one(judge(estate((cluster(NEW),), hosts, said)), Code.MIXED_CLUSTER)
    assert not any("Raise" in line for line in rolling.do)
    assert rolling.avoid == ()
    half_way = one(judge(estate((cluster(OLD),), hosts, said)), Code.MIXED_CLUSTER)
    assert any("Raise" in line for line in half_way.do)
    assert half_way.avoid


def test_an_unread_depot_is_a_limit_and_no_gap() -> None:
    view = replace(STEADY, vcenters=(replace(STEADY.vcenters[0], depot=Unread(Reason.NOT_SUPPORTED, "not in 6.7")),))
    result = judge(view)
    assert codes(result) == set()
    assert any("depot was not read" in line for line in result.limits)


def test_stale_inventory_only_where_the_host_says_otherwise() -> None:
    away = listed("a", OLD, connection=Connection.NOT_RESPONDING)
    assert "stale-inventory" in codes(judge(estate((cluster(NEW),), (away,), (says("a", NEW),))))
    same = listed("a", NEW, connection=Connection.NOT_RESPONDING)
    assert codes(judge(estate((cluster(NEW),), (same,), (says("a", NEW),)))) == {"host-disconnected"}


def test_the_inventory_is_never_an_observation() -> None:
    away = listed("a", NEW, connection=Connection.DISCONNECTED)
    result = judge(estate((cluster(NEW),), (away,), (silent("a"), silent("a", Reason.NOT_CONNECTED, Route.VCENTER))))
    assert codes(result) == {"host-unseen", "host-disconnected"}
    assert (result.hosts[0].state, result.verdict) == (HostState.UNKNOWN, Verdict.INCOMPLETE)


def test_a_route_that_broke_half_way_did_not_answer() -> None:
    cut = Unread(Reason.CUT_OFF, "the connection ended")
    broken = replace(says("a", NEW), product=cut, base_image=cut, add_on=cut, components=cut)
    blind = silent("a", Reason.NOT_CONNECTED, Route.VCENTER)
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), (broken, blind)), past((image(NEW), COMMIT_5)))
    assert codes(result) == {"host-unseen"}
    assert {r.route: r.trouble for r in result.hosts[0].routes} == {Route.SSH: cut, Route.VCENTER: blind.trouble}
    assert not any("read otherwise" in line for line in result.limits)


def test_routes_disagree() -> None:
    twice = (says("a", NEW), says("a", OLD, route=Route.VCENTER))
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), twice))
    assert codes(result) == {"routes-disagree"}
    assert result.hosts[0].state is HostState.IN_SYNC  # SSH is nearer to the host


def test_a_newer_host_than_vcenter() -> None:
    view = estate((cluster(NEW),), (listed("a", NEW),), (says("a", NEW),), vc_marks=marks(version="8.0.2", build="99"))
    assert codes(judge(view)) == {"vcenter-older-than-host"}


@pytest.mark.parametrize("by_bank", [False, True])
def test_update_staged(by_bank: bool) -> None:
    def boot_cfg(state: int, build: str, updated: int) -> bytes:
        return f"bootstate={state}\nkernel=b.b00\nmodules=m.v00\nbuild={build}\nupdated={updated}\n".encode()

    other = boot_cfg(1, NEW, 3) if by_bank else boot_cfg(3, OLD, 1)
    banks = (
        BankReading("/bootbank", Read("/vmfs/volumes/a"), Read(boot_cfg(0, OLD, 2))),
        BankReading("/altbootbank", Read("/vmfs/volumes/b"), Read(other)),
    )
    staged = Read(None) if by_bank else Read(StagedImage("ESXi-8.0U3e", base(NEW)))
    result = judge(estate((cluster(OLD),), (listed("a", OLD),), (says("a", OLD, staged=staged, banks=banks),)))
    finding = one(result, Code.UPDATE_STAGED)
    assert NEW in finding.summary
    assert result.hosts[0].staged == Read(NEW)


def test_stale_scan() -> None:
    fresh = scan("COMPLIANT", NEW, NEW, "a", ago(3))
    view = cluster(NEW, compliance=Read(fresh))
    assert codes(judge(estate((view,), (listed("a", NEW),), (says("a", NEW),)))) == set()
    wrong = cluster(NEW, compliance=Read(scan("COMPLIANT", OLD, OLD, "a", ago(3))))
    assert codes(judge(estate((wrong,), (listed("a", NEW),), (says("a", NEW),)))) == {"stale-scan"}
    other_commit = cluster(NEW, compliance=Read(scan("COMPLIANT", NEW, NEW, "a", ago(3), commit="4")))
    assert codes(judge(estate((other_commit,), (listed("a", NEW),), (says("a", NEW),)))) == {"stale-scan"}


def test_a_scan_contradicted_by_a_hosts_add_on_is_stale() -> None:
    mine, other = AddOn("DEL-ESXi", "A02"), AddOn("DEL-ESXi", "A03")
    verdict = scan("COMPLIANT", NEW, NEW, "a", ago(3))
    verdict = replace(verdict, hosts=(replace(verdict.hosts[0], add_on=ElementVerdict("COMPLIANT", "A02", "A02")),))
    view = cluster(NEW, add_on=mine, compliance=Read(verdict))
    kept = (mine.name, mine.version), (other.name, other.version)
    same = estate((view,), (listed("a", NEW),), (says("a", NEW, mine),), add_ons=kept)
    assert codes(judge(same)) == set()
    assert "stale-scan" in codes(judge(estate((view,), (listed("a", NEW),), (says("a", NEW, other),), add_ons=kept)))


def test_hosts_ahead_by_their_add_on_alone_are_not_called_a_release_ahead() -> None:
    old, new = AddOn("DEL-ESXi", "A02"), AddOn("DEL-ESXi", "A03")
    view = estate((cluster(NEW, COMMIT_5, add_on=old),), (listed("a", NEW),), (says("a", NEW, new),))
    finding = one(judge(view, past((image(NEW, new), COMMIT_7))), Code.HOST_AHEAD)
    assert not any("from the image to the hosts" in line for line in finding.evidence)


def test_a_product_build_stands_in_for_an_unread_base_image() -> None:
    host = replace(says("a", NEW), base_image=Unread(Reason.NOT_SUPPORTED))
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), (host,)))
    assert result.hosts[0].state is HostState.IN_SYNC
    assert "looked up" in result.hosts[0].layers[0].basis


def test_an_excluded_cluster_gives_no_rows_and_no_findings() -> None:
    excluded = cluster(OLD, mode=Unread(Reason.EXCLUDED))
    other = replace(cluster(NEW), id="domain-c2", name="other")
    view = estate((excluded, other), (listed("a", NEW), listed("b", NEW, "domain-c2")), (says("b", NEW),))
    result = judge(view, past((image(OLD), COMMIT_5), hosts=("a",)))
    assert (codes(result), [row.name for row in result.hosts]) == (set(), ["b"])


@pytest.mark.parametrize(
    ("clusters", "hosts", "said"),
    [
        ((), (), "0 clusters and 0 hosts"),
        ((cluster(NEW),), (), "1 cluster and 0 hosts"),
        ((cluster(NEW, mode=Unread(Reason.EXCLUDED)),), (listed("a", NEW),), "1 host; include and exclude leave out 1 cluster"),
    ],
)
def test_a_vcenter_that_shows_no_host_is_not_in_sync(
    clusters: tuple[ClusterView, ...], hosts: tuple[InventoryHost, ...], said: str
) -> None:
    """An account without rights is shown an empty inventory, not an error; a mistyped include leaves nothing."""
    result = judge(estate(clusters, hosts, ()))
    assert (codes(result), result.verdict) == ({"view-incomplete"}, Verdict.INCOMPLETE)
    assert said in one(result, Code.VIEW_INCOMPLETE).evidence[0]


def test_a_vcenter_of_stand_alone_hosts_has_something_to_judge() -> None:
    assert codes(judge(estate((), (listed("a", NEW, ""),), (says("a", NEW),)))) == set()


def test_a_silent_vcenter_names_the_time_of_its_last_view() -> None:
    gone = Unread(Reason.UNREACHABLE, "refused")
    view = replace(STEADY.vcenters[0], marks=gone, clusters=gone, hosts=gone, depot=gone)
    before = past((image(NEW), COMMIT_5), hosts=("a",))
    told = judge(replace(STEADY, vcenters=(view,), hosts=()), before).next
    [again] = [line for line in told if line.startswith("auditor audit --from-history --at ")]
    at = datetime.fromisoformat(again.split()[4])
    assert timedelta() <= at - before.marks[0].at <= timedelta(seconds=1)
    assert not any("--at" in line for line in judge(replace(STEADY, vcenters=(view,), hosts=())).next)


def test_a_silent_vcenter_is_said_in_one_line_whatever_the_words_of_each_call() -> None:
    def gone(words: str) -> Unread:
        return Unread(Reason.UNREACHABLE, words)

    view = replace(STEADY.vcenters[0], marks=gone("soap"), clusters=gone("soap"), hosts=gone("soap"), depot=gone("vapi"))
    result = judge(replace(STEADY, vcenters=(view,), hosts=()))
    assert one(result, Code.VIEW_INCOMPLETE).evidence == ("everything: unreachable: soap",)


def test_a_vcenter_that_was_given_another_name_is_known_by_its_uuid() -> None:
    before = past((image(NEW), COMMIT_5), hosts=("a", "b"))
    renamed = replace(before, marks=tuple(replace(m, vcenter="old-name") for m in before.marks), clusters=(), hosts=())
    assert any("under another name (old-name;" in line for line in judge(STEADY, renamed).limits)
    assert not any("another name" in line for line in judge(STEADY, before).limits)


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        (Reason.UNTRUSTED, "auditor hosts trust HOST"),
        (Reason.DENIED, "lockdown mode"),
        (Reason.UNREACHABLE, "TSM-SSH"),
        (Reason.CUT_OFF, "host's load"),
    ],
)
def test_a_route_that_failed_beside_another_says_what_to_do(reason: Reason, cure: str) -> None:
    answers = (silent("a", reason), says("a", NEW, route=Route.VCENTER))
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), answers), past((image(NEW), COMMIT_5)))
    found = one(result, Code.READINGS_MISSING)
    assert found.summary.startswith(f"Route ssh failed ({reason}) on 1 host; no other route gave: boot banks")
    assert cure in found.do[0]
    assert (result.verdict, result.limits) == (Verdict.INCOMPLETE, ())


def test_a_route_that_failed_beside_one_that_read_all_there_is_is_no_gap() -> None:
    answers = (says("a", NEW), silent("a", Reason.NOT_CONNECTED, Route.VCENTER))
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), answers), past((image(NEW), COMMIT_5)))
    assert (codes(result), result.verdict) == (set(), Verdict.IN_SYNC)
    assert result.limits == ("Route vcenter failed (not-connected) on 1 host read otherwise: a.",)


@given(
    st.lists(
        st.tuples(st.sampled_from([OLD, NEW, None]), st.sampled_from(list(Connection)), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([OLD, NEW]),
    st.sampled_from([OLD, NEW, None]),
)
def test_every_host_is_a_row_and_an_unknown_one_is_never_in_sync(
    hosts: list[tuple[str | None, Connection, bool]], asked: str, remembered: str | None
) -> None:
    inventory = tuple(listed(f"h{i}", OLD, connection=c) for i, (_, c, _) in enumerate(hosts))
    said = tuple(says(f"h{i}", text) if text else silent(f"h{i}") for i, (text, _, _) in enumerate(hosts))
    before = past((image(remembered), COMMIT_7)) if remembered else Past()
    result = judge(estate((cluster(asked),), inventory, said), before)
    assert [h.name for h in result.hosts] == sorted(h.name for h in inventory)
    for row, (text, _, _) in zip(result.hosts, hosts, strict=True):
        assert (row.state is HostState.UNKNOWN) is (text is None)
    if any(text is None for text, _, _ in hosts):
        assert result.verdict is not Verdict.IN_SYNC
        assert "host-unseen" in codes(result)
    if any(text not in {None, asked} for text, _, _ in hosts):
        assert result.verdict is Verdict.DRIFT


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_reading_does_not_change_the_report(order: list[str]) -> None:
    texts = {"a": NEW, "b": OLD, "c": NEW}
    inventory = tuple(listed(n, texts[n]) for n in order)
    said = tuple(says(n, texts[n]) for n in reversed(order))
    expected = judge(
        estate((cluster(OLD),), tuple(listed(n, t) for n, t in texts.items()), tuple(says(n, t) for n, t in texts.items()))
    )
    assert judge(estate((cluster(OLD),), inventory, said)) == expected


def test_codes_have_meanings_and_an_order() -> None:
    assert all(code.meaning for code in Code)
    assert [a.rank < b.rank for a, b in itertools.pairwise(Severity)] == [True, True]
    assert ManagementMode("image")


def test_an_add_on_that_one_route_names_stands_against_another_routes_none() -> None:
    """What esxcli prints without an add-on is known from few samples: its silence is the weaker witness."""
    dell = AddOn("DEL-ESXi", "803.24414501-A03")
    twice = (says("a", NEW, None), says("a", NEW, dell, route=Route.VCENTER))
    view = estate((cluster(NEW, add_on=dell),), (listed("a", NEW),), twice, add_ons=((dell.name, dell.version),))
    result = judge(view)
    assert (codes(result), result.verdict) == (set(), Verdict.IN_SYNC)
    other = AddOn("DEL-ESXi", "803.24280767-A02")
    view = replace(view, hosts=(says("a", NEW, other), says("a", NEW, dell, route=Route.VCENTER)))
    assert "routes-disagree" in codes(judge(view))
