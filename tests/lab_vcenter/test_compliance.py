"""The rules of vLCM's compliance, on values alone."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.lab.hosts.images import LabAddOn, LabComponent, add_ons, catalogue, make_image
from auditor.lab.vcenter.compliance import ScanResult, scan_host, user_components
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot, version_key
from tests.lab_vcenter.conftest import NEW, OLD

TOOL = LabComponent("extra-tool", "1.2-3", "Extra tool", "1.2", "Lab")
NEWER_TOOL = LabComponent("extra-tool", "1.10-1", "Extra tool", "1.10", "Lab")


@pytest.fixture
def depot() -> LabDepot:
    made = LabDepot()
    made.add_base_image(OLD)
    made.add_base_image(NEW)
    for add_on in add_ons():
        made.add_add_on(add_on)
    made.add_component(TOOL)
    made.add_component(NEWER_TOOL)
    return made


def key(add_on: LabAddOn) -> tuple[str, str]:
    return add_on.name, add_on.version


def test_the_same_image_is_compliant_in_every_layer(depot: LabDepot) -> None:
    add_on = add_ons()[0]
    software = DesiredSoftware(OLD, key(add_on), (("extra-tool", "1.2-3"),))
    found = scan_host(software, depot, depot.compose(software))
    assert (found.status, found.impact) == ("COMPLIANT", "NO_IMPACT")
    assert {each.status for each in found.components.values()} == {"COMPLIANT"}
    assert found.components["extra-tool"].current_source == "USER"
    assert found.components[add_on.components[0].name].target_source == "ADD_ON"


@pytest.mark.parametrize(
    ("host", "wanted", "status", "impact"),
    [(OLD, NEW, "NON_COMPLIANT", "REBOOT_REQUIRED"), (NEW, OLD, "INCOMPATIBLE", "UNKNOWN")],
)
def test_direction_decides(depot: LabDepot, host: str, wanted: str, status: str, impact: str) -> None:
    found = scan_host(DesiredSoftware(wanted), depot, make_image(host))
    assert (found.base_status, found.status, found.impact) == (status, status, impact)


def test_a_missing_and_an_extra_component_are_not_compliant(depot: LabDepot) -> None:
    missing = scan_host(DesiredSoftware(OLD, components=(("extra-tool", "1.2-3"),)), depot, make_image(OLD))
    extra = scan_host(DesiredSoftware(OLD), depot, make_image(OLD, None, (TOOL,)))
    one, other = missing.components["extra-tool"], extra.components["extra-tool"]
    assert (one.status, one.current, one.target, one.target_source) == ("NON_COMPLIANT", None, "1.2-3", "USER")
    assert (other.status, other.current, other.target, other.current_source) == ("NON_COMPLIANT", "1.2-3", None, "USER")
    assert missing.status == extra.status == "NON_COMPLIANT"
    assert missing.base_status == extra.base_status == "COMPLIANT"


def test_a_newer_component_on_the_host_is_incompatible(depot: LabDepot) -> None:
    software = DesiredSoftware(OLD, components=(("extra-tool", "1.2-3"),))
    found = scan_host(software, depot, make_image(OLD, None, (NEWER_TOOL,)))
    assert found.components["extra-tool"].status == found.status == "INCOMPATIBLE"


def test_add_ons(depot: LabDepot) -> None:
    add_on = add_ons()[0]
    on_host, bare = make_image(OLD, add_on), make_image(OLD)
    assert scan_host(DesiredSoftware(OLD), depot, on_host).add_on_status == "NON_COMPLIANT"
    assert scan_host(DesiredSoftware(OLD, key(add_on)), depot, bare).add_on_status == "NON_COMPLIANT"
    older = DesiredSoftware(OLD, (add_on.name, "0.0.1"))
    assert scan_host(older, depot, on_host).add_on_status == "INCOMPATIBLE"


def test_without_the_base_image_in_the_depot_no_component_is_called_extra(depot: LabDepot) -> None:
    depot.remove_base_image(OLD)
    found = scan_host(DesiredSoftware(OLD), depot, make_image(OLD))
    assert (found.status, found.components) == ("COMPLIANT", {})


def test_an_installed_image_is_taken_apart(depot: LabDepot) -> None:
    image = make_image(NEW, add_ons()[0], (TOOL,))
    assert user_components(image) == {"extra-tool": "1.2-3"}
    assert user_components(make_image(NEW)) == {}


def scan(hosts: dict[str, str], unavailable: set[str], depot: LabDepot) -> ScanResult:
    found = {moid: scan_host(DesiredSoftware(OLD), depot, make_image(version)) for moid, version in hosts.items()}
    return ScanResult(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "1", DesiredSoftware(OLD), found, frozenset(unavailable))


def test_the_cluster_is_as_bad_as_its_worst_host(depot: LabDepot) -> None:
    assert scan({"a": OLD}, set(), depot).status == "COMPLIANT"
    assert scan({"a": OLD}, {"b"}, depot).status == "UNAVAILABLE"
    assert scan({"a": OLD, "c": NEW}, {"b"}, depot).status == "INCOMPATIBLE"
    assert scan({}, set(), depot).status == "COMPLIANT"


@given(st.dictionaries(st.text(max_size=3), st.sampled_from([OLD, NEW])), st.sets(st.text(max_size=3)))
def test_every_host_is_in_exactly_one_list(hosts: dict[str, str], away: set[str]) -> None:
    depot = LabDepot()
    depot.add_base_image(OLD)
    result = scan(hosts, away - hosts.keys(), depot)
    lists = [result.host_ids(s) for s in ("COMPLIANT", "NON_COMPLIANT", "INCOMPATIBLE", "UNAVAILABLE")]
    assert sorted(each for found in lists for each in found) == sorted(hosts.keys() | away)


def test_the_order_of_versions_is_the_published_one() -> None:
    by_line: dict[str, list[str]] = {}
    for version in catalogue():
        by_line.setdefault(version[:5], []).append(version)
    for versions in by_line.values():
        assert sorted(versions, key=version_key) == versions
    assert version_key("8.0.3-0.102.1") > version_key("8.0.3-0.79.2")
    assert version_key("803.24414501-A03") > version_key("803.24280767-A02")
