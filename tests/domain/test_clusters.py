"""What the findings of a cluster tell: which image, which hosts, since when, and what makes them silent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.image import AddOn, Commit, Component, DesiredImage, ManagementMode
from auditor.domain.observation import ClusterView, ElementVerdict, Estate, HostObservation, HostVerdict, Read, Reason, Unread
from auditor.domain.past import Past
from tests.domain.estates import NEW, OLD, ago, cluster, estate, image, listed, past, says, scan
from tests.domain.judging import COMMIT_5, COMMIT_7, codes, judge
from tests.domain.whole import FAILED

HPE, DELL = AddOn("HPE", "803.1"), AddOn("DEL-ESXi", "A03")
OLDER = "8.0.2-0.40.23825572"


def seen(view: ClusterView, *said: HostObservation, depot: tuple[str, ...] = (OLDER, OLD, NEW)) -> Estate:
    kept = tuple((add_on.name, add_on.version) for add_on in (HPE, DELL))
    hosts = tuple(listed(o.host, OLD) for o in said)
    return estate((view,), hosts, said, depot=depot, add_ons=kept)


def told(view: Estate, code: Code, before: Past | None = None) -> Finding | None:
    found = [finding for finding in judge(view, before).findings if finding.code is code]
    assert len(found) <= 1
    return found[0] if found else None


def evidence(view: Estate, code: Code, before: Past | None = None) -> tuple[str, ...]:
    found = told(view, code, before)
    return found.evidence if found else ()


@pytest.mark.parametrize(
    ("view", "asks"),
    [
        (cluster(OLD, COMMIT_5), f"the image asks for {OLD} (commit 5 of 2026-03-06 08:00Z)"),
        (cluster(OLD, COMMIT_5, add_on=HPE), f"the image asks for {OLD} with HPE 803.1 (commit 5 of 2026-03-06 08:00Z)"),
        (cluster(OLD, commit=None, name="x"), f"the image asks for {OLD} (commit 5 of 2026-03-06 08:00Z)"),
        (replace(cluster(OLD), commit=Unread(Reason.ABSENT, "never committed")), f"the image asks for {OLD}"),
    ],
)
def test_what_the_image_asks_for_is_told_with_its_commit(view: ClusterView, asks: str) -> None:
    assert evidence(seen(view, says("a", NEW)), Code.HOST_AHEAD)[0] == asks


def test_the_hosts_are_told_by_what_they_run_the_most_common_first() -> None:
    view = seen(cluster(OLDER), says("a", OLD), says("b", NEW), says("c", NEW, HPE), says("d", NEW))
    runs = [line for line in evidence(view, Code.HOST_AHEAD) if " run" in line.partition(":")[0]]
    assert [line.split()[:3] for line in runs] == [["2", "hosts", "run"], ["1", "host", "runs"], ["1", "host", "runs"]]
    assert runs[0].endswith(": b, d")
    assert any("HPE 803.1" in line and line.endswith(": c") for line in runs)


@pytest.mark.parametrize(
    ("ahead", "behind", "summaries"),
    [
        ("a", "", {"1 of 3 hosts runs a newer image than the cluster asks for."}),
        ("ab", "", {"2 of 3 hosts run a newer image than the cluster asks for."}),
        ("", "a", {"1 of 3 hosts runs an older image than the cluster asks for."}),
        ("a", "bc", {
            "1 of 3 hosts runs a newer image than the cluster asks for.",
            "2 of 3 hosts run an older image than the cluster asks for.",
        }),
    ],
)  # fmt: skip
def test_ahead_and_behind_are_told_apart(ahead: str, behind: str, summaries: set[str]) -> None:
    said = [says(name, NEW if name in ahead else OLDER if name in behind else OLD) for name in "abc"]
    found = {f.code: f for f in judge(seen(cluster(OLD), *said)).findings if f.code in {Code.HOST_AHEAD, Code.HOST_BEHIND}}
    assert {f.summary for f in found.values()} == summaries
    if ahead:
        assert (found[Code.HOST_AHEAD].severity, found[Code.HOST_AHEAD].hosts) == (Severity.CRITICAL, tuple(ahead))
    if behind:
        assert (found[Code.HOST_BEHIND].severity, found[Code.HOST_BEHIND].hosts) == (Severity.WARNING, tuple(behind))
        assert bool(found[Code.HOST_BEHIND].avoid) is bool(ahead)  # remediation would skip the ones ahead


def test_the_kind_of_the_step_to_the_hosts_is_told_where_there_is_one() -> None:
    line = f"from the image to the hosts: update ({OLDER} to {NEW})"
    assert line in evidence(seen(cluster(OLDER), says("a", NEW)), Code.HOST_AHEAD)


@pytest.mark.parametrize(
    ("lost", "commit", "line"),
    [
        (image(NEW), COMMIT_7, "history: commit 7 of 2026-03-09 16:00Z asked for exactly this, seen until 2026-03-08 21:00Z"),
        (image(NEW), None, "history: an earlier image asked for exactly this, seen until 2026-03-08 21:00Z"),
        (image(NEW, HPE), COMMIT_7, None),  # another add-on: not what the host runs
        (image(OLDER), COMMIT_7, None),
        (DesiredImage(None), COMMIT_7, None),
    ],
)
def test_the_lost_image_that_asked_for_what_the_hosts_run_is_named(
    lost: DesiredImage, commit: Commit | None, line: str | None
) -> None:
    before = past((image(OLDER), Commit("3", "x", ago(400))), (lost, commit), (image(OLD), COMMIT_5))
    lines = [text for text in evidence(seen(cluster(OLD), says("a", NEW)), Code.HOST_AHEAD, before) if "exactly" in text]
    assert lines == ([line] if line else [])


def test_the_present_image_is_not_called_a_lost_one() -> None:
    """The host is ahead by a component alone: its base image is what the present image asks for."""
    present = image(NEW, components={"drv": "1.0-1"})
    verdict = HostVerdict("id-a", "X", components=(("drv", ElementVerdict("INCOMPATIBLE", "2.0-1", "1.0-1")),))
    scanned = replace(scan("X", NEW, NEW, "a", ago(1)), hosts=(verdict,))
    view = seen(
        replace(cluster(NEW, compliance=Read(scanned)), image=Read(present)),
        says("a", NEW, components=Read((Component("drv", "2.0-1"),))),
    )
    lines = evidence(view, Code.HOST_AHEAD, past((present, COMMIT_5)))
    assert not any("exactly this" in line for line in lines)
    assert any(line.startswith("component drv HOST_AHEAD: image 1.0-1, host 2.0-1 (vLCM's verdict") for line in lines)


@pytest.mark.parametrize(("number", "lines", "more"), [(10, 10, None), (11, 11, "and 1 more"), (14, 11, "and 4 more")])
def test_of_many_differences_ten_are_told_and_the_rest_counted(number: int, lines: int, more: str | None) -> None:
    wanted = {f"drv{n:02}": "1" for n in range(number)}
    parts = Read(tuple(Component(name, "2") for name in wanted))
    view = seen(replace(cluster(NEW), image=Read(image(NEW, components=wanted))), says("a", NEW, components=parts))
    found = [line for line in evidence(view, Code.HOST_DIVERGED) if line.startswith(("component", "and "))]
    assert len(found) == lines
    assert found[-1].startswith(more or "component")


def test_each_difference_is_told_once_with_the_first_host_that_shows_it() -> None:
    view = seen(replace(cluster(NEW), image=Read(image(NEW, components={"drv": "1"}))), says("a", NEW), says("b", NEW))
    lines = [line for line in evidence(view, Code.HOST_BEHIND) if "component drv" in line]
    assert [line.split(", on ")[1][:1] for line in lines] == ["a"]
    assert "image 1, host none" in lines[0]


MIXED = (says("a", OLD), says("b", NEW), says("c", NEW))


@pytest.mark.parametrize(
    ("view", "said", "mixed"),
    [
        (cluster(OLD), MIXED, True),
        (cluster(None), MIXED, False),  # on baselines hosts may differ
        (cluster(NEW), (says("a", NEW), says("b", NEW)), False),
        (cluster(NEW), (says("a", NEW), says("b", NEW, HPE)), True),
        (cluster(NEW), (says("a", NEW, HPE), says("b", NEW, DELL)), True),
        (cluster(NEW), (says("a", NEW), replace(says("b", OLD), base_image=FAILED, product=FAILED)), False),
    ],
)
def test_hosts_that_run_different_images_make_a_cluster_mixed(
    view: ClusterView, said: tuple[HostObservation, ...], mixed: bool
) -> None:
    found = told(seen(view, *said), Code.MIXED_CLUSTER)
    assert (found is not None) is mixed
    if found:
        assert found.hosts == tuple(o.host for o in said)


def test_a_mixed_cluster_counts_its_images_and_the_hosts_that_are_right() -> None:
    found = told(seen(cluster(NEW), *MIXED), Code.MIXED_CLUSTER)
    assert found is not None
    assert found.summary == "The hosts run 2 different images; 2 of 3 run what the cluster asks for."


@pytest.mark.parametrize(
    ("newest", "said", "line"),
    [
        (image(NEW), MIXED, f"history: the newest known image of this cluster asks for {NEW}; 2 of 3 hosts had reached it"),
        (image(OLD), MIXED, f"history: the newest known image of this cluster asks for {OLD}; 1 of 3 hosts had reached it"),
        (image(OLDER), MIXED, None),  # nobody had reached it
        (image(NEW), (says("a", NEW), says("b", NEW, HPE)), None),  # all had
        (DesiredImage(None), MIXED, None),
    ],
)
def test_how_far_an_interrupted_remediation_came(newest: DesiredImage, said: tuple[HostObservation, ...], line: str) -> None:
    before = past((image(OLDER), Commit("3", "x", ago(400))), (newest, COMMIT_7))
    lines = [text for text in evidence(seen(cluster(OLD), *said), Code.MIXED_CLUSTER, before) if "newest known" in text]
    assert lines == ([line] if line else [])
    alone = evidence(seen(cluster(OLD), *said), Code.MIXED_CLUSTER)
    assert not any("history" in text for text in alone)


def composite(*add_ons: AddOn | None) -> DesiredImage:
    """A default image and the alternatives g0, g1 ... for hosts that vLCM's verdict names."""
    parts = {
        f"g{n}": {"base_image": {"version": NEW}} | ({"add_on": {"name": a.name, "version": a.version}} if a else {})
        for n, a in enumerate(add_ons)
    }
    spec = json.dumps({"base_image": {"version": NEW}, "alternative_images": parts})
    return replace(image(NEW), alternatives=tuple(parts), spec=spec)


