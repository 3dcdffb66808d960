"""vCenter's scheduled tasks, all that the account sees. Reads only.

vLCM has no call that names a scheduled remediation: like every other scheduled task it is one of vSphere's own, set on the
object it concerns. What it calls is kept verbatim: no public source has the action of a scheduled remediation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyVmomi import vim, vmodl

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.proposal.actors import ScheduledTask
from auditor.vcenter.faults import attempt, unanswered
from auditor.vcenter.inventory import pages, utc
from auditor.vcenter.soap import SoapSession

_Collector = vmodl.query.PropertyCollector
_PARTS = tuple(
    f"info.{name}" for name in ("name", "enabled", "entity", "scheduler", "lastModifiedUser", "nextRunTime", "description")
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def scheduled_tasks(session: SoapSession) -> Reading[tuple[ScheduledTask, ...]]:
    """Every scheduled task, by id. One that cannot be read makes the whole unread: it may be the one that matters.

    Actions are asked for apart: where one is of a type that pyVmomi does not know, only the actions are not known.
    """
    found = attempt(lambda: session.call(lambda content: _infos(content, _PARTS)))
    if isinstance(found, Unread):
        return found
    actions = attempt(lambda: session.call(lambda content: _infos(content, ("info.action",)))) if found.value else Read({})
    known = actions.value if isinstance(actions, Read) else {}
    made = (_task(id_, parts, known.get(id_, {}).get("info.action")) for id_, parts in found.value.items())
    return Read(tuple(sorted(made, key=lambda task: task.id)))


def _infos(content: Any, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Properties of all scheduled tasks, by id."""
    if content.scheduledTaskManager is None:
        raise unanswered(Reason.NOT_SUPPORTED, "the server has no scheduled tasks")
    listed = content.scheduledTaskManager.RetrieveEntityScheduledTask(None) or []
    if not listed:
        return {}
    specification = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=task, skip=False) for task in listed],
        propSet=[_Collector.PropertySpec(type=vim.scheduler.ScheduledTask, pathSet=list(paths))],
    )
    try:
        found = {_moid(reference): properties for reference, properties in pages(content.propertyCollector, specification)}
    except vmodl.fault.ManagedObjectNotFound as error:
        raise unanswered(Reason.FAILED, "a scheduled task was removed while they were read: run again") from error
    if hidden := [task for task in listed if paths[0] not in found.get(_moid(task), {})]:
        raise unanswered(Reason.DENIED, f"{len(hidden)} of {len(listed)} scheduled tasks are not shown to this account")
    return found


def _task(id_: str, parts: Mapping[str, Any], action: Any) -> ScheduledTask:
    entity = parts.get("info.entity")
    return ScheduledTask(
        id=id_,
        name=parts["info.name"],
        enabled=bool(parts.get("info.enabled", True)),
        entity=_moid(entity) if entity is not None else "",
        entity_kind=_kind(entity) if entity is not None else "",
        action=_action(action),
        schedule=_schedule(parts.get("info.scheduler")),
        user=parts.get("info.lastModifiedUser") or "",
        next_run=utc(parts.get("info.nextRunTime")),
        description=parts.get("info.description") or "",
    )


def _action(action: Any) -> str:
    """The method it calls, the type of the extension's task it makes, or else its own type."""
    if isinstance(action, vim.action.MethodAction):
        method = action.name
        return str(getattr(method, "name", "") or method.info.wsdlName)  # a method pyVmomi does not know has a name only
    if isinstance(action, vim.action.CreateTaskAction):
        return str(action.taskTypeId)
    return "" if action is None else _kind(action)


def _schedule(scheduler: Any) -> str:
    """When, in words. Hours are as vCenter has them; the time of the next run is what counts."""
    every = getattr(scheduler, "interval", None) or 1
    times = f"every {every}" if every > 1 else "every"
    clock = f"at {getattr(scheduler, 'hour', 0) or 0:02d}:{getattr(scheduler, 'minute', 0) or 0:02d}"
    if isinstance(scheduler, vim.scheduler.OnceTaskScheduler):
        at = utc(scheduler.runAt)
        return f"once at {at:%Y-%m-%d %H:%M}Z" if at else "once, at once"
    if isinstance(scheduler, vim.scheduler.AfterStartupTaskScheduler):
        return f"{scheduler.minute} minutes after vCenter starts"
    if isinstance(scheduler, vim.scheduler.MonthlyTaskScheduler):
        return f"{times} {'months' if every > 1 else 'month'} {clock}"
    if isinstance(scheduler, vim.scheduler.WeeklyTaskScheduler):
        days = ", ".join(day for day in _DAYS if getattr(scheduler, day))
        return f"{times} {'weeks' if every > 1 else 'week'} on {days} {clock}"
    if isinstance(scheduler, vim.scheduler.DailyTaskScheduler):
        return f"{times} {'days' if every > 1 else 'day'} {clock}"
    if isinstance(scheduler, vim.scheduler.HourlyTaskScheduler):
        return f"{times} {'hours' if every > 1 else 'hour'} at minute {scheduler.minute}"
    return "" if scheduler is None else _kind(scheduler)


def _moid(reference: Any) -> str:
    return str(reference._moId)  # noqa: SLF001  # pyVmomi offers no other way to the id


def _kind(value: Any) -> str:
    return str(type(value)._wsdlName)  # noqa: SLF001  # nor to the type's own name


__all__ = ["scheduled_tasks"]
