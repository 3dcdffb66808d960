"""Log in to a host whose key is known, and run one command there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import paramiko

from auditor.errors import ConfigError, DeniedError, ReadError, TrustError
from auditor.esxi.known_hosts import KnownHosts
from auditor.esxi.settings import Once, SshSettings
from auditor.esxi.ssh.command import Output, Reply, collect
from auditor.esxi.ssh.key import load_key
from auditor.esxi.ssh.link import Link, handshaken
from auditor.masking import masked

STARTING = "start of the command"
"""The phase in which a command is on its way."""


class SshClient:
    """Runs one command on one host at a time per thread; any number of threads may share it.

    ``password`` and ``passphrase`` (of the key) are asked for when first needed, once. The key is loaded once, here: raises
    `ConfigError` if it cannot be, or if there is neither a key nor a password.
    """

    def __init__(
        self,
        settings: SshSettings,
        known_hosts: KnownHosts,
        password: Callable[[], str] | None = None,
        passphrase: Callable[[], str] | None = None,
    ) -> None:
        self.settings = settings
        self._known_hosts = known_hosts
        self._password = Once(password) if password is not None else None
        self._key = load_key(settings.key, passphrase) if settings.key is not None else None
        if self._key is None and self._password is None:
            raise ConfigError("no way to log in to hosts: neither a key nor a password is configured", hint="configure one")

    def execute(
        self,
        address: str,
        port: int,
        command: str,
        is_done: Callable[[bytes], bool],
        *,
        deadline: float | None = None,
        asked: Callable[[bytes], bool] = lambda _: False,
        reply: bytes = b"",
    ) -> Output:
        """Run ``command`` and return what it wrote. ``is_done`` is asked with the end of standard output whether all is there.
        ``deadline`` is for this call altogether, in place of the settings' ``host_deadline``. When ``asked`` says of the end of
        standard output that the command waits for it, ``reply`` is its standard input, once.

        An error whose ``tried`` is `STARTING` came after the command was sent: whether the host began with it is not known.

        Raises `ConnectError`, `DeadlineError`, `TrustError`, `DeniedError` or `ReadError` as long as no output can have
        come. After that the output so far is returned with the reason why it stopped. The connection is always closed.
        """
        end = time.monotonic() + (self.settings.host_deadline if deadline is None else deadline)
        answer = Reply(asked, reply)
        with handshaken(address, port, self.settings, end, self._known_hosts.keys_of(address, port)) as link:
            self._check_key(link)
            self._log_in(link)
            shown = str(link.host_key())
            output = self._run(link, command, is_done, answer)
        return replace(output, host_key=shown, replied=answer.given)

    def _check_key(self, link: Link) -> None:
        shown, where = link.host_key(), link.where
        pinned = self._known_hosts.keys_of(link.address, link.port)
        path = self.settings.known_hosts
        if shown in self._known_hosts.revoked:
            raise TrustError(
                f"the host's key {shown} is revoked in {path}",
                where=where,
                tried="connecting",
                hint="give the host a new key",
                changed=True,
            )
        if shown in pinned:
            return
        hint = f"read the fingerprint on the host's own console, then `auditor hosts trust {link.address}`"
        if not pinned:
            what = f"the host's key {shown} is not known"
        else:
            what = f"the host's key has changed: it shows {shown}, expected {' or '.join(map(str, pinned))}"
            hint = f"a host that went back to an older image may show its older key; {hint}"
        raise TrustError(what, where=where, tried=f"comparing the key with {path}", hint=hint, changed=bool(pinned))

    def _log_in(self, link: Link) -> None:
        user = self.settings.user
        tried = []
        denied: paramiko.AuthenticationException | None = None
        if self._key is not None:
            tried.append("key")
            with link.phase("login", self.settings.auth_timeout):
                try:
                    link.transport.auth_publickey(user, self._key)
                    if link.transport.is_authenticated():
                        return
                except paramiko.AuthenticationException as error:
                    link.still_there(error)
                    denied = error
        if self._password is not None:
            tried.append("password (keyboard-interactive)")
            password = self._password()
            with link.phase("login", self.settings.auth_timeout):
                try:
                    _with_password(link.transport, user, password)
                    if link.transport.is_authenticated():
                        return
                except _MoreAskedError as error:
                    hint = "the password has expired or the host asks for a second answer; set a new one at the host"
                    raise DeniedError(str(error), where=link.where, tried="login", hint=hint) from error
                except paramiko.AuthenticationException as error:
                    link.still_there(error)
                    denied = error
        raise DeniedError(
            f"login as {user} was refused",
            where=link.where,
            tried=" and ".join(tried),
            hint="check user, key and password; a host in lockdown mode lets in exception users only, and too many wrong "
            "passwords lock the account (Security.AccountLockFailures)",
        ) from denied

    def _run(self, link: Link, command: str, is_done: Callable[[bytes], bool], reply: Reply) -> Output:
        link.logged_in(self.settings.output_limit)
        with link.phase(STARTING):
            try:
                channel = link.transport.open_session()
                channel.exec_command(command)
            except paramiko.SSHException as error:  # a refused command closes its channel only
                link.still_there(error)
                hint = "is the shell enabled for the user?"
                raise ReadError("the host refused to start a command", where=link.where, tried="exec", hint=hint) from error
        return collect(link, channel, self.settings.output_limit, is_done, reply)


class _MoreAskedError(paramiko.AuthenticationException):
    """The host asks for more than a password. Raised in paramiko's own thread, which ends with it: nothing more is sent, since
    an answer to a question of which nothing is known counts as one more wrong password (Security.AccountLockFailures)."""


class _PlainPassword(paramiko.auth_handler.AuthHandler):
    """The method "password". Message 60 is SSH_MSG_USERAUTH_PASSWD_CHANGEREQ in it (RFC 4252, 8), which paramiko takes for a
    broken connection."""

    def _parse_userauth_info_request(self, _message: object) -> None:
        raise _MoreAskedError("the host took the password and asks for a new one")


def _with_password(transport: paramiko.Transport, user: str, password: str) -> None:
    """Answer one password prompt, once. A second question (a new password, a token) is not one we have an answer to."""
    answered = False

    def answer(_title: str, _instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        nonlocal answered
        if not prompts:
            return []
        if answered or len(prompts) != 1 or prompts[0][1]:
            asked = " and ".join(repr(" ".join(masked(text).split())[:60]) for text, _ in prompts[:3])
            raise _MoreAskedError(f"the host asks for more than a password: {asked}")
        answered = True
        return [password]

    try:
        transport.auth_interactive(user, answer)
    except paramiko.BadAuthenticationType as error:
        # Not an ESXi default, but an administrator may have turned the two round. Nothing was sent so far.
        if "password" not in error.allowed_types:
            raise
        # As Transport.auth_password does it, with a handler of ours.
        transport.auth_handler = handler = _PlainPassword(transport)
        told = threading.Event()
        handler.auth_password(user, password, told)
        handler.wait_for_response(told)


__all__ = ["STARTING", "SshClient"]
