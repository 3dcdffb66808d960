"""Zips that would take memory or time: bombs, lies about sizes, too many entries."""

from __future__ import annotations

import struct
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from auditor.depot import Limits, read_bundle
from auditor.depot.limits import ArchiveLimits
from auditor.domain.bundle import Payload
from tests.depot.build import Files, Quiet, ar, build, bundle_files, make_zip
from tests.depot.hostile import META, MIB, expanded, measured, refused, with_entries


def test_a_deflated_bomb_is_refused_unread(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("vib20/bomb/bomb.vib")
    info.compress_type = zipfile.ZIP_DEFLATED
    path = with_entries(tmp_path / "x.zip", (info, bytes(100 * MIB)))
    assert path.stat().st_size < MIB
    error, peak = measured(lambda: refused(path))
    assert "as a zip bomb does" in error.what
    assert error.where.endswith("bomb.vib")
    assert peak < 4 * MIB


def test_a_large_stored_vib_is_read_in_little_memory(tmp_path: Path) -> None:
    big = "vib20/tools-light/VMware_locker_tools-light_12.5.1.24649672-24649907.vib"

    def grow(files: Files) -> None:
        descriptor = next(data for name, data in files.items() if name == big)
        start = descriptor.index(b"<vib")
        text = descriptor[start : descriptor.index(b"</vib>") + 6]
        files[big] = ar({"descriptor.xml": text, "sig.pkcs7": b"x", "payload1": bytes(100 * MIB)})

    path = tmp_path / "x.zip"
    path.write_bytes(make_zip(bundle_files("base-image", vibs=grow), zipfile.ZIP_STORED))
    assert path.stat().st_size > 100 * MIB
    bundle, peak = measured(lambda: read_bundle(path, Quiet()))
    assert {vib.payload for vib in bundle.vibs} == {Payload.VERIFIED}
    assert peak < 16 * MIB


def test_metadata_bombs(tmp_path: Path) -> None:
    def one(files: Files) -> None:
        files["manifests/x.xml"] = b"<x>" + bytes(40 * MIB)

    assert "at most 16,777,216 are read" in refused(build(tmp_path / "a.zip", "base-image", metadata=one)).what

    def ratio(files: Files) -> None:
        files["manifests/x.xml"] = b" " * (10 * MIB)

    assert "zip bomb" in refused(build(tmp_path / "b.zip", "base-image", metadata=ratio)).what

    limits = Limits(metadata=replace(Limits().metadata, expanded=expanded(META) - 1))
    error = refused(build(tmp_path / "c.zip", "base-image"), limits)
    assert "would unpack to" in error.what
    assert error.where.endswith(META)


def test_a_vib_with_very_many_checksums_is_a_problem_and_no_work(tmp_path: Path) -> None:
    def crowd(files: Files) -> None:
        vib = "<vib><vibID>i</vibID><name>n</name><version>1</version><vibFile>{}</vibFile></vib>"
        one = "<checksum><checksumType>sha-256</checksumType><checksum>{:064x}</checksum></checksum>"
        vibs = "".join(vib.format(one.format(number)) for number in range(10_000))
        files["vmware.xml"] = f"<m><bulletin><id>b</id><vibList>{vibs}</vibList></bulletin></m>".encode()

    path = build(tmp_path / "x.zip", "base-image", metadata=crowd)
    before = time.process_time()
    bundle = read_bundle(path, Quiet())
    assert time.process_time() - before < 5, "seconds of work"
    assert not bundle.sound
    assert "more than 20 checksums" in bundle.problems[0]
    assert len(next(vib for vib in bundle.vibs if vib.name == "n").checksums) == 20


def test_one_vib_file_that_many_vibs_name_is_not_read_for_each(tmp_path: Path) -> None:
    place = next(name for name in bundle_files("base-image") if "esx-base" in name)

    def crowd(files: Files) -> None:
        vib = (
            "<vib><vibID>i</vibID><name>n{}</name><version>1</version><vibFile><relativePath>{}</relativePath></vibFile></vib>"
        )
        vibs = "".join(vib.format(number, place) for number in range(10))
        files["vmware.xml"] = f"<m><bulletin><id>b</id><vibList>{vibs}</vibList></bulletin></m>".encode()

    bundle = read_bundle(build(tmp_path / "x.zip", "base-image", metadata=crowd), Quiet())
    made_up = [vib for vib in bundle.vibs if vib.name.startswith("n") and vib.name != "ntg3"]
    assert {vib.payload for vib in made_up} == {Payload.DIFFERS}
    assert sum("4 other VIBs" in vib.detail for vib in made_up) == 7, "esx-base itself and three more were read"


def test_very_many_vendors(tmp_path: Path) -> None:
    def crowd(files: Files) -> None:
        vendor = "<vendor><indexfile>vendor-index.xml</indexfile></vendor>"
        files["index.xml"] = f"<vendorList>{vendor * 101}</vendorList>".encode()

    assert "101 vendors' index files" in refused(build(tmp_path / "x.zip", "base-image", outer=crowd)).what


def test_metadata_files_are_limited_together(tmp_path: Path) -> None:
    def twice(files: Files) -> None:
        files["other.zip"] = files[META]
        line = b"<metadata><url>other.zip</url></metadata></metaList>"
        files["vendor-index.xml"] = files["vendor-index.xml"].replace(b"</metaList>", line)

    path = build(tmp_path / "x.zip", "base-image", outer=twice)
    assert read_bundle(path, Quiet()).sound
    size = len(bundle_files("base-image")[META])
    limits = Limits(metadata=replace(Limits().metadata, size=size + 10))
    assert "metadata files have more than" in refused(path, limits).what
    limits = Limits(metadata=replace(Limits().metadata, expanded=expanded(META) + 1))
    assert "metadata files would unpack to more than" in refused(path, limits).what


def test_entries_that_share_bytes(tmp_path: Path) -> None:
    """One kernel of packed bytes named many times over, without any high ratio."""
    path = with_entries(tmp_path / "x.zip", (zipfile.ZipInfo("a.vib"), b"x" * 1000), (zipfile.ZipInfo("b.vib"), b"y" * 1000))
    data = bytearray(path.read_bytes())
    first, last = (data.rindex(name) - 46 for name in (b"a.vib", b"b.vib"))
    data[last + 42 : last + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    assert "beyond its place" in refused(path).what


def test_too_many_entries_and_too_large_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(make_zip({f"{number}.txt": b"" for number in range(3000)}, zipfile.ZIP_STORED))
    limits = Limits(bundle=ArchiveLimits(size=10**9, entries=2999))
    assert "has 3,000 entries" in refused(path, limits).what
    limits = Limits(bundle=ArchiveLimits(size=10**9, directory=100_000))
    assert "table of contents" in refused(path, limits).what
    assert "at most 1,000 are read" in refused(path, Limits(bundle=ArchiveLimits(size=1000))).what


def test_a_directory_that_lies_about_its_size_is_not_allocated(tmp_path: Path) -> None:
    path = build(tmp_path / "x.zip", "base-image")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06")
    struct.pack_into("<L", data, at + 12, 0xFFFF_FF00)
    path.write_bytes(data)
    _, peak = measured(lambda: refused(path))
    assert peak < 4 * MIB


def test_sizes_that_lie_are_damage(tmp_path: Path) -> None:
    """The directory says less, or more, than there is: never more is read than it says."""
    good = build(tmp_path / "good.zip", "base-image").read_bytes()
    path = tmp_path / "x.zip"
    for size in (10, 3000):
        data = bytearray(good)
        at = data.rindex(b"vib20/esx-base") - 46
        assert data[at : at + 4] == b"PK\x01\x02"
        struct.pack_into("<L", data, at + 24, size)
        path.write_bytes(data)
        vib = next(vib for vib in read_bundle(path, Quiet()).vibs if vib.name == "esx-base")
        assert vib.payload is Payload.DAMAGED
        assert vib.detail
