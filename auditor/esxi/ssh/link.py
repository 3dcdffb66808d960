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


class BrokenError(ConnectError):
    """The connection was there and broke."""


def reason_of(error: AuditorError) -> Reason:
    """The reason an unread host gets for an error of its connection."""
    if isinstance(error, TrustError):
        return Reason.CHANGED if error.changed else Reason.UNTRUSTED
    for kind, reason in (
        (DeadlineError, Reason.TIMED_OUT),
        (BrokenError, Reason.CUT_OFF),
        (ConnectError, Reason.UNREACHABLE),
        (DeniedError, Reason.DENIED),
    ):
        if isinstance(error, kind):
            return reason
    return Reason.FAILED


class Link:
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
        """The key the host shows, not yet compared with any."""
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
def handshaken(address: str, port: int, settings: SshSettings, end: float, pinned: Sequence[HostKey]) -> Iterator[Link]:
    """A connection whose keys are exchanged; closed on the way out, or when ``end`` (monotonic time) has come."""
    where = host_name(address, port)
    transport = paramiko.Transport(connect(address, port, settings.connect_timeout, end))
    link = Link(transport, address, port, end)
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
