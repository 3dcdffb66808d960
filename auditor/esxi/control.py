"""Acts on hosts over SSH: the byte in the boot bank, maintenance mode, the configuration bundle, an orderly reboot.

Nothing that only reads imports this module; a test holds it so. Every order is a text of `auditor.esxi.order`, and nothing else
is ever sent. The reboot is esxcli's, which the host refuses outside of maintenance mode and which runs the shutdown scripts.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from auditor.domain.observation import Reading, Route, Unread, host_key
from auditor.domain.readings import maintenance_mode
from auditor.domain.rollback.control import (
    BootCfgChange,
    BootCfgWrite,
    Bundle,
    Evacuation,
    HostTask,
    TaskState,
    TaskView,
)
from auditor.errors import BusyError, ConnectError, InDoubtError, NotDoneError, ReadError, RefusedError
from auditor.esxi import order
from auditor.esxi.host import SshHostReader
from auditor.esxi.order import Order
from auditor.esxi.ssh.client import STARTING, SshClient
from auditor.esxi.ssh.command import Output
from auditor.masking import masked
from auditor.ports import HostTarget, Save

ORDER_SECONDS = 60.0
"""For writing a byte, or taking an order: connection and login included."""

ENDLESS_MAINTENANCE = 24 * 3600.0
"""Seconds to wait for a host that was given no limit of its own."""

LOOK_FIRST = "look at the host before doing anything again"

_REASON = re.compile(r"[^A-Za-z0-9 .,:_/+@-]")
_BUNDLE = re.compile(r"https?://[^/\s]+/downloads/([A-Za-z0-9-]+)/(configBundle-[A-Za-z0-9._-]+\.tgz)")


class SshBankControl:
    """A ``BankControl``. ``may_arm`` False: it only takes back."""

    def __init__(self, client: SshClient, *, may_arm: bool = True) -> None:
        self._client, self._may_arm = client, may_arm

    def arm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Write the byte that Shift+R writes. See the port. Raises ``RefusedError`` where it only takes back."""
        if not self._may_arm:
            raise RefusedError("unattended rollbacks are not allowed by the configuration", where=target.name)
        return self._write(target, order.arm(change), "arming")

    def disarm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Put the exact bytes back. See the port."""
        return self._write(target, order.disarm(change), "disarming")

    def _write(self, target: HostTarget, what: Order, doing: str) -> BootCfgWrite:
        output = _carried_out(self._client, target, what, doing, ORDER_SECONDS)
        told = order.outcome_of(what, output.stdout)
        if told is None:
            raise _unanswered(target, doing, output)
        return told


class SshHostControl:
    """A ``HostControl`` for hosts that vCenter does not reach. It cannot move VMs: the host refuses, or waits for them.

    Orders end before they return, so no task is ever pending here.
    """

    def __init__(self, reader: SshHostReader) -> None:
        self._reader, self._client = reader, reader.client

    @property
    def route(self) -> Route:
        """Always ``Route.SSH``."""
        return Route.SSH

    def enter_maintenance(self, target: HostTarget, evacuation: Evacuation, timeout: float) -> HostTask:
        """``esxcli system maintenanceMode set -e true``; returns when the host is in maintenance mode."""
        text = f"esxcli system maintenanceMode set -e true -t {int(timeout)}"
        if evacuation is not Evacuation.ENSURE_ACCESSIBILITY:  # esxcli's own default, and no host without vSAN minds
            text += f" -m {evacuation.value}"
        self._run(target, "entering maintenance mode", text, seconds=timeout or ENDLESS_MAINTENANCE)
        return HostTask()

    def leave_maintenance(self, target: HostTarget, timeout: float) -> HostTask:
        """``esxcli system maintenanceMode set -e false``."""
        text = f"esxcli system maintenanceMode set -e false -t {int(timeout)}"
        self._run(target, "leaving maintenance mode", text, seconds=timeout or ENDLESS_MAINTENANCE)
        return HostTask()

    def reboot(self, target: HostTarget, reason: str) -> HostTask:
        """``esxcli system shutdown reboot``: orderly, and refused outside of maintenance mode."""
        words = _REASON.sub(" ", reason).strip()[:120] or "rollback"
        self._run(target, "ordering the reboot", f"esxcli system shutdown reboot -r {shlex.quote(words)}")
        return HostTask()

    def task(self, target: HostTarget, task: HostTask) -> TaskView:
        """Always done: an order that was not carried out was an exception."""
        return TaskView(TaskState.SUCCESS, 100)

    def cancel(self, target: HostTarget, task: HostTask) -> None:
        """There is nothing left to cancel."""

    def pending(self, target: HostTarget) -> tuple[HostTask, ...]:
        """None: see the class."""
        return ()

    def maintenance_mode(self, target: HostTarget) -> Reading[bool]:
        """By esxcli. Raises `ConfigError` only."""
        answers = self._reader.ask(target, (maintenance_mode.COMMAND,))
        return answers if isinstance(answers, Unread) else maintenance_mode.parse(answers[maintenance_mode.COMMAND.name])

    def fetch_bundle(self, target: HostTarget, save: Save) -> Bundle:
        """``vim-cmd hostsvc/firmware/backup_config``, and the file it names. Where it lies on the host (/scratch/downloads) is
        grade MEM; where it does not, this fails and the API is the other way."""
        told = self._run(
            target,
            "saving the configuration",
            "vim-cmd hostsvc/firmware/sync_config",
            "vim-cmd hostsvc/firmware/backup_config",
        ).decode("utf-8", "replace")
        found = _BUNDLE.search(told)
        if found is None:
            raise ReadError(
                "the host does not say where its configuration bundle is",
                where=target.name,
                tried=f"read: {masked(told)[:200]!r}",
            )
        path = f"/scratch/downloads/{found[1]}/{found[2]}"
        data = self._run(target, "fetching the configuration", f"cat {shlex.quote(path)}")
        if data[:2] != b"\x1f\x8b":
            raise ReadError("the configuration bundle is not a gzip archive", where=target.name, tried=path)
        size, digest = save(_pieces(data))
        return Bundle(host_key(target.name), found[2], size, digest, datetime.now(UTC))

    def _run(self, target: HostTarget, doing: str, *commands: str, seconds: float = 0.0) -> bytes:
        """What the commands printed. Raises what the port says."""
        what = order.command(*commands)
        output = _carried_out(self._client, target, what, doing, seconds + ORDER_SECONDS)
        payload = what.payload(output.stdout)
        status = next((rest for word, rest in what.marks(output.stdout) if word == "status"), None)
        if payload is None or status is None:
            raise _unanswered(target, doing, output)
        if status != "0":
            said = " ".join(masked(payload.decode("utf-8", "replace")).split())[:300] or "it says nothing more"
            busy = "in progress" in said.lower()
            raise (BusyError if busy else RefusedError)(
                f"the host refused: {said}", where=target.name, tried=f"{doing}: {commands[-1]} (status {status})"
            )
        return payload


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


def _carried_out(client: SshClient, target: HostTarget, what: Order, doing: str, seconds: float) -> Output:
    """The answer to an order that has begun. Raises `InDoubtError` when it may have acted, `NotDoneError` when it was sent and
    never told to act, any other error when it has not begun."""
    begun = time.monotonic()
    try:
        output = client.execute(
            target.address, target.port, what.text, what.finished, deadline=seconds, asked=what.ready, reply=what.go
        )
    except ConnectError as error:
        if error.tried == STARTING:
            raise NotDoneError(
                f"the connection broke while the order was on its way, and it was never told to act: {error.what}",
                where=error.where,
                tried=doing,
                hint=LOOK_FIRST,
            ) from error
        raise
    words = [word for word, _ in what.marks(output.stdout)]
    if "begin" in words:
        return output
    if output.status is None:
        raise _unanswered(target, doing, output, time.monotonic() - begun)
    said = " ".join(masked((output.stdout + output.stderr).decode("utf-8", "replace")).split())[:200]
    raise ReadError(
        f"the host's shell did not run the order (status {output.status}): {said or 'it printed nothing'}",
        where=target.name,
        tried=doing,
        hint=f"try `ssh {target.address} true`",
    )


def _unanswered(target: HostTarget, doing: str, output: Output, seconds: float = 0.0) -> InDoubtError | NotDoneError:
    """An order acts only when it is told to, by us alone and over its own connection, which is closed by now. So one that we
    never told has not acted and never will, whatever became of its answer. What was told may have been done."""
    why = output.stopped.detail if output.stopped is not None else "its answer has no end"
    after = f" after {seconds:.0f} s" if seconds else ""
    if not output.replied:
        what = f"the order was broken off before it was told to act, so nothing was done{after}: {why}"
        return NotDoneError(what, where=target.name, tried=doing, hint=LOOK_FIRST)
    what = f"the order was sent and what came of it is not known{after}: {why}"
    return InDoubtError(what, where=target.name, tried=doing, hint=LOOK_FIRST)


__all__ = ["SshBankControl", "SshHostControl"]
