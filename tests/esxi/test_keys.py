"""Private keys in the forms users have them."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from auditor.errors import ConfigError
from auditor.esxi.known_hosts import KnownHosts
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.client import SshClient


def load(path: Path, passphrase: str | None = None) -> SshClient:
    provider = None if passphrase is None else lambda: passphrase
    return SshClient(SshSettings(path.parent / "known_hosts", key=path), KnownHosts(), passphrase=provider)


@pytest.mark.parametrize("form", ["openssh", "pkcs1-pem", "pkcs8-pem"])
@pytest.mark.parametrize("kind", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa"])
def test_key_of_any_usual_form(tmp_path: Path, kind: str, form: str) -> None:
    path = tmp_path / "key"
    asyncssh.generate_private_key(kind).write_private_key(path, form)
    load(path)


def test_openssh_keys_without_a_comment(tmp_path: Path) -> None:
    """Whether such a file ends in padding depends on the key's number: every second one does not."""
    path = tmp_path / "key"
    for _ in range(20):
        asyncssh.generate_private_key("ecdsa-sha2-nistp256").write_private_key(path)
        load(path)


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
def test_passphrase(tmp_path: Path, form: str) -> None:
    path = tmp_path / "key"
    asyncssh.generate_private_key("ecdsa-sha2-nistp256").write_private_key(path, form, passphrase="right one")
    load(path, "right one")
    with pytest.raises(ConfigError, match="none is configured"):
        load(path)
    with pytest.raises(ConfigError, match="could not be loaded"):
        load(path, "wrong one")


def test_no_key_at_all(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("not a key\n", "ascii")
    with pytest.raises(ConfigError, match="could not be loaded"):
        load(path)
    with pytest.raises(ConfigError, match="could not be read"):
        load(tmp_path / "nothing")
