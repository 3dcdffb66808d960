"""What `config check` and `hosts trust` contact: a handshake or a login, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.cli.wiring import vcenter_settings
from auditor.config import Config, SshSettings, VCenterSettings
from auditor.domain.hostnames import spelled
from auditor.domain.observation import VCenterMarks
from auditor.domain.trust import Expected, Kind, Value
from auditor.errors import AuditorError, InputError
from auditor.ports import HostTarget

if TYPE_CHECKING:
    from auditor.vcenter.hostapi import HostApiSettings

_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def certificate_of(vcenter: VCenterSettings, timeout: float) -> str:
    """The SHA-256 thumbprint of the certificate a vCenter shows now. Raises ``ConnectError``."""
    from auditor.vcenter.tls import fetch_thumbprint

    return fetch_thumbprint(vcenter.host, vcenter.port, timeout)


def log_in(config: Config, vcenter: VCenterSettings) -> VCenterMarks:
    """Log in to a vCenter with the configured trust and password, read its marks and log out. Raises ``AuditorError``."""
    from auditor.vcenter.inventory import read_marks
    from auditor.vcenter.soap import SoapSession

    settings = replace(vcenter_settings(config, vcenter), threads=1)
    session = SoapSession(settings.endpoint, vcenter.password.reveal)
    try:
        return read_marks(session)
    finally:
        session.close()


def keys_shown(config: Config, ssh: SshSettings, expected: Expected) -> Callable[[tuple[HostTarget, str]], Value]:
    """What shows the SSH key of a host, which is known by several names, beside what is pinned now. Never raises an
    ``AuditorError``: it is in the value. Raises ``ConfigError`` for a file of pins that cannot be read."""
    from auditor.esxi.known_hosts import load
    from auditor.esxi.ssh.link import fetch_host_key

    known = load(ssh.known_hosts)

    def shown(asked: tuple[HostTarget, str]) -> Value:
        target, names = asked
        pinned = known.keys_of(target.address, target.port)
        value = Value(names, Kind.SSH_KEY, target.address, target.port, old=tuple(map(str, pinned)))
        wanted = expected.of(Kind.SSH_KEY, value.names)
        kinds = [key.type for key in pinned]
        try:
            _check(target)
            key, _ = fetch_host_key(target.address, target.port, config.deadlines.connect, kinds)
            for kind in _KEYS if wanted else ():  # a list without types may mean another key of the host
                if key.fingerprint in (wanted or ()):
                    break
                other, _ = fetch_host_key(target.address, target.port, config.deadlines.connect, [kind])
                key = other if other.fingerprint in (wanted or ()) else key
        except AuditorError as error:
            return replace(value, trouble=error)
        return replace(value, seen=str(key), blob=key.blob, expected=wanted, revoked=key in known.revoked)

    return shown


def certificates_shown(settings: HostApiSettings, expected: Expected) -> Callable[[tuple[HostTarget, str]], Value]:
    """The same for the certificate of a host's own API."""

    def shown(asked: tuple[HostTarget, str]) -> Value:
        target, names = asked
        own = [settings.pins_of(replace(target, name=name)) for name in names.split(", ")]
        configured = {pin for pin, _ in own if pin}
        old = tuple(dict.fromkeys(pin for pins in own for pin in pins if pin))
        value = Value(names, Kind.CERTIFICATE, target.address, target.port, old=old)
        try:
            _check(target)
            seen, vouched = settings.shown(target)
        except AuditorError as error:
            return replace(value, trouble=error)
        kept = "[host-api.thumbprints] of the configuration has another one: correct it there" if configured - {seen} else ""
        if not kept and len(old) > 1:
            kept = f"{settings.pins} has another one than [host-api.thumbprints]: remove its line"
        return replace(value, seen=seen, vouched=vouched, kept=kept, expected=expected.of(Kind.CERTIFICATE, value.names))

    return shown


def _check(target: HostTarget) -> None:
    """Names come from vCenter: one that is none must not get into a file of pins. Raises ``InputError``."""
    if not re.fullmatch(r"[\w.:%-]+", target.address):
        raise InputError("is no host name or address; not contacted", where=repr(target.address)[:200])


def places(targets: Iterable[HostTarget]) -> list[tuple[HostTarget, str]]:
    """Each address that is contacted once, with all names it is known by: a pin is by address and port."""
    found: dict[tuple[str, int], tuple[HostTarget, dict[str, None]]] = {}
    for target in targets:
        found.setdefault((spelled(target.address), target.port), (target, {}))[1][target.name] = None
    return [(target, ", ".join(names)) for target, names in found.values()]
