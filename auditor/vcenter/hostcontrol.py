"""Acts on hosts through vCenter, or through a host's own API: maintenance mode, an orderly reboot, the configuration bundle.

Nothing that only reads imports this module; a test holds it so. What may be called is the list of the reading route and the few
rows of ``data/operations-rollback.csv``. A reboot is never forced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pyVmomi import vim, vmodl

from auditor.domain.observation import Read, Reading, Reason, Route, Unread, host_key
from auditor.domain.rollback.control import Bundle, Evacuation, HostTask, TaskState, TaskView
from auditor.errors import (
    AbsentError,
    AuditorError,
    BusyError,
    ConnectError,
    DeadlineError,
    DeniedError,
    InDoubtError,
    ReadError,
    RefusedError,
)
from auditor.masking import masked
from auditor.ports import HostTarget, Save
from auditor.vcenter.faults import UnansweredError, attempt, never_sent, starting, unanswered
from auditor.vcenter.http import Http, HttpError
from auditor.vcenter.inventory import single_property
from auditor.vcenter.link import Link
from auditor.vcenter.operations import Gate, operations
from auditor.vcenter.settings import Endpoint

T = TypeVar("T")

TABLE = "operations-rollback.csv"

BUNDLE_LIMIT = 256 * 1024 * 1024
"""Bytes of a configuration bundle that are taken. Real ones have some hundred KB."""

_OURS = {"hostsystem.entermaintenancemode", "hostsystem.exitmaintenancemode", "hostsystem.reboot"}
_DOWNLOAD = re.compile(r"/downloads/[A-Za-z0-9-]+/(configBundle-[A-Za-z0-9._-]+\.tgz)")
_PASSING = {Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.UNREADABLE, Reason.CUT_OFF, Reason.TOO_LARGE}


class ApiHostControl:
    """A ``HostControl``. ``endpoint`` tells where a target's API is: the same vCenter for all of them (route VCENTER), or each
    host itself (HOST_API). ``downloads`` is the target's own web server, which holds its bundle, with its own trust."""

    def __init__(
        self,
        route: Route,
        endpoint: Callable[[HostTarget], Endpoint],
        password: Callable[[], str],
        downloads: Callable[[HostTarget], Endpoint] | None = None,
    ) -> None:
        self._route, self._endpoint, self._password, self._downloads = route, endpoint, password, downloads
        self.gate = Gate({**operations(), **operations(TABLE)})
        self._links: dict[tuple[str, int], Link] = {}

    def __repr__(self) -> str:
        return f"ApiHostControl({self._route.value})"

    @property
    def route(self) -> Route:
        """VCENTER or HOST_API."""
        return self._route

    def close(self) -> None:
        """Log out everywhere. Never raises."""
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _link(self, target: HostTarget) -> Link:
        endpoint = self._endpoint(target)
        return self._links.setdefault((endpoint.host, endpoint.port), Link(endpoint, self._password, self.gate))

    # Orders ----------------------------------------------------------------------------------------------------------

    def enter_maintenance(self, target: HostTarget, evacuation: Evacuation, timeout: float) -> HostTask:
        """``EnterMaintenanceMode_Task``. Powered-off VMs are moved as well: what is registered on the host now is not known to
        the configuration that comes back (KB 316592)."""
        specification = vim.host.MaintenanceSpec(vsanMode=vim.vsan.host.DecommissionMode(objectAction=evacuation.value))
        return self._order(
            target,
            "entering maintenance mode",
            lambda host: host.EnterMaintenanceMode_Task(int(timeout), True, specification),
        )

    def leave_maintenance(self, target: HostTarget, timeout: float) -> HostTask:
        """``ExitMaintenanceMode_Task``."""
        return self._order(target, "leaving maintenance mode", lambda host: host.ExitMaintenanceMode_Task(int(timeout)))

    def reboot(self, target: HostTarget, reason: str) -> HostTask:
        """``RebootHost_Task(force=False)``, which the host refuses outside of maintenance mode. The API takes no reason."""
        return self._order(target, "ordering the reboot", lambda host: host.RebootHost_Task(force=False))

    def _order(self, target: HostTarget, doing: str, order: Callable[[Any], Any]) -> HostTask:
        link = self._link(target)
        sent = False

        def act(_: Any, host: Any) -> HostTask:
            nonlocal sent
            sent = True
            task = order(host)
            return HostTask(str(task._moId))  # noqa: SLF001  # pyVmomi offers no other way to the id

        try:
            return link.with_host(target.name, act)
        except UnansweredError as error:
            raise _refusal(error, target, doing, sent=sent) from error

    def task(self, target: HostTarget, task: HostTask) -> TaskView:
        """By TaskInfo. GONE when nobody knows the task any more."""
        if not task.id:
            return TaskView(TaskState.SUCCESS, 100)
        try:
            info = self._link(target).call(
                lambda session, content: single_property(content, session.object(vim.Task, task.id), "info")
            )
        except UnansweredError as error:
            if error.unread.reason is Reason.ABSENT:
                return TaskView(TaskState.GONE, None, error.unread.detail)
            raise _refusal(error, target, f"asking for {task.id}", sent=False) from error
        why = ""
        if info.error is not None:
            why = getattr(info.error, "msg", "") or getattr(info.error, "localizedMessage", "") or type(info.error).__name__
        return TaskView(TaskState(str(info.state)), info.progress, why)

    def cancel(self, target: HostTarget, task: HostTask) -> None:
        """``CancelTask``. One that is over or cannot be cancelled is refused."""
        if not task.id:
            return
        try:
            self._link(target).call(lambda session, _: session.object(vim.Task, task.id).CancelTask(), again=lambda: False)
        except UnansweredError as error:
            raise _refusal(error, target, f"cancelling {task.id}", sent=True) from error

    def pending(self, target: HostTarget) -> tuple[HostTask, ...]:
        """By the host's recent tasks."""

        def look(content: Any, host: Any) -> tuple[HostTask, ...]:
            found = []
            for task in single_property(content, host, "recentTask") or ():
                info = single_property(content, task, "info")
                if str(info.state) in {"queued", "running"} and (info.descriptionId or "").lower() in _OURS:
                    found.append(HostTask(str(task._moId)))  # noqa: SLF001  # as above
            return tuple(found)

        try:
            return self._link(target).with_host(target.name, look)
        except UnansweredError as error:
            if error.unread.reason is Reason.ABSENT and "recentTask" in error.unread.detail:
                return ()  # an empty list may come as a property that is not set
            raise _refusal(error, target, "asking for running tasks", sent=False) from error

    def maintenance_mode(self, target: HostTarget) -> Reading[bool]:
        """As the host tells vCenter; NOT_CONNECTED when it cannot."""

        def look(content: Any, host: Any) -> Any:
            return single_property(content, host, "runtime")

        runtime = attempt(lambda: self._link(target).with_host(target.name, look))
        if isinstance(runtime, Unread):
            return runtime
        if str(runtime.value.connectionState) != "connected":
            return Unread(
                Reason.NOT_CONNECTED, f"{self._endpoint(target).where}: {target.name} is {runtime.value.connectionState}"
            )
        return Read(bool(runtime.value.inMaintenanceMode))

    # Configuration bundle ----------------------------------------------------------------------------------------------

    def fetch_bundle(self, target: HostTarget, save: Save) -> Bundle:
        """``BackupFirmwareConfiguration``. The URL it answers has ``*`` for the host; only its path is used, and the file comes
        over HTTPS from the target's own web server, whose certificate is checked like any other."""
        if self._downloads is None:
            hint = "configure [host-api] with the hosts' thumbprints or authority, or fetch it by SSH"
            raise RefusedError("no way to the host's own web server is configured", where=target.name, hint=hint)

        def written(content: Any, host: Any) -> str:
            firmware = single_property(content, host, "configManager.firmwareSystem")
            return str(firmware.BackupFirmwareConfiguration())

        try:
            url = self._link(target).with_host(target.name, written)
        except UnansweredError as error:
            raise _refusal(error, target, "saving the configuration", sent=False) from error
        path = urlsplit(url).path
        named = _DOWNLOAD.fullmatch(path)
        if named is None:
            raise ReadError(
                "the host does not say where its configuration bundle is",
                where=target.name,
                tried=f"read: {masked(url)[:200]!r}",
            )
        endpoint = self._downloads(target)
        size, digest = save(_download(endpoint, path))
        return Bundle(host_key(target.name), named[1], size, digest, datetime.now(UTC))


