"""``auditor config``: writes a file for its owner, checks one without showing a secret."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from auditor import documents
from tests.cli.conftest import Run


def test_init_writes_a_valid_file_for_its_owner(auditor: Run, home: Path) -> None:
    path = home / "new" / "auditor.toml"
    done = auditor("config", "init", "--config", str(path))
    assert (done.code, done.out) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"auditor config check --config {path}" in done.err
    assert auditor("config", "check", "--config", str(path)).code == 1  # its password is not set


def test_init_goes_to_the_users_place(auditor: Run, home: Path) -> None:
    assert auditor("config", "init").code == 0
    assert (home / ".config" / "auditor" / "auditor.toml").is_file()


def test_init_never_overwrites_without_force(auditor: Run, config: Path) -> None:
    text = config.read_text()
    config.chmod(0o644)
    done = auditor("config", "init", "--config", str(config))
    assert done.code == 1
    assert "--force" in done.err
    assert config.read_text() == text
    assert auditor("config", "init", "--force", "--config", str(config)).code == 0
    assert config.read_text() != text
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert sorted(item.name for item in config.parent.iterdir()) == ["auditor.toml"]


def test_check_finds_all_secrets_and_shows_none(auditor: Run, config: Path) -> None:
    done = auditor("config", "check")
    assert done.code == 0
    assert done.out.startswith(f"OK: {config}")
    assert "password of auditor@vsphere.local on vCenter vc01: there (environment variable VC_PASSWORD)" in done.out
    assert "hunter2" not in done.out + done.err


def test_check_names_every_missing_secret(auditor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VC_PASSWORD")
    monkeypatch.delenv("ESXI_PASSWORD")
    done = auditor("config", "check")
    assert done.code == 1
    assert done.out.startswith("NOT OK")
    assert done.out.count("MISSING") == 2
    assert "  export VC_PASSWORD, or name another source" in done.out
    secret = json.loads(auditor("config", "check", "--json").out)["secrets"][0]
    assert secret["hint"].startswith("export VC_PASSWORD")


@pytest.mark.parametrize("arguments", [(), ("--connect",)])
def test_check_as_json(arguments: tuple[str, ...], auditor: Run) -> None:
    done = auditor("config", "check", "--json", *arguments)
    document = json.loads(done.out)
    assert documents.problems(document, "config-check.v1") == ()
    contact = document["vcenters"][0]["contact"]
    assert (contact is None) == (not arguments)
    assert document["ok"] == (done.code == 0)
    if contact:
        assert contact["error"]
        assert done.code == 1


def test_check_says_that_ssh_is_off(auditor: Run, config: Path) -> None:
    text = config.read_text()
    config.write_text(text[: text.index("[ssh]")])
    assert "ssh: off" in auditor("config", "check").out


def test_a_wrong_file_is_refused_with_key_and_hint(auditor: Run, config: Path) -> None:
    config.write_text(config.read_text().replace("known_hosts =", "knownhosts ="))
    done = auditor("config", "check")
    assert done.code == 1
    assert done.out == ""
    assert "ssh: unknown key 'knownhosts'; did you mean 'known_hosts'?" in done.err
    assert str(config.name) in done.err
