"""Secrets come from their sources and show themselves nowhere."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import pty
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli import output
from auditor.errors import ConfigError
from auditor.masking import masked
from auditor.secrets import MASK, Command, Env, File, Keyring, Prompt, Secret, known

TEXT = "correct horse battery staple"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>40}".format, lambda s: f"{s!r}", "%s".__mod__, ascii])
def test_no_text_form_shows_it(show: Callable[[Secret], str]) -> None:
    secret = known(TEXT)
    secret.reveal()
    assert TEXT not in show(secret)
    assert "*" in show(secret)


@pytest.mark.parametrize("copy_", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_it_is_not_stored_or_copied(copy_: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        copy_(known(TEXT))


def test_comparing_tells_nothing() -> None:
    one, other = known(TEXT), known(TEXT)
    assert one != other
    assert one != TEXT
    assert one == one
    assert not hasattr(one, "__dict__")


def test_a_source_is_asked_once_by_many_threads() -> None:
    asked = []

    class Slow:
        def describe(self) -> str:
            return "slow"

        def fetch(self, label: str) -> str:
            asked.append(label)
            return TEXT

    secret = Secret(Slow(), "password")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(secret.reveal())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [TEXT] * 16
    assert asked == ["password"]


def test_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_TEST_SECRET", TEXT)
    assert Secret(Env("AUDITOR_TEST_SECRET"), "password").reveal() == TEXT
    monkeypatch.setenv("AUDITOR_TEST_SECRET", "")
    with pytest.raises(ConfigError, match="password is empty"):
        Secret(Env("AUDITOR_TEST_SECRET"), "password").reveal()
    monkeypatch.delenv("AUDITOR_TEST_SECRET")
    with pytest.raises(ConfigError, match="AUDITOR_TEST_SECRET"):
        Secret(Env("AUDITOR_TEST_SECRET"), "password").reveal()


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(TEXT.encode() + b"\r\nsecond\n")
    path.chmod(0o600)
    assert Secret(File(path), "password").reveal() == TEXT
    path.chmod(0o400)
    assert Secret(File(path), "password").reveal() == TEXT


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text(TEXT)
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        Secret(File(path), "password").reveal()
    assert "chmod 600" in str(caught.value)
    assert TEXT not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\n")
    (tmp_path / "binary").chmod(0o600)
    (tmp_path / "long").write_text("x" * 10_000)
    (tmp_path / "long").chmod(0o600)
    for name in ("missing", "binary", "long", "."):
        with pytest.raises(ConfigError, match="password"):
            Secret(File(tmp_path / name), "password").reveal()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_of_powershell_is_no_wrong_password(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "password"
    path.write_bytes("hunter2\r\n".encode(encoding))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-16") as caught:
        Secret(File(path), "password").reveal()
    assert "hunter2" not in str(caught.value)
    path.write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    assert Secret(File(path), "password").reveal() == "hunter2"


def test_command_is_run_without_a_shell() -> None:
    argv = (sys.executable, "-c", "import sys; print(sys.argv[1]); print('second')", "$HOME; echo x")
    assert Secret(Command(argv), "password").reveal() == "$HOME; echo x"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('hunter2'); raise SystemExit(3)", "ended with status 3"),
        ("print()", "is empty"),
        ("pass", "is empty"),
        ("import time; print('hunter2', flush=True); time.sleep(60)", r"within 1 s"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "not UTF-8"),
        ("import os\nwhile True: os.write(1, b'hunter2' * 999)", "prints more than"),
    ],
)
def test_command_that_fails_says_so_and_not_what_it_said(code: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Secret(Command((sys.executable, "-c", code), timeout=1), "password").reveal()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.__cause__)


def test_command_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Secret(Command(("/nowhere/helper", "hunter2")), "password").reveal()


def test_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring", reason="the keyring extra is not installed")
    monkeypatch.setattr(keyring, "get_password", lambda service, user: TEXT if (service, user) == ("vc01", "auditor") else None)
    assert Secret(Keyring("vc01", "auditor"), "password").reveal() == TEXT
    with pytest.raises(ConfigError, match="is not there"):
        Secret(Keyring("vc01", "other"), "password").reveal()


def test_keyring_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"\[keyring\]'"):
        Secret(Keyring("vc01", "auditor"), "password").reveal()


def in_terminal(code: str, answer: bytes) -> tuple[bytes, int]:
    """Run ``code`` with a terminal of its own; give ``answer`` on it once it asks. Returns what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    shown = b""
    answered = False
    while True:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            break
        if not data:
            break
        shown += data
        if b": " in shown and not answered:
            os.write(terminal, answer)
            answered = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(status)


def test_prompt_asks_on_the_terminal_without_echo() -> None:
    code = (
        "import sys, os; sys.stdin = open(os.devnull)\n"
        "from auditor.secrets import Prompt, Secret\n"
        "secret = Secret(Prompt(), 'password of root')\n"
        "assert secret.reveal() == secret.reveal() == 'hunter2', 'wrong'\n"
    )
    shown, status = in_terminal(code, b"hunter2\n")
    assert status == 0, shown
    assert shown.count(b"Password of root: ") == 1
    assert b"hunter2" not in shown


def test_prompt_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_terminal(path: str, flags: int) -> int:
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(os, "open", no_terminal)
    with pytest.raises(ConfigError, match="no terminal"):
        Secret(Prompt(), "password").reveal()


def test_revealed_secrets_are_masked_in_logs_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    secret = known("s3cr3t-in-a-library-message")
    secret.reveal()
    output.set_up_log(2)
    logging.getLogger("auditor.test").debug("login with %s", secret.reveal())
    output.say(f"oops {secret.reveal()}")
    output.say(output.unexpected_text(ValueError(f"bad password {secret.reveal()}")))
    shown = capsys.readouterr().err
    assert "s3cr3t" not in shown
    assert shown.count(MASK) == 3
    output.set_up_log(0)


def test_short_secrets_do_not_mask_everything() -> None:
    known("ab").reveal()
    assert masked("about") == "about"
