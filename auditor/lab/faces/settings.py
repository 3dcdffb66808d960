"""What vCenter shows of a simulated host's settings, in vim25's data objects, and who gets in past lockdown mode."""

from __future__ import annotations

import hashlib
from typing import Any

from pyVmomi import vim

from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, operation

ACCESS_MANAGER = "hostAccessManager-"
_UPLINKS = ("vmnic0", "vmnic1")


def thumbprint(host: LabHost) -> str:
    """The certificate's SHA-1, as vCenter writes it."""
    digest = hashlib.sha1(f"{host.uuid} {host.settings.certificate}".encode()).hexdigest().upper()  # noqa: S324 (as vCenter does)
    return ":".join(digest[n : n + 2] for n in range(0, 40, 2))


def fill_config(config: Any, host: LabHost) -> None:
    """Put the host's settings into a ``vim.host.ConfigInfo``."""
    settings, name = host.settings, host.name.partition(".")
    config.dateTimeInfo = vim.host.DateTimeInfo(
        timeZone=vim.host.DateTimeSystem.TimeZone(key="UTC", name="UTC", description="UTC", gmtOffset=0),
        ntpConfig=vim.host.NtpConfig(server=list(settings.ntp)),
    )
    config.network = vim.host.NetworkInfo(
        dnsConfig=vim.host.DnsConfig(
            dhcp=False, hostName=name[0], domainName=name[2], address=list(settings.dns), searchDomain=[name[2]]
        ),
        ipRouteConfig=vim.host.IpRouteConfig(defaultGateway="192.0.2.1"),
        vswitch=[_switch(settings.mtu)],
        portgroup=[_port_group("Management Network", settings.vlan), _port_group("VM Network", 0)],
        vnic=[_adapter(host)],
    )
    config.virtualNicManagerInfo = vim.host.VirtualNicManagerInfo(netConfig=[_use("management"), _use("vmotion")])
    config.fileSystemVolume = vim.host.FileSystemVolumeInfo(mountInfo=[_local(host), *(_nfs(mount) for mount in settings.nfs)])
    config.storageDevice = vim.host.StorageDeviceInfo(
        softwareInternetScsiEnabled=bool(settings.iscsi), hostBusAdapter=[_iscsi(host)] if settings.iscsi else []
    )
    config.service.service = [*config.service.service, _service("TSM", settings.shell), _service("ntpd", "on")]
    config.option = [vim.option.OptionValue(key=key, value=value) for key, value in _options(host).items()]
    config.authenticationManagerInfo = vim.host.AuthenticationManagerInfo(
        authConfig=[
            vim.host.LocalAuthenticationInfo(enabled=True),
            vim.host.ActiveDirectoryInfo(enabled=bool(settings.domain), joinedDomain=settings.domain or None),
        ]
    )


def _options(host: LabHost) -> dict[str, Any]:
    """Some of the thousand: settings that are watched, and one that is not."""
    return {
        "Mem.ShareForceSalting": 2,
        "Net.BlockGuestBPDU": 1,
        "Net.MaxNetifTxQueueLen": 2000,
        "ScratchConfig.ConfiguredScratchLocation": f"/vmfs/volumes/{host.banks[0].volume}/scratch",
        "Security.AccountLockFailures": 5,
        "Syslog.global.logDirUnique": True,
        "Syslog.global.logHost": host.settings.syslog,
        "UserVars.ESXiShellTimeOut": 0,
    }


def _service(key: str, policy: str) -> Any:
    return vim.host.Service(key=key, label=key, required=False, uninstallable=False, running=policy == "on", policy=policy)


def _switch(mtu: int) -> Any:
    spec = vim.host.VirtualSwitch.Specification(
        numPorts=128, mtu=mtu, bridge=vim.host.VirtualSwitch.BondBridge(nicDevice=list(_UPLINKS)), policy=_policy()
    )
    return vim.host.VirtualSwitch(
        name="vSwitch0", key="key-vim.host.VirtualSwitch-vSwitch0", numPorts=2560, numPortsAvailable=2500, mtu=mtu, spec=spec
    )


def _policy() -> Any:
    return vim.host.NetworkPolicy(
        security=vim.host.NetworkPolicy.SecurityPolicy(allowPromiscuous=False, macChanges=False, forgedTransmits=False)
    )


def _port_group(name: str, vlan: int) -> Any:
    spec = vim.host.PortGroup.Specification(name=name, vlanId=vlan, vswitchName="vSwitch0", policy=vim.host.NetworkPolicy())
    return vim.host.PortGroup(key=f"key-vim.host.PortGroup-{name}", computedPolicy=_policy(), spec=spec)