@pytest.mark.parametrize(
    ("said", "parts", "mixed"),
    [
        ((says("a", NEW), says("b", NEW, HPE)), ("", "g0"), False),  # each as its own part asks
        ((says("a", NEW), says("b", NEW, HPE)), ("", ""), True),
        ((says("a", NEW, HPE), says("b", NEW, DELL)), ("g0", "g0"), True),
        ((says("a", NEW, HPE), says("b", NEW, DELL)), ("g0", "g1"), False),
        ((says("a", NEW, HPE), says("b", OLD, DELL)), ("g0", "g1"), True),  # the parts share the base image
        ((says("a", NEW, HPE), says("b", NEW, DELL)), (None, None), False),  # whose part is whose is not known
        ((says("a", NEW, HPE), says("b", OLD, DELL)), (None, None), True),
    ],
)
def test_hosts_of_a_composite_image_may_differ_as_its_parts_do(
    said: tuple[HostObservation, ...], parts: tuple[str | None, ...], mixed: bool
) -> None:
    verdicts = tuple(
        HostVerdict(f"id-{o.host}", "X", image=part) for o, part in zip(said, parts, strict=True) if part is not None
    )
    scanned = replace(scan("X", NEW, NEW, "a", ago(1)), hosts=verdicts)
    compliance = Read(scanned) if verdicts else Unread(Reason.ABSENT, "never scanned")
    view = seen(replace(cluster(NEW), image=Read(composite(HPE, DELL)), compliance=compliance), *said)
    assert ("mixed-cluster" in codes(judge(view))) is mixed


