"""What acting on a host gives back: tasks, bank writes, bundles. Pure values; ``auditor.ports`` says who gives them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.domain.rollback.arm import ByteEdit
from auditor.domain.rollback.plan import Target


class Evacuation(StrEnum):
    """What becomes of vSAN objects while the host is away (vim25 VsanHostDecommissionModeObjectAction, and esxcli's
    ``--vsanmode``). Without vSAN they are all the same."""

    ENSURE_ACCESSIBILITY = "ensureObjectAccessibility"
    ALL_DATA = "evacuateAllData"
    NO_ACTION = "noAction"


class TaskState(StrEnum):
    """The states of a vim25 task (TaskInfoState), and one more."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    GONE = "gone"
    """Nobody knows the task any more (vCenter was restarted or restored): only a look at the host tells."""

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self not in {TaskState.QUEUED, TaskState.RUNNING}


@dataclass(frozen=True, slots=True)
class HostTask:
    """Something a host was told to do, by its name at whoever carries it out ("task-12"). ``id`` is empty where the answer
    to the order was the end of it."""

    id: str = ""


@dataclass(frozen=True, slots=True)
class TaskView:
    """How far a task is: percent where it is told, and why it failed, in vSphere's own words."""

    state: TaskState
    percent: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class BootCfgChange:
    """One byte of one bank's boot.cfg, and everything that must be so for it to be written. ``volume`` is the bank to be
    given up and must be what /bootbank points at; ``other`` is the other bank's boot.cfg, behind which nothing may have
    changed since."""

    volume: str
    before: bytes
    edit: ByteEdit
    other_volume: str
    other: bytes

    @classmethod
    def of(cls, target: Target) -> BootCfgChange:
        """The change that a planned host is armed by. Raises `ValueError` for a guided one, which has none, and for an edit
        that does not fit the planned file."""
        if target.edit is None:
            raise ValueError(f"{target.host} is rolled back at its console: there is no byte to write")
        change = cls(target.booted.volume, target.booted.boot_cfg, target.edit, target.other.volume, target.other.boot_cfg)
        change.edit.apply(change.before)
        return change

    @property
    def after(self) -> bytes:
        """The file with the byte written."""
        return self.edit.apply(self.before)


class WriteOutcome(StrEnum):
    """What came of an order to write the byte. Only the first two leave the file as it was wanted."""

    WRITTEN = "written"
    ALREADY = "already"
    """The file was as wanted when the order came; nothing was written."""
    BOOT_CFG_CHANGED = "boot-cfg-changed"
    """The file is neither as planned nor as wanted."""
    OTHER_BANK_CHANGED = "other-bank-changed"
    LINK_MOVED = "link-moved"
    """/bootbank does not point at the planned volume: another boot, or links into RAM."""
    READ_ONLY = "read-only"
    FULL = "full"
    NOT_WRITABLE = "not-writable"
    """The bank takes no file, for another reason."""
    TOOLS_MISSING = "tools-missing"
    REHEARSAL_FAILED = "rehearsal-failed"
    """Done to a copy, the change did not give the file that was computed."""
    WRITE_FAILED = "write-failed"
    """The write was refused, and the file is as it was."""
    DAMAGED = "damaged"
    """After the write the file is neither. A person must look before this host is rebooted."""


@dataclass(frozen=True, slots=True)
class BootCfgWrite:
    """What the host says after an order to write the byte. ``boot_cfg`` is the file as read back, None where it was not;
    ``copy`` is where the host keeps a copy of the file as it was before, empty where there is none."""

    outcome: WriteOutcome
    boot_cfg: bytes | None
    why: str = ""
    copy: str = ""

    @property
    def as_wanted(self) -> bool:
        """Whether the file is now as the order wanted it."""
        return self.outcome in {WriteOutcome.WRITTEN, WriteOutcome.ALREADY}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A host's configuration bundle as it was saved to a file. It holds password hashes and keys: treat it as a secret.

    It can be restored only onto the release it was taken from, so never onto the older image (its Manifest names the release).
    """

    host: str
    name: str
    """The file's name at the host: ``configBundle-<host>.tgz``."""
    size: int
    sha256: str
    taken: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """How vCenter is connected to a host: vim25 HostSystemConnectionState ("connected", "disconnected", "notResponding")."""

    state: str

    @property
    def connected(self) -> bool:
        return self.state == "connected"


__all__ = [
    "BootCfgChange",
    "BootCfgWrite",
    "Bundle",
    "Connection",
    "Evacuation",
    "HostTask",
    "TaskState",
    "TaskView",
    "WriteOutcome",
]
