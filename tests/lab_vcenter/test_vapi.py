"""vLCM over JSON-RPC as the official SDK sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from com.vmware import cis_client
from com.vmware.appliance import system_client
from com.vmware.esx import hosts_client
from com.vmware.esx.hosts import software_client as host_software
from com.vmware.esx.settings import clusters_client, depot_content_client
from com.vmware.esx.settings import hosts_client as settings_hosts
from com.vmware.esx.settings.clusters import enablement_client, software_client
from com.vmware.esx.settings.depot_content import add_ons_client, base_images_client, components_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.images import LabComponent, add_ons, make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, Vapi, fill


def ids(vcenter: LabVCenter, *names: str) -> set[str]:
    return {vcenter.host(f"{name}.lab.example").moid for name in names}


def test_login_get_and_logout(server: VCenterServer) -> None:
    client = Vapi(server).login()
    assert client.call(cis_client.Session).get().user == "administrator@vsphere.local"
    client.call(cis_client.Session).delete()
    with pytest.raises(errors.Unauthenticated):
        client.call(cis_client.Session).get()


def test_wrong_password(server: VCenterServer) -> None:
    with pytest.raises(errors.Unauthenticated):
        Vapi(server).login("wrong")


def test_the_clusters_image(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    add_on = add_ons()[0]
    component = LabComponent("extra-tool", "1.2-3", "Extra tool", "1.2", "Lab")
    vcenter.database.depot.add_add_on(add_on)
    vcenter.database.depot.add_component(component)
    software = DesiredSoftware(NEW, (add_on.name, add_on.version), (("extra-tool", "1.2-3"),))
    vcenter.set_desired("prod", software)
    info = vapi.call(clusters_client.Software).get(cluster)
    assert (info.base_image.version, info.base_image.details.display_version) == (NEW, "8.0 U3e - 24674464")
    assert (info.add_on.name, info.add_on.version, info.add_on.details.vendor) == (
        add_on.name,
        add_on.version,
        add_on.vendor,
    )
    assert {name: each.version for name, each in info.components.items()} == {"extra-tool": "1.2-3"}


def test_what_the_depot_lacks_has_no_details(vapi: Vapi, vcenter: LabVCenter) -> None:
    vcenter.database.depot.remove_base_image(OLD)
    info = vapi.call(clusters_client.Software).get(vcenter.cluster("prod").moid)
    assert (info.base_image.version, info.base_image.details) == (OLD, None)


def test_a_cluster_on_baselines_has_no_image(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("legacy").moid
    assert vapi.call(enablement_client.Software).get(cluster).enabled is False
    with pytest.raises(errors.InvalidArgument):
        vapi.call(clusters_client.Software).get(cluster)
    with pytest.raises(errors.NotFound):
        vapi.call(software_client.Compliance).get(cluster)


def test_an_unknown_cluster_is_not_found_with_the_id_seen_on_a_real_one(vapi: Vapi) -> None:
    with pytest.raises(errors.NotFound) as caught:
        vapi.call(clusters_client.Software).get("domain-c999")
    (message,) = caught.value.messages
    assert message.id == "com.vmware.vcIntegrity.lifecycle.RequireAdminUserAuthz.EntityNotFound"
    assert message.args == ["domain-c999", "cluster"]


def test_commits_keep_author_time_and_text(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    commits = vapi.call(software_client.Commits)
    first = commits.get(cluster, "1")
    assert (first.author, first.description, first.apply_status) == (
        "administrator@vsphere.local",
        "first image",
        "NOT_APPLIED",
    )
    vcenter.set_desired("prod", DesiredSoftware(NEW), message="second")
    vcenter.remediate("prod")
    assert commits.get(cluster, "2").apply_status == "APPLIED"
    with pytest.raises(errors.NotFound):
        commits.get(cluster, "3")


def test_compliance_is_the_last_scan_until_the_next(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    compliance, software = vapi.call(software_client.Compliance), vapi.call(clusters_client.Software)
    before = compliance.get(cluster)
    assert (before.status, before.impact, before.commit) == ("COMPLIANT", "NO_IMPACT", "1")
    assert before.compliant_hosts == ids(vcenter, "prod-1", "prod-2", "prod-3")
    vcenter.set_desired("prod", DesiredSoftware(NEW))
    assert compliance.get(cluster).scan_time == before.scan_time
    result = software.scan_task(cluster).get_result()
    assert (result.status, result.impact, result.commit, result.stage_status) == (
        "NON_COMPLIANT",
        "REBOOT_REQUIRED",
        "2",
        "NOT_STAGED",
    )
    assert compliance.get(cluster) == result


def test_a_newer_host_is_incompatible_layer_by_layer(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    vcenter.hosts["prod-1.lab.example"].remediate(make_image(NEW))
    vcenter.unreachable.add("prod-2.lab.example")
    result = vapi.call(clusters_client.Software).scan_task(cluster).get_result()
    assert result.status == "INCOMPATIBLE"
    assert result.incompatible_hosts == ids(vcenter, "prod-1")
    assert result.unavailable_hosts == ids(vcenter, "prod-2")
    assert result.compliant_hosts == ids(vcenter, "prod-3")
    assert set(result.hosts) == ids(vcenter, "prod-1", "prod-3")
    assert {info.name for info in result.host_info.values()} == {f"prod-{n}.lab.example" for n in (1, 2, 3)}
    host = result.hosts[ids(vcenter, "prod-1").pop()]
    assert (host.base_image.current.version, host.base_image.target.version) == (NEW, OLD)
    assert (host.base_image.status, host.add_on.status) == ("INCOMPATIBLE", "COMPLIANT")
    assert (host.add_on.current, host.add_on.target) == (None, None)
    esx = host.components["ESXi"] if "ESXi" in host.components else next(iter(host.components.values()))
    assert (esx.current_source, esx.target_source) == ("BASE_IMAGE", "BASE_IMAGE")
    assert set(host.components) == {each.name for each in make_image(NEW).components}


def test_the_depots_content(vapi: Vapi, vcenter: LabVCenter) -> None:
    add_on = add_ons()[0]
    vcenter.database.depot.add_add_on(add_on)
    listed = vapi.call(depot_content_client.BaseImages).list()
    assert [each.version for each in listed] == [OLD, NEW]
    found = vapi.call(depot_content_client.BaseImages).list(depot_content_client.BaseImages.FilterSpec(min_version=NEW))
    assert [each.version for each in found] == [NEW]
    info = vapi.call(base_images_client.Versions).get(OLD)
    assert {each.name for each in info.components} == {each.name for each in make_image(OLD).components}
    (summary,) = vapi.call(depot_content_client.AddOns).list()
    assert (summary.name, [each.version for each in summary.versions]) == (add_on.name, [add_on.version])
    assert vapi.call(add_ons_client.Versions).get(add_on.name, add_on.version).vendor == add_on.vendor
    component = make_image(OLD).components[0]
    names = depot_content_client.Components.FilterSpec(names={component.name})
    (found_component,) = vapi.call(depot_content_client.Components).list(names)
    assert component.version in {each.version for each in found_component.versions}
    assert vapi.call(components_client.Versions).get(component.name, component.version).vendor == component.vendor
    for client, key in (
        (base_images_client.Versions, ("8.0.3-0.1.1",)),
        (add_ons_client.Versions, (add_on.name, "none")),
        (components_client.Versions, ("none", "none")),
    ):
        with pytest.raises(errors.NotFound):
            vapi.call(client).get(*key)


def test_components_and_image_of_a_host_come_from_the_host(vapi: Vapi, vcenter: LabVCenter) -> None:
    (moid,) = ids(vcenter, "legacy-1")
    add_on = add_ons()[0]
    own = LabComponent("extra-tool", "1.2-3", "Extra tool", "1.2", "Lab")
    vcenter.hosts["legacy-1.lab.example"].remediate(make_image(NEW, add_on, (own,)))
    installed = vapi.call(host_software.InstalledComponents).list(moid)
    assert installed["extra-tool"].version == "1.2-3"
    spec = hosts_client.Software.ConnectionSpec
    info = vapi.call(hosts_client.Software).get(spec(auth_type=spec.AuthenticationType.EXISTING, host=moid))
    assert info.software_info.base_image.version == NEW
    assert info.software_info.add_on.version == add_on.version
    assert set(info.software_info.components) == {"extra-tool"}


def test_a_host_out_of_reach_is_an_error_not_an_empty_list(vapi: Vapi, vcenter: LabVCenter) -> None:
    (moid,) = ids(vcenter, "prod-1")
    vcenter.unreachable.add("prod-1.lab.example")
    with pytest.raises(errors.InternalServerError):
        vapi.call(host_software.InstalledComponents).list(moid)
    spec = hosts_client.Software.ConnectionSpec
    with pytest.raises(errors.Error):
        vapi.call(hosts_client.Software).get(spec(auth_type=spec.AuthenticationType.EXISTING, host=moid))
    with pytest.raises(errors.NotFound):
        vapi.call(host_software.InstalledComponents).list("host-999")


def test_installed_images_of_a_mixed_cluster(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    client = vapi.call(clusters_client.InstalledImages)
    with pytest.raises(errors.NotFound):
        client.get(cluster)
    vcenter.hosts["prod-1.lab.example"].remediate(make_image(NEW))
    result = client.extract_task(cluster).get_result()
    assert result.uniform_image is False
    categories = result.image_categories
    assert categories.most_widely_used_image.software_info.base_image.version == OLD
    assert categories.highest_versioned_image.software_info.base_image.version == NEW
    assert client.get(cluster).successful_hosts == result.successful_hosts


def test_tasks_can_be_listed_and_watched(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    task = vapi.call(clusters_client.Software).scan_task(cluster)
    tasks = vapi.call(cis_client.Tasks)
    info = tasks.get(task.get_task_id())
    assert (info.status, info.operation, info.target.id) == ("SUCCEEDED", "scan$task", cluster)
    wanted = cis_client.Tasks.FilterSpec(tasks={task.get_task_id()})
    assert set(tasks.list(wanted)) == {task.get_task_id()}
    assert tasks.list(cis_client.Tasks.FilterSpec(tasks={task.get_task_id()}, users={"nobody"})) == {}
    with pytest.raises(errors.InvalidArgument):
        tasks.list(cis_client.Tasks.FilterSpec(users={"nobody"}))
    with pytest.raises(errors.NotFound):
        tasks.get("no-such-task")


def test_the_appliances_version(vapi: Vapi, vcenter: LabVCenter) -> None:
    version = vapi.call(system_client.Version).get()
    assert (version.version, version.build) == ("8.0.3.0", vcenter.database.build)


def test_what_is_not_simulated_is_operation_not_found(vapi: Vapi, vcenter: LabVCenter) -> None:
    with pytest.raises(errors.OperationNotFound):
        vapi.call(software_client.Solutions).list(vcenter.cluster("prod").moid)
    with pytest.raises(errors.OperationNotFound):
        vapi.call(settings_hosts.Software).get("host-1")


@pytest.mark.parametrize(("version", "there"), [("7.0.3", False), ("8.0.2", False), ("8.0.3", True), ("9.1", True)])
def test_an_older_version_lacks_what_was_added_later(
    serve: Callable[[LabVCenter], VCenterServer], version: str, there: bool
) -> None:
    vcenter = fill(LabVCenter(version))
    client = Vapi(serve(vcenter)).login()
    cluster = vcenter.cluster("prod").moid
    kind = errors.NotFound if there else errors.OperationNotFound
    with pytest.raises(kind):
        client.call(clusters_client.InstalledImages).get(cluster)
    assert client.call(clusters_client.Software).get(cluster).base_image.version == OLD


def test_a_wrong_answer_of_the_simulator_never_reaches_the_client(
    vapi: Vapi, vcenter: LabVCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.lab.faces.vlcm.software_info", lambda *_: {"base_image": 7})
    with pytest.raises(errors.InternalServerError):
        vapi.call(clusters_client.Software).get(vcenter.cluster("prod").moid)


def test_a_9x_vcenter_holds_both_grammars(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    vcenter = fill(LabVCenter("9.1"))
    newest = "9.1.0.0200.25557999"
    vcenter.database.depot.add_base_image(newest)
    vcenter.set_desired("prod", DesiredSoftware(newest))
    client = Vapi(serve(vcenter)).login()
    listed = client.call(depot_content_client.BaseImages).list()
    assert [each.version for each in listed] == [OLD, NEW, newest]
    cluster = vcenter.cluster("prod").moid
    assert client.call(clusters_client.Software).scan_task(cluster).get_result().status == "NON_COMPLIANT"
    vcenter.remediate("prod")
    found = client.call(software_client.Compliance).get(cluster)
    assert {host.base_image.current.version for host in found.hosts.values()} == {newest}
    assert found.status == "COMPLIANT"


def test_what_is_served(server: VCenterServer) -> None:
    """The whole list, so that nothing is added or lost unnoticed. Of all this only the extraction from a host touches one."""
    served = {f"{each.service.removeprefix('com.vmware.')}.{each.name}" for each in server.vapi.operations}
    assert served == {
        "appliance.system.version.get",
        "cis.session.create",
        "cis.session.delete",
        "cis.session.get",
        "cis.tasks.get",
        "cis.tasks.list",
        "esx.hosts.software.get",
        "esx.hosts.software.installed_components.list",
        "esx.settings.clusters.enablement.software.get",
        "esx.settings.clusters.installed_images.extract$task",
        "esx.settings.clusters.installed_images.get",
        "esx.settings.clusters.policies.apply.effective.get",
        "esx.settings.clusters.software.commits.get",
        "esx.settings.clusters.software.compliance.get",
        "esx.settings.clusters.software.drafts.commit$task",
        "esx.settings.clusters.software.drafts.create",
        "esx.settings.clusters.software.drafts.delete",
        "esx.settings.clusters.software.drafts.get",
        "esx.settings.clusters.software.drafts.import_software_spec",
        "esx.settings.clusters.software.drafts.list",
        "esx.settings.clusters.software.drafts.scan$task",
        "esx.settings.clusters.software.drafts.software.add_on.delete",
        "esx.settings.clusters.software.drafts.software.add_on.get",
        "esx.settings.clusters.software.drafts.software.add_on.set",
        "esx.settings.clusters.software.drafts.software.base_image.get",
        "esx.settings.clusters.software.drafts.software.base_image.set",
        "esx.settings.clusters.software.drafts.software.components.delete",
        "esx.settings.clusters.software.drafts.software.components.get",
        "esx.settings.clusters.software.drafts.software.components.list",
        "esx.settings.clusters.software.drafts.software.components.set",
        "esx.settings.clusters.software.drafts.software.components.update",
        "esx.settings.clusters.software.drafts.software.effective_components.list",
        "esx.settings.clusters.software.drafts.software.hardware_support.delete",
        "esx.settings.clusters.software.drafts.software.hardware_support.get",
        "esx.settings.clusters.software.drafts.software.hardware_support.set",
        "esx.settings.clusters.software.drafts.software.removed_components.delete",
        "esx.settings.clusters.software.drafts.software.removed_components.get",
        "esx.settings.clusters.software.drafts.software.removed_components.list",
        "esx.settings.clusters.software.drafts.software.removed_components.set",
        "esx.settings.clusters.software.drafts.validate$task",
        "esx.settings.clusters.software.export",
        "esx.settings.clusters.software.get",
        "esx.settings.clusters.software.recommendations.generate$task",
        "esx.settings.clusters.software.recommendations.get",
        "esx.settings.clusters.software.scan$task",
        "esx.settings.depot_content.add_ons.list",
        "esx.settings.depot_content.add_ons.versions.get",
        "esx.settings.depot_content.base_images.list",
        "esx.settings.depot_content.base_images.versions.get",
        "esx.settings.depot_content.components.list",
        "esx.settings.depot_content.components.versions.get",
        "esx.settings.depots.offline.content.get",
        "esx.settings.depots.offline.create$task",
        "esx.settings.depots.offline.create_from_host$task",
        "esx.settings.depots.offline.get",
        "esx.settings.depots.offline.list",
        "esx.settings.depots.sync$task",
    }


def test_what_9_1_serves_beside_that(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    def served(version: str) -> set[str]:
        return {
            f"{each.service}.{each.name}".removeprefix("com.vmware.") for each in serve(LabVCenter(version)).vapi.operations
        }

    assert served("9.1") - served("8.0.3") == {
        "esx.settings.clusters.software.drafts.software.alternative_images.delete",
        "esx.settings.clusters.software.drafts.software.alternative_images.get",
        "esx.settings.clusters.software.drafts.software.alternative_images.list",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.add_on.delete",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.add_on.get",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.add_on.set",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.base_image.get",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.components.list",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.components.update",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.hardware_support.delete",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.hardware_support.get",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.hardware_support.set",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.removed_components.delete",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.removed_components.list",
        "esx.settings.clusters.software.drafts.software.alternative_images.software.removed_components.set",
        "esx.settings.clusters.software.software_spec_metadata.get",
    }
