"""One SSH connection, one command, its output: the only user of paramiko.

paramiko's Transport is driven directly, each phase with its own deadline: connect, handshake, host key, login, command.
ESXi's server takes passwords by keyboard-interactive only, so that is what is tried; trying "password" first would ask for
the login service twice, which not every server takes. Algorithms are left to the two sides: forcing any can lock out a
host in FIPS mode. TCP_NODELAY is set on the socket, which paramiko does not do and which saves 50 ms and more a host.
"""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from auditor.domain.observation import Reason, Unread
from auditor.errors import AuditorError, ConfigError, ConnectError, DeadlineError, DeniedError, ReadError, TrustError
from auditor.esxi.known_hosts import HostKey, KnownHosts, host_name
from auditor.esxi.settings import Once, SshSettings
from auditor.esxi.tcp import connect, words

_LOG_CHANNEL = "auditor.esxi.ssh.paramiko"
# What paramiko has to say comes as exceptions as well; its log would repeat it with tracebacks, and at its lowest level
# hold what goes over the wire.
for _name in ("paramiko", _LOG_CHANNEL):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False

_CHUNK = 64 * 1024
_POLL = 0.25  # seconds between looks at standard error and the clock while standard output is silent
STARTING = "start of the command"
"""The phase in which a command is on its way."""

_LOOK_AROUND = 1.0  # seconds paramiko's thread sleeps on a silent socket
_DRAIN = 1.0  # seconds given to the end of the stream after the last byte of interest


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, as far as it came. ``stopped`` says why it is not all there is, None if ``is_done`` had its end.
    ``status`` is the command's exit status where the host told it: then the command is over, whatever it wrote."""

    stdout: bytes
    stderr: bytes
    stopped: Unread | None = None
    status: int | None = None
    host_key: str = ""
    """Type and fingerprint of the key that the host showed, which was verified."""


@dataclass(slots=True)
class _Reply:
    """What a command is told when it asks, once."""

    asked: Callable[[bytes], bool]
    text: bytes

    def give(self, channel: paramiko.Channel, tail: bytes) -> None:
        if self.text and self.asked(tail):
            text, self.text = self.text, b""
            with suppress(OSError):  # a connection that is gone is noticed where its output is read
                channel.sendall(text)


class BrokenError(ConnectError):
    """The connection was there and broke."""


def reason_of(error: AuditorError) -> Reason:
    """The reason an unread host gets for an error of this module."""
    for kind, reason in (
        (TrustError, Reason.UNTRUSTED),
        (DeadlineError, Reason.TIMED_OUT),
        (BrokenError, Reason.CUT_OFF),
        (ConnectError, Reason.UNREACHABLE),
        (DeniedError, Reason.DENIED),
    ):
        if isinstance(error, kind):
            return reason
    return Reason.FAILED


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
        self._key = _load_key(settings.key, passphrase) if settings.key is not None else None
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
        with _handshaken(address, port, self.settings, end, self._known_hosts.keys_of(address, port)) as link:
            self._check_key(link)
            self._log_in(link)
            shown = str(link.host_key())
            return replace(self._run(link, command, is_done, _Reply(asked, reply)), host_key=shown)

    def _check_key(self, link: _Link) -> None:
        shown, where = link.host_key(), link.where
        pinned = self._known_hosts.keys_of(link.address, link.port)
        path = self.settings.known_hosts
        if shown in self._known_hosts.revoked:
            raise TrustError(
                f"the host's key {shown} is revoked in {path}", where=where, tried="connecting", hint="give the host a new key"
            )
        if shown in pinned:
            return
        hint = f"read the fingerprint on the host's own console, then `auditor hosts trust {link.address}`"
        if not pinned:
            what = f"the host's key {shown} is not known"
        else:
            what = f"the host's key has changed: it shows {shown}, expected {' or '.join(map(str, pinned))}"
            hint = f"a host that went back to an older image may show its older key; {hint}"
        raise TrustError(what, where=where, tried=f"comparing the key with {path}", hint=hint)

    def _log_in(self, link: _Link) -> None:
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
                    _keyboard_interactive(link.transport, user, password)
                    if link.transport.is_authenticated():
                        return
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

    def _run(self, link: _Link, command: str, is_done: Callable[[bytes], bool], reply: _Reply) -> Output:
        with link.phase(STARTING, max(0.0, link.end - time.monotonic())):
            try:
                channel = link.transport.open_session(timeout=max(0.1, link.end - time.monotonic()))
                channel.exec_command(command)
            except paramiko.ChannelException as error:
                hint = "is the shell enabled for the user?"
                raise ReadError("the host refused to start a command", where=link.where, tried="exec", hint=hint) from error
        return _collect(link, channel, self.settings.output_limit, is_done, reply)


