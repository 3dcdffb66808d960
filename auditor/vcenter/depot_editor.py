"""The object that brings content into vCenter's depot, built by depot commands only: ``auditor.ports.DepotEditor``.

It adds, and has no call that takes anything away. An extraction from a host is the one thing here that leaves something on a
host's disk: the host builds the bundle itself (under /var/vmware/lifecycle/hostSeed); no maintenance mode, no reboot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from com.vmware.esx.settings.depots.offline_client import Content
from com.vmware.esx.settings.depots_client import Offline
from com.vmware.esx.settings_client import Depots
from com.vmware.vapi.std import errors_client

from auditor.domain.editing import Extracted, Imported, OfflineDepot, VlcmTask
from auditor.domain.observation import Depot as DepotContent
from auditor.errors import ExistsError, InputError
from auditor.vcenter.answers import notices
from auditor.vcenter.operations import Effect
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tasks import Patience, Told, VlcmClient, documented, silent
from auditor.vcenter.transfer import UPLOAD_PORT, upload
from auditor.vcenter.vlcm import Vlcm

ADDING: frozenset[Effect] = frozenset({"session", "read", "depot-add"})

_SERVICES = ("com.vmware.esx.settings.depots", "com.vmware.esx.settings.depots.offline")


class VCenterDepotEditor(VlcmClient):
    """Imports into the depot of one vCenter. Used from one thread. Errors as of ``VCenterImageEditor``."""

    def __init__(
        self,
        settings: VCenterSettings,
        password: Callable[[], str],
        *,
        patience: Patience | None = None,
        upload_port: int = UPLOAD_PORT,
    ) -> None:
        super().__init__(settings, password, ADDING, patience)
        self._upload_port = upload_port

    # Looking ---------------------------------------------------------------------------------------------------------

    def content(self) -> DepotContent:
        """Base images and add-ons the depot has."""
        return self._typed(lambda: Vlcm(self._session).depot(), written=False)

    def offline_depots(self) -> tuple[OfflineDepot, ...]:
        """The bundles that were imported."""
        found = self._read(Offline, "list")
        return self._typed(lambda: documented(lambda: tuple(_offline(key, found[key]) for key in sorted(found))), written=False)

    def brought(self, depot: str) -> DepotContent:
        """What one imported bundle holds (7.0.3 and later). Raises ``AbsentError``."""
        bundles = self._read(Content, "get", depot=depot).metadata_bundles

        def converted() -> DepotContent:
            files = [each for group in bundles.values() for each in group]
            return DepotContent(
                base_images=tuple(sorted({image.version for each in files for image in each.base_images or ()})),
                add_ons=tuple(
                    sorted(
                        {
                            (name, version.version)
                            for each in files
                            for name, add_on in (each.addons or {}).items()
                            for version in add_on.versions
                        }
                    )
                ),
            )

        return self._typed(lambda: documented(converted), written=False)

    def operations(self) -> tuple[VlcmTask, ...]:
        """The imports and syncs vCenter remembers, anybody's, oldest first."""
        return self.tasks(_SERVICES)

    # Bundles ---------------------------------------------------------------------------------------------------------

    def start_pull(self, location: str, description: str) -> str | Imported:
        """Let vCenter fetch a bundle from an http or https URL; the task's id, or at once the depot it has it in already.
        Raises ``InputError`` for another kind of location."""
        if urlsplit(location).scheme not in {"http", "https"} or not urlsplit(location).hostname:
            raise InputError(f"vCenter pulls bundles from http and https URLs, not from {location!r}")
        spec = Offline.CreateSpec(source_type=Offline.SourceType.PULL, location=location, description=description)
        return self._create(spec)

    def upload(self, path: Path, told: Told = silent) -> str:
        """Send a bundle to vCenter's upload service and give the file id for ``start_push``. The form of this service is
        not documented; where it does not work, let vCenter pull."""
        return self._typed(lambda: upload(self._session, path, self._upload_port, told), written=False)

    def start_push(self, file_id: str, description: str) -> str | Imported:
        """Import an uploaded bundle; as ``start_pull``."""
        spec = Offline.CreateSpec(source_type=Offline.SourceType.PUSH, file_id=file_id, description=description)
        return self._create(spec)

    def _create(self, spec: Any) -> str | Imported:
        try:
            return self._start(Offline, "create_task", spec=spec)
        except ExistsError as error:
            return self._known(error)

    def finish_import(self, task: str, told: Told = silent) -> Imported:
        """Wait for an import. The very same bundle being there already is a success: vCenter hands back its depot."""
        try:
            value = self.wait(task, told)
        except ExistsError as error:
            return self._known(error)
        result = self.result(value, Offline.CreateResult, "the import")
        return Imported(str(result.depot))

    def _known(self, error: ExistsError) -> Imported:
        """The depot an AlreadyExists names in its data (SDK ``Offline.create``)."""
        raised: BaseException | None = error
        while raised is not None and not isinstance(raised, errors_client.AlreadyExists):
            raised = raised.__cause__
        data = getattr(raised, "data", None)
        if data is None:
            raise error
        try:
            return Imported(str(data.convert_to(Offline.CreateResult).depot), known=True)
        except Exception:  # opaque data of another type: the SDK raises various things for it
            raise error from None

    # Other ways ------------------------------------------------------------------------------------------------------

    def start_sync(self) -> str:
        """Let vCenter take what its online depots, or UMDS, have now. It needs a way to them. Nothing is cleaned up."""
        return self._start(Depots, "sync_task")

    def finish_sync(self, task: str, told: Told = silent) -> None:
        """Wait for a sync."""
        self.wait(task, told)

    def start_from_host(self, host: str) -> str:
        """Let a host (managed object id) build a bundle of what it runs and import that (7.0.2 and later)."""
        kind = Offline.ConnectionSpec.AuthenticationType.EXISTING
        return self._start(Offline, "create_from_host_task", spec=Offline.ConnectionSpec(auth_type=kind, host=host))

    def finish_from_host(self, task: str, told: Told = silent) -> Extracted:
        """Wait for an extraction."""
        result = self.result(self.wait(task, told), Offline.DepotExtractInfo, "the extraction")

        def converted() -> Extracted:
            found = result.notifications
            said = (*notices(found.errors), *notices(found.warnings), *notices(found.info))
            depot = result.result.depot if result.result else ""
            return Extracted(json.dumps(_spec(result.software_spec), sort_keys=True), depot or "", said)

        return self._typed(lambda: documented(converted), written=False)


def _offline(key: str, summary: Any) -> OfflineDepot:
    created = getattr(summary, "create_time", None)
    return OfflineDepot(
        id=key,
        description=summary.description or "",
        source=summary.location or summary.file_id or "",
        owner=summary.owner or "",
        created=created.replace(tzinfo=UTC) if isinstance(created, datetime) and created.tzinfo is None else created,
    )


def _spec(spec: Any) -> Mapping[str, Any]:
    """``settings_client.SoftwareSpec`` in the form import takes: what is absent is left out, and so are solutions."""
    found: dict[str, Any] = {"base_image": {"version": spec.base_image.version}}
    if spec.add_on is not None:
        found["add_on"] = {"name": spec.add_on.name, "version": spec.add_on.version}
    if spec.components:
        found["components"] = dict(spec.components)
    if spec.removed_components:
        found["removed_components"] = sorted(spec.removed_components)
    return found


__all__ = ["VCenterDepotEditor"]
