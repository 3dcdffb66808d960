"""What vCenter says of a host before a rollback: its cluster, its VMs, HA, vSAN, services (a ``HostSurroundings``). Reads only.

Few properties are asked for by name: a whole group (``runtime``, ``capability``) is an answer of every version, where a single
field may be one that an older vCenter refuses to know.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pyVmomi import vim, vmodl

from auditor.domain.observation import InventoryHost, Read, Reading, Reason, Unread
from auditor.domain.readings.situation import better
from auditor.domain.rollback.capacity import HostLoad
from auditor.domain.rollback.control import Connection
from auditor.domain.rollback.situation import ClusterFacts, HostSituation
from auditor.domain.settings.values import HostSettings, unread_settings
from auditor.ports import HostTarget
from auditor.vcenter.faults import attempt
from auditor.vcenter.hostsettings import FROM_VCENTER, read_one
from auditor.vcenter.inventory import display_name, single_property
from auditor.vcenter.link import Link
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import VCenterSettings

T = TypeVar("T")

_HOST = (
    "parent",
    "vm",
    "runtime",
    "capability",
    "summary",
    "config.service",
    "config.deploymentInfo",
    "config.lockdownMode",
    "config.vsanHostConfig",
    "hardware.pciDevice",
)
_VM = ("name", "runtime", "summary", "guest", "datastore", "config.hardware")
_DPUS = ("bluefield", "pensando", "dsc-")
"""Words in the names of the cards that vSphere 8 and later run as DPUs (inferred from its list of supported ones)."""
_APPLIANCE = "VMware vCenter Server"
_MB = 1024 * 1024

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class _Scene:
    """What was swept: the host's properties, its cluster's, those of the cluster's other hosts, and of the host's VMs."""

    host: Mapping[str, Any]
    cluster: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...]
    vms: tuple[Mapping[str, Any], ...]


class VCenterSurroundings:
    """One vCenter. Safe to share between threads; lives through restarts of vCenter."""

    def __init__(self, settings: VCenterSettings, password: Callable[[], str]) -> None:
        self.gate = Gate()
        self._link = Link(settings.endpoint, password, self.gate)
        self._names = {settings.host.lower()}
        with suppress(OSError, UnicodeError):
            self._names |= {str(info[4][0]) for info in socket.getaddrinfo(settings.host, None)}

    def close(self) -> None:
        """Log out. Never raises."""
        self._link.close()

    def connection(self, target: HostTarget) -> Reading[Connection]:
        """``runtime.connectionState``."""

        def look(content: Any, host: Any) -> Connection:
            return Connection(str(single_property(content, host, "runtime").connectionState))

        return attempt(lambda: self._link.with_host(target.name, look))

    def settings(self, target: HostTarget, at: datetime) -> HostSettings:
        """The host's settings as this vCenter shows them; ``at`` is now."""

        def look(content: Any, host: Any) -> InventoryHost:
            state = str(single_property(content, host, "runtime").connectionState)
            return InventoryHost(str(host._moId), target.name, connection=state)  # noqa: SLF001  # the only way to the id

        name = target.vcenter
        found = attempt(lambda: self._link.with_host(target.name, look))
        if isinstance(found, Unread):
            return unread_settings(target.name, name, at, found, FROM_VCENTER)
        host = found.value
        read = attempt(lambda: self._link.call(lambda session, _: read_one(session, name, host, at)))
        return unread_settings(target.name, name, at, read, FROM_VCENTER) if isinstance(read, Unread) else read.value

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation:
        """The same with what vCenter knows. Of a host it is not connected to, only what vCenter itself decides on is taken."""
        swept = attempt(lambda: self._link.with_host(target.name, _sweep))
        if isinstance(swept, Unread):
            return _all(situation, swept)
        scene = swept.value
        state = str(scene.host["runtime"].connectionState)
        situation = replace(
            situation,
            cluster=_cluster(situation.cluster, scene),
            machine_in_vcenter=better(situation.machine_in_vcenter, _machine(scene.host)),
            loads=better(situation.loads, Read(_loads(scene, target.name))),
        )
        if state != "connected":
            why = Unread(Reason.NOT_CONNECTED, f"vCenter shows the host as {state}: what it says of it is old")
            return _of_host(situation, why)
        return self._host(situation, scene)

    def _host(self, situation: HostSituation, scene: _Scene) -> HostSituation:
        host, runtime = scene.host, scene.host["runtime"]
        das = runtime.dasHostState
        vsan = host.get("config.vsanHostConfig")
        encryption = getattr(runtime, "stateEncryption", None)
        mode: Reading[str] = Unread(Reason.ABSENT, "vCenter shows no encryption mode of the host")
        if encryption is not None:
            mode = Read(str(encryption.protectionMode).upper())
        return replace(
            situation,
            maintenance_mode=better(situation.maintenance_mode, Read(bool(runtime.inMaintenanceMode))),
            pinned_vms=better(situation.pinned_vms, _pinned(scene)),
            runs_vcenter=better(situation.runs_vcenter, self._runs_vcenter(scene)),
            ha_agent=better(situation.ha_agent, Read("" if das is None else str(das.state))),
            stateless=better(situation.stateless, _stateless(host)),
            dpu=better(situation.dpu, _dpu(host)),
            quick_boot=better(situation.quick_boot, _quick_boot(host)),
            vsan=replace(
                situation.vsan,
                enabled=better(situation.vsan.enabled, _vsan_enabled(vsan)),
                fault_domain=better(situation.vsan.fault_domain, _fault_domain(vsan)),
            ),
            security=replace(
                situation.security,
                encryption=better(situation.security.encryption, mode),
                tpm=better(situation.security.tpm, _tpm(host)),
                attestation=better(situation.security.attestation, _attestation(host)),
                lockdown=better(situation.security.lockdown, _lockdown(host)),
            ),
            way_in=replace(situation.way_in, ssh_policy_on=better(situation.way_in.ssh_policy_on, _ssh_policy(host))),
        )

    def _runs_vcenter(self, scene: _Scene) -> Reading[bool]:
        """By the name of the appliance's product, or by an address of vCenter among the guest's. A running VM that tells
        neither may be it."""
        silent = []
        for vm in _running(scene):
            guest, product = vm.get("guest"), getattr(getattr(vm.get("summary"), "config", None), "product", None)
            name = getattr(product, "name", None) or ""
            addresses = {
                str(getattr(guest, "hostName", None) or "").lower(),
                str(getattr(guest, "ipAddress", None) or "").lower(),
            }
            addresses |= {str(ip).lower() for net in getattr(guest, "net", None) or () for ip in net.ipAddress or ()}
            addresses.discard("")
            if name.startswith(_APPLIANCE) or addresses & self._names:
                return Read(True)
            if not name and not addresses:
                silent.append(_name(vm))
        if silent:
            shown = ", ".join(silent[:5]) + (" and more" if len(silent) > 5 else "")
            return Unread(Reason.ABSENT, f"these VMs do not tell who they are, and one may be vCenter: {shown}")
        return Read(False)


