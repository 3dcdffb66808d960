"""A small simulated vCenter, served on a free port, and the official clients against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from com.vmware import cis_client
from pyVim.connect import Disconnect, SmartConnect
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.security.client.security_context_filter import LegacySecurityContextFilter
from vmware.vapi.security.session import create_session_security_context
from vmware.vapi.security.user_password import create_user_password_security_context
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

from auditor.lab.faces.esxcli import EsxcliAnswer
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"


def esxcli(host: LabHost, command: str, options: Mapping[str, str]) -> EsxcliAnswer:
    """Enough of esxcli to see the three forms of an answer."""
    image = host.running_image
    if command == "software.vib.list":
        rows = [{"Name": vib.name, "Version": vib.version, "Vendor": vib.vendor} for vib in image.vibs]
        return EsxcliAnswer("list", "VIBSummaryExt", rows)
    if command == "system.version.get":
        return EsxcliAnswer("struct", "VersionGet", [{"Product": "VMware ESXi", "Version": image.product_version}])
    if command == "system.maintenanceMode.get":
        return EsxcliAnswer("text", "string", [{"Value": "Enabled" if host.maintenance else "Disabled"}])
    if command == "software.profile.get":
        raise RuntimeError("[MemoryError] no memory & no luck")
    raise LookupError(command)


COMMANDS = {
    "software.vib.list": "table",
    "software.profile.get": "simple",
    "system.version.get": "simple",
    "system.maintenanceMode.get": "simple",
}


def fill(vcenter: LabVCenter, hosts: int = 3) -> LabVCenter:
    """Cluster `prod` by image OLD, cluster `legacy` on baselines with one host, one stand-alone host."""
    vcenter.database.depot.add_base_image(OLD)
    vcenter.database.depot.add_base_image(NEW)
    for name, count in (("prod", hosts), ("legacy", 1)):
        vcenter.add_cluster(name)
        for number in range(1, count + 1):
            vcenter.add_host(LabHost(f"{name}-{number}.lab.example", make_image(OLD)), name)
    vcenter.add_host(LabHost("alone.lab.example", make_image(OLD)))
    vcenter.set_desired("prod", DesiredSoftware(OLD), message="first image")
    vcenter.scan("prod")
    return vcenter


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[LabVCenter], VCenterServer]]:
    """Serve a vCenter until the test ends."""
    running: list[VCenterServer] = []

    def start(vcenter: LabVCenter) -> VCenterServer:
        folder = tmp_path / f"vc{len(running)}"
        folder.mkdir()
        server = VCenterServer(vcenter, folder, run=esxcli, commands=COMMANDS)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def server(serve: Callable[[LabVCenter], VCenterServer]) -> VCenterServer:
    """The small vCenter, version 8.0.3."""
    return serve(fill(LabVCenter("8.0.3")))


@pytest.fixture
def vcenter(server: VCenterServer) -> LabVCenter:
    return server.vcenter


@pytest.fixture
def soap(server: VCenterServer) -> Iterator[Any]:
    """pyVmomi, logged in."""
    connection = connect(server)
    yield connection
    Disconnect(connection)


def connect(server: VCenterServer, *, password: str = PASSWORD) -> Any:
    thumbprint = server.certificate.thumbprint.replace(":", "").lower()
    return SmartConnect(host="127.0.0.1", port=server.http.port, user=USER, pwd=password, thumbprint=thumbprint)


class Vapi:
    """The official client: `call(ClientClass).operation(...)`."""

    def __init__(self, server: VCenterServer) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(server.certificate.cert_file)
        self._url = f"https://127.0.0.1:{server.http.port}/api"
        self.session_id = ""

    def config(self, security: Any) -> Any:
        connector = get_requests_connector(
            session=self._session,
            url=self._url,
            timeout=20,
            provider_filter_chain=[LegacySecurityContextFilter(security_context=security)],
        )
        return StubConfigurationFactory.new_std_configuration(connector)

    def login(self, password: str = PASSWORD) -> Vapi:
        security = create_user_password_security_context(USER, password)
        self.session_id = cis_client.Session(self.config(security)).create()
        return self

    def call(self, client: Any) -> Any:
        return client(self.config(create_session_security_context(self.session_id)))


@pytest.fixture
def vapi(server: VCenterServer) -> Vapi:
    return Vapi(server).login()
