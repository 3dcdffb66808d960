"""vCenter's tasks on hosts: entering and leaving maintenance mode, rebooting. They take time, and things stand in their way.

    running VMs, DRS fully automated    they move to other hosts, then the host enters
    one that cannot be moved            the task fails and names it
    running VMs, DRS not automated      the task waits for somebody to move them, until its timeout
    the wrong mode                      InvalidState at once; another task on the host: TaskInProgress

How a real vCenter words the failure of an evacuation differs with its cause; the lab has one text. A host that leaves
maintenance mode in an HA cluster gets the HA agent's VIB installed live, which takes its other bank (KB 316592); that is done
where vCenter notices it (`LabVCenter.observe`), so it happens by whichever way the host left.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.vms import LabVm, Pinned
from auditor.lab.wire.soap import fault

if TYPE_CHECKING:
    from auditor.lab.vcenter.database import InventoryHost
    from auditor.lab.vcenter.state import LabVCenter

SECONDS = 0.1
"""How long a task takes when no fault says otherwise."""

DESCRIPTIONS = {
    "enter": "HostSystem.enterMaintenanceMode",
    "exit": "HostSystem.exitMaintenanceMode",
    "reboot": "HostSystem.reboot",
}
WAITS_AT = 2
"""Percent at which a task stands that waits for VMs to be moved."""


@dataclass
class HostTask:
    """One task. ``ends`` is None for one that waits."""

    moid: str
    kind: str
    host: str
    """The host's managed object id."""
    host_name: str
    user: str
    started: dt.datetime
    ends: dt.datetime | None
    error: Exception | None = None
    over: dt.datetime | None = None

    def state(self) -> str:
        """A vim25 TaskInfoState."""
        if self.over is None:
            return "running"
        return "success" if self.error is None else "error"

    def percent(self, now: dt.datetime) -> int | None:
        """How far it is; None when it is over, as in vSphere."""
        if self.over is not None:
            return None
        if self.ends is None:
            return WAITS_AT
        whole = (self.ends - self.started).total_seconds()
        return max(0, min(99, int(100 * (now - self.started).total_seconds() / whole))) if whole > 0 else 99


