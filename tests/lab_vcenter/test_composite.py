"""Composite images and hardware support at the wire: read, edited part by part, scanned host by host, exported and imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.domain.editing import ExportKind
from auditor.domain.image import HardwareSupport
from auditor.errors import AbsentError, FailedError, RefusedError
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.drafts import problems, read_specification, write_specification
from auditor.lab.vcenter.parts import Alternative, Hardware, Selection, chosen
from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.editor import VCenterImageEditor
from tests.vcenter.editing import Place, served

BASE = "9.0.1.0.24957456"
ADD_ON = ("HPE-Custom-AddOn", "900.0.0.12.3.5-5")
PACKAGE = ("com.maker.hsm", "Maker-Firmware", "2026.01")
BLADE = LabHost("blade.lab.example", make_image(BASE))
SOFTWARE = DesiredSoftware(
    BASE,
    alternatives=(
        Alternative("Blades", "Blade hosts", Selection((BLADE.uuid,)), packages=(PACKAGE,)),
        Alternative("maker", "Hosts of a maker", Selection(vendor="Maker", models=("M1", "M2")), add_on=ADD_ON),
    ),
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    vcenter = LabVCenter("9.1")
    vcenter.database.depot.add_base_image(BASE)
    vcenter.add_cluster("prod")
    for name in ("plain.lab.example", "blade.lab.example", "maker.lab.example"):
        host = LabHost(name, make_image(BASE))
        if name.startswith("maker"):
            host.vendor, host.model = "Maker", "M2"
        vcenter.add_host(host, "prod")
    vcenter.set_desired("prod", SOFTWARE)
    vcenter.scan("prod")
    with served(vcenter, tmp_path) as place:
        yield place


@pytest.fixture
def editor(place: Place) -> Iterator[VCenterImageEditor]:
    made = place.editor(may_commit=True)
    yield made
    made.close()


def test_each_host_is_compared_with_its_own_part(place: Place, editor: VCenterImageEditor) -> None:
    verdict = editor.compliance(place.cluster)
    names = {id_: name.partition(".")[0] for id_, name in verdict.host_names}
    found = {names[host.host]: (host.image, host.status) for host in verdict.hosts}
    assert found == {
        "plain": ("", "COMPLIANT"),
        "blade": ("Blades", "NON_COMPLIANT"),  # no firmware
        "maker": ("maker", "NON_COMPLIANT"),  # no add-on
    }
    blade = next(host for host in verdict.hosts if host.image == "Blades")
    [(manager, package)] = blade.hardware_support
    assert (manager, package.status, package.current, package.target, package.name) == (
        "com.maker.hsm", "NON_COMPLIANT", None, "2026.01", "Maker-Firmware",
    )  # fmt: skip


def test_layers_of_a_part_are_set_in_a_draft_and_the_other_parts_stay(place: Place, editor: VCenterImageEditor) -> None:
    draft = editor.create_draft(place.cluster)
    editor.delete_add_on(place.cluster, draft, image="MAKER")  # ids have no case
    editor.set_hardware_support(place.cluster, draft, (), image="Blades")
    editor.set_components(place.cluster, draft, {"Broadcom-ntg3": "x"}, image="Blades")
    editor.set_components(place.cluster, draft, {}, {"Broadcom-ntg3"}, image="Blades")
    editor.set_removed_component(place.cluster, draft, "VMware-VM-Tools", image="maker")
    editor.delete_removed_component(place.cluster, draft, "VMware-VM-Tools", image="maker")
    spec = json.loads(editor.draft_image(place.cluster, draft).spec)
    assert "add_on" not in spec["alternative_images"]["maker"]
    assert set(spec["alternative_images"]["Blades"]) == {"base_image", "display_name", "selection_criteria"}
    verdict = editor.scan_draft(place.cluster, draft)
    assert {host.status for host in verdict.hosts} == {"COMPLIANT"}
    editor.set_add_on(place.cluster, draft, *ADD_ON, image="maker")
    editor.set_hardware_support(place.cluster, draft, (HardwareSupport(*PACKAGE),), image="Blades")
    editor.set_hardware_support(place.cluster, draft, (HardwareSupport(*PACKAGE),))
    image = editor.draft_image(place.cluster, draft)
    assert image.hardware_support == (HardwareSupport(*PACKAGE),)
    assert json.loads(image.spec)["alternative_images"] == json.loads(editor.image(place.cluster).spec)["alternative_images"]
    with pytest.raises(AbsentError):
        editor.delete_add_on(place.cluster, draft, image="nobody")


def test_the_depot_must_have_what_every_part_names(place: Place, editor: VCenterImageEditor) -> None:
    draft = editor.create_draft(place.cluster)
    found = editor.validate(place.cluster, draft)
    assert [notice.text for notice in found.errors] == ["The depot has no add-on HPE-Custom-AddOn 900.0.0.12.3.5-5."]


def test_an_export_can_be_imported_again(place: Place, tmp_path: Path) -> None:
    exporter = place.exporter()
    file = tmp_path / "image.json"
    exporter.fetch(exporter.export(place.cluster, ExportKind.SPECIFICATION), file)
    exporter.close()
    assert read_specification(file.read_text(), (9, 1)).software == SOFTWARE
    assert read_specification(write_specification(SOFTWARE), (9, 0)).unknown == ()


def test_an_older_vcenter_has_no_such_images(tmp_path: Path) -> None:
    vcenter = LabVCenter("8.0.3")
    vcenter.database.depot.add_base_image("8.0.3-0.70.24674464")
    vcenter.add_cluster("prod")
    vcenter.set_desired("prod", DesiredSoftware("8.0.3-0.70.24674464"))
    with served(vcenter, tmp_path) as place:
        editor = place.editor(may_commit=False)
        with pytest.raises(FailedError, match="alternative_images"):
            editor.import_spec(place.cluster, write_specification(SOFTWARE))
        draft = editor.create_draft(place.cluster)
        with pytest.raises(RefusedError):
            editor.set_add_on(place.cluster, draft, *ADD_ON, image="maker")
        editor.close()
    older = [
        text
        for _, text in problems(
            DesiredSoftware("8.0.3-0.70.24674464", alternatives=SOFTWARE.alternatives), LabVCenter().database.depot
        )
    ]
    assert any("older than 9.0" in text for text in older)


@pytest.mark.parametrize(
    ("hardware", "part"),
    [
        (Hardware(BLADE.uuid.upper(), "Lab", "x"), "Blades"),
        (Hardware("u", "Maker", "M1"), "maker"),
        (Hardware("u", "Maker", "M3"), None),
        (Hardware("u", "Other", "M1"), None),
        (Hardware(BLADE.uuid, "Maker", "M1"), "Blades"),
    ],
)
def test_which_hosts_a_part_is_for(hardware: Hardware, part: str | None) -> None:
    found = chosen(SOFTWARE.alternatives, hardware)
    assert (found.id if found else None) == part
