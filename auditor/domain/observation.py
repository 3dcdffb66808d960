"""What was read, when, by which route. A reading is a value or ``Unread`` with a reason; there is no third thing.

All times are aware datetimes in UTC. Names of hosts are lower-cased once, where they enter (``host_key``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from auditor.domain.image import (
    AddOn,
    BaseImage,
    Commit,
    Component,
    DesiredImage,
    ImageProfile,
    ManagementMode,
    Product,
    Vib,
)
from auditor.masking import masked

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reason(StrEnum):
    """Why a reading has no value."""

    NOT_ATTEMPTED = "not-attempted"  # the route is off, or an earlier step of it failed
    EXCLUDED = "excluded"  # left out by the configuration
    NOT_SUPPORTED = "not-supported"  # this version or product does not have it
    NOT_CONNECTED = "not-connected"  # vCenter is not connected to the host: whatever it says is from its own database
    UNREACHABLE = "unreachable"  # nothing answered
    TIMED_OUT = "timed-out"
    OUT_OF_TIME = "out-of-time"  # the run's own time was over before this was read
    DENIED = "denied"  # login, privilege, lockdown
    UNTRUSTED = "untrusted"  # host key or certificate unknown
    CHANGED = "changed"  # host key or certificate is another one than was pinned, or revoked
    FAILED = "failed"  # the peer answered with an error
    ABSENT = "absent"  # the peer says there is none (no stored scan, no such object)
    UNREADABLE = "unreadable"  # the answer was not understood
    CUT_OFF = "cut-off"  # the answer stopped before its end
    TOO_LARGE = "too-large"  # the answer passed the limit

    @property
    def is_gap(self) -> bool:
        """Whether something is there that was not seen. The others are answers: nothing of that kind to read, or unasked."""
        return self not in {Reason.NOT_ATTEMPTED, Reason.EXCLUDED, Reason.NOT_SUPPORTED, Reason.ABSENT}


@dataclass(frozen=True, slots=True)
class Read(Generic[T_co]):
    """A value that was read."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Unread:
    """Could not be read: why, in words a person can act on, and the start of the raw text where there was some. Both may be a
    peer's words and are masked here, wherever they come from."""

    reason: Reason
    detail: str = ""
    raw: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", masked(self.detail))
        object.__setattr__(self, "raw", masked(self.raw))

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


Reading: TypeAlias = Read[T] | Unread

NOT_ATTEMPTED = Unread(Reason.NOT_ATTEMPTED)
EXCLUDED = Unread(Reason.EXCLUDED, "left out by the configuration")
RAW_LIMIT = 2_000  # characters of raw text an Unread keeps
RAW_LOOK = 100 * RAW_LIMIT  # a secret that begins in what is kept ends in this, however it is spelled out


def raw_start(came: str | bytes) -> str:
    """What is kept of a text that was not understood. Masked before it is cut: half a secret would not be found."""
    start = came[:RAW_LOOK]
    return masked(start if isinstance(start, str) else start.decode("utf-8", "replace"))[:RAW_LIMIT]


def value_of(reading: Read[T] | Unread) -> T | None:
    """The value, or None when it was not read. For display and for facts where None is not itself a value."""
    return reading.value if isinstance(reading, Read) else None


class Route(StrEnum):
    """How a host was read."""

    VCENTER = "vcenter"
    HOST_API = "host-api"
    SSH = "ssh"


def host_key(name: str) -> str:
    """A host's name as it is compared everywhere: DNS names have no case, and a final dot says nothing."""
    return name.strip().rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class BankReading:
    """One boot bank as found behind its link. ``link`` is "/bootbank" or "/altbootbank"; ``target`` where it points;
    ``boot_cfg`` the file's bytes; ``files`` the names of its files that are not empty, in lower case; ``partition`` its number
    on the boot disk."""

    link: str
    target: Reading[str] = NOT_ATTEMPTED
    boot_cfg: Reading[bytes] = NOT_ATTEMPTED
    files: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    partition: Reading[int] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class StagedImage:
    """The image that the next boot would start, when it is not the running one (``--rebooting-image``)."""

    profile: str = ""
    base_image: BaseImage | None = None
    vibs: tuple[Vib, ...] = ()


@dataclass(frozen=True, slots=True)
class HostObservation:
    """What one host said, by one route, at one time. Each reading stands for itself; ``trouble`` says why the route as a
    whole gave nothing. ``staged`` read as None means: the host says that nothing is staged. ``boot_volumes`` are the volumes
    with a boot.cfg at their top, by path.

    The readings stand in the order in which a host is asked; each has the module of its name in ``readings``."""

    host: str
    route: Route
    at: datetime
    vcenter: str = ""
    product: Reading[Product] = NOT_ATTEMPTED
    maintenance_mode: Reading[bool] = NOT_ATTEMPTED
    banks: tuple[BankReading, ...] = ()
    profile: Reading[ImageProfile] = NOT_ATTEMPTED
    vibs: Reading[tuple[Vib, ...]] = NOT_ATTEMPTED
    base_image: Reading[BaseImage] = NOT_ATTEMPTED
    add_on: Reading[AddOn | None] = NOT_ATTEMPTED
    components: Reading[tuple[Component, ...]] = NOT_ATTEMPTED
    acceptance_level: Reading[str] = NOT_ATTEMPTED
    staged: Reading[StagedImage | None] = NOT_ATTEMPTED
    stateless: Reading[bool] = NOT_ATTEMPTED
    boot_volumes: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    trouble: Unread | None = None