def _sweep(content: Any, host: Any) -> _Scene:
    own = _properties(content, [host], vim.HostSystem, _HOST)[0]
    parent = own["parent"]
    cluster: Mapping[str, Any] = {"name": ""}
    others: Sequence[Mapping[str, Any]] = ()
    if isinstance(parent, vim.ClusterComputeResource):
        cluster = _properties(content, [parent], vim.ClusterComputeResource, ("name", "configurationEx", "host"))[0]
        rest = [each for each in cluster.get("host") or () if each._moId != host._moId]  # noqa: SLF001  # the only way to the id
        others = _properties(content, rest, vim.HostSystem, ("name", "vm", "runtime", "summary"))
    vms = _properties(content, own.get("vm") or (), vim.VirtualMachine, _VM)
    stores = {store._moId: store for vm in vms for store in vm.get("datastore") or ()}  # noqa: SLF001  # as above
    shared = _properties(content, list(stores.values()), vim.Datastore, ("summary",))
    local = {one["self"]: one["summary"].name for one in shared if one["summary"].multipleHostAccess is False}
    for vm in vms:
        vm["local"] = [local[s._moId] for s in vm.get("datastore") or () if s._moId in local]  # noqa: SLF001  # as above
    return _Scene(own, cluster, tuple(others), tuple(vms))


