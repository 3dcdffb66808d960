"""vAPI services that are not vLCM's: sessions, tasks and the appliance's version."""

from __future__ import annotations

import datetime as dt
from typing import Any, NoReturn

from com.vmware import cis_client
from com.vmware.appliance import system_client
from com.vmware.cis import task_client
from com.vmware.vapi.std import errors_client as errors
from com.vmware.vapi.std_client import DynamicID, LocalizableMessage
from vmware.vapi.data.value import StringValue
from vmware.vapi.security.user_password import PASSWORD_KEY, USER_KEY

from auditor.lab.vcenter.sessions import Task
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.vapi import VapiService, current_call, error, struct


class SessionService(VapiService):
    """`com.vmware.cis.session`."""

    stub = cis_client.Session

    def __init__(self, vcenter: LabVCenter) -> None:
        self._vcenter = vcenter

    def create(self) -> str:
        """A session id for user name and password. Raises Unauthenticated."""
        security = current_call().security
        session = self._vcenter.login(security.get(USER_KEY, ""), security.get(PASSWORD_KEY, ""), "vAPI")
        if session is None:
            raise error(
                errors.Unauthenticated,
                "com.vmware.vapi.endpoint.method.authentication.required",
                "Authentication required.",
            )
        return session.id

    def get(self) -> Any:
        """Who is logged in, and since when."""
        session = self._vcenter.sessions.find(current_call().security.get("sessionId"))
        if session is None:
            return _not_found("session", "")
        return cis_client.Session.Info(session.user, session.created, session.last_used)

    def delete(self) -> None:
        """Log out."""
        self._vcenter.sessions.end(current_call().security.get("sessionId"))


class TasksService(VapiService):
    """`com.vmware.cis.tasks`."""

    stub = cis_client.Tasks

    def __init__(self, vcenter: LabVCenter) -> None:
        self._vcenter = vcenter

    def get(self, task: str, spec: Any = None) -> Any:
        """The state of a task. Raises NotFound."""
        found = self._vcenter.tasks.find(task)
        if found is None:
            return _not_found("task", task)
        return _task_info(found, self._vcenter.clock(), with_result=not (spec and spec.exclude_result))

    def list(self, filter_spec: Any = None, result_spec: Any = None) -> dict[str, Any]:
        """The tasks that fit the filter, which must name tasks or services. Raises InvalidArgument."""
        if filter_spec is None or not (filter_spec.tasks or filter_spec.services):
            text = "The filter must name tasks or services."
            raise error(errors.InvalidArgument, "com.vmware.cis.tasks.filter.invalid", text)
        now = self._vcenter.clock()
        with_result = not (result_spec and result_spec.exclude_result)
        return {
            each.id: _task_info(each, now, with_result=with_result)
            for each in self._vcenter.tasks.all()
            if _fits(each, filter_spec, now)
        }


class ApplianceVersionService(VapiService):
    """`com.vmware.appliance.system.version`."""

    stub = system_client.Version

    def __init__(self, vcenter: LabVCenter) -> None:
        self._vcenter = vcenter

    def get(self) -> Any:
        """Version and build of the appliance. The fourth number and the dates are made up."""
        release = self._vcenter.release
        return struct(
            system_client.Version.VersionStruct,
            version=release.api,
            product="VMware vCenter Server",
            build=self._vcenter.database.build,
            type="vCenter Server with an embedded Platform Services Controller",
            releasedate="2024-01-01",
            install_time="2024-01-01T00:00:00.000Z",
        )


def _fits(task: Task, wanted: Any, now: dt.datetime) -> bool:
    targets = None if wanted.targets is None else {target.id for target in wanted.targets}
    return all(
        not allowed or value in allowed
        for value, allowed in (
            (task.id, wanted.tasks),
            (task.service, wanted.services),
            (task.operation, wanted.operations),
            (task.status(now), wanted.status),
            (task.target, targets),
            (task.user, wanted.users),
        )
    )


def _task_info(task: Task, now: dt.datetime, *, with_result: bool) -> Any:
    status = task.status(now)
    done, percent = status != "RUNNING", task.percent(now)
    text = f"{task.operation} of {task.target}"
    message = LocalizableMessage(id="com.vmware.vcIntegrity.lifecycle.Task.Description", default_message=text, args=[])
    return task_client.Info(
        description=message,
        service=task.service,
        operation=task.operation,
        target=DynamicID(type=task.target_type, id=task.target),
        status=status,
        cancelable=False,
        user=task.user,
        start_time=task.started,
        end_time=task.ends if done else None,
        progress=task_client.Progress(total=100, completed=percent, message=message),
        result=_opaque(task.result) if status == "SUCCEEDED" and with_result and task.result else None,
        error=task.error if status == "FAILED" else None,
    )


def _opaque(result: Any) -> Any:
    """A task's result, which no type checks: an id as it is, anything else from the SDK's structure."""
    return StringValue(result) if isinstance(result, str) else result.get_struct_value()


def _not_found(kind: str, key: str) -> NoReturn:
    raise error(errors.NotFound, f"com.vmware.vapi.{kind}.notFound", f"The {kind} {key} does not exist.", key)
