"""Zips made to harm: every one is refused with the file and the entry named, soon, in little memory, with nothing written."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from tests.depot.build import Files, build, bundle_files, make_zip
from tests.depot.hostile import META, refused, with_entries


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"hello world, no zip", "is not a zip file"),
        (b"PK\x03\x04" + b"x" * 100, "cut off"),
        (b"\0" * 0x8001 + b"CD001" + b"\0" * 100, "install media"),
        (b"\x1f\x8b" + b"\0" * 100, "is not a zip file"),
        (b"!<arch>\ndescriptor.xml", "is a single VIB"),
        (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", "is a web page"),
        (b"\xef\xbb\xbf\r\n<HTML lang='en'>", "is a web page"),
        (b"<?xml version='1.0'?><vsphere/>", "is not a zip file"),
    ],
)
def test_no_zip(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert what in refused(path).what


def test_a_folder_a_missing_file_and_a_pipe(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path).what
    assert "No such file" in refused(tmp_path / "none.zip").what
    os.mkfifo(tmp_path / "pipe.zip")
    assert "is not a file" in refused(tmp_path / "pipe.zip").what  # opening it would wait for ever


def test_a_zip_that_is_no_bundle_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(make_zip({"readme.txt": b"x"}))
    assert "no index.xml" in refused(path).what
    path.write_bytes(make_zip({"driver/inner-depot.zip": b"x", "readme.txt": b"x"}))
    error = refused(path)
    assert "driver/inner-depot.zip" in error.what
    assert "unpack" in error.hint
    path.write_bytes(make_zip({f"ESXi/{name}": data for name, data in bundle_files("dell-custom").items()}))
    error = refused(path)
    assert "in folder ESXi/" in error.what
    assert "as it was downloaded" in error.hint
    path.write_bytes(bundle_files("base-image")[META])
    assert "is the metadata file of an offline bundle" in refused(path).what
    path.write_bytes(make_zip({"hostupdate/__hostupdate20-consolidated-index__.xml": b"x"}))
    assert "UMDS" in refused(path).what


def test_an_index_that_names_what_is_not_there(tmp_path: Path) -> None:
    def lose_metadata(files: Files) -> None:
        del files[META]

    def lose_index(files: Files) -> None:
        del files["vendor-index.xml"]

    assert (
        f"vendor-index.xml names the metadata file {META}"
        in refused(build(tmp_path / "a.zip", "base-image", outer=lose_metadata)).what
    )
    error = refused(build(tmp_path / "b.zip", "base-image", outer=lose_index))
    assert "index.xml names the vendor index vendor-index.xml, which is not in the zip" in error.what


def test_metadata_with_nothing_in_it(tmp_path: Path) -> None:
    assert "neither vmware.xml" in refused(build(tmp_path / "a.zip", "base-image", metadata=lambda files: files.clear())).what


# --- entries ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../../etc/cron.d/x", "leads out of the zip"),
        ("vib20/../../x", "leads out of the zip"),
        ("/etc/passwd", "absolute"),
        ("C:/windows/x", "absolute"),
        ("..\\..\\x", "backslash"),
        ("a\x1b[2J.xml", "control character"),
        ("a\u202egpj.vib", "control character"),
        ("a//b", "not a plain path"),
        ("./a", "not a plain path"),
    ],
)
def test_names(tmp_path: Path, name: str, what: str) -> None:
    error = refused(with_entries(tmp_path / "x.zip", (zipfile.ZipInfo(name), b"x")))
    assert what in error.what
    assert name in error.where


def test_a_link_and_a_device(tmp_path: Path) -> None:
    for kind, what in ((stat.S_IFLNK, "it is a link"), (stat.S_IFCHR, "neither a file nor a folder")):
        info = zipfile.ZipInfo("vib20/x.vib")
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16
        assert what in refused(with_entries(tmp_path / "x.zip", (info, b"/etc/passwd"))).what


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(tmp_path: Path) -> None:
    error = refused(with_entries(tmp_path / "x.zip", (zipfile.ZipInfo("index.xml"), b"<x/>")))
    assert "twice" in error.what
    assert error.where.endswith("x.zip: index.xml")


def test_an_encrypted_entry_and_another_packing(tmp_path: Path) -> None:
    path = with_entries(tmp_path / "x.zip", (zipfile.ZipInfo("last.txt"), b"x"))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert "it is encrypted" in refused(path).what
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        info = zipfile.ZipInfo("last.txt")
        info.compress_type = method
        assert f"packed by method {method}" in refused(with_entries(tmp_path / "y.zip", (info, b"x" * 99))).what


def test_the_same_faults_inside_the_metadata(tmp_path: Path) -> None:
    def traverse(files: Files) -> None:
        files["../x.xml"] = b"<x/>"

    error = refused(build(tmp_path / "x.zip", "base-image", metadata=traverse))
    assert error.where.endswith(f"x.zip: {META}: ../x.xml")
