"""Builds adapters from the configuration: the only place that knows them all.

Everything made here only reads. Objects that can change a host or a vCenter are made elsewhere, by write commands alone.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.cli import output
from auditor.domain.observation import Route, host_key
from auditor.domain.past import Past
from auditor.errors import AuditorError, ConfigError, HistoryError, LockedError
from auditor.ports import BankReader, Clock, HostReader, HostTarget
from auditor.workflows.collect import Sources

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.config import HostApiSettings as HostApiRoute
    from auditor.config import SshSettings as SshRoute
    from auditor.config import VCenterSettings as ConfiguredVCenter
    from auditor.domain.settings.values import HostSettings
    from auditor.esxi.host import SshHostReader
    from auditor.history.spooling import SpoolingHistory
    from auditor.history.store import SqliteHistory
    from auditor.ports import History, Progress
    from auditor.vcenter.hostapi import HostApiSettings
    from auditor.vcenter.reader import VCenterRouteReader
    from auditor.vcenter.settings import VCenterSettings
    from auditor.workflows.choosing import KnownHosts

CLOSE_SECONDS = 10.0
"""How long the end of a run waits for vCenters to end the sessions."""

HISTORY_SECONDS = 5.0
"""How long a run waits for a program that keeps the history open, before it is recorded beside it."""


OVERTIME_SECONDS = 1.0
"""The same when the time of the run is over."""


class Outside:
    """All that a reading command meets outside of this process: the time, vCenters, hosts. It is in one place so that a
    replayed estate can stand there instead (``tests/month``)."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def vcenters(self, config: Config, clock: Clock, only: frozenset[str]) -> Iterator[VCenterRouteReader]:
        return _vcenters(config, clock, only)

    def direct(self, config: Config, clock: Clock, told: Callable[[HostSettings], None] | None) -> Mapping[Route, HostReader]:
        return _direct(config, clock, told)


outside = Outside()


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return outside.now()


def open_history(config: Config, *, read_only: bool = False) -> SqliteHistory:
    """The history file of this configuration; made if it is not there and may be written. Runs that wait beside it are taken
    in, or said to be missing in what is read. Raises ``HistoryError`` or ``LockedError``."""
    from auditor.history.spooling import take_in
    from auditor.history.store import SqliteHistory

    history = SqliteHistory(config.history, read_only=read_only)
    try:
        if not read_only:
            take_in(history, output.say)
        elif said := history.beside:
            output.say(said)
    except BaseException:
        history.close()
        raise
    return history


def history_to_record(config: Config) -> SpoolingHistory:
    """The history for one run that is to be recorded, beside the file if need be. Raises ``HistoryError``."""
    from auditor.history.spooling import SpoolingHistory

    return SpoolingHistory(config.history, wait=HISTORY_SECONDS, say=output.say)


@contextmanager
def history_or_why(config: Config) -> Iterator[History | AuditorError]:
    """The history, or why it cannot be used: an audit reports all the same. One that may only be read is given as it is,
    and says so when something is to be recorded: what it knows is still the witness of a restore."""
    try:
        history = _history_to_write_or_read(config)
    except (HistoryError, LockedError) as error:
        yield error
        return
    try:
        yield history
    finally:
        # What waits to be written and cannot be has been reported by ``finish``; closing must not hide the report.
        with suppress(HistoryError, LockedError):
            history.close()


def _history_to_write_or_read(config: Config) -> SpoolingHistory | SqliteHistory:
    try:
        return history_to_record(config)
    except HistoryError:
        with suppress(HistoryError, LockedError):
            return open_history(config, read_only=True)
        raise


@contextmanager
def past_or_why(config: Config) -> Iterator[Past | AuditorError]:
    """What history knows, read only, or why it cannot be read."""
    try:
        with open_history(config, read_only=True) as history:
            known: Past | AuditorError = history.past()
    except (HistoryError, LockedError) as error:
        known = error
    yield known


