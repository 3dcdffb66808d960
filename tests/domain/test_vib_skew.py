"""``vib-skew``: which differences of VIBs are told, how loudly, and as what; each rule with its twin that must stay silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.domain.accepted import Acceptance
from auditor.domain.assess import assess
from auditor.domain.assessment import Assessment, Layer, Verdict
from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.image import AddOn, Component, DesiredImage, Product, Solution, Vib
from auditor.domain.observation import (
    Estate,
    HostObservation,
    Read,
    Reason,
    Route,
    Unread,
)
from auditor.domain.past import Past
from tests.domain.estates import NEW, NOW, OLD, cluster, estate, image, listed, says
from tests.domain.judging import TABLE

DAY, LATER, EARLIER = "2026-03-01", "2026-03-09", "2025-12-01"
BASE = Vib("esx-base", NEW, "VMware", "VMwareCertified", DAY)
DRIVER = Vib("ntg3", "4.1.15.0-4vmw.803.0.70.24674464", "VMW", "VMwareCertified", DAY)
LIVE = Vib("net-agent", "1.0-1OEM.800.1.0.20613240", "LAB", "PartnerSupported", LATER)
FDM = Vib("vmware-fdm", "8.0.3-24674346", "VMware", "VMwareCertified", LATER)
HA = Solution("com.vmware.vsphere-ha", "8.0.3-24674346", (Component("vsphere-ha", ""),))
DELL = AddOn("DEL-ESXi", "803.24414501-A03")
DELL_R750, HPE = "Dell Inc. PowerEdge R750", "HPE ProLiant DL380 Gen11"
KINDS = {"a": DELL_R750, "b": HPE, "c": HPE}


def host(name: str, *vibs: Vib, text: str = NEW, **more: Any) -> HostObservation:
    return says(name, text, vibs=Read((BASE, DRIVER, *vibs)), **more)


def swapped(vib: Vib, version: str, **more: Any) -> Vib:
    return replace(vib, version=version, **more)


def judged(
    *hosts: HostObservation, accepted: tuple[Acceptance, ...] = (), before: Past | None = None, **more: Any
) -> Assessment:
    names = list(dict.fromkeys(h.host for h in hosts))
    hardware, maintenance = more.pop("hardware", {}), more.pop("maintenance", ())
    shown = tuple(replace(listed(n, NEW), hardware=hardware.get(n, ""), in_maintenance_mode=n in maintenance) for n in names)
    baselines = more.pop("baselines", False)
    view = estate((cluster(None if baselines else NEW, **more),), shown, hosts, add_ons=((DELL.name, DELL.version),))
    return assess(view, before or Past(), TABLE, accepted=accepted)


def skews(result: Assessment) -> list[Finding]:
    return [f for f in result.findings if f.code is Code.VIB_SKEW]


def skew(result: Assessment, severity: Severity = Severity.WARNING) -> Finding:
    [finding] = skews(result)
    assert finding.severity is severity, finding
    return finding


def test_a_live_vib_on_one_of_three_hosts_is_drift_with_vib_and_host_named() -> None:
    result = judged(host("a", LIVE), host("b"), host("c"))
    finding = skew(result)
    assert result.verdict is Verdict.DRIFT
    assert finding.hosts == ("a",)
    [line] = finding.evidence
    assert line.startswith(f"extra: net-agent: {LIVE.version} (PartnerSupported; installed {LATER}; likely installed live")
    assert line.endswith("on a; none on 2 of 3 hosts")
    assert "KB 316592" in finding.rests_on


NTG3 = Component("Broadcom-ntg3", "4.1.15.0-4vmw")


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_vib_that_every_host_has_beside_the_image_is_a_notice(names: str) -> None:
    hosts = [host(name, LIVE, components=Read((NTG3,))) for name in names]
    result = judged(*hosts)
    finding = skew(result, Severity.NOTICE)
    assert (finding.hosts, result.verdict) == (tuple(names), Verdict.IN_SYNC)
    [line] = finding.evidence
    assert line.startswith(f"beside the image: net-agent: {LIVE.version} (PartnerSupported; installed after the image of {DAY}")
    assert finding.summary.startswith("VIBs differ from the image:")


@pytest.mark.parametrize(
    "seen",
    [
        host("a", replace(LIVE, install_date=DAY), components=Read((NTG3,))),
        host("a", replace(LIVE, install_date=""), components=Read((NTG3,))),
        host("a", LIVE, components=Read((NTG3, Component("LAB-agent", "1.0-1OEM")))),
        host("a", LIVE, components=Unread(Reason.FAILED, "x")),
        host("a", replace(LIVE, platforms="DPU"), components=Read((NTG3,))),
        host("a", FDM, components=Read((NTG3,))),
    ],
    ids=["of the image's day", "no date", "its component is there", "components unread", "a DPU's", "a solution's agent"],
)
def test_a_vib_that_something_explains_is_not(seen: HostObservation) -> None:
    assert skews(judged(seen, image=Read(image(NEW, solutions=(HA,))))) == []


def test_equal_vibs_are_no_finding_whatever_their_dates_levels_and_vendors() -> None:
    other = [replace(v, install_date=LATER, acceptance_level="vmware_certified", vendor="VMWare") for v in (BASE, DRIVER, LIVE)]
    result = judged(host("a", LIVE), says("b", NEW, vibs=Read(tuple(other))), host("c", LIVE))
    assert (result.findings, result.verdict) == ((), Verdict.IN_SYNC)


def test_a_missing_vib_is_told_with_what_the_others_have() -> None:
    finding = skew(judged(host("a"), host("b", LIVE), host("c", LIVE)))
    assert finding.hosts == ("a",)
    assert finding.evidence == (f"missing: net-agent: none on a; {LIVE.version} on 2 of 3 hosts",)


def test_another_version_is_told_with_the_usual_one() -> None:
    mine = swapped(DRIVER, "4.1.20.0-1OEM.803.0.0.24022510", install_date=DAY)
    finding = skew(judged(says("a", NEW, vibs=Read((BASE, mine))), host("b"), host("c")))
    [line] = finding.evidence
    assert line.startswith(f"different: ntg3: {mine.version} (VMwareCertified; installed {DAY}; likely an async driver")
    assert line.endswith(f"on a; {DRIVER.version} on 2 of 3 hosts")


@pytest.mark.parametrize("count", [1, 2])
def test_without_a_majority_all_sides_are_told(count: int) -> None:
    with_it = [host(f"a{n}", LIVE) for n in range(count)]
    without = [host(f"b{n}") for n in range(count)]
    finding = skew(judged(*with_it, *without))
    assert len(finding.hosts) == 2 * count
    [line] = finding.evidence
    assert line.startswith("differs: net-agent: 1.0-1OEM")
    assert f"on {', '.join(h.host for h in with_it)}; none on {', '.join(h.host for h in without)}" in line


def test_three_hosts_with_three_versions_have_no_usual_one() -> None:
    finding = skew(judged(*(host(n, swapped(LIVE, f"{i}.0-1")) for i, n in enumerate("abc"))))
    assert finding.hosts == ("a", "b", "c")
    assert all(f"{i}.0-1" in finding.evidence[0] for i in range(3))


def test_more_than_half_is_usual_and_a_half_is_not() -> None:
    versions = [swapped(LIVE, v) for v in ("1", "1", "2", "3")]
    told = skew(judged(*(host(n, vib) for n, vib in zip("abcd", versions, strict=True))))
    assert told.hosts == ("a", "b", "c", "d")
    told = skew(judged(*(host(n, vib) for n, vib in zip("abcde", [versions[0], *versions], strict=True))))
    assert told.hosts == ("d", "e")


def test_one_host_alone_has_no_peers() -> None:
    assert not judged(host("a", LIVE)).findings


@pytest.mark.parametrize(
    "peer",
    [
        host("b", text=OLD),
        host("b", add_on=DELL),
        host("b", add_on=AddOn(DELL.name, "803.24280767-A02")),
        replace(host("b"), add_on=Unread(Reason.FAILED, "x")),
        replace(host("b"), vibs=Unread(Reason.TIMED_OUT, "x")),
        replace(host("b"), base_image=Unread(Reason.FAILED, "x"), product=Unread(Reason.FAILED, "x")),
    ],
    ids=["base-image", "add-on", "add-on-version", "add-on-unread", "vibs-unread", "image-unread"],
)
def test_hosts_of_unequal_or_unknown_images_are_not_compared(peer: HostObservation) -> None:
    assert not skews(judged(host("a", LIVE), peer))
    assert skews(judged(host("a", LIVE), host("b")))


def test_hosts_from_before_base_images_are_compared_by_their_build() -> None:
    def old(name: str, *vibs: Vib, build: str = "15160138") -> HostObservation:
        lacks = Unread(Reason.NOT_SUPPORTED, "Unknown command")
        plain = says(name, NEW, base_image=lacks, components=lacks, vibs=Read((BASE, *vibs)))
        return replace(plain, product=Read(Product("6.7.0", build)), add_on=lacks)

    assert skews(judged(old("a", LIVE), old("b"), baselines=True))
    assert not skews(judged(old("a", LIVE), old("b", build="15160139"), baselines=True))


def test_a_difference_on_several_hosts_and_one_of_several_vibs_are_told_once() -> None:
    more = [replace(LIVE, name=f"agent-{n}") for n in range(7)]
    finding = skew(judged(host("a", *more), host("b", *more), host("c"), host("d"), host("e")))
    [line] = finding.evidence
    assert line.startswith("extra: agent-0, agent-1, agent-2, agent-3, agent-4 and 2 more: 1.0-1OEM")
    assert "on a, b; none on 3 of 5 hosts" in line
    assert "7 VIBs on 2 of 5 hosts" in finding.summary


def test_evidence_is_bounded() -> None:
    many = [Vib(f"agent-{n:03}", f"{n}.0", "X") for n in range(200)]
    finding = skew(judged(host("a", *many), host("b"), host("c")))
    assert len(finding.evidence) == 11
    assert finding.evidence[-1] == "and 190 more differences"


class TestRoutes:
    def test_hosts_are_compared_by_a_route_that_read_them_all(self) -> None:
        """esxcli may list what vCenter does not."""
        vcenter = [host(n, route=Route.VCENTER) for n in "abc"]
        assert not judged(host("a", LIVE), *vcenter).findings

    def test_dates_come_from_the_route_that_has_them(self) -> None:
        undated = replace(LIVE, install_date="")
        vcenter = [host("a", undated, route=Route.VCENTER), *(host(n, route=Route.VCENTER) for n in "bc")]
        assert f"installed {LATER}" in skew(judged(host("a", LIVE), *vcenter)).evidence[0]

    def test_without_a_common_route_each_host_is_taken_by_its_best(self) -> None:
        assert skew(judged(host("a", LIVE), host("b", route=Route.VCENTER), host("c", route=Route.VCENTER))).hosts == ("a",)


class TestDpu:
    @pytest.mark.parametrize("platforms", ["host", "", "host, dpu"])
    def test_a_hosts_own_vib_counts(self, platforms: str) -> None:
        assert skews(judged(host("a", replace(LIVE, platforms=platforms)), host("b"), host("c")))

    def test_a_dpus_vib_is_on_hosts_with_a_dpu(self) -> None:
        assert not judged(host("a", replace(LIVE, platforms="dpu")), host("b"), host("c")).findings


class TestLayers:
    """What a layer's difference says is not told twice."""

    def view(self, versions: dict[str, str], wanted: str, accepted: tuple[Acceptance, ...] = ()) -> Assessment:
        hosts = [host(n, swapped(LIVE, v), components=Read((Component("Agent", v),))) for n, v in versions.items()]
        return judged(*hosts, image=Read(image(NEW, components={"Agent": wanted})), accepted=accepted)

    def test_a_component_that_differs_speaks_for_its_vib(self) -> None:
        result = self.view({"a": "2.0", "b": "1.0", "c": "1.0"}, "1.0")
        assert [f.code for f in result.findings] == [Code.HOST_DIVERGED]

    def test_the_host_that_has_the_images_version_is_not_the_odd_one(self) -> None:
        result = self.view({"a": "2.0", "b": "2.0", "c": "1.0"}, "1.0")
        assert [(f.code, f.hosts) for f in result.findings] == [(Code.HOST_DIVERGED, ("a", "b"))]

    def test_an_accepted_component_is_accepted_with_its_vib(self) -> None:
        entry = Acceptance("vc", "prod", Layer.COMPONENT, "Agent", "2.0", "x", "T", NOW + timedelta(days=1), "a")
        assert not self.view({"a": "2.0", "b": "1.0", "c": "1.0"}, "1.0", (entry,)).findings

    def test_a_component_that_is_missing_speaks_for_its_vib(self) -> None:
        told = [host(n, swapped(LIVE, "1.0"), components=Read((Component("Agent", "1.0"),))) for n in "ab"]
        result = judged(*told, host("c"), image=Read(image(NEW, components={"Agent": "1.0"})))
        assert [f.code for f in result.findings] == [Code.HOST_BEHIND]

    def test_a_solution_that_is_missing_does_not_speak_for_other_vibs(self) -> None:
        hosts = [host(n, LIVE, components=Read((Component("vsphere-ha", "1"),))) for n in "bc"]
        result = judged(host("a"), *hosts, image=Read(image(NEW, solutions=(HA,))))
        assert {f.code for f in result.findings} == {Code.HOST_BEHIND, Code.VIB_SKEW}

    def test_another_vib_of_that_host_is_told(self) -> None:
        hosts = [host(n, swapped(LIVE, v), components=Read((Component("Agent", v),))) for n, v in (("b", "1.0"), ("c", "1.0"))]
        odd = host("a", swapped(LIVE, "2.0"), replace(LIVE, name="other"), components=Read((Component("Agent", "2.0"),)))
        result = judged(odd, *hosts, image=Read(image(NEW, components={"Agent": "1.0"})))
        assert skew(result).evidence[0].startswith("extra: other")
        assert len(skew(result).evidence) == 1


