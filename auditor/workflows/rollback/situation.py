"""One host's situation before a rollback, from every route. Looks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.domain.image import DesiredImage
from auditor.domain.observation import NOT_ATTEMPTED, Read, Reading, Reason, Unread, host_key, value_of
from auditor.domain.readings.situation import better
from auditor.domain.rollback.bank import BOOTBANK, BankObservation
from auditor.domain.rollback.owned import owned_vibs
from auditor.domain.rollback.report import ChosenHost
from auditor.domain.rollback.situation import HostSituation
from auditor.parallel import each
from auditor.ports import HostTarget, Progress
from auditor.workflows.rollback.means import Sight
from auditor.workflows.rollback.since import since_the_upgrade

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
    situation = _with_vsan_format(sight, _with_image(sight, situation))
    situation = since_the_upgrade(
        situation, sight.changed, sight.recorded(vcenter, host_key(host)), sight.settings(vcenter, host_key(host))
    )
    return _with_key(sight, situation, target)


def collect_all(sight: Sight, hosts: Sequence[ChosenHost], concurrency: int, progress: Progress) -> tuple[HostSituation, ...]:
    """The same of many hosts side by side, in the order given."""
    progress.start(PHASE, len(hosts))
    found: dict[str, HostSituation] = {}
    for situation in each(hosts, lambda host: collect(sight, host.vcenter, host.name), concurrency):
        found[host_key(situation.host)] = situation
        progress.advance(PHASE, situation.host)
    return tuple(found[host_key(host.name)] for host in hosts)


def _with_image(sight: Sight, situation: HostSituation) -> HostSituation:
    """What the cluster's image says: its build, and whether a solution manager owns something on its hosts."""
    name = situation.cluster.name
    if isinstance(name, Unread) or isinstance(situation.cluster.image_build, Read):
        return situation
    image: Reading[DesiredImage | None] = sight.cluster_image(situation.vcenter, name.value) if name.value else Read(None)
    if isinstance(image, Unread):
        return replace(situation, cluster=replace(situation.cluster, image_build=image))
    base = image.value.base_image if image.value is not None else None
    if image.value is not None and base is None:
        unreadable = Unread(Reason.ABSENT, "the cluster's image has no base image")
        return replace(situation, cluster=replace(situation.cluster, image_build=unreadable))
    build = None if base is None else str(base.version.build)
    situation = replace(situation, cluster=replace(situation.cluster, image_build=Read(build)))
    owned = _NO_IMAGE if image.value is None else owned_vibs(image.value.solutions, situation.banks.bank(BOOTBANK).image)
    return replace(situation, solution_vibs=better(situation.solution_vibs, owned))


_NO_IMAGE: Reading[tuple[str, ...]] = Unread(
    Reason.NOT_SUPPORTED,
    "without a cluster image no route tells which VIBs solutions own: their agencies are in the ESX Agent Manager, whose API "
    "is none of those this tool reads",
)
"""Clusters on baselines, and hosts outside of clusters. That such a host has no agents cannot be taken for granted, and which
VIBs they are by their names alone would be a guess."""


def _with_vsan_format(sight: Sight, situation: HostSituation) -> HostSituation:
    """The newest on-disk format of the image that would come back, from the table."""
    vsan, build = situation.vsan, situation.state.window.build
    if isinstance(vsan.format, Unread) or not build:
        return situation
    newest = sight.vsan_formats.newest(build, vsan.format.value)
    return replace(situation, vsan=replace(vsan, format_then=better(vsan.format_then, newest)))


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