def fetch_host_key(address: str, port: int, timeout: float = 10.0) -> tuple[HostKey, str]:
    """The key a host shows now and the known_hosts line that would pin it. Nothing is trusted and nobody logs in.

    Raises `ConnectError`, `DeadlineError` or `ReadError`.
    """
    settings = SshSettings(Path(), connect_timeout=timeout, host_deadline=2 * timeout)
    with _handshaken(address, port, settings, time.monotonic() + settings.host_deadline, ()) as link:
        key = link.host_key()
        return key, key.line(address, port)


def _load_key(path: Path, passphrase: Callable[[], str] | None) -> paramiko.PKey:
    try:
        try:
            return _read_key(path, None)
        except (paramiko.PasswordRequiredException, TypeError):
            # TypeError is the cryptography library's word for "encrypted, and no password given".
            if passphrase is None:
                raise ConfigError("the key has a passphrase and none is configured", where=str(path)) from None
            return _read_key(path, passphrase().encode())
    except OSError as error:
        hint = "check the path and its permissions"
        raise ConfigError(f"key could not be read: {error.strerror}", where=str(path), hint=hint) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        hint = "RSA, ECDSA or Ed25519 in OpenSSH or PEM form; if it has a passphrase, it may be the wrong one"
        raise ConfigError("key could not be loaded", where=str(path), hint=hint) from error


