"""What a scenario says, as frozen values: a vCenter, its hosts, their past, what is broken now, what an audit must find.

Scenarios are TOML files; `auditor.lab.scenario_file` reads them, `auditor.lab.play` plays them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from auditor.lab.hosts.host import LabHost, host_uuid
from auditor.lab.hosts.images import LabImage, find_add_on, find_solution, make_image
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.faults import Fault
from auditor.lab.vcenter.parts import Hardware
from auditor.lab.vcenter.vms import Pinned

DOMAIN = "lab.example"
"""The DNS domain of every simulated host; reserved for such use by RFC 2606."""

VCENTER = "lab"
"""The vCenter's name in the configuration the lab writes, and as the subject of an expected finding."""


class Verb(StrEnum):
    """What can happen in the past."""

    SNAPSHOT = "snapshot"
    """`auditor snapshot` runs, as from a user's cron."""
    BACKUP = "backup"
    RESTORE = "restore"
    """vCenter goes back to the newest backup."""
    IMPORT = "import-to-depot"
    FORGET = "remove-from-depot"
    SET_IMAGE = "set-image"
    SWITCH = "switch-to-image"
    """A cluster on baselines is managed by an image from now on."""
    REMEDIATE = "remediate"
    SCAN = "scan"
    DISCONNECT = "disconnect"
    RECONNECT = "reconnect"
    CHANGE_PASSWORD = "change-vpxuser-password"
    """vCenter changes its own password on the hosts; a backup from before does not know the new one."""
    ADD_HOST = "add-host"
    REMOVE_HOST = "remove-host"
    STAGE = "stage"
    """An update is put into the hosts' other bank, to start at the next boot."""
    LIVE_VIB = "install-live-vib"
    """A VIB is installed without a reboot: the running image with it takes the hosts' other bank."""
    CHANGE_SETTING = "change-setting"
    """Somebody sets hosts up in another way: NTP servers, a VLAN, an NFS mount."""
    REBOOT = "reboot"
    POWER_OFF = "power-off"
    PATCH_VCENTER = "patch-vcenter"
    DRAFT = "begin-draft"
    """Somebody begins to edit a cluster's image, and leaves it at that."""
    OPERATION = "begin-operation"
    """Another client works on a cluster with vLCM, until vCenter is restarted or restored."""
    SCHEDULE = "schedule-remediation"
    """Somebody has vCenter remediate a cluster later; a restore brings it back, and the lab never runs it."""


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """A cluster at the start: its hosts run ``image``, and it is managed by that image or on baselines."""

    name: str
    hosts: tuple[str, ...]
    image: str
    by_image: bool = True
    ha: bool = False
    drs: str = "off"
    """vim25 DrsBehavior, or "off"."""
    vsan: bool = False
    auto_remediate: bool = False


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A virtual machine on a host."""

    name: str
    host: str
    running: bool = True
    pinned: Pinned = Pinned.NO
    vcenter: bool = False


class Place(StrEnum):
    """Where a host outside the clusters is."""

    STAND_ALONE = "stand-alone"
    OUTSIDE = "outside"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host outside the clusters at the start."""

    name: str
    image: str
    place: Place


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``ago``; ``clusters`` and ``hosts`` are the full names it concerns."""

    verb: Verb
    ago: dt.timedelta
    clusters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    image: str = ""
    build: str = ""
    user: str = ""
    after: dt.timedelta = dt.timedelta(0)
    """How long after it is planned what is scheduled is due."""
    setting: str = ""
    value: str = ""

    def __str__(self) -> str:
        """One line for people: "3 days ago: set-image u3e on Production"."""
        hosts = few(self.hosts, "host")
        what = {Verb.IMPORT: self.image, Verb.FORGET: self.image, Verb.PATCH_VCENTER: f"to build {self.build}"}.get(self.verb)
        if what is None:
            where = few(self.clusters, "cluster")
            by = f"by {self.user}" if self.user else ""
            setting = f"{self.setting} = {self.value}" if self.setting else ""
            parts = (self.image, setting, f"on {where}" if where else "", f"({hosts})" if hosts and where else hosts, by)
            what = " ".join(part for part in parts if part)
        return f"{when(self.ago)}: {self.verb.value}{f' {what}' if what else ''}"


@dataclass(frozen=True, slots=True)
class HostFault:
    """What is broken on ``hosts`` when the command runs. ``faults`` is for `LabHost.set_faults`."""

    hosts: tuple[str, ...]
    faults: dict[str, Any]
    power_off: bool = False
    vcenter: str = ""
    """"disconnected", "unreachable" or empty."""
    leads_to: str = ""
    """The host that answers at the SSH address under which these are known; empty: they do themselves."""


@dataclass(frozen=True, slots=True)
class HostTraits:
    """What ``hosts`` are like; ``traits`` is for `auditor.lab.hosts.traits.set_traits`."""

    hosts: tuple[str, ...]
    traits: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What an audit must say: its exit code, and each finding as (code, name of its subject)."""

    exit: int
    findings: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Scenario:
    """A whole scenario. ``images`` is by the names the events use; ``since`` is how long ago the starting state was made."""

    name: str
    title: str
    story: str
    version: str
    build: str
    since: dt.timedelta
    images: dict[str, DesiredSoftware]
    depot: tuple[str, ...]
    clusters: tuple[ClusterSpec, ...]
    hosts: tuple[HostSpec, ...]
    past: tuple[Event, ...]
    faults: tuple[HostFault, ...]
    vcenter_faults: tuple[Fault, ...]
    starting: bool = False
    """vCenter answers 503 when the command runs."""
    deadlines: dict[str, float] = field(default_factory=dict)
    rollback: dict[str, Any] = field(default_factory=dict)
    """What the configuration says of rollbacks, as it is."""
    traits: tuple[HostTraits, ...] = ()
    """What hosts are like from the start on."""
    vms: tuple[VmSpec, ...] = ()
    expected: Expected | None = None

    def host_names(self) -> Iterator[str]:
        """Every host there ever is, in the order of the file."""
        for cluster in self.clusters:
            yield from cluster.hosts
        yield from (host.name for host in self.hosts)

    @cached_property
    def warehouse(self) -> LabDepot:
        """A depot with everything any image of the scenario is made of."""
        depot = LabDepot()
        for software in self.images.values():
            stock(depot, software)
        return depot

    def image(self, name: str, host: str = "") -> LabImage:
        """The complete image of that name: of a composite one the host's own part."""
        software = self.images[name]
        return self.warehouse.compose(software.of(self.hardware(host)) if host else software)

    def hardware(self, host: str) -> Hardware:
        """What the hardware of a host is."""
        said: dict[str, Any] = {}
        for each in self.traits:
            said |= each.traits if host in each.hosts else {}
        return Hardware(host_uuid(host), said.get("vendor", LabHost.vendor), said.get("model", LabHost.model))


def stock(depot: LabDepot, software: DesiredSoftware) -> None:
    """Import all of ``software``. Raises `LookupError` for an add-on or a solution the lab does not have,
    `auditor.domain.versions.VersionError` for a text that is no base image version."""
    make_image(software.base_image)
    depot.add_base_image(software.base_image)
    for part in software.parts:
        if part.add_on is not None:
            depot.add_add_on(find_add_on(*part.add_on))
    for solution in software.solutions:
        depot.add_solution(find_solution(*solution))


def when(ago: dt.timedelta) -> str:
    """A time span in one word and number: "3 days ago", "now"."""
    minutes = int(ago.total_seconds()) // 60
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            number = minutes // size
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "now"


def few(names: Iterable[str], noun: str) -> str:
    """Names for one line: up to three of them, else how many."""
    listed = [name.removesuffix(f".{DOMAIN}") for name in names]
    return ", ".join(listed) if len(listed) <= 3 else f"{len(listed)} {noun}s"
