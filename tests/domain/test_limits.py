"""What a run says of what it could not see or compare, and which commands it names next."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.domain.assessment import Assessment, HostState
from auditor.domain.findings import Code, Severity
from auditor.domain.image import AddOn, Component, DesiredImage, Product, Solution
from auditor.domain.observation import ClusterView, Estate, Read, Reading, Reason, Route, Unread, VCenterView
from auditor.domain.past import Past, PastMarks
from tests.domain.estates import NEW, NOW, OLD, UUID, ago, base, cluster, estate, image, listed, marks, past, says, scan, silent
from tests.domain.judging import COMMIT_5, STEADY, judge
from tests.domain.whole import FAILED

GONE, DENIED = Unread(Reason.UNREACHABLE, "refused"), Unread(Reason.DENIED, "no right")
ABSENT = Unread(Reason.ABSENT, "never scanned")


def vcenter(**readings: object) -> Estate:
    return replace(STEADY, vcenters=(replace(STEADY.vcenters[0], **readings),))  # type: ignore[arg-type]


def incomplete(result: Assessment) -> list[tuple[Severity, tuple[str, ...]]]:
    return [(f.severity, f.evidence) for f in result.findings if f.code is Code.VIEW_INCOMPLETE]


@pytest.mark.parametrize(
    ("readings", "severity", "evidence"),
    [
        ({"marks": GONE}, Severity.WARNING, ("marks: unreachable: refused",)),
        ({"depot": GONE}, Severity.WARNING, ("depot: unreachable: refused",)),
        ({"depot": Unread(Reason.NOT_SUPPORTED, "6.7")}, None, ()),
        (
            {"marks": GONE, "clusters": GONE, "hosts": GONE, "depot": GONE}, Severity.CRITICAL,
            ("everything: unreachable: refused",),
        ),
        (
            {"marks": GONE, "clusters": GONE, "hosts": GONE, "depot": DENIED}, Severity.CRITICAL,
            (
                "marks: unreachable: refused", "inventory of clusters: unreachable: refused",
                "inventory of hosts: unreachable: refused", "depot: denied: no right",
            ),
        ),
    ],
)  # fmt: skip
def test_what_a_vcenter_did_not_tell(readings: dict[str, Unread], severity: Severity | None, evidence: tuple[str, ...]) -> None:
    assert incomplete(judge(vcenter(**readings))) == ([(severity, evidence)] if severity else [])


FDM = Solution("com.vmware.vsphere-ha", "8", (Component("vsphere-fdm", ""),))
UNKNOWN_PARTS = replace(image(NEW, AddOn("HPE", "1"), components={"drv": "1"}), solutions=(FDM,))
WITHOUT = {"add_on": FAILED, "components": FAILED}


@pytest.mark.parametrize(
    ("view", "unseen_by", "evidence"),
    [
        (cluster(NEW), {}, ()),
        (
            replace(cluster(NEW), image=Read(UNKNOWN_PARTS)), {"a": WITHOUT, "b": WITHOUT},
            (
                f"add-on HPE: {FAILED} (2 hosts)", f"component drv: {FAILED} (2 hosts)",
                f"solution com.vmware.vsphere-ha: {FAILED} (2 hosts)",
            ),
        ),
        (replace(cluster(NEW), image=Read(image(NEW))), {"a": {"add_on": FAILED}}, (f"add-on: {FAILED} (1 host)",)),
        (cluster(NEW, mode=DENIED), {}, ("image or baselines: denied: no right",)),
        (cluster(NEW, image=DENIED), {}, ("image: denied: no right",)),
        (replace(cluster(NEW, image=DENIED), commit=DENIED), {}, ("image: denied: no right",)),
        (replace(cluster(NEW), commit=DENIED), {}, ("commit: denied: no right",)),
        (replace(cluster(NEW), commit=ABSENT), {}, ()),
        (cluster(NEW, compliance=DENIED), {}, ("compliance: denied: no right",)),
        (cluster(NEW, compliance=ABSENT), {}, ()),
        (cluster(None), {}, ()),
        (cluster(None, compliance=DENIED), {}, ()),  # on baselines there is none
    ],
)  # fmt: skip
def test_what_of_a_cluster_could_not_be_compared(
    view: ClusterView, unseen_by: dict[str, dict[str, Unread]], evidence: tuple[str, ...]
) -> None:
    runs = AddOn("HPE", "1") if view.image == Read(UNKNOWN_PARTS) else None
    said = tuple(replace(says(name, NEW, runs), **unseen_by.get(name, {})) for name in "ab")  # type: ignore[arg-type]
    result = judge(estate((view,), (listed("a", NEW), listed("b", NEW)), said, add_ons=(("HPE", "1"),)))
    assert [lines for _, lines in incomplete(result)] == ([evidence] if evidence else [])
    if unseen_by:
        [found] = [f for f in result.findings if f.code is Code.VIEW_INCOMPLETE]
        assert found.hosts == tuple(unseen_by)


def known_as(*names: str, uuid: str = UUID) -> Past:
    one = past((image(NEW), COMMIT_5))
    seen = tuple(PastMarks(name, ago(1), marks(4000, uuid=uuid)) for name in names)
    return replace(one, marks=seen, clusters=())


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (known_as("vc"), ""),
        (known_as("old"), "History knows vc under another name (old; its instance UUID is the same)"),
        (known_as("old", "older"), "History knows vc under another name (old, older;"),
        (known_as("vc", "old"), ""),  # both names, and its own is known
        (known_as("other", uuid="another"), ""),  # another vCenter
    ],
)
def test_a_vcenter_under_another_name_is_told_by_its_uuid(before: Past, words: str) -> None:
    lines = [line for line in judge(STEADY, before).limits if "another name" in line]
    assert [line[: len(words)] for line in lines] == ([words] if words else [])


def test_another_vcenter_under_the_same_name_is_told() -> None:
    line = f"vc has another instance UUID than before ({UUID})"
    assert any(text.startswith(line) for text in judge(STEADY, known_as("vc", uuid="another")).limits)
    assert not any("another instance" in text for text in judge(STEADY, known_as("vc")).limits)


@pytest.mark.parametrize(
    ("names", "ahead", "command"),
    [
        (("prod",), ("prod",), "auditor propose prod"),
        (("prod", "test"), ("prod",), "auditor propose prod"),
        (("prod", "test"), ("prod", "test"), "auditor propose --all"),
        (("prod one",), ("prod one",), "auditor propose 'prod one'"),
        (("it's",), ("it's",), "auditor propose 'it'\\''s'"),
        (("a-b_c.9",), ("a-b_c.9",), "auditor propose a-b_c.9"),
        (("prod",), (), None),
    ],
)
def test_the_way_to_an_image_is_named_as_it_is_typed(names: tuple[str, ...], ahead: tuple[str, ...], command: str) -> None:
    clusters = tuple(replace(cluster(OLD, name=name), id=f"domain-c{n}") for n, name in enumerate(names))
    hosts = tuple(listed(f"h{n}", OLD, f"domain-c{n}") for n in range(len(names)))
    said = tuple(says(f"h{n}", NEW if name in ahead else OLD) for n, name in enumerate(names))
    told = judge(estate(clusters, hosts, said)).next
    assert [line for line in told if "propose" in line] == ([command] if command else [])
    if command is None:
        assert told == ("auditor snapshot   (keep it in cron: history is what sees the next restore)",)


def test_three_runbooks_of_the_worst_findings_are_named_each_once() -> None:
    hosts = tuple(listed(name, OLD, connection="notResponding") for name in "abcd")
    said = (says("a", NEW), says("b", NEW), says("c", OLD), silent("d"))
    result = judge(estate((cluster(OLD),), hosts, said, depot=(OLD,)))
    assert len({f.code for f in result.findings}) > 3
    runbooks = [line for line in result.next if line.startswith("auditor runbook show")]
    worst = list(dict.fromkeys(f.code.value for f in result.findings))[:3]
    assert runbooks == [f"auditor runbook show {code}" for code in worst]


@pytest.mark.parametrize("readings", [{"depot": GONE}, {}])
def test_the_last_view_is_only_named_for_a_vcenter_that_told_nothing(readings: dict[str, Unread]) -> None:
    assert not any("--from-history" in line for line in judge(vcenter(**readings), past((image(NEW), COMMIT_5))).next)


def test_of_two_vcenters_the_last_view_of_the_silent_one_is_named() -> None:
    silent_one = VCenterView("dark", NOW, GONE, GONE, GONE, GONE)
    before = past((image(NEW), COMMIT_5))
    seen = (*before.marks, PastMarks("dark", ago(7), marks(10, uuid="d")), PastMarks("dark", ago(5), marks(11, uuid="d")))
    told = judge(replace(STEADY, vcenters=(*STEADY.vcenters, silent_one)), replace(before, marks=seen)).next
    at = ago(5) + timedelta(seconds=1)
    assert [line for line in told if "--from-history" in line] == [
        f"auditor audit --from-history --at {at:%Y-%m-%dT%H:%M:%SZ}   (the last view with this vCenter)"
    ]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ((silent("a", route=Route.VCENTER), says("a", NEW)), "Route vcenter failed (unreachable) on 1 host read otherwise: a."),
        ((says("a", NEW),), None),
        ((silent("a"),), None),  # nobody read it: that is a finding
    ],
)
def test_a_route_that_failed_beside_one_that_read_all(said: tuple[object, ...], line: str | None) -> None:
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), said), past((image(NEW), COMMIT_5)))  # type: ignore[arg-type]
    assert result.limits == ((line,) if line else ())


# What the rows of the report say of a host or cluster that is odd.

ODD = Product("not a version", "1", label="ESXi as it prints itself")


@pytest.mark.parametrize(
    ("readings", "label"),
    [
        ({}, "ESXi 8.0 Update 3e (P05)"),
        ({"base_image": FAILED}, "ESXi 8.0 Update 3e (P05)"),  # by the product's build
        ({"product": FAILED}, "ESXi 8.0 Update 3e (P05)"),
        ({"base_image": FAILED, "product": Read(replace(ODD, version="8.0.3"))}, "ESXi as it prints itself"),
        ({"base_image": FAILED, "product": Read(ODD)}, "ESXi as it prints itself"),
        ({"base_image": FAILED, "product": FAILED}, ""),
    ],
)
def test_a_release_is_called_by_its_name_or_as_the_host_calls_itself(readings: dict[str, Reading[object]], label: str) -> None:
    host = replace(says("a", NEW), **readings)  # type: ignore[arg-type]
    [row] = judge(estate((cluster(NEW),), (listed("a", NEW),), (host,))).hosts
    assert row.label == label


def test_a_base_image_that_was_looked_up_has_the_route_and_time_of_the_product() -> None:
    host = replace(says("a", NEW, route=Route.HOST_API), base_image=FAILED)
    [row] = judge(estate((cluster(NEW),), (listed("a", NEW),), (host,))).hosts
    facts = {fact.key: fact for fact in row.facts}
    found = facts["base_image"]
    assert (found.reading, found.route, found.at) == (Read(base(NEW)), Route.HOST_API, NOW)
    assert row.runs == Read(base(NEW))
    assert facts["add_on"].route is Route.HOST_API
    assert "looked up" in row.layers[0].basis
    [plain] = judge(estate((cluster(NEW),), (listed("a", NEW),), (says("a", NEW),))).hosts
    assert "looked up" not in plain.layers[0].basis


def test_the_reason_that_says_most_is_the_one_told() -> None:
    unasked = Unread(Reason.NOT_ATTEMPTED, "")
    said = (replace(says("a", NEW), profile=unasked), replace(says("a", NEW, route=Route.VCENTER), profile=DENIED))
    [row] = judge(estate((cluster(NEW),), (listed("a", NEW),), said)).hosts
    assert {fact.key: fact for fact in row.facts}["profile"].reading == DENIED


@pytest.mark.parametrize(
    ("own", "shown", "expected"),
    [(Read(True), False, True), (Read(False), True, False), (FAILED, True, True), (FAILED, None, None)],
)
def test_maintenance_mode_is_the_hosts_word_else_vcenters(
    own: Reading[bool], shown: bool | None, expected: bool | None
) -> None:
    there = replace(listed("a", NEW), in_maintenance_mode=shown)
    [row] = judge(estate((cluster(NEW),), (there,), (says("a", NEW, maintenance_mode=own),))).hosts
    assert row.in_maintenance_mode is expected


@pytest.mark.parametrize("readings", [{"product": FAILED}, {"base_image": FAILED}, {}])
def test_a_host_is_seen_by_its_product_or_its_base_image(readings: dict[str, Unread]) -> None:
    result = judge(estate((cluster(NEW),), (listed("a", NEW),), (replace(says("a", NEW), **readings),)))  # type: ignore[arg-type]
    assert Code.HOST_UNSEEN not in {f.code for f in result.findings}
    assert result.hosts[0].last_seen == NOW


@pytest.mark.parametrize(
    ("view", "hosts", "state", "of_host"),
    [
        (cluster(NEW), 1, HostState.IN_SYNC, HostState.IN_SYNC),
        (cluster(None), 1, HostState.NO_IMAGE, HostState.NO_IMAGE),
        (cluster(NEW, mode=DENIED, image=DENIED), 1, HostState.UNKNOWN, HostState.UNKNOWN),
        (cluster(NEW, image=DENIED), 0, HostState.UNKNOWN, None),
        (cluster(NEW), 0, HostState.IN_SYNC, None),
        (cluster(None), 0, HostState.IN_SYNC, None),
    ],
)
def test_a_cluster_is_known_by_its_image_and_hosts(
    view: ClusterView, hosts: int, state: HostState, of_host: HostState | None
) -> None:
    beside = listed("z", NEW, "")  # a stand-alone host has no image
    result = judge(estate((view,), (*[listed("a", NEW)][:hosts], beside), (says("a", NEW), says("z", NEW))[1 - hosts :]))
    assert [row.state for row in result.clusters] == [state]
    rows = {row.name: row.state for row in result.hosts}
    assert rows == ({"a": of_host} if of_host else {}) | {"z": HostState.NO_IMAGE}


def test_vcenters_status_of_a_host_is_shown_verbatim() -> None:
    verdict = replace(scan("NON_COMPLIANT", OLD, NEW, "a", ago(1)), unavailable_hosts=("id-b",))
    hosts = tuple(listed(name, NEW) for name in "abc")
    result = judge(estate((cluster(NEW, compliance=Read(verdict)),), hosts, tuple(says(name, OLD) for name in "abc")))
    assert {row.name: row.vendor_status for row in result.hosts} == {"a": "NON_COMPLIANT", "b": "UNAVAILABLE", "c": ""}


@pytest.mark.parametrize(("name", "note"), [("", ""), ("vc", "listed in no inventory")])
def test_a_host_that_only_the_configuration_names_is_a_row(name: str, note: str) -> None:
    view = replace(STEADY, hosts=(*STEADY.hosts, replace(says("x", NEW), vcenter=name)))
    row = next(row for row in judge(view).hosts if row.name == "x")
    assert (row.state, row.note, row.listed) == (HostState.NO_IMAGE, note, False)


def test_a_host_that_moved_is_told_with_the_vcenters_that_list_it() -> None:
    def other(name: str, *hosts: str) -> VCenterView:
        names = tuple(listed(host, NEW, "") for host in hosts)
        return replace(STEADY.vcenters[0], name=name, clusters=Read(()), hosts=Read(names))

    views = (*STEADY.vcenters, other("there", "GONE."), other("elsewhere", "somebody"))
    result = judge(replace(STEADY, vcenters=views), past((image(NEW), COMMIT_5), hosts=("a", "b", "gone")))
    [found] = [f for f in result.findings if f.code is Code.HOST_VANISHED]
    assert [line.split()[1] for line in found.evidence if "lists a host of this name" in line] == ["there"]


def test_a_part_of_a_composite_image_that_is_not_known_is_told_with_its_hosts() -> None:
    spec = json.dumps({"base_image": {"version": NEW}, "alternative_images": {"gpu": {"base_image": {"version": NEW}}}})
    wanted: DesiredImage = replace(image(NEW), alternatives=("gpu",), spec=spec)
    view = replace(cluster(NEW), image=Read(wanted))
    [(_, lines)] = incomplete(judge(estate((view,), (listed("a", NEW),), (says("a", NEW),))))
    assert lines == ("add-on: which of the alternative images is the host's is not known (1 host)",)
