"""Virtual machines, datastores and tasks as vCenter shows them."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from auditor.lab.faces.inventory import Entity
from auditor.lab.vcenter.host_tasks import HostTask, info
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.vcenter.vms import LabVm, Pinned
from auditor.lab.wire.soap import SoapObject, operation, prop

SHARED = "datastore-1"
LOCAL = "datastore-local-"


def datastore_of(vm: LabVm, vcenter: LabVCenter) -> str:
    """The id of the datastore a VM lies on."""
    if vm.pinned is not Pinned.LOCAL:
        return SHARED
    return f"{LOCAL}{vcenter.host(vm.host).moid}"


class VmFace(Entity):
    """A virtual machine."""

    kind = vim.VirtualMachine

    def __init__(self, vm: LabVm, parent: SoapObject | None, vcenter: LabVCenter) -> None:
        super().__init__(vm.moid, vm.name, parent, vcenter)
        self._vm = vm

    @prop("runtime")
    def runtime(self) -> Any:
        """Where it is registered, and whether it runs."""
        state = vim.VirtualMachine.PowerState
        return vim.vm.RuntimeInfo(
            host=vim.HostSystem(self._vcenter.host(self._vm.host).moid),
            connectionState=vim.VirtualMachine.ConnectionState.connected,
            powerState=state.poweredOn if self._vm.running else state.poweredOff,
            faultToleranceState=vim.VirtualMachine.FaultToleranceState.notConfigured,
            recordReplayState=vim.VirtualMachine.RecordReplayState.inactive,
            toolsInstallerMounted=False,
            numMksConnections=0,
        )

    @prop("guest")
    def guest(self) -> Any:
        """What VMware Tools tell: the guest's name and address."""
        if not self._vm.running:
            return vim.vm.GuestInfo(guestState="notRunning")
        name = self._vcenter.name if self._vm.vcenter else f"{self._vm.name}.guest.example"
        address = "192.0.2.10" if self._vm.vcenter else "192.0.2.99"
        return vim.vm.GuestInfo(guestState="running", hostName=name, ipAddress=address)

    @prop("summary")
    def summary(self) -> Any:
        """Name and, for vCenter's own appliance, its product."""
        product = None
        if self._vm.vcenter:
            product = vim.vApp.ProductInfo(key=0, name="VMware vCenter Server Appliance", vendor="VMware, Inc.")
        config = vim.vm.Summary.ConfigSummary(
            name=self._vm.name, template=False, vmPathName=f"[shared] {self._vm.name}/{self._vm.name}.vmx", product=product
        )
        return vim.vm.Summary(
            vm=self.ref,
            runtime=self.runtime(),
            config=config,
            quickStats=vim.vm.Summary.QuickStats(guestHeartbeatStatus=vim.ManagedEntity.Status.gray),
            overallStatus=vim.ManagedEntity.Status.green,
        )

    @prop("config")
    def config(self) -> Any:
        """Its devices."""
        devices = []
        if self._vm.pinned is Pinned.PASSTHROUGH:
            devices.append(vim.vm.device.VirtualPCIPassthrough(key=13000))
        hardware = vim.vm.VirtualHardware(numCPU=2, numCoresPerSocket=1, memoryMB=4096, device=devices)
        return vim.vm.ConfigInfo(name=self._vm.name, template=False, hardware=hardware)

    @prop("datastore")
    def datastore(self) -> list[Any]:
        """Where its files are."""
        return [vim.Datastore(datastore_of(self._vm, self._vcenter))]


class DatastoreFace(Entity):
    """The shared datastore, or the local one of a host."""

    kind = vim.Datastore

    @prop("summary")
    def summary(self) -> Any:
        """Whether more than one host sees it."""
        return vim.Datastore.Summary(
            datastore=self.ref,
            name=self.entity_name,
            url=f"ds:///vmfs/volumes/{self.moid}/",
            capacity=10**12,
            freeSpace=10**11,
            accessible=True,
            multipleHostAccess=self.moid == SHARED,
            type="VMFS",
        )


class TaskFace(SoapObject):
    """A task."""

    kind = vim.Task

    def __init__(self, task: HostTask, vcenter: LabVCenter) -> None:
        super().__init__(task.moid)
        self._task, self._vcenter = task, vcenter

    @prop("info")
    def info(self) -> Any:
        """State, progress and error."""
        return info(self._task, self._vcenter.clock())

    @operation("CancelTask")
    def cancel(self) -> None:
        """Give it up."""
        self._vcenter.host_tasks.cancel(self._task)


__all__ = ["LOCAL", "SHARED", "DatastoreFace", "TaskFace", "VmFace", "datastore_of"]
