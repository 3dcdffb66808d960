"""XML made to harm inside zips: entities, depth, encodings, descriptors without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.depot import Limits, read_bundle
from auditor.domain.bundle import Payload
from tests.depot.build import Change, Files, Quiet, ar, build, bundle_files
from tests.depot.hostile import META, MIB, refused

LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""
DTD = b"""<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd"><x/>"""


def put(name: str, data: bytes) -> Change:
    def change(files: Files) -> None:
        assert name in files
        files[name] = data

    return change


@pytest.mark.parametrize("attack", [LAUGHS, OUTSIDE, DTD], ids=["laughs", "outside", "dtd"])
@pytest.mark.parametrize(
    "name",
    ["vmware.xml", "vibs/esx-base-1.xml", "baseImages/ESXi-8.0.3.xml", "profiles/standard.xml", "manifests/made-up.json"],
)
def test_xml_attacks_in_the_metadata(tmp_path: Path, name: str, attack: bytes) -> None:
    error = refused(build(tmp_path / "x.zip", "base-image", metadata=put(name, attack)))
    assert "document type or entities" in error.what
    assert error.where.endswith(f"{META}: {name}")


def test_xml_attacks_in_the_indexes_and_in_a_vib(tmp_path: Path) -> None:
    for name in ("index.xml", "vendor-index.xml"):
        assert "entities" in refused(build(tmp_path / "x.zip", "base-image", outer=put(name, LAUGHS))).what
    vib = next(name for name in bundle_files("base-image") if "ntg3" in name)
    error = refused(build(tmp_path / "x.zip", "base-image", vibs=put(vib, ar({"descriptor.xml": LAUGHS}))))
    assert "entities" in error.what
    assert error.where.endswith(f"{vib}: descriptor.xml")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<x>" * 100 + "</x>" * 100, "more than 64 deep"),
        ("<x>" + "<y/>" * 1001 + "</x>", "more than 1,000 elements"),
        ("<metadataResponse><bulletin>", "not well-formed"),
        ("", "not well-formed"),
        ('<?xml version="1.0" encoding="no-such"?><x/>', "XML"),
        ('<?xml version="1.0" encoding="utf-8"?><x>\udcff</x>', "not well-formed"),
        ('<?xml version="1.0" encoding="big5"?><x/>', "encoding"),
    ],
)
def test_ugly_xml(tmp_path: Path, text: str, what: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    path = build(tmp_path / "x.zip", "base-image", metadata=put("vmware.xml", data))
    error = refused(path, Limits(elements_per_file=1000))
    assert what in error.what
    assert error.where.endswith("vmware.xml")


def test_elements_of_all_files_together_are_limited(tmp_path: Path) -> None:
    assert "elements" in refused(build(tmp_path / "x.zip", "base-image"), Limits(elements=150)).what


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_other_encodings_of_xml_are_read(tmp_path: Path, encoding: str) -> None:
    def recode(files: Files) -> None:
        for name in ("vmware.xml", "baseImages/ESXi-8.0.3.xml"):
            text = files[name].decode().partition("?>")[2] if name == "vmware.xml" else files[name].decode()
            declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{text}'
            files[name] = declared.replace("VMware, Inc.", "VMwäre").encode(encoding)

    bundle = read_bundle(build(tmp_path / "x.zip", "base-image", metadata=recode), Quiet())
    assert bundle.sound
    assert bundle.components[0].vendor == "VMwäre"
    assert str(bundle.base_images[0].version) == "8.0.3-0.70.24674464"


def test_a_descriptor_without_end_is_not_taken_into_memory(tmp_path: Path) -> None:
    vib = next(name for name in bundle_files("base-image") if "ntg3" in name)
    path = build(tmp_path / "x.zip", "base-image", vibs=put(vib, ar({"descriptor.xml": os.urandom(1 * MIB)})))
    bundle = read_bundle(path, Quiet(), limits=Limits(descriptor=1000))
    entry = next(entry for entry in bundle.vibs if entry.name == "ntg3")
    assert entry.payload is Payload.DAMAGED
    assert "at most 1,000 are read" in entry.detail
