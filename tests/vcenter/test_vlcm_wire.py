"""vLCM answers typed from the vendor's documentation and recorded by others, through the whole client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.image import AddOn, BaseImage, DesiredImage, ManagementMode
from auditor.domain.observation import ClusterVerdict, Read, Reason, Unread
from auditor.domain.versions import BaseImageVersion
from auditor.vcenter.faults import attempt
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.vapi import VapiSession
from auditor.vcenter.vlcm import Vlcm, scanned_for
from tests.vcenter import dump
from tests.vcenter.servers import Certificate, JsonRpc, error, serving

PREFIX = "com.vmware.esx.settings.clusters"
ENABLED = (f"{PREFIX}.enablement.software", "get")
SOFTWARE = (f"{PREFIX}.software", "get")
COMPLIANCE = (f"{PREFIX}.software.compliance", "get")
COMMITS = (f"{PREFIX}.software.commits", "get")


@pytest.fixture(scope="module")
def software() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "software-get.8.0.3.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def recorded_scan() -> dict[str, Any]:
    text = (Path(__file__).parent / "data" / "cluster-scan-result.8.0.1.vapi-dump.txt").read_text("utf-8")
    return {"output": dump.wire(dump.parse(text))}


def mode(enabled: bool) -> dict[str, Any]:
    return {"output": {"STRUCTURE": {f"{ENABLED[0]}.info": {"enabled": enabled}}}}


def commits(known: dict[str, str]) -> Any:
    """Commits.get over a table of id to time."""

    def answer(arguments: Any) -> Any:
        (fields,) = arguments["STRUCTURE"].values()
        at = known.get(fields["commit"])
        if at is None:
            return error("not_found", "com.vmware.vcIntegrity.lifecycle.CommitNotFound")
        info = {"author": f"user {fields['commit']}", "commit_time": at, "description": "", "apply_status": "NOT_APPLIED"}
        return {"output": {"STRUCTURE": {"com.vmware.esx.settings.clusters.software.commits.info": info}}}

    return answer


@contextmanager
def talking(certificate: Certificate, results: dict[tuple[str, str], Any], **options: Any) -> Iterator[tuple[Vlcm, JsonRpc]]:
    rpc = JsonRpc(results, **options)
    with serving(certificate, rpc) as server:
        where = Endpoint("vCenter x", "127.0.0.1", "auditor", server.port, certificate.thumbprint, read_timeout=30)
        session = VapiSession(where, lambda: "right")
        session.version = "8.0.3"
        yield Vlcm(session), rpc
        session.close()


def test_desired_image(certificate: Certificate, software: dict[str, Any]) -> None:
    with talking(certificate, {SOFTWARE: software}) as (vlcm, _):
        image = vlcm.image("domain-c1")
    assert image.base_image is not None
    assert image.add_on is not None
    assert (image.base_image.version.raw, image.base_image.display) == ("8.0.3-0.70.24674464", "8.0 U3e - 24674464")
    assert (image.base_image.in_depot, image.add_on.in_depot) == (True, False)
    assert (image.add_on.name, image.add_on.version) == ("DEL-ESXi", "803.24414501-A03")
    assert image.components == {"Broadcom-lpfc": "14.4.0.39-1OEM.803.0.0.23797590"}
    assert [(s.name, s.version, [c.name for c in s.components]) for s in image.solutions] == [
        ("com.vmware.vsphere-ha", "8.0.3-24674346", ["vsphere-fdm"])
    ]
    assert [(h.manager, h.package, h.version) for h in image.hardware_support] == [("com.example.hsm", "firmware", "v42")]
    assert image.removed_components == ("VMware-HostClient",)
    assert json.loads(image.spec) == {
        "base_image": {"version": "8.0.3-0.70.24674464"},
        "add_on": {"name": "DEL-ESXi", "version": "803.24414501-A03"},
        "components": {"Broadcom-lpfc": "14.4.0.39-1OEM.803.0.0.23797590"},
        "solutions": {"com.vmware.vsphere-ha": {"version": "8.0.3-24674346", "components": [{"component": "vsphere-fdm"}]}},
        "hardware_support": {"packages": {"com.example.hsm": {"pkg": "firmware", "version": "v42"}}},
        "removed_components": ["VMware-HostClient"],
    }


def test_the_recorded_scan_of_another_project(certificate: Certificate, recorded_scan: dict[str, Any]) -> None:
    with talking(certificate, {COMPLIANCE: recorded_scan}) as (vlcm, _):
        verdict = vlcm.compliance("domain-c1")
    assert (verdict.status, verdict.commit, verdict.impact) == ("NON_COMPLIANT", "5", "REBOOT_REQUIRED")
    assert verdict.scan_time == datetime(2022, 12, 14, 3, 52, 16, 999000, tzinfo=UTC)
    assert verdict.host_names == (("host-16", "10.10.10.10"),)
    (host,) = verdict.hosts
    assert (host.host, host.status, host.stage_status) == ("host-16", "NON_COMPLIANT", "NOT_STAGED")
    assert host.base_image is not None
    assert host.add_on is not None
    assert (host.base_image.current, host.base_image.current_in_depot) == ("8.0.1-0.0.20764643", True)
    assert (host.add_on.status, host.add_on.current, host.add_on.target) == ("COMPLIANT", None, None)
    ((name, component),) = host.components
    assert (name, component.current, component.target, component.source) == ("test-component-8", None, "2.0-1", "USER")
    assert (component.current_in_depot, component.target_in_depot) == (None, True)


def test_a_status_of_a_later_release_is_kept_as_it_is(certificate: Certificate, recorded_scan: dict[str, Any]) -> None:
    newer = json.loads(json.dumps(recorded_scan).replace("NON_COMPLIANT", "STATUS_OF_TOMORROW"))
    with talking(certificate, {COMPLIANCE: newer}) as (vlcm, _):
        assert vlcm.compliance("domain-c1").status == "STATUS_OF_TOMORROW"


def test_unavailable_hosts_are_counted_apart(certificate: Certificate, recorded_scan: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(recorded_scan))
    fields = changed["output"]["STRUCTURE"]["com.vmware.esx.settings.cluster_compliance"]
    fields["unavailable_hosts"], fields["incompatible_hosts"] = ["host-17"], ["host-18"]
    with talking(certificate, {COMPLIANCE: changed}) as (vlcm, _):
        verdict = vlcm.compliance("domain-c1")
    assert verdict.unavailable_hosts == ("host-17",)
    assert [(host.host, host.status) for host in verdict.hosts] == [("host-16", "NON_COMPLIANT"), ("host-18", "INCOMPATIBLE")]


def test_a_cluster_on_baselines_has_a_mode_and_nothing_else_is_asked(certificate: Certificate) -> None:
    with talking(certificate, {ENABLED: mode(False)}) as (vlcm, rpc):
        view = vlcm.cluster("domain-c1", "one")
    assert view.mode == Read(ManagementMode.BASELINES)
    assert [part.reason for part in (view.image, view.commit, view.compliance) if isinstance(part, Unread)] == [
        Reason.ABSENT
    ] * 3
    assert [call for call in rpc.calls if call[0] != "com.vmware.cis.session"] == [ENABLED]


def test_one_part_that_fails_leaves_the_others(certificate: Certificate, software: dict[str, Any]) -> None:
    results = {
        ENABLED: mode(True),
        SOFTWARE: software,
        COMPLIANCE: error("unauthorized", "com.vmware.vapi.std.authz"),
        COMMITS: commits({"1": "2025-01-01T00:00:00.000Z"}),
    }
    with talking(certificate, results) as (vlcm, _):
        view = vlcm.cluster("domain-c1", "one")
    assert isinstance(view.image, Read)
    assert isinstance(view.commit, Unread)
    assert view.commit.reason is Reason.DENIED
    assert isinstance(view.compliance, Unread)
    assert view.compliance.reason is Reason.DENIED
    assert "VcIntegrity.lifecycleSoftwareSpecification.Read" in view.compliance.detail


@pytest.mark.parametrize(
    ("answer", "reason", "word"),
    [
        (error("not_found", "x.y"), Reason.ABSENT, "no stored scan"),
        (error("service_unavailable", "x.y"), Reason.UNREACHABLE, "ServiceUnavailable"),
        (error("timed_out", "x.y"), Reason.TIMED_OUT, "TimedOut"),
        (error("operation_not_found", "x.y"), Reason.NOT_SUPPORTED, "not in 8.0.3"),
        (error("internal_server_error", "x.y"), Reason.FAILED, "x.y"),
        (error("unauthenticated", "x.y"), Reason.DENIED, "not authenticated"),
        ({"output": {"STRUCTURE": {"com.vmware.esx.settings.cluster_compliance": {}}}}, Reason.UNREADABLE, ""),
        ({"output": {}}, Reason.UNREADABLE, ""),
        ({}, Reason.UNREADABLE, ""),
        (b"{", Reason.UNREADABLE, ""),
        (b"<html>", Reason.UNREADABLE, ""),
        (503, Reason.UNREACHABLE, "503"),
        (500, Reason.FAILED, "500"),
    ],
)
def test_every_bad_answer_is_a_reason(certificate: Certificate, answer: Any, reason: Reason, word: str) -> None:
    with talking(certificate, {COMPLIANCE: answer}) as (vlcm, _):
        found = attempt(lambda: vlcm.compliance("domain-c1"))
    assert isinstance(found, Unread)
    assert found.reason is reason
    assert word in found.detail


def test_a_session_that_ended_is_renewed_once(certificate: Certificate) -> None:
    answers = [error("unauthenticated", "x.y"), mode(True), mode(True)]
    with talking(certificate, {ENABLED: lambda _: answers.pop(0)}) as (vlcm, rpc):
        assert vlcm.mode("domain-c1") is ManagementMode.IMAGE
        assert vlcm.mode("domain-c2") is ManagementMode.IMAGE
    assert rpc.calls.count(("com.vmware.cis.session", "create")) == 2


def test_a_refused_login_is_tried_once_and_holds_no_password(certificate: Certificate) -> None:
    with talking(certificate, {}, session=error("unauthenticated", "x.y")) as (vlcm, rpc):
        found = [attempt(lambda: vlcm.mode("domain-c1")) for _ in range(5)]
    assert all(isinstance(each, Unread) and each.reason is Reason.DENIED for each in found)
    assert "right" not in str(found)
    assert rpc.calls.count(("com.vmware.cis.session", "create")) == 1


def test_too_slow_an_answer_times_out(certificate: Certificate) -> None:
    import threading

    release = threading.Event()
    rpc = JsonRpc({ENABLED: lambda _: release.wait(60) and mode(True)})
    with serving(certificate, rpc) as server:
        where = Endpoint("x", "127.0.0.1", "u", server.port, certificate.thumbprint, read_timeout=0.3)
        session = VapiSession(where, lambda: "p")
        found = attempt(lambda: Vlcm(session).mode("domain-c1"))
        release.set()
        session.close()
    assert isinstance(found, Unread)
    assert found.reason is Reason.TIMED_OUT


def test_what_the_version_lacks_is_not_even_asked(certificate: Certificate) -> None:
    with talking(certificate, {}) as (vlcm, rpc):
        vlcm._session.version = "7.0.1"
        found = attempt(lambda: vlcm.host_software("host-1"))
    assert isinstance(found, Unread)
    assert found.reason is Reason.NOT_SUPPORTED
    assert found.detail.startswith("not in 7.0.1")
    assert rpc.calls == []


class TestCommit:
    """vLCM names no current commit: it is found from the stored scan and by looking above it."""

    @staticmethod
    def view(certificate: Certificate, software: Any, known: dict[str, str], scan: Any, recorded: str = "") -> Any:
        results = {ENABLED: mode(True), SOFTWARE: software, COMMITS: commits(known), COMPLIANCE: scan}
        with talking(certificate, results) as (vlcm, _):
            return vlcm.cluster("domain-c1", "one", recorded).commit

    def test_a_newer_one_than_the_scan_names(self, certificate: Certificate, software: Any, recorded_scan: Any) -> None:
        known = {"5": "2022-12-14T00:00:00.000Z", "6": "2023-01-01T00:00:00.000Z", "28": "2023-02-01T00:00:00.000Z"}
        found = self.view(certificate, software, known, recorded_scan)
        assert isinstance(found, Read)
        assert (found.value.id, found.value.author, found.value.time) == ("28", "user 28", datetime(2023, 2, 1, tzinfo=UTC))

    def test_the_scans_own_one_is_not_believed_for_another_image(
        self, certificate: Certificate, software: Any, recorded_scan: Any
    ) -> None:
        found = self.view(certificate, software, {"5": "2022-12-14T00:00:00.000Z"}, recorded_scan)
        assert isinstance(found, Unread)
        assert found.reason is Reason.ABSENT
        assert "another one since" in found.detail

    @pytest.mark.parametrize(
        ("known", "recorded", "expected"),
        [
            ({"200": "2023-02-01T00:00:00.000Z"}, "200", "200"),  # far above the first ones: found by the record
            ({"200": "2023-02-01T00:00:00.000Z", "210": "2023-02-02T00:00:00.000Z"}, "200", "210"),
            ({"3": "2023-01-01T00:00:00.000Z"}, "200", "3"),  # gone with a restore: looked for as if nothing were recorded
        ],
    )
    def test_the_search_starts_at_the_recorded_one(
        self, certificate: Certificate, software: Any, known: dict[str, str], recorded: str, expected: str
    ) -> None:
        found = self.view(certificate, software, known, error("not_found", "x.y"), recorded)
        assert isinstance(found, Read)
        assert found.value.id == expected

    @pytest.mark.parametrize(
        ("known", "expected"),
        [
            ({"5": "2022-12-14T00:00:00.000Z", "6": "2023-01-01T00:00:00.000Z", "7": "2023-01-02T00:00:00.000Z"}, "7"),
            ({"5": "2022-12-14T00:00:00.000Z"}, "5"),  # 6 is gone with a restore
            ({"5": "2022-12-14T00:00:00.000Z", "6": "2022-12-01T00:00:00.000Z"}, "5"),  # the id stands for an older one
        ],
    )
    def test_an_image_changed_and_changed_back_with_no_scan_between(
        self,
        certificate: Certificate,
        software: Any,
        recorded_scan: Any,
        monkeypatch: pytest.MonkeyPatch,
        known: dict[str, str],
        expected: str,
    ) -> None:
        monkeypatch.setattr("auditor.vcenter.vlcm.scanned_for", lambda image, verdict: True)
        found = self.view(certificate, software, known, recorded_scan, "6")
        assert isinstance(found, Read)
        assert found.value.id == expected

    def test_without_a_scan_the_first_ones_are_tried(self, certificate: Certificate, software: Any) -> None:
        known = {str(number): f"2023-01-{number:02}T00:00:00.000Z" for number in range(1, 11)}
        found = self.view(certificate, software, known, error("not_found", "x.y"))
        assert isinstance(found, Read)
        assert found.value.id == "10"

    def test_none_at_all(self, certificate: Certificate, software: Any) -> None:
        found = self.view(certificate, software, {}, error("not_found", "x.y"))
        assert isinstance(found, Unread)
        assert found.reason is Reason.ABSENT

    def test_too_many_are_not_counted_to_the_end(self, certificate: Certificate, software: Any) -> None:
        known = {str(number): "2023-01-01T00:00:00.000Z" for number in range(1, 300)}
        found = self.view(certificate, software, known, error("not_found", "x.y"))
        assert isinstance(found, Unread)
        assert found.reason is Reason.UNREADABLE


class TestScannedFor:
    """Whether the commit a scan names states the image of now."""

    @pytest.fixture
    def verdict(self, recorded_scan: dict[str, Any], certificate: Certificate) -> ClusterVerdict:
        with talking(certificate, {COMPLIANCE: recorded_scan}) as (vlcm, _):
            return vlcm.compliance("domain-c1")

    @staticmethod
    def image(**other: Any) -> DesiredImage:
        version = BaseImageVersion.parse("8.0.1-0.0.20764643")
        return replace(DesiredImage(BaseImage(version), components={"test-component-8": "2.0-1"}), **other)

    def test_the_same(self, verdict: ClusterVerdict) -> None:
        assert scanned_for(self.image(), verdict) is True

    @pytest.mark.parametrize(
        "other",
        [
            {"base_image": BaseImage(BaseImageVersion.parse("8.0.2-0.0.22380479"))},
            {"add_on": AddOn("DEL-ESXi", "802.22380479-A04")},
            {"components": {}},
            {"components": {"test-component-8": "3.0-1"}},
            {"components": {"test-component-8": "2.0-1", "another": "1.0-1"}},
            {"removed_components": ("test-component-8",)},
        ],
    )
    def test_any_layer_that_differs(self, verdict: ClusterVerdict, other: dict[str, Any]) -> None:
        assert scanned_for(self.image(**other), verdict) is False

    def test_no_host_was_compared(self, verdict: ClusterVerdict) -> None:
        assert scanned_for(self.image(), replace(verdict, hosts=())) is None
