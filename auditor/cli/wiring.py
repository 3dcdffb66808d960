"""Builds adapters from the configuration: the only place that knows them all.

Everything made here only reads. Objects that can change a host or a vCenter are made elsewhere, by write commands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.domain.observation import Route, host_key
from auditor.errors import AuditorError, HistoryError, LockedError
from auditor.ports import HostReader, HostTarget
from auditor.workflows.collect import Sources

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.history.store import SqliteHistory
    from auditor.ports import History, Progress
    from auditor.vcenter.reader import VCenterRouteReader


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def open_history(config: Config, *, read_only: bool = False) -> SqliteHistory:
    """The history file of this configuration; made if it is not there and may be written. Raises ``HistoryError``."""
    from auditor.history.store import SqliteHistory

    return SqliteHistory(config.history, read_only=read_only)


@contextmanager
def history_or_why(config: Config) -> Iterator[History | AuditorError]:
    """The history, or why it cannot be used: an audit reports all the same."""
    try:
        history = open_history(config)
    except (HistoryError, LockedError) as error:
        yield error
        return
    try:
        yield history
    finally:
        # What waits to be written and cannot be has been reported by ``finish``; closing must not hide the report.
        with suppress(HistoryError, LockedError):
            history.close()


@contextmanager
def sources(config: Config) -> Iterator[Sources]:
    """The readers of this configuration, closed at the end. Every secret is asked for first, so that a prompt stands alone
    and a missing one is said before anything is contacted. Raises ``ConfigError``."""
    for secret in config.secrets():
        secret.reveal()
    clock = SystemClock()
    readers = tuple(_vcenters(config, clock))
    made = Sources(
        vcenters=readers,
        routes={vcenter.name: frozenset(vcenter.routes) for vcenter in config.vcenters},
        direct=_direct(config, clock),
        target=lambda vcenter, name, route: _target(config, vcenter, name, route),
        configured=tuple(host.name for host in config.hosts),
        concurrency=config.limits.concurrency,
    )
    try:
        yield made
    finally:
        for reader in readers:
            reader.close()


def _vcenters(config: Config, clock: SystemClock) -> Iterator[VCenterRouteReader]:
    if not config.vcenters:
        return
    from auditor.vcenter.reader import VCenterRouteReader
    from auditor.vcenter.settings import VCenterSettings

    for vcenter in config.vcenters:
        settings = VCenterSettings(
            name=vcenter.name,
            host=vcenter.host,
            user=vcenter.user,
            port=vcenter.port,
            thumbprint=vcenter.thumbprint or None,
            ca_file=vcenter.ca_file,
            threads=min(config.limits.concurrency, 16),
            connect_timeout=config.deadlines.connect,
            read_timeout=config.deadlines.command,
        )
        yield VCenterRouteReader(settings, vcenter.password.reveal, clock, wants=vcenter.wants)


def _direct(config: Config, clock: SystemClock) -> Mapping[Route, HostReader]:
    readers: dict[Route, HostReader] = {}
    if config.ssh is not None:
        from auditor.esxi.host import SshHostReader
        from auditor.esxi.settings import SshSettings

        ssh = SshSettings(
            known_hosts=config.ssh.known_hosts,
            user=config.ssh.user,
            port=config.ssh.port,
            key=config.ssh.key,
            connect_timeout=config.deadlines.connect,
            auth_timeout=config.deadlines.authenticate,
            command_timeout=config.deadlines.command,
            host_deadline=config.deadlines.host,
            output_limit=config.limits.output_bytes,
        )
        password = config.ssh.password.reveal if config.ssh.password else None
        passphrase = config.ssh.key_passphrase.reveal if config.ssh.key_passphrase else None
        readers[Route.SSH] = SshHostReader(ssh, password, clock, passphrase)
    if config.host_api is not None:
        from auditor.vcenter.hostapi import HostApiReader, HostApiSettings

        api = HostApiSettings(
            user=config.host_api.user,
            ca_file=config.host_api.ca_file,
            thumbprints=config.host_api.thumbprints,
            connect_timeout=config.deadlines.connect,
            read_timeout=config.deadlines.command,
        )
        readers[Route.HOST_API] = HostApiReader(api, config.host_api.password.reveal, clock)
    return readers


def _target(config: Config, vcenter: str, name: str, route: Route) -> HostTarget:
    """Where a host is reached by a direct route: as configured, else by its own name."""
    configured = next((h for h in config.hosts if host_key(h.name) == host_key(name)), None) if not vcenter else None
    if route is Route.SSH and config.ssh is not None:
        address = configured.address if configured else config.ssh.address_of(name)
        return HostTarget(name, address.host, address.port, vcenter)
    known = configured.address if configured else (config.ssh.addresses.get(host_key(name)) if config.ssh else None)
    return HostTarget(name, known.host if known else name, config.host_api.port if config.host_api else 443, vcenter)


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on a terminal, log lines elsewhere; always on stderr."""
    from auditor.reports.progress import progress_for

    with progress_for() as shown:
        yield shown
