"""The ``host-api`` route: the vSphere API of an ESXi host itself, for when vCenter is down or not connected to it.

The same reads as through vCenter, with esxcli in vLCM's place. Boot banks are not visible here: that needs SSH.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pyVmomi import vim

from auditor.domain.image import Product
from auditor.domain.observation import HostObservation, Read, Reading, Reason, Route, Unread, host_key
from auditor.domain.readings.registry import BY_KEY, READINGS
from auditor.errors import ConnectError, TrustError
from auditor.ports import Clock, HostTarget
from auditor.vcenter import software
from auditor.vcenter.certificates import place
from auditor.vcenter.esxcli import Esxcli
from auditor.vcenter.faults import attempt, unanswered, unread_of
from auditor.vcenter.http import within
from auditor.vcenter.inventory import Inventory, read_inventory
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import ANSWER_BYTES, HOST_SECONDS, TOTAL_SECONDS, Endpoint
from auditor.vcenter.soap import SoapSession
from auditor.vcenter.tls import context_for, fetch_thumbprint, normal_thumbprint


@dataclass(frozen=True, slots=True)
class HostApiSettings:
    """The login on hosts. ``thumbprints`` (SHA-256) is by host name or address as configured, ``pinned`` by ``place`` as pinned
    in the file ``pins``. A host without one must have a certificate signed by ``ca_file`` for the name or address contacted.
    The system's authorities do not count: vCenter says which names are hosts, and a public authority signs for any name. Times
    in seconds, as of ``Endpoint``; ``host_seconds``: for everything that is read of one host."""

    user: str
    ca_file: Path | None = None
    thumbprints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    proxy: str | None = None
    total_timeout: float = TOTAL_SECONDS
    answer_bytes: int = ANSWER_BYTES
    end: float | None = None
    host_seconds: float = HOST_SECONDS
    pinned: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pins: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "thumbprints", {host_key(name): pin for name, pin in self.thumbprints.items()})

    def pins_of(self, target: HostTarget) -> tuple[str | None, str | None]:
        """The thumbprint of ``target`` in the configuration, and in the file of pins."""
        configured = self.thumbprints.get(host_key(target.name)) or self.thumbprints.get(host_key(target.address))
        return configured, self.pinned.get(place(target.address, target.port))

    def endpoint(self, target: HostTarget) -> Endpoint:
        """Where and how ``target`` is reached. Raises ``TrustError`` where nothing says whom to trust, or two things do: the
        host is not contacted then."""
        where = f"{target.name} ({target.address}:{target.port})"
        trust = f"auditor hosts trust {shlex.quote(target.name)}"
        configured, pinned = self.pins_of(target)
        if configured and pinned and normal_thumbprint(configured) != normal_thumbprint(pinned):
            raise TrustError(
                f"two certificates are pinned: {configured} by [host-api.thumbprints] of the configuration, {pinned} in "
                f"{self.pins}; nothing was sent",
                where=where,
                hint="compare with the host's own console, and remove the wrong one",
            )
        if not (configured or pinned or self.ca_file):
            raise TrustError(
                "its certificate is not pinned, and no authority of the hosts is configured (ca_file in [host-api]); "
                "nothing was sent",
                where=where,
                hint=f"compare its thumbprint on the host's own console: {trust}",
            )
        return Endpoint(
            where=where,
            host=target.address.rstrip("."),
            user=self.user,
            port=target.port,
            thumbprint=configured or pinned,
            ca_file=self.ca_file,
            key=f"the thumbprint of {target.name} in [host-api.thumbprints]",
            pinning="" if configured else f"pin it: {trust}",
            threads=1,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            proxy=self.proxy,
            total_timeout=self.total_timeout,
            answer_bytes=self.answer_bytes,
            end=self.end,
        )

    def shown(self, target: HostTarget) -> tuple[str, bool]:
        """The thumbprint that ``target`` shows now, and whether ``ca_file`` vouches for it. Nothing is sent beyond handshakes.
        Raises ``ConnectError``."""
        host, port = target.address.rstrip("."), target.port
        seen = fetch_thumbprint(host, port, self.connect_timeout)
        if self.ca_file is None:
            return seen, False
        context = context_for(Endpoint("", host, "", port, ca_file=self.ca_file))
        with suppress(ConnectError):
            return seen, fetch_thumbprint(host, port, self.connect_timeout, context) == seen
        return seen, False


class HostApiReader:
    """Implements ``auditor.ports.HostReader``. One session per host and read; safe to share between threads."""

    def __init__(self, settings: HostApiSettings, password: Callable[[], str], clock: Clock, gate: Gate | None = None) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self.gate = gate or Gate()

    def __repr__(self) -> str:
        return f"HostApiReader({self._settings.user})"

    @property
    def route(self) -> Route:
        """``host-api``."""
        return Route.HOST_API

    def read(self, target: HostTarget) -> HostObservation:
        """Log in, read, log out. A host that cannot be read at all is an observation with ``trouble``."""
        base = HostObservation(target.name, self.route, self._clock.now(), target.vcenter)
        try:
            endpoint = self._settings.endpoint(target)
        except TrustError as error:
            return replace(base, trouble=unread_of(error))
        session = SoapSession(endpoint, self._password, self.gate)
        try:
            with within(endpoint, self._settings.host_seconds):
                return self._observe(session, base)
        finally:
            session.close()

    def _observe(self, session: SoapSession, base: HostObservation) -> HostObservation:
        about = attempt(lambda: session.call(lambda content: content.about))
        if isinstance(about, Unread):
            return replace(base, trouble=about)
        if about.value.apiType != "HostAgent":
            detail = f"{base.host} answers as {about.value.fullName or about.value.apiType}, not as an ESXi host"
            return replace(base, trouble=Unread(Reason.UNREADABLE, detail))
        inventory = attempt(lambda: _only_host(read_inventory(session)))
        if isinstance(inventory, Unread):
            return replace(base, product=_product(about.value), trouble=inventory)
        host, manager = inventory.value
        esxcli = Esxcli(session)
        told: dict[str, Any] = {r.key: esxcli.read(r, host.id) for r in READINGS if r.over_api and r.key not in software.BY_KEY}
        for key, read in software.BY_KEY.items():
            first = read(session, manager) if manager else Unread(Reason.ABSENT, "the host shows no image manager")
            told[key] = first if isinstance(first, Read) else _either(esxcli.read(BY_KEY[key], host.id), first)
        if isinstance(told["product"], Unread):
            told["product"] = _product(about.value)
        return replace(
            base,
            **told,
            maintenance_mode=Unread(Reason.UNREADABLE, "the host does not show it")
            if host.in_maintenance_mode is None
            else Read(host.in_maintenance_mode),
        )


def _either(second: Reading[Any], first: Unread) -> Reading[Any]:
    """``second`` if it was read, else why ``first`` was not."""
    return second if isinstance(second, Read) else first


def _only_host(inventory: Inventory) -> Any:
    if len(inventory.hosts) != 1:
        raise unanswered(Reason.UNREADABLE, f"{len(inventory.hosts)} hosts in the inventory instead of the host itself")
    host = inventory.hosts[0]
    return host, inventory.image_managers.get(host.id)


def _product(about: vim.AboutInfo) -> Reading[Product]:
    if about.version and about.build:
        return Read(Product(about.version, about.build, name=about.name or ""))
    return Unread(Reason.UNREADABLE, "AboutInfo without version and build")
