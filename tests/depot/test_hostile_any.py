"""Whatever is damaged: a bundle or a clear error, with nothing written and no file left open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.depot import read_bundle
from auditor.domain.bundle import Bundle
from auditor.errors import InputError
from tests.depot.build import BUNDLES, Files, Quiet, build, bundle_files, make_zip
from tests.depot.hostile import refused

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


def test_io_is_not_kept_open(tmp_path: Path) -> None:
    path = build(tmp_path / "x.zip", "base-image")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208 - a count of open files
    read_bundle(path, Quiet())
    path.write_bytes(b"no zip")
    refused(path)
    after = len(os.listdir("/proc/self/fd")) if before else 0  # noqa: PTH208
    assert after == before