@pytest.mark.parametrize(
    ("mode", "images", "regressed"),
    [
        (Read(ManagementMode.BASELINES), (image(NEW, HPE),), f"history: image with base image {NEW}, seen until 2026-03-10"),
        (Read(ManagementMode.BASELINES), (DesiredImage(None),), "history: image with base image no base image, seen until"),
        (Read(ManagementMode.BASELINES), (), None),
        (Unread(Reason.FAILED, "x"), (image(NEW),), None),
    ],
)
def test_a_cluster_that_had_an_image_and_is_on_baselines_regressed(
    mode: Read[ManagementMode] | Unread, images: tuple[DesiredImage, ...], regressed: str | None
) -> None:
    before = past(*((one, COMMIT_5) for one in images), mode=ManagementMode.IMAGE)
    found = told(seen(cluster(None, mode=mode), says("a", NEW)), Code.MANAGEMENT_REGRESSED, before)
    assert (found is not None) is bool(regressed)
    if found and regressed:
        assert found.evidence[0].startswith(regressed)
        assert (found.severity, found.hosts) == (Severity.CRITICAL, ("a",))


MISSING = replace(image(NEW).base_image, in_depot=False)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("wanted", "said", "depot", "lines"),
    [
        (image(NEW), says("a", NEW), (NEW,), ()),
        (image(NEW), says("a", NEW), (f"  {NEW}", "not a version"), ()),  # as vLCM may write it
        (
            image(NEW), says("a", NEW), (OLD,),
            (f"base image {NEW}, which the cluster's image asks for", f"base image {NEW}, which 1 host runs: a"),
        ),
        (DesiredImage(MISSING), says("a", NEW), (NEW,), (f"base image {NEW}, which the cluster's image asks for",)),
        (image(NEW, replace(HPE, in_depot=False)), says("a", NEW, HPE), (NEW,),
         ("add-on HPE 803.1, which the cluster's image asks for",)),
        (image(NEW, HPE), says("a", NEW, HPE), (NEW,), ()),
        (
            image(NEW, AddOn("LVO", "1")), says("a", NEW, AddOn("LVO", "1")), (NEW,),
            ("add-on LVO 1, which the cluster's image asks for", "add-on LVO 1, which 1 host runs: a"),
        ),
    ],
)  # fmt: skip
def test_the_depot_has_what_image_and_hosts_need_or_each_lack_is_named(
    wanted: DesiredImage, said: HostObservation, depot: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    view = seen(replace(cluster(NEW), image=Read(wanted)), said, depot=depot)
    assert evidence(view, Code.DEPOT_GAP) == lines
    if lines:
        found = told(view, Code.DEPOT_GAP)
        assert found is not None
        assert found.summary == f"The depot lacks {len(lines)} item{'s' if len(lines) > 1 else ''} of this cluster."


def test_nobody_needs_in_the_depot_what_hosts_on_baselines_run() -> None:
    assert told(seen(cluster(None), says("a", NEW, AddOn("LVO", "1")), depot=()), Code.DEPOT_GAP) is None


def test_hosts_that_lack_the_same_thing_are_told_together() -> None:
    view = seen(cluster(OLD), says("a", NEW), says("b", NEW), says("c", OLDER), depot=(OLD,))
    assert evidence(view, Code.DEPOT_GAP) == (f"base image {NEW}, which 2 hosts run: a, b",)
    found = told(view, Code.DEPOT_GAP)
    assert found is not None
    assert (found.hosts, found.severity) == (("a", "b"), Severity.CRITICAL)


def scanned(status: str, current: str, hours: float = 1, commit: str = "5", names: str = "a") -> Read[object]:
    verdict = scan(status, current, NEW, "a", ago(hours), commit)
    one = verdict.hosts[0]
    return Read(replace(verdict, hosts=tuple(replace(one, host=f"id-{name}") for name in names)))


OF_4 = "the scan is of commit 4, the cluster is at commit 5"


@pytest.mark.parametrize(
    ("compliance", "runs", "severity", "reasons"),
    [
        (scanned("COMPLIANT", NEW), NEW, None, ()),
        (scanned("COMPLIANT", NEW, commit=""), NEW, None, ()),
        (scanned("COMPLIANT", NEW, commit="4"), NEW, Severity.NOTICE, (OF_4,)),
        (scanned("COMPLIANT", NEW, commit="4"), OLD, Severity.WARNING, (OF_4, f"the scan has a on {NEW}, the host says {OLD}")),
        (scanned("NON_COMPLIANT", NEW, commit="4"), NEW, Severity.WARNING, (OF_4,)),
        (scanned("COMPLIANT", OLD), NEW, Severity.WARNING, (f"the scan has a on {OLD}, the host says {NEW}",)),
        (scanned("NON_COMPLIANT", OLD), OLD, None, ()),  # behind, and so it was
        (scanned("NON_COMPLIANT", NEW), OLD, Severity.WARNING, (f"the scan has a on {NEW}, the host says {OLD}",)),
    ],
)
def test_a_scan_is_stale_where_commit_or_host_say_otherwise(
    compliance: Read[object], runs: str, severity: Severity | None, reasons: tuple[str, ...]
) -> None:
    found = told(seen(cluster(NEW, compliance=compliance), says("a", runs)), Code.STALE_SCAN)
    assert (found.severity if found else None) is severity
    if found:
        assert len(found.evidence) == len(reasons)
        assert all(line.startswith(reason) for line, reason in zip(found.evidence, reasons, strict=True))
        assert found.hosts == (("a",) if "the host says" in reasons[-1] else ())


@pytest.mark.parametrize(("number", "lines"), [(3, 3), (5, 3)])
def test_of_many_contradicted_hosts_three_are_quoted_and_all_named(number: int, lines: int) -> None:
    names = "abcde"[:number]
    view = seen(cluster(NEW, compliance=scanned("COMPLIANT", OLD, names=names)), *(says(name, NEW) for name in names))
    found = told(view, Code.STALE_SCAN)
    assert found is not None
    assert (len(found.evidence), found.hosts) == (lines, tuple(names))


@pytest.mark.parametrize(
    ("hours", "stale"),
    [
        (2, True),  # the last run before the restore was an hour ago
        (0.5, False),
    ],
)
def test_a_scan_from_before_the_restore_misleads_while_hosts_differ(hours: float, stale: bool) -> None:
    view = seen(cluster(NEW, compliance=scanned("NON_COMPLIANT", OLD, hours)), says("a", OLD))
    before = past((image(NEW), COMMIT_5), key=9000)
    lines = evidence(view, Code.STALE_SCAN, before)
    assert lines == ((f"the scan is of {ago(hours):%Y-%m-%d %H:%MZ}, from before the restore",) if stale else ())
    assert evidence(view, Code.STALE_SCAN, past((image(NEW), COMMIT_5))) == ()  # no restore
