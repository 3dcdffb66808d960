"""The inventory tree of a simulated vCenter above its hosts: folders, datacenters, clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pyVmomi import vim

from auditor.lab.vcenter.database import Cluster, Datacenter
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.vcenter.vms import Pinned
from auditor.lab.wire.soap import SoapObject, prop

ROOT = "group-d1"


class Entity(SoapObject):
    """A managed entity in the inventory tree."""

    def __init__(self, moid: str, name: str, parent: SoapObject | None, vcenter: LabVCenter) -> None:
        super().__init__(moid)
        self.entity_name, self._parent, self._vcenter = name, parent, vcenter

    @prop("name")
    def name(self) -> str:
        """Its name."""
        return self.entity_name

    @prop("parent")
    def parent(self) -> Any | None:
        """The entity it is in; none for the root folder."""
        return None if self._parent is None else self._parent.ref

    @prop("overallStatus")
    def overall_status(self) -> Any:
        """Always green: the lab has no alarms."""
        return vim.ManagedEntity.Status.green

    @prop("configStatus")
    def config_status(self) -> Any:
        """Always green."""
        return vim.ManagedEntity.Status.green

    def children(self) -> Iterator[Entity]:
        """What a container view sees below it."""
        yield from ()


class FolderFace(Entity):
    """A folder: the root, or one of the four of a datacenter."""

    kind = vim.Folder

    def __init__(
        self,
        moid: str,
        name: str,
        parent: SoapObject | None,
        vcenter: LabVCenter,
        *,
        holds: list[Any],
        children: Callable[[], Iterator[Entity]] = lambda: iter(()),
    ) -> None:
        super().__init__(moid, name, parent, vcenter)
        self._holds, self._list = holds, children

    @prop("childType")
    def child_type(self) -> list[Any]:
        """Types it may hold."""
        return self._holds

    @prop("childEntity")
    def child_entity(self) -> list[Any]:
        """What it holds."""
        return [child.ref for child in self._list()]

    def children(self) -> Iterator[Entity]:
        """What it holds."""
        yield from self._list()


class DatacenterFace(Entity):
    """A datacenter with its four folders; those of hosts and virtual machines have content."""

    kind = vim.Datacenter

    def __init__(
        self,
        center: Datacenter,
        root: SoapObject,
        vcenter: LabVCenter,
        hosts: Callable[[str], Any],
        vms: Callable[[str], Any] = lambda _: iter(()),
    ) -> None:
        super().__init__(center.moid, center.name, root, vcenter)
        number = center.host_folder.removeprefix("group-h")
        folder = partial(FolderFace, parent=self, vcenter=vcenter)
        self.folders = {
            "hostFolder": folder(
                center.host_folder,
                "host",
                holds=[vim.Folder, vim.ComputeResource],
                children=partial(hosts, center.host_folder),
            ),
            "vmFolder": folder(
                f"group-v{number}",
                "vm",
                holds=[vim.Folder, vim.VirtualMachine],
                children=partial(vms, center.host_folder),
            ),
            "datastoreFolder": folder(f"group-s{number}", "datastore", holds=[vim.Folder, vim.Datastore]),
            "networkFolder": folder(f"group-n{number}", "network", holds=[vim.Folder, vim.Network]),
        }

    @prop("hostFolder")
    def host_folder(self) -> Any:
        """Folder of the clusters."""
        return self.folders["hostFolder"].ref

    @prop("vmFolder")
    def vm_folder(self) -> Any:
        """Folder of the virtual machines."""
        return self.folders["vmFolder"].ref

    @prop("datastoreFolder")
    def datastore_folder(self) -> Any:
        """Folder of the datastores, of which the lab has none."""
        return self.folders["datastoreFolder"].ref

    @prop("networkFolder")
    def network_folder(self) -> Any:
        """Folder of the networks, of which the lab has none."""
        return self.folders["networkFolder"].ref

    def children(self) -> Iterator[Entity]:
        """Its folders."""
        yield from self.folders.values()


class ComputeResourceFace(Entity):
    """The compute resource of a stand-alone host."""

    kind = vim.ComputeResource
    _summary_kind: Any = vim.ComputeResource.Summary

    def __init__(
        self, cluster: Cluster, folder: SoapObject, vcenter: LabVCenter, hosts: Callable[[Cluster], Iterator[Entity]]
    ) -> None:
        super().__init__(cluster.moid, cluster.name, folder, vcenter)
        self._cluster, self._hosts = cluster, hosts

    @prop("host")
    def host(self) -> list[Any]:
        """Its hosts."""
        return [host.ref for host in self._hosts(self._cluster)]

    @prop("summary")
    def summary(self) -> Any:
        """Counts; the sizes follow from the hardware every simulated host has."""
        hosts = self._vcenter.hosts_of(self._cluster)
        working = [each for each in hosts if each.belief.connection == "connected" and not each.belief.maintenance]
        return self._summary_kind(
            numHosts=len(hosts),
            numEffectiveHosts=len(working),
            overallStatus=vim.ManagedEntity.Status.green,
        )

    def children(self) -> Iterator[Entity]:
        """Its hosts."""
        yield from self._hosts(self._cluster)


class ClusterFace(ComputeResourceFace):
    """A cluster."""

    kind = vim.ClusterComputeResource
    _summary_kind = vim.ClusterComputeResource.Summary

    @prop("configurationEx")
    def configuration(self) -> Any:
        """HA, DRS and its overrides."""
        cluster, behaviors = self._cluster, vim.cluster.DrsConfigInfo.DrsBehavior
        on = cluster.drs != "off"
        drs = vim.cluster.DrsConfigInfo(enabled=on, defaultVmBehavior=getattr(behaviors, cluster.drs) if on else None)
        names = {host.name for host in self._vcenter.hosts_of(cluster)}
        manual = [vm for vm in self._vcenter.vms.values() if vm.pinned is Pinned.MANUAL and vm.host in names]
        return vim.cluster.ConfigInfoEx(
            dasConfig=vim.cluster.DasConfigInfo(enabled=cluster.ha),
            drsConfig=drs,
            drsVmConfig=[
                vim.cluster.DrsVmConfigInfo(key=vim.VirtualMachine(vm.moid), enabled=True, behavior=behaviors.manual)
                for vm in manual
            ],
        )

    @prop("lifecycleManaged")
    def lifecycle_managed(self) -> bool:
        """Whether it is managed by an image."""
        return self._cluster.mode == "image"
