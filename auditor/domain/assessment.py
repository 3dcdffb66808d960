"""The result of an audit: rows for every host and cluster, findings, and what could not be known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.domain.findings import Finding
from auditor.domain.hosts import Fact
from auditor.domain.image import BaseImage, DesiredImage, ManagementMode, Product
from auditor.domain.observation import NOT_ATTEMPTED, Reading, Route, Unread, VCenterMarks


class LayerState(StrEnum):
    """How one layer of a host stands to the cluster's image. DIFFERENT: unequal, and no order is known."""

    IN_SYNC = "IN_SYNC"
    HOST_BEHIND = "HOST_BEHIND"
    HOST_AHEAD = "HOST_AHEAD"
    MISSING = "MISSING"
    EXTRA = "EXTRA"
    DIFFERENT = "DIFFERENT"
    UNKNOWN = "UNKNOWN"


class HostState(StrEnum):
    """How a host, or a cluster of them, stands to the cluster's image. NO_IMAGE: there is none to compare with."""

    IN_SYNC = "IN_SYNC"
    HOST_BEHIND = "HOST_BEHIND"
    HOST_AHEAD = "HOST_AHEAD"
    DIVERGED = "DIVERGED"
    UNKNOWN = "UNKNOWN"
    NO_IMAGE = "NO_IMAGE"


class Layer(StrEnum):
    """vLCM's layers, and below them the VIBs: those are compared between hosts and are in no host's ``layers``."""

    BASE_IMAGE = "base-image"
    ADD_ON = "add-on"
    COMPONENT = "component"
    SOLUTION = "solution"
    HARDWARE_SUPPORT = "hardware-support"
    VIB = "vib"


@dataclass(frozen=True, slots=True)
class LayerDrift:
    """One layer compared. Empty text: that side has none. ``basis`` says how the direction is known, or why it is not. A
    difference that is ``accepted`` keeps its state and does not count for the host's."""

    layer: Layer
    name: str
    state: LayerState
    desired: str
    installed: str
    basis: str = ""
    accepted: str = ""  # by whom and until when, where the configuration accepts this difference


@dataclass(frozen=True, slots=True)
class RouteResult:
    """What became of one route to a host: ``trouble`` is None when it answered."""

    route: Route
    at: datetime
    trouble: Unread | None


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host in the report. ``runs`` and ``product`` are what the host itself says, by the best route; ``inventory``
    what vCenter's inventory shows; ``vendor_status`` vCenter's compliance status, verbatim; ``staged`` the image of the
    next boot when it is another one (None read: nothing is staged); ``last_seen`` when the host itself last answered;
    ``facts`` every reading of the run, with its route and time; ``excused`` by whom and until when it is accepted that no
    route sees it."""

    name: str
    vcenter: str
    cluster: str
    cluster_id: str
    state: HostState
    runs: Reading[BaseImage]
    product: Reading[Product]
    label: str = ""
    connection: str = ""
    inventory: str = ""
    vendor_status: str = ""
    layers: tuple[LayerDrift, ...] = ()
    staged: Reading[str | None] = NOT_ATTEMPTED
    in_maintenance_mode: bool | None = None
    routes: tuple[RouteResult, ...] = ()
    listed: bool = True
    last_seen: datetime | None = None
    note: str = ""
    facts: tuple[Fact, ...] = ()
    excused: str = ""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster in the report, with its image and vCenter's stored verdict, verbatim."""

    id: str
    name: str
    vcenter: str
    state: HostState
    mode: Reading[ManagementMode]
    image: Reading[DesiredImage]
    hosts: tuple[str, ...]
    commit: str = ""
    commit_time: datetime | None = None
    vendor_status: str = ""
    scan_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class VCenterRow:
    """One vCenter in the report."""

    name: str
    marks: Reading[VCenterMarks]
    clusters: int | None
    hosts: int | None


class AcceptedState(StrEnum):
    """What became of an accepted difference: UNUSED ones match nothing and can be removed from the configuration."""

    IN_FORCE = "in-force"
    EXPIRED = "expired"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted difference of the configuration, and the hosts it matched. For a gap ``layer`` is None, ``name`` the
    reading (empty: all that the route gives), and ``route`` and ``reason`` say what is accepted."""

    vcenter: str
    cluster: str
    host: str
    layer: Layer | None
    name: str
    version: str
    owner: str
    ticket: str
    expires: datetime
    state: AcceptedState
    hosts: tuple[str, ...] = ()
    route: str = ""
    reason: str = ""


class Source(StrEnum):
    """Where the view came from."""

    LIVE = "live"
    HISTORY = "history"


class Verdict(StrEnum):
    """The whole report in a word; it decides the exit code (0, 3, 4)."""

    IN_SYNC = "in-sync"
    DRIFT = "drift"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything a report says. ``at`` is when the view was collected; ``runs_before`` how many finished runs history
    had before it; ``limits`` what therefore cannot be known; ``next`` the commands to type next. ``beside``: the run waits
    beside the history, and may have no number yet."""

    at: datetime
    source: Source
    runs_before: int
    verdict: Verdict
    vcenters: tuple[VCenterRow, ...] = ()
    clusters: tuple[ClusterRow, ...] = ()
    hosts: tuple[HostRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    limits: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    run: int | None = None
    accepted: tuple[Accepted, ...] = ()
    beside: bool = False