def addresses(config: Config) -> dict[str, tuple[str, ...]]:
    """The configured addresses of hosts by name, with and without the port."""
    reached = dict(config.ssh.addresses) if config.ssh is not None else {}
    reached |= {host_key(host.name): host.address for host in config.hosts}
    return {name: (address.host, str(address)) for name, address in reached.items()}


def known_hosts(config: Config, *, history_needed: bool = True) -> KnownHosts:
    """Every host known here, to be named by what a person types. Contacts nothing. A history that cannot be read raises
    ``HistoryError`` or ``LockedError``, or is said and done without if it is not needed; before the first run there is none."""
    from auditor.workflows.choosing import known_hosts

    past: Past | None = Past()
    if config.history.is_file():
        try:
            with open_history(config, read_only=True) as history:
                past = history.past()
        except (HistoryError, LockedError) as error:
            if history_needed:
                raise
            output.say(f"without history: {error.what}")
            past = None
    return known_hosts(
        past or Past(),
        [(host.name, host.cluster) for host in config.hosts],
        addresses(config),
        [vcenter.name for vcenter in config.vcenters],
        complete=past is not None,
    )


@contextmanager
def sources(
    config: Config, only: frozenset[str] = frozenset(), *, settings: bool = False, max_time: float | None = None
) -> Iterator[Sources]:
    """The readers of this configuration, closed at the end. ``settings``: hosts that are read directly are asked for their
    settings as well. ``only`` narrows them to some clusters, by name or managed object
    id in lower case, and leaves out hosts that are in none. Every secret is asked for first, so that a prompt stands alone
    and a missing one is said before anything is contacted. After ``max_time`` seconds from then the run ends with what it has.
    Raises ``ConfigError``."""
    for secret in config.secrets():
        secret.reveal()
    end = math.inf if max_time is None else time.monotonic() + max_time
    # A sweep makes millions of small objects and few cycles; at Python's defaults the collector takes over half of the time.
    gc.set_threshold(50_000, 10, 10)
    clock = SystemClock()
    readers = tuple(outside.vcenters(config, clock, only))
    told: list[HostSettings] = []
    made = Sources(
        vcenters=readers,
        routes={vcenter.name: frozenset(vcenter.routes) for vcenter in config.vcenters},
        direct=outside.direct(config, clock, told.append if settings else None),
        target=lambda vcenter, name, route: _target(config, vcenter, name, route),
        configured=() if only else tuple(host.name for host in config.hosts),
        images={reader.name: reader for reader in readers},
        settings={reader.name: reader for reader in readers},
        own_settings=lambda: tuple(told),
        concurrency=config.limits.concurrency,
        end=end,
        limit=f"--max-time {max_time:g} s" if max_time is not None else "",
    )
    patience = 0.3
    try:
        yield made
        patience = CLOSE_SECONDS if time.monotonic() < end else OVERTIME_SECONDS
    finally:
        _close(readers, patience)