class HostTasks:
    """The tasks of one vCenter. Every method wants the lock of the lab to be held."""

    def __init__(self, vcenter: LabVCenter) -> None:
        self._vcenter = vcenter
        self._tasks: dict[str, HostTask] = {}
        self._timers: list[threading.Timer] = []
        self._last = 0

    def find(self, moid: str) -> HostTask | None:
        """The task of that id."""
        return self._tasks.get(moid)

    def of(self, host: str) -> list[HostTask]:
        """A host's tasks, newest first: `recentTask`."""
        return [task for task in reversed(self._tasks.values()) if task.host == host][:10]

    def forget(self) -> None:
        """vCenter restarts: nobody knows the tasks any more. What they began goes on on the hosts."""
        self._tasks.clear()

    def stop(self) -> None:
        """Let nothing more happen; for taking the lab down."""
        for timer in self._timers:
            timer.cancel()

    # Orders ----------------------------------------------------------------------------------------------------------

    def enter(self, entry: InventoryHost, host: LabHost, timeout: float, user: str) -> HostTask:
        """Maintenance mode. Raises InvalidState or TaskInProgress."""
        self._check(entry, host, in_maintenance=False)
        waiting = self._vms(host.name) and self._automation(entry) != "fullyAutomated"
        task = self._begin("enter", entry, host, user, lambda: self._entered(entry, host), waits=bool(waiting))
        if task.ends is None and timeout > 0:
            self._later(timeout, lambda: self._end(task, fault(vim.fault.Timedout, "Operation timed out.")))
        return task

    def leave(self, entry: InventoryHost, host: LabHost, user: str) -> HostTask:
        """Out of maintenance mode. Raises InvalidState or TaskInProgress."""
        self._check(entry, host, in_maintenance=True)

        def left() -> None:
            host.maintenance = False
            self._vcenter.observe(entry.moid)

        return self._begin("exit", entry, host, user, left)

    def reboot(self, entry: InventoryHost, host: LabHost, user: str, *, force: bool) -> HostTask:
        """An orderly reboot. Raises InvalidState outside of maintenance mode unless it is forced, and TaskInProgress."""
        self._check(entry, host, in_maintenance=None if force else True)
        return self._begin("reboot", entry, host, user, host.restart)

    def cancel(self, task: HostTask) -> None:
        """Give up a task that runs. Raises InvalidState for one that is over."""
        if task.over is not None:
            raise fault(vim.fault.InvalidState, "The task is over.")
        self._end(task, fault(vmodl.fault.RequestCanceled, "The task was canceled by a user."))

    def _check(self, entry: InventoryHost, host: LabHost, *, in_maintenance: bool | None) -> None:
        running = next((task for task in self.of(entry.moid) if task.over is None), None)
        if running is not None:
            text = "Another task is already in progress."
            raise fault(vim.fault.TaskInProgress, text, task=vim.Task(running.moid))
        if in_maintenance is not None and host.maintenance is not in_maintenance:
            text = "The operation is not allowed in the current state of the host."
            raise fault(vim.fault.InvalidState, text)

    def _begin(
        self, kind: str, entry: InventoryHost, host: LabHost, user: str, act: Callable[[], None], *, waits: bool = False
    ) -> HostTask:
        planned = host.faults.get("tasks", {}).get(kind, {})
        seconds = float(planned.get("seconds", SECONDS))
        now = self._vcenter.clock()
        waits = waits or bool(planned.get("stuck"))
        self._last += 1
        task = HostTask(
            f"task-{self._last}",
            kind,
            entry.moid,
            entry.name,
            user,
            now,
            None if waits else now + dt.timedelta(seconds=seconds),
        )
        self._tasks[task.moid] = task
        self._vcenter.post(f"Task {DESCRIPTIONS[kind]} on {entry.name}", user=user)
        if not waits:
            error = fault(vmodl.fault.SystemError, str(planned["error"]), reason="") if "error" in planned else None
            self._later(seconds, lambda: self._finish(task, host, act, error))
        return task

    def _finish(self, task: HostTask, host: LabHost, act: Callable[[], None], error: Exception | None) -> None:
        if task.over is not None:
            return
        if error is None and host.power != "on":
            error = fault(vmodl.fault.HostCommunication, "An error occurred while communicating with the remote host.")
        if error is None:
            try:
                act()
            except vmodl.MethodFault as failed:
                error = failed
        self._end(task, error)

    def _end(self, task: HostTask, error: Exception | None) -> None:
        if task.over is None:
            task.error, task.over = error, self._vcenter.clock()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def locked() -> None:
            with self._vcenter.lock:
                act()

        timer = threading.Timer(seconds, locked)
        timer.daemon = True
        self._timers = [*(each for each in self._timers if each.is_alive()), timer]
        timer.start()

    # Evacuation ------------------------------------------------------------------------------------------------------

    def _automation(self, entry: InventoryHost) -> str:
        return self._vcenter.database.clusters[entry.parent].drs

    def _vms(self, host: str) -> list[LabVm]:
        return [vm for vm in self._vcenter.vms.values() if vm.host == host and vm.running]

    def _entered(self, entry: InventoryHost, host: LabHost) -> None:
        """Every running VM moves away, the host enters. Raises a fault that names the first VM that cannot."""
        cluster = self._vcenter.database.clusters[entry.parent]
        others = [
            name
            for each in self._vcenter.hosts_of(cluster)
            if (live := self._vcenter.live_host(each)) is not None and not live.maintenance and (name := each.name) != host.name
        ]
        for vm in self._vms(host.name):
            if vm.pinned is not Pinned.NO or not others:
                why = vm.pinned.value or "no other host can take it"
                raise fault(vmodl.fault.SystemError, f"The virtual machine {vm.name} cannot be moved: {why}.", reason="")
        for number, vm in enumerate(each for each in self._vcenter.vms.values() if each.host == host.name):
            if others and vm.pinned is Pinned.NO:
                vm.host = others[number % len(others)]
        host.maintenance = True
        self._vcenter.observe(entry.moid)


def info(task: HostTask, now: dt.datetime) -> Any:
    """The task as vim25's TaskInfo."""
    return vim.TaskInfo(
        key=task.moid,
        task=vim.Task(task.moid),
        descriptionId=DESCRIPTIONS[task.kind],
        entity=vim.HostSystem(task.host),
        entityName=task.host_name,
        state=vim.TaskInfo.State(task.state()),
        cancelled=isinstance(task.error, vmodl.fault.RequestCanceled),
        cancelable=task.kind == "enter" and task.over is None,
        error=task.error,
        progress=task.percent(now),
        reason=vim.TaskReasonUser(userName=task.user),
        queueTime=task.started,
        startTime=task.started,
        completeTime=task.over,
        eventChainId=0,
    )


__all__ = ["HostTask", "HostTasks", "info"]