def _read_key(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """paramiko reads no PKCS #8 file, and of the OpenSSH files without a comment only those that happen to end in padding:
    those it gives up are read by the cryptography library and handed to it in the older form."""
    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # it wants bytes
    except paramiko.PasswordRequiredException:
        raise
    except paramiko.SSHException:
        data = path.read_bytes()
        load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
        key = load(data, passphrase)
        if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
            raise
        text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode("ascii")
        kind = paramiko.RSAKey if isinstance(key, RSAPrivateKey) else paramiko.ECDSAKey
        return kind.from_private_key(io.StringIO(text))


def _keyboard_interactive(transport: paramiko.Transport, user: str, password: str) -> None:
    """Answer one password prompt, once. A second question (a new password, a token) is not one we have an answer to."""
    answered = False

    def answer(_title: str, _instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        nonlocal answered
        if not prompts:
            return []
        if answered or len(prompts) != 1 or prompts[0][1]:
            raise paramiko.AuthenticationException("the host asks for more than a password")
        answered = True
        return [password]

    try:
        transport.auth_interactive(user, answer)
    except paramiko.BadAuthenticationType as error:
        # Not an ESXi default, but an administrator may have turned the two round. Nothing was sent so far.
        if "password" not in error.allowed_types:
            raise
        transport.auth_password(user, password, fallback=False)


class _Link:
    """A connection after the handshake, before the host's key is checked."""

    def __init__(self, transport: paramiko.Transport, address: str, port: int, end: float) -> None:
        self.transport = transport
        self.address = address
        self.port = port
        self.where = host_name(address, port)
        self.end = end
        self.expired = threading.Event()

    def abandon(self) -> None:
        """The host's time is up: close under whatever call is waiting for it."""
        self.expired.set()
        self.close()

    def close(self) -> None:
        """Close the connection, and wake paramiko's thread, which may be asleep on the socket."""
        with suppress(OSError):
            self.transport.sock.shutdown(socket.SHUT_RDWR)
        self.transport.close()
        self.transport.sock.close()

    def host_key(self) -> HostKey:
        key = self.transport.get_remote_server_key()
        return HostKey(key.get_name(), key.asbytes())

    def still_there(self, error: Exception) -> None:
        """Raise on if a refused login is in truth a connection that is gone or a login that took too long."""
        if self.expired.is_set() or not self.transport.is_active() or self.transport.get_exception() is not None:
            raise paramiko.SSHException(str(error)) from error
        if "timeout" in str(error).lower():
            raise TimeoutError(str(error)) from error

    @contextmanager
    def phase(self, name: str, seconds: float) -> Iterator[None]:
        """Turn what paramiko raises into our errors, and name the phase in them. ``seconds`` bounds a login."""
        seconds = min(seconds, max(0.1, self.end - time.monotonic()))
        self.transport.auth_timeout = seconds
        try:
            yield
        except AuditorError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            if self.expired.is_set() or isinstance(error, TimeoutError):
                raise DeadlineError(
                    f"no end of {name} in time", where=self.where, tried=name, hint="the host may be overloaded; try again"
                ) from error
            raise BrokenError(
                f"the connection broke during {name}: {words(error)}", where=self.where, tried=name, hint="try again"
            ) from error


@contextmanager
def _handshaken(address: str, port: int, settings: SshSettings, end: float, pinned: Sequence[HostKey]) -> Iterator[_Link]:
    """A connection whose keys are exchanged; closed on the way out, or when ``end`` (monotonic time) has come."""
    where = host_name(address, port)
    transport = paramiko.Transport(connect(address, port, settings.connect_timeout, end))
    link = _Link(transport, address, port, end)
    timer = threading.Timer(max(0.0, end - time.monotonic()), link.abandon)
    timer.daemon = True
    timer.start()
    try:
        # paramiko's thread looks ten times a second whether it shall end: that adds up for hosts that take their time.
        transport.sock.settimeout(_LOOK_AROUND)
        transport.set_log_channel(_LOG_CHANNEL)
        _prefer(transport, pinned)
        seconds = min(settings.connect_timeout, max(0.1, end - time.monotonic()))
        # Later than ours: paramiko calls a host that says nothing a broken one, in words that do not name the time.
        transport.banner_timeout = transport.handshake_timeout = seconds + 5
        agreed = threading.Event()
        transport.start_client(agreed)
        in_time = agreed.wait(seconds)
        error = transport.get_exception()
        if not in_time or link.expired.is_set() or (error is not None and "timeout" in str(error).lower()):
            hint = "something else may listen on that port, or the host may be overloaded"
            raise DeadlineError(f"no SSH handshake within {seconds:g} s", where=where, tried="handshake", hint=hint) from error
        if error is not None or not transport.is_active():
            raise _handshake_error(error, where) from error
        yield link
    finally:
        timer.cancel()
        link.close()


def _handshake_error(error: BaseException | None, where: str) -> AuditorError:
    if error is None or isinstance(error, EOFError | OSError):
        hint = "the host may be starting, or refuse connections for the moment; try again"
        return BrokenError("the host closed the connection during the handshake", where=where, tried="handshake", hint=hint)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        hint = "the two have no algorithm in common: see the host's sshd configuration"
        return ReadError(f"no SSH handshake possible: {words(error)}", where=where, tried="handshake", hint=hint)
    hint = "is this the host's SSH port?"
    return ReadError(f"SSH handshake failed: {words(error)}", where=where, tried="handshake", hint=hint)


def _prefer(transport: paramiko.Transport, pinned: Sequence[HostKey]) -> None:
    """Ask for the kinds of key we have pinned first, so that a host with several shows one we know."""
    options = transport.get_security_options()
    kinds = {key.type for key in pinned}
    known = [kind for kind in options.key_types if kind in kinds or (kind.startswith("rsa-sha2-") and "ssh-rsa" in kinds)]
    options.key_types = [*known, *(kind for kind in options.key_types if kind not in known)]


def _collect(link: _Link, channel: paramiko.Channel, limit: int, is_done: Callable[[bytes], bool], reply: _Reply) -> Output:
    """Read both streams until the end, the limit, or the host's deadline."""
    out, err = bytearray(), bytearray()
    channel.settimeout(_POLL)
    done_at: float | None = None
    while True:
        try:
            data = channel.recv(_CHUNK)
        except TimeoutError:
            data = None
        except OSError:
            data = b""
        out += data or b""
        while channel.recv_stderr_ready():
            err += channel.recv_stderr(_CHUNK)
        now = time.monotonic()
        reply.give(channel, bytes(out[-256:]))
        if done_at is None and is_done(bytes(out[-256:])):
            done_at = now
        if data == b"" or (done_at is not None and now - done_at > _DRAIN):
            break
        if len(out) + len(err) > limit:
            sent = Unread(Reason.TOO_LARGE, f"the host sent more than {limit} bytes")
            return Output(bytes(out[:limit]), bytes(err[:limit]), sent)
        if now >= link.end:
            link.expired.set()
            break
    # The status comes after the end of the stream. A connection that is gone sets the event as well, and leaves -1.
    told = data == b"" and channel.status_event.wait(_DRAIN) and channel.exit_status >= 0
    status = channel.exit_status if told else None
    if done_at is not None:
        return Output(bytes(out), bytes(err), None, status)
    if link.expired.is_set():
        stopped = Unread(Reason.TIMED_OUT, "the host's deadline passed before its answer was whole")
    else:
        stopped = Unread(Reason.CUT_OFF, "the connection ended before the host's answer was whole")
    return Output(bytes(out), bytes(err), stopped, status)


__all__ = ["STARTING", "BrokenError", "Output", "SshClient", "SshSettings", "fetch_host_key", "reason_of"]
