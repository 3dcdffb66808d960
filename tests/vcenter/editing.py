"""A small simulated vCenter with hosts ahead of their cluster's image, and the objects that write, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.depot_editor import VCenterDepotEditor
from auditor.vcenter.editor import VCenterImageEditor
from auditor.vcenter.exporter import VCenterImageExporter
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tasks import Patience

OLD, NEW, NEWEST = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464", "8.0.3-0.79.24859861"
ADD_ON = ("DEL-ESXi", "803.24414501-A03")
VERSIONS = ("7.0.3", "8.0.2", "8.0.3", "9.1")
QUICK = Patience(task=100, first=0.02, longest=0.1, absence=90)  # quick to ask again; what it asks for may take its time
IN_VAIN = Patience(task=5, first=0.02, longest=0.1, absence=1)  # for what never comes


class Place:
    """One served vCenter: cluster `prod` wants OLD, its two hosts run NEW."""

    def __init__(self, server: VCenterServer) -> None:
        self.server = server
        self.vcenter = server.vcenter
        self.cluster = self.vcenter.cluster("prod").moid

    def settings(self, **changes: object) -> VCenterSettings:
        known = {
            "name": "lab",
            "host": "127.0.0.1",
            "user": self.vcenter.sessions.user,
            "port": self.server.http.port,
            "thumbprint": self.server.certificate.thumbprint,
            "read_timeout": 60.0,
        }
        return VCenterSettings(**(known | changes))  # type: ignore[arg-type]

    def password(self) -> str:
        return self.vcenter.password

    def editor(self, *, may_commit: bool = True, patience: Patience = QUICK) -> VCenterImageEditor:
        return VCenterImageEditor(self.settings(), self.password, may_commit=may_commit, patience=patience)

    def depot_editor(self) -> VCenterDepotEditor:
        return VCenterDepotEditor(self.settings(), self.password, patience=QUICK, upload_port=self.server.http.port)

    def exporter(self) -> VCenterImageExporter:
        return VCenterImageExporter(self.settings(), self.password, QUICK)

    def host_digests(self) -> dict[str, str]:
        return {name: host.state_digest() for name, host in self.vcenter.hosts.items()}

    def host_acts(self) -> list[str]:
        return [f"{host.name}: {act.what}" for host in self.vcenter.hosts.values() for act in host.acts]


def fill(vcenter: LabVCenter) -> LabVCenter:
    """Cluster `prod`: image OLD, hosts NEW, as after a restore."""
    vcenter.database.depot.add_base_image(OLD)
    vcenter.database.depot.add_base_image(NEW)
    vcenter.add_cluster("prod")
    for number in (1, 2):
        vcenter.add_host(LabHost(f"prod-{number}.lab.example", make_image(NEW)), "prod")
    vcenter.set_desired("prod", DesiredSoftware(OLD), message="first image")
    vcenter.scan("prod")
    return vcenter


@contextmanager
def served(vcenter: LabVCenter, folder: Path) -> Iterator[Place]:
    server = VCenterServer(vcenter, folder, run=run_esxcli, commands=FORMATTERS)
    server.start()
    try:
        yield Place(server)
    finally:
        server.stop()
