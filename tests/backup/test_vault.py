"""The vault: nothing in the clear without leave, nothing lost by retention, nothing left behind by a failure."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from auditor.backup.sealing import Key, new_key
from auditor.backup.vault import Vault
from auditor.domain.backup import KeptFile, Retention, may_go
from auditor.domain.rollback.control import Bundle
from auditor.errors import ConfigError, ConnectError, InputError, RefusedError
from auditor.ports import Save

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DATA = b"\x1f\x8b root:$6$hash"
TEXT = Fernet.generate_key().decode()
KEY = Key(TEXT, "file backup.key")
NAME = "configBundle.tgz"


def fetch(data: bytes = DATA) -> Callable[[Save], Bundle]:
    def run(save: Save) -> Bundle:
        size, digest = save([data])
        return Bundle("esx1", NAME, size, digest, AT)

    return run


def never(_: Save) -> Bundle:
    raise AssertionError


def test_encrypted_at_rest(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v", KEY)
    kept = vault.keep("ESX1.", NAME, AT, fetch())
    assert kept.encrypted
    assert (kept.host, kept.size, kept.key) == ("esx1", len(DATA), KEY.fingerprint)
    path = Path(kept.path)
    for file in path.parent.iterdir():
        assert DATA not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o700
    assert vault.opened(path) == DATA
    assert list(vault.kept()) == [kept]


@given(st.lists(st.binary(max_size=200), max_size=12), st.integers(0, 2**34))
def test_the_library_opens_what_was_sealed_however_it_was_cut(pieces: list[bytes], at: int) -> None:
    token = b"".join(KEY.seal(pieces, datetime.fromtimestamp(at, UTC)))
    assert Fernet(TEXT).decrypt(token) == b"".join(pieces)
    assert Fernet(TEXT).extract_timestamp(token) == at
    assert KEY.open(token[:-8] + b"A" * 8) is None
    assert Key(Fernet.generate_key().decode()).open(token) is None


def test_without_a_key_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as told:
        Vault(tmp_path).keep("esx1", NAME, AT, never)
    assert "auditor backup --new-key" in told.value.hint
    assert not list(tmp_path.iterdir())


def test_in_the_clear_for_who_said_so(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY, clear_for="ann@jump")
    kept = vault.keep("esx1", NAME, AT, fetch())
    assert not kept.encrypted
    assert Path(kept.path).read_bytes() == DATA
    assert json.loads(Path(kept.path + ".json").read_text())["clear_for"] == "ann@jump"
    assert Vault(tmp_path, KEY).opened(Path(kept.path)) == DATA


def test_one_of_before_there_were_keys_in_notes(tmp_path: Path) -> None:
    kept = Vault(tmp_path, clear_for="ann").keep("esx1", NAME, AT, fetch())
    note = Path(kept.path + ".json")
    old = {key: value for key, value in json.loads(note.read_text()).items() if key not in {"key", "clear_for"}}
    note.write_text(json.dumps(old))
    [found] = Vault(tmp_path, KEY).kept()
    assert (found.encrypted, found.key, found.clear_for) == (False, "", "")
    assert Vault(tmp_path, KEY).opened(Path(found.path)) == DATA


def test_a_changed_file_or_another_key_is_told(tmp_path: Path) -> None:
    path = Path(Vault(tmp_path, KEY).keep("esx1", NAME, AT, fetch()).path)
    other = Key(Fernet.generate_key().decode(), "file other.key")
    with pytest.raises(InputError, match=f"encrypted with the key {KEY.fingerprint}") as told:
        Vault(tmp_path, other).opened(path)
    assert told.value.tried == f"the key {other.fingerprint} (file other.key)"
    with pytest.raises(ConfigError, match=f"with the key {KEY.fingerprint}, and no key is configured"):
        Vault(tmp_path).opened(path)
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="was changed"):
        Vault(tmp_path, KEY).opened(path)
    Path(f"{path}.json").unlink()
    with pytest.raises(InputError, match="another key, or was changed"):
        Vault(tmp_path, other).opened(path)


@pytest.mark.parametrize("text", ["", "short", "not base64 at all!", "ÄÖÜ"])
def test_a_key_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="Fernet key") as told:
        Key(text, "file backup.key")
    assert not text or text not in str(told.value)


def test_a_new_key_is_private_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "backup.key"
    made = new_key(path)
    text = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert Key(text).fingerprint == made.fingerprint
    with pytest.raises(InputError, match="there already"):
        new_key(path)
    assert path.read_text().strip() == text
    assert text not in repr(made)


@pytest.mark.parametrize("vault", [{"clear_for": "ann"}, {"key": KEY}], ids=["plain", "encrypted"])
def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path, vault: dict[str, object]) -> None:
    def broken(save: Save) -> Bundle:
        def pieces():  # type: ignore[no-untyped-def]
            yield DATA
            raise ConnectError("gone", where="esx1")

        save(pieces())
        raise AssertionError

    with pytest.raises(ConnectError):
        Vault(tmp_path, **vault).keep("esx1", NAME, AT, broken)  # type: ignore[arg-type]
    assert not list((tmp_path / "esx1").iterdir())


def test_two_in_one_second_and_strange_names(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY)
    first, second = (vault.keep("../..//etc", NAME, AT, fetch()) for _ in range(2))
    assert first.path != second.path
    assert all(tmp_path in Path(kept.path).resolve().parents for kept in (first, second))
    assert len(list(vault.kept())) == 2


def test_two_at_once_in_one_second(tmp_path: Path) -> None:
    """The second begins and ends while the first is under way."""

    def slow(save: Save) -> Bundle:
        def pieces():  # type: ignore[no-untyped-def]
            yield DATA
            Vault(tmp_path, KEY).keep("esx1", NAME, AT, fetch(b"second"))

        size, digest = save(pieces())
        return Bundle("esx1", NAME, size, digest, AT)

    vault = Vault(tmp_path, KEY)
    vault.keep("esx1", NAME, AT, slow)
    assert {vault.opened(Path(kept.path)) for kept in vault.kept()} == {DATA, b"second"}


def test_what_a_killed_fetch_left_is_cleared_away(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY)
    kept = vault.keep("esx1", NAME, AT, fetch())
    folder = tmp_path / "esx1"
    left = [folder / ".20260310T110000Z-configBundle.tgz.fernet.part", folder / ".ab.part", folder / f"2-{NAME}.fernet.json"]
    for one in left:
        one.write_bytes(DATA)
    vault.prune(Retention(), datetime.now(UTC))
    assert all(one.exists() for one in left)  # it may be a fetch of this moment
    for one in left:
        os.utime(one, (0, 0))
    vault.prune(Retention(), datetime.now(UTC))
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(kept.path + end).name for end in ("", ".json"))


def test_a_folder_that_was_moved(tmp_path: Path) -> None:
    Vault(tmp_path / "old", KEY).keep("esx1", NAME, AT, fetch())
    (tmp_path / "old").rename(tmp_path / "new")
    vault = Vault(tmp_path / "new", KEY)
    vault.prune(Retention(), AT)
    [kept] = vault.kept()
    assert vault.opened(Path(kept.path)) == DATA


def test_retention_removes_file_and_note(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY)
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


# kill -9, and a disk that takes no more, in a process of its own ----------------------------------------------------------

_CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from auditor.backup.sealing import Key
from auditor.backup.vault import Vault
from auditor.domain.rollback.control import Bundle

folder, key, line, secret = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
at, lines = datetime(2026, 3, 10, 12, tzinfo=UTC), 0

def trace(frame, event, _):
    global lines
    if not frame.f_code.co_filename.endswith(("/backup/vault.py", "/backup/sealing.py", "/auditor/newfile.py")):
        return None
    if event == "line":
        lines += 1
        if lines == line:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

def fetch(save):
    size, digest = save([secret * 4000 for _ in range(6)])
    return Bundle("esx1", "configBundle.tgz", size, digest, at)

vault = Vault(folder, Key(key))
sys.settrace(trace)
vault.keep("esx1", "configBundle.tgz", at, fetch)
sys.settrace(None)
print(lines)
"""
SECRET = "planted:$6$in-the-clear"
ROOT = Path(__file__).parents[2]


