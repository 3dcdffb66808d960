"""What the workflows need from the outside world. Adapters implement these.

Reading and writing are different objects: `BankControl` and `HostControl` are what can change a host, `ImageEditor` and
`DepotEditor` what can change a vCenter, and no read command is wired with one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeAlias

from auditor.domain.editing import (
    Downloaded,
    Draft,
    ExportKind,
    Extracted,
    HostActivity,
    Imported,
    OfflineDepot,
    Validation,
    VlcmTask,
)
from auditor.domain.image import Commit, Component, DesiredImage
from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.observation import (
    ClusterVerdict,
    Depot,
    Estate,
    HostObservation,
    InventoryHost,
    Reading,
    Route,
    Unread,
    VCenterView,
)
from auditor.domain.past import Past
from auditor.domain.proposal.context import AddOnContents, ClusterExtras
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.control import (
    BootCfgChange,
    BootCfgWrite,
    Bundle,
    Connection,
    Evacuation,
    HostTask,
    TaskView,
)
from auditor.domain.rollback.machine import Look
from auditor.domain.rollback.situation import HostSituation


class Clock(Protocol):
    """Tells the time: aware, UTC."""

    def now(self) -> datetime: ...


class Progress(Protocol):
    """Told what is being done, from any thread. ``start`` names a phase and how many steps it has (None: unknown)."""

    def start(self, phase: str, total: int | None) -> None: ...

    def advance(self, phase: str, note: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class HostTarget:
    """A host to be read directly: its name in the inventory or the configuration, and where to reach it."""

    name: str
    address: str
    port: int
    vcenter: str = ""  # the vCenter's name in the configuration; empty for a host that was only configured


class HostReader(Protocol):
    """Reads one host by one direct route. A fault of the host is an observation with ``trouble``, never an exception."""

    @property
    def route(self) -> Route: ...

    def read(self, target: HostTarget) -> HostObservation: ...


class BankReader(Protocol):
    """Reads one host's boot banks, which no API shows. A fault of the host is an observation with ``trouble``."""

    def read_banks(self, target: HostTarget) -> BankObservation: ...


class VCenterReader(Protocol):
    """Reads one vCenter. Faults of parts are ``Unread`` in the view."""

    @property
    def name(self) -> str: ...

    def view(self, progress: Progress, recorded: Mapping[str, str] = MappingProxyType({})) -> VCenterView:
        """Marks, inventory, clusters, images, compliance, depot. A vCenter that cannot be reached is a view whose every
        reading is ``Unread`` with that reason. ``recorded`` has the id of the newest commit that history knows, by cluster
        (managed object id): vLCM lists no commits, so it helps to find the present one."""
        ...

    def read_host(self, host: InventoryHost) -> HostObservation:
        """What the host itself answers through this vCenter (route ``vcenter``). For a host vCenter is not connected to,
        ``trouble`` is ``NOT_CONNECTED``: the inventory is not an observation of the host."""
        ...

    def close(self) -> None: ...


class ImageReader(Protocol):
    """Looks into one vCenter's images, depot and tasks, beyond what an audit needs. Faults are ``Unread``, never an exception;
    may be called from many threads."""

    @property
    def name(self) -> str: ...

    def extras(self, cluster: str) -> ClusterExtras:
        """Owner of the image, stored recommendations, orphaned VIBs, of a cluster by its managed object id."""
        ...

    def base_image_contents(self, version: str) -> Reading[tuple[Component, ...]]:
        """The components of a base image in the depot; ABSENT when it is not there."""
        ...

    def add_on_contents(self, name: str, version: str) -> Reading[AddOnContents]:
        """What an add-on in the depot brings and takes out; ABSENT when it is not there."""
        ...

    def has_component(self, name: str, version: str) -> Reading[bool]: ...

    def host_activity(self, hosts: Sequence[str]) -> Reading[tuple[HostActivity, ...]]:
        """The recent tasks on hosts (managed object ids), oldest first. vCenter forgets one some minutes after its end."""
        ...


