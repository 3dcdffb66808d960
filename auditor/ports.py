"""What the workflows need from the outside world. Adapters implement these; nothing here can change a host or a vCenter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from auditor.domain.image import Component
from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.observation import Estate, HostObservation, InventoryHost, Reading, Route, Unread, VCenterView
from auditor.domain.past import Past
from auditor.domain.proposal.context import AddOnContents, ClusterExtras
from auditor.domain.rollback.bank import BankObservation


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

    def view(self, progress: Progress) -> VCenterView:
        """Marks, inventory, clusters, images, compliance, depot. A vCenter that cannot be reached is a view whose every
        reading is ``Unread`` with that reason."""
        ...

    def read_host(self, host: InventoryHost) -> HostObservation:
        """What the host itself answers through this vCenter (route ``vcenter``). For a host vCenter is not connected to,
        ``trouble`` is ``NOT_CONNECTED``: the inventory is not an observation of the host."""
        ...

    def close(self) -> None: ...


class ImageReader(Protocol):
    """Looks into one vCenter's images and depot, beyond what an audit needs. Faults are ``Unread``, never an exception; may be
    called from many threads."""

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
    "BankReader",
    "Clock",
    "History",
    "HostReader",
    "HostTarget",
    "ImageReader",
    "Journal",
    "Progress",
    "Recorder",
    "RunRecord",
    "Unread",
    "VCenterReader",
]
