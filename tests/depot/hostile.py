"""What the tests of harmful zips share."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from auditor.depot import Limits, read_bundle
from auditor.errors import InputError
from tests.depot.build import Quiet, build, bundle_files

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


def measured(run: Callable[[], T]) -> tuple[T, int]:
    """What ``run`` gives and the most memory it held, in bytes."""
    tracemalloc.start()
    try:
        result = run()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
