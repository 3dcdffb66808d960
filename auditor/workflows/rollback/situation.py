"""One host's situation before a rollback, from every route. Looks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.domain.observation import NOT_ATTEMPTED, Read, Unread, host_key, value_of
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.report import ChosenHost
from auditor.domain.rollback.situation import HostSituation
from auditor.parallel import each
from auditor.ports import HostTarget, Progress
from auditor.workflows.rollback.means import Sight

PHASE = "facts"


def collect(sight: Sight, vcenter: str, host: str) -> HostSituation:
    """Everything the gates ask of one host, read now. What nobody could tell is ``Unread``; nothing is raised for a fault of
    host or vCenter."""
    target = sight.target(vcenter, host)
    situation = HostSituation(host_key(host), vcenter, BankObservation(host_key(host), sight.clock.now(), vcenter))
    situation = replace(situation, banks=sight.banks.read_banks(target))
    if situation.banks.trouble is None:
        situation = sight.situations.fill(situation, target)
    surroundings = sight.surroundings.get(vcenter)
    if surroundings is not None:
        situation = surroundings.fill(situation, target)
    return _with_key(sight, situation, target)


def collect_all(sight: Sight, hosts: Sequence[ChosenHost], concurrency: int, progress: Progress) -> tuple[HostSituation, ...]:
    """The same of many hosts side by side, in the order given."""
    progress.start(PHASE, len(hosts))
    found: dict[str, HostSituation] = {}
    for situation in each(hosts, lambda host: collect(sight, host.vcenter, host.name), concurrency):
        found[host_key(situation.host)] = situation
        progress.advance(PHASE, situation.host)
    return tuple(found[host_key(host.name)] for host in hosts)


def _with_key(sight: Sight, situation: HostSituation, target: HostTarget) -> HostSituation:
    """The recovery key is asked for only where the configuration is sealed: it is a secret that need not travel otherwise."""
    mode = situation.security.encryption
    sealed = isinstance(mode, Read) and mode.value.upper() != "NONE"
    if sight.escrow is None or not sealed:
        return situation
    return replace(situation, security=replace(situation.security, recovery_key=sight.escrow.escrow(target)))


def connected(sight: Sight, vcenter: str, target: HostTarget) -> Read[bool] | Unread:
    """Whether the host's vCenter is connected to it."""
    surroundings = sight.surroundings.get(vcenter)
    if surroundings is None:
        return NOT_ATTEMPTED
    reading = surroundings.connection(target)
    connection = value_of(reading)
    if isinstance(reading, Unread) or connection is None:
        return reading if isinstance(reading, Unread) else NOT_ATTEMPTED
    return Read(connection.connected)


__all__ = ["PHASE", "collect", "collect_all", "connected"]
