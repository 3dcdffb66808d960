"""What can change a cluster image or the depot. Built by write commands only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from auditor.domain.editing import (
    Downloaded,
    Draft,
    ExportKind,
    Extracted,
    Imported,
    OfflineDepot,
    Validation,
    VlcmTask,
)
from auditor.domain.image import Commit, DesiredImage, HardwareSupport
from auditor.domain.observation import (
    ClusterVerdict,
    Depot,
)
from auditor.domain.proposal.context import ClusterExtras
from auditor.ports.basics import Told


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

    def set_add_on(self, cluster: str, draft: Draft, name: str, version: str, image: str = "") -> None:
        """``image``, here and below: the id of an alternative image (9.0 and later); empty: the default image."""
        ...

    def delete_add_on(self, cluster: str, draft: Draft, image: str = "") -> None: ...

    def set_components(
        self, cluster: str, draft: Draft, versions: Mapping[str, str], without: Collection[str] = frozenset(), image: str = ""
    ) -> None: ...

    def set_removed_component(self, cluster: str, draft: Draft, name: str, image: str = "") -> None: ...

    def delete_removed_component(self, cluster: str, draft: Draft, name: str, image: str = "") -> None: ...

    def set_hardware_support(self, cluster: str, draft: Draft, packages: Collection[HardwareSupport], image: str = "") -> None:
        """The hardware support packages, in place of those before; none: take them out."""
        ...

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
