"""govc as an independent client of the lab's SOAP face."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from auditor.lab.faces.server import VCenterServer
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from tests import judges

pytestmark = pytest.mark.judge("govc")


class Govc:
    """Runs govc against a server."""

    def __init__(self, server: VCenterServer) -> None:
        self._program = judges.need("govc")
        self._environment = {
            **os.environ,
            "GOVC_URL": f"{server.url}/sdk",
            "GOVC_USERNAME": USER,
            "GOVC_PASSWORD": PASSWORD,
            "GOVC_TLS_CA_CERTS": str(server.certificate.cert_file),
            "GOVC_PERSIST_SESSION": "false",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments], env=self._environment, capture_output=True, text=True, timeout=30, check=False
        )

    def __call__(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(arguments[0], "-json", *arguments[1:]))


@pytest.fixture
def govc(server: VCenterServer) -> Govc:
    return Govc(server)


def test_about(govc: Govc, vcenter: LabVCenter) -> None:
    about = govc.json("about")["about"]
    assert (about["version"], about["build"], about["instanceUuid"]) == (
        "8.0.3",
        vcenter.database.build,
        vcenter.instance_uuid,
    )


def test_ls_and_find_walk_the_inventory(govc: Govc) -> None:
    assert govc("ls", "/Datacenter/host").split() == [
        "/Datacenter/host/prod",
        "/Datacenter/host/legacy",
        "/Datacenter/host/alone.lab.example",
    ]
    assert set(govc("find", "-type", "h").split()) == {
        "/Datacenter/host/prod/prod-1.lab.example",
        "/Datacenter/host/prod/prod-2.lab.example",
        "/Datacenter/host/prod/prod-3.lab.example",
        "/Datacenter/host/legacy/legacy-1.lab.example",
        "/Datacenter/host/alone.lab.example/alone.lab.example",
    }


def test_host_info(govc: Govc, vcenter: LabVCenter) -> None:
    (host,) = govc.json("host.info", "-host", "prod-1.lab.example")["hostSystems"]
    assert host["summary"]["config"]["product"]["build"] == "24585383"
    assert host["summary"]["hardware"]["uuid"] == vcenter.hosts["prod-1.lab.example"].uuid
    assert host["summary"]["runtime"]["connectionState"] == "connected"


def test_esxcli(govc: Govc, vcenter: LabVCenter) -> None:
    arguments = ("host.esxcli", "-host", "prod-1.lab.example")
    vibs = govc.json(*arguments, "software", "vib", "list")["values"]
    image = vcenter.hosts["prod-1.lab.example"].running_image
    assert [(each["Name"], each["Version"]) for each in vibs] == [([v.name], [v.version]) for v in image.vibs]
    version = govc.json(*arguments, "system", "version", "get")["values"]
    assert version == [{"Product": ["VMware ESXi"], "Version": ["8.0.3"]}]
    assert govc(*arguments, "system", "maintenanceMode", "get").strip() == "Disabled"


def test_esxcli_that_fails(govc: Govc, vcenter: LabVCenter) -> None:
    arguments = ("host.esxcli", "-host", "prod-1.lab.example", "software")
    assert "no memory & no luck" in govc.run(*arguments, "profile", "get").stderr
    assert "Unknown command" in govc.run(*arguments, "nonsense", "get").stderr
    vcenter.unreachable.add("prod-1.lab.example")
    assert "communicating with the remote host" in govc.run(*arguments, "vib", "list").stderr


def test_a_wrong_password_is_refused(server: VCenterServer) -> None:
    govc = Govc(server)
    govc._environment["GOVC_PASSWORD"] = "wrong"
    done = govc.run("about")
    assert done.returncode != 0
    assert "incorrect user name or password" in done.stderr
