"""Fetch configuration bundles of hosts and keep them. Changes nothing on a host but its saved configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.domain.backup import KeptFile
from auditor.domain.observation import host_key
from auditor.domain.rollback.report import ChosenHost
from auditor.errors import AuditorError, ConfigError
from auditor.parallel import each
from auditor.ports import Clock, HostControl, HostTarget, Progress
from auditor.workflows.rollback.means import Vault

PHASE = "bundles"
NAME = "configBundle.tgz"
CONCURRENCY = 8
"""Hosts at a time: a host writes its whole configuration down for this."""


@dataclass(frozen=True, slots=True)
class BackupRow:
    """One host: its bundle, or why there is none."""

    host: str
    kept: KeptFile | None
    error: AuditorError | None = None


def back_up(
    hosts: Sequence[ChosenHost],
    control: HostControl,
    target: Callable[[str, str], HostTarget],
    vault: Vault,
    clock: Clock,
    progress: Progress,
) -> tuple[BackupRow, ...]:
    """Fetch and keep one bundle of each host, in the order given. A host that fails is a row that says why. Raises
    ``ConfigError``, which is the same for all of them."""
    progress.start(PHASE, len(hosts))

    def one(host: ChosenHost) -> BackupRow:
        at: datetime = clock.now()
        where = target(host.vcenter, host.name)
        try:
            return BackupRow(
                host_key(host.name), vault.keep(host.name, NAME, at, lambda save: control.fetch_bundle(where, save))
            )
        except ConfigError:
            raise
        except AuditorError as error:
            return BackupRow(host_key(host.name), None, error)

    rows = {}
    for row in each(hosts, one, CONCURRENCY):
        rows[row.host] = row
        progress.advance(PHASE, row.host)
    return tuple(rows[host_key(host.name)] for host in hosts)


__all__ = ["BackupRow", "back_up"]
