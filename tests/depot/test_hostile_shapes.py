"""Bundles and image databases whose shape would cost time: attributes, entries, nesting, ids. Refused, or read in one pass."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.depot import read_bundle
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.readings import image_database
from auditor.errors import InputError
from tests.depot.build import Change, Files, Quiet, build

SECONDS = 3  # of the processor
SLACK = 3  # times as much: processors differ, and what is quadratic here takes ten times as much and more
ATTRIBUTES = "".join(f' a{number}="v"' for number in range(100_000))


def put(name: str, text: str) -> Change:
    return lambda files: files.update({name: text.encode()})


def entries(folder: str, count: int) -> Change:
    return lambda files: files.update({f"{folder}/{number}.xml": b"<x/>" for number in range(count)})


def nested(inside: Callable[[int], str], count: int) -> str:
    opened, closed = "<bulletin><id>b</id><vibList>" * 29, "</vibList></bulletin>" * 29
    return f"<m>{opened}{''.join(map(inside, range(count)))}{closed}</m>"


INNER: dict[str, tuple[Change, str]] = {
    "attributes": (put("vmware.xml", f"<m><bulletin{ATTRIBUTES}><id>b</id></bulletin></m>"), ""),
    "attributes in an unpublished file": (put("baseImages/x.xml", f"<m><x{ATTRIBUTES}><id>b</id></x></m>"), ""),
    "entries": (entries("manifests", 60_000), "at most 20,000 are read"),
    "bulletins in bulletins": (put("vmware.xml", nested(lambda n: f"<vibID>{n}</vibID>", 200_000)), ""),
    "VIBs in nested bulletins": (
        put("vmware.xml", nested(lambda n: f"<vib><vibID>{n}</vibID><name>n{n}</name><version>1</version></vib>", 40_000)),
        "",
    ),
}


def outcome(path: Path) -> tuple[str, float]:
    """Why it was refused, empty if it was read, and the seconds of work."""
    begun = time.process_time()
    try:
        read_bundle(path, Quiet())
    except InputError as error:
        return error.what, time.process_time() - begun
    return "", time.process_time() - begun


@pytest.mark.parametrize("name", INNER)
def test_metadata(tmp_path: Path, name: str) -> None:
    change, refused = INNER[name]
    why, took = outcome(build(tmp_path / "x.zip", "base-image", metadata=change))
    print(f"{took:.2f} s of {SECONDS}")
    assert refused in why
    assert bool(why) == bool(refused)
    assert took <= SECONDS * SLACK


def test_the_zip_itself(tmp_path: Path) -> None:
    why, took = outcome(build(tmp_path / "x.zip", "base-image", outer=entries("folder", 60_000)))
    assert "at most 50,000 are read" in why
    assert took <= SECONDS * SLACK


def test_a_bulletin_inside_another_is_none(tmp_path: Path) -> None:
    text = (
        "<m><bulletin><id>outer</id><x><bulletin><id>inner</id></bulletin></x></bulletin><bulletin><id>last</id></bulletin></m>"
    )
    bundle = read_bundle(build(tmp_path / "x.zip", "base-image", metadata=put("vmware.xml", text)), Quiet())
    assert {"outer", "last"} <= {bulletin.id for bulletin in bundle.bulletins}
    assert "inner" not in {bulletin.id for bulletin in bundle.bulletins}


def database(files: Files) -> bytes:
    base = {"var/db/esximg/vibs/esx-base.xml": b"<vib><name>esx-base</name><version>1</version></vib>"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in (base | files).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


IDS = "".join(f"<vibID>{'_' * 500}{number}</vibID>" for number in range(1900))
BULLETIN = f"<bulletin><componentNameSpec name='a'/><vibList>{IDS}</vibList></bulletin>".encode()
DATABASES: dict[str, tuple[Files, Reason | None]] = {
    "attributes": ({"vibs/x.xml": f"<vib{ATTRIBUTES[:900_000]}".rpartition(" ")[0].encode() + b"/>"}, Reason.UNREADABLE),
    "entries": ({f"x{number}": b"" for number in range(60_000)}, Reason.TOO_LARGE),
    "a large descriptor": ({"vibs/x.xml": b" " * (image_database.DESCRIPTOR_LIMIT + 1)}, Reason.TOO_LARGE),
    "large": ({"x": bytes(image_database.UNPACKED_LIMIT)}, Reason.TOO_LARGE),
    "the word limit, but no size": ({"vibs/limit.xml": b"<x"}, Reason.UNREADABLE),
    "ids of many parts": ({f"bulletins/{number}.xml": BULLETIN for number in range(30)}, None),
}


@pytest.mark.parametrize("name", DATABASES)
def test_an_image_database(name: str) -> None:
    files, reason = DATABASES[name]
    data = database(files)
    begun = time.process_time()
    found = image_database.parse_archive(data, image_database.command("/bootbank"))
    took = time.process_time() - begun
    print(f"{took:.2f} s of {SECONDS}")
    assert took <= SECONDS * SLACK
    assert isinstance(found, Read) if reason is None else isinstance(found, Unread) and found.reason is reason
