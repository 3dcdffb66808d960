"""What vCenter is asked of a host before a rollback, in one sweep: the host, its cluster and other hosts, and its VMs.

Few properties are asked for by name: a whole group (``runtime``, ``capability``) is an answer of every version, where a single
field may be one that an older vCenter refuses to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim, vmodl

from auditor.vcenter.inventory import display_name

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

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class Scene:
    """What was swept: the host's properties, its cluster's, those of the cluster's other hosts, and of the host's VMs."""

    host: Mapping[str, Any]
    cluster: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...]
    vms: tuple[Mapping[str, Any], ...]


def sweep(content: Any, host: Any) -> Scene:
    """Read the scene around ``host``. A VM's "local" are the names of its datastores that no other host mounts."""
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
    return Scene(own, cluster, tuple(others), tuple(vms))


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


def running(scene: Scene) -> Iterable[Mapping[str, Any]]:
    """Its VMs that run, and those of which vCenter does not say."""
    return (vm for vm in scene.vms if str(getattr(vm.get("runtime"), "powerState", "poweredOn")) == "poweredOn")


def vm_name(vm: Mapping[str, Any]) -> str:
    """Its name, or its id where vCenter shows none."""
    return display_name(vm.get("name") or vm["self"])


__all__ = ["Scene", "running", "sweep", "vm_name"]
