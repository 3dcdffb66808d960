"""The REST form, with nothing but the standard library as client."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from auditor.lab.faces.server import VCenterServer
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD


class Rest:
    """A plain REST client."""

    def __init__(self, server: VCenterServer) -> None:
        self._url = f"{server.url}/api"
        self._context = ssl.create_default_context(cafile=str(server.certificate.cert_file))
        self.headers: dict[str, str] = {}

    def __call__(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers or self.headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def login(self, password: str = PASSWORD) -> tuple[int, Any]:
        credentials = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return self("POST", "/session", headers={"Authorization": f"Basic {credentials}"})


@pytest.fixture
def rest(server: VCenterServer) -> Rest:
    client = Rest(server)
    status, session = client.login()
    assert status == 201
    client.headers = {"vmware-api-session-id": session}
    return client


def test_a_session_is_made_and_ended(server: VCenterServer, rest: Rest) -> None:
    assert Rest(server).login("wrong")[0] == 401
    assert rest("GET", "/session")[1]["user"] == USER
    assert rest("DELETE", "/session") == (204, None)
    status, body = rest("GET", "/session")
    assert (status, body["error_type"]) == (401, "UNAUTHENTICATED")


def test_unset_fields_are_left_out_and_maps_are_objects(rest: Rest, vcenter: LabVCenter) -> None:
    status, body = rest("GET", f"/esx/settings/clusters/{vcenter.cluster('prod').moid}/software")
    assert status == 200
    assert body == {
        "base_image": {
            "version": OLD,
            "details": {
                "display_name": "ESXi",
                "display_version": "8.0 U3d - 24585383",
                "release_date": body["base_image"]["details"]["release_date"],
            },
        },
        "components": {},
        "solutions": {},
    }


def test_a_cluster_on_baselines_is_a_bad_request(rest: Rest, vcenter: LabVCenter) -> None:
    status, body = rest("GET", f"/esx/settings/clusters/{vcenter.cluster('legacy').moid}/software")
    assert (status, body["error_type"]) == (400, "INVALID_ARGUMENT")


def test_a_task_is_accepted_and_its_result_has_lists_for_maps(rest: Rest, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    vcenter.set_desired("prod", DesiredSoftware(NEW))
    status, task = rest("POST", f"/esx/settings/clusters/{cluster}/software?action=scan&vmw-task=true")
    assert (status, type(task)) == (202, str)
    status, info = rest("GET", f"/cis/tasks/{task}")
    assert (status, info["status"]) == (200, "SUCCEEDED")
    assert {entry["key"] for entry in info["result"]["hosts"]} == set(info["result"]["non_compliant_hosts"])
    stored = rest("GET", f"/esx/settings/clusters/{cluster}/software/compliance")[1]
    assert set(stored["hosts"]) == set(info["result"]["non_compliant_hosts"])
    # Without the mark of a task there is no such operation.
    assert rest("POST", f"/esx/settings/clusters/{cluster}/software?action=scan")[0] == 404


def test_query_parameters_filter(rest: Rest) -> None:
    _, found = rest("GET", f"/esx/settings/depot-content/base-images?min_version={NEW}")
    assert [each["version"] for each in found] == [NEW]


def test_an_unknown_path_is_not_found(rest: Rest) -> None:
    status, body = rest("GET", "/esx/settings/nonsense")
    assert (status, body["error_type"]) == (404, "NOT_FOUND")


def test_a_bad_body_is_a_bad_request(server: VCenterServer, rest: Rest) -> None:
    request = urllib.request.Request(f"{server.url}/api/esx/software", b"{not json", rest.headers, method="GET")
    context = ssl.create_default_context(cafile=str(server.certificate.cert_file))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=context, timeout=20)
    assert caught.value.code == 400
    assert json.loads(caught.value.read())["error_type"] == "INVALID_ARGUMENT"
