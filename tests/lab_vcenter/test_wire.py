"""Raw wire forms typed from documentation and recordings: the lab's answers look like them, official clients read them.

Without these the lab would only be checked by the serializers it is made of.
"""

from __future__ import annotations

import json
import re
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from com.vmware import cis_client
from com.vmware.esx.settings import clusters_client
from com.vmware.vapi.std import errors_client as errors
from pyVmomi import SoapAdapter, VmomiSupport, vim, vmodl
from vmware.vapi.bindings.stub import StubConfiguration
from vmware.vapi.core import MethodResult
from vmware.vapi.data.serializers.jsonrpc import deserialize_response
from vmware.vapi.protocol.client.connector import Connector

from auditor.lab.faces.esxcli import EsxcliAnswer, to_xml
from auditor.lab.faces.server import VCenterServer
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.http import Request, Response
from tests.lab_vcenter.conftest import NEW

WIRE = Path(__file__).parent / "wire"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"


def read(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def post(server: VCenterServer, path: str, body: bytes, **headers: str) -> Response:
    return server.answer(Request("POST", path, (), headers, body))


def outline(element: ET.Element) -> Any:
    """Tags, attribute names and children; references keep no values, types keep theirs."""
    attributes = {name: value if name == XSI else "" for name, value in element.attrib.items()}
    return element.tag, attributes, [outline(child) for child in element]


def test_every_file_says_where_it_comes_from() -> None:
    files = {path.name for path in WIRE.iterdir()}
    assert {f"{name}.source" for name in files if not name.endswith(".source")} <= files


def test_a_fault_has_the_form_of_a_recorded_one(server: VCenterServer) -> None:
    answer = post(server, "/sdk", read("soap-request.login.xml"), soapaction="urn:vim25/8.0.3.0")
    assert (answer.status, answer.content_type) == (500, "text/xml; charset=utf-8")
    ours, real = ET.fromstring(answer.body), ET.fromstring(read("soap-fault.invalid-login.xml"))
    assert outline(ours) == outline(real)
    assert [each.text for each in ours.iter("faultstring")] == [each.text for each in real.iter("faultstring")]


def test_pyvmomi_reads_the_recorded_fault() -> None:
    stub = SoapAdapter.SoapStubAdapterBase("vim.version.v8_0_3_0")
    fault = SoapAdapter.SoapResponseDeserializer(stub).Deserialize(read("soap-fault.invalid-login.xml"), vim.UserSession)
    assert isinstance(fault, vim.fault.InvalidLogin)
    assert "incorrect user name" in fault.msg


def page(server: VCenterServer) -> ET.Element:
    """A page of our own, asked for by hand-made XML."""
    session = server.vcenter.login("administrator@vsphere.local", server.vcenter.password, "test")
    assert session is not None
    paths = ("name", "parent", "runtime.inMaintenanceMode", "runtime.connectionState", "runtime.bootTime")
    body = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:v="urn:vim25"><soap:Header/><soap:Body>'
        '<v:RetrievePropertiesEx><v:_this type="PropertyCollector">propertyCollector</v:_this><v:specSet><v:propSet>'
        f"<v:type>HostSystem</v:type>{''.join(f'<v:pathSet>{path}</v:pathSet>' for path in paths)}</v:propSet>"
        '<v:objectSet><v:obj type="ComputeResource">'
        f"{server.vcenter.cluster('prod').moid}</v:obj><v:skip>true</v:skip>"
        '<v:selectSet i:type="v:TraversalSpec"><v:type>ComputeResource</v:type><v:path>host</v:path></v:selectSet>'
        "</v:objectSet></v:specSet><v:options><v:maxObjects>1</v:maxObjects></v:options>"
        "</v:RetrievePropertiesEx></soap:Body></soap:Envelope>"
    )
    answer = post(server, "/sdk", body.encode(), cookie=f'vmware_soap_session="{session.id}"')
    assert answer.status == 200, answer.body
    return ET.fromstring(answer.body)


def test_a_page_has_the_form_of_the_documented_one(server: VCenterServer) -> None:
    def forms(root: ET.Element) -> dict[str | None, Any]:
        vim25 = "{urn:vim25}"
        return {
            each.findtext(f"{vim25}name"): (sorted(each.find(f"{vim25}val").attrib), each.find(f"{vim25}val").get(XSI))  # type: ignore[union-attr]
            for each in root.iter(f"{vim25}propSet")
        }

    ours, real = page(server), ET.fromstring(read("soap-answer.retrieve-properties-ex.page.xml"))
    documented = forms(real)
    del documented["datastore"]
    assert forms(ours) == documented
    path = [each.tag for each in ours.iter()][:7]
    assert path == [each.tag for each in real.iter()][:7]


