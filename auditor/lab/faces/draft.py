"""vLCM's services on the drafts of a cluster image.

Chosen, because no public source tells: an import of a text while the user has a draft already is refused with Error (the
operation has no AlreadyExists); whoever may write may also write another user's draft; a commit that another operation keeps
from starting is refused at the call, one that fails its validation ends as a failed task, unless the vCenter's
`refuse_at_once` says that it is refused at the call as well; the image of an orchestrator is refused with
Error to everybody else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings.clusters import software_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.vlcm import CLUSTER_TYPE, VlcmService, compliance_of, entity_not_found
from auditor.lab.faces.vlcm_values import OURS, message, software_info
from auditor.lab.vcenter.database import Cluster, Draft
from auditor.lab.vcenter.depot import LabDepot
from auditor.lab.vcenter.drafts import Problem, SpecificationError, problems, read_specification, resolved
from auditor.lab.wire.vapi import current_call, error


class DraftService(VlcmService):
    """What the services on drafts share."""

    def find_draft(self, cluster: str, draft: str) -> Draft:
        """The draft of that cluster. Raises NotFound."""
        self.find_cluster(cluster)
        found = self.vcenter.database.drafts.get(draft)
        if found is None or found.cluster != cluster:
            entity_not_found(draft, "draft")
        return found

    def change(self, cluster: str, draft: str, **layers: Any) -> None:
        """Set layers of a draft. Nothing is checked: a validation does that."""
        found = self.find_draft(cluster, draft)
        self.vcenter.database.drafts[draft] = replace(found, software=replace(found.software, **layers))

    @property
    def depot(self) -> LabDepot:
        """The depot as it is now."""
        return self.vcenter.database.depot

    def problems(self, draft: Draft) -> list[Problem]:
        """What a validation finds."""
        found = problems(draft.software, self.depot, draft.unknown)
        if current_call().invalid:
            found.append(("PlannedProblem", "Planned fault: the image is not valid."))
        return found


class Drafts(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts`."""

    stub = software_client.Drafts

    def create(self, cluster: str) -> str:
        """A draft of the image in force, or an empty one. Raises AlreadyExists if the user has one for this cluster."""
        self.find_cluster(cluster)
        user = current_call().user
        if (own := self._own(cluster, user)) is not None:
            text = f"There is already a draft created by {user}."
            raise error(errors.AlreadyExists, f"{OURS}DraftAlreadyExists", text, own.id)
        return self.vcenter.add_draft(cluster, owner=user).id

    def _own(self, cluster: str, user: str) -> Draft | None:
        drafts = self.vcenter.database.drafts.values()
        return next((each for each in drafts if each.cluster == cluster and each.owner.lower() == user.lower()), None)

    def delete(self, cluster: str, draft: str) -> None:
        """Discard a draft. Raises NotFound."""
        self.find_draft(cluster, draft)
        del self.vcenter.database.drafts[draft]

    def get(self, cluster: str, draft: str) -> Any:
        """One draft with its image."""
        found = self.find_draft(cluster, draft)
        named = self.vcenter.release.numbers >= (9, 0)
        return software_client.Drafts.Info(
            metadata=self._metadata(found),
            software=software_info(found.software, self.depot),
            display_name=f"draft-{found.id}" if named else None,
        )

    def _metadata(self, draft: Draft) -> Any:
        statuses = software_client.Drafts.StatusType
        status = statuses.INVALID if problems(draft.software, self.depot, draft.unknown) else statuses.VALID
        return software_client.Drafts.Metadata(owner=draft.owner, status=status, creation_time=draft.created)

    def import_software_spec(self, cluster: str, spec: Any) -> str:
        """A new draft from a text, or from the recommendation, which takes the place of the user's draft."""
        found = self.find_cluster(cluster)
        user, kinds = current_call().user, software_client.Drafts.SourceType
        if spec.source_type == kinds.JSON_STRING:
            if (own := self._own(cluster, user)) is not None:
                text = f"There is already a draft created by {user}."
                raise error(errors.Error, f"{OURS}DraftAlreadyExists", text, own.id)
            try:
                given = read_specification(spec.software_spec, self.vcenter.release.numbers)
            except SpecificationError as wrong:
                raise error(errors.Error, f"{OURS}SpecificationInvalid", str(wrong)) from wrong
            draft = self.vcenter.add_draft(cluster, given.software, owner=user)
            self.vcenter.database.drafts[draft.id] = replace(draft, unknown=given.unknown)
            return draft.id
        if spec.source_type in (kinds.LATEST_RECOMMENDATION, kinds.CURRENT_SERIES_RECOMMENDATION):
            return self._from_recommendation(found, user, latest=spec.source_type == kinds.LATEST_RECOMMENDATION)
        raise error(errors.Error, f"{OURS}SourceNotSimulated", f"The lab does not simulate source {spec.source_type}.")

    def _from_recommendation(self, cluster: Cluster, user: str, *, latest: bool) -> str:
        made = cluster.recommendation
        software = None if made is None else made.latest if latest else made.current_series
        if software is None:
            text = f"There is no recommendation for cluster {cluster.moid}."
            raise error(errors.NotFound, f"{OURS}RecommendationNotFound", text)
        if (own := self._own(cluster.moid, user)) is not None:
            del self.vcenter.database.drafts[own.id]
        return self.vcenter.add_draft(cluster.moid, software, owner=user).id

    def validate(self, cluster: str, draft: str) -> str:
        """Validate, as a task whose result holds what is wrong."""
        found = self.find_draft(cluster, draft)
        return self.start_task(CLUSTER_TYPE, cluster, lambda: self._result(self.problems(found)))

    def _result(self, found: list[Problem]) -> Any:
        notes = [
            settings.Notification(
                id=f"{OURS}{name}", time=self.vcenter.clock(), message=message(f"{OURS}{name}", text), type="ERROR"
            )
            for name, text in found
        ]
        return software_client.Drafts.ValidateResult(notifications=settings.Notifications(errors=notes or None))

    def scan(self, cluster: str, draft: str) -> str:
        """Compare the hosts with the draft, as a task. The stored compliance stays what it was."""
        found, where = self.find_draft(cluster, draft), self.find_cluster(cluster)

        def work() -> Any:
            return compliance_of(self.vcenter, where, self.vcenter.compare(where, found.software))

        return self.start_task(CLUSTER_TYPE, cluster, work)

    def commit(self, cluster: str, draft: str, spec: Any) -> str:
        """Make the draft the cluster's image, as a task that gives the commit's id. The draft goes only if it succeeds."""
        found, where = self.find_draft(cluster, draft), self.find_cluster(cluster)
        self.refuse_if_busy(cluster)
        owner = where.commit.orchestrator if where.commit else ""
        ours = spec.orchestrator.owner if spec.orchestrator else ""
        if owner and owner != ours:
            raise error(errors.Error, f"{OURS}ManagedByOrchestrator", f"The image is managed by {owner}.", owner)
        if self.vcenter.refuse_at_once:
            self._refuse_invalid(found)
        user = current_call().user

        def work() -> str:
            self._refuse_invalid(found)
            made = self.vcenter.set_desired(
                cluster,
                resolved(found.software, self.depot),
                author=user,
                message=spec.message or "",
                orchestrator=ours,
            )
            del self.vcenter.database.drafts[draft]
            return made.id

        return self.start_task(CLUSTER_TYPE, cluster, work)

    def _refuse_invalid(self, draft: Draft) -> None:
        if found := self.problems(draft):
            text = "Validation of the software document failed."
            data = self._result(found).get_struct_value()
            raise error(errors.InvalidArgument, f"{OURS}ValidationFailed", text, data=data)

    def list(self, cluster: str, filter: Any = None) -> dict[str, Any]:  # noqa: A002 (the operation's parameter name)
        """Every user's drafts of the cluster."""
        self.find_cluster(cluster)
        owners = (filter and filter.owners) or None
        return {
            each.id: software_client.Drafts.Summary(metadata=self._metadata(each))
            for each in self.vcenter.database.drafts.values()
            if each.cluster == cluster and (owners is None or each.owner in owners)
        }
