"""vim25 data objects of a host's configuration as names and short texts.

What changes by itself is left out: ports, cookies, counters, what runs, what is reachable. Lists keep their order where it
means something and are sorted where it does not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pyVmomi import vim

from auditor.masking import masked_value

LONGEST = 300
"""Characters of a value; a longer one is its hash."""

Found = Mapping[str, Any]
Values = Mapping[str, str | None]


def ntp(found: Found) -> Values:
    info = found["config.dateTimeInfo"]
    config = info.ntpConfig
    return {"servers": _listed(config.server if config else ()), "time zone": getattr(info.timeZone, "key", None)}


def dns(found: Found) -> Values:
    config = found["config.network.dnsConfig"]
    return {
        "host name": config.hostName,
        "domain": config.domainName,
        "servers": _listed(config.address),
        "search": _listed(config.searchDomain),
        "by DHCP": "yes" if config.dhcp else None,
    }


def vmkernel(found: Found) -> Values:
    uses: dict[str, list[str]] = {}
    for config in found.get("config.virtualNicManagerInfo.netConfig") or ():
        devices = {candidate.key: candidate.device for candidate in config.candidateVnic or ()}
        for key in config.selectedVnic or ():
            uses.setdefault(devices.get(key, ""), []).append(str(config.nicType))
    return {nic.device: _adapter(nic, sorted(uses.get(nic.device, ()))) for nic in found["config.network.vnic"]}


def _adapter(nic: Any, uses: Iterable[str]) -> str:
    spec, ip = nic.spec, nic.spec.ip
    parts = []
    if ip is not None:
        parts.append("DHCP" if ip.dhcp else f"{ip.ipAddress}/{ip.subnetMask}")
        v6 = getattr(ip.ipV6Config, "ipV6Address", None) or ()
        parts += sorted(f"{one.ipAddress}/{one.prefixLength}" for one in v6 if str(one.origin) == "manual")
    port = spec.distributedVirtualPort
    place = nic.portgroup or (f"{port.portgroupKey} of {port.switchUuid}" if port is not None else "")
    parts += [f"on {place}"] if place else []
    parts += [f"MTU {spec.mtu}"] if spec.mtu else []
    stack = spec.netStackInstanceKey
    parts += [f"stack {stack}"] if stack and stack != "defaultTcpipStack" else []
    parts += [f"for {' '.join(uses)}"] if uses else []
    return _short(", ".join(parts))


def routes(found: Found) -> Values:
    config = found["config.network.ipRouteConfig"]
    return {"gateway": config.defaultGateway, "IPv6 gateway": config.ipV6DefaultGateway}


def switches(found: Found) -> Values:
    return {switch.name: _short(", ".join(_switch(switch))) for switch in found["config.network.vswitch"]}


def _switch(switch: Any) -> Iterable[str]:
    bridge = switch.spec.bridge
    uplinks = list(getattr(bridge, "nicDevice", None) or ())
    yield f"uplinks {' '.join(uplinks)}" if uplinks else "no uplinks"
    if switch.mtu:
        yield f"MTU {switch.mtu}"
    yield from _policy(switch.spec.policy)


def port_groups(found: Found) -> Values:
    groups = [group.spec for group in found["config.network.portgroup"]]
    return {
        spec.name: _short(", ".join([f"VLAN {spec.vlanId}", f"on {spec.vswitchName}", *_policy(spec.policy)]))
        for spec in groups
    }


def _policy(policy: Any) -> Iterable[str]:
    """Security and the order of uplinks; what a port group does not override is unset."""
    security = getattr(policy, "security", None)
    words = (("allowPromiscuous", "promiscuous"), ("macChanges", "MAC changes"), ("forgedTransmits", "forged transmits"))
    for name, word in words:
        value = getattr(security, name, None)
        if value is not None:
            yield f"{word} {'accepted' if value else 'rejected'}"
    order = getattr(getattr(policy, "nicTeaming", None), "nicOrder", None)
    if order is not None:
        yield f"active {' '.join(order.activeNic or ()) or 'none'}"
        if order.standbyNic:
            yield f"standby {' '.join(order.standbyNic)}"


def distributed(found: Found) -> Values:
    """By the name of the switch. Its uplinks here, not what vCenter keeps of it."""
    members = {}
    for switch in found["config.network.proxySwitch"]:
        backing = getattr(switch.spec, "backing", None)
        uplinks = sorted(pnic.pnicDevice for pnic in getattr(backing, "pnicSpec", None) or ())
        parts = [f"uplinks {' '.join(uplinks)}" if uplinks else "no uplinks", switch.dvsUuid]
        members[switch.dvsName] = _short(", ".join(parts))
    return members


def nfs(found: Found) -> Values:
    mounts = {}
    for mount in found["config.fileSystemVolume.mountInfo"]:
        volume = mount.volume
        if isinstance(volume, vim.host.NasVolume):
            hosts = ", ".join(volume.remoteHostNames or ()) or volume.remoteHost
            only = " read-only" if str(mount.mountInfo.accessMode) == "readOnly" else ""
            mounts[volume.name] = _short(f"{volume.type} {hosts}:{volume.remotePath}{only}")
    return mounts


def vmfs(found: Found) -> Values:
    return {
        f"{mount.volume.name} {mount.volume.uuid}": "unmounted" if mount.mountInfo.mounted is False else "mounted"
        for mount in found["config.fileSystemVolume.mountInfo"]
        if isinstance(mount.volume, vim.host.VmfsVolume) and mount.volume.type == "VMFS"
    }


def iscsi(found: Found) -> Values:
    """Names and targets. Targets that the server of a send target told are found again and left out."""
    settings: dict[str, str] = {}
    for adapter in found["config.storageDevice.hostBusAdapter"]:
        if not isinstance(adapter, vim.host.InternetScsiHba):
            continue
        settings[f"{adapter.device} name"] = adapter.iScsiName
        send = sorted(f"{target.address}:{target.port or 3260}" for target in adapter.configuredSendTarget or ())
        static = sorted(
            f"{target.address}:{target.port or 3260} {target.iScsiName}"
            for target in adapter.configuredStaticTarget or ()
            if str(target.discoveryMethod or "staticMethod") == "staticMethod"
        )
        settings[f"{adapter.device} send targets"] = _short(", ".join(send))
        settings[f"{adapter.device} static targets"] = _short(", ".join(static))
    return settings


def services(found: Found) -> Values:
    return {service.key: str(service.policy) for service in found["config.service.service"]}


def lockdown(found: Found) -> Values:
    return {"mode": str(found["config.lockdownMode"])}


def directory(found: Found) -> Values:
    joined = [
        str(one.joinedDomain)
        for one in found["config.authenticationManagerInfo.authConfig"]
        if isinstance(one, vim.host.ActiveDirectoryInfo) and one.joinedDomain
    ]
    return {"domain": _listed(sorted(joined))}


def certificate(found: Found) -> Values:
    """The SHA-1 thumbprint that vCenter knows the host's certificate by."""
    return {"thumbprint": str(found["summary.config.sslThumbprint"]).upper()}


def encryption(found: Found) -> Values:
    state = found["runtime.stateEncryption"]
    return {
        "mode": str(state.protectionMode),
        "requires Secure Boot": _yes(state.requireSecureBoot),
        "requires installed executables": _yes(state.requireExecInstalledOnly),
    }


def firmware(found: Found) -> Values:
    return {
        "TPM": _yes(found["capability.tpmSupported"]),
        "TPM version": found.get("capability.tpmVersion") or None,
        "UEFI Secure Boot": _yes(found.get("capability.uefiSecureBoot")),
    }


def option(value: str) -> str:
    """An advanced option's value. Whoever put a login into a URL did so by mistake."""
    return _short(re.sub(r"://[^/@\s,]*@", "://", value))


def _yes(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


def _listed(items: Iterable[str] | None) -> str:
    return _short(", ".join(str(item) for item in items or ()))


def _short(text: str) -> str:
    clean = masked_value(" ".join(text.split()))
    if len(clean) <= LONGEST:
        return clean
    return f"{clean[:60]}… SHA-256 {hashlib.sha256(clean.encode('utf-8', 'backslashreplace')).hexdigest()}"
