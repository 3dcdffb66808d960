"""What is and was lately done on hosts, by vSphere's own tasks. Reads only.

``HostSystem.recentTask`` keeps a task for about ten minutes after its end (vSphere API reference, ``TaskManager.recentTask``);
what is older shows in boot times and maintenance mode only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyVmomi import vim, vmodl

from auditor.domain.editing import HostActivity
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.vcenter.faults import attempt
from auditor.vcenter.inventory import pages, single_property, utc
from auditor.vcenter.soap import SoapSession

_Collector = vmodl.query.PropertyCollector


def host_activity(session: SoapSession, hosts: Sequence[str]) -> Reading[tuple[HostActivity, ...]]:
    """The recent tasks of hosts (managed object ids), oldest first. A task that goes while it is asked for is left out."""
    if not hosts:
        return Read(())
    found = attempt(lambda: session.call(lambda content: _tasks(session, content, hosts)))
    if isinstance(found, Unread):
        return found
    made = []
    for host, task in found.value:
        info = attempt(lambda task=task: session.call(lambda content: single_property(content, task, "info")))  # type: ignore[misc]  # a lambda's default cannot be typed
        if isinstance(info, Read):
            made.append(_activity(host, info.value))
        elif info.reason is not Reason.ABSENT:
            return info
    return Read(tuple(sorted(made, key=lambda each: (each.queued is None, each.queued, each.id))))


def _tasks(session: SoapSession, content: Any, hosts: Sequence[str]) -> list[tuple[str, Any]]:
    specification = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=session.object(vim.HostSystem, host), skip=False) for host in hosts],
        propSet=[_Collector.PropertySpec(type=vim.HostSystem, pathSet=["recentTask"])],
    )
    rows = pages(content.propertyCollector, specification)
    return [(reference._moId, task) for reference, found in rows for task in found.get("recentTask") or ()]  # noqa: SLF001  # pyVmomi offers no other way to the id


def _activity(host: str, info: Any) -> HostActivity:
    return HostActivity(
        id=str(info.key),
        host=host,
        what=info.descriptionId or info.name or "",
        user=getattr(info.reason, "userName", "") or "",
        queued=utc(info.queueTime),
        state=str(info.state),
    )


__all__ = ["host_activity"]
