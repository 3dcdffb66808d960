"""The vault: nothing in the clear with a key, nothing lost by retention, nothing left behind by a failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from auditor import newfile
from auditor.backup.vault import Vault
from auditor.domain.backup import KeptFile, Retention, may_go
from auditor.domain.rollback.control import Bundle
from auditor.errors import ConfigError, ConnectError, InputError

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DATA = b"\x1f\x8b root:$6$hash"
KEY = Fernet.generate_key().decode()
NAME = "configBundle.tgz"


def fetch(data: bytes = DATA) -> Callable[[Path], Bundle]:
    def save(into: Path) -> Bundle:
        size, digest = newfile.save(into, [data])
        return Bundle("esx1", NAME, size, digest, AT)

    return save


def test_encrypted_at_rest(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v", lambda: KEY)
    kept = vault.keep("ESX1.", NAME, AT, fetch())
    assert kept.encrypted
    assert kept.host == "esx1"
    path = Path(kept.path)
    for file in path.parent.iterdir():
        assert DATA not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o700
    assert vault.opened(path) == DATA
    assert list(vault.kept()) == [kept]


def test_without_a_key_as_it_is(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    kept = vault.keep("esx1", NAME, AT, fetch())
    assert not kept.encrypted
    assert Path(kept.path).read_bytes() == DATA
    assert vault.opened(Path(kept.path)) == DATA


def test_a_changed_file_or_another_key_is_told(tmp_path: Path) -> None:
    path = Path(Vault(tmp_path, lambda: KEY).keep("esx1", NAME, AT, fetch()).path)
    with pytest.raises(InputError, match="another key"):
        Vault(tmp_path, lambda: Fernet.generate_key().decode()).opened(path)
    with pytest.raises(ConfigError, match="no key"):
        Vault(tmp_path).opened(path)
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="was changed"):
        Vault(tmp_path, lambda: KEY).opened(path)


@pytest.mark.parametrize("key", ["", "short", "not base64 at all!", "ÄÖÜ"])
def test_a_key_that_is_none_is_told_before_anything_is_fetched(tmp_path: Path, key: str) -> None:
    def never(_: Path) -> Bundle:
        raise AssertionError

    with pytest.raises(ConfigError, match="Fernet key") as told:
        Vault(tmp_path, lambda: key).keep("esx1", NAME, AT, never)
    assert not key or key not in str(told.value)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path, key: str | None) -> None:
    def broken(into: Path) -> Bundle:
        newfile.save(into, [DATA])
        into.unlink()
        raise ConnectError("gone", where="esx1")

    vault = Vault(tmp_path, None if key is None else lambda: key)
    with pytest.raises(ConnectError):
        vault.keep("esx1", NAME, AT, broken)
    assert not list((tmp_path / "esx1").iterdir())


def test_two_in_one_second_and_strange_names(tmp_path: Path) -> None:
    vault = Vault(tmp_path, lambda: KEY)
    first, second = (vault.keep("../..//etc", NAME, AT, fetch()) for _ in range(2))
    assert first.path != second.path
    assert all(tmp_path in Path(kept.path).resolve().parents for kept in (first, second))
    assert len(list(vault.kept())) == 2


def test_a_fetch_that_was_killed_is_cleared_away(tmp_path: Path) -> None:
    import os

    vault = Vault(tmp_path, lambda: KEY)
    vault.keep("esx1", NAME, AT, fetch())
    left = tmp_path / "esx1" / ".20260310T110000Z-configBundle.tgz.fernet.part"
    left.write_bytes(DATA)
    vault.prune(Retention(), datetime.now(UTC))
    assert left.exists()  # it may be a fetch of this moment
    os.utime(left, (0, 0))
    vault.prune(Retention(), datetime.now(UTC))
    assert not left.exists()


def test_retention_removes_file_and_note(tmp_path: Path) -> None:
    vault = Vault(tmp_path, lambda: KEY)
    for day in range(6):
        vault.keep("esx1", NAME, AT + timedelta(days=day), fetch())
    vault.keep("esx2", NAME, AT - timedelta(days=400), fetch())
    gone = vault.prune(Retention(2, timedelta(days=3)), AT + timedelta(days=6))
    assert [kept.taken.day for kept in gone] == [10, 11, 12]
    assert len(list((tmp_path / "esx1").iterdir())) == 6
    assert {kept.host for kept in vault.kept()} == {"esx1", "esx2"}  # the only one of a host never goes


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 500)), max_size=20),
    st.integers(1, 6),
    st.integers(1, 400),
)
def test_the_newest_never_go(files: list[tuple[str, int]], count: int, days: int) -> None:
    kept = [KeptFile(host, f"{n}", 1, "", AT - timedelta(days=age)) for n, (host, age) in enumerate(files)]
    gone = may_go(kept, Retention(count, timedelta(days=days)), AT)
    for host in {one.host for one in kept}:
        own = [one for one in kept if one.host == host]
        left = [one for one in own if one not in gone]
        assert len(left) >= min(count, len(own))
        assert all(AT - one.taken > timedelta(days=days) for one in own if one in gone)
        newest_gone = max((one.taken for one in own if one in gone), default=None)
        assert newest_gone is None or sum(one.taken >= newest_gone for one in left) >= count
