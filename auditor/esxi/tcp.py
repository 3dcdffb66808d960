"""A TCP connection to a host, or why there is none."""

from __future__ import annotations

import socket

from auditor import tcp
from auditor.errors import ConnectError, DeadlineError
from auditor.esxi.known_hosts import host_name
from auditor.masking import masked


def words(error: BaseException) -> str:
    """An error's own words on one line, or its class where it has none."""
    return " ".join(masked(str(error)).split())[:200] or type(error).__name__


def connect(address: str, port: int, timeout: float, end: float) -> socket.socket:
    """As `auditor.tcp.connect`. Raises `DeadlineError` where no name server answers, else `ConnectError`."""
    try:
        return tcp.connect(address, port, connect_timeout=timeout, end=end)
    except OSError as error:
        where, tried, kind = host_name(address, port), f"TCP connection to {address} port {port}", ConnectError
        if isinstance(error, tcp.LookUpTimeoutError):
            kind, tried = DeadlineError, f"looking up the name {address}"
            what, hint = words(error), "check the name servers of this machine"
        elif isinstance(error, socket.gaierror):
            tried = "looking up the name"
            what, hint = f"name not found: {words(error)}", "check the name and the name server"
        elif isinstance(error, ConnectionRefusedError):
            what, hint = "connection refused", "SSH may be off on the host: start the TSM-SSH service"
        elif isinstance(error, TimeoutError):
            what, hint = f"nothing answered within {timeout:g} s", "host down, or a firewall in between"
        else:
            what, hint = f"no connection: {words(error)}", "check the network to the host"
        raise kind(what, where=where, tried=tried, hint=hint) from error
