"""What a vCenter keeps in its own database: exactly what a backup saves and a restore brings back.

Nothing here is the truth about a host. `HostBelief` is what vCenter last learned of it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

from auditor.lab.vcenter.compliance import ScanResult
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot

IMAGE, BASELINES = "image", "baselines"
CONNECTED, DISCONNECTED, NOT_RESPONDING = "connected", "disconnected", "notResponding"


@dataclass(frozen=True)
class HostBelief:
    """What vCenter believes of a host, as the inventory shows it."""

    product_version: str
    build: str
    update_level: str
    maintenance: bool
    boot_time: dt.datetime | None
    reboot_required: bool
    connection: str = CONNECTED
    vendor: str = ""
    model: str = ""


@dataclass(frozen=True)
class InventoryHost:
    """A host in the inventory. `parent` is its cluster, or its own compute resource for a stand-alone host."""

    moid: str
    name: str
    uuid: str
    parent: str
    belief: HostBelief


@dataclass(frozen=True)
class Datacenter:
    """A datacenter and the folder its clusters are in."""

    moid: str
    name: str
    host_folder: str


@dataclass(frozen=True)
class Commit:
    """One commit of a cluster image. Ids are small counters of the whole vCenter."""

    id: str
    time: dt.datetime
    author: str
    message: str
    software: DesiredSoftware
    applied: bool = False
    orchestrator: str = ""
    """Who else manages the image, such as SDDC Manager (9.0 and later); empty for nobody."""


@dataclass
class Cluster:
    """A cluster, or the compute resource of a stand-alone host (`standalone`)."""

    moid: str
    name: str
    folder: str
    mode: str = BASELINES
    standalone: bool = False
    desired: str | None = None
    """Id of the commit in force."""
    commits: dict[str, Commit] = field(default_factory=dict)
    scan: ScanResult | None = None
    """The stored compliance."""
    extracted: dt.datetime | None = None
    """When the installed images were last extracted."""
    recommendation: Recommendation | None = None
    ha: bool = False
    drs: str = "off"
    """vim25 DrsBehavior ("fullyAutomated", "partiallyAutomated", "manual"), or "off"."""
    auto_remediate: bool = False
    """auto_remediate_on_host_add of Configuration Profiles (9.1)."""

    def copy(self) -> Cluster:
        """An independent cluster; commits and scans never change."""
        return replace(self, commits=dict(self.commits))

    @property
    def commit(self) -> Commit | None:
        """The commit in force, if the cluster is managed by an image that was ever set."""
        return self.commits.get(self.desired or "") if self.mode == IMAGE else None


@dataclass(frozen=True)
class Draft:
    """A working copy of a cluster image. `software` may name what the depot lacks: only a validation or a commit minds.

    `unknown` are the parts of an imported specification that are not simulated.
    """

    id: str
    cluster: str
    owner: str
    created: dt.datetime
    software: DesiredSoftware
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class OfflineDepot:
    """The record of an imported bundle: where it came from (`location`, or `file_id` of an upload) and what it held."""

    id: str
    description: str
    location: str
    file_id: str
    owner: str
    created: dt.datetime
    digest: str
    content: LabDepot


@dataclass(frozen=True)
class Recommendation:
    """What vLCM last recommended for a cluster; a commit drops it."""

    time: dt.datetime
    latest: DesiredSoftware | None
    current_series: DesiredSoftware | None


@dataclass(frozen=True)
class ScheduledTask:
    """A remediation of a cluster that vCenter is to start at a time."""

    id: str
    name: str
    cluster: str
    user: str
    created: dt.datetime
    run_at: dt.datetime
    enabled: bool = True


@dataclass(frozen=True)
class LabEvent:
    """An entry of the event history."""

    key: int
    time: dt.datetime
    user: str
    message: str
    login_session: str | None = None
    """Set for a login event."""


@dataclass
class Database:
    """vCenter's database. `copy` is what a backup holds."""

    build: str
    datacenters: dict[str, Datacenter] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    hosts: dict[str, InventoryHost] = field(default_factory=dict)
    depot: LabDepot = field(default_factory=LabDepot)
    offline: dict[str, OfflineDepot] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    scheduled: dict[str, ScheduledTask] = field(default_factory=dict)
    events: list[LabEvent] = field(default_factory=list)
    last_event: int = 0
    last_moid: int = 0
    last_commit: int = 0
    last_draft: int = 0
    last_depot: int = 0
    last_schedule: int = 0

    def copy(self) -> Database:
        """A copy that shares nothing that changes."""
        return replace(
            self,
            datacenters=dict(self.datacenters),
            clusters={moid: cluster.copy() for moid, cluster in self.clusters.items()},
            hosts=dict(self.hosts),
            depot=self.depot.copy(),
            offline=dict(self.offline),
            drafts=dict(self.drafts),
            scheduled=dict(self.scheduled),
            events=list(self.events),
        )
