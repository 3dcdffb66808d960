"""What comes into the depot and what goes out of vCenter, by the official client and plain HTTP."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import requests
from com.vmware import cis_client
from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings import clusters_client, depots_client
from com.vmware.esx.settings.depots import offline_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.bundle import BundleError, make_bundle, read_bundle
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, Vapi, fill

NEWER, ADD_ON = "8.0.3-0.79.24859861", ("DEL-ESXi", "803.24414501-A03")
URL = "https://depot.lab.example/u3g.zip"
OFFLINE = depots_client.Offline


def bundle() -> bytes:
    source = LabDepot()
    source.add_base_image(NEWER)
    source.add_add_on(find_add_on(*ADD_ON))
    return make_bundle(DesiredSoftware(NEWER, ADD_ON), source)


def pull(vapi: Vapi, location: str = URL) -> Any:
    spec = OFFLINE.CreateSpec(source_type=OFFLINE.SourceType.PULL, location=location, description="for the rehearsal")
    return vapi.call(OFFLINE).create_task(spec)


def info(vapi: Vapi, task: Any) -> Any:
    return vapi.call(cis_client.Tasks).get(task.get_task_id())


def get(server: VCenterServer, url: str) -> bytes:
    answer = requests.get(url, verify=str(server.certificate.cert_file), timeout=10)
    answer.raise_for_status()
    return answer.content


def test_a_bundle_is_pulled_and_listed(vapi: Vapi, vcenter: LabVCenter) -> None:
    vcenter.web[URL] = bundle()
    depot = pull(vapi).get_result().depot
    assert NEWER in vcenter.database.depot.base_images
    assert ADD_ON in vcenter.database.depot.add_ons
    listed = vapi.call(OFFLINE).list()[depot]
    assert (listed.location, listed.source_type, listed.description) == (URL, "PULL", "for the rehearsal")
    content = vapi.call(offline_client.Content).get(depot).metadata_bundles["LAB"][0]
    assert [image.version for image in content.base_images] == [NEWER]
    assert set(content.addons) == {ADD_ON[0]}


@pytest.mark.parametrize("at_once", [False, True])
def test_the_same_bundle_again_hands_back_the_depot_there_is(vapi: Vapi, vcenter: LabVCenter, at_once: bool) -> None:
    vcenter.web[URL] = bundle()
    first = pull(vapi).get_result().depot
    vcenter.refuse_at_once = at_once
    if at_once:
        with pytest.raises(errors.AlreadyExists) as raised:
            pull(vapi)
        failed: Any = raised.value
    else:
        failed = info(vapi, pull(vapi)).error
    assert isinstance(failed, errors.AlreadyExists)
    assert failed.data.convert_to(OFFLINE.CreateResult).depot == first


@pytest.mark.parametrize(
    ("data", "message_id"),
    [
        (None, "com.vmware.vcIntegrity.lifecycle.EsxImage.DepotConnectErrorV2"),
        (b"PK no zip", "com.vmware.vcIntegrity.lifecycle.depotContent.ValidationError"),
    ],
)
def test_a_bundle_that_cannot_be_imported(vapi: Vapi, vcenter: LabVCenter, data: bytes | None, message_id: str) -> None:
    if data is not None:
        vcenter.web[URL] = data
    failed = info(vapi, pull(vapi))
    assert (failed.status, failed.error.messages[0].id) == ("FAILED", message_id)
    assert vapi.call(OFFLINE).list() == {}
    with pytest.raises(errors.InvalidArgument):
        pull(vapi, "ftp://depot.lab.example/u3g.zip")


def test_an_upload_is_imported_by_its_file_id(server: VCenterServer, vapi: Vapi, vcenter: LabVCenter) -> None:
    def send(headers: dict[str, str]) -> requests.Response:
        form = {"file": ("u3g.zip", bundle(), "application/zip")}
        trust = str(server.certificate.cert_file)
        return requests.post(f"{server.url}/vum-fileupload", files=form, headers=headers, verify=trust, timeout=10)

    assert send({}).status_code == 401
    file_id = send({"vmware-api-session-id": vapi.session_id}).json()
    spec = OFFLINE.CreateSpec(source_type=OFFLINE.SourceType.PUSH, file_id=file_id)
    depot = vapi.call(OFFLINE).create_task(spec).get_result().depot
    assert vapi.call(OFFLINE).get(depot).file_id == file_id
    assert NEWER in vcenter.database.depot.base_images


def test_what_a_host_runs_is_extracted_from_its_disk(vapi: Vapi, vcenter: LabVCenter) -> None:
    host = vcenter.hosts["prod-1.lab.example"]
    host.remediate(make_image(NEWER, find_add_on(*ADD_ON)))
    host.acts.clear()
    connection = OFFLINE.ConnectionSpec(
        auth_type=OFFLINE.ConnectionSpec.AuthenticationType.EXISTING, host=vcenter.host(host.name).moid
    )
    found = vapi.call(OFFLINE).create_from_host_task(connection).get_result()
    assert (found.software_spec.base_image.version, found.software_spec.add_on.name) == (NEWER, ADD_ON[0])
    assert found.result.depot
    assert NEWER in vcenter.database.depot.base_images
    assert [act.what for act in host.acts] == ["wrote a depot seed to /var/vmware/lifecycle/hostSeed"]
    again = vapi.call(OFFLINE).create_from_host_task(connection).get_result()
    assert again.result.depot == "", "all of it was there already"


def test_a_sync_brings_what_the_online_depot_has(vapi: Vapi, vcenter: LabVCenter) -> None:
    assert info(vapi, vapi.call(settings.Depots).sync_task()).status == "FAILED"
    vcenter.online = LabDepot()
    vcenter.online.add_base_image(NEWER)
    assert info(vapi, vapi.call(settings.Depots).sync_task()).status == "SUCCEEDED"
    assert NEWER in vcenter.database.depot.base_images


def test_exports_can_be_downloaded_and_brought_back(
    server: VCenterServer, vapi: Vapi, vcenter: LabVCenter, serve: Callable[[LabVCenter], VCenterServer]
) -> None:
    kinds = clusters_client.Software.ExportType
    spec = clusters_client.Software.ExportSpec(True, True, True)
    urls = vapi.call(clusters_client.Software).export(vcenter.cluster("prod").moid, spec)
    assert json.loads(get(server, urls[kinds.SOFTWARE_SPEC])) == {"base_image": {"version": OLD}}
    assert b"CD001" in get(server, urls[kinds.ISO_IMAGE])
    exported = get(server, urls[kinds.OFFLINE_BUNDLE])
    assert {"index.xml", "vendor-index.xml"} <= set(zipfile.ZipFile(BytesIO(exported)).namelist())
    elsewhere = fill(LabVCenter("7.0.3"))
    elsewhere.database.depot.remove_base_image(OLD)
    elsewhere.web[URL] = exported
    assert pull(Vapi(serve(elsewhere)).login()).get_result().depot
    assert OLD in elsewhere.database.depot.base_images


def test_an_image_the_depot_lacks_is_exported_as_text_only(vapi: Vapi, vcenter: LabVCenter) -> None:
    vcenter.set_desired("prod", DesiredSoftware(NEW))
    vcenter.database.depot.remove_base_image(NEW)
    software = vapi.call(clusters_client.Software)
    assert software.export(vcenter.cluster("prod").moid, clusters_client.Software.ExportSpec(True, False, False))
    with pytest.raises(errors.Error):
        software.export(vcenter.cluster("prod").moid, clusters_client.Software.ExportSpec(False, True, False))


def test_bundles_are_the_same_bytes_for_the_same_content() -> None:
    assert bundle() == bundle()
    assert set(read_bundle(bundle()).base_images) == {NEWER}
    with pytest.raises(BundleError):
        read_bundle(b"")