def test_pyvmomi_reads_the_documented_page() -> None:
    stub = SoapAdapter.SoapStubAdapterBase("vim.version.v8_0_3_0")
    kind = vmodl.query.PropertyCollector.RetrieveResult
    result = SoapAdapter.SoapResponseDeserializer(stub).Deserialize(read("soap-answer.retrieve-properties-ex.page.xml"), kind)
    values = {each.name: each.val for each in result.objects[0].propSet}
    assert (result.token, values["name"], values["runtime.inMaintenanceMode"]) == ("1", "esx01.example.com", False)
    assert isinstance(values["parent"], vim.ClusterComputeResource)
    assert values["runtime.connectionState"] == "connected"


def test_a_login_over_json_rpc_by_hand(server: VCenterServer) -> None:
    answer = post(server, "/api", read("jsonrpc-request.session-create.json"))
    ours, real = json.loads(answer.body), json.loads(read("jsonrpc-answer.session-create.json"))
    assert (ours["jsonrpc"], ours["id"], list(ours["result"])) == (real["jsonrpc"], real["id"], ["output"])
    assert list(ours["result"]["output"]) == ["SECRET"]


class Canned(Connector):  # type: ignore[misc]
    """A connection on which every answer is the same file."""

    def __init__(self, name: str) -> None:
        self._answer = deserialize_response(read(name).decode())
        super().__init__(self, [])

    def connect(self) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def invoke(self, *_: Any) -> MethodResult:
        from vmware.vapi.data.serializers.jsonrpc import JsonRpcDictToVapi

        return JsonRpcDictToVapi.method_result(self._answer.result)


def test_the_official_client_reads_the_typed_answers() -> None:
    session = cis_client.Session(StubConfiguration(Canned("jsonrpc-answer.session-create.json"))).create()
    assert session == "b00db39f948d13ea1e59b4d6fce56389"
    client = clusters_client.Software(StubConfiguration(Canned("jsonrpc-answer.not-found.json")))
    with pytest.raises(errors.NotFound) as caught:
        client.get("domain-c9")
    assert caught.value.messages[0].id.endswith("EntityNotFound")


def jsonrpc(server: VCenterServer, service: str, operation: str, cluster: str) -> Any:
    session = server.vcenter.login("administrator@vsphere.local", server.vcenter.password, "test")
    assert session is not None
    params = {
        "serviceId": service,
        "operationId": operation,
        "ctx": {"appCtx": {}},
        "input": {"STRUCTURE": {"operation-input": {"cluster": cluster}}},
    }
    body = json.dumps({"jsonrpc": "2.0", "id": "1", "method": "invoke", "params": params}).encode()
    return json.loads(post(server, "/api", body, **{"vmware-api-session-id": session.id}).body)


def test_an_error_over_json_rpc_has_the_typed_form(server: VCenterServer) -> None:
    ours = jsonrpc(server, "com.vmware.esx.settings.clusters.software", "get", "domain-c9")
    real = json.loads(read("jsonrpc-answer.not-found.json"))
    name = "com.vmware.vapi.std.errors.not_found"
    mine, theirs = (each["result"]["error"]["ERROR"][name] for each in (ours, real))
    assert theirs.keys() <= mine.keys()
    assert mine["messages"][0]["STRUCTURE"].keys() == theirs["messages"][0]["STRUCTURE"].keys()


def test_a_rest_error_has_the_form_of_a_recorded_one(server: VCenterServer) -> None:
    session = server.vcenter.login("administrator@vsphere.local", server.vcenter.password, "test")
    assert session is not None
    path = "/api/esx/settings/clusters/%7Bcluster%7D/software"
    answer = server.answer(Request("GET", path, (), {"vmware-api-session-id": session.id}, b""))
    assert answer.status == 404
    assert json.loads(answer.body) == json.loads(read("rest-error.EntityNotFound.json"))


def test_compliance_holds_every_field_a_real_scan_held(server: VCenterServer, vcenter: LabVCenter) -> None:
    """The recorded scan is of a host with a user's component missing: the same case here, field by field."""
    from auditor.lab.hosts.images import LabComponent

    vcenter.database.depot.add_component(LabComponent("test-component-8", "2.0-1", "test-component-8", "2.0", "VMware"))
    vcenter.set_desired(
        "prod",
        DesiredSoftware(
            NEW.replace(NEW, vcenter.cluster("prod").commits["1"].software.base_image),
            components=(("test-component-8", "2.0-1"),),
        ),
    )
    vcenter.scan("prod")
    ours = jsonrpc(server, "com.vmware.esx.settings.clusters.software.compliance", "get", vcenter.cluster("prod").moid)
    real = dump_fields(read("cluster-scan-result.8.0.1.vapi-dump.txt").decode())
    mine = json_fields(ours)
    # Renamed since 8.0.1 in the SDK this lab is made of.
    real["base_image_details"].discard("live_update_compatible_versions")
    # Told by the scan itself about Quick Boot and the like; not known for every host.
    for struct, fields in real.items():
        assert fields <= mine.get(struct, set()), struct


