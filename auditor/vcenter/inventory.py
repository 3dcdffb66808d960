"""vCenter's inventory and marks in few calls: one paged property-collector sweep, never attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from pyVmomi import vim, vmodl

from auditor.domain.observation import InventoryHost, Reading, Reason, Unread, VCenterMarks
from auditor.masking import masked_value
from auditor.vcenter.faults import attempt, unanswered
from auditor.vcenter.soap import SoapSession

PAGE = 500
"""Objects asked for in one answer. vCenter may send fewer."""

_HOST_PROPERTIES = (
    "name",
    "parent",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
    "runtime.powerState",
    "runtime.bootTime",
    "summary.config.product.version",
    "summary.config.product.build",
    "summary.hardware.uuid",
    "summary.hardware.vendor",
    "summary.hardware.model",
    "summary.rebootRequired",
    "configManager.imageConfigManager",
)

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the sweep found: clusters as (managed object id, name), hosts, and each host's image manager by host id."""

    clusters: tuple[tuple[str, str], ...]
    hosts: tuple[InventoryHost, ...]
    image_managers: Mapping[str, str]


def read_inventory(session: SoapSession) -> Inventory:
    """Sweep hosts and clusters. A property vCenter does not show (privilege, disconnected host) stays empty or None.

    Raises what ``SoapSession.call`` raises.
    """
    return session.call(_sweep)


def _sweep(content: Any) -> Inventory:
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem, vim.ClusterComputeResource], True)
    try:
        specification = _Collector.FilterSpec(
            objectSet=[
                _Collector.ObjectSpec(
                    obj=view,
                    skip=True,
                    selectSet=[_Collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)],
                )
            ],
            propSet=[
                _Collector.PropertySpec(type=vim.HostSystem, pathSet=list(_HOST_PROPERTIES)),
                _Collector.PropertySpec(type=vim.ClusterComputeResource, pathSet=["name"]),
            ],
        )
        found = list(pages(content.propertyCollector, specification))
    finally:
        view.DestroyView()
    hosts, clusters, managers = [], [], {}
    for reference, properties in found:
        moid = reference._moId  # noqa: SLF001  # pyVmomi offers no other way to the id
        if isinstance(reference, vim.ClusterComputeResource):
            clusters.append((moid, display_name(properties.get("name") or moid)))
        elif isinstance(reference, vim.HostSystem):
            hosts.append(_host(moid, properties))
            manager = properties.get("configManager.imageConfigManager")
            if manager is not None:
                managers[moid] = manager._moId  # noqa: SLF001  # as above
    return Inventory(tuple(sorted(clusters)), tuple(sorted(hosts, key=lambda host: host.id)), managers)


def pages(collector: Any, specification: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(object, its properties) of every page."""
    page = collector.RetrievePropertiesEx([specification], _Collector.RetrieveOptions(maxObjects=PAGE))
    while page is not None:
        for item in page.objects:
            yield item.obj, {p.name: p.val for p in item.propSet or ()}
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None


def _host(moid: str, found: Mapping[str, Any]) -> InventoryHost:
    parent = found.get("parent")
    return InventoryHost(
        id=moid,
        name=masked_value(display_name(found.get("name") or moid)),
        cluster=parent._moId if isinstance(parent, vim.ClusterComputeResource) else "",  # noqa: SLF001  # as above
        connection=str(found.get("runtime.connectionState") or ""),
        version=found.get("summary.config.product.version") or "",
        build=found.get("summary.config.product.build") or "",
        uuid=found.get("summary.hardware.uuid") or "",
        in_maintenance_mode=found.get("runtime.inMaintenanceMode"),
        power=str(found.get("runtime.powerState") or ""),
        boot_time=utc(found.get("runtime.bootTime")),
        reboot_required=found.get("summary.rebootRequired"),
        hardware=" ".join(filter(None, (found.get("summary.hardware.vendor"), found.get("summary.hardware.model")))),
    )


def display_name(escaped: str) -> str:
    """A managed entity's name as people typed it: vSphere stores ``%``, ``/`` and ``\\`` as ``%25``, ``%2f``, ``%5c``."""
    return unquote(escaped)


def utc(value: datetime | None) -> datetime | None:
    """A time from the wire in UTC. vSphere always sends a zone; a time without one is taken as UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def read_marks(session: SoapSession) -> VCenterMarks:
    """By what a rewind shows: instance UUID, version, build, newest event, clock. Raises what ``call`` raises."""
    about = session.call(lambda content: content.about)
    event = attempt(lambda: session.call(_newest_event))
    if isinstance(event, Unread):
        key: Reading[int] = event
        time: Reading[datetime] = event
    else:
        key, time = attempt(lambda: int(event.value.key)), attempt(lambda: _aware(event.value.createdTime))
    return VCenterMarks(
        instance_uuid=about.instanceUuid or "",
        version=about.version or "",
        build=about.build or "",
        newest_event_key=key,
        newest_event_time=time,
        clock=attempt(
            lambda: _aware(session.call(lambda _: session.object(vim.ServiceInstance, "ServiceInstance").CurrentTime()))
        ),
    )


def _aware(value: datetime | None) -> datetime:
    time = utc(value)
    if time is None:
        raise unanswered(Reason.UNREADABLE, "a time is missing in the answer")
    return time


def _newest_event(content: Any) -> Any:
    """EventManager.latestEvent. Asked through the property collector: pyVmomi's attribute access uses a private call."""
    if content.eventManager is None:
        raise unanswered(Reason.NOT_SUPPORTED, "the server has no event manager")
    return single_property(content, content.eventManager, "latestEvent")


def single_property(content: Any, target: Any, path: str) -> Any:
    """One property of one object; for use inside ``call``. Raises ``UnansweredError`` when it is not shown."""
    specification = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=target, skip=False)],
        propSet=[_Collector.PropertySpec(type=type(target), pathSet=[path])],
    )
    found = content.propertyCollector.RetrievePropertiesEx([specification], _Collector.RetrieveOptions())
    for item in found.objects if found else ():
        for prop in item.propSet or ():
            return prop.val
        for missing in item.missingSet or ():
            raise missing.fault
    raise unanswered(Reason.ABSENT, f"{path} is not set")


def image_manager(session: SoapSession, host: str) -> str:
    """The id of a host's image manager. Raises what ``call`` raises."""

    def fetch(content: Any) -> str:
        found = single_property(content, session.object(vim.HostSystem, host), "configManager.imageConfigManager")
        return str(found._moId)  # noqa: SLF001  # as above

    return session.call(fetch)
