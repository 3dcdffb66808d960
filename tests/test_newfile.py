"""A new file: whole, private, or not there."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import newfile
from auditor.errors import ConnectError, InputError


def test_it_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new"
    size, digest = newfile.save(path, iter([b"one", b"", b"two"]))
    assert path.read_bytes() == b"onetwo"
    assert (size, digest) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_overwritten_not_even_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for place in (path, link, tmp_path / "no-folder" / "x"):
        with pytest.raises(InputError):
            newfile.save(place, [b"x"])
    assert path.read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ConnectError("gone")

    with pytest.raises(ConnectError):
        newfile.save(tmp_path / "new", pieces())
    assert list(tmp_path.iterdir()) == []
