"""Loopback addresses and a port for the hosts, such that several labs on one machine do not meet."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Sequence

from auditor.errors import AuditorError
from auditor.lab.hosts.host import LabHost

PORTS = range(20_000, 32_000)
"""Where a common port is looked for: below what systems give out by themselves."""

_ATTEMPTS = 100


def give_addresses(hosts: Sequence[LabHost]) -> None:
    """Give every host an address of its own, 127.1.0.1 and on, and all of them one port that is free on all.

    Where the system has no loopback address but 127.0.0.1, as macOS, every host gets a port of its own when it starts.
    Raises `AuditorError` when no port is free."""
    addresses = [f"127.1.{number // 254}.{number % 254 + 1}" for number in range(len(hosts))]
    if not addresses or _state(addresses[0], 0) == errno.EADDRNOTAVAIL:
        for host in hosts:
            host.address, host.port = "127.0.0.1", 0
        return
    for port in random.sample(PORTS, _ATTEMPTS):
        # The first host's listener stands for the lab: whoever has it has the others too, unless something else is there.
        if all(_state(address, port) == 0 for address in addresses):
            for host, address in zip(hosts, addresses, strict=True):
                host.address, host.port = address, port
            return
    raise AuditorError(
        "no free TCP port for the lab's hosts on 127.1.0.0/16",
        tried=f"{_ATTEMPTS} ports from {PORTS.start} to {PORTS.stop - 1}",
        hint="end other labs: each has a process `auditor lab`",
    )


def free_port(addresses: Sequence[str]) -> int:
    """A port that is free on all of these addresses, which must differ. Raises `AuditorError`."""
    if len(set(addresses)) != len(addresses):
        raise AuditorError(
            "the lab's hosts cannot have an API each: this system has one loopback address only",
            hint="use Linux, or choose another route than host-api",
        )
    for port in random.sample(PORTS, _ATTEMPTS):
        if all(_state(address, port) == 0 for address in addresses):
            return port
    raise AuditorError(
        "no free TCP port for the lab's hosts on their addresses",
        tried=f"{_ATTEMPTS} ports from {PORTS.start} to {PORTS.stop - 1}",
        hint="end other labs: each has a process `auditor lab`",
    )


def _state(address: str, port: int) -> int:
    """0 if the port can be bound now, else the error number."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0
