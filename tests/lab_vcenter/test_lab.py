"""The lab as a whole: vCenter and the hosts' SSH say the same."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.lab.faces.esxcli import to_xml
from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabVib, make_image
from auditor.lab.lab import Lab
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, fill


@pytest.fixture
def lab() -> Iterator[Lab]:
    vcenter = fill(LabVCenter("8.0.3"))
    made = Lab(vcenter, vcenter.hosts.values())
    made.start()
    yield made
    made.stop()


def test_it_says_how_to_connect_and_keeps_passwords_out_of_print(lab: Lab) -> None:
    info = lab.connection_info()
    assert set(info.hosts) == set(lab.vcenter.hosts)
    access = info.hosts["prod-1.lab.example"]
    assert access.port > 0
    assert access.known_hosts.split()[0] in (f"[{access.address}]:{access.port}", access.address)
    assert info.password not in repr(info)
    assert access.password not in repr(info)
    context = ssl.create_default_context(cafile=str(info.ca_file))
    with urllib.request.urlopen(f"{info.url}/sdk/vimServiceVersions.xml", context=context, timeout=20) as answer:
        assert b"8.0.3.0" in answer.read()


def test_the_thumbprint_is_the_certificates(lab: Lab) -> None:
    import hashlib

    pem = ssl.get_server_certificate((lab.address, lab.port))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    assert lab.connection_info().thumbprint.replace(":", "") == digest


def test_it_can_be_stopped_twice_and_leaves_nothing(lab: Lab) -> None:
    folder = lab.connection_info().ca_file.parent
    lab.stop()
    lab.stop()
    assert not folder.exists()


def test_a_given_folder_is_left_alone(tmp_path: Path) -> None:
    lab = Lab(LabVCenter("8.0.3"), (), tmp_path)
    lab.start()
    lab.stop()
    assert (tmp_path / "vcenter.pem").exists()
    assert (tmp_path / "vcenter.key").stat().st_mode & 0o077 == 0


def test_esxcli_through_the_api_is_the_hosts_own() -> None:
    host = LabHost("esx.lab.example", make_image(OLD))
    host.stage(make_image(NEW))
    now = run_esxcli(host, "software.vib.list", {})
    next_boot = run_esxcli(host, "software.vib.list", {"rebootingimage": "true"})
    versions = [{row["Name"]: row["Version"] for row in each.rows}["esx-base"] for each in (now, next_boot)]
    assert versions == [make_image(OLD).vib_version, make_image(NEW).vib_version]
    assert (now.form, FORMATTERS["software.vib.list"]) == ("list", "table")
    assert run_esxcli(host, "software.profile.get", {}).form == "struct"
    assert to_xml("system.maintenanceMode.get", run_esxcli(host, "system.maintenanceMode.get", {})).endswith(
        'xsi:type="xsd:string">Disabled</obj>'
    )
    with pytest.raises(LookupError):
        run_esxcli(host, "software.nonsense.get", {})
    with pytest.raises(RuntimeError, match="Invalid option"):
        run_esxcli(host, "software.vib.list", {"nonsense": "1"})


def test_a_live_installed_vib_shows_in_the_api() -> None:
    host = LabHost("esx.lab.example", make_image(OLD))
    host.live_install(LabVib("own-vib", "1.0-1", "Lab"))
    names = [row["Name"] for row in run_esxcli(host, "software.vib.list", {}).rows]
    assert "own-vib" in names
