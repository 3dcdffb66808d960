"""vLCM's services that bring content into the depot: offline bundles, extraction from a host, sync.

Documented: AlreadyExists hands back the existing depot's id; an empty id of an extraction says that everything was there
already; a sync takes what the online depot or UMDS has. Chosen, because no public source tells: two bundles are the same when
their bytes are; AlreadyExists is the task's error (or the call's, see `LabVCenter.refuse_at_once`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings import depots_client as depots
from com.vmware.esx.settings.depots import offline_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.vlcm import VlcmService, live_host
from auditor.lab.faces.vlcm_values import OURS, PREFIX, software_of
from auditor.lab.vcenter.bundle import BundleError, read_bundle
from auditor.lab.vcenter.database import OfflineDepot
from auditor.lab.vcenter.depot import LabDepot
from auditor.lab.wire.vapi import current_call, error

SEED_FOLDER = "/var/vmware/lifecycle/hostSeed"
"""Where a host builds the bundle that is extracted from it."""

DEPOT_TYPE = "com.vmware.esx.settings.depots.offline"


class Offline(VlcmService):
    """`com.vmware.esx.settings.depots.offline`."""

    stub = depots.Offline

    def get(self, depot: str) -> Any:
        """One imported bundle. Raises NotFound."""
        found = _find(self, depot)
        return depots.Offline.Info(**self._summary(found), create_time=found.created)

    def list(self) -> dict[str, Any]:
        """All imported bundles."""
        return {each.id: depots.Offline.Summary(**self._summary(each)) for each in self.vcenter.database.offline.values()}

    def _summary(self, depot: OfflineDepot) -> dict[str, Any]:
        kinds = depots.Offline.SourceType
        owned = self.vcenter.release.numbers >= (7, 0, 3)
        return {
            "description": depot.description,
            "source_type": kinds.PULL if depot.location else kinds.PUSH,
            "location": depot.location or None,
            "file_id": None if depot.location else depot.file_id,
            "owner": depot.owner if owned else None,
        }

    def create(self, spec: Any) -> str:
        """Import a bundle from a URL or an upload, as a task."""
        pull = spec.source_type == depots.Offline.SourceType.PULL
        if pull and not spec.location.startswith(("http://", "https://", "file:/")):
            raise error(errors.InvalidArgument, f"{OURS}LocationInvalid", f"Invalid location: {spec.location}.")
        user = current_call().user

        def work() -> Any:
            data = (self.vcenter.web if pull else self.vcenter.uploads).get(spec.location if pull else spec.file_id)
            if data is None:
                where = spec.location if pull else f"upload {spec.file_id}"
                raise error(errors.Error, f"{PREFIX}EsxImage.DepotConnectErrorV2", f"Could not get {where}.", where)
            content, digest = self._content(data), hashlib.sha256(data).hexdigest()
            self._refuse_known(digest)
            location, file_id = (spec.location, "") if pull else ("", spec.file_id)
            return self._store(spec.description or "", location, file_id, user, digest, content)

        if self.vcenter.refuse_at_once:
            data = self.vcenter.web.get(spec.location or "") or self.vcenter.uploads.get(spec.file_id or "")
            self._refuse_known(hashlib.sha256(data or b"").hexdigest())
        return self.start_task(DEPOT_TYPE, "", work)

    def _content(self, data: bytes) -> LabDepot:
        try:
            return read_bundle(data)
        except BundleError as wrong:
            raise error(errors.Error, f"{PREFIX}depotContent.ValidationError", str(wrong)) from wrong

    def _refuse_known(self, digest: str) -> None:
        known = next((each for each in self.vcenter.database.offline.values() if each.digest == digest), None)
        if known is not None:
            result = depots.Offline.CreateResult(depot=known.id).get_struct_value()
            text = f"The depot {known.id} has the same contents."
            raise error(errors.AlreadyExists, f"{OURS}DepotAlreadyExists", text, known.id, data=result)

    def _store(self, description: str, location: str, file_id: str, user: str, digest: str, content: LabDepot) -> Any:
        database = self.vcenter.database
        database.last_depot += 1
        made = OfflineDepot(
            str(database.last_depot), description, location, file_id, user, self.vcenter.clock(), digest, content
        )
        database.offline[made.id] = made
        database.depot.merge(content)
        self.vcenter.post(f"Imported offline depot {made.id}", user=user)
        return depots.Offline.CreateResult(depot=made.id)

    def create_from_host(self, spec: Any) -> str:
        """Extract what a host runs and import it, as a task. The host builds the bundle on its own disk."""
        if spec.auth_type != depots.Offline.ConnectionSpec.AuthenticationType.EXISTING:
            text = "Only hosts in the inventory can be asked."
            raise error(errors.InvalidArgument, f"{OURS}HostCredentialsNotSupported", text)
        live, user = live_host(self, spec.host, errors.Error), current_call().user

        def work() -> Any:
            live.note(f"wrote a depot seed to {SEED_FOLDER}")
            image = live.running_image
            content = LabDepot()
            content.add_image(image)
            software = software_of(image)
            add_on = software.add_on and settings.AddOnSpec(name=software.add_on[0], version=software.add_on[1])
            known = not self.vcenter.database.depot.copy().merge(content)
            made = depots.Offline.CreateResult(depot="")
            if not known:
                location = f"https://{live.name}/cgi-bin/host-seed.cgi"
                made = self._store(f"Extracted from {live.name}", location, "", user, "", content)
            return depots.Offline.DepotExtractInfo(
                notifications=settings.Notifications(),
                software_spec=settings.SoftwareSpec(
                    base_image=settings.BaseImageSpec(version=software.base_image),
                    add_on=add_on,
                    components=dict(software.components) or None,
                ),
                result=made,
            )

        return self.start_task("HostSystem", spec.host, work)


class OfflineContent(VlcmService):
    """`com.vmware.esx.settings.depots.offline.content` (7.0.3 and later)."""

    stub = offline_client.Content

    def get(self, depot: str) -> Any:
        """What a bundle brought. Raises NotFound."""
        content = _find(self, depot).content
        bundle = depots.MetadataInfo(
            file_name="lab-metadata.zip",
            base_images=[
                depots.BaseImageVersion(version=each.base_image, display_version=each.display_version, display_name="ESXi")
                for each in content.base_images.values()
            ]
            or None,
            addons={
                each.name: depots.AddonSummary(
                    display_name=each.display_name or each.name,
                    vendor=each.vendor,
                    versions=[depots.AddonVersion(version=each.version, display_version=each.version)],
                )
                for each in content.add_ons.values()
            }
            or None,
        )
        return offline_client.Content.Info(metadata_bundles={"LAB": [bundle]})


class Depots(VlcmService):
    """`com.vmware.esx.settings.depots`."""

    stub = settings.Depots

    def sync(self, spec: Any = None) -> str:
        """Take what the online depot has, as a task without a result. Raises nothing; without a way to it the task fails."""

        def work() -> None:
            if self.vcenter.online is None:
                text = "The online depot could not be reached."
                raise error(errors.Error, f"{PREFIX}EsxImage.DepotConnectErrorV2", text)
            self.vcenter.database.depot.merge(self.vcenter.online)

        return self.start_task(DEPOT_TYPE, "", work)


def _find(service: VlcmService, depot: str) -> OfflineDepot:
    found = service.vcenter.database.offline.get(depot)
    if found is None:
        raise error(errors.NotFound, f"{OURS}DepotNotFound", f"Offline depot {depot} does not exist.", depot)
    return found