def child(folder: Path, line: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHILD, str(folder), TEXT, str(line), SECRET]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_killed_anywhere_no_byte_of_it_is_in_the_clear(tmp_path: Path) -> None:
    total = int(child(tmp_path / "whole", 0).stdout)
    lines = {1, 2, *random.Random(20260310).sample(range(3, total - 12), 8), *range(total - 12, total + 1)}
    for line in sorted(lines):
        folder = tmp_path / f"killed{line}"
        assert child(folder, line).returncode == -signal.SIGKILL, f"line {line} of {total}"
        for file in folder.rglob("*"):
            assert file.is_dir() or SECRET.encode() not in file.read_bytes(), f"line {line}: {file.name}"
        vault = Vault(folder, KEY)
        for kept in vault.kept():  # none, or a whole one
            assert vault.opened(Path(kept.path)) == SECRET.encode() * 24000
        assert {path.name for path in folder.glob("*/*.fernet")} == {Path(kept.path).name for kept in vault.kept()}
        again = vault.keep("esx1", NAME, AT, fetch())
        assert vault.opened(Path(again.path)) == DATA


def test_a_disk_that_is_full_keeps_nothing(tmp_path: Path) -> None:
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (99999, -1))\n"  # noqa: E501
    command = [sys.executable, "-c", limit + _CHILD, str(tmp_path / "v"), TEXT, "0", SECRET]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "cannot be written: File too large" in done.stderr
    assert not list((tmp_path / "v" / "esx1").iterdir())
