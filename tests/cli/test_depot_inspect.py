"""``auditor depot inspect`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor import documents, resources
from auditor.cli.main import main
from auditor.domain.bundle import Basis, BundleKind, LayerKind, Payload
from auditor.domain.bundle_contradictions import Held
from tests.depot.build import BUNDLES, Files, build

BASE = "8.0.3-0.70.24674464"


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = main(["depot", "inspect", *map(str, args)])
    out = capsys.readouterr()
    return code, out.out, out.err


def document(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(capsys, "--json", *args)
    answer = json.loads(out)
    assert documents.problems(answer, "depot-inspect.v1") == ()
    return code, answer


def test_a_vendors_image_as_base_image_and_add_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, build(tmp_path / "dell.zip", "dell-custom"))
    assert code == 0
    assert "dell.zip: custom image" in out
    assert f"base image {BASE}   [INFERRED from version of component ESXi]" in out
    assert "add-on DEL-ESXi 803.24414501-A03 (Dell, made for 8.0.3 by its name)   [INFERRED from image profile" in out
    assert "its components: Broadcom-lsi-mr3 7.728.02.00-1OEM.800.1.0.20613240\n" in out
    assert "VIBs: 3 (3 verified)" in out
    assert "esx-base" not in out


def test_every_vib_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--vibs", build(tmp_path / "b.zip", "base-image"))
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines() if line.strip().startswith(("esx-base", "ntg3", "tools-light"))] == [
        ["esx-base", BASE, "VMware", "verified"],
        ["ntg3", "4.1.9.0-4vmw.803.0.0.24022510", "VMW", "verified"],
        ["tools-light", "12.5.1.24649672-24649907", "VMware", "verified"],
    ]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"no zip at all")
    good = [build(tmp_path / f"{name}.zip", name) for name in BUNDLES]
    code, out, err = run(capsys, good[0], bad, *good[1:], tmp_path / "none.zip")
    assert code == 1
    assert all(f"{path}: " in out for path in good)
    assert f"{bad}: is not a zip file" in err
    assert "none.zip: cannot be read: No such file" in err
    code, answer = document(capsys, good[0], bad, *good[1:])
    assert code == 1
    assert [item["file"] for item in answer["bundles"]] == [str(path) for path in good]
    assert [(item["file"], item["what"]) for item in answer["unreadable"]] == [(str(bad), "is not a zip file")]


def test_a_bundle_that_is_not_what_it_says_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def damage(files: Files) -> None:
        name = next(name for name in files if "ntg3" in name)
        files[name] = files[name][:-1] + b"?"

    path = build(tmp_path / "b.zip", "base-image", outer=damage)
    code, out, _ = run(capsys, path)
    assert code == 1
    assert "VIBs: 3 (2 verified, 1 differs)" in out
    assert "- ntg3 4.1.9.0-4vmw.803.0.0.24022510: differs: sha-256 is " in out
    code, out, _ = run(capsys, "--no-verify", path)
    assert code == 0
    assert "VIBs: 3 (3 not-checked)" in out


def test_bundles_that_contradict_each_other_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(files: Files) -> None:
        name = next(name for name in files if "ilo" in name)
        files[name] = files[name].replace(b"payload1", b"payload2")

    one, same = build(tmp_path / "one.zip", "hpe-add-on"), build(tmp_path / "same.zip", "hpe-add-on")
    other = build(tmp_path / "other.zip", "hpe-add-on", vibs=change)
    code, out, _ = run(capsys, one, same)
    assert (code, "CONTRADICTIONS" in out) == (0, False)
    code, out, _ = run(capsys, one, other)
    assert code == 1
    assert "CONTRADICTIONS: a depot keeps one of each" in out
    assert f"- add-on HPE-Custom-AddOn 803.0.0.11.8.0-6: {one} and {other} differ: component ilo-driver" in out
    code, answer = document(capsys, one, other)
    assert code == 1
    assert all(bundle["sound"] for bundle in answer["bundles"])
    assert [(each["kind"], each["name"]) for each in answer["contradictions"]] == [
        ("add-on", "HPE-Custom-AddOn"),
        ("component", "ilo-driver"),
    ]
    assert answer["contradictions"][0]["files"] == [str(one), str(other)]
    assert document(capsys, one, same)[1]["contradictions"] == []


def test_documents_of_all_bundles_fit_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = document(capsys, *(build(tmp_path / f"{name}.zip", name) for name in BUNDLES))
    assert code == 0
    assert [item["kind"] for item in answer["bundles"]] == ["base image", "custom image", "add-on", "VIBs"]
    assert answer["verified"] is True
    base = answer["bundles"][0]
    assert base["layers"] == [
        {
            "layer": "base-image",
            "name": "ESXi",
            "version": BASE,
            "basis": "stated",
            "rests_on": "file baseImages/ESXi-8.0.3.xml",
            "components": [
                {"name": "ESXi", "version": BASE},
                {"name": "VMware-VM-Tools", "version": "12.5.1.24649672-24649907"},
            ],
        }
    ]
    assert base["base_images"][0]["raw"].startswith("<madeUpBaseImage>")
    assert {vib["payload"] for vib in base["vibs"]} == {"verified"}


def test_text_from_a_zip_cannot_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evil(files: Files) -> None:
        files["vmware.xml"] = files["vmware.xml"].replace(b"VMware, Inc.", "x\u202ey\u009b31m".encode())
        files["profiles/standard.xml"] = files["profiles/standard.xml"].replace(b"ESXi-8.0U3e", "\u009b2J\u200b".encode())

    path = build(tmp_path / "b.zip", "base-image", metadata=evil)
    for args in ((path,), ("--vibs", path), ("--json", path)):
        _, out, err = run(capsys, *args)
        assert not set("\u202e\u009b\u200b\x1b") & set(out + err)


def test_the_words_of_the_schema_are_those_of_the_code() -> None:
    defs = resources.schema("depot-inspect.v1")["$defs"]
    assert set(defs["bundle"]["properties"]["kind"]["enum"]) == {kind.value for kind in BundleKind}
    assert set(defs["layer"]["properties"]["layer"]["enum"]) == {kind.value for kind in LayerKind}
    assert set(defs["layer"]["properties"]["basis"]["enum"]) == {basis.value for basis in Basis}
    assert set(defs["contradiction"]["properties"]["kind"]["enum"]) == {held.value for held in Held}
    assert set(defs["vib"]["properties"]["payload"]["enum"]) == {payload.value for payload in Payload}


def test_no_file_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys)
    assert code == 2
    assert "ZIP" in err


def test_a_file_named_like_an_escape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = build(tmp_path / "b\x1b[2J.zip", "hpe-add-on")
    code, out, _ = run(capsys, path)
    assert code == 0
    assert "b\\x1b[2J.zip: add-on" in out
