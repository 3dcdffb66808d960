"""A host as vCenter shows it. Properties come from what vCenter believes; calls on the host's image manager are live
and fail for a host that cannot be reached."""

from __future__ import annotations

import datetime as dt
import secrets
from functools import lru_cache
from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from auditor.lab.faces.inventory import Entity
from auditor.lab.faces.settings import ACCESS_MANAGER, fill_config, thumbprint
from auditor.lab.hosts.bank import configuration_bundle
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabImage, LabVib
from auditor.lab.programs.esx import release_label
from auditor.lab.vcenter.database import DISCONNECTED, InventoryHost
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, current_soap_call, fault, operation, prop
from auditor.lab.wire.soap_wire import Constant

IMAGE_MANAGER = "imageConfigManager-"
FIRMWARE = "firmwareSystem-"
EXECUTER = "managedMethodExecuter-"
TYPE_MANAGER = "dynamicTypeManager-"

_ACCEPTANCE = {
    "VMwareCertified": "vmware_certified",
    "VMwareAccepted": "vmware_accepted",
    "PartnerSupported": "partner",
    "CommunitySupported": "community",
}
_NO_CAPABILITY = {
    info.name: False
    for info in vim.host.Capability._propList  # noqa: SLF001 (pyVmomi offers no other way)
    if info.type is bool and not info.flags & VmomiSupport.F_OPTIONAL
}
_status = vim.ManagedEntity.Status
_MEMORY = 256 * 1024**3
_LONG_AGO = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def reach(vcenter: LabVCenter, moid: str) -> LabHost:
    """The host itself. Raises HostNotConnected or HostCommunication for one that vCenter cannot reach."""
    entry = vcenter.observe(moid)
    host = vcenter.live_host(entry)
    if host is not None:
        return host
    if entry.belief.connection == DISCONNECTED:
        raise fault(vmodl.fault.HostNotConnected, "Unable to communicate with the remote host, since it is disconnected.")
    raise fault(vmodl.fault.HostCommunication, "An error occurred while communicating with the remote host.")


