"""Stands where vCenters and hosts are (``wiring.outside``), and answers from an estate held as plain values.

It answers as the real readers do: what a route cannot see, or a wrong address, certificate or host key does not let it see, is
``Unread`` with their reasons. So the configuration of the test has to be as right as a user's.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from auditor.cli.wiring import Outside
from auditor.config import Config, VCenterSettings
from auditor.config.settings import normal_thumbprint
from auditor.domain.image import (
    AddOn,
    BaseImage,
    Component,
    DesiredImage,
    ImageProfile,
    ManagementMode,
    Product,
    Solution,
    Vib,
)
from auditor.domain.observation import (
    EXCLUDED,
    BankReading,
    ClusterView,
    Connection,
    Depot,
    HostObservation,
    InventoryHost,
    Read,
    Reading,
    Reason,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
)
from auditor.domain.settings.values import HostSettings, SettingsGroup
from auditor.domain.versions import BaseImageVersion
from auditor.esxi import known_hosts
from auditor.esxi.known_hosts import HostKey
from auditor.ports import Clock, HostReader, HostTarget, Progress, VCenterReader
from tests.domain.rollback.samples import FILES, VOLUME_A, VOLUME_B, boot_cfg
from tests.month.estate import Cluster, Estate, Host, Image, VCenter

BASELINES = Unread(Reason.ABSENT, "the cluster is managed with baselines: it has no image")
NOT_STAGED = Unread(Reason.NOT_ATTEMPTED, "vCenter does not mark the host as needing a reboot; only then the host is asked")
INSTALLED = "2026-08-11"


class Replay(Outside):
    """The estate of the moment, and the auditor's own clock, which goes on by a second at each look. ``wrong_by`` is what that
    clock is wrong by. ``meanwhile`` is called once, when the next host is about to be read."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.wrong_by = timedelta()
        self.meanwhile: Callable[[], None] | None = None
        self._looks = 0

    def now(self) -> datetime:
        self._looks += 1
        return self.estate.now + self.wrong_by + timedelta(seconds=self._looks % 60)

    def vcenters(self, config: Config, clock: Clock, only: frozenset[str]) -> Iterator[VCenterReader]:  # type: ignore[override]
        for settings in config.vcenters:
            yield ReplayedVCenter(self, settings, clock)

    def direct(self, config: Config, clock: Clock, told: Callable[[HostSettings], None] | None) -> Mapping[Route, HostReader]:
        return {Route.SSH: ReplayedSsh(self, config, clock)} if config.ssh else {}

    def host_is_read(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


class ReplayedVCenter:
    """The route ``vcenter``."""

    def __init__(self, replay: Replay, settings: VCenterSettings, clock: Clock) -> None:
        self._replay, self._settings, self._clock = replay, settings, clock

    @property
    def name(self) -> str:
        return self._settings.name

    def close(self) -> None:
        pass

    def view(self, progress: Progress, recorded: Mapping[str, str] = MappingProxyType({})) -> VCenterView:
        at = self._clock.now()
        found = self._reached()
        if isinstance(found, Unread):
            return VCenterView(self.name, at, found, found, found, found)
        marks = VCenterMarks(
            found.uuid,
            found.version,
            found.build,
            Read(found.event),
            Read(self._replay.estate.now + found.ahead),
            Read(self._replay.estate.now + found.ahead),
        )
        return VCenterView(
            self.name,
            at,
            Read(marks),
            Read(tuple(self._cluster(cluster) for cluster in found.clusters)),
            Read(tuple(_listed(host) for host in found.hosts)),
            Read(Depot(found.depot, found.add_ons)),
        )

    def read_host(self, host: InventoryHost) -> HostObservation:
        self._replay.host_is_read()
        at, found = self._clock.now(), self._reached()
        if host.connection != Connection.CONNECTED:
            found = Unread(Reason.NOT_CONNECTED, f"vCenter {self.name}: {host.connection}")
        if isinstance(found, Unread):
            return HostObservation(host.name, Route.VCENTER, at, self.name, trouble=found)
        member = next(member for member in found.hosts if member.listed == host.id)
        return _observed(member, host.name, Route.VCENTER, at, self.name, staged=NOT_STAGED)

    def settings(self, hosts: Sequence[InventoryHost]) -> Iterator[tuple[HostSettings, ...]]:
        found, at = self._reached(), self._clock.now()
        ntp: Reading[tuple[tuple[str, str], ...]] = found if isinstance(found, Unread) else Read((("server", "ntp1"),))
        yield tuple(HostSettings(host.name, self.name, at, {SettingsGroup.NTP: ntp}) for host in hosts)

    def _reached(self) -> VCenter | Unread:
        asked = self._settings
        found = next((v for v in self._replay.estate.vcenters if v.address == asked.host), None)
        if found is None or not found.up:
            return Unread(Reason.UNREACHABLE, f"{asked.host}:{asked.port}: nothing answered")
        if normal_thumbprint(found.certificate) != asked.thumbprint:
            return Unread(Reason.CHANGED, f"{asked.host}: another certificate than the one pinned")
        return found

    def _cluster(self, cluster: Cluster) -> ClusterView:
        if not self._settings.wants(cluster.name):
            return ClusterView(cluster.id, cluster.name, EXCLUDED, EXCLUDED, EXCLUDED, EXCLUDED)
        if cluster.image is None:
            return ClusterView(cluster.id, cluster.name, Read(ManagementMode.BASELINES), BASELINES, BASELINES, BASELINES)
        return ClusterView(
            cluster.id,
            cluster.name,
            Read(ManagementMode.IMAGE),
            Read(_desired(cluster.image)),
            Read(cluster.commit) if cluster.commit else Unread(Reason.ABSENT),
            Read(cluster.scan) if cluster.scan else Unread(Reason.ABSENT, "never scanned"),
        )


class ReplayedSsh:
    """The route ``ssh``: a host is found by where it is reached, and has to show the key that is pinned for that place."""

    def __init__(self, replay: Replay, config: Config, clock: Clock) -> None:
        assert config.ssh is not None
        self._replay, self._clock = replay, clock
        self._pinned = known_hosts.load(config.ssh.known_hosts)

    @property
    def route(self) -> Route:
        return Route.SSH

    def read(self, target: HostTarget) -> HostObservation:
        self._replay.host_is_read()
        found, at = self._reached(target), self._clock.now()
        if isinstance(found, Unread):
            return HostObservation(target.name, Route.SSH, at, target.vcenter, trouble=found)
        banks = (
            _bank("/bootbank", VOLUME_A, boot_cfg(found.banks[0], found.updates), 5),
            _bank("/altbootbank", VOLUME_B, boot_cfg(found.banks[1], found.updates - 1), 6),
        )
        only_here = {"banks": banks, "boot_volumes": Read((VOLUME_A, VOLUME_B)), "stateless": Read(False)}
        return _observed(found, target.name, Route.SSH, at, target.vcenter, staged=Read(None), **only_here)

    def _reached(self, target: HostTarget) -> Host | Unread:
        found = next((h for h in self._replay.estate.hosts if h.answers and target.address in {h.name, h.address}), None)
        if found is None:
            return Unread(Reason.UNREACHABLE, f"{target.address}:{target.port}: nothing answered")
        pinned = self._pinned.keys_of(target.address, target.port)
        if host_key(found) not in pinned:
            reason = Reason.CHANGED if pinned else Reason.UNTRUSTED
            return Unread(reason, f"{target.address}: another host key than the one pinned")
        return found


def host_key(host: Host) -> HostKey:
    """The SSH host key that the plain word ``host.key`` of this very machine stands for."""
    blob = base64.b64decode("AAAAC3NzaC1lZDI1NTE5AAAAIA==") + hashlib.sha256(f"{host.uuid} {host.key}".encode()).digest()
    return HostKey("ssh-ed25519", blob)


def _bank(link: str, volume: str, cfg: bytes, partition: int) -> BankReading:
    return BankReading(link, Read(volume), Read(cfg), Read(tuple(sorted(FILES))), Read(partition))


def _listed(host: Host) -> InventoryHost:
    version, build = _product(host.runs)
    return InventoryHost(
        host.listed, host.name, host.cluster, host.connection, version, build, host.uuid, host.maintenance, "poweredOn",
        host.booted, False,
    )  # fmt: skip


def _observed(host: Host, name: str, route: Route, at: datetime, vcenter: str, **more: object) -> HostObservation:
    """The readings that both routes give."""
    return HostObservation(
        name,
        route,
        at.astimezone(UTC),
        vcenter,
        product=Read(Product(*_product(host.runs), name="VMware ESXi")),
        profile=Read(ImageProfile(f"ESXi-{host.runs.base}", "VMware, Inc.")),
        base_image=Read(BaseImage(BaseImageVersion.parse(host.runs.base))),
        add_on=Read(AddOn(*host.runs.add_on) if host.runs.add_on else None),
        components=Read(_components(host.runs)),
        vibs=Read(_vibs(host.runs)),
        acceptance_level=Read("PartnerSupported"),
        maintenance_mode=Read(host.maintenance),
        **more,  # type: ignore[arg-type]
    )


def _product(image: Image) -> tuple[str, str]:
    version = BaseImageVersion.parse(image.base)
    return ".".join(map(str, version.release)), str(version.build)


def _components(image: Image) -> tuple[Component, ...]:
    own = [Component("ESXi", image.base), *(Component(agent.component, agent.version) for agent in image.agents)]
    return tuple(sorted([*own, *([Component("hpe-tools", image.add_on[1])] if image.add_on else [])]))


def _vibs(image: Image) -> tuple[Vib, ...]:
    own = [Vib(name, image.base, "VMware", "VMwareCertified", INSTALLED) for name in ("esx-base", "esx-update", "vsan")]
    own += [Vib(agent.component, agent.version, "VMware", "VMwareCertified", INSTALLED) for agent in image.agents]
    own += [Vib("hpe-tools", image.add_on[1], "HPE", "PartnerSupported", INSTALLED)] if image.add_on else []
    return tuple(sorted(own))


def _desired(image: Image) -> DesiredImage:
    """As vLCM states it: components of solutions have names and no versions."""
    solutions = tuple(Solution(a.solution, a.version, (Component(a.component, ""),)) for a in image.agents)
    return DesiredImage(
        BaseImage(BaseImageVersion.parse(image.base), in_depot=True),
        AddOn(*image.add_on, in_depot=True) if image.add_on else None,
        solutions=solutions,
        spec=json.dumps({"base_image": {"version": image.base}}),
    )
