"""The state of a simulated vCenter: its database, what it can reach, its sessions, tasks and faults.

The hosts exist without it: a restore rewinds the database and no host.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from auditor.lab.api_versions import release
from auditor.lab.call_log import CallLog
from auditor.lab.compliance import ScanResult, scan_host
from auditor.lab.database import (
    BASELINES,
    CONNECTED,
    DISCONNECTED,
    IMAGE,
    NOT_RESPONDING,
    Cluster,
    Commit,
    Database,
    Datacenter,
    Draft,
    HostBelief,
    InventoryHost,
    LabEvent,
)
from auditor.lab.depot import DesiredSoftware, LabDepot
from auditor.lab.host import LabHost
from auditor.lab.host_tasks import HostTasks
from auditor.lab.images import LabImage, LabVib
from auditor.lab.sessions import Session, SessionStore, TaskStore
from auditor.lab.vcenter_faults import FaultPlan
from auditor.lab.vms import LabVm, Pinned

USER = "administrator@vsphere.local"
PASSWORD = "Lab-Vcenter-1!"
SYSTEM = "com.vmware.vcIntegrity"
EVENTS_KEPT = 1000


@dataclass(frozen=True)
class VCenterBackup:
    """A backup: opaque, for `LabVCenter.restore`."""

    time: dt.datetime
    database: Database


class LabVCenter:
    """One simulated vCenter. Every method may be called from any thread; `lock` may be shared with the whole lab.

    `version` is one of `api_versions.RELEASES`; `instance_uuid` survives a restore, as on a real one.
    """

    def __init__(
        self,
        version: str = "8.0.3",
        *,
        name: str = "vcenter.lab.example",
        instance_uuid: str | None = None,
        build: str | None = None,
        user: str = USER,
        password: str = PASSWORD,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        lock: threading.RLock | None = None,
    ) -> None:
        self.release = release(version)
        self.name = name
        self.instance_uuid = instance_uuid or str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.lock = lock or threading.RLock()
        self.clock = clock
        self.password = password
        self.sessions = SessionStore(user, password, clock)
        self.tasks = TaskStore(clock)
        self.faults = FaultPlan()
        self.starting = False
        """While True every request is answered 503, as by a vCenter that starts or is being patched."""
        self._up_again = 0.0
        self.refuse_at_once = False
        """Whether a commit or import that cannot succeed is refused at the call; otherwise its task fails. Which of the two
        a real one does is not known."""
        self.calls = CallLog(clock)
        """Every call that arrived, whatever became of it."""
        self.web: dict[str, bytes] = {}
        """What this vCenter finds at the URLs it is told to pull bundles from."""
        self.uploads: dict[str, bytes] = {}
        """Files pushed to the upload endpoint, by file id."""
        self.exports: dict[str, bytes] = {}
        """Files waiting to be downloaded, by name."""
        self.url = ""
        """Where it is served; empty until it is."""
        self.online: LabDepot | None = None
        """What a sync brings; None: there is no way to the online depot."""
        self.hosts: dict[str, LabHost] = {}
        """The real hosts by name. Not part of the database."""
        self.unreachable: set[str] = set()
        """Names of hosts this vCenter cannot reach, for example because its vpxuser password is an old one."""
        self.vms: dict[str, LabVm] = {}
        """The virtual machines by id. Not part of the database: they run on hosts."""
        self.bundles: dict[str, bytes] = {}
        """Configuration bundles that hosts offer for download, by path."""
        self.host_tasks = HostTasks(self)
        self.database = Database(build=build or self.release.build)
        self.add_datacenter("Datacenter")

    @property
    def unavailable(self) -> bool:
        """Whether it answers 503: set by hand (`starting`), or still on its way up after `restart`."""
        return self.starting or time.monotonic() < self._up_again

    def restart(self, seconds: float) -> None:
        """Lose sessions and tasks, and answer 503 for `seconds`. The database stays."""
        with self.lock:
            self.sessions.end_all()
            self.tasks.clear()
            self.host_tasks.forget()
            self._up_again = time.monotonic() + seconds
            self.post("vCenter services were restarted")

    # Inventory -----------------------------------------------------------------------------------------------------

    def _new_moid(self, prefix: str) -> str:
        self.database.last_moid += 1
        return f"{prefix}{self.database.last_moid}"

    def add_datacenter(self, name: str) -> Datacenter:
        """A further datacenter with its host folder."""
        with self.lock:
            made = Datacenter(self._new_moid("datacenter-"), name, self._new_moid("group-h"))
            self.database.datacenters[made.moid] = made
            return made

    def add_cluster(self, name: str, *, datacenter: str | None = None) -> Cluster:
        """An empty cluster on baselines, in the first datacenter unless one is named. Raises LookupError."""
        with self.lock:
            centers = self.database.datacenters.values()
            where = next((each for each in centers if datacenter in (None, each.name)), None)
            if where is None:
                raise LookupError(f"no datacenter {datacenter}")
            made = Cluster(self._new_moid("domain-c"), name, where.host_folder)
            self.database.clusters[made.moid] = made
            self.post(f"Cluster {name} was created")
            return made

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name or id. Raises LookupError."""
        for each in self.database.clusters.values():
            if name in (each.moid, each.name) and not each.standalone:
                return each
        raise LookupError(f"no cluster {name}")

    def host(self, name: str) -> InventoryHost:
        """The inventory's entry of the host of that name or id. Raises LookupError."""
        for each in self.database.hosts.values():
            if name in (each.moid, each.name):
                return each
        raise LookupError(f"no host {name}")

    def hosts_of(self, cluster: Cluster) -> list[InventoryHost]:
        """The inventory's hosts of a cluster, in the order they were added."""
        return [each for each in self.database.hosts.values() if each.parent == cluster.moid]

    def add_host(self, host: LabHost, cluster: str | None = None) -> InventoryHost:
        """Add a running host to a cluster, or as a stand-alone one. Raises LookupError for an unknown cluster."""
        with self.lock:
            if cluster is None:
                folder = next(iter(self.database.datacenters.values())).host_folder
                own = Cluster(self._new_moid("domain-s"), host.name, folder, standalone=True)
                self.database.clusters[own.moid] = own
                parent = own.moid
            else:
                parent = self.cluster(cluster).moid
            self.hosts[host.name] = host
            made = InventoryHost(self._new_moid("host-"), host.name, host.uuid, parent, _learn(host))
            self.database.hosts[made.moid] = made
            self.post(f"Added host {host.name}")
            return made

    def add_vm(self, name: str, host: str, *, running: bool = True, pinned: Pinned = Pinned.NO, vcenter: bool = False) -> LabVm:
        """A virtual machine on a host of the inventory. Raises LookupError."""
        with self.lock:
            made = LabVm(self._new_moid("vm-"), name, self.host(host).name, running, pinned, vcenter)
            self.vms[made.moid] = made
            return made

    def vms_of(self, host: str) -> list[LabVm]:
        """The VMs registered on a host, by its name."""
        return [vm for vm in self.vms.values() if vm.host == host]

    def remove_host(self, name: str) -> None:
        """Take a host out of the inventory; the host itself goes on."""
        with self.lock:
            entry = self.host(name)
            del self.database.hosts[entry.moid]
            if self.database.clusters[entry.parent].standalone:
                del self.database.clusters[entry.parent]
            self.post(f"Removed host {name}")

    def remove_cluster(self, name: str) -> None:
        """Take a cluster and its hosts out of the inventory."""
        with self.lock:
            cluster = self.cluster(name)
            for entry in self.hosts_of(cluster):
                del self.database.hosts[entry.moid]
            del self.database.clusters[cluster.moid]
            self.post(f"Removed cluster {cluster.name}")

    def disconnect(self, name: str) -> None:
        """An administrator disconnects a host: vCenter keeps what it knew."""
        self._set_connection(name, DISCONNECTED, f"Disconnected host {name}")

    def reconnect(self, name: str) -> None:
        """The opposite; the host also becomes reachable again."""
        self.unreachable.discard(name)
        self._set_connection(name, CONNECTED, f"Established a connection to {name}")

    def _set_connection(self, name: str, connection: str, message: str) -> None:
        with self.lock:
            entry = self.host(name)
            belief = replace(entry.belief, connection=connection)
            self.database.hosts[entry.moid] = replace(entry, belief=belief)
            self.post(message)

    def live_host(self, entry: InventoryHost) -> LabHost | None:
        """The host itself if vCenter can reach it now."""
        host = self.hosts.get(entry.name)
        if host is None or entry.name in self.unreachable or host.power != "on":
            return None
        return None if entry.belief.connection == DISCONNECTED else host

    def observe(self, moid: str) -> InventoryHost:
        """The inventory's entry after vCenter learned what it can of the host. A host out of reach keeps its old
        facts and is not responding; one that was disconnected by hand is left alone."""
        with self.lock:
            entry = self.database.hosts[moid]
            host = self.live_host(entry)
            if host is not None:
                belief = _learn(host)
            elif entry.belief.connection == CONNECTED:
                belief = replace(entry.belief, connection=NOT_RESPONDING)
            else:
                return entry
            if belief != entry.belief:
                self._ha_agent(entry, belief, host)
                if belief.connection != entry.belief.connection:
                    state = "is not responding" if host is None else "is connected"
                    self.post(f"Host {entry.name} {state}")
                entry = replace(entry, belief=belief)
                self.database.hosts[moid] = entry
            return entry

    def _ha_agent(self, entry: InventoryHost, belief: HostBelief, host: LabHost | None) -> None:
        """A host that left maintenance mode in an HA cluster gets the agent, installed live (KB 316592)."""
        cluster = self.database.clusters[entry.parent]
        if host is None or not cluster.ha or belief.maintenance or not entry.belief.maintenance:
            return
        agent = LabVib("vmware-fdm", f"{self.release.product_version}-{self.database.build}", "VMware")
        if not any((vib.name, vib.version) == (agent.name, agent.version) for vib in host.running_image.vibs):
            host.live_install(agent)
            self.post(f"Installed the vSphere HA agent on {entry.name}")

    def refresh_inventory(self) -> None:
        """Learn what can be learned of every host."""
        for moid in list(self.database.hosts):
            self.observe(moid)

    # Events --------------------------------------------------------------------------------------------------------

    def post(self, message: str, *, user: str = "", login_session: str | None = None) -> LabEvent:
        """Write an event. Keys are consecutive; after a restore they go on from the backup's."""
        with self.lock:
            database = self.database
            database.last_event += 1
            event = LabEvent(database.last_event, self.clock(), user, message, login_session)
            database.events.append(event)
            del database.events[:-EVENTS_KEPT]
            return event

    def login(self, user: str, password: str, protocol: str) -> Session | None:
        """A new session, or None for wrong credentials; both leave an event."""
        with self.lock:
            session = self.sessions.login(user, password)
            if session is None:
                self.post(f"Cannot login {user} ({protocol})", user=user)
            else:
                self.post(f"User {session.user} logged in ({protocol})", user=session.user, login_session=session.key)
            return session

    # vLCM ----------------------------------------------------------------------------------------------------------

    def set_desired(
        self, cluster: str, software: DesiredSoftware, *, author: str = USER, message: str = "", orchestrator: str = ""
    ) -> Commit:
        """Commit a cluster image. A cluster on baselines is switched to images by it. Touches no host."""
        with self.lock:
            found = self.cluster(cluster)
            self.database.last_commit += 1
            number = str(self.database.last_commit)
            commit = Commit(number, self.clock(), author, message, software, orchestrator=orchestrator)
            found.commits[commit.id] = commit
            found.desired, found.mode = commit.id, IMAGE
            found.recommendation = None
            self.post(f"Image of cluster {found.name} was set to {software.base_image}", user=author)
            return commit

    def to_baselines(self, cluster: str) -> None:
        """Put a cluster on baselines. A real vCenter only gets there by a restore: the switch is one-way."""
        with self.lock:
            found = self.cluster(cluster)
            found.mode, found.desired, found.scan = BASELINES, None, None

    def scan(self, cluster: str) -> ScanResult:
        """Compute and store a cluster's compliance. Raises LookupError for a cluster without an image."""
        with self.lock:
            found = self.cluster(cluster)
            commit = found.commit
            if commit is None:
                raise LookupError(f"cluster {found.name} has no image")
            found.scan = self.compare(found, commit.software, commit.id)
            self.post(f"Checked compliance of cluster {found.name} with its image")
            return found.scan

    def compare(self, cluster: Cluster, software: DesiredSoftware, commit: str = "") -> ScanResult:
        """Compare the cluster's hosts with any image, as a draft's scan does; nothing is stored."""
        with self.lock:
            images: dict[str, LabImage] = {}
            for entry in self.hosts_of(cluster):
                if (host := self.live_host(self.observe(entry.moid))) is not None:
                    images[entry.moid] = host.running_image
            # Hosts of one cluster mostly share one image object; each distinct one is compared once.
            results = {id(image): scan_host(software, self.database.depot, image) for image in images.values()}
            return ScanResult(
                time=self.clock(),
                commit=commit,
                software=software,
                hosts={moid: results[id(image)] for moid, image in images.items()},
                unavailable=frozenset(each.moid for each in self.hosts_of(cluster) if each.moid not in images),
            )

    def add_draft(self, cluster: str, software: DesiredSoftware | None = None, *, owner: str = USER) -> Draft:
        """Begin to edit a cluster image; without `software` the working copy starts as the image in force.

        Nothing here keeps a user to one draft: the API does.
        """
        with self.lock:
            found = self.cluster(cluster)
            start = software or (found.commit.software if found.commit else DesiredSoftware(""))
            self.database.last_draft += 1
            draft = Draft(str(self.database.last_draft), found.moid, owner, self.clock(), start)
            self.database.drafts[draft.id] = draft
            return draft

    def begin_operation(
        self, cluster: str, operation: str = "apply$task", *, user: str = "carol@lab.example", seconds: float | None = None
    ) -> str:
        """Another client works on the cluster: a task that runs for `seconds`, or until the restart. Nothing is done to
        the hosts by it. Gives the task's id."""
        with self.lock:
            moid = self.cluster(cluster).moid
            service = "com.vmware.esx.settings.clusters.software"
            task = self.tasks.add(service, operation, "ClusterComputeResource", moid, user, stuck=True)
            if seconds is not None:
                task.ends = task.started + dt.timedelta(seconds=seconds)
            return task.id

    def remediate(self, cluster: str, hosts: Iterable[str] | None = None) -> None:
        """Bring hosts (all, or the named ones) to the cluster's image, at once, and scan.

        Raises LookupError when the depot lacks the image or the cluster has none; HostDownError when a host does not
        come up again.
        """
        with self.lock:
            found = self.cluster(cluster)
            commit = found.commit
            if commit is None:
                raise LookupError(f"cluster {found.name} has no image")
            image = self.database.depot.compose(commit.software)
            wanted = None if hosts is None else set(hosts)
            for entry in self.hosts_of(found):
                host = self.live_host(entry)
                if host is not None and (wanted is None or entry.name in wanted):
                    host.remediate(image)
                    self.post(f"Remediated host {entry.name}")
            if wanted is None:
                found.commits[commit.id] = replace(commit, applied=True)
            self.refresh_inventory()
            self.scan(cluster)

    # Backup --------------------------------------------------------------------------------------------------------

    def backup(self) -> VCenterBackup:
        """Save vCenter's own database."""
        with self.lock:
            self.post("Backup of vCenter completed")
            return VCenterBackup(self.clock(), self.database.copy())

    def restore(self, backup: VCenterBackup) -> None:
        """Put a saved database back. Sessions and tasks are lost, the instance UUID stays, hosts are untouched."""
        with self.lock:
            self.database = backup.database.copy()
            self.sessions.end_all()
            self.tasks.clear()
            self.host_tasks.forget()

    def patch(self, build: str) -> None:
        """vCenter itself goes to another build; a restore takes that back as well."""
        with self.lock:
            self.database.build = build
            self.post(f"vCenter was updated to build {build}")


def _learn(host: LabHost) -> HostBelief:
    image = host.running_image
    return HostBelief(
        product_version=image.product_version,
        build=image.build,
        update_level=image.update,
        maintenance=host.maintenance,
        boot_time=host.boot_time,
        reboot_required=host.pending_image is not None,
    )