class HostLooker(Protocol):
    """Looks at one host during a rollback, by SSH. A fault of the host is a `Look` with ``banks.trouble``, never an exception:
    UNREACHABLE, TIMED_OUT and CUT_OFF while it is away, DENIED for a refused password, UNTRUSTED for another host key."""

    def look(self, target: HostTarget) -> Look:
        """Both banks, this boot's name and maintenance mode, in one connection and one login. ``connected`` is left
        unattempted: that is vCenter's to say (`HostSurroundings`)."""
        ...


class SituationReader(Protocol):
    """Fills in what one route knows of a host before a rollback. What it cannot tell becomes ``Unread`` with its reason where
    nothing was read so far, and what another route read stays. Never an exception for a fault of host or vCenter."""

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation: ...


class HostSurroundings(SituationReader, Protocol):
    """What only vCenter can say of a host. ``fill`` adds cluster, VMs, HA, vSAN, services, Quick Boot and encryption mode."""

    def connection(self, target: HostTarget) -> Reading[Connection]:
        """Whether vCenter is connected to the host. ABSENT when it does not list it. A host it is not connected to is
        reconnected by a person: nothing here does so."""
        ...


class KeyEscrow(Protocol):
    """Hands a host's recovery key to the helper command that keeps it."""

    def escrow(self, target: HostTarget) -> Reading[str]:
        """The fingerprint of the key handed over (SHA-256, hexadecimal). ABSENT: the host has no recovery key. The key itself
        goes from the host into the helper's standard input and nowhere else."""
        ...


class BankControl(Protocol):
    """Writes the one byte of a boot bank, over SSH. Each order is one compare-and-set on the host: it writes only when the host
    is exactly as the change says, and reads back. Refusals are values.

    Raises `InDoubtError` when the order may have been carried out and no answer came: look at the host. Any other
    `AuditorError` (`ConnectError`, `TrustError`, `DeniedError`, `ReadError`): the order did not reach the host.
    """

    def arm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Write the byte: the next boot starts the other bank. A copy of the file is kept in the bank."""
        ...

    def disarm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        """Put back the exact bytes, and take away the copy. What the other bank holds by now does not matter."""
        ...


class HostControl(Protocol):
    """Acts on a whole host by one route. Acting and reading back are separate calls; nothing is waited for, but by the SSH
    route, whose orders end when they are carried out (then `HostTask.id` is empty).

    Raises `InDoubtError` when an order may have been carried out and no answer came, `RefusedError` with the host's or
    vCenter's own words when it was refused, any other `AuditorError` when it did not arrive.
    """

    @property
    def route(self) -> Route:
        """VCENTER, HOST_API or SSH: whoever wires it chooses. Only vCenter can move VMs away."""
        ...

    def enter_maintenance(self, target: HostTarget, evacuation: Evacuation, timeout: float) -> HostTask:
        """Order maintenance mode; vSphere gives up after ``timeout`` seconds (0: never)."""
        ...

    def leave_maintenance(self, target: HostTarget, timeout: float) -> HostTask: ...

    def reboot(self, target: HostTarget, reason: str) -> HostTask:
        """Order an orderly reboot, never a forced one; refused by the host outside of maintenance mode. The answer may be lost
        with the host: `InDoubtError`."""
        ...

    def task(self, target: HostTarget, task: HostTask) -> TaskView:
        """How far an order is. One without an id is done."""
        ...

    def cancel(self, target: HostTarget, task: HostTask) -> None:
        """Ask that an order be given up; `task` tells what came of it."""
        ...

    def pending(self, target: HostTarget) -> tuple[HostTask, ...]:
        """Orders of these kinds that still run on the host, whoever gave them: asked before an order is given again."""
        ...

    def maintenance_mode(self, target: HostTarget) -> Reading[bool]: ...

    def fetch_bundle(self, target: HostTarget, into: Path) -> Bundle:
        """Have the host write its configuration bundle, and save it to ``into``, a new file only the user may read. Changes
        nothing but the host's saved configuration. Raises like any reading; no file is left then."""
        ...


Told: TypeAlias = Callable[[int, str], None]
"""Told how far a task is: percent, and what it is doing in vCenter's words."""