def _download(endpoint: Endpoint, path: str) -> Iterator[bytes]:
    """A file of a host's web server, piece by piece. Raises `ConnectError`, `TrustError`, `DeniedError` or `ReadError`."""
    http = Http(endpoint)
    try:
        with http.stream("GET", path, limit=BUNDLE_LIMIT) as (answer, pieces):
            if answer.status in {401, 403}:
                raise DeniedError(f"{path}: HTTP {answer.status}", where=endpoint.where)
            if answer.status != 200:
                raise ReadError(
                    f"{path}: HTTP {answer.status}", where=endpoint.where, hint="the file goes away after some minutes"
                )
            taken = 0
            for piece in pieces:
                if not taken and piece[:2] != b"\x1f\x8b":
                    raise ReadError(f"{path}: not a gzip archive", where=endpoint.where)
                taken += len(piece)
                yield piece
            if not taken:
                raise ConnectError(f"{path}: nothing came", where=endpoint.where, hint="try again")
    except HttpError as error:
        raise _plain(unanswered(error.reason, error.detail), endpoint.where, "downloading the configuration") from error
    finally:
        http.close()


def _refusal(error: UnansweredError, target: HostTarget, doing: str, *, sent: bool) -> AuditorError:
    """What an unanswered call means for whoever gave the order. ``sent``: the order itself was on its way."""
    reason, detail = error.unread.reason, error.unread.detail
    if reason in _PASSING and sent and not starting(error) and not never_sent(error):
        return InDoubtError(
            f"the order was sent and what came of it is not known: {detail}",
            where=target.name,
            tried=doing,
            hint="look at the host before doing anything again",
        )
    if isinstance(error.__cause__, vim.fault.TaskInProgress):
        return BusyError(detail, where=target.name, tried=doing, hint="another task works on this host; wait for its end")
    # A host whose reboot takes the connection away with it answers so: the order may have been taken.
    if sent and isinstance(error.__cause__, vmodl.fault.HostCommunication) and reason is not Reason.NOT_CONNECTED:
        return InDoubtError(detail, where=target.name, tried=doing, hint="look at the host before doing anything again")
    return _plain(error, target.name, doing)


def _plain(error: UnansweredError, where: str, doing: str) -> AuditorError:
    kinds: dict[Reason, type[AuditorError]] = {
        Reason.UNREACHABLE: ConnectError,
        Reason.TIMED_OUT: DeadlineError,
        Reason.CUT_OFF: ConnectError,
        Reason.UNREADABLE: ReadError,
        Reason.TOO_LARGE: ReadError,
        Reason.DENIED: DeniedError,
        Reason.ABSENT: AbsentError,
    }
    return kinds.get(error.unread.reason, RefusedError)(error.unread.detail, where=where, tried=doing)


__all__ = ["ApiHostControl"]