class TestParts:
    ALTERNATIVE = (
        '{"base_image":{"version":"%s"},"alternative_images":{"gpu":{"display_name":"GPU",'
        '"selection_criteria":{"selection_type":"HOST_UUID","host_uuids":["%s"]}}}}'
    )

    def view(self, uuid: str, *hosts: HostObservation) -> Assessment:
        wanted = DesiredImage(image(NEW).base_image, alternatives=("GPU",), spec=self.ALTERNATIVE % (NEW, "u-a"))
        shown = tuple(replace(listed(h.host, NEW), uuid=f"u-{h.host}" if uuid else "") for h in hosts)
        return assess(estate((cluster(NEW, image=Read(wanted)),), shown, hosts), Past(), TABLE)

    def test_only_hosts_of_one_part_are_compared(self) -> None:
        assert not skews(self.view("known", host("a", LIVE), host("b"), host("c")))
        assert skew(self.view("known", host("a"), host("b", LIVE), host("c"), host("d"))).hosts == ("b",)

    def test_hosts_whose_part_is_not_known_are_not(self) -> None:
        assert not skews(self.view("", host("a", LIVE), host("b"), host("c")))


class TestHardware:
    def test_on_baselines_different_hardware_is_a_notice(self) -> None:
        result = judged(host("a", LIVE), host("b"), host("c"), baselines=True, hardware=KINDS)
        finding = skew(result, Severity.NOTICE)
        assert result.verdict is Verdict.IN_SYNC
        assert finding.evidence == (f"by hardware: net-agent: {LIVE.version} on {DELL_R750} (a); none on {HPE} (b, c)",)

    def test_on_baselines_equal_hardware_is_drift(self) -> None:
        result = judged(host("a", LIVE), host("b"), host("c"), baselines=True, hardware=dict.fromkeys("abc", HPE))
        assert skew(result).hosts == ("a",)

    def test_on_baselines_hosts_of_one_hardware_are_compared_with_one_another(self) -> None:
        kinds = {**KINDS, "d": HPE}
        result = judged(host("a"), host("b", LIVE), host("c"), host("d"), baselines=True, hardware=kinds)
        assert skew(result).evidence[0].endswith("on b; none on 2 of 3 hosts")

    def test_an_image_is_the_same_on_all_hardware(self) -> None:
        assert skew(judged(host("a", LIVE), host("b"), host("c"), hardware=KINDS)).hosts == ("a",)

    def test_equal_vibs_on_different_hardware_are_nothing(self) -> None:
        assert not judged(host("a"), host("b"), host("c"), baselines=True, hardware=KINDS).findings


