"""What a user can set, as frozen values. Defaults are those of ``schemas/config.v1.json``; a test compares them.

All deadlines are seconds, all sizes bytes, all paths absolute.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from auditor.domain.accepted import Entry
from auditor.domain.observation import Route, host_key
from auditor.errors import InputError
from auditor.secrets import Secret


def _none() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Address:
    """Where to reach something: a name or an IP address, and a TCP port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_port: int) -> Address:
        """Read ``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 address. Raises ``InputError``.

        >>> Address.parse("10.0.0.5:2222", 22)
        Address(host='10.0.0.5', port=2222)
        >>> Address.parse("fe80::1", 22)
        Address(host='fe80::1', port=22)
        """
        host, port = text.strip(), ""
        if host.startswith("["):
            host, closed, rest = host[1:].partition("]")
            if not closed or (rest and not rest.startswith(":")):
                raise InputError(f"not an address: {text!r}", hint="write [address]:port")
            port = rest[1:]
        elif host.count(":") == 1:
            host, _, port = host.partition(":")
            if not port:
                raise InputError(f"no port after the colon: {text!r}")
        if not host or any(char.isspace() for char in host):
            raise InputError(
                f"not an address: {text!r}", hint="write a host name or an IP address, and :port if it is not the usual one"
            )
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise InputError(f"not a port: {port!r} in {text!r}", hint="a port is a number from 1 to 65535")
        return cls(host, int(port) if port else default_port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class VCenterSettings:
    """One vCenter. Its certificate must have SHA-256 ``thumbprint`` ("AA:BB:…"), or be signed by ``ca_file``, or, when
    both are unset, by an authority the operating system trusts. ``include`` and ``exclude`` are cluster name patterns.
    ``upload_port`` is where it takes offline bundles."""

    name: str
    host: str
    user: str
    password: Secret
    port: int = 443
    thumbprint: str = ""
    ca_file: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    routes: tuple[Route, ...] = (Route.VCENTER,)
    upload_port: int = 9087

    def wants(self, cluster: str) -> bool:
        """Whether the cluster of that name is to be read. Case does not matter."""
        name = cluster.lower()
        included = not self.include or any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.include)
        return included and not any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.exclude)


@dataclass(frozen=True, slots=True)
class SshSettings:
    """The login on ESXi hosts. At least one of ``password`` and ``key`` is set. ``addresses`` is by ``host_key`` name."""

    known_hosts: Path
    user: str = "root"
    password: Secret | None = None
    key: Path | None = None
    key_passphrase: Secret | None = None
    port: int = 22
    addresses: Mapping[str, Address] = field(default_factory=lambda: MappingProxyType({}))

    def address_of(self, name: str) -> Address:
        """Where to reach the host of that name: as configured, else the name itself on the usual port."""
        return self.addresses.get(host_key(name)) or Address(name, self.port)


@dataclass(frozen=True, slots=True)
class HostApiSettings:
    """The login on the vSphere API of hosts themselves. ``thumbprints`` is by ``host_key`` name, ``known_certificates`` the
    file of those that ``auditor hosts trust`` pinned; a host without one must have a certificate signed by ``ca_file``."""

    user: str
    password: Secret
    known_certificates: Path
    port: int = 443
    ca_file: Path | None = None
    thumbprints: Mapping[str, str] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class HostSettings:
    """A host that no configured vCenter lists. ``cluster`` is a label only."""

    name: str
    address: Address
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: for a TCP connection; for TLS or SSH handshake and login; for one command, or without a byte of an API; for one
    call of an API, whatever comes; for one host; for what one vCenter tells of itself and its clusters."""

    connect: float = 10
    authenticate: float = 20
    command: float = 60
    request: float = 300
    host: float = 120
    vcenter: float = 1800


@dataclass(frozen=True, slots=True)
class Limits:
    """Hosts read at a time; bytes accepted from one over SSH; bytes accepted in one answer of an API."""

    concurrency: int = 64
    output_bytes: int = 8 * 1024 * 1024
    answer_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RollbackSettings:
    """How hosts are rolled back. ``operator`` is empty for the operating system's user; ``control`` the route for maintenance
    mode and reboot; ``changed`` has the times (UTC) at which things were last changed on any host, by their key."""

    unattended: bool = False
    operator: str = ""
    control: Route = Route.VCENTER
    evacuation: str = "ensureObjectAccessibility"
    checks: Path | None = None
    check_seconds: float = 60
    escrow: tuple[str, ...] = ()
    escrow_environment: tuple[str, ...] = ()
    maintenance_minutes: float = 60
    grace_minutes: float = 15
    watch_minutes: float = 60
    silence_minutes: float = 5
    person_minutes: float = 45
    connect_minutes: float = 15
    poll_seconds: float = 10
    changed: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Where configuration bundles are kept, sealed with ``key``; None: none are, unless somebody says so. ``keep`` newest ones
    of a host stay; others go after ``days``."""

    folder: Path
    key: Secret | None = None
    keep: int = 5
    days: int = 90


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. ``path`` is the file it came from; ``ssh`` and ``host_api`` are None when that route is
    off; the tables ``releases``, ``upgrade_paths``, ``vendor_builds`` and ``vsan_formats`` are None for those that ship with
    the tool; ``accepted`` are the differences that are no findings."""

    path: Path
    history: Path
    backup: BackupSettings
    vcenters: tuple[VCenterSettings, ...] = ()
    hosts: tuple[HostSettings, ...] = ()
    ssh: SshSettings | None = None
    host_api: HostApiSettings | None = None
    deadlines: Deadlines = Deadlines()
    limits: Limits = Limits()
    releases: Path | None = None
    upgrade_paths: Path | None = None
    vendor_builds: Path | None = None
    vsan_formats: Path | None = None
    accepted: tuple[Entry, ...] = ()
    rollback: RollbackSettings = field(default_factory=RollbackSettings)

    def vcenter(self, name: str) -> VCenterSettings:
        """The vCenter of that name. Raises ``InputError`` with the names there are."""
        for vcenter in self.vcenters:
            if vcenter.name == name:
                return vcenter
        names = ", ".join(vcenter.name for vcenter in self.vcenters) or "none"
        raise InputError(f"no vCenter is called {name!r}", where=str(self.path), hint=f"configured: {names}")

    def secrets(self) -> Iterator[Secret]:
        """Every secret a run may need. Reveal them before a progress bar starts, so that prompts stand alone."""
        for vcenter in self.vcenters:
            yield vcenter.password
        for secret in (self.ssh.password, self.ssh.key_passphrase) if self.ssh else ():
            if secret is not None:
                yield secret
        if self.host_api:
            yield self.host_api.password


def normal_thumbprint(text: str) -> str:
    """A SHA-256 thumbprint as upper-case pairs with colons, whatever form it was written in.

    >>> normal_thumbprint("ab" * 32)[:8]
    'AB:AB:AB'
    """
    digits = text.replace(":", "").upper()
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


__all__ = [
    "Address",
    "BackupSettings",
    "Config",
    "Deadlines",
    "HostApiSettings",
    "HostSettings",
    "Limits",
    "RollbackSettings",
    "SshSettings",
    "VCenterSettings",
    "normal_thumbprint",
]
