"""A host as vCenter shows it. Properties come from what vCenter believes; calls on the host's image manager are live
and fail for a host that cannot be reached."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

from pyVmomi import vim, vmodl

from auditor.lab.database import DISCONNECTED, InventoryHost
from auditor.lab.host import LabHost
from auditor.lab.images import LabImage, LabVib
from auditor.lab.inventory_face import Entity
from auditor.lab.soap import SoapObject, fault, operation, prop
from auditor.lab.vcenter import LabVCenter

IMAGE_MANAGER = "imageConfigManager-"
EXECUTER = "managedMethodExecuter-"
TYPE_MANAGER = "dynamicTypeManager-"

_ACCEPTANCE = {
    "VMwareCertified": "vmware_certified",
    "VMwareAccepted": "vmware_accepted",
    "PartnerSupported": "partner",
    "CommunitySupported": "community",
}
_status = vim.ManagedEntity.Status
_MEMORY = 256 * 1024**3


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
        """Name, product, hardware, runtime."""
        return _summary(self._vcenter.observe(self.moid))

    @prop("runtime")
    def runtime(self) -> Any:
        """Connection, power, maintenance mode, boot time."""
        return _runtime(self._vcenter.observe(self.moid))

    @prop("config")
    def config(self) -> Any:
        """The product; the rest of the configuration is not simulated."""
        entry = self._vcenter.observe(self.moid)
        return vim.host.ConfigInfo(host=self.ref, product=_product(entry.belief.product_version, entry.belief.build))

    @prop("hardware")
    def hardware(self) -> Any:
        """What system it is."""
        entry = self._entry
        system = vim.host.SystemInfo(vendor="Lab", model="Simulated host", uuid=entry.uuid)
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
        return vim.host.HardwareInfo(systemInfo=system, cpuInfo=cpu, cpuPkg=packages, memorySize=_MEMORY)

    @prop("configManager")
    def config_manager(self) -> Any:
        """Only the image manager is simulated."""
        return vim.host.ConfigManager(imageConfigManager=vim.host.ImageConfigManager(f"{IMAGE_MANAGER}{self.moid}"))


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
        """The acceptance level, the same on every simulated host."""
        self._image()
        return "partner"

    @operation("fetchSoftwarePackages")
    def packages(self) -> list[Any]:
        """The VIBs."""
        return [_package(vib) for vib in self._image().vibs]

    @operation("installDate")
    def install_date(self) -> Any:
        """When the host was installed: the release date of what it runs, the lab knows no other."""
        return _date(self._image().release_date)


def _date(text: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) if text else None


# VIBs and entries are frozen, so what is made from one serves until vCenter learns something new.


@lru_cache(maxsize=8192)
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
            vendor="Lab",
            model="Simulated host",
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
