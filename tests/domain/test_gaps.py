"""A gap is never green: each reading that a run owes, unread, keeps it from exit 0 and is named with its host."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.exit_codes import ExitCode, for_verdict
from auditor.domain.accepted import AcceptedGap
from auditor.domain.assess import assess
from auditor.domain.assessment import AcceptedState, Assessment, Verdict
from auditor.domain.findings import Code, Finding, Severity, SubjectKind
from auditor.domain.observation import (
    BankReading,
    ClusterView,
    Estate,
    Reason,
    Route,
    Unread,
    VCenterMarks,
)
from auditor.domain.past import Past
from auditor.domain.readings.registry import READINGS
from auditor.domain.snapshot import summarise
from auditor.reports.json import audit_document
from auditor.reports.text import render_audit, render_snapshot
from auditor.tables import load_release_table
from tests.domain.estates import NEW, NOW, UUID, ago, listed, silent
from tests.domain.whole import FAILED, NOT_ASKED, steady, without

TABLE = load_release_table()
ROUTES = [frozenset(some) for some in chain.from_iterable(combinations(Route, n) for n in (1, 2, 3))]
PARTS = [field.name for field in fields(BankReading) if field.name != "link"]
GAPS = [reason for reason in Reason if reason.is_gap]
OWED = [
    (key, part, routes)
    for reading in READINGS
    for key, part in ([("banks", part) for part in PARTS] if reading.key == "banks" else [(reading.key, "")])
    for routes in ROUTES
    if reading.routes & routes and not (key == "staged" and routes == {Route.VCENTER})
]


def named(value: object) -> str:
    return "+".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def judged(view: Estate, *accepted: AcceptedGap) -> Assessment:
    return assess(view, Past(), TABLE, accepted=accepted)


def complete(view: Estate, *accepted: AcceptedGap) -> bool:
    return summarise(view, run=1, history="h", new_documents=0, accepted=accepted).complete


@pytest.mark.parametrize("routes", ROUTES, ids=named)
def test_what_was_all_read_is_in_sync(routes: frozenset[Route]) -> None:
    result = judged(steady(routes))
    assert (result.verdict, result.findings) == (Verdict.IN_SYNC, ())
    assert complete(steady(routes))


@pytest.mark.parametrize(("key", "part", "routes"), OWED, ids=named)
@pytest.mark.parametrize("why", [FAILED, Unread(Reason.CUT_OFF, "cut")], ids=["failed", "cut-off"])
def test_no_reading_can_be_missing_and_the_run_green(key: str, part: str, routes: frozenset[Route], why: Unread) -> None:
    view = without(steady(routes), key, part, why)
    result = judged(view)
    assert for_verdict(result.verdict) is not ExitCode.DONE
    assert not complete(view)
    name = part.replace("_", ".") if part else next(reading.meaning for reading in READINGS if reading.key == key)
    for text in (
        render_audit(result, width=200),
        render_snapshot(summarise(view, run=1, history="h", new_documents=0), width=200),
    ):
        assert "north-01" in text
        assert name in text or "No route could say" in text or "nothing" in text


@given(st.sampled_from([owed for owed in OWED if len(owed[2]) > 1]), st.sampled_from(GAPS))
def test_what_another_route_gave_is_no_gap(owed: tuple[str, str, frozenset[Route]], reason: Reason) -> None:
    """The twin: one route did not give the reading, another did."""
    key, _, routes = owed
    reading = next(reading for reading in READINGS if reading.key == key)
    able = sorted(reading.routes & routes - ({Route.VCENTER} if key == "staged" else set()))
    view = steady(routes)
    one = tuple(replace(o, **{key: Unread(reason, "x")}) if o.route is able[0] and len(able) > 1 else o for o in view.hosts)
    assert judged(replace(view, hosts=one)).verdict is Verdict.IN_SYNC


@pytest.mark.parametrize("name", [field.name for field in fields(ClusterView) if field.name not in {"id", "name"}])
def test_no_reading_of_a_cluster_can_be_missing(name: str) -> None:
    view = steady({Route.SSH})
    [vcenter] = view.vcenters
    [cluster] = vcenter.clusters.value  # type: ignore[union-attr]
    blind = replace(vcenter, clusters=replace(vcenter.clusters, value=(replace(cluster, **{name: FAILED}),)))
    result = judged(replace(view, vcenters=(blind,)))
    assert for_verdict(result.verdict) is ExitCode.INCOMPLETE
    assert "prod" in render_audit(result)
    assert not complete(replace(view, vcenters=(blind,)))


@pytest.mark.parametrize("name", ["newest_event_key", "newest_event_time", "clock"])
def test_no_mark_of_a_vcenter_can_be_missing(name: str) -> None:
    known = steady({Route.SSH}).vcenters[0].marks.value  # type: ignore[union-attr]
    view = steady({Route.SSH}, replace(known, **{name: FAILED}))
    assert judged(view).verdict is Verdict.INCOMPLETE
    assert not complete(view)
    empty = steady({Route.SSH}, replace(known, **{name: Unread(Reason.ABSENT, "no event")}))
    assert judged(empty).verdict is Verdict.IN_SYNC


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.DENIED, Reason.UNTRUSTED, Reason.CHANGED, Reason.TIMED_OUT])
def test_a_route_that_failed_before_it_asked_owes_its_readings(reason: Reason) -> None:
    view = steady({Route.VCENTER, Route.SSH})
    blind = tuple(silent(o.host, reason) if o.route is Route.SSH else o for o in view.hosts)
    result = judged(replace(view, hosts=blind))
    [found] = [finding for finding in result.findings if finding.code is Code.READINGS_MISSING]
    assert found.hosts == ("north-01", "north-02")
    assert "boot banks" in found.summary
    told = "north-01, north-02: boot banks, staged image, volumes with a boot.cfg"
    # Both hosts in one line; why, once. A changed key is told by its own finding.
    assert found.evidence == ((told,) if reason is Reason.CHANGED else (told, "north-01: nothing answered"))
    assert result.verdict is (Verdict.DRIFT if reason is Reason.CHANGED else Verdict.INCOMPLETE)
    document = audit_document(result)["hosts"][0]["readings"]
    assert document["banks"]["unread"] == reason.value
    assert document["product"]["route"] == "vcenter"


@pytest.mark.parametrize("route", [Route.SSH, Route.HOST_API])
@pytest.mark.parametrize("reason", [Reason.NOT_SUPPORTED, Reason.ABSENT])
def test_the_hosts_own_word_that_it_has_none_is_no_gap(route: Route, reason: Reason) -> None:
    assert judged(without(steady({route}), "profile", why=Unread(reason, "x"))).verdict is Verdict.IN_SYNC


def missing(view: Estate, *accepted: AcceptedGap) -> list[Finding]:
    return [finding for finding in judged(view, *accepted).findings if finding.code is Code.READINGS_MISSING]


def blind(view: Estate, route: Route, **readings: Unread | None) -> Estate:
    """The same with readings of north-01 unread by one route."""
    hosts = (replace(o, **readings) if (o.host, o.route) == ("north-01", route) else o for o in view.hosts)
    return replace(view, hosts=tuple(hosts))


def test_what_vcenter_has_no_word_for_is_no_gap_where_nobody_else_is_asked() -> None:
    assert not missing(blind(steady({Route.VCENTER}), Route.VCENTER, vibs=Unread(Reason.NOT_SUPPORTED, "7.0")))


def test_every_route_that_failed_is_told_and_one_that_has_no_such_thing_is_not() -> None:
    view = blind(steady(Route), Route.SSH, profile=Unread(Reason.FAILED, "esxcli: exit 1"))
    view = blind(view, Route.HOST_API, profile=Unread(Reason.TIMED_OUT, ""))
    [found] = missing(blind(view, Route.VCENTER, profile=Unread(Reason.NOT_SUPPORTED, "7.0")))
    assert found.summary == "Not read by ssh (failed) of 1 host; no other route gave: image profile."
    assert found.evidence == ("north-01: image profile: esxcli: exit 1; host-api: timed-out",)


def test_the_route_that_nobody_answers_for_is_the_one_to_be_mended() -> None:
    view = blind(steady({Route.SSH, Route.HOST_API}), Route.SSH, profile=FAILED)
    view = blind(view, Route.HOST_API, profile=Unread(Reason.TIMED_OUT, "after 30 s"))
    [found] = missing(view, gap(reason="failed", reading="profile"))
    assert found.summary.startswith("Not read by host-api (timed-out) of 1 host")
    assert found.evidence == (f"north-01: image profile: after 30 s; ssh: {FAILED}",)


def test_a_connection_that_broke_and_a_reading_that_failed_before_are_two_reasons() -> None:
    cut, unasked = Unread(Reason.CUT_OFF, "the connection ended"), Unread(Reason.NOT_ATTEMPTED)
    view = blind(steady({Route.SSH}), Route.SSH, profile=FAILED, vibs=cut, staged=unasked, trouble=cut)
    found = {finding.summary: finding.evidence for finding in missing(view)}
    assert found == {
        "Not read by ssh (failed) of 1 host; no other route gave: image profile.": (
            "north-01: image profile: the command ended with status 1",
        ),
        "Route ssh failed (cut-off) on 1 host; no other route gave: VIBs, staged image.": (
            "north-01: VIBs, staged image",
            "north-01: the connection ended",
        ),
    }


def test_a_host_outside_any_vcenter_is_told_under_its_own_name() -> None:
    view = blind(steady({Route.SSH}), Route.SSH, profile=FAILED)
    outside = tuple(replace(o, vcenter="") for o in view.hosts)
    [found] = missing(replace(view, vcenters=(), hosts=outside))
    assert (found.subject.kind, found.subject.name, found.hosts) == (SubjectKind.HOST, "north-01", ("north-01",))
    [listed_there] = missing(view)
    assert (listed_there.subject.kind, listed_there.subject.name) == (SubjectKind.VCENTER, "vc")


@pytest.mark.parametrize(
    ("reason", "cure", "may_accept"),
    [
        (Reason.UNREACHABLE, "TSM-SSH", True),
        (Reason.DENIED, "lockdown mode", True),
        (Reason.CHANGED, "identity-changed", False),  # accepting that is not offered
    ],
)
def test_what_to_do_about_a_route_follows_from_the_reason(reason: Reason, cure: str, may_accept: bool) -> None:
    view = steady({Route.VCENTER, Route.SSH})
    hosts = tuple(silent(o.host, reason) if o.route is Route.SSH else o for o in view.hosts)
    [found] = missing(replace(view, hosts=hosts))
    assert cure in found.do[0]
    assert any("[[accept]]" in line for line in found.do) is may_accept


def test_vcenters_word_does_not_settle_what_the_host_could_have_told() -> None:
    view = steady({Route.VCENTER, Route.SSH})
    hosts = [o if o.route is Route.SSH else replace(o, profile=Unread(Reason.NOT_SUPPORTED, "x")) for o in view.hosts]
    hosts = [replace(o, profile=FAILED) if o.route is Route.SSH else o for o in hosts]
    assert judged(replace(view, hosts=tuple(hosts))).verdict is Verdict.INCOMPLETE


def test_a_route_that_chose_not_to_ask_owes_nothing() -> None:
    assert all(o.staged == NOT_ASKED for o in steady({Route.VCENTER}).hosts)
    assert judged(steady({Route.VCENTER})).verdict is Verdict.IN_SYNC


@pytest.mark.parametrize(("number", "lines"), [(20, 20), (21, 21), (200, 21)])
def test_hosts_that_each_fail_in_their_own_words_stay_within_a_page(number: int, lines: int) -> None:
    view = steady({Route.SSH})
    first = view.hosts[0]
    hosts = [
        replace(first, host=f"n{n:03}", profile=Unread(Reason.FAILED, f"error {n}"), vcenter=first.vcenter)
        for n in range(number)
    ]
    [found] = [f for f in judged(replace(view, hosts=(*view.hosts, *hosts))).findings if f.code is Code.READINGS_MISSING]
    assert len(found.hosts) == number
    assert len(found.evidence) == lines


def gap(**more: object) -> AcceptedGap:
    values = {"route": "ssh", "reason": "unreachable", "owner": "ann", "ticket": "CHG-1", "expires": NOW + timedelta(days=3)}
    return AcceptedGap("vc", **{**values, **more})  # type: ignore[arg-type]


def without_ssh() -> Estate:
    view = steady({Route.VCENTER, Route.SSH})
    return replace(view, hosts=tuple(silent(o.host) if o.route is Route.SSH else o for o in view.hosts))


@pytest.mark.parametrize("entry", [gap(), gap(cluster="prod"), gap(cluster="domain-c1")])
def test_an_accepted_gap_is_shown_and_not_counted(entry: AcceptedGap) -> None:
    result = judged(without_ssh(), entry)
    assert (result.verdict, result.findings) == (Verdict.IN_SYNC, ())
    [row] = result.accepted
    assert (row.state, row.hosts) == (AcceptedState.IN_FORCE, ("north-01", "north-02"))
    told = f"route ssh failing (unreachable), {entry.cluster or 'all hosts'} on vc (on north-01, north-02)"
    assert told in render_audit(result, width=160)
    assert audit_document(result)["accepted"][0]["route"] == "ssh"
    assert complete(without_ssh(), entry)


@pytest.mark.parametrize(
    "entry",
    [
        gap(expires=NOW),
        gap(reason="denied"),
        gap(route="host-api"),
        gap(reading="banks"),
        gap(cluster="other"),
        gap(host="north-01"),
    ],
)
def test_an_entry_covers_exactly_what_it_names(entry: AcceptedGap) -> None:
    result = judged(without_ssh(), entry)
    assert result.verdict is Verdict.INCOMPLETE
    [found] = result.findings
    assert found.hosts == (("north-02",) if entry.host else ("north-01", "north-02"))
    assert not complete(without_ssh(), entry)


def test_of_many_entries_each_speaks_of_its_own_host_alone() -> None:
    entries = [gap(host=f"other-{number:02}") for number in range(20)] + [gap(host="NORTH-01"), gap(host="north-02")]
    result = judged(without_ssh(), *entries)
    assert result.verdict is Verdict.IN_SYNC
    used = [row for row in result.accepted if row.state is AcceptedState.IN_FORCE]
    assert [row.hosts for row in used] == [("north-01",), ("north-02",)]
    assert judged(without_ssh(), *entries[:-1]).findings[0].hosts == ("north-02",)


def test_one_reading_can_be_accepted_alone() -> None:
    view = without(steady({Route.SSH}), "staged")
    assert judged(view, gap(reason="failed", reading="staged")).verdict is Verdict.IN_SYNC
    both = without(view, "profile")
    assert judged(both, gap(reason="failed", reading="staged")).verdict is Verdict.INCOMPLETE


def test_a_gap_is_accepted_only_if_every_route_that_owes_it_is() -> None:
    view = without_ssh()
    worse = replace(view, hosts=tuple(o if o.route is Route.SSH else replace(o, vibs=FAILED) for o in view.hosts))
    assert judged(view, gap()).verdict is Verdict.IN_SYNC
    result = judged(worse, gap())
    assert result.verdict is Verdict.INCOMPLETE
    assert "VIBs" in result.findings[0].summary


def test_a_host_that_nobody_sees_can_be_accepted_until_a_day() -> None:
    view = steady({Route.SSH})
    dead = replace(view, hosts=tuple(silent(o.host) if o.host == "north-01" else o for o in view.hosts))
    assert judged(dead).verdict is Verdict.INCOMPLETE
    result = judged(dead, gap(host="north-01"))
    assert result.verdict is Verdict.IN_SYNC
    [found] = result.findings
    assert (found.code, found.severity) == (Code.HOST_UNSEEN, Severity.NOTICE)
    assert "accepted by ann" in str(found.evidence)
    assert judged(dead, gap(host="north-01", expires=NOW)).verdict is Verdict.INCOMPLETE


def test_a_changed_key_and_a_lost_connection_are_told_whatever_else_was_read() -> None:
    view = steady({Route.VCENTER, Route.SSH})
    changed = tuple(silent(o.host, Reason.CHANGED) if (o.route, o.host) == (Route.SSH, "north-01") else o for o in view.hosts)
    result = judged(replace(view, hosts=changed))
    [found] = [finding for finding in result.findings if finding.code is Code.IDENTITY_CHANGED]
    assert (found.severity, found.hosts, result.verdict) == (Severity.CRITICAL, ("north-01",), Verdict.DRIFT)
    # Accepting that SSH gives nothing for this reason is not offered, and would not hide it.
    assert judged(replace(view, hosts=changed), gap(reason="changed")).verdict is Verdict.DRIFT
    unknown = tuple(silent(o.host, Reason.UNTRUSTED) if o.route is Route.SSH else o for o in view.hosts)
    assert Code.IDENTITY_CHANGED not in {f.code for f in judged(replace(view, hosts=unknown)).findings}

    [vcenter] = view.vcenters
    away = (listed("north-01", NEW, connection="disconnected"), listed("north-02", NEW))
    lost = replace(view, vcenters=(replace(vcenter, hosts=replace(vcenter.hosts, value=away)),))
    result = judged(lost)
    [found] = result.findings
    assert (found.code, found.severity, found.subject.name) == (Code.HOST_DISCONNECTED, Severity.WARNING, "north-01")
    assert result.verdict is Verdict.INCOMPLETE
    [accepted] = judged(lost, gap(route="vcenter", reason="not-connected", host="north-01")).findings
    assert (accepted.code, accepted.severity) == (Code.HOST_DISCONNECTED, Severity.NOTICE)
    assert "accepted by ann (CHG-1)" in accepted.evidence[-1]
    assert judged(lost, gap(route="vcenter", reason="not-connected", cluster="prod")).verdict is Verdict.IN_SYNC
    for other in ({"reason": "failed"}, {"host": "north-02"}, {"reading": "vibs"}, {"expires": NOW}):
        more = {"route": "vcenter", "reason": "not-connected", **other}
        assert judged(lost, gap(**more)).verdict is Verdict.INCOMPLETE
    asleep = (replace(away[0], power="standBy"), away[1])
    quiet = replace(view, vcenters=(replace(vcenter, hosts=replace(vcenter.hosts, value=asleep)),))
    assert judged(quiet).verdict is Verdict.IN_SYNC


def test_a_vcenter_with_another_certificate_is_told() -> None:
    view = steady({Route.SSH})
    why = Unread(Reason.CHANGED, "the certificate is not the pinned one")
    blind = replace(view.vcenters[0], marks=why, clusters=why, hosts=why, depot=why)
    found = {finding.code: finding for finding in judged(replace(view, vcenters=(blind,))).findings}
    assert found[Code.IDENTITY_CHANGED].severity is Severity.CRITICAL
    assert found[Code.VIEW_INCOMPLETE].severity is Severity.CRITICAL


def test_marks_of_an_older_record_are_no_gap() -> None:
    """What an earlier version did not ask is not missing."""
    marks = VCenterMarks(UUID, "8.0.3", "1", replace(steady([]).vcenters[0].marks.value.newest_event_key))  # type: ignore[union-attr]
    assert judged(steady({Route.SSH}, marks)).verdict is Verdict.IN_SYNC
    assert ago(0) == NOW