def _properties(content: Any, objects: Iterable[Any], kind: Any, paths: tuple[str, ...]) -> list[dict[str, Any]]:
    """The properties of each object, in the order given, and its id as "self". Unset ones are left out."""
    wanted = list(objects)
    if not wanted:
        return []
    specification = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=each, skip=False) for each in wanted],
        propSet=[_Collector.PropertySpec(type=kind, pathSet=list(paths))],
    )
    found: dict[str, dict[str, Any]] = {}
    page = content.propertyCollector.RetrievePropertiesEx([specification], _Collector.RetrieveOptions())
    while page is not None:
        for item in page.objects:
            moid = str(item.obj._moId)  # noqa: SLF001  # as above
            found[moid] = {"self": moid, **{p.name: p.val for p in item.propSet or ()}}
        page = content.propertyCollector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return [found[str(each._moId)] for each in wanted if str(each._moId) in found]  # noqa: SLF001  # as above


def _cluster(known: ClusterFacts, scene: _Scene) -> ClusterFacts:
    name = display_name(scene.cluster.get("name") or "")
    configuration = scene.cluster.get("configurationEx")
    drs: Reading[str] = Read("off")
    ha: Reading[bool] = Read(False)
    if name and configuration is None:
        drs = ha = Unread(Reason.DENIED, "vCenter does not show the cluster's configuration; the account may lack System.Read")
    elif configuration is not None:
        drs_config = configuration.drsConfig
        if drs_config is not None and drs_config.enabled:
            drs = Read(str(drs_config.defaultVmBehavior or "fullyAutomated"))
        ha = Read(bool(configuration.dasConfig is not None and configuration.dasConfig.enabled))
    return replace(
        known,
        name=better(known.name, Read(name)),
        drs=better(known.drs, drs),
        ha_enabled=better(known.ha_enabled, ha),
    )


def _loads(scene: _Scene, name: str) -> tuple[HostLoad, ...]:
    """Every host of the cluster. Of this one it is known which VMs run; another one leaves nothing behind for certain only
    when it is in maintenance mode or no VM is registered on it."""
    own = _load(scene.host, name, empty=not list(_running(scene)))
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


def _running(scene: _Scene) -> Iterable[Mapping[str, Any]]:
    return (vm for vm in scene.vms if str(getattr(vm.get("runtime"), "powerState", "poweredOn")) == "poweredOn")


def _name(vm: Mapping[str, Any]) -> str:
    return display_name(vm.get("name") or vm["self"])


def _pinned(scene: _Scene) -> Reading[tuple[str, ...]]:
    """Running VMs that vMotion cannot move or DRS may not, each with why. vCLS agents are vCenter's affair."""
    configuration = scene.cluster.get("configurationEx")
    manual = {
        str(entry.key._moId): "its DRS automation is set to manual or off"  # noqa: SLF001  # as above
        for entry in getattr(configuration, "drsVmConfig", None) or ()
        if entry.enabled is False or str(entry.behavior or "fullyAutomated") != "fullyAutomated"
    }
    bound = _bound(configuration, scene.host["self"])
    found = []
    for vm in _running(scene):
        if _name(vm).startswith("vCLS-"):
            continue
        hardware = vm.get("config.hardware")
        if hardware is None:
            return Unread(Reason.DENIED, f"vCenter does not show the devices of {_name(vm)}")
        reasons = [*_device_reasons(hardware.device or ())]
        reasons += [f"it is on the local datastore {name}" for name in vm["local"]]
        reasons += [each[vm["self"]] for each in (manual, bound) if vm["self"] in each]
        found += [f"{_name(vm)}: {', '.join(reasons)}"] if reasons else []
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


def _machine(host: Mapping[str, Any]) -> Reading[str]:
    """The hardware UUID, which vCenter keeps also of a host it is not connected to."""
    uuid = getattr(getattr(host.get("summary"), "hardware", None), "uuid", None)
    return Read(str(uuid).lower()) if uuid else Unread(Reason.ABSENT, "vCenter shows no hardware UUID of the host")


def _stateless(host: Mapping[str, Any]) -> Reading[bool]:
    """vSphere tells only the one case; the boot device tells the rest."""
    deployment = host.get("config.deploymentInfo")
    if getattr(deployment, "bootedFromStatelessCache", None):
        return Read(True)
    return Unread(Reason.NOT_ATTEMPTED, "vCenter does not tell a disk from the network")


