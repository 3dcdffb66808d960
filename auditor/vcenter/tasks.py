"""The base of the objects that write: one session behind a gate of its own, calls whose failure is typed, tasks that are
waited for.

A task is started and waited for in two steps, so that its id can be written down in between: whoever was killed while waiting
waits again by the id. Waiting only reads; a short absence of vCenter is sat out. Nothing here repeats a write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from com.vmware.cis.task_client import Info, Status
from com.vmware.cis_client import Session, Tasks
from vmware.vapi.bindings.converter import TypeConverter

from auditor.domain.editing import VlcmTask
from auditor.domain.observation import Reason
from auditor.errors import (
    AbsentError,
    AuditorError,
    ConnectError,
    DeadlineError,
    FailedError,
    InDoubtError,
    ReadError,
    TrustError,
)
from auditor.masking import masked
from auditor.ports import Told
from auditor.vcenter.answers import typed
from auditor.vcenter.faults import UnansweredError, unanswered
from auditor.vcenter.operations import Effect, Gate, Operations, effects, operations
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.vapi import VapiSession

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long tasks are waited for, in seconds. ``absence``: how long vCenter may not answer while one is waited for."""

    task: float = 3600.0
    first: float = 0.5
    longest: float = 5.0
    absence: float = 300.0


def allowed(may: Iterable[Effect]) -> Operations:
    """The operations of ``operations-apply.csv`` with one of these effects."""
    wanted = frozenset(may)
    return {key: each for key, each in operations("operations-apply.csv").items() if each.effect in wanted}


def silent(_percent: int, _note: str) -> None:
    """A ``Told`` that tells nobody."""


