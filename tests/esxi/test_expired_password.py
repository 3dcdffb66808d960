"""Hosts that ask for more than a password at the login: expired passwords, tokens. Against a real SSH server (asyncssh)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from auditor.domain.observation import Reason
from auditor.esxi.host import SshHostReader
from auditor.esxi.known_hosts import pin
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
from auditor.ports import HostTarget
from tests.esxi.sshd import FixedClock

PASSWORD = "right one"
MUST_CHANGE = "You are required to change your password immediately (password expired)."
Challenge = tuple[str, str, str, list[tuple[str, bool]]]


class Login(asyncssh.SSHServer):
    """Asks what it was given to ask, one challenge after the other, and lets nobody in before the last is answered. Which
    answers it got stands in ``answers``."""

    def __init__(self, challenges: list[Challenge], answers: list[list[str]], *, plain: bool) -> None:
        self.challenges, self.answers, self.plain = list(challenges), answers, plain
        self.connection: Any = None

    def connection_made(self, conn: Any) -> None:
        self.connection = conn

    def begin_auth(self, _username: str) -> bool:
        self._once_more()
        return True

    def _once_more(self) -> None:
        """paramiko asks for the login service before every method, which sshd grants."""
        self.connection._next_service = b"ssh-userauth"

    def public_key_auth_supported(self) -> bool:
        return False

    def password_auth_supported(self) -> bool:
        return self.plain

    def kbdint_auth_supported(self) -> bool:
        self._once_more()
        return not self.plain

    def validate_password(self, _username: str, password: str) -> bool:
        self.answers.append([password])
        raise asyncssh.PasswordChangeRequired("Password expired. Change your password now")

    def get_kbdint_challenge(self, _username: str, _lang: str, _submethods: str) -> Challenge:
        return self.challenges.pop(0)

    def validate_kbdint_response(self, _username: str, responses: list[str]) -> Challenge | bool:
        self.answers.append(list(responses))
        if responses and responses != [PASSWORD]:
            return False
        return self.challenges.pop(0) if self.challenges else True


Start = Callable[..., tuple[SshHostReader, HostTarget, list[list[str]]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that serves such a login on loopback, with its key pinned."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def served(*challenges: Challenge, plain: bool = False) -> tuple[SshHostReader, HostTarget, list[list[str]]]:
        answers: list[list[str]] = []
        key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")

        async def listen() -> Any:
            return await asyncssh.listen(
                "127.0.0.1",
                0,
                server_factory=lambda: Login(list(challenges), answers, plain=plain),
                server_host_keys=[key],
                process_factory=lambda process: process.exit(0),
            )

        port = asyncio.run_coroutine_threadsafe(listen(), loop).result(30).get_port()
        shown, _ = fetch_host_key("127.0.0.1", port)
        pin(tmp_path / "known_hosts", "127.0.0.1", port, shown, shown.fingerprint)
        settings = SshSettings(tmp_path / "known_hosts", connect_timeout=30, auth_timeout=30, host_deadline=120)
        return SshHostReader(settings, lambda: PASSWORD, FixedClock()), HostTarget("esx1", "127.0.0.1", port), answers

    yield served
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)


def challenge(*prompts: str, instructions: str = "") -> Challenge:
    return "", instructions, "", [(prompt, False) for prompt in prompts]


ASKING_MORE = {
    "a new password after the right one": (challenge("Password: "), challenge("New password: ", instructions=MUST_CHANGE)),
    "told first without a question": (
        challenge("Password: "),
        challenge(instructions=MUST_CHANGE),
        challenge("New password: "),
    ),
    "old and new in one": (
        challenge("Current password: ", "New password: ", instructions="Password expired. Change your password now"),
    ),
    "new and once more in one": (challenge("Password: "), challenge("New password: ", "Retype new password: ")),
    "a message before anything": (
        challenge(instructions="Authorised use only"),
        challenge("Password: "),
        challenge("New password: "),
    ),
    "a token": (challenge("Password: "), challenge("Verification code: ")),
}


@pytest.mark.parametrize("name", ASKING_MORE)
def test_more_than_a_password(start: Start, name: str) -> None:
    challenges = ASKING_MORE[name]
    reader, target, answers = start(*challenges)
    found = reader.read(target).trouble
    assert found is not None
    assert found.reason is Reason.DENIED
    assert "tried: login" in found.detail
    assert "expired or the host asks for a second answer; set a new one at the host" in found.detail
    assert "again" not in found.detail
    given = [answer for each in answers for answer in each]
    assert given == ([PASSWORD] if challenges[0][3] != challenges[-1][3] else []), "no question but the first is answered"


def test_the_method_password_with_a_request_for_a_new_one(start: Start) -> None:
    reader, target, answers = start(plain=True)
    found = reader.read(target).trouble
    assert found is not None
    assert (found.reason, answers) == (Reason.DENIED, [[PASSWORD]])
    assert "set a new one at the host" in found.detail
    assert "again" not in found.detail


@pytest.mark.parametrize("before", [(), (challenge(instructions="Authorised use only"),)])
def test_one_password_lets_in(start: Start, before: tuple[Challenge, ...]) -> None:
    """A message without a question is none."""
    reader, target, answers = start(*before, challenge("Password: "))
    found = reader.read(target).trouble
    assert found is not None
    assert found.reason is Reason.FAILED, "the login worked; this server has no shell that runs the script"
    assert answers[-1] == [PASSWORD]


def test_a_wrong_password_is_a_refused_one(start: Start) -> None:
    reader, target, _ = start(challenge("Password: "))
    reader = SshHostReader(reader.client.settings, lambda: "wrong one", FixedClock())
    found = reader.read(target).trouble
    assert found is not None
    assert found.reason is Reason.DENIED
    assert "was refused" in found.detail