def _dpu(host: Mapping[str, Any]) -> Reading[bool]:
    cards = host.get("hardware.pciDevice")
    if cards is None:
        return Unread(Reason.ABSENT, "vCenter does not list the host's PCI devices")
    return Read(any(word in f"{card.vendorName} {card.deviceName}".lower() for card in cards for word in _DPUS))


def _quick_boot(host: Mapping[str, Any]) -> Reading[bool]:
    capability = host.get("capability")
    supported = getattr(capability, "quickBootSupported", None)
    if supported is False:
        return Read(False)
    if supported is None:
        return Unread(Reason.ABSENT, "vCenter does not tell whether the host can do Quick Boot")
    return Unread(
        Reason.NOT_SUPPORTED,
        "the host can do Quick Boot, and whether it is switched on there is not published anywhere; the cluster's policy "
        "(remediation settings) is about remediations alone",
    )


def _tpm(host: Mapping[str, Any]) -> Reading[str]:
    """``capability.tpmVersion`` (6.7 and later) of a host whose ``tpmSupported`` is set; empty: none."""
    capability = host.get("capability")
    if capability is None:
        return Unread(Reason.ABSENT, "vCenter does not show the host's capabilities")
    if not capability.tpmSupported:
        return Read("")
    return Read(str(capability.tpmVersion or "of an unknown version"))


def _attestation(host: Mapping[str, Any]) -> Reading[str]:
    found = getattr(host.get("summary"), "tpmAttestation", None)
    if found is None:
        return Unread(Reason.ABSENT, "vCenter has not attested the host's TPM")
    return Read(str(found.status))


def _lockdown(host: Mapping[str, Any]) -> Reading[str]:
    mode = host.get("config.lockdownMode")
    return Unread(Reason.ABSENT, "vCenter does not show the host's lockdown mode") if mode is None else Read(str(mode))


def _vsan_enabled(vsan: Any) -> Reading[bool]:
    if vsan is None:
        return Unread(Reason.ABSENT, "vCenter shows no vSAN configuration of the host")
    return Read(bool(vsan.enabled))


def _fault_domain(vsan: Any) -> Reading[str]:
    if vsan is None:
        return Unread(Reason.ABSENT, "vCenter shows no vSAN configuration of the host")
    return Read(str(getattr(vsan.faultDomainInfo, "name", None) or ""))


def _ssh_policy(host: Mapping[str, Any]) -> Reading[bool]:
    services = host.get("config.service")
    for service in getattr(services, "service", None) or ():
        if service.key == "TSM-SSH":
            return Read(service.policy == "on")
    return Unread(Reason.ABSENT, "vCenter does not list the host's service TSM-SSH")


def _of_host(situation: HostSituation, why: Unread) -> HostSituation:
    """``why`` for everything that the host itself would have to tell vCenter."""
    return replace(
        situation,
        maintenance_mode=better(situation.maintenance_mode, why),
        pinned_vms=better(situation.pinned_vms, why),
        runs_vcenter=better(situation.runs_vcenter, why),
        ha_agent=better(situation.ha_agent, why),
        stateless=better(situation.stateless, why),
        dpu=better(situation.dpu, why),
        quick_boot=better(situation.quick_boot, why),
        vsan=replace(
            situation.vsan,
            enabled=better(situation.vsan.enabled, why),
            fault_domain=better(situation.vsan.fault_domain, why),
        ),
        security=replace(
            situation.security,
            encryption=better(situation.security.encryption, why),
            tpm=better(situation.security.tpm, why),
            attestation=better(situation.security.attestation, why),
            lockdown=better(situation.security.lockdown, why),
        ),
        way_in=replace(situation.way_in, ssh_policy_on=better(situation.way_in.ssh_policy_on, why)),
    )


def _all(situation: HostSituation, why: Unread) -> HostSituation:
    known = situation.cluster
    cluster = replace(
        known,
        name=better(known.name, why),
        drs=better(known.drs, why),
        ha_enabled=better(known.ha_enabled, why),
    )
    machine = better(situation.machine_in_vcenter, why)
    loads = better(situation.loads, why)
    return _of_host(replace(situation, cluster=cluster, machine_in_vcenter=machine, loads=loads), why)


__all__ = ["VCenterSurroundings"]
