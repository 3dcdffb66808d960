"""What stands behind a VIB that not all hosts have: a solution's agent on its way, or what the facts of the host show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auditor.domain.assessment import Assessment
from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.image import Component, Solution, Vib
from auditor.domain.observation import ClusterVerdict, ElementVerdict, HostObservation, HostVerdict, Read
from auditor.domain.past import Past, PastMarks
from tests.domain.estates import NEW, ago, image, marks, past, says
from tests.domain.judging import COMMIT_5
from tests.domain.test_vib_skew import BASE, DAY, DRIVER, EARLIER, FDM, HA, LATER, LIVE, host, judged, skew, skews, swapped


class TestAgents:
    OLDER = swapped(FDM, "8.0.2-22617221")

    def view(self, *hosts: HostObservation, **more: Any) -> Assessment:
        return judged(*hosts, image=Read(image(NEW, solutions=(HA,))), **more)

    def known_by_scan(self) -> Read[ClusterVerdict]:
        element = ElementVerdict("NON_COMPLIANT", current=self.OLDER.version, target=FDM.version)
        verdict = HostVerdict("id-a", "NON_COMPLIANT", solutions=((HA.name, element),))
        return Read(ClusterVerdict("NON_COMPLIANT", ago(1), "5", hosts=(verdict,)))

    def agents(self, odd: Vib) -> list[HostObservation]:
        has = Read((Component("vsphere-ha", FDM.version),))
        return [host("a", odd, components=has), host("b", FDM, components=has), host("c", FDM, components=has)]

    def test_two_versions_that_vcenter_knows_are_a_rollout(self) -> None:
        told = [
            f for f in self.view(*self.agents(self.OLDER), compliance=self.known_by_scan()).findings if f.code is Code.VIB_SKEW
        ]
        assert [f.severity for f in told] == [Severity.NOTICE]
        assert "while an agent is rolled out" in told[0].summary
        assert "the agent of vSphere HA" in told[0].evidence[0]

    def test_the_older_one_may_be_known_from_the_image_before(self) -> None:
        before = past((image(NEW, solutions=(replace(HA, version=self.OLDER.version),)), COMMIT_5), (image(NEW), COMMIT_5))
        assert skews(self.view(*self.agents(self.OLDER), before=before))[0].severity is Severity.NOTICE

    def test_or_from_the_vcenter_of_before_whose_version_the_agent_has(self) -> None:
        old = PastMarks("vc", ago(1), marks(4000, "8.0.2", "22617221"))
        result = judged(*self.agents(self.OLDER), baselines=True, before=Past(runs=1, newest_run=ago(1), marks=(old,)))
        assert skew(result, Severity.NOTICE).hosts == ("a",)

    def test_a_version_that_vcenter_does_not_know_is_drift(self) -> None:
        assert (
            skews(self.view(*self.agents(swapped(FDM, "7.0.3-1")), compliance=self.known_by_scan()))[0].severity
            is Severity.WARNING
        )

    def test_nor_is_one_known_version_enough(self) -> None:
        hosts = (host("a", swapped(FDM, "7.0.3-1")), host("b", FDM), host("c", FDM))
        assert skew(judged(*hosts, baselines=True)).hosts == ("a",)

    def nsx(self, *known: str) -> Finding:
        """Hosts whose VIBs have builds of their own; vCenter knows the versions of the components."""
        agent, part = Vib("nsx-host", "4.2.1-900"), "nsx-bundle"
        hosts = [host(n, agent, components=Read((Component(part, "4.2.1-800"),))) for n in "bc"]
        odd = host("a", swapped(agent, "4.1.2-600"), components=Read((Component(part, "4.1.2-500"),)))
        parts = tuple(Solution(f"com.vmware.nsxt{n}", v, (Component(part, ""),)) for n, v in enumerate(known))
        told = skews(judged(odd, *hosts, image=Read(image(NEW, solutions=(HA, *parts)))))
        assert told[0].hosts == ("a",)
        return told[0]

    def test_the_hosts_components_tell_the_solutions_version(self) -> None:
        assert self.nsx("4.2.1-800", "4.1.2-500").severity is Severity.NOTICE
        assert self.nsx("4.2.1-800").severity is Severity.WARNING

    def test_a_solution_that_is_half_rolled_out_is_told_by_its_layer_alone(self) -> None:
        solution = Solution("com.vmware.nsxt", "4.2.1-800", (Component("nsx-bundle", ""),))
        vibs = (Vib("nsx-host", "4.2.1-900"), Vib("nsx-exporter", "4.2.1-900"))
        done = host("a", *vibs, components=Read((Component("nsx-bundle", "4.2.1-800"),)))
        wanted = Read(image(NEW, solutions=(solution,)))
        result = judged(done, host("b"), host("c"), image=wanted)
        assert {f.code.value for f in result.findings} == {"host-behind"}
        # The twin: the component is everywhere, and the VIBs are not.
        had = [host(n, components=Read((Component("nsx-bundle", "4.2.1-800"),))) for n in "bc"]
        assert skew(judged(done, *had, image=wanted)).hosts == ("a",)

    def test_versions_of_another_solution_say_nothing(self) -> None:
        other = Solution("com.vmware.other", self.OLDER.version, (Component("other", ""),))
        told = skews(judged(*self.agents(self.OLDER), image=Read(image(NEW, solutions=(HA, other)))))
        assert [f.severity for f in told] == [Severity.WARNING]

    def test_three_versions_are_no_rollout(self) -> None:
        hosts = [*self.agents(self.OLDER), *self.agents(swapped(FDM, "7.0.3-1"))[:1]]
        hosts[-1] = replace(hosts[-1], host="d")
        assert skews(self.view(*hosts, compliance=self.known_by_scan()))[0].severity is Severity.WARNING

    @pytest.mark.parametrize(("maintenance", "severity"), [(("a",), Severity.NOTICE), ((), Severity.WARNING)])
    def test_an_agent_waits_for_a_host_in_maintenance_mode(self, maintenance: tuple[str, ...], severity: Severity) -> None:
        result = judged(host("a"), host("b", FDM), host("c", FDM), maintenance=maintenance)
        assert skew(result, severity).hosts == ("a",)

    def test_an_agent_is_told_by_its_components_version_too(self) -> None:
        hbr = Solution("com.vmware.hbr", "9.0.3-1", (Component("hbr-agent-bundle", ""),))
        agent = Vib("hbr-agent", "9.0.3-1")
        has = Read((Component("hbr-agent-bundle", "9.0.3-1"),))
        hosts = [host("a", agent, components=has), host("b", agent, components=has), host("c", components=has)]
        told = skews(judged(*hosts, image=Read(image(NEW, solutions=(hbr,))), maintenance=("c",)))
        assert [f.severity for f in told] == [Severity.NOTICE]

    def test_other_vibs_do_not_wait(self) -> None:
        assert skew(judged(host("a"), host("b", LIVE), host("c", LIVE), maintenance=("a",))).hosts == ("a",)


class TestCauses:
    @pytest.mark.parametrize(
        ("odd", "says_", "page"),
        [
            (LIVE, "likely installed live", "KB 316592"),
            (replace(LIVE, install_date=EARLIER), "likely left over from before the image of 2026-03-01", "KB 320562"),
            (replace(LIVE, install_date=""), "likely a maker's package", "KB 440252"),
            (replace(LIVE, install_date="2001-01-01"), "likely a maker's package", "KB 440252"),
            (FDM, "likely the agent of vSphere HA", "KB 316592"),
            (Vib("nsx-host", "4.1.2.0.0-8.0.22589037"), "likely the agent of NSX", "KB 316592"),
            (Vib("tools-light", "12.5.4.24964629-25066677", install_date=LATER), "likely VMware Tools in /locker", "KB 316592"),
            (Vib("plain", "1.0", install_date=DAY), "(installed 2026-03-01) on a", ""),
        ],
    )
    def test_of_an_extra_one(self, odd: Vib, says_: str, page: str) -> None:
        finding = skew(judged(host("a", odd), host("b"), host("c")))
        assert says_ in finding.evidence[0]
        assert not page or page in finding.rests_on

    def test_the_image_is_as_old_as_its_esx_base(self) -> None:
        older = [replace(DRIVER, name="an-old-one", install_date=EARLIER)]
        hosts = [says(n, NEW, vibs=Read((*older, *vibs, BASE))) for n, vibs in (("a", [LIVE]), ("b", []), ("c", []))]
        assert f"after it (the image is of {DAY})" in skew(judged(*hosts)).evidence[0]

    def test_the_base_images_own_version_under_an_async_driver_is_a_reserved_vib(self) -> None:
        oem = swapped(DRIVER, "4.1.20.0-1OEM.803.0.0.24022510")
        result = judged(host("a"), *(says(n, NEW, vibs=Read((BASE, oem))) for n in "bc"))
        assert "reserved VIB" in skew(result).evidence[0]
        assert "KB 313266" in skew(result).rests_on

    def test_what_the_image_takes_out(self) -> None:
        tools = Vib("tools-light", "12.5.4.24964629-25066677")
        result = judged(host("a", tools), host("b"), host("c"), image=Read(image(NEW, removed_components=("VMware-VM-Tools",))))
        assert "was removed from the image" in skew(result).evidence[0]
        assert "KB 408847" in skew(result).rests_on

    def test_the_component_is_named(self) -> None:
        result = judged(host("a", LIVE, components=Read((Component("Net-Agent", LIVE.version),))), host("b"), host("c"))
        assert "component Net-Agent" in skew(result).evidence[0]
