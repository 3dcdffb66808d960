"""What bundles are said to hold."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.depot import read_bundle
from auditor.domain.bundle import Basis, Bundle, BundleKind, LayerKind, Payload
from auditor.errors import InputError
from tests.depot.build import Change, Files, Quiet, build

BASE = "8.0.3-0.70.24674464"
ESX_BASE = f"vib20/esx-base/VMware_bootbank_esx-base_{BASE}.vib"


def read(
    tmp_path: Path,
    name: str,
    *,
    metadata: Change | None = None,
    vibs: Change | None = None,
    outer: Change | None = None,
    verify: bool = True,
) -> Bundle:
    path = build(tmp_path / f"{name}.zip", name, metadata=metadata, vibs=vibs, outer=outer)
    return read_bundle(path, Quiet(), verify_vibs=verify)


def dropping(*parts: str) -> Change:
    def change(files: Files) -> None:
        for name in [name for name in files if any(part in name for part in parts)]:
            del files[name]

    return change


def replacing(part: str, old: str, new: str) -> Change:
    def change(files: Files) -> None:
        hits = [name for name in files if part in name and old.encode() in files[name]]
        assert hits, part
        for name in hits:
            files[name] = files[name].replace(old.encode(), new.encode())

    return change


def facts(bundle: Bundle) -> list[tuple[str, str, str, str]]:
    return [(layer.kind.value, layer.name, layer.version, layer.basis.value) for layer in bundle.layers]


def test_a_base_image_is_stated_by_its_file(tmp_path: Path) -> None:
    bundle = read(tmp_path, "base-image")
    assert bundle.kind is BundleKind.BASE_IMAGE
    assert facts(bundle) == [("base-image", "ESXi", BASE, "stated")]
    [image] = bundle.base_images
    assert str(image.version) == BASE
    assert image.display == "8.0 U3e - 24674464"
    assert image.source.refers_to == (f"ESXi_{BASE}", "VMware-VM-Tools_12.5.1.24649672-24649907")
    assert "<madeUpBaseImage>" in image.source.raw
    assert any("not published" in note for note in bundle.notes)
    assert [profile.name for profile in bundle.profiles] == ["ESXi-8.0U3e-24674464-no-tools", "ESXi-8.0U3e-24674464-standard"]
    assert [(p.product, p.version) for p in bundle.platforms] == [("embeddedEsx", "8.0.3"), ("esxio", "8.0.3")]
    assert bundle.sound


def test_components_and_vibs_with_all_facts(tmp_path: Path) -> None:
    bundle = read(tmp_path, "base-image")
    assert [(c.name, c.version, c.display_version) for c in bundle.components] == [
        ("ESXi", BASE, "8.0 U3e - 24674464"),
        ("VMware-VM-Tools", "12.5.1.24649672-24649907", "12.5.1"),
    ]
    assert bundle.components[0].vibs[0] == f"VMware_bootbank_esx-base_{BASE}"
    vib = next(vib for vib in bundle.vibs if vib.name == "esx-base")
    assert (vib.vendor, vib.kind, vib.acceptance_level, vib.path) == ("VMware", "bootbank", "certified", ESX_BASE)
    assert vib.payload is Payload.VERIFIED
    assert vib.members == ("descriptor.xml", "sig.pkcs7", "payload1")
    assert vib.signed is True
    assert len(bundle.vibs) == 3
    assert bundle.bulletins == ()


def test_a_metadata_file_of_unknown_kind_is_kept_raw_and_said(tmp_path: Path) -> None:
    bundle = read(tmp_path, "base-image")
    assert [(file.file, file.raw) for file in bundle.other_files] == [
        ("manifests/made-up.json", '{"made up": "a manifest of unknown form"}\n')
    ]
    assert any("manifests/made-up.json" in note for note in bundle.notes)


def test_a_custom_image_without_layer_files_is_split_by_inference(tmp_path: Path) -> None:
    bundle = read(tmp_path, "dell-custom")
    assert bundle.kind is BundleKind.CUSTOM_IMAGE
    assert facts(bundle) == [
        ("base-image", "ESXi", BASE, "inferred"),
        ("add-on", "DEL-ESXi", "803.24414501-A03", "inferred"),
    ]
    base, add_on = bundle.layers
    assert base.rests_on == "version of component ESXi"
    assert "image profile DEL-ESXi_803.24414501-A03 (as Dell names its add-ons)" in add_on.rests_on
    assert "partners' VIBs: BCM 1" in add_on.rests_on
    assert [component.name for component in base.components] == ["ESXi"]
    assert [component.name for component in add_on.components] == ["Broadcom-lsi-mr3"]


def test_without_a_component_the_base_image_is_inferred_from_esx_base(tmp_path: Path) -> None:
    def old(files: Files) -> None:
        dropping("bulletins/ESXi", "vmware.xml")(files)

    bundle = read(tmp_path, "dell-custom", metadata=old)
    assert bundle.layers[0].version == BASE
    assert bundle.layers[0].rests_on == "version of VIB esx-base"


def test_partners_vibs_without_a_profile_make_an_add_on_of_unknown_name(tmp_path: Path) -> None:
    bundle = read(tmp_path, "dell-custom", metadata=dropping("profiles/"))
    assert facts(bundle)[1] == ("add-on", "", "", "inferred")
    assert "no image profile names an add-on" in bundle.layers[1].rests_on


def test_a_plain_images_own_profiles_make_no_add_on(tmp_path: Path) -> None:
    bundle = read(tmp_path, "base-image")
    vibs = tuple(replace(vib, vendor="INT") if vib.name == "ntg3" else vib for vib in bundle.vibs)
    from auditor.domain.bundle_layers import split

    assert [layer.kind for layer in split(replace(bundle, vibs=vibs))] == [LayerKind.BASE_IMAGE]


def test_an_add_on_is_stated_by_its_file(tmp_path: Path) -> None:
    bundle = read(tmp_path, "hpe-add-on")
    assert bundle.kind is BundleKind.ADD_ON
    assert facts(bundle) == [("add-on", "HPE-Custom-AddOn", "803.0.0.11.8.0-6", "stated")]
    assert bundle.add_ons[0].vendor == "Hewlett Packard Enterprise"
    assert bundle.add_ons[0].source.refers_to == ("ilo-driver_800.10.9.0.5-1OEM.800.1.0.20613240",)


def test_an_add_on_known_by_its_id_alone_in_a_folder_written_otherwise(tmp_path: Path) -> None:
    def put(files: Files) -> None:
        dropping("addOns/")(files)
        files["addons/one.xml"] = b"<x><id>HPE-Custom-AddOn:803.0.0.11.8.0-6</id></x>"

    bundle = read(tmp_path, "hpe-add-on", metadata=put)
    assert facts(bundle) == [("add-on", "HPE-Custom-AddOn", "803.0.0.11.8.0-6", "stated")]


def test_a_profile_name_that_ends_in_words_names_no_version(tmp_path: Path) -> None:
    profile = "DEL-ESXi_803.24414501-A03"
    bundle = read(tmp_path, "dell-custom", metadata=replacing("profiles/", profile, "our_own_image"))
    assert facts(bundle)[1] == ("add-on", "", "", "inferred")


def test_a_driver_bundle_is_components_only(tmp_path: Path) -> None:
    bundle = read(tmp_path, "hpe-add-on", metadata=dropping("addOns/"))
    assert bundle.layers == ()
    assert bundle.kind is BundleKind.COMPONENTS


def test_a_bulletin_of_before_7_0_is_no_component(tmp_path: Path) -> None:
    bundle = read(tmp_path, "old-kind")
    assert bundle.kind is BundleKind.VIBS
    assert bundle.components == ()
    assert [(b.id, b.vendor, b.summary) for b in bundle.bulletins] == [("VDVS_driver-0.21", "VMware", "VDVS_Driver Bulletin")]
    [vib] = bundle.vibs
    assert (vib.name, vib.version, vib.vendor) == ("ghettoVCB", "1.0.0-0.0.0", "virtuallyGhetto")
    assert vib.payload is Payload.VERIFIED, "sha-1 is all it names"
    assert vib.signed is False
    assert any("vmware-esx-vmdkops-0.21.ddbf56b" in note for note in bundle.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<x><aVersion>8.0.3-0.70.24674464</aVersion></x>", "8.0.3-0.70.24674464"),
        ("<x><id>ESXi_9.0.1-0.24957456</id></x>", "9.0.1-0.24957456"),
        ("<x><id>ESXi:7.0.2-0.0.17867351</id></x>", "7.0.2-0.0.17867351"),
        ('<x version="9.1.0.0200.25557999"/>', "9.1.0.0200.25557999"),
        ("<xs><x><version>8.0.3-0.70.24674464</version></x></xs>", "8.0.3-0.70.24674464"),
        ("<x><aVersion>8.0.3-0.70.24674464</aVersion><bVersion>8.0.3-0.60.24585383</bVersion></x>", None),
        ("<x><other>8.0.3-0.70.24674464</other></x>", None),
        ("<x><deep><version>8.0.3-0.70.24674464</version><b/></deep><leaf>1</leaf></x>", None),
        ("plain words", None),
    ],
)
def test_a_base_image_file_is_read_by_what_its_elements_are_called(tmp_path: Path, text: str, expected: str | None) -> None:
    def put(files: Files) -> None:
        files["baseImages/ESXi-8.0.3.xml"] = text.encode()

    bundle = read(tmp_path, "base-image", metadata=put)
    [image] = bundle.base_images
    assert (str(image.version) if image.version else None) == expected
    assert image.source.raw == text
    assert (bundle.layers[0].basis, bundle.layers[0].version) == (Basis.STATED, expected or "")
    if expected is None:
        assert any("raw text is kept" in note and image.source.file in note for note in bundle.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"releaseID": "ESXi:8.0.3-0.70.24674464", "components": {"ESXi": "8.0.3-0.70.24674464"}}', "8.0.3-0.70.24674464"),
        ('{"baseImageSpec": {"version": "8.0.3-0.70.24674464"}, "components": {"x": "1"}}', "8.0.3-0.70.24674464"),
        ('\ufeff{"BaseImageSpec": {"Version": "8.0.3-0.70.24674464"}}', "8.0.3-0.70.24674464"),
        ('{"unit": [{"version": "8.0.3-0.70.24674464", "of": [[1, []], null]}]}', "8.0.3-0.70.24674464"),
        ('{"version": "8.0.3-0.70.24674464", "version": "8.0.3-0.35.24280767"}', None),
        ('{"image": "8.0.3-0.70.24674464", "parts": {"other": {"version": "8.0.3-0.70.24674464"}}}', None),
    ],
)
def test_a_base_image_file_in_json_is_read_by_the_same_rule(tmp_path: Path, text: str, expected: str | None) -> None:
    def change(files: Files) -> None:
        dropping("baseImages/")(files)
        files["baseImages/ESXi.json"] = text.encode()

    [image] = read(tmp_path, "base-image", metadata=change).base_images
    assert (image.version and str(image.version)) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_add_on_file_in_json(tmp_path: Path, encoding: str) -> None:
    text = '{"addOnSpec": {"name": "XYZ-AddOn", "version": 803.10}, "components": {"XYZ-mydrv": "1.2.3-1OEM"}}'

    def change(files: Files) -> None:
        files["addons/XYZ_1.json"] = text.encode(encoding)

    [found] = read(tmp_path, "base-image", metadata=change).add_ons
    assert (found.name, found.version) == ("XYZ-AddOn", "803.10")


@pytest.mark.parametrize("text", ['{"version": "8.0', "[" * 100_000, '{"a": ' * 70 + "1" + "}" * 70])
def test_json_that_is_cut_off_or_far_too_deep(tmp_path: Path, text: str) -> None:
    def change(files: Files) -> None:
        files["baseImages/ESXi.json"] = text.encode()

    with pytest.raises(InputError, match="JSON") as caught:
        read(tmp_path, "base-image", metadata=change)
    assert "baseImages/ESXi.json" in caught.value.where


def test_several_base_images_in_one_file(tmp_path: Path) -> None:
    def put(files: Files) -> None:
        one, two = (f"<i><name>ESXi</name><version>{v}</version></i>" for v in (BASE, "8.0.3-0.60.24585383"))
        files["baseImages/ESXi-8.0.3.xml"] = f"<all>{one}{two}</all>".encode()

    bundle = read(tmp_path, "base-image", metadata=put)
    assert [layer.version for layer in bundle.layers] == [BASE, "8.0.3-0.60.24585383"]


def test_a_wrong_checksum_a_wrong_size_and_a_missing_file_are_named(tmp_path: Path) -> None:
    def damage(files: Files) -> None:
        files[ESX_BASE] = files[ESX_BASE].replace(b"made up: the files", b"made up: THE FILES")
        del files["vib20/tools-light/VMware_locker_tools-light_12.5.1.24649672-24649907.vib"]
        name = next(name for name in files if "ntg3" in name)
        files[name] += b"more"

    bundle = read(tmp_path, "base-image", outer=damage)
    states = {vib.name: vib for vib in bundle.vibs}
    assert states["esx-base"].payload is Payload.DIFFERS
    assert states["esx-base"].detail.startswith("sha-256 is ")
    assert "bytes instead of" not in states["esx-base"].detail
    assert states["ntg3"].payload is Payload.DIFFERS
    assert "bytes instead of" in states["ntg3"].detail
    assert states["tools-light"].payload is Payload.MISSING
    assert not bundle.sound


def test_without_verification_missing_files_are_still_found_and_nothing_else_is_claimed(tmp_path: Path) -> None:
    def damage(files: Files) -> None:
        files[ESX_BASE] = b"rubbish"
        del files["vib20/tools-light/VMware_locker_tools-light_12.5.1.24649672-24649907.vib"]

    bundle = read(tmp_path, "base-image", outer=damage, verify=False)
    assert {vib.name: vib.payload for vib in bundle.vibs} == {
        "esx-base": Payload.NOT_CHECKED,
        "ntg3": Payload.NOT_CHECKED,
        "tools-light": Payload.MISSING,
    }


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: b"no archive at all", "not an ar archive"),
        (lambda data: data[:-30], "cut off"),
        (lambda data: data.replace(b"descriptor.xml  ", b"something.xml   "), "no descriptor.xml"),
        (lambda data: data.replace(b"</vib>", b"</bib>"), "not well-formed"),
        (lambda data: data.replace(b"`\n", b"!!", 1), "header of member 1"),
    ],
)
def test_a_file_that_fits_its_checksum_but_is_no_vib(tmp_path: Path, change: object, fault: str) -> None:
    def damage(files: Files) -> None:
        files[ESX_BASE] = change(files[ESX_BASE])  # type: ignore[operator]

    bundle = read(tmp_path, "base-image", vibs=damage)
    vib = next(vib for vib in bundle.vibs if vib.name == "esx-base")
    assert vib.payload is Payload.DAMAGED
    assert fault in vib.detail


def test_a_vib_that_is_another_one_inside(tmp_path: Path) -> None:
    bundle = read(tmp_path, "base-image", vibs=replacing("esx-base", f"<version>{BASE}", "<version>8.0.3-0.60.24585383"))
    vib = next(vib for vib in bundle.vibs if vib.name == "esx-base")
    assert vib.payload is Payload.DIFFERS
    assert "the version inside is '8.0.3-0.60.24585383'" in vib.detail


def test_a_checksum_of_unknown_kind_is_not_called_verified(tmp_path: Path) -> None:
    def rename(files: Files) -> None:
        replacing("vmware.xml", "<checksumType>sha-256", "<checksumType>blake9")(files)
        replacing("vibs/", 'checksum-type="sha-256"', 'checksum-type="blake9"')(files)

    bundle = read(tmp_path, "base-image", metadata=rename)
    assert {vib.payload for vib in bundle.vibs} == {Payload.NO_CHECKSUM}
    assert "blake9" in bundle.vibs[0].detail


def test_metadata_that_contradicts_itself_is_a_problem(tmp_path: Path) -> None:
    def contradict(files: Files) -> None:
        name = "vibs/esx-base-1.xml"
        files[name] = files[name].replace(b"<packed-size>", b"<packed-size>9")

    bundle = read(tmp_path, "base-image", metadata=contradict)
    assert not bundle.sound
    assert any("packed size" in problem and "esx-base" in problem for problem in bundle.problems)


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("sha-1", hashlib.sha1), ("sha1", hashlib.sha1), ("SHA-512", hashlib.sha512), ("sha256", hashlib.sha256)],
)
def test_every_checksum_named_must_fit(tmp_path: Path, algorithm: str, digest: object) -> None:
    good = digest  # the hash function of hashlib

    def further(value: str) -> Change:
        def change(files: Files) -> None:
            name = "vibs/esx-base-1.xml"
            extra = f'<checksum checksum-type="{algorithm}">{value}</checksum></vib>'
            files[name] = files[name].replace(b"</vib>", extra.encode())

        return change

    sums: dict[str, str] = {}

    def note(files: Files) -> None:
        sums["it"] = good(files[ESX_BASE]).hexdigest()  # type: ignore[operator]

    build(tmp_path / "x.zip", "base-image", vibs=note)
    for value, payload in ((sums["it"].upper(), Payload.VERIFIED), ("0" * 40, Payload.DIFFERS)):
        bundle = read(tmp_path, "base-image", metadata=further(value))
        assert next(vib.payload for vib in bundle.vibs if vib.name == "esx-base") is payload


def test_vmware_xml_alone_and_single_files_alone_say_the_same(tmp_path: Path) -> None:
    whole = read(tmp_path, "base-image")
    alone = read(tmp_path, "base-image", metadata=dropping("bulletins/", "vibs/"))
    single = read(tmp_path, "base-image", metadata=dropping("vmware.xml"))
    for other in (alone, single):
        assert other.components == whole.components
        assert [(v.id, v.payload, v.checksums) for v in other.vibs] == [(v.id, v.payload, v.checksums) for v in whole.vibs]


def test_the_folder_of_a_vendor_index_is_found(tmp_path: Path) -> None:
    def move(files: Files) -> None:
        for name in list(files):
            if name != "index.xml":
                files[f"DEL/{name}"] = files.pop(name)
        files["index.xml"] = files["index.xml"].replace(b"<relativePath/>", b"<relativePath>DEL</relativePath>")

    bundle = read(tmp_path, "dell-custom", outer=move)
    assert bundle.sound
    assert {vib.payload for vib in bundle.vibs} == {Payload.VERIFIED}
    assert all(vib.path.startswith("DEL/vib20/") for vib in bundle.vibs)


def test_a_missing_index_is_got_round_and_noted(tmp_path: Path) -> None:
    bundle = read(tmp_path, "dell-custom", outer=dropping("index.xml"))
    assert bundle.kind is BundleKind.CUSTOM_IMAGE
    assert any("metadata.zip was read instead" in note for note in bundle.notes)


def test_vibs_no_metadata_names_are_listed(tmp_path: Path) -> None:
    def add(files: Files) -> None:
        files["vib20/stray/stray.vib"] = b"x"

    bundle = read(tmp_path, "base-image", outer=add)
    assert bundle.unlisted == ("vib20/stray/stray.vib",)
    assert any("stray.vib" in note for note in bundle.notes)


def test_progress_counts_the_vibs(tmp_path: Path) -> None:
    progress = Quiet()
    read_bundle(build(tmp_path / "b.zip", "base-image"), progress)
    assert progress.totals == {"VIBs of b.zip": 3}
    assert progress.steps == ["esx-base", "ntg3", "tools-light"]
