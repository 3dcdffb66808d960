"""What reads: hosts directly, vCenters, and what a proposal needs of one. Nothing here can change anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from auditor.domain.editing import (
    HostActivity,
)
from auditor.domain.image import Component
from auditor.domain.observation import (
    HostObservation,
    InventoryHost,
    Reading,
    Route,
    VCenterView,
)
from auditor.domain.proposal.context import AddOnContents, ClusterExtras
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.settings.values import HostSettings
from auditor.ports.basics import HostTarget, Progress


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


class SettingsReader(Protocol):
    """Reads the settings of hosts. A group has a value or a reason; nothing is raised for what vCenter or a host does."""

    @property
    def name(self) -> str: ...

    def settings(self, hosts: Sequence[InventoryHost]) -> Iterator[tuple[HostSettings, ...]]:
        """Of these hosts of its vCenter, some at a time, in any order; each host once."""
        ...


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
