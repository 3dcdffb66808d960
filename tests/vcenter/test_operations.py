"""The closed list: everything on it reads, and nothing outside it reaches the wire."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from com.vmware.esx.settings.clusters_client import Software
from pyVmomi import vim

from auditor.domain.observation import Read
from auditor.errors import RefusedError
from auditor.vcenter.faults import attempt
from auditor.vcenter.operations import Gate, Operation, operations
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.soap import SoapSession
from auditor.vcenter.vapi import VapiSession
from tests.vcenter.servers import Certificate, JsonRpc, serving

SESSION_ONLY = {
    ("soap", "SessionManager", "Login"),
    ("soap", "SessionManager", "Logout"),
    ("soap", "ViewManager", "CreateContainerView"),
    ("soap", "View", "DestroyView"),
    ("soap", "PropertyCollector", "CancelRetrievePropertiesEx"),
    ("vapi", "com.vmware.cis.session", "create"),
    ("vapi", "com.vmware.cis.session", "delete"),
}


@pytest.fixture(scope="module")
def vendor() -> dict[str, dict[str, str]]:
    text = (Path(__file__).parent / "data" / "vlcm-operations.csv").read_text("utf-8")
    return {row["vapi_operation"]: row for row in csv.DictReader(text.splitlines())}


def test_everything_on_the_list_reads_or_concerns_the_session_only() -> None:
    for key, operation in operations().items():
        assert operation.effect == ("session" if key in SESSION_ONLY else "read"), key
        assert operation.protocol in {"soap", "vapi", "esxcli"}


def test_vlcm_calls_are_synchronous_reads_with_the_vendors_version(vendor: dict[str, dict[str, str]]) -> None:
    checked = 0
    for (protocol, service, name), operation in operations().items():
        if protocol != "vapi" or service == "com.vmware.cis.session":
            continue
        row = vendor[f"{service}.{name}"]
        assert (row["effect"], row["kind"], row["since"]) == ("read", "sync", operation.since)
        checked += 1
    assert checked == 15


def test_soap_calls_exist_in_pyvmomi_and_want_no_privilege_to_change() -> None:
    declared: dict[tuple[str, str], str] = {}
    managers = ("scheduler.ScheduledTaskManager", "view.ViewManager", "host.ImageConfigManager")
    for name in ("ServiceInstance", "SessionManager", "HostSystem", "view.View", *managers):
        kind: Any = vim
        for part in name.split("."):
            kind = getattr(kind, part)
        for info in kind._methodInfo.values():
            declared[kind._wsdlName, info.wsdlName] = info.privId or ""
    reads = {"", "System.Anonymous", "System.View", "System.Read", "Host.Config.Image"}
    for protocol, service, name in operations():
        if protocol == "soap" and (service, name) in declared:
            assert declared[service, name] in reads


@pytest.mark.parametrize("name", ["apply_task", "stage_task", "scan_task", "check_task"])
def test_a_write_through_the_sdk_is_stopped_before_the_wire(name: str, certificate: Certificate) -> None:
    rpc = JsonRpc({})
    with serving(certificate, rpc) as server:
        session = VapiSession(Endpoint("x", "127.0.0.1", "u", server.port, certificate.thumbprint), lambda: "p")
        arguments: dict[str, Any] = {"cluster": "domain-c1"}
        if name != "scan_task":
            arguments["spec"] = getattr(
                Software, {"apply_task": "ApplySpec", "stage_task": "StageSpec"}.get(name, "CheckSpec")
            )()
        with pytest.raises(RefusedError):
            session.call(Software, name, **arguments)
        session.close()
    assert {operation for _, operation in rpc.calls} <= {"create", "delete"}


def test_every_dangerous_operation_of_vlcm_is_refused_by_the_gate(vendor: dict[str, dict[str, str]]) -> None:
    gate = Gate()
    dangerous = [name for name, row in vendor.items() if row["effect"] != "read"]
    assert len(dangerous) > 25
    for full in dangerous:
        service, _, name = full.rpartition(".")
        with pytest.raises(RefusedError):
            gate.check("vapi", (service,), name)
    assert gate.passed == {}


@pytest.mark.parametrize(
    ("kind", "method", "arguments"),
    [
        (vim.HostSystem, "Reboot", (True,)),
        (vim.HostSystem, "EnterMaintenanceMode", (0,)),
        (vim.HostSystem, "Reconnect", ()),
        (vim.host.ImageConfigManager, "UpdateAcceptanceLevel", ("community",)),
    ],
)
def test_a_write_through_pyvmomi_is_stopped_before_the_wire(vcsim: int, kind: Any, method: str, arguments: Any) -> None:
    from auditor.vcenter.tls import fetch_thumbprint

    pin = fetch_thumbprint("127.0.0.1", vcsim)
    session = SoapSession(Endpoint("x", "127.0.0.1", "auditor", vcsim, pin), lambda: "right")
    assert isinstance(attempt(lambda: session.call(lambda content: content.about)), Read)
    with pytest.raises(RefusedError):
        session.call(lambda _: getattr(session.object(kind, "host-1"), method)(*arguments))
    session.close()


def test_only_listed_esxcli_commands_pass() -> None:
    with pytest.raises(RefusedError):
        Gate().check("esxcli", ("vim.EsxCLI.software.vib",), "install")


@pytest.mark.parametrize(
    ("since", "version", "missing"),
    [
        ("7.0.2.0", "7.0.1", True),
        ("7.0.2.0", "7.0.2", False),
        ("7.0.2.0", "7.0.3", False),
        ("8.0.3.0", "7.0.3", True),
        ("8.0.3.0", "9.1.0", False),
        ("9.0.0.0", "8.0.3", True),
        ("7.0.2.0", "", False),
        ("", "7.0.3", False),
    ],
)
def test_what_a_version_lacks(since: str, version: str, missing: bool) -> None:
    assert Operation("vapi", "s", "o", since, "read", "").missing_in(version) is missing