class HostFace(Entity):
    """A host in the inventory."""

    kind = vim.HostSystem

    def __init__(self, entry: InventoryHost, parent: SoapObject, vcenter: LabVCenter) -> None:
        super().__init__(entry.moid, entry.name, parent, vcenter)
        self._entry = entry

    @prop("summary")
    def summary(self) -> Any:
        """Name, product, hardware, runtime, attestation of the TPM."""
        entry, host = self._vcenter.observe(self.moid), self._live
        known = _summary(entry)
        if host is None:
            return known
        known = _with(known, config=_with(known.config, sslThumbprint=thumbprint(host)))
        if not host.attestation:
            return known
        told = vim.host.TpmAttestationInfo(time=entry.belief.boot_time or _LONG_AGO, status=host.attestation)
        return _with(known, tpmAttestation=told)

    @property
    def _live(self) -> LabHost | None:
        """The host itself, where vCenter reaches it: what is not in the inventory is only told then."""
        return self._vcenter.live_host(self._vcenter.observe(self.moid))

    @prop("runtime")
    def runtime(self) -> Any:
        """Connection, power, maintenance mode, boot time, the HA agent, the encryption of the configuration."""
        entry = self._vcenter.observe(self.moid)
        known, host = _runtime(entry), self._live
        runtime = vim.host.RuntimeInfo(
            connectionState=known.connectionState,
            powerState=known.powerState,
            inMaintenanceMode=known.inMaintenanceMode,
            bootTime=known.bootTime,
        )
        if host is not None and self._vcenter.database.clusters[entry.parent].ha:
            state = "uninitialized" if host.maintenance else "connectedToMaster"
            runtime.dasHostState = vim.cluster.DasFdmHostState(state=state)
        if host is not None and host.running_image.release >= (7, 0, 2):
            runtime.stateEncryption = vim.host.RuntimeInfo.StateEncryptionInfo(
                protectionMode=host.encryption.lower(), requireSecureBoot=False, requireExecInstalledOnly=False
            )
        return runtime

    @prop("capability")
    def capability(self) -> Any | None:
        """Quick Boot and TPM; the rest of the capabilities is not simulated."""
        host = self._live
        if host is None:
            return None
        known = _NO_CAPABILITY | {"tpmSupported": bool(host.tpm)}
        return vim.host.Capability(
            **known, tpmVersion=host.tpm or None, quickBootSupported=host.quick_boot, uefiSecureBoot=host.secure_boot
        )

    @prop("config")
    def config(self) -> Any:
        """Product, SSH service, where it booted from, lockdown mode, vSAN, what people set up; the rest is not simulated."""
        entry = self._vcenter.observe(self.moid)
        host = self._live
        config = vim.host.ConfigInfo(host=self.ref, product=_product(entry.belief.product_version, entry.belief.build))
        if host is not None:
            ssh = vim.host.Service(
                key="TSM-SSH",
                label="SSH",
                required=False,
                uninstallable=False,
                running=host.ssh_enabled,
                policy=host.ssh_policy,
            )
            config.service = vim.host.ServiceInfo(service=[ssh])
            config.deploymentInfo = vim.host.DeploymentInfo(bootedFromStatelessCache=False)
            config.lockdownMode = vim.host.HostAccessManager.LockdownMode(host.lockdown)
            config.vsanHostConfig = vim.vsan.host.ConfigInfo(enabled=host.vsan)
            fill_config(config, host)
        return config

    @prop("vm")
    def vms(self) -> list[Any]:
        """The virtual machines registered on it."""
        return [vim.VirtualMachine(vm.moid) for vm in self._vcenter.vms_of(self._entry.name)]

    @prop("recentTask")
    def recent_tasks(self) -> list[Any]:
        """The newest tasks on it."""
        return [vim.Task(task.moid) for task in self._vcenter.host_tasks.of(self.moid)]

    def _user(self) -> str:
        session = self._vcenter.sessions.find(current_soap_call().session)
        return session.user if session is not None else ""

    @operation("EnterMaintenanceMode_Task")
    def enter_maintenance(self, timeout: int, evacuatePoweredOffVms: bool | None, maintenanceSpec: Any) -> Any:  # noqa: N803 (VMODL)
        """Maintenance mode, as a task. What a specification says of vSAN objects changes nothing here: there are none."""
        host = reach(self._vcenter, self.moid)
        return vim.Task(self._vcenter.host_tasks.enter(self._entry, host, float(timeout), self._user()).moid)

    @operation("ExitMaintenanceMode_Task")
    def exit_maintenance(self, timeout: int) -> Any:
        """Out of maintenance mode, as a task."""
        host = reach(self._vcenter, self.moid)
        return vim.Task(self._vcenter.host_tasks.leave(self._entry, host, self._user()).moid)

    @operation("RebootHost_Task")
    def reboot(self, force: bool) -> Any:
        """A reboot, as a task; outside of maintenance mode only by force."""
        host = reach(self._vcenter, self.moid)
        return vim.Task(self._vcenter.host_tasks.reboot(self._entry, host, self._user(), force=bool(force)).moid)

    @prop("hardware")
    def hardware(self) -> Any:
        """What system it is."""
        entry = self._entry
        system = vim.host.SystemInfo(vendor=entry.belief.vendor, model=entry.belief.model, uuid=entry.uuid)
        cpu = vim.host.CpuInfo(numCpuPackages=2, numCpuCores=32, numCpuThreads=64, hz=2_500_000_000)
        packages = [
            vim.host.CpuPackage(
                index=index,
                vendor="intel",
                hz=2_500_000_000,
                busHz=100_000_000,
                description="Simulated CPU @ 2.50GHz",
                threadId=list(range(index * 32, index * 32 + 32)),
            )
            for index in range(2)
        ]
        card = vim.host.PciDevice(
            id="0000:03:00.0", classId=512, bus=3, slot=0, function=0, vendorId=5549, subVendorId=5549,
            vendorName="VMware Inc.", deviceId=1968, subDeviceId=1968, deviceName="vmxnet3 Virtual Ethernet Controller",
        )  # fmt: skip
        return vim.host.HardwareInfo(systemInfo=system, cpuInfo=cpu, cpuPkg=packages, memorySize=_MEMORY, pciDevice=[card])

    @prop("configManager")
    def config_manager(self) -> Any:
        """The managers of the image, of the saved configuration, and of who gets in."""
        return vim.host.ConfigManager(
            imageConfigManager=vim.host.ImageConfigManager(f"{IMAGE_MANAGER}{self.moid}"),
            firmwareSystem=vim.host.FirmwareSystem(f"{FIRMWARE}{self.moid}"),
            hostAccessManager=vim.host.HostAccessManager(f"{ACCESS_MANAGER}{self.moid}"),
        )


class FirmwareSystemFace(SoapObject):
    """The manager of a host's saved configuration."""

    kind = vim.host.FirmwareSystem

    def __init__(self, host_moid: str, vcenter: LabVCenter) -> None:
        super().__init__(f"{FIRMWARE}{host_moid}")
        self._host_moid, self._vcenter = host_moid, vcenter

    @operation("BackupFirmwareConfiguration")
    def backup(self) -> str:
        """Save the configuration and say where it can be fetched: ``*`` stands for the host. The lab serves the file on its one
        HTTPS port."""
        host = reach(self._vcenter, self._host_moid)
        path = f"/downloads/{secrets.token_hex(8)}/configBundle-{host.name}.tgz"
        self._vcenter.bundles[path] = configuration_bundle(release_label(host.running_image), host.config)
        return f"http://*{path}"