def _adapter(host: LabHost) -> Any:
    last = int(hashlib.sha256(host.uuid.encode()).hexdigest()[:2], 16)
    ip = vim.host.IpConfig(dhcp=False, ipAddress=f"192.0.2.{last}", subnetMask="255.255.255.0")
    spec = vim.host.VirtualNic.Specification(ip=ip, mtu=1500, netStackInstanceKey="defaultTcpipStack")
    return vim.host.VirtualNic(device="vmk0", key="key-vim.host.VirtualNic-vmk0", portgroup="Management Network", spec=spec)


def _use(kind: str) -> Any:
    key = f"{kind}.key-vim.host.VirtualNic-vmk0"
    spec = vim.host.VirtualNic.Specification()
    nic = vim.host.VirtualNic(device="vmk0", key=key, portgroup="Management Network", spec=spec)
    return vim.host.VirtualNicManager.NetConfig(
        nicType=kind, multiSelectAllowed=True, candidateVnic=[nic], selectedVnic=[key] if kind == "management" else []
    )


def _local(host: LabHost) -> Any:
    volume = vim.host.VmfsVolume(
        type="VMFS", name=f"{host.name.partition('.')[0]}-local", capacity=2**38, blockSizeMb=1, maxBlocks=63_963_136,
        majorVersion=6, version="6.82", uuid=host.banks[0].volume, vmfsUpgradable=False,
        extent=[vim.host.ScsiDisk.Partition(diskName="mpx.vmhba0:C0:T0:L0", partition=8)],
    )  # fmt: skip
    return vim.host.FileSystemMountInfo(mountInfo=vim.host.MountInfo(accessMode="readWrite", mounted=True), volume=volume)


def _nfs(mount: str) -> Any:
    name, _, where = mount.partition(" ")
    server, _, path = where.partition(":")
    volume = vim.host.NasVolume(type="NFS", name=name, capacity=2**40, remoteHost=server, remotePath=path)
    return vim.host.FileSystemMountInfo(mountInfo=vim.host.MountInfo(accessMode="readWrite", mounted=True), volume=volume)


def _iscsi(host: LabHost) -> Any:
    hba = vim.host.InternetScsiHba
    return hba(
        device="vmhba64", bus=0, status="online", model="iSCSI Software Adapter", isSoftwareBased=True,
        iScsiName=f"iqn.1998-01.com.vmware:{host.name}",
        configuredSendTarget=[hba.SendTarget(address=target, port=3260) for target in host.settings.iscsi],
        discoveryCapabilities=hba.DiscoveryCapabilities(
            iSnsDiscoverySettable=False, slpDiscoverySettable=False, staticTargetDiscoverySettable=True,
            sendTargetsDiscoverySettable=True,
        ),
        discoveryProperties=hba.DiscoveryProperties(
            iSnsDiscoveryEnabled=False, slpDiscoveryEnabled=False, staticTargetDiscoveryEnabled=True,
            sendTargetsDiscoveryEnabled=True,
        ),
        authenticationCapabilities=hba.AuthenticationCapabilities(chapAuthSettable=True, krb5AuthSettable=False,
            srpAuthSettable=False, spkmAuthSettable=False),
        authenticationProperties=hba.AuthenticationProperties(
            chapAuthEnabled=True, chapName=host.name, chapSecret="never-to-be-recorded",
        ),
        ipCapabilities=hba.IPCapabilities(addressSettable=False, ipConfigurationMethodSettable=False, subnetMaskSettable=False,
            defaultGatewaySettable=False, primaryDnsServerAddressSettable=False, alternateDnsServerAddressSettable=False),
        ipProperties=hba.IPProperties(dhcpConfigurationEnabled=False),
    )  # fmt: skip


class AccessManagerFace(SoapObject):
    """Who gets in past lockdown mode."""

    kind = vim.host.HostAccessManager

    def __init__(self, host_moid: str, vcenter: LabVCenter) -> None:
        super().__init__(f"{ACCESS_MANAGER}{host_moid}")
        self._host_moid, self._vcenter = host_moid, vcenter

    @operation("QueryLockdownExceptions")
    def exceptions(self) -> list[str]:
        """The users whom it does not keep out."""
        from auditor.lab.faces.host import reach

        return list(reach(self._vcenter, self._host_moid).lockdown_exceptions)


__all__ = ["ACCESS_MANAGER", "AccessManagerFace", "fill_config", "thumbprint"]