class VlcmClient:
    """One login at one vCenter with the calls of the effects ``may`` and no others. Used from one thread."""

    def __init__(
        self,
        settings: VCenterSettings,
        password: Callable[[], str],
        may: Iterable[Effect],
        patience: Patience | None = None,
    ) -> None:
        self.name = settings.name
        self.gate = Gate(allowed(may))
        self._endpoint, self._password = settings.endpoint, password
        self._patience = patience or Patience()
        self._current = VapiSession(self._endpoint, password, self.gate)
        self._user = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._endpoint.where})"

    def close(self) -> None:
        """End the session. Never raises."""
        self._current.close()

    @property
    def _session(self) -> VapiSession:
        """The session. One whose login failed because vCenter did not answer is replaced; a refused login is not tried
        again: a locked account is worse."""
        failed = self._current.failed
        if isinstance(failed, UnansweredError) and failed.unread.reason in {Reason.UNREACHABLE, Reason.TIMED_OUT}:
            self._renew()
        return self._current

    def _renew(self) -> None:
        self._current.close()
        self._current = VapiSession(self._endpoint, self._password, self.gate)

    # Calls -----------------------------------------------------------------------------------------------------------

    def _read(self, service: Any, operation: str, **arguments: Any) -> Any:
        """A call that changes nothing; an ended session is renewed for it."""
        return self._typed(lambda: self._session.call(service, operation, **arguments), written=False)

    def _write(self, service: Any, operation: str, **arguments: Any) -> Any:
        """A call that changes something. Raises ``SessionEndedError`` for an ended session and ``InDoubtError`` when it may
        or may not have been done."""
        self._typed(self._session.login, written=False)
        return self._typed(lambda: self._session.call_once(service, operation, **arguments), written=True)

    def _start(self, service: Any, operation: str, *, written: bool = True, **arguments: Any) -> str:
        """Start a task and give its id. ``written`` False: it computes something and changes nothing."""
        self._typed(self._session.login, written=False)
        task = self._typed(lambda: self._session.call_once(service, operation, **arguments), written=written)
        return str(task.get_task_id())

    def _typed(self, call: Callable[[], T], *, written: bool) -> T:
        try:
            return call()
        except UnansweredError as error:
            raise self._placed(typed(error, written=written)) from error

    def _placed(self, error: AuditorError) -> AuditorError:
        """The same error with the vCenter it is about, unless its text says so already."""
        if not error.where and self._endpoint.where not in error.what:
            error.where = self._endpoint.where
        return error

    def user(self) -> str:
        """The account we are logged in as, in vCenter's own spelling."""
        if not self._user:
            self._user = str(self._read(Session, "get").user)
        return self._user

    # Tasks -----------------------------------------------------------------------------------------------------------

    def wait(self, task: str, told: Told = silent) -> Any:
        """The result of a task, as the SDK's opaque value or None, when it has succeeded.

        Raises what the task failed with; ``DeadlineError`` when it is still running after the time for it; ``AbsentError``
        when vCenter does not know it, as after a restart; ``InDoubtError`` when vCenter stays away.
        """
        deadline = time.monotonic() + self._patience.task
        pause = self._patience.first
        while True:
            info = self._info(task)
            status = str(info.status)
            if status == Status.SUCCEEDED:
                told(100, "")
                return info.result
            if status == Status.FAILED:
                raise self._failure(task, info)
            told(_percent(info), _note(info))
            if time.monotonic() + pause > deadline:
                raise DeadlineError(
                    f"task {task} ({info.operation}) is still {status} after {self._patience.task:g} s",
                    where=self._endpoint.where,
                    hint="it goes on in vCenter; wait for it again by its id, or look at it there",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, self._patience.longest)

    def _info(self, task: str) -> Any:
        """The state of a task; vCenter may be away for a while."""
        until = time.monotonic() + self._patience.absence
        pause = self._patience.first
        while True:
            try:
                return self._read(Tasks, "get", task=task)
            except TrustError:
                raise
            except AbsentError as error:
                raise AbsentError(
                    f"vCenter does not know task {task}: it was restarted or restored since",
                    where=self._endpoint.where,
                    hint="look at the cluster's drafts, image and commit: the task may have done its work or not",
                ) from error
            except ConnectError as error:
                if time.monotonic() + pause > until:
                    what = (
                        f"vCenter does not answer since {self._patience.absence:g} s; what became of task {task} is not known"
                    )
                    raise InDoubtError(what, where=self._endpoint.where, hint="look again when it is back") from error
                time.sleep(pause)
                pause = min(pause * 1.5, self._patience.longest)

    def _failure(self, task: str, info: Any) -> AuditorError:
        """Why a task failed; where vCenter gives no error, its result has the reason (SDK ``task_client.Info``)."""
        if info.error is not None:
            unread = self._current.translated(info.error, str(info.operation))
            unread.__cause__ = info.error
            if not isinstance(unread, UnansweredError):
                return unread
            made = self._placed(typed(unread, written=False))
            made.__cause__ = unread
            return made
        words = masked(str(info.result))[:500] if info.result is not None else "vCenter gave no reason"
        return FailedError(f"{info.operation} failed: {words}", where=self._endpoint.where, tried=f"task {task}")

    def result(self, value: Any, kind: Any, what: str) -> Any:
        """A task's opaque result as the SDK structure ``kind``. Raises ``ReadError``."""
        try:
            return TypeConverter.convert_to_python(value, kind.get_binding_type())
        except Exception as error:
            detail = f"the result of {what} does not have the documented form ({type(error).__name__}: {masked(str(error))})"
            raise ReadError(detail[:500], where=self._endpoint.where) from error

    def tasks(self, services: Iterable[str], target: str = "") -> tuple[VlcmTask, ...]:
        """The tasks of these services that vCenter remembers, whoever started them, oldest first; of one target, if named."""
        found = self._read(
            Tasks,
            "list",
            filter_spec=Tasks.FilterSpec(services=set(services)),
            result_spec=Tasks.GetSpec(exclude_result=True),
        )
        made = [_task(task, info) for task, info in found.items()]
        mine = [each for each in made if not target or each.target == target]
        return tuple(sorted(mine, key=lambda each: (each.started or datetime.min.replace(tzinfo=UTC), each.id)))


def _task(task: str, info: Info) -> VlcmTask:
    effect = effects().get(("vapi", info.service or "", info.operation or ""), "")
    return VlcmTask(
        id=task,
        service=info.service or "",
        operation=info.operation or "",
        target=info.target.id if info.target else "",
        status=str(info.status),
        effect=effect,
        user=info.user or "",
        started=_utc(info.start_time),
        ended=_utc(info.end_time),
        progress=_percent(info) if info.progress else None,
        error=_note_of_error(info.error),
    )


def _note_of_error(error: Any) -> str:
    messages = getattr(error, "messages", None) or ()
    words = next((message.default_message or message.id for message in messages), "" if error is None else type(error).__name__)
    return masked(words)


def _utc(value: datetime | None) -> datetime | None:
    """The SDK hands out naive times which are UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _percent(info: Any) -> int:
    progress = info.progress
    if progress is None or not progress.total:
        return 0
    return max(0, min(100, int(100 * (progress.completed or 0) / progress.total)))


def _note(info: Any) -> str:
    message = info.progress.message if info.progress else None
    return masked(message.default_message or "") if message else ""


def documented(conversion: Callable[[], T]) -> T:
    """``conversion``'s value; an answer that has not the declared form raises ``ReadError``."""
    try:
        return conversion()
    except AuditorError:
        raise
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise unanswered(Reason.UNREADABLE, f"the answer does not have the documented form: {error}") from error


__all__ = ["Patience", "Told", "VlcmClient", "allowed", "documented", "silent"]