class ImageConfigManagerFace(SoapObject):
    """The host's image manager: asks the host itself."""

    kind = vim.host.ImageConfigManager

    def __init__(self, host_moid: str, vcenter: LabVCenter) -> None:
        super().__init__(f"{IMAGE_MANAGER}{host_moid}")
        self._host_moid, self._vcenter = host_moid, vcenter

    def _image(self) -> LabImage:
        return reach(self._vcenter, self._host_moid).running_image

    @operation("HostImageConfigGetProfile")
    def profile(self) -> Any:
        """Name and vendor of the image profile."""
        image = self._image()
        vendor = image.add_on.vendor if image.add_on is not None else "VMware, Inc."
        return vim.host.ImageConfigManager.ImageProfileSummary(name=image.profile_name, vendor=vendor)

    @operation("HostImageConfigGetAcceptance")
    def acceptance(self) -> str:
        """The acceptance level."""
        return _ACCEPTANCE[reach(self._vcenter, self._host_moid).acceptance]

    @operation("fetchSoftwarePackages")
    def packages(self) -> list[Any]:
        """The VIBs."""
        return _packages(self._image().vibs)

    @operation("installDate")
    def install_date(self) -> Any:
        """When the host was installed: the release date of what it runs, the lab knows no other."""
        return _date(self._image().release_date)


def _with(known: Any, **more: Any) -> Any:
    """A copy of a data object that others share, with more of it set."""
    fields = {each.name: getattr(known, each.name) for each in known._GetPropertyList()}  # noqa: SLF001 (pyVmomi offers no other)
    return type(known)(**(fields | more))


def _date(text: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) if text else None


# VIBs and entries are frozen, so what is made from one serves until vCenter learns something new.


@lru_cache(maxsize=256)
def _packages(vibs: tuple[LabVib, ...]) -> Constant:
    return Constant(_package(vib) for vib in vibs)


def _package(vib: LabVib) -> Any:
    return vim.host.SoftwarePackage(
        name=vib.name,
        version=vib.version,
        type="locker" if vib.name == "tools-light" else "bootbank",
        vendor=vib.vendor,
        acceptanceLevel=_ACCEPTANCE.get(vib.acceptance, vib.acceptance),
        summary=vib.name,
        description="",
        creationDate=_date(vib.install_date),
        capability=vim.host.SoftwarePackage.Capability(),
    )


@lru_cache(maxsize=64)
def _product(version: str, build: str) -> Any:
    # Also 9.0 calls itself so (published output of `esxcli system version get`), whatever the product is sold as.
    name = "VMware ESXi"
    return vim.AboutInfo(
        name=name,
        fullName=f"{name} {version} build-{build}",
        vendor="VMware, Inc.",
        version=version,
        build=build,
        localeVersion="INTL",
        localeBuild="000",
        osType="vmnix-x86",
        productLineId="embeddedEsx",
        apiType="HostAgent",
        apiVersion=f"{version}.0",
        licenseProductName="VMware ESX Server",
        licenseProductVersion=".".join(version.split(".")[:2]),
    )


@lru_cache(maxsize=16384)
def _runtime(entry: InventoryHost) -> Any:
    belief = entry.belief
    reachable = belief.connection == "connected"
    return vim.host.RuntimeInfo(
        connectionState=vim.HostSystem.ConnectionState(belief.connection),
        # A host that does not answer has an unknown power state; the other facts stay what they were.
        powerState=vim.HostSystem.PowerState.poweredOn if reachable else vim.HostSystem.PowerState.unknown,
        inMaintenanceMode=belief.maintenance,
        bootTime=belief.boot_time,
    )


@lru_cache(maxsize=16384)
def _summary(entry: InventoryHost) -> Any:
    summary, belief = vim.host.Summary, entry.belief
    return summary(
        host=vim.HostSystem(entry.moid),
        hardware=summary.HardwareSummary(
            vendor=belief.vendor,
            model=belief.model,
            uuid=entry.uuid,
            memorySize=_MEMORY,
            cpuModel="Simulated CPU @ 2.50GHz",
            cpuMhz=2500,
            numCpuPkgs=2,
            numCpuCores=32,
            numCpuThreads=64,
            numNics=4,
            numHBAs=2,
        ),
        runtime=_runtime(entry),
        config=summary.ConfigSummary(
            name=entry.name,
            port=443,
            product=_product(belief.product_version, belief.build),
            vmotionEnabled=True,
            faultToleranceEnabled=False,
        ),
        quickStats=summary.QuickStats(overallCpuUsage=1000, overallMemoryUsage=16384),
        overallStatus=_status.green if belief.connection == "connected" else _status.red,
        rebootRequired=belief.reboot_required,
    )
