"""What vLCM shows while a cluster image is edited: drafts, what it finds in them, tasks, imported bundles, exports.

Texts from vCenter are translated ones: match on ``id``, show ``text``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from auditor.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Draft:
    """A working copy of a cluster image. ``id`` is a small counter that a restored vCenter uses again, so a draft is known
    by id and ``created`` together. ``own``: it belongs to the account we are logged in as; we need not have made it."""

    id: str
    owner: str
    created: datetime
    own: bool
    status: str = ""  # VALID, INVALID


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification of vLCM (``settings_client.Notification``)."""

    severity: str  # INFO, WARNING, ERROR
    id: str
    text: str
    resolution: str = ""

    def __str__(self) -> str:
        return f"{self.text} [{self.id}]"


@dataclass(frozen=True, slots=True)
class Validation:
    """What vLCM says of a draft. The task that validates succeeds also when there are errors."""

    errors: tuple[Notice, ...] = ()
    warnings: tuple[Notice, ...] = ()
    infos: tuple[Notice, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether vLCM would take it."""
        return not self.errors


class InvalidImageError(RefusedError):
    """vLCM refused to commit a draft; ``validation`` says what it found."""

    def __init__(self, what: str, validation: Validation, *, where: str = "", tried: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, tried=tried, hint=hint)
        self.validation = validation


RUNNING = frozenset({"PENDING", "RUNNING", "BLOCKED"})


@dataclass(frozen=True, slots=True)
class VlcmTask:
    """A task of vLCM, whoever started it. ``effect`` is what its operation does to the world ("touches-hosts", "commit" …),
    empty for an unknown one; ``progress`` in percent; ``error`` says why it failed."""

    id: str
    service: str
    operation: str
    target: str
    status: str
    effect: str = ""
    user: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    progress: int | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return self.status in RUNNING

    @property
    def touches_hosts(self) -> bool:
        """Whether its operation is one that writes to hosts, or an unknown one."""
        return self.effect in {"touches-hosts", "solution-write", "mode-switch", ""}


_DISTURBING = (
    "maintenance",
    "reboot",
    "shutdown",
    "standby",
    "disconnect",
    "reconnect",
    "patch",
    "install",
    "remediate",
    "stage",
)


@dataclass(frozen=True, slots=True)
class HostActivity:
    """A vSphere task on a host (managed object id), whoever started it. ``what`` is its kind in vSphere's words
    ("HostSystem.enterMaintenanceMode")."""

    id: str
    host: str
    what: str
    user: str = ""
    queued: datetime | None = None
    state: str = ""

    @property
    def disturbs(self) -> bool:
        """Whether a host of which it is a task was, by its name, not left alone."""
        return any(word in self.what.lower() for word in _DISTURBING)


@dataclass(frozen=True, slots=True)
class OfflineDepot:
    """An imported bundle. ``source`` is the URL it was pulled from, or the file id of the upload. What it brought stays in
    the depot when the record of it goes."""

    id: str
    description: str
    source: str
    owner: str = ""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """The end of an import: the depot's id, and whether vCenter had the very same bundle already."""

    depot: str
    known: bool = False


@dataclass(frozen=True, slots=True)
class Extracted:
    """The end of an extraction from a host: the image as specification JSON, and the new depot's id, empty when everything
    was there already."""

    spec: str
    depot: str
    notices: tuple[Notice, ...] = ()


class ExportKind(StrEnum):
    """What vCenter can export (``clusters_client.Software.ExportType``)."""

    SPECIFICATION = "SOFTWARE_SPEC"
    ISO = "ISO_IMAGE"
    BUNDLE = "OFFLINE_BUNDLE"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched. ``authenticated`` False: over plain HTTP, so that nobody vouches for what came."""

    size: int
    sha256: str
    url: str = field(compare=False)
    authenticated: bool = True
