"""A connection to a host after the handshake: its key can be seen, and every phase of it has an end."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko

from auditor.domain.observation import Reason
from auditor.errors import AuditorError, ConnectError, DeadlineError, DeniedError, ReadError, TrustError
from auditor.esxi.known_hosts import HostKey, host_name
from auditor.esxi.settings import SshSettings
from auditor.esxi.tcp import connect, words

_LOG_CHANNEL = "auditor.esxi.ssh.paramiko"
# What paramiko has to say comes as exceptions as well; its log would repeat it with tracebacks, and at its lowest level
# hold what goes over the wire.
for _name in ("paramiko", _LOG_CHANNEL):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False

_LOOK_AROUND = 1.0  # seconds paramiko's thread sleeps on a silent socket
_NEVER = 1e6  # seconds; paramiko's own limits go by the wall clock and do not say that it was the time
_BEFORE_LOGIN = 256 * 1024  # bytes a host may send until it has let us in: keys and a banner take some ten thousand
_OVERHEAD = 1024 * 1024  # bytes a connection may take beside twice what a command may write


class BrokenError(ConnectError):
    """The connection was there and broke."""


class FloodError(ReadError):
    """The host sent more than any host has to say."""


class _Metered(socket.socket):
    """Ends after ``left`` more bytes, as if the host had closed: paramiko bounds neither a packet (4 GB), nor a line before the
    handshake, nor packets without content."""

    left = _BEFORE_LOGIN

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(min(size, 64 * 1024), flags) if self.left >= 0 else b""
        self.left -= len(data)
        return data if self.left >= 0 else b""


def reason_of(error: AuditorError) -> Reason:
    """The reason an unread host gets for an error of its connection."""
    if isinstance(error, TrustError):
        return Reason.CHANGED if error.changed else Reason.UNTRUSTED
    for kind, reason in (
        (DeadlineError, Reason.TIMED_OUT),
        (BrokenError, Reason.CUT_OFF),
        (ConnectError, Reason.UNREACHABLE),
        (DeniedError, Reason.DENIED),
        (FloodError, Reason.TOO_LARGE),
    ):
        if isinstance(error, kind):
            return reason
    return Reason.FAILED


class Link:
    """A connection after the handshake, before the host's key is checked."""

    def __init__(self, sock: socket.socket, address: str, port: int, end: float) -> None:
        self._meter = _Metered(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.transport = paramiko.Transport(self._meter)
        self.address = address
        self.port = port
        self.where = host_name(address, port)
        self.end = end
        self.expired = threading.Event()

    @property
    def flooded(self) -> bool:
        """Whether it was closed because the host sent too much."""
        return self._meter.left < 0

    @property
    def mute(self) -> bool:
        """Whether the host has not said a word."""
        return self._meter.left == _BEFORE_LOGIN

    def logged_in(self, output_limit: int) -> None:
        """From now on a command's output may come."""
        self._meter.left = 2 * output_limit + _OVERHEAD

    def abandon(self) -> None:
        """The host's time is up: close under whatever call is waiting for it."""
        self.expired.set()
        self.close()

    def close(self) -> None:
        """Close the connection, and wake paramiko's thread, which may be asleep on the socket."""
        with suppress(OSError):
            self._meter.shutdown(socket.SHUT_RDWR)
        self.transport.close()
        # Ends its timer of a handshake that failed, a thread that the process would wait for at its end.
        self.transport.packetizer.complete_handshake()
        self._meter.close()

    def host_key(self) -> HostKey:
        """The key the host shows, not yet compared with any."""
        key = self.transport.get_remote_server_key()
        return HostKey(key.get_name(), key.asbytes())

    def still_there(self, error: Exception) -> None:
        """Raise on if a refused login is in truth a connection that is gone."""
        if self.expired.is_set() or not self.transport.is_active() or self.transport.get_exception() is not None:
            raise paramiko.SSHException(str(error)) from error

    @contextmanager
    def phase(self, name: str, seconds: float = _NEVER) -> Iterator[None]:
        """Turn what paramiko raises into our errors, and name the phase in them. It is abandoned after ``seconds``."""
        timer = self.alarm(min(seconds, self.end - time.monotonic()))
        try:
            yield
        except AuditorError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.broken(name, error) from error
        finally:
            timer.cancel()

    def alarm(self, seconds: float) -> threading.Timer:
        """Abandons the connection unless it is cancelled before. It alone tells that time is up: no other clock is asked."""
        timer = threading.Timer(max(0.0, seconds), self.abandon)
        timer.daemon = True
        timer.start()
        return timer

    def broken(self, name: str, error: BaseException | None) -> AuditorError:
        """Why phase ``name`` had no end: the time, a flood, or else ``error``."""
        if self.expired.is_set():
            hint = "the host may be overloaded; try again"
            return DeadlineError(f"no end of {name} in time", where=self.where, tried=name, hint=hint)
        if self.flooded:
            hint = "is this an ESXi host's SSH port?"
            return FloodError(f"the host sent too much during {name}", where=self.where, tried=name, hint=hint)
        what = f"the connection broke during {name}: {words(error) if error else 'closed'}"
        return BrokenError(what, where=self.where, tried=name, hint="try again")


@contextmanager
def handshaken(address: str, port: int, settings: SshSettings, end: float, pinned: Sequence[HostKey]) -> Iterator[Link]:
    """A connection whose keys are exchanged; closed on the way out, or when ``end`` (monotonic time) has come."""
    link = Link(connect(address, port, settings.connect_timeout, end), address, port, end)
    transport = link.transport
    timer = link.alarm(end - time.monotonic())
    try:
        # paramiko's thread looks ten times a second whether it shall end: that adds up for hosts that take their time.
        transport.sock.settimeout(_LOOK_AROUND)
        transport.set_log_channel(_LOG_CHANNEL)
        _prefer(transport, pinned)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = transport.channel_timeout = _NEVER
        agreed = threading.Event()
        transport.start_client(agreed)
        if not agreed.wait(max(0.0, min(settings.connect_timeout, end - time.monotonic()))):
            link.expired.set()
        error = transport.get_exception()
        if link.expired.is_set() or error is not None or not transport.is_active():
            raise _handshake_error(link, error)
        yield link
    finally:
        timer.cancel()
        link.close()


def _handshake_error(link: Link, error: BaseException | None) -> AuditorError:
    # paramiko gives a line before the handshake two seconds, and tells only by the context that it was the time.
    if link.expired.is_set() or isinstance(error and error.__context__, TimeoutError):
        hint = "something else may listen on that port, or the host may be overloaded"
        return DeadlineError("no SSH handshake in time", where=link.where, tried="handshake", hint=hint)
    if link.flooded:
        return link.broken("handshake", error)
    if error is None or isinstance(error, EOFError | OSError) or link.mute:
        hint = "the host may be starting, or refuse connections for the moment; try again"
        return BrokenError(
            "the host closed the connection during the handshake", where=link.where, tried="handshake", hint=hint
        )
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        hint = "the two have no algorithm in common: see the host's sshd configuration"
        return ReadError(f"no SSH handshake possible: {words(error)}", where=link.where, tried="handshake", hint=hint)
    hint = "is this the host's SSH port?"
    return ReadError(f"SSH handshake failed: {words(error)}", where=link.where, tried="handshake", hint=hint)


def _prefer(transport: paramiko.Transport, pinned: Sequence[HostKey]) -> None:
    """Ask for the kinds of key we have pinned first, so that a host with several shows one we know."""
    options = transport.get_security_options()
    kinds = {key.type for key in pinned}
    known = [kind for kind in options.key_types if kind in kinds or (kind.startswith("rsa-sha2-") and "ssh-rsa" in kinds)]
    options.key_types = [*known, *(kind for kind in options.key_types if kind not in known)]


def fetch_host_key(address: str, port: int, timeout: float = 10.0, kinds: Sequence[str] = ()) -> tuple[HostKey, str]:
    """The key a host shows now and the known_hosts line that would pin it. Nothing is trusted and nobody logs in. Of several
    keys the host shows one of ``kinds`` ("ssh-rsa").

    Raises `ConnectError`, `DeadlineError` or `ReadError`.
    """
    settings = SshSettings(Path(), connect_timeout=timeout, host_deadline=2 * timeout)
    with handshaken(
        address, port, settings, time.monotonic() + settings.host_deadline, [HostKey(kind, b"") for kind in kinds]
    ) as link:
        key = link.host_key()
        return key, key.line(address, port)


__all__ = ["BrokenError", "Link", "fetch_host_key", "handshaken", "reason_of"]
