"""Against vcsim, which nobody here wrote: what it has is read right, what it lacks is ``Unread`` with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from auditor.domain.observation import Connection, InventoryHost, Read, Reason, Route, Unread, host_key
from auditor.ports import HostTarget
from auditor.vcenter import inventory
from auditor.vcenter.hostapi import HostApiReader, HostApiSettings
from auditor.vcenter.operations import operations
from auditor.vcenter.reader import VCenterRouteReader
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tls import fetch_thumbprint
from tests.vcenter.conftest import Clock, Silence

pytestmark = pytest.mark.judge("vcsim")


def settings(port: int, **other: object) -> VCenterSettings:
    pin = fetch_thumbprint("127.0.0.1", port)
    return VCenterSettings("site a", "127.0.0.1", "auditor", port, thumbprint=pin, **other)  # type: ignore[arg-type]


@pytest.fixture
def reader(vcsim: int, clock: Clock) -> Iterator[VCenterRouteReader]:
    made = VCenterRouteReader(settings(vcsim), lambda: "right", clock)
    yield made
    made.close()


def test_inventory(reader: VCenterRouteReader, progress: Silence) -> None:
    view = reader.view(progress)
    assert isinstance(view.hosts, Read)
    assert isinstance(view.clusters, Read)
    clusters = {cluster.id: cluster.name for cluster in view.clusters.value}
    assert sorted(clusters.values()) == ["DC0_C0", "DC0_C1"]
    by_cluster: dict[str, list[str]] = {}
    for host in view.hosts.value:
        by_cluster.setdefault(clusters.get(host.cluster, ""), []).append(host.name)
        assert host.connection == Connection.CONNECTED.value
        assert (host.version, host.build, host.power) == ("8.0.2", "21997540", "poweredOn")
        assert (host.in_maintenance_mode, host.reboot_required) == (False, False)
        assert host.boot_time is not None
        assert abs(host.boot_time - datetime.now(UTC)) < timedelta(days=1)
        assert host.uuid
    assert {name: sorted(hosts) for name, hosts in by_cluster.items()} == {
        "": ["DC0_H0"],
        "DC0_C0": ["DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2"],
        "DC0_C1": ["DC0_C1_H0", "DC0_C1_H1", "DC0_C1_H2"],
    }


def test_pages_make_no_difference(reader: VCenterRouteReader, progress: Silence, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reader.view(progress).hosts
    monkeypatch.setattr(inventory, "PAGE", 2)
    assert reader.view(progress).hosts == whole
    names = {operation.name for operation in reader.gate.passed}
    assert "ContinueRetrievePropertiesEx" in names


def test_marks(reader: VCenterRouteReader, progress: Silence, clock: Clock) -> None:
    view = reader.view(progress)
    assert (view.name, view.at) == ("site a", clock.at)
    assert isinstance(view.marks, Read)
    marks = view.marks.value
    assert len(marks.instance_uuid) == 36
    assert (marks.version, marks.build) == ("6.5.0", "5973321")
    assert isinstance(marks.clock, Read)
    assert abs(marks.clock.value - datetime.now(UTC)) < timedelta(minutes=5)
    for missing in (marks.newest_event_key, marks.newest_event_time):  # vcsim leaves latestEvent unset
        assert isinstance(missing, Unread)
        assert missing.reason is Reason.ABSENT


def test_what_vcsim_lacks_is_unread_with_a_reason(reader: VCenterRouteReader, progress: Silence) -> None:
    view = reader.view(progress)
    assert isinstance(view.clusters, Read)
    for cluster in view.clusters.value:
        for part in (cluster.mode, cluster.image, cluster.commit, cluster.compliance):
            assert isinstance(part, Unread)
            assert part.reason is Reason.NOT_SUPPORTED
            assert part.detail
    assert isinstance(view.depot, Unread)
    assert isinstance(view.hosts, Read)
    observed = reader.read_host(view.hosts.value[0])
    assert observed.trouble is None
    assert isinstance(observed.product, Read)
    assert (observed.product.value.version, observed.product.value.build) == ("8.0.2", "21997540")
    assert observed.maintenance_mode == Read(False)
    for reading in (
        observed.profile,
        observed.base_image,
        observed.add_on,
        observed.components,
        observed.vibs,
        observed.staged,
    ):
        assert isinstance(reading, Unread)
        assert reading.detail


def test_only_listed_operations_were_used(reader: VCenterRouteReader, progress: Silence) -> None:
    view = reader.view(progress)
    assert isinstance(view.hosts, Read)
    reader.read_host(view.hosts.value[0])
    used = set(reader.gate.passed)
    assert used <= set(operations().values())
    assert {operation.effect for operation in used} == {"read", "session"}


@pytest.mark.parametrize("state", ["disconnected", "notResponding", ""])
def test_a_host_that_is_not_connected_is_not_observed(reader: VCenterRouteReader, state: str) -> None:
    host = InventoryHost("host-9", "h9", connection=state, version="8.0.2", build="1")
    observed = reader.read_host(host)
    assert observed.trouble is not None
    assert observed.trouble.reason is Reason.NOT_CONNECTED
    assert isinstance(observed.product, Unread)
    assert reader.gate.passed == {}


def test_a_wrong_password_is_denied_once_and_never_shown(vcsim: int, clock: Clock, progress: Silence) -> None:
    asked = []

    def password() -> str:
        asked.append(1)
        return "not-the-one"

    reader = VCenterRouteReader(settings(vcsim), password, clock)
    assert asked == []
    view = reader.view(progress)
    observed = reader.read_host(InventoryHost("host-21", "DC0_H0"))
    reader.close()
    for part in (view.marks, view.clusters, view.hosts, view.depot, observed.trouble):
        assert isinstance(part, Unread)
        assert part.reason is Reason.DENIED
        assert "auditor" in part.detail
    assert asked == [1]
    assert "not-the-one" not in f"{view} {observed} {reader!r}"


def test_a_vcenter_that_is_not_there_is_a_view_of_reasons(clock: Clock, progress: Silence) -> None:
    reader = VCenterRouteReader(VCenterSettings("gone", "127.0.0.1", "u", 1, connect_timeout=1), lambda: "p", clock)
    view = reader.view(progress)
    reader.close()
    for part in (view.marks, view.clusters, view.hosts, view.depot):
        assert isinstance(part, Unread)
        assert part.reason is Reason.UNREACHABLE


def test_a_wrong_certificate_is_a_view_of_reasons(vcsim: int, clock: Clock, progress: Silence) -> None:
    reader = VCenterRouteReader(
        VCenterSettings("x", "127.0.0.1", "auditor", vcsim, thumbprint="00" * 32), lambda: "right", clock
    )
    view = reader.view(progress)
    reader.close()
    for part in (view.marks, view.clusters, view.hosts, view.depot):
        assert isinstance(part, Unread)
        assert part.reason is Reason.CHANGED


def test_names_are_shown_as_people_typed_them() -> None:
    assert inventory.display_name("rack 1%2frow 2 %255c") == "rack 1/row 2 %5c"


def test_a_host_by_itself(vcsim_esx: int, clock: Clock) -> None:
    pin = fetch_thumbprint("127.0.0.1", vcsim_esx)
    reader = HostApiReader(HostApiSettings("auditor", thumbprints={"ESX.example": pin}), lambda: "right", clock)
    observed = reader.read(HostTarget("esx.example", "127.0.0.1", vcsim_esx, "site a"))
    assert (observed.route, observed.vcenter, observed.trouble) == (Route.HOST_API, "site a", None)
    assert isinstance(observed.product, Read)
    assert observed.product.value.version
    assert observed.maintenance_mode == Read(False)
    for reading in (observed.base_image, observed.add_on, observed.components, observed.vibs, observed.staged):
        assert isinstance(reading, Unread)
        assert reading.detail


def test_a_host_without_its_pin_is_not_trusted(vcsim_esx: int, clock: Clock) -> None:
    reader = HostApiReader(HostApiSettings("auditor"), lambda: "right", clock)
    observed = reader.read(HostTarget("esx.example", "127.0.0.1", vcsim_esx))
    assert observed.trouble is not None
    assert observed.trouble.reason is Reason.UNTRUSTED
    assert host_key("esx.example") in observed.trouble.detail


def test_a_vcenter_is_no_host(vcsim: int, clock: Clock) -> None:
    pin = fetch_thumbprint("127.0.0.1", vcsim)
    reader = HostApiReader(HostApiSettings("auditor", thumbprints={"h": pin}), lambda: "right", clock)
    observed = reader.read(HostTarget("h", "127.0.0.1", vcsim))
    assert observed.trouble is not None
    assert observed.trouble.reason is Reason.UNREADABLE