class TestAccepted:
    ENTRY = Acceptance("vc", "prod", Layer.VIB, LIVE.name, LIVE.version, "net team", "CHG-1", NOW + timedelta(days=3), "a")

    def test_an_accepted_vib_is_no_finding_and_is_listed(self) -> None:
        result = judged(host("a", LIVE), host("b"), host("c"), accepted=(self.ENTRY,))
        assert (result.findings, result.verdict) == ((), Verdict.IN_SYNC)
        assert [(row.state.value, row.hosts) for row in result.accepted] == [("in-force", ("a",))]

    def test_with_two_hosts_one_side_is_enough(self) -> None:
        assert not judged(host("a", LIVE), host("b"), accepted=(self.ENTRY,)).findings

    def test_what_a_host_lacks_has_no_version(self) -> None:
        entry = replace(self.ENTRY, version="")
        assert not judged(host("a"), host("b", LIVE), host("c", LIVE), accepted=(entry,)).findings

    @pytest.mark.parametrize("change", [{"host": "b"}, {"version": "1.0"}, {"name": "net"}, {"layer": Layer.COMPONENT}])
    def test_nothing_but_an_exact_match(self, change: dict[str, Any]) -> None:
        result = judged(host("a", LIVE), host("b"), host("c"), accepted=(replace(self.ENTRY, **change),))
        assert skew(result).hosts == ("a",)
        assert result.accepted[0].state.value == "unused"

    def test_an_acceptance_that_ended_is_said(self) -> None:
        entry = replace(self.ENTRY, expires=NOW)
        line = skew(judged(host("a", LIVE), host("b"), host("c"), accepted=(entry,))).evidence[0]
        assert line.endswith("none on 2 of 3 hosts; acceptance by net team (CHG-1) ended 2026-03-10")


def test_stand_alone_hosts_have_no_peers() -> None:
    shown = tuple(listed(n, NEW, cluster="") for n in "abc")
    view: Estate = estate((), shown, (host("a", LIVE), host("b"), host("c")))
    assert not skews(assess(view, Past(), TABLE))
