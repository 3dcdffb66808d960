"""Zips made to harm: every one is refused with the file and the entry named, soon, in little memory, with nothing written."""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.depot import Limits, read_bundle
from auditor.depot.limits import ArchiveLimits
from auditor.domain.bundle import Bundle, Payload
from auditor.errors import InputError
from tests.depot.build import BUNDLES, Change, Files, Quiet, ar, build, bundle_files, make_zip

T = TypeVar("T")

MIB = 1024 * 1024
META = "vmw-ESXi-8.0.3-metadata.zip"


def refused(path: Path, limits: Limits | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read_bundle(path, Quiet(), limits=limits)
    assert str(path) in caught.value.where
    return caught.value


def expanded(name: str) -> int:
    """What the files of inner zip ``name`` unpack to together."""
    with zipfile.ZipFile(io.BytesIO(bundle_files("base-image")[name])) as archive:
        return sum(info.file_size for info in archive.infolist())


def with_entries(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    """A good bundle with more entries at its end."""
    build(path, "base-image")
    with zipfile.ZipFile(path, "a") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return path


# --- what is no zip -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"hello world, no zip", "is not a zip file"),
        (b"PK\x03\x04" + b"x" * 100, "cut off"),
        (b"\0" * 0x8001 + b"CD001" + b"\0" * 100, "ISO image"),
        (b"\x1f\x8b" + b"\0" * 100, "is not a zip file"),
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


# --- bombs --------------------------------------------------------------------------------------------------------------


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


# --- XML ----------------------------------------------------------------------------------------------------------------

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


# --- whatever comes -----------------------------------------------------------------------------------------------------

GOOD = {name: make_zip(bundle_files(name)) for name in BUNDLES}


@settings(max_examples=150, deadline=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(BUNDLES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=6),
    cut=st.floats(0.2, 1),
)
def test_any_damage_gives_a_bundle_or_a_clear_error(
    tmp_path: Path, name: str, changes: list[tuple[float, bytes]], cut: float
) -> None:
    data = bytearray(GOOD[name])
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    path = tmp_path / "x.zip"
    path.write_bytes(data[: int(cut * len(data))] if not changes else data)
    outcome(path)


@settings(max_examples=150, deadline=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(BUNDLES),
    pick=st.floats(0, 1, exclude_max=True),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4),
    cut=st.floats(0, 1),
)
def test_any_damage_inside_well_packed_files(
    tmp_path: Path, name: str, pick: float, changes: list[tuple[float, bytes]], cut: float
) -> None:
    """The damage reaches the XML and the VIBs, since the zips around them are right."""

    def damage(files: Files) -> None:
        target = sorted(files)[int(pick * len(files))]
        data = bytearray(files[target])
        for place, new in changes:
            at = int(place * len(data))
            data[at : at + len(new)] = new
        files[target] = bytes(data[: max(1, int(cut * len(data)))])

    outcome(build(tmp_path / "x.zip", name, metadata=damage))
    outcome(build(tmp_path / "x.zip", name, vibs=damage))


def outcome(path: Path) -> None:
    with nothing_written():
        try:
            bundle = read_bundle(path, Quiet())
        except InputError as error:
            told = error
        else:
            assert isinstance(bundle, Bundle)
            return
    assert told.what.rstrip() == told.what
    assert not told.what.endswith(":")
    assert str(path) in told.where


_WRITES = frozenset(
    {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.remove", "tempfile.mkstemp"}
)
_watched: list[list[str]] = []


def _watch(event: str, args: tuple[object, ...]) -> None:
    if not _watched:
        return
    if event in _WRITES or event.startswith(("socket.", "subprocess.")):
        _watched[-1].append(event)
    elif event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        _watched[-1].append(f"open {args[0]}")


sys.addaudithook(_watch)


@contextmanager
def nothing_written() -> Iterator[None]:
    seen: list[str] = []
    _watched.append(seen)
    try:
        yield
    finally:
        _watched.pop()
    assert seen == []


def test_the_watch_sees_a_write(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_written():
        (tmp_path / "x").write_bytes(b"")


def measured(run: Callable[[], T]) -> tuple[T, int]:
    """What ``run`` gives and the most memory it held, in bytes."""
    tracemalloc.start()
    try:
        result = run()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_io_is_not_kept_open(tmp_path: Path) -> None:
    path = build(tmp_path / "x.zip", "base-image")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208 - a count of open files
    read_bundle(path, Quiet())
    path.write_bytes(b"no zip")
    refused(path)
    after = len(os.listdir("/proc/self/fd")) if before else 0  # noqa: PTH208
    assert after == before
