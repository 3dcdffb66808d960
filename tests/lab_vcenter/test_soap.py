"""The SOAP face as pyVmomi sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, connect, fill

_Collector = vmodl.query.PropertyCollector
PATHS = [
    "name",
    "parent",
    "summary.config.product.version",
    "summary.config.product.build",
    "summary.hardware.uuid",
    "runtime.connectionState",
    "runtime.powerState",
    "runtime.inMaintenanceMode",
    "runtime.bootTime",
    "summary.rebootRequired",
    "configManager.imageConfigManager",
]


def view_spec(content: Any, kinds: list[Any], paths: list[str]) -> Any:
    view = content.viewManager.CreateContainerView(content.rootFolder, kinds, True)
    step = _Collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)
    return _Collector.FilterSpec(
        propSet=[_Collector.PropertySpec(type=kind, pathSet=paths) for kind in kinds],
        objectSet=[_Collector.ObjectSpec(obj=view, skip=True, selectSet=[step])],
    )


def sweep(content: Any, paths: list[str], page: int | None = None) -> tuple[dict[str, dict[str, Any]], int]:
    collector = content.propertyCollector
    result = collector.RetrievePropertiesEx(
        [view_spec(content, [vim.HostSystem], paths)], _Collector.RetrieveOptions(maxObjects=page)
    )
    found, pages = {}, 0
    while result is not None:
        pages += 1
        for each in result.objects:
            values = {prop.name: prop.val for prop in each.propSet}
            found[values["name"]] = values
        result = collector.ContinueRetrievePropertiesEx(result.token) if result.token else None
    return found, pages


def test_about_names_version_build_and_instance(soap: Any, vcenter: LabVCenter) -> None:
    about = soap.content.about
    assert (about.apiType, about.version, about.apiVersion) == ("VirtualCenter", "8.0.3", "8.0.3.0")
    assert about.build == vcenter.database.build
    assert about.instanceUuid == vcenter.instance_uuid


def test_wrong_password_is_invalid_login(server: VCenterServer) -> None:
    with pytest.raises(vim.fault.InvalidLogin):
        connect(server, password="wrong")


def test_without_a_session_nothing_but_the_content_is_shown(soap: Any) -> None:
    soap.content.sessionManager.Logout()
    assert soap.RetrieveContent().about.version == "8.0.3"
    with pytest.raises(vim.fault.NotAuthenticated):
        soap.CurrentTime()
    with pytest.raises(vim.fault.NotAuthenticated):
        soap.content.rootFolder.childEntity  # noqa: B018 (reading it is the call)


def test_one_sweep_gives_every_property_of_every_host(soap: Any, vcenter: LabVCenter) -> None:
    found, _ = sweep(soap.content, PATHS)
    assert set(found) == set(vcenter.hosts)
    one = found["prod-1.lab.example"]
    host = vcenter.hosts["prod-1.lab.example"]
    assert set(one) == set(PATHS)
    assert one["summary.config.product.version"] == "8.0.3"
    assert one["summary.config.product.build"] == "24585383"
    assert one["summary.hardware.uuid"] == host.uuid
    assert one["runtime.connectionState"] == "connected"
    assert one["runtime.bootTime"] == host.boot_time
    assert one["parent"].name == "prod"


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_pages_hold_every_host_once(soap: Any, vcenter: LabVCenter, page: int) -> None:
    found, pages = sweep(soap.content, ["name"], page)
    assert set(found) == set(vcenter.hosts)
    assert pages == -(-len(vcenter.hosts) // page)


def test_a_token_serves_once(soap: Any) -> None:
    content = soap.content
    spec = view_spec(content, [vim.HostSystem], ["name"])
    result = content.propertyCollector.RetrievePropertiesEx([spec], _Collector.RetrieveOptions(maxObjects=1))
    content.propertyCollector.ContinueRetrievePropertiesEx(result.token)
    with pytest.raises(vmodl.query.InvalidProperty):
        content.propertyCollector.ContinueRetrievePropertiesEx(result.token)


@pytest.mark.parametrize("path", ["nonsense", "summary.nonsense", "summary.config.product.version.more"])
def test_an_unknown_path_is_invalid_property(soap: Any, path: str) -> None:
    with pytest.raises(vmodl.query.InvalidProperty) as caught:
        sweep(soap.content, ["name", path])
    assert caught.value.name == path


def test_traversal_goes_through_the_whole_tree(soap: Any) -> None:
    content, spec = soap.content, _Collector.TraversalSpec
    to_hosts = spec(name="hosts", type=vim.ComputeResource, path="host", skip=False)
    to_clusters = spec(name="clusters", type=vim.Folder, path="childEntity", skip=False, selectSet=[to_hosts])
    into = spec(name="into", type=vim.Datacenter, path="hostFolder", skip=False, selectSet=[to_clusters])
    down = spec(name="down", type=vim.Folder, path="childEntity", skip=False, selectSet=[into])
    request = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=content.rootFolder, skip=False, selectSet=[down])],
        propSet=[_Collector.PropertySpec(type=vim.ManagedEntity, pathSet=["name"])],
    )
    names = [each.propSet[0].val for each in content.propertyCollector.RetrieveContents([request])]
    assert names[:3] == ["Datacenters", "Datacenter", "host"]
    assert {"prod", "legacy", "prod-1.lab.example", "alone.lab.example"} <= set(names)


def test_clusters_say_whether_an_image_manages_them(soap: Any) -> None:
    content = soap.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.ClusterComputeResource], True)
    assert {each.name: each.lifecycleManaged for each in view.view} == {"prod": True, "legacy": False}
    view.Destroy()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        view.view  # noqa: B018 (reading it is the call)


def test_the_search_index_finds_hosts(soap: Any, vcenter: LabVCenter) -> None:
    index, host = soap.content.searchIndex, vcenter.hosts["legacy-1.lab.example"]
    found = index.FindByInventoryPath("Datacenter/host/legacy/legacy-1.lab.example")
    assert found.name == host.name
    assert index.FindByUuid(None, host.uuid, False) == found
    assert index.FindByDnsName(None, host.name, False) == found
    assert index.FindByInventoryPath("Datacenter/host/nowhere") is None


def find(soap: Any, name: str) -> Any:
    return soap.content.searchIndex.FindByDnsName(None, name, False)


def test_the_image_manager_asks_the_host_itself(soap: Any, vcenter: LabVCenter) -> None:
    manager = find(soap, "prod-1.lab.example").configManager.imageConfigManager
    assert manager.HostImageConfigGetProfile().name == make_image(OLD).profile_name
    vcenter.hosts["prod-1.lab.example"].remediate(make_image(NEW))
    assert manager.HostImageConfigGetProfile().name == make_image(NEW).profile_name
    packages = {each.name: each for each in manager.fetchSoftwarePackages()}
    assert packages["esx-base"].version == make_image(NEW).vib_version
    assert len(packages) == len(make_image(NEW).vibs)
    assert manager.installDate() is not None


def test_an_update_shows_in_the_inventory_and_a_staged_one_wants_a_reboot(soap: Any, vcenter: LabVCenter) -> None:
    host = vcenter.hosts["prod-1.lab.example"]
    host.stage(make_image(NEW))
    found = find(soap, host.name)
    assert (found.summary.rebootRequired, found.summary.config.product.build) == (True, "24585383")
    host.reboot()
    assert (found.summary.rebootRequired, found.summary.config.product.build) == (False, "24674464")


def test_for_a_host_out_of_reach_vcenter_shows_what_it_last_knew(soap: Any, vcenter: LabVCenter) -> None:
    name = "prod-2.lab.example"
    found = find(soap, name)
    vcenter.unreachable.add(name)
    vcenter.hosts[name].remediate(make_image(NEW))
    assert found.runtime.connectionState == "notResponding"
    assert found.summary.config.product.build == "24585383"
    with pytest.raises(vmodl.fault.HostCommunication):
        found.configManager.imageConfigManager.fetchSoftwarePackages()


def test_a_disconnected_host_stays_disconnected(soap: Any, vcenter: LabVCenter) -> None:
    name = "prod-2.lab.example"
    found = find(soap, name)
    vcenter.disconnect(name)
    assert found.runtime.connectionState == "disconnected"
    with pytest.raises(vmodl.fault.HostNotConnected):
        found.configManager.imageConfigManager.HostImageConfigGetProfile()
    vcenter.reconnect(name)
    assert found.runtime.connectionState == "connected"


def test_a_host_that_is_off_does_not_respond(soap: Any, vcenter: LabVCenter) -> None:
    name = "prod-3.lab.example"
    vcenter.hosts[name].shut_down()
    assert find(soap, name).runtime.connectionState == "notResponding"
    vcenter.hosts[name].boot()
    assert find(soap, name).runtime.connectionState == "connected"


def test_the_newest_event_has_key_and_time(soap: Any, vcenter: LabVCenter) -> None:
    login = soap.content.eventManager.latestEvent
    assert isinstance(login, vim.event.UserLoginSessionEvent)
    posted = vcenter.post("something happened")
    event = soap.content.eventManager.latestEvent
    assert (event.key, event.fullFormattedMessage) == (login.key + 1, "something happened")
    assert event.createdTime == posted.time.replace(microsecond=event.createdTime.microsecond)


def test_what_is_not_simulated_says_so(soap: Any) -> None:
    host = find(soap, "prod-1.lab.example")
    with pytest.raises(vmodl.fault.NotSupported):
        host.DisconnectHost_Task()
    with pytest.raises(vmodl.fault.NotSupported):
        soap.content.rootFolder.CreateFolder("x")
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        vim.HostSystem("host-9999", soap._stub).name  # noqa: B018 (reading it is the call)


def test_waiting_for_updates_sees_a_change(soap: Any, vcenter: LabVCenter) -> None:
    content, name = soap.content, "prod-1.lab.example"
    collector = content.propertyCollector
    spec = view_spec(content, [vim.HostSystem], ["name", "runtime.connectionState"])
    made = collector.CreateFilter(spec, True)
    first = collector.WaitForUpdatesEx(None, None)
    entered = [update for each in first.filterSet for update in each.objectSet]
    assert {update.kind for update in entered} == {"enter"}
    assert len(entered) == len(vcenter.hosts)
    assert collector.WaitForUpdatesEx(first.version, _Collector.WaitOptions(maxWaitSeconds=0)) is None
    timer = threading.Timer(0.15, vcenter.unreachable.add, [name])
    timer.start()
    second = collector.WaitForUpdatesEx(first.version, _Collector.WaitOptions(maxWaitSeconds=10))
    (update,) = second.filterSet[0].objectSet
    assert (update.kind, update.obj.name) == ("modify", name)
    assert [(each.name, each.val) for each in update.changeSet] == [("runtime.connectionState", "notResponding")]
    made.Destroy()
    assert collector.CheckForUpdates(second.version) is None


@pytest.mark.parametrize(
    ("version", "spoken"),
    [("7.0.3", "7.0.3.0"), ("8.0.2", "8.0.2.0"), ("8.0.3", "8.0.3.0"), ("9.1", "9.1.0.0")],
)
def test_the_client_settles_on_the_servers_version(
    serve: Callable[[LabVCenter], VCenterServer], version: str, spoken: str
) -> None:
    connection = connect(serve(fill(LabVCenter(version))))
    assert connection.content.about.apiVersion == spoken
    assert connection._stub.versionId == f'"urn:vim25/{spoken}"'


def test_two_vcenters_live_side_by_side(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    one, other = serve(LabVCenter("8.0.3", name="a.example")), serve(LabVCenter("7.0.3", name="b.example"))
    assert connect(one).content.about.instanceUuid != connect(other).content.about.instanceUuid