def dump_fields(text: str) -> dict[str, set[str]]:
    """Fields with a value, by structure, from the vAPI runtime's own dump."""
    found: dict[str, set[str]] = {}
    stack: list[str] = []
    for token in re.finditer(r"com\.vmware\.esx\.settings\.(\w+) =>\s*\{|(\{|\})|(\w+)=(<unset>)?", text):
        struct, bracket, field, unset = token.groups()
        if struct:
            stack.append(struct)
            found.setdefault(struct, set())
        elif bracket == "{":
            stack.append("")
        elif bracket == "}":
            stack.pop()
        elif stack and stack[-1] and not unset:
            found[stack[-1]].add(field)
    return found


def json_fields(value: Any) -> dict[str, set[str]]:
    """The same from a JSON-RPC answer."""
    found: dict[str, set[str]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, dict):
            for name, fields in node.get("STRUCTURE", {}).items():
                short = name.removeprefix("com.vmware.esx.settings.")
                unset = ({"OPTIONAL": None}, None)
                found.setdefault(short, set()).update(key for key, each in fields.items() if each not in unset)
            for each in node.values():
                walk(each)

    walk(value)
    return found


def test_esxclis_list_has_the_form_of_a_recorded_one() -> None:
    real = ET.fromstring(read("esxcli-xml.network-vm-list.govmomi.xml"))
    rows = [
        {"Name": "foo", "Networks": ["VM Network", "dougm"], "NumPorts": "2", "WorldID": "98842"},
        {"Name": "bar", "Networks": "VM Network", "NumPorts": "1", "WorldID": "236235"},
    ]
    ours = ET.fromstring(to_xml("network.vm.list", EsxcliAnswer("list", "VM", rows)))
    texts = [each.text for each in ours.iter() if len(each) == 0]
    assert outline(ours) == outline(real)
    assert texts == [each.text for each in real.iter() if len(each) == 0]


def test_the_versions_document_is_what_clients_expect(server: VCenterServer) -> None:
    answer = server.answer(Request("GET", "/sdk/vimServiceVersions.xml", (), {}, b""))
    root = ET.fromstring(answer.body)
    assert (root.tag, root.get("version")) == ("namespaces", "1.0")
    assert root.findtext("namespace/name") == "urn:vim25"
    assert root.findtext("namespace/version") == "8.0.3.0"
    prior = {each.text for each in root.iter("version")}
    assert {"7.0.3.0", "8.0.2.0", "6.7"} <= prior
    assert "9.0.0.0" not in prior


def test_a_broken_request_is_answered_with_a_fault(server: VCenterServer) -> None:
    for body in (b"", b"<not xml", b"<a/>", read("soap-request.login.xml").replace(b"<userName>", b"<nonsense>")):
        answer = post(server, "/sdk", body)
        assert answer.status == 500
        assert b"InvalidRequestFault" in answer.body


def test_a_request_in_chunks_is_understood(server: VCenterServer) -> None:
    import ssl

    def chunks() -> Any:
        body = read("soap-request.login.xml")
        yield from (body[start : start + 50] for start in range(0, len(body), 50))

    request = urllib.request.Request(f"{server.url}/sdk", chunks(), {"Transfer-Encoding": "chunked"}, method="POST")
    context = ssl.create_default_context(cafile=str(server.certificate.cert_file))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=context, timeout=20)
    assert b"InvalidLoginFault" in caught.value.read()


def test_the_private_names_of_the_libraries_still_exist() -> None:
    """The lab rests on names that are not documented API; this fails first when one moves."""
    from vmware.vapi.bindings.skeleton import ApiInterfaceSkeleton
    from vmware.vapi.protocol.server.msg.json_handler import JsonApiHandler
    from vmware.vapi.provider.local import LocalProvider

    stub = clusters_client.Software(StubConfiguration(Canned("jsonrpc-answer.session-create.json")))._api_interface
    assert "get" in stub._operations
    assert stub._rest_metadata["get"]._url_template.startswith("/esx/settings/clusters/")
    assert callable(ApiInterfaceSkeleton.invoke)
    assert callable(JsonApiHandler.handle_request)
    assert callable(LocalProvider.add_interface)
    assert callable(SoapAdapter.SoapSerializer._SerializeDataObject)
    assert callable(VmomiSupport.GetPropertyInfo)
