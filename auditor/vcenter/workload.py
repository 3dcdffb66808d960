"""The VMs on a host before a rollback: which cannot be moved, whether one is vCenter itself, and what room the others have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyVmomi import vim

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.rollback.capacity import HostLoad
from auditor.vcenter.hostscene import Scene, running, vm_name
from auditor.vcenter.inventory import display_name

_APPLIANCE = "VMware vCenter Server"
_MB = 1024 * 1024


def pinned(scene: Scene) -> Reading[tuple[str, ...]]:
    """Running VMs that vMotion cannot move or DRS may not, each with why. vCLS agents are vCenter's affair."""
    configuration = scene.cluster.get("configurationEx")
    manual = {
        str(entry.key._moId): "its DRS automation is set to manual or off"  # noqa: SLF001  # the only way to the id
        for entry in getattr(configuration, "drsVmConfig", None) or ()
        if entry.enabled is False or str(entry.behavior or "fullyAutomated") != "fullyAutomated"
    }
    bound = _bound(configuration, scene.host["self"])
    found = []
    for vm in running(scene):
        if vm_name(vm).startswith("vCLS-"):
            continue
        hardware = vm.get("config.hardware")
        if hardware is None:
            return Unread(Reason.DENIED, f"vCenter does not show the devices of {vm_name(vm)}")
        reasons = [*_device_reasons(hardware.device or ())]
        reasons += [f"it is on the local datastore {name}" for name in vm["local"]]
        reasons += [each[vm["self"]] for each in (manual, bound) if vm["self"] in each]
        found += [f"{vm_name(vm)}: {', '.join(reasons)}"] if reasons else []
    return Read(tuple(sorted(found)))


def _device_reasons(devices: Iterable[Any]) -> Iterable[str]:
    for device in devices:
        backing = getattr(device, "backing", None)
        connected = getattr(getattr(device, "connectable", None), "connected", True)
        of_host = isinstance(backing, vim.vm.device.VirtualDevice.DeviceBackingInfo)
        if isinstance(device, vim.vm.device.VirtualPCIPassthrough):
            yield "it has a PCI device of the host"
        elif of_host and connected and not isinstance(device, vim.vm.device.VirtualEthernetCard):
            yield "it uses a device of the host"


def _bound(configuration: Any, host: str) -> Mapping[str, str]:
    """The VMs that a mandatory rule ties to host groups with this host as their only member."""
    groups = {group.name: group for group in getattr(configuration, "group", None) or ()}
    found: dict[str, str] = {}
    for rule in getattr(configuration, "rule", None) or ():
        if not isinstance(rule, vim.cluster.VmHostRuleInfo) or not rule.enabled or not rule.mandatory:
            continue
        hosts, vms = groups.get(rule.affineHostGroupName or ""), groups.get(rule.vmGroupName or "")
        if hosts is not None and vms is not None and [each._moId for each in hosts.host or ()] == [host]:  # noqa: SLF001  # as above
            found |= {str(vm._moId): f"the rule {rule.name} ties it to this host" for vm in vms.vm or ()}  # noqa: SLF001  # as above
    return found


def runs_vcenter(scene: Scene, names: Iterable[str]) -> Reading[bool]:
    """By the name of the appliance's product, or by one of vCenter's ``names`` and addresses among the guest's. A running VM
    that tells neither may be it."""
    silent = []
    for vm in running(scene):
        guest, product = vm.get("guest"), getattr(getattr(vm.get("summary"), "config", None), "product", None)
        name = getattr(product, "name", None) or ""
        addresses = {
            str(getattr(guest, "hostName", None) or "").lower(),
            str(getattr(guest, "ipAddress", None) or "").lower(),
        }
        addresses |= {str(ip).lower() for net in getattr(guest, "net", None) or () for ip in net.ipAddress or ()}
        addresses.discard("")
        if name.startswith(_APPLIANCE) or not addresses.isdisjoint(names):
            return Read(True)
        if not name and not addresses:
            silent.append(vm_name(vm))
    if silent:
        shown = ", ".join(silent[:5]) + (" and more" if len(silent) > 5 else "")
        return Unread(Reason.ABSENT, f"these VMs do not tell who they are, and one may be vCenter: {shown}")
    return Read(False)


def loads(scene: Scene, name: str) -> tuple[HostLoad, ...]:
    """Every host of the cluster. Of this one it is known which VMs run; another one leaves nothing behind for certain only
    when it is in maintenance mode or no VM is registered on it."""
    own = _load(scene.host, name, empty=not list(running(scene)))
    others = (_load(host, display_name(host.get("name") or host["self"]), empty=host.get("vm") == []) for host in scene.others)
    return (own, *others)


def _load(host: Mapping[str, Any], name: str, *, empty: bool) -> HostLoad:
    runtime, hardware = host.get("runtime"), getattr(host.get("summary"), "hardware", None)
    resting = bool(getattr(runtime, "inMaintenanceMode", False))
    connected = runtime is not None and str(runtime.connectionState) == "connected"
    memory = None if hardware is None else int(hardware.memorySize)
    return HostLoad(name, memory, _memory_used(host), takes_vms=connected and not resting, empties=empty or resting)


def _memory_used(host: Mapping[str, Any]) -> int | None:
    statistics = getattr(host.get("summary"), "quickStats", None)
    used = getattr(statistics, "overallMemoryUsage", None)
    return None if used is None else int(used) * _MB


__all__ = ["loads", "pinned", "runs_vcenter"]