READING_KEYS = tuple(
    field.name for field in fields(HostObservation) if field.name not in {"host", "route", "at", "vcenter", "trouble"}
)
"""The names of a host's readings: fields of its observation, kinds of documents in the history, keys in JSON."""


@dataclass(frozen=True, slots=True)
class VCenterMarks:
    """The marks by which a vCenter shows that it went back in time. ``newest_event_key`` is vCenter's running event number."""

    instance_uuid: str
    version: str
    build: str
    newest_event_key: Reading[int] = NOT_ATTEMPTED
    newest_event_time: Reading[datetime] = NOT_ATTEMPTED
    clock: Reading[datetime] = NOT_ATTEMPTED


class Connection(StrEnum):
    """HostSystem.runtime.connectionState, verbatim (vim25 HostSystemConnectionState)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NOT_RESPONDING = "notResponding"


@dataclass(frozen=True, slots=True)
class InventoryHost:
    """A host as vCenter's inventory has it: vCenter's word, not the host's."""

    id: str  # managed object id, "host-16"
    name: str
    cluster: str = ""  # managed object id of the cluster; empty for a stand-alone host
    connection: str = Connection.CONNECTED.value
    version: str = ""
    build: str = ""
    uuid: str = ""
    in_maintenance_mode: bool | None = None
    power: str = ""
    boot_time: datetime | None = None
    reboot_required: bool | None = None
    hardware: str = ""  # maker and model, "Dell Inc. PowerEdge R750"


@dataclass(frozen=True, slots=True)
class ElementVerdict:
    """vLCM's verdict on one element: its status verbatim, with the versions it compared. ``current`` None: not on the
    host; ``target`` None: not in the image. ``*_in_depot`` False: vLCM gave no details, so the depot lacks it."""

    status: str
    current: str | None = None
    target: str | None = None
    current_in_depot: bool | None = None
    target_in_depot: bool | None = None
    source: str = ""
    name: str = ""  # add-on name


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """vLCM's stored verdict on one host (settings_client.HostCompliance), statuses verbatim."""

    host: str  # managed object id
    status: str
    base_image: ElementVerdict | None = None
    add_on: ElementVerdict | None = None
    components: tuple[tuple[str, ElementVerdict], ...] = ()
    solutions: tuple[tuple[str, ElementVerdict], ...] = ()
    hardware_support: tuple[tuple[str, ElementVerdict], ...] = ()
    stage_status: str = ""
    image: str = ""  # composite images (9.0+): which of the images this host is compared with


@dataclass(frozen=True, slots=True)
class ClusterVerdict:
    """vLCM's stored compliance of a cluster, as old as ``scan_time``: Compliance.get gives the last result, no scan."""

    status: str
    scan_time: datetime | None
    commit: str = ""
    impact: str = ""
    hosts: tuple[HostVerdict, ...] = ()
    unavailable_hosts: tuple[str, ...] = ()
    host_names: tuple[tuple[str, str], ...] = ()

    def of(self, host: str) -> HostVerdict | None:
        """The verdict on one host, by managed object id; None for a host vLCM could not scan."""
        return next((verdict for verdict in self.hosts if verdict.host == host), None)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster as vCenter has it."""

    id: str
    name: str
    mode: Reading[ManagementMode] = NOT_ATTEMPTED
    image: Reading[DesiredImage] = NOT_ATTEMPTED
    commit: Reading[Commit] = NOT_ATTEMPTED
    compliance: Reading[ClusterVerdict] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class Depot:
    """What vCenter's depot offers: base image versions (raw text) and add-ons (name, version)."""

    base_images: tuple[str, ...] = ()
    add_ons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VCenterView:
    """Everything one vCenter said in one run. ``name`` is the one in the configuration."""

    name: str
    at: datetime
    marks: Reading[VCenterMarks] = NOT_ATTEMPTED
    clusters: Reading[tuple[ClusterView, ...]] = NOT_ATTEMPTED
    hosts: Reading[tuple[InventoryHost, ...]] = NOT_ATTEMPTED
    depot: Reading[Depot] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class Estate:
    """One run's whole view: every vCenter, and every host by every route that was tried."""

    at: datetime
    vcenters: tuple[VCenterView, ...] = ()
    hosts: tuple[HostObservation, ...] = ()