class ImageEditor(Protocol):
    """Edits cluster images of one vCenter; ``cluster`` is a managed object id. Used from one thread.

    Every method raises ``ConnectError``, ``DeniedError``, ``AbsentError``, ``FailedError``, ``ReadError``; those that change
    something also ``SessionEndedError`` (the session ended; it was not done), ``BusyError``, ``ExistsError``, ``RefusedError``
    and ``InDoubtError`` (sent, and no answer: look with ``drafts`` and ``newest_commit`` before doing anything again).
    Nothing is ever repeated by the editor itself.
    """

    @property
    def name(self) -> str: ...

    @property
    def may_commit(self) -> bool: ...

    def drafts(self, cluster: str) -> tuple[Draft, ...]:
        """Every user's drafts, oldest first."""
        ...

    def draft_image(self, cluster: str, draft: Draft) -> DesiredImage: ...

    def image(self, cluster: str) -> DesiredImage:
        """The image in force."""
        ...

    def commit_info(self, cluster: str, commit: str) -> Commit: ...

    def newest_commit(self, cluster: str, known: str = "") -> Commit | None:
        """The newest commit, searched upwards from the id ``known``."""
        ...

    def compliance(self, cluster: str) -> ClusterVerdict:
        """The stored result of the last scan. ``AbsentError``: there is none."""
        ...

    def depot(self) -> Depot: ...

    def extras(self, cluster: str) -> ClusterExtras: ...

    def operations(self, cluster: str) -> tuple[VlcmTask, ...]:
        """vLCM's tasks on the cluster that vCenter remembers, anybody's, running or over, oldest first."""
        ...

    def create_draft(self, cluster: str) -> Draft:
        """A draft of the image in force. ``ExistsError``: our account has one; it is left alone."""
        ...

    def import_spec(self, cluster: str, spec: str) -> Draft:
        """A draft from specification JSON; solutions are left out. ``ExistsError`` as above."""
        ...

    def discard(self, cluster: str, draft: Draft) -> bool:
        """Delete a draft that we made; False: it is gone already. ``RefusedError``: another owner or time of creation."""
        ...

    def set_base_image(self, cluster: str, draft: Draft, version: str) -> None: ...

    def set_add_on(self, cluster: str, draft: Draft, name: str, version: str) -> None: ...

    def delete_add_on(self, cluster: str, draft: Draft) -> None: ...

    def set_components(
        self, cluster: str, draft: Draft, versions: Mapping[str, str], without: Collection[str] = frozenset()
    ) -> None: ...

    def set_removed_component(self, cluster: str, draft: Draft, name: str) -> None: ...

    def delete_removed_component(self, cluster: str, draft: Draft, name: str) -> None: ...

    def validate(self, cluster: str, draft: Draft, told: Told = ...) -> Validation:
        """What vLCM finds. Errors are in the value: the task succeeds with them."""
        ...

    def scan_draft(self, cluster: str, draft: Draft, told: Told = ...) -> ClusterVerdict:
        """The compliance a commit would have. Its ``commit`` is empty; nothing is stored."""
        ...

    def scan(self, cluster: str, told: Told = ...) -> ClusterVerdict:
        """The compliance with the image in force, computed now and stored."""
        ...

    def start_commit(self, cluster: str, draft: Draft, message: str) -> str:
        """Begin the commit; the task's id, to be written down before waiting. ``InvalidImageError``: vLCM refuses the image."""
        ...

    def finish_commit(self, task: str, told: Told = ...) -> str:
        """Wait for a commit's task, also of an earlier run; the commit's id. ``AbsentError``: vCenter does not know the task
        (restarted); ``DeadlineError``: it is still running."""
        ...

    def close(self) -> None: ...


class DepotEditor(Protocol):
    """Brings content into one vCenter's depot, and takes none out. Used from one thread. Errors as of ``ImageEditor``."""

    @property
    def name(self) -> str: ...

    def content(self) -> Depot: ...

    def offline_depots(self) -> tuple[OfflineDepot, ...]: ...

    def brought(self, depot: str) -> Depot:
        """What one imported bundle holds (7.0.3 and later)."""
        ...

    def operations(self) -> tuple[VlcmTask, ...]: ...

    def start_pull(self, location: str, description: str) -> str | Imported:
        """Let vCenter fetch a bundle from an http(s) URL; the task's id, or the depot that has it already."""
        ...

    def upload(self, path: Path, told: Told = ...) -> str:
        """Send a bundle to vCenter; the file id for ``start_push``."""
        ...

    def start_push(self, file_id: str, description: str) -> str | Imported: ...

    def finish_import(self, task: str, told: Told = ...) -> Imported: ...

    def start_sync(self) -> str: ...

    def finish_sync(self, task: str, told: Told = ...) -> None: ...

    def start_from_host(self, host: str) -> str:
        """Let a host (managed object id) build a bundle of what it runs, on its own disk (7.0.2 and later)."""
        ...

    def finish_from_host(self, task: str, told: Told = ...) -> Extracted: ...

    def close(self) -> None: ...


