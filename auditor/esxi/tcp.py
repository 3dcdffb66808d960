"""A TCP connection to a host, or why there is none."""

from __future__ import annotations

import socket
import time

from auditor.errors import ConnectError
from auditor.esxi.known_hosts import host_name
from auditor.masking import masked


def words(error: BaseException) -> str:
    """An error's own words on one line, or its class where it has none."""
    return " ".join(masked(str(error)).split())[:200] or type(error).__name__


def connect(address: str, port: int, timeout: float, end: float) -> socket.socket:
    """A connected socket with TCP_NODELAY, tried over all addresses of the name within ``timeout`` seconds."""
    where, tried = host_name(address, port), f"TCP connection to {address} port {port}"
    until = min(time.monotonic() + timeout, end)
    try:
        candidates = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        hint = "check the name and the name server"
        raise ConnectError(f"name not found: {words(error)}", where=where, tried="looking up the name", hint=hint) from error
    failure: OSError = TimeoutError()
    for family, kind, protocol, _, target in candidates:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.05, until - time.monotonic()))
            sock.connect(target)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    if isinstance(failure, ConnectionRefusedError):
        what, hint = "connection refused", "SSH may be off on the host: start the TSM-SSH service"
    elif isinstance(failure, TimeoutError):
        what, hint = f"nothing answered within {timeout:g} s", "host down, or a firewall in between"
    else:
        what, hint = f"no connection: {words(failure)}", "check the network to the host"
    raise ConnectError(what, where=where, tried=tried, hint=hint) from failure
