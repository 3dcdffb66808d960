"""What a rollback is given: eyes, hands, and the limits it keeps. Made by whoever wires, for write commands alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from auditor.domain.backup import KeptFile
from auditor.domain.image import DesiredImage
from auditor.domain.observation import NOT_ATTEMPTED, Reading
from auditor.domain.rollback.control import Bundle, Evacuation
from auditor.domain.rollback.decision import Limits
from auditor.domain.rollback.plan import Method
from auditor.domain.rollback.vsan_formats import VsanFormats
from auditor.domain.settings.past import PastSettings
from auditor.domain.settings.values import HostSettings
from auditor.ports import (
    BankControl,
    BankReader,
    Clock,
    HostControl,
    HostLooker,
    HostSurroundings,
    HostTarget,
    KeyEscrow,
    Save,
    SituationReader,
)

Tell = Callable[[str, str], None]
"""Tells a person something about a host while it happens: host, words."""


class Vault(Protocol):
    """Keeps files of hosts on this machine, each under a new name, readable for its owner only."""

    def keep(self, host: str, name: str, at: datetime, fetch: Callable[[Save], Bundle]) -> KeptFile:
        """Let ``fetch`` save a configuration bundle by what it is given, and keep it. Raises what ``fetch`` raises,
        ``InputError`` when the file cannot be written, and ``RefusedError``, with nothing fetched, where there is neither a key
        nor leave to keep it in the clear; nothing is left behind then."""
        ...

    def keep_bytes(self, host: str, name: str, at: datetime, data: bytes) -> KeptFile:
        """Keep a small file as it is."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of a host that came back. ``passed`` None: it could not be told, which counts as a fail."""

    name: str
    required: bool
    passed: bool | None
    said: str = ""


class Checks(Protocol):
    """Checks that the site adds."""

    def run(self, host: str) -> Iterable[CheckResult]: ...


def _not_looked(_vcenter: str, _cluster: str) -> Reading[DesiredImage | None]:
    return NOT_ATTEMPTED


def _no_record(_vcenter: str, _host: str) -> Reading[PastSettings]:
    return NOT_ATTEMPTED


def _no_settings(_vcenter: str, _host: str) -> HostSettings | None:
    return None


@dataclass(frozen=True)
class Sight:
    """Everything that only looks. ``surroundings`` is by the vCenter's name in the configuration; ``target`` says where a
    host is, by vCenter and name. ``cluster_image`` is the desired image of a cluster, by vCenter and its name (None read: it
    is on baselines). ``vsan_formats`` is the table of the on-disk formats that releases mount. ``changed`` has the times at
    which the site last changed things on any host: root_password, host_keys, certificates, authorized_keys, security_policy,
    settings. ``recorded`` is what history knows of a host's settings, ``settings`` reads them now (None: nobody can), both by
    vCenter and host."""

    looker: HostLooker
    banks: BankReader
    situations: SituationReader
    surroundings: Mapping[str, HostSurroundings]
    target: Callable[[str, str], HostTarget]
    clock: Clock
    escrow: KeyEscrow | None = None
    cluster_image: Callable[[str, str], Reading[DesiredImage | None]] = _not_looked
    changed: Mapping[str, datetime] = field(default_factory=dict)
    vsan_formats: VsanFormats = field(default_factory=VsanFormats)
    recorded: Callable[[str, str], Reading[PastSettings]] = _no_record
    settings: Callable[[str, str], HostSettings | None] = _no_settings


@dataclass(frozen=True)
class Hands:
    """Everything that can change a host. ``banks`` is None for a guided rollback, which is given nothing that could write a
    byte; where the configuration does not allow arming, it only disarms. ``hosts`` gives what acts on a host, by its vCenter's
    name (empty: none); ``bundles`` what fetches its configuration bundle, which lies on the host's own web server; None: the
    same."""

    banks: BankControl | None
    hosts: Callable[[str], HostControl]
    bundles: HostControl | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run waits. ``evacuation``: what becomes of vSAN objects; ``maintenance``: for a host to enter or leave maintenance
    mode; ``connect``: for vCenter to be connected again; ``poll``: between two looks; ``order``: how long the task of a reboot
    is followed for a refusal."""

    evacuation: Evacuation = Evacuation.ENSURE_ACCESSIBILITY
    maintenance: timedelta = timedelta(minutes=60)
    connect: timedelta = timedelta(minutes=15)
    poll: timedelta = timedelta(seconds=10)
    order: timedelta = timedelta(seconds=30)
    unattended: Limits = field(default_factory=Limits)
    guided: Limits = field(default_factory=lambda: Limits(timedelta(minutes=45), timedelta(hours=2)))

    @property
    def silence(self) -> timedelta:
        """How long a read that nobody answers is tried again."""
        return self.unattended.silence

    def limits(self, method: Method) -> Limits:
        """A person at a console is slower than an order."""
        return self.guided if method is Method.GUIDED else self.unattended


class NoChecks:
    """A site without checks of its own."""

    def run(self, host: str) -> Iterable[CheckResult]:
        return ()


@dataclass(frozen=True)
class Means:
    """All of it, for one run."""

    sight: Sight
    hands: Hands
    vault: Vault
    sleep: Callable[[float], None]
    tell: Tell
    checks: Checks = field(default_factory=NoChecks)
    pace: Pace = Pace()


__all__ = ["CheckResult", "Checks", "Hands", "Means", "NoChecks", "Pace", "Sight", "Tell", "Vault"]
