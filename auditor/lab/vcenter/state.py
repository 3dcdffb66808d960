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

from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.api_versions import release
from auditor.lab.vcenter.compliance import HostScan, ScanResult, scan_host
from auditor.lab.vcenter.database import (
    BASELINES,
    IMAGE,
    Cluster,
    Commit,
    Database,
    Draft,
    ScheduledTask,
)
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.faults import FaultPlan
from auditor.lab.vcenter.host_tasks import HostTasks
from auditor.lab.vcenter.inventory import Inventory
from auditor.lab.vcenter.parts import chosen, hardware_of
from auditor.lab.vcenter.sessions import Session, SessionStore, TaskStore
from auditor.lab.vcenter.vms import LabVm
from auditor.lab.wire.call_log import CallLog

USER = "administrator@vsphere.local"
PASSWORD = "Lab-Vcenter-1!"
SYSTEM = "com.vmware.vcIntegrity"


@dataclass(frozen=True)
class VCenterBackup:
    """A backup: opaque, for `LabVCenter.restore`."""

    time: dt.datetime
    database: Database


class LabVCenter(Inventory):
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
            hosts: dict[str, HostScan] = {}
            done: dict[object, HostScan] = {}
            for entry in self.hosts_of(cluster):
                if (host := self.live_host(self.observe(entry.moid))) is None:
                    continue
                hardware = hardware_of(host)
                part = chosen(software.alternatives, hardware)
                # Hosts of one cluster mostly share one image object; each distinct one is compared once.
                key = id(host.running_image), part, tuple(sorted(host.firmware.items()))
                if key not in done:
                    done[key] = scan_host(software.part(part), self.database.depot, host.running_image, host.firmware)
                hosts[entry.moid] = replace(done[key], image=part.id if part else "", hardware=hardware)
            return ScanResult(
                time=self.clock(),
                commit=commit,
                software=software,
                hosts=hosts,
                unavailable=frozenset(each.moid for each in self.hosts_of(cluster) if each.moid not in hosts),
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

    def schedule(self, cluster: str, run_at: dt.datetime, *, user: str = USER) -> str:
        """Somebody schedules a remediation of a cluster. Nothing here ever runs it. Gives the scheduled task's id."""
        with self.lock:
            found = self.cluster(cluster)
            self.database.last_schedule += 1
            number = f"schedule-{self.database.last_schedule}"
            name = f"Remediate {found.name}"
            self.database.scheduled[number] = ScheduledTask(number, name, found.moid, user, self.clock(), run_at)
            self.post(f"Created task {name} on {found.name}", user=user)
            return number

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
            software, depot = commit.software, self.database.depot
            depot.compose(software)  # an image the depot lacks some of is not remediated at all
            wanted = None if hosts is None else set(hosts)
            for entry in self.hosts_of(found):
                host = self.live_host(entry)
                if host is not None and (wanted is None or entry.name in wanted):
                    part = software.of(hardware_of(host))
                    host.remediate(depot.compose(part))
                    host.firmware = {manager: (package, version) for manager, package, version in part.packages}
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