class ImageExporter(Protocol):
    """Has vCenter make files of a cluster's image, and fetches them. Used from one thread."""

    @property
    def name(self) -> str: ...

    def export(self, cluster: str, kind: ExportKind) -> str:
        """Have a file made; the URL to fetch it from."""
        ...

    def fetch(self, url: str, target: Path, told: Told = ..., *, allow_http: bool = False) -> Downloaded:
        """Fetch it into a file that appears only when complete. ``TrustError``: plain HTTP, and not allowed."""
        ...

    def close(self) -> None: ...


class Recorder(Protocol):
    """Takes what a run reads, as it comes. Called from one thread."""

    def record_vcenter(self, run: int, view: VCenterView) -> None: ...

    def record_host(self, run: int, observation: HostObservation) -> None: ...


class History(Recorder, Protocol):
    """The record outside vCenter."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def new_documents(self, run: int) -> int:
        """How many answers run ``run`` was the first to record."""
        ...

    def begin(self, kind: str, at: datetime) -> int:
        """Open a run ("snapshot" or "audit") and return its id. It stays marked unfinished until ``finish``."""
        ...

    def finish(self, run: int, at: datetime, outcome: str) -> None: ...

    def past(self, before: int | None = None) -> Past:
        """What the finished and unfinished runs before run ``before`` recorded (None: all)."""
        ...

    def estate(self, at: datetime | None = None) -> tuple[int, Estate]:
        """The newest run's id and view, or the newest at or before ``at``. Raises ``HistoryError`` if there is none."""
        ...

    def runs(self) -> Iterator[RunRecord]: ...


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as history has it. ``finished`` is None for a run that is running or was killed."""

    id: int
    kind: str
    started: datetime
    finished: datetime | None
    outcome: str
    hosts: int
    unseen: int


class Journal(Protocol):
    """The journal of write operations. Every ``write`` is on disk when it returns: it may be the last thing we do."""

    def open(
        self,
        kind: str,
        subjects: Sequence[str],
        *,
        document: str,
        digest: str,
        operator: str,
        ticket: str,
        at: datetime,
    ) -> int:
        """Begin an operation and return its number. Raises ``LockedError`` when one of the subjects has an operation that
        another process is carrying out, or an unfinished one that must be resumed or abandoned first."""
        ...

    def resume(self, operation: int) -> Operation:
        """Take over an unfinished operation. Raises ``LockedError`` while another process is carrying it out, and
        ``RefusedError`` when it is finished."""
        ...

    def write(
        self, operation: int, subject: str, step: str, phase: Phase, at: datetime, data: Mapping[str, str] | None = None
    ) -> Entry: ...

    def entries(self, operation: int) -> tuple[Entry, ...]: ...

    def operation(self, operation: int) -> Operation: ...

    def operations(self, kind: str | None = None, *, unfinished: bool = False) -> tuple[Operation, ...]: ...

    def close_operation(self, operation: int, outcome: str, at: datetime) -> None:
        """Finish an operation with its outcome in a word, and let go of it."""
        ...


__all__ = [
    "BankControl",
    "BankReader",
    "Clock",
    "DepotEditor",
    "History",
    "HostControl",
    "HostLooker",
    "HostReader",
    "HostSurroundings",
    "HostTarget",
    "ImageEditor",
    "ImageExporter",
    "ImageReader",
    "Journal",
    "KeyEscrow",
    "Progress",
    "Recorder",
    "RunRecord",
    "SituationReader",
    "Told",
    "Unread",
    "VCenterReader",
]
