"""Who somebody is, for four eyes: who logged in, whatever account they changed to."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from auditor.cli import identity
from auditor.config import Config
from auditor.config.settings import BackupSettings, RollbackSettings

ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


def config(operator: str = "") -> Config:
    here = Path("auditor.toml")
    return Config(here, here, BackupSettings(here), rollback=RollbackSettings(operator=operator))


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(identity, "LOGIN_UID", tmp_path / "loginuid")
    monkeypatch.delenv("SUDO_UID", raising=False)
    return tmp_path / "loginuid"


@pytest.mark.parametrize("text", [None, "4294967295", "4294967295\n", "", "nonsense"])
def test_without_a_login_it_is_the_process_s_user(login: Path, text: str | None) -> None:
    if text is not None:
        login.write_text(text)
    assert identity.operator(config()) == ME


def test_changing_to_another_account_makes_nobody_else(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u service auditor rollback approve` by the plan's author."""
    other = next(entry for entry in pwd.getpwall() if entry.pw_uid != os.getuid())
    login.write_text(f"{other.pw_uid}\n")
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    monkeypatch.setenv("LOGNAME", "root")
    assert identity.operator(config()) == f"{other.pw_name}@{socket.gethostname()}"


def test_a_configured_name_says_who_somebody_is(login: Path) -> None:
    login.write_text("0\n")
    assert identity.operator(config("ann")) == "ann"
