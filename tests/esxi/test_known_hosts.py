"""The file of pinned host keys."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from auditor.errors import ConfigError, TrustError
from auditor.esxi.known_hosts import HostKey, load, pin
from tests.judges import need


@pytest.fixture
def keys(tmp_path: Path) -> list[HostKey]:
    """Two RSA keys and one ECDSA key, made by OpenSSH."""
    made = []
    for number, (kind, bits) in enumerate((("rsa", "2048"), ("rsa", "2048"), ("ecdsa", "256"))):
        path = tmp_path / f"key{number}"
        subprocess.run([need("ssh-keygen"), "-q", "-t", kind, "-b", bits, "-N", "", "-f", path], check=True)
        line = path.with_suffix(".pub").read_text()
        file = tmp_path / f"known{number}"
        file.write_text(f"h {line}")
        (key,) = load(file).keys_of("h", 22)
        made.append(key)
    return made


def test_fingerprint_is_openssh_s(keys: list[HostKey], tmp_path: Path) -> None:
    said = subprocess.run(
        [need("ssh-keygen"), "-l", "-f", tmp_path / "key2.pub"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert keys[2].fingerprint == said[1]


def test_names_ports_lists_and_comments(keys: list[HostKey], tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    lines = [
        "# a comment",
        "",
        "garbage",
        f"ESX1.example,192.0.2.7 {keys[0].line('x', 22).partition(' ')[2]} a comment of its own",
        keys[2].line("esx1.example", 2222),
        f"@cert-authority {keys[1].line('esx2.example', 22)}",
        f"*.example {keys[1].line('x', 22).partition(' ')[2]}",
        "esx3.example ssh-rsa AAAA",
    ]
    file.write_text("\n".join(lines) + "\n")
    known = load(file)
    assert known.keys_of("esx1.EXAMPLE", 22) == (keys[0],)
    assert known.keys_of("192.0.2.7", 22) == (keys[0],)
    assert known.keys_of("esx1.example", 2222) == (keys[2],)
    assert known.keys_of("192.0.2.7", 2222) == ()
    for name in ("esx2.example", "esx3.example", "esx4.example"):
        assert known.keys_of(name, 22) == ()


@pytest.mark.parametrize("port", [22, 2222])
def test_names_hashed_by_openssh(keys: list[HostKey], tmp_path: Path, port: int) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(keys[0].line("esx1.example", port) + "\n")
    subprocess.run([need("ssh-keygen"), "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "esx1" not in file.read_text()
    assert load(file).keys_of("esx1.example", port) == (keys[0],)
    assert load(file).keys_of("esx2.example", port) == ()


def test_revoked(keys: list[HostKey], tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"@revoked * {keys[0].line('x', 22).partition(' ')[2]}\n")
    assert load(file).revoked == {keys[0]}


def test_missing_file_pins_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none").keys_of("h", 22) == ()


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "bad"):
        with pytest.raises(ConfigError):
            load(path)


def test_a_file_of_powershell_is_named_as_that(keys: list[HostKey], tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    line = keys[0].line("esx1", 22)
    path.write_bytes(line.encode("utf-16"))
    with pytest.raises(ConfigError, match="UTF-16"):
        load(path)
    path.write_bytes(line.encode("utf-8-sig"))
    assert load(path).keys_of("esx1", 22) == (keys[0],)


def test_pin_is_by_fingerprint_only(keys: list[HostKey], tmp_path: Path) -> None:
    file = tmp_path / "folder" / "known_hosts"
    with pytest.raises(TrustError) as caught:
        pin(file, "h", 22, keys[0], keys[1].fingerprint)
    assert keys[0].fingerprint in str(caught.value)
    assert keys[1].fingerprint in str(caught.value)
    assert not file.exists()
    pin(file, "h", 22, keys[0], f" {keys[0].fingerprint}\n")
    assert load(file).keys_of("h", 22) == (keys[0],)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_pin_replaces_the_key_of_that_type_only(keys: list[HostKey], tmp_path: Path) -> None:
    """A replaced key must not stay good; keys of other types and hosts, and comments, stay."""
    file = tmp_path / "known_hosts"
    old_rsa = keys[0].line("h", 22).partition(" ")[2]
    file.write_text(f"# ours\nh,other {old_rsa}\n{keys[2].line('h', 22)}\n{keys[0].line('h', 2222)}\n")
    pin(file, "h", 22, keys[1], keys[1].fingerprint)
    known = load(file)
    assert set(known.keys_of("h", 22)) == {keys[1], keys[2]}
    assert known.keys_of("other", 22) == (keys[0],)
    assert known.keys_of("h", 2222) == (keys[0],)
    assert file.read_text().startswith("# ours\n")
    assert {path.name for path in tmp_path.iterdir()} == {"known_hosts"} | {
        f"{stem}{number}{end}" for number in range(3) for stem, end in (("key", ""), ("key", ".pub"), ("known", ""))
    }


def test_pin_where_nothing_can_be_written(keys: list[HostKey], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        pin(tmp_path / "file" / "known_hosts", "h", 22, keys[0], keys[0].fingerprint)
