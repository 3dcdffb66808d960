"""The text report: the verdict first, every host that matters a row, readable everywhere."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.assessment import Assessment, HostRow, HostState, RouteResult, Verdict
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.observation import Read, Reason, Route, Unread
from auditor.domain.snapshot import summarise
from auditor.reports.text import COLLAPSE_FROM, render_audit, render_snapshot
from tests.reports import estates

GOLDEN = Path(__file__).parent / "golden"
ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_drifted(width: int) -> None:
    text = render_audit(estates.drifted(), width=width, exit_code=3)
    check(f"drifted-{width}.txt", text)
    assert max(len(line) for line in text.splitlines()) <= width


def test_steady() -> None:
    check("steady.txt", render_audit(estates.steady()))


def test_nothing_at_all() -> None:
    empty = Assessment(at=estates.AT, source=estates.drifted().source, runs_before=0, verdict=Verdict.INCOMPLETE)
    check("empty.txt", render_audit(empty))


def test_snapshot() -> None:
    summary = summarise(estates.recorded(), run=7, history="/var/lib/history.db", new_documents=3)
    check("snapshot.txt", render_snapshot(summary))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_comes_first_and_names_the_exit_code(verdict: Verdict) -> None:
    first = render_audit(replace(estates.steady(), verdict=verdict), exit_code=42).splitlines()[0]
    assert first.startswith({"in-sync": "IN SYNC:", "drift": "DRIFT:", "incomplete": "VIEW INCOMPLETE:"}[verdict.value])
    assert "exit code 42" in first


def test_findings_come_in_the_order_given_with_all_they_hold() -> None:
    text = render_audit(estates.drifted())
    assert (
        text.index("CRITICAL  host-ahead") < text.index("WARNING  host-unseen") < text.index("CLUSTERS") < text.index("HOSTS")
    )
    finding = estates.drifted().findings[0]
    for part in (*finding.evidence, *finding.do, *finding.avoid, *finding.rests_on, finding.summary):
        assert part in text
    assert "auditor runbook show host-ahead" in text


def test_colour_says_nothing_that_words_do_not() -> None:
    plain = render_audit(estates.drifted())
    colored = render_audit(estates.drifted(), color=True)
    assert "\x1b[" in colored
    assert "\x1b" not in plain
    stripped = [line.rstrip() for line in ESCAPE.sub("", colored).splitlines()]
    assert stripped == plain.splitlines()


def large(states: dict[int, HostState]) -> Assessment:
    rows = tuple(estates.host(n, states.get(n, HostState.IN_SYNC), name=f"esx{n:04}.example.org") for n in range(1000))
    return replace(estates.steady(), hosts=rows, clusters=(estates.cluster(rows),))


def test_a_thousand_hosts_in_sync_are_counted_and_the_others_listed() -> None:
    text = render_audit(large({7: HostState.HOST_AHEAD, 8: HostState.UNKNOWN, 9: HostState.DIVERGED}))
    assert "997 IN_SYNC, not listed" in text
    assert [f"esx{n:04}" for n in range(1000) if f"esx{n:04}" in text] == ["esx0007", "esx0008", "esx0009"]
    assert len(text.splitlines()) < 40


def test_all_hosts_lists_all() -> None:
    text = render_audit(large({}), all_hosts=True)
    assert all(f"esx{n:04}" in text for n in range(1000))
    assert "not listed" not in text


@pytest.mark.parametrize("state", [state for state in HostState if state is not HostState.IN_SYNC])
def test_what_is_not_in_sync_is_always_a_row(state: HostState) -> None:
    text = render_audit(large(dict.fromkeys(range(1000), state)))
    assert all(f"esx{n:04}" in text for n in range(1000))


def test_a_host_in_sync_that_a_finding_names_or_with_a_staged_update_has_a_row() -> None:
    estate = large({})
    hosts = list(estate.hosts)
    hosts[3] = replace(hosts[3], staged=Read("ESXi-8.0U3e-24674464-standard"))
    finding = Finding(Code.STALE_INVENTORY, Severity.WARNING, Subject(SubjectKind.HOST, hosts[5].name, "vc01"), "x")
    text = render_audit(replace(estate, hosts=tuple(hosts), findings=(finding,)))
    rows = text[text.index("\nHOSTS") :]
    assert "esx0003" in rows
    assert "esx0005" in rows
    assert "998 IN_SYNC, not listed" in rows


def test_routes_that_were_silent_on_counted_hosts_are_counted() -> None:
    silent = RouteResult(Route.SSH, estates.AT, Unread(Reason.UNREACHABLE))
    estate = large({})
    text = render_audit(replace(estate, hosts=tuple(replace(row, routes=(*row.routes, silent)) for row in estate.hosts)))
    assert "ssh unreachable on 1000" in text


def test_up_to_the_limit_every_host_is_listed() -> None:
    assert "not listed" not in render_audit(estates.steady(COLLAPSE_FROM))
    assert "not listed" in render_audit(estates.steady(COLLAPSE_FROM + 1))


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", ["e" * 300, "東京" * 60, "esx\x1b[2J\u202e\n\r\t01.example.org"])
def test_ugly_names(width: int, name: str) -> None:
    words = dict.fromkeys(("name", "cluster", "vendor_status", "connection", "note"), name)
    row: HostRow = estates.host(1, HostState.HOST_AHEAD, **words)
    subject = Subject(SubjectKind.CLUSTER, name, name)
    finding = Finding(Code.HOST_AHEAD, Severity.CRITICAL, subject, name, *[(name,)] * 4)
    estate = Assessment(
        at=estates.AT,
        source=estates.drifted().source,
        runs_before=0,
        verdict=Verdict.DRIFT,
        clusters=(estates.cluster((row,), name=name),),
        hosts=(row,),
        findings=(finding,),
        limits=(name,),
        next=(name,),
    )
    text = render_audit(estate, width=width)
    assert not [char for char in text if ord(char) < 32 and char != "\n"]
    assert "\u202e" not in text
    assert "HOST_AHEAD" in re.sub(r"\s", "", text)


def test_no_markup_is_read_in_outside_text() -> None:
    row = estates.host(1, HostState.HOST_AHEAD, note="[bold]x[/bold] :smile:")
    assert "[bold]x[/bold] :smile:" in " ".join(render_audit(replace(estates.steady(), hosts=(row,)), width=200).split())


def test_unknown_is_shown_with_its_reason() -> None:
    text = render_audit(estates.drifted(), width=80)
    assert "runs: not read: timed-out" in text
    assert "route ssh: timed-out: no answer to the TCP connection within 10 s" in text


@pytest.mark.parametrize("width", [110, 120, 160])
def test_the_table_loses_nothing_to_long_names(width: int) -> None:
    silent = Unread(Reason.UNREACHABLE, "no answer")
    rows = tuple(
        estates.host(
            n,
            HostState.UNKNOWN,
            name=f"virtual-desktops-{n:02}.lab.example.org",
            cluster="Virtual Desktops Europe",
            label="ESXi 8.0 Update 3e (P05)",
            routes=(RouteResult(Route.SSH, estates.AT, silent),),
        )
        for n in range(3)
    )
    text = render_audit(replace(estates.steady(), hosts=rows), width=width)
    table = text[text.index("\nHOSTS") :]
    assert max(len(line) for line in table.splitlines()) <= width
    for part in ("8.0.3-0.60.24585383", "2026-03-01", "12:00:00Z", "UNKNOWN", "connected", "unreachable"):
        assert table.count(part) >= len(rows), part


@pytest.mark.parametrize("width", [40, 80, 120])
def test_hosts_of_one_name_in_two_vcenters_are_told_apart(width: int) -> None:
    one = estates.steady()
    twins = tuple(replace(host, vcenter=name) for host in one.hosts for name in ("vc01", "vc02"))
    text = render_audit(replace(one, hosts=twins), width=width)
    assert text.count("on vc01") == text.count("on vc02") == len(one.hosts)
    assert "on vc01" not in render_audit(one, width=width)


@pytest.mark.parametrize("width", [40, 120])
def test_a_thousand_dead_hosts_do_not_bury_the_rest(width: int) -> None:
    drifted = estates.drifted()
    [ahead, unseen] = drifted.findings
    dead = tuple(
        replace(unseen, subject=replace(unseen.subject, name=f"esx{number:04}"), evidence=("ssh: refused",))
        for number in range(1000)
    )
    text = render_audit(replace(drifted, findings=(ahead, *dead)), width=width)
    top = text.split("CRITICAL  host-ahead")[0]
    assert "and 980 more" in top
    assert len(top.splitlines()) < 100
    assert "950 more: host esx0050" in " ".join(text.split())
    assert text.count("seen: ssh: refused") == 50


def test_a_route_that_failed_is_a_short_cell() -> None:
    """What to do is said once elsewhere; cut in the middle it helps nobody."""
    refused = Unread(Reason.DENIED, "login as root was refused (tried: password); next: check user, key and password")
    steady = estates.steady()
    row = replace(steady.hosts[0], routes=(RouteResult(Route.SSH, estates.AT, refused),))
    text = " ".join(render_audit(replace(steady, hosts=(row,)), width=200).split())
    assert "ssh: denied: login as root was refused" in text
    assert "tried" not in text
