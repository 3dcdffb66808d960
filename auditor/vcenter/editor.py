"""The one object that can change a cluster image, built by write commands only: ``auditor.ports.ImageEditor``.

Its gate lets reads, computations and drafts pass, and commits only when it was made for that: an editor for a dry run cannot
commit. Nothing on its list touches a host, switches how a cluster is managed, or takes content out of the depot. A draft of
somebody else is never changed, and one of our own account only by whoever holds its id and time of creation. ``orchestrator``
is never set: it would lock everybody else out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from com.vmware.esx.settings.clusters.software.drafts import software_client as layers
from com.vmware.esx.settings.clusters.software.drafts.software.alternative_images import software_client as alternative
from com.vmware.esx.settings.clusters.software_client import Drafts
from com.vmware.esx.settings.clusters_client import Software
from com.vmware.esx.settings_client import (
    AddOnSpec,
    BaseImageSpec,
    ClusterCompliance,
    HardwareSupportPackageSpec,
    HardwareSupportSpec,
)

from auditor.domain.editing import Draft, Validation, VlcmTask
from auditor.domain.image import Commit, DesiredImage, HardwareSupport
from auditor.domain.observation import ClusterVerdict
from auditor.domain.observation import Depot as DepotContent
from auditor.domain.proposal.context import ClusterExtras
from auditor.domain.specification import SpecificationError, importable
from auditor.errors import (
    ConnectError,
    DeniedError,
    ExistsError,
    FailedError,
    InDoubtError,
    InputError,
    ReadError,
    RefusedError,
)
from auditor.vcenter import convert
from auditor.vcenter.answers import validation
from auditor.vcenter.images import Images
from auditor.vcenter.operations import Effect
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tasks import Patience, Told, VlcmClient, documented, silent
from auditor.vcenter.vlcm import Vlcm

DRY: frozenset[Effect] = frozenset({"session", "read", "compute", "draft-write"})
COMMITTING: frozenset[Effect] = DRY | {"commit"}

_SERVICES = tuple(f"com.vmware.esx.settings.clusters.software{part}" for part in ("", ".drafts", ".solutions"))


class VCenterImageEditor(VlcmClient):
    """Edits cluster images of one vCenter. ``may_commit`` False: everything but the commit. Used from one thread.

    Besides what each method says, all raise ``ConnectError``, ``DeniedError``, ``AbsentError``, ``FailedError`` and
    ``ReadError`` as their names say, writes also ``SessionEndedError`` (not done) and ``InDoubtError`` (look before repeating).
    """

    def __init__(
        self,
        settings: VCenterSettings,
        password: Callable[[], str],
        *,
        may_commit: bool,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(settings, password, COMMITTING if may_commit else DRY, patience)
        self.may_commit = may_commit

    # Looking ---------------------------------------------------------------------------------------------------------

    def drafts(self, cluster: str) -> tuple[Draft, ...]:
        """Every user's drafts of a cluster, oldest first."""
        user = self.user()
        found = self._read(Drafts, "list", cluster=cluster)

        def converted() -> tuple[Draft, ...]:
            made = [self._draft(key, summary.metadata, user) for key, summary in found.items()]
            return tuple(sorted(made, key=lambda draft: (draft.created, draft.id)))

        return self._typed(lambda: documented(converted), written=False)

    def _draft(self, key: str, metadata: Any, user: str) -> Draft:
        created = metadata.creation_time
        if not isinstance(created, datetime):
            raise TypeError(f"draft {key} has no creation time")
        owner = metadata.owner or ""
        own = same_account(owner, user)
        when = created.replace(tzinfo=UTC) if created.tzinfo is None else created
        return Draft(key, owner, when, own, str(metadata.status or ""))

    def draft_image(self, cluster: str, draft: Draft) -> DesiredImage:
        """The image a draft holds now."""
        info = self._read(Drafts, "get", cluster=cluster, draft=draft.id)
        return self._typed(lambda: documented(lambda: convert.desired_image(info.software)), written=False)

    def image(self, cluster: str) -> DesiredImage:
        """The image in force."""
        return self._typed(lambda: self._vlcm.image(cluster), written=False)

    def commit_info(self, cluster: str, commit: str) -> Commit:
        """Author, time and text of one commit. Raises ``AbsentError``."""
        return self._typed(lambda: self._vlcm.commit(cluster, commit), written=False)

    def newest_commit(self, cluster: str, known: str = "") -> Commit | None:
        """The newest commit of a cluster, searched upwards from the id ``known``: vLCM has no call that lists them."""
        return self._typed(lambda: self._vlcm.newest_commit(cluster, known), written=False)

    def compliance(self, cluster: str) -> ClusterVerdict:
        """The stored result of the last scan. Raises ``AbsentError`` when there is none."""
        return self._typed(lambda: self._vlcm.compliance(cluster), written=False)

    def depot(self) -> DepotContent:
        """Base images and add-ons the depot has."""
        return self._typed(self._vlcm.depot, written=False)

    def extras(self, cluster: str) -> ClusterExtras:
        """Who else owns the image, and vCenter's stored recommendation, which is read and never imported."""
        return Images(self._session).extras(cluster)

    def operations(self, cluster: str) -> tuple[VlcmTask, ...]:
        """vLCM's tasks on a cluster's image that vCenter remembers, anybody's, running or over, oldest first."""
        return self.tasks(_SERVICES, cluster)

    @property
    def _vlcm(self) -> Vlcm:
        return Vlcm(self._session)

    # Drafts ----------------------------------------------------------------------------------------------------------

    def create_draft(self, cluster: str) -> Draft:
        """A draft of the image in force. Raises ``ExistsError`` when our account has one already: it is left alone."""
        self._refuse_second(cluster)
        return self._listed(cluster, str(self._write(Drafts, "create", cluster=cluster)))

    def import_spec(self, cluster: str, spec: str) -> Draft:
        """A draft from a specification (JSON as an export writes it; solutions are left out, their managers own them).
        Raises ``ExistsError`` as above, ``InputError`` for a text that is no specification."""
        try:
            text = importable(spec)
        except SpecificationError as error:
            raise InputError(f"not a specification: {error}") from error
        self._refuse_second(cluster)
        source = Drafts.ImportSpec(source_type=Drafts.SourceType.JSON_STRING, software_spec=text)
        return self._listed(cluster, str(self._write(Drafts, "import_software_spec", cluster=cluster, spec=source)))

    def _refuse_second(self, cluster: str) -> None:
        """An import has no documented answer for a draft that is there already, so it is never tried."""
        for draft in self.drafts(cluster):
            if draft.own:
                raise ExistsError(
                    f"{draft.owner} has draft {draft.id} of {draft.created:%Y-%m-%d %H:%M} UTC on this cluster already",
                    where=self._endpoint.where,
                    hint="vLCM keeps one draft a user and cluster; look at it in vCenter and discard it there, or resume the "
                    "operation that made it",
                )

    def _listed(self, cluster: str, key: str) -> Draft:
        """The draft that was just made. It exists now, so that failing to read it leaves the caller in doubt."""
        hint = "look at the cluster's drafts before making another"
        try:
            made = next((draft for draft in self.drafts(cluster) if draft.id == key), None)
        except (ConnectError, DeniedError, FailedError, ReadError) as error:
            what = f"draft {key} was made and could not be read back: {error.what}"
            raise InDoubtError(what, where=self._endpoint.where, hint=hint) from error
        if made is None:
            raise InDoubtError(f"draft {key} was made and is not listed", where=self._endpoint.where, hint=hint)
        return made

    def discard(self, cluster: str, draft: Draft) -> bool:
        """Delete a draft that we made; False when it is gone already. Raises ``RefusedError`` when the draft of that id
        belongs to somebody else or was made at another time: after a restore ids are used again."""
        now = next((each for each in self.drafts(cluster) if each.id == draft.id), None)
        if now is None:
            return False
        self._refuse_foreign(now)
        if now.created != draft.created:
            raise RefusedError(
                f"draft {draft.id} was made at {now.created:%Y-%m-%d %H:%M:%S} UTC, not at {draft.created:%Y-%m-%d %H:%M:%S}: "
                "it is another one",
                where=self._endpoint.where,
            )
        self._write(Drafts, "delete", cluster=cluster, draft=draft.id)
        return True

    def _refuse_foreign(self, draft: Draft) -> None:
        if not draft.own:
            raise RefusedError(f"draft {draft.id} belongs to {draft.owner}: it is not changed", where=self._endpoint.where)

    # Layers ----------------------------------------------------------------------------------------------------------

    def _set(self, service: Any, operation: str, cluster: str, draft: Draft, **arguments: Any) -> None:
        self._refuse_foreign(draft)
        self._write(service, operation, cluster=cluster, draft=draft.id, **arguments)

    def set_base_image(self, cluster: str, draft: Draft, version: str) -> None:
        """Set the base image. Whether the depot has it shows in the validation only."""
        self._set(layers.BaseImage, "set", cluster, draft, spec=BaseImageSpec(version=version))

    def _set_of(self, service: str, operation: str, cluster: str, draft: Draft, image: str, **arguments: Any) -> None:
        """Set a layer of the default image or, by its id, of an alternative one, which has services of its own (9.0)."""
        if image:
            self._set(getattr(alternative, service), operation, cluster, draft, image=image, **arguments)
        else:
            self._set(getattr(layers, service), operation, cluster, draft, **arguments)

    def set_add_on(self, cluster: str, draft: Draft, name: str, version: str, image: str = "") -> None:
        """Set the vendor add-on."""
        self._set_of("AddOn", "set", cluster, draft, image, spec=AddOnSpec(name=name, version=version))

    def delete_add_on(self, cluster: str, draft: Draft, image: str = "") -> None:
        """Take the vendor add-on out."""
        self._set_of("AddOn", "delete", cluster, draft, image)

    def set_components(
        self, cluster: str, draft: Draft, versions: Mapping[str, str], without: Collection[str] = frozenset(), image: str = ""
    ) -> None:
        """Set components on top of base image and add-on, and take others of that kind away."""
        kind = (alternative if image else layers).Components.UpdateSpec
        spec = kind(components_to_set=dict(versions) or None, components_to_delete=set(without) or None)
        self._set_of("Components", "update", cluster, draft, image, spec=spec)

    def set_removed_component(self, cluster: str, draft: Draft, name: str, image: str = "") -> None:
        """Remove a component that base image or add-on bring (8.0.3 and later). Raises ``RefusedError`` on older ones."""
        self._set_of("RemovedComponents", "set", cluster, draft, image, component=name)

    def delete_removed_component(self, cluster: str, draft: Draft, name: str, image: str = "") -> None:
        """Let such a component be part of the image again."""
        self._set_of("RemovedComponents", "delete", cluster, draft, image, component=name)

    def set_hardware_support(self, cluster: str, draft: Draft, packages: Collection[HardwareSupport], image: str = "") -> None:
        """Set the hardware support packages, in place of those before; none: take them out."""
        if not packages:
            self._set_of("HardwareSupport", "delete", cluster, draft, image)
            return
        found = {each.manager: HardwareSupportPackageSpec(pkg=each.package, version=each.version) for each in packages}
        self._set_of("HardwareSupport", "set", cluster, draft, image, spec=HardwareSupportSpec(packages=found))

    # Judging ---------------------------------------------------------------------------------------------------------

    def validate(self, cluster: str, draft: Draft, told: Told = silent) -> Validation:
        """What vLCM finds in a draft. The task succeeds also when it finds errors; one that fails raises."""
        task = self._start(Drafts, "validate_task", written=False, cluster=cluster, draft=draft.id)
        result = self.result(self.wait(task, told), Drafts.ValidateResult, "validate")
        return self._typed(lambda: documented(lambda: validation(result.notifications)), written=False)

    def scan_draft(self, cluster: str, draft: Draft, told: Told = silent) -> ClusterVerdict:
        """How the hosts compare with a draft: the result a commit would have. The stored compliance stays."""
        task = self._start(Drafts, "scan_task", written=False, cluster=cluster, draft=draft.id)
        return self._verdict(self.wait(task, told), "scan of the draft")

    def scan(self, cluster: str, told: Told = silent) -> ClusterVerdict:
        """A fresh comparison of the hosts with the image in force; vCenter stores it."""
        task = self._start(Software, "scan_task", written=False, cluster=cluster)
        return self._verdict(self.wait(task, told), "scan")

    def _verdict(self, value: Any, what: str) -> ClusterVerdict:
        result = self.result(value, ClusterCompliance, what)
        return self._typed(lambda: documented(lambda: convert.cluster_verdict(result)), written=False)

    # Committing ------------------------------------------------------------------------------------------------------

    def start_commit(self, cluster: str, draft: Draft, message: str) -> str:
        """Begin to make a draft the cluster's image, and give the task's id: write it down before waiting.

        Raises ``BusyError`` while another operation runs on the cluster, ``InvalidImageError`` when vLCM refuses the image at
        once, ``RefusedError`` for a foreign draft and by an editor that may not commit."""
        self._refuse_foreign(draft)
        spec = Drafts.CommitSpec(message=message)
        return self._start(Drafts, "commit_task", cluster=cluster, draft=draft.id, spec=spec)

    def finish_commit(self, task: str, told: Told = silent) -> str:
        """Wait for a commit's task and give the commit's id. Also for one that was started by an earlier run.

        Raises ``InvalidImageError`` and ``BusyError`` as above; ``AbsentError`` when vCenter no longer knows the task,
        ``DeadlineError`` while it is still running: then look at draft, image and commit."""
        value = self.wait(task, told)
        commit = getattr(value, "value", value)
        if not isinstance(commit, str) or not commit:
            raise ReadError("the commit succeeded and named no commit id", where=self._endpoint.where, tried=f"task {task}")
        return commit


def same_account(one: str, other: str) -> bool:
    """Whether two spellings mean one account: vCenter writes ``Administrator@VSPHERE.LOCAL`` and, elsewhere,
    ``VSPHERE.LOCAL\\Administrator``; neither name nor domain has case."""
    return bool(one) and _account(one) == _account(other)


def _account(text: str) -> tuple[str, str]:
    if "\\" in text:
        domain, _, name = text.partition("\\")
    else:
        name, _, domain = text.rpartition("@") if "@" in text else (text, "", "")
    return name.casefold(), domain.casefold()


__all__ = ["VCenterImageEditor", "same_account"]
