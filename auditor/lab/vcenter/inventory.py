"""The inventory of a simulated vCenter: clusters, hosts and what vCenter believes of them, virtual machines, events."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace

from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabVib
from auditor.lab.vcenter.api_versions import VCenterRelease
from auditor.lab.vcenter.database import (
    CONNECTED,
    DISCONNECTED,
    NOT_RESPONDING,
    Cluster,
    Database,
    Datacenter,
    HostBelief,
    InventoryHost,
    LabEvent,
)
from auditor.lab.vcenter.vms import LabVm, Pinned

EVENTS_KEPT = 1000


class Inventory:
    """What `LabVCenter` does with its database's inventory. The lock is shared with all the rest of it."""

    lock: threading.RLock
    clock: Callable[[], dt.datetime]
    database: Database
    hosts: dict[str, LabHost]
    unreachable: set[str]
    vms: dict[str, LabVm]
    release: VCenterRelease

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


def _learn(host: LabHost) -> HostBelief:
    image = host.running_image
    return HostBelief(
        product_version=image.product_version,
        build=image.build,
        update_level=image.update,
        maintenance=host.maintenance,
        boot_time=host.boot_time,
        reboot_required=host.pending_image is not None,
        vendor=host.vendor,
        model=host.model,
    )