def _close(readers: Sequence[VCenterRouteReader], seconds: float) -> None:
    """Log out everywhere, and wait so long at most: a session that is left expires by itself, and whoever pressed Ctrl-C
    while a vCenter did not answer must not wait for it once more."""
    threads = [threading.Thread(target=reader.close, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _vcenters(config: Config, clock: Clock, only: frozenset[str]) -> Iterator[VCenterRouteReader]:
    if not config.vcenters:
        return
    from auditor.vcenter.reader import VCenterRouteReader

    for vcenter in config.vcenters:
        settings = vcenter_settings(config, vcenter)
        yield VCenterRouteReader(settings, vcenter.password.reveal, clock, wants=vcenter.wants, only=only)


def vcenter_settings(config: Config, vcenter: ConfiguredVCenter) -> VCenterSettings:
    """One vCenter's settings in the adapter's own form."""
    from auditor.vcenter.settings import VCenterSettings

    return VCenterSettings(
        name=vcenter.name,
        host=vcenter.host,
        user=vcenter.user,
        port=vcenter.port,
        thumbprint=vcenter.thumbprint or None,
        ca_file=vcenter.ca_file,
        threads=config.limits.concurrency,
        connect_timeout=config.deadlines.connect,
        read_timeout=config.deadlines.command,
    )


def _direct(config: Config, clock: Clock, told: Callable[[HostSettings], None] | None) -> Mapping[Route, HostReader]:
    readers: dict[Route, HostReader] = {}
    if config.ssh is not None:
        readers[Route.SSH] = _ssh_reader(config, config.ssh, clock, told)
    if config.host_api is not None:
        from auditor.vcenter.hostapi import HostApiReader

        readers[Route.HOST_API] = HostApiReader(
            host_api_settings(config, config.host_api), config.host_api.password.reveal, clock
        )
    return readers


def host_api_settings(config: Config, api: HostApiRoute) -> HostApiSettings:
    """The route's settings in the adapter's own form, with the certificates that are pinned now. Raises ``ConfigError``."""
    from auditor.vcenter import certificates
    from auditor.vcenter.hostapi import HostApiSettings

    return HostApiSettings(
        user=api.user,
        ca_file=api.ca_file,
        thumbprints=api.thumbprints,
        connect_timeout=config.deadlines.connect,
        read_timeout=config.deadlines.command,
        pinned=certificates.load(api.known_certificates),
        pins=api.known_certificates,
    )


def _ssh_reader(
    config: Config, ssh: SshRoute, clock: Clock, told: Callable[[HostSettings], None] | None = None
) -> SshHostReader:
    from auditor.esxi.host import SshHostReader
    from auditor.esxi.settings import SshSettings

    settings = SshSettings(
        known_hosts=ssh.known_hosts,
        user=ssh.user,
        port=ssh.port,
        key=ssh.key,
        connect_timeout=config.deadlines.connect,
        auth_timeout=config.deadlines.authenticate,
        command_timeout=config.deadlines.command,
        host_deadline=config.deadlines.host,
        output_limit=config.limits.output_bytes,
    )
    password = ssh.password.reveal if ssh.password else None
    passphrase = ssh.key_passphrase.reveal if ssh.key_passphrase else None
    return SshHostReader(settings, password, clock, passphrase, told)


def _target(config: Config, vcenter: str, name: str, route: Route) -> HostTarget:
    """Where a host is reached by a direct route: as configured, else by its own name."""
    configured = next((h for h in config.hosts if host_key(h.name) == host_key(name)), None) if not vcenter else None
    if route is Route.SSH and config.ssh is not None:
        address = configured.address if configured else config.ssh.address_of(name)
        return HostTarget(name, address.host, address.port, vcenter)
    known = configured.address if configured else (config.ssh.addresses.get(host_key(name)) if config.ssh else None)
    return HostTarget(name, known.host if known else name, config.host_api.port if config.host_api else 443, vcenter)


def direct_target(config: Config, vcenter: str, name: str, route: Route = Route.SSH) -> HostTarget:
    """Where a host is reached without vCenter: as configured, else by its own name."""
    return _target(config, vcenter, name, route)


def bank_reader(config: Config) -> tuple[BankReader, Callable[[str, str], HostTarget]]:
    """What reads boot banks, and where each host is, by vCenter and name. Asks for the SSH login's secrets and for no other:
    it must work while vCenter is down. Raises ``ConfigError`` when the route is off."""
    return ssh_reader(config)


def ssh_reader(config: Config) -> tuple[SshHostReader, Callable[[str, str], HostTarget]]:
    """The same, as the reader of the whole route."""
    if config.ssh is None:
        hint = "add [ssh] to the configuration: no other route shows the boot banks"
        raise ConfigError("SSH is not configured", where=str(config.path), hint=hint)
    for secret in (config.ssh.password, config.ssh.key_passphrase):
        if secret is not None:
            secret.reveal()
    reader = _ssh_reader(config, config.ssh, SystemClock())
    return reader, lambda vcenter, name: _target(config, vcenter, name, Route.SSH)


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on a terminal, log lines elsewhere; always on stderr."""
    from auditor.reports.progress import progress_for

    with progress_for() as shown:
        yield shown
