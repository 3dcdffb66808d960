"""vCenter's scheduled tasks. They are shown, and none is ever run."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from auditor.lab.vcenter.database import ScheduledTask
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, operation, prop

PREFIX = "schedule-"
ACTION = "lab.remediate"
"""Type of the task a scheduled remediation makes: no public source shows the real one. That it is a task of an extension, as
vLCM is one, is inferred."""


class ScheduledTaskManagerFace(SoapObject):
    """The list of them."""

    kind = vim.scheduler.ScheduledTaskManager

    def __init__(self, vcenter: LabVCenter) -> None:
        super().__init__("ScheduledTaskManager")
        self._vcenter = vcenter

    @operation("RetrieveEntityScheduledTask")
    def of_entity(self, entity: Any | None) -> list[Any]:
        """The tasks set on an entity; without one, all."""
        wanted = None if entity is None else entity._moId  # noqa: SLF001  # pyVmomi offers no other way to the id
        tasks = self._vcenter.database.scheduled.values()
        return [vim.scheduler.ScheduledTask(task.id) for task in tasks if wanted in {None, task.cluster}]

    @prop("scheduledTask")
    def scheduled_task(self) -> list[Any]:
        """All of them."""
        return [vim.scheduler.ScheduledTask(task.id) for task in self._vcenter.database.scheduled.values()]


class ScheduledTaskFace(SoapObject):
    """One of them."""

    kind = vim.scheduler.ScheduledTask

    def __init__(self, task: ScheduledTask, vcenter: LabVCenter) -> None:
        super().__init__(task.id)
        self._task, self._vcenter = task, vcenter

    @prop("info")
    def info(self) -> Any:
        """What, on which cluster, when, and by whom."""
        task = self._task
        later = task.run_at > self._vcenter.clock()
        return vim.scheduler.ScheduledTaskInfo(
            scheduledTask=self.ref,
            entity=vim.ClusterComputeResource(task.cluster),
            name=task.name,
            description="",
            enabled=task.enabled,
            scheduler=vim.scheduler.OnceTaskScheduler(runAt=task.run_at),
            action=vim.action.CreateTaskAction(taskTypeId=ACTION, cancelable=False),
            notification="",
            lastModifiedTime=task.created,
            lastModifiedUser=task.user,
            nextRunTime=task.run_at if later else None,
            taskObject=vim.ClusterComputeResource(task.cluster),
            state=vim.TaskInfo.State.queued,
        )
