"""vLCM's recommendation, and who else manages a cluster's image.

How vLCM finds its recommendation is not public; here it is the depot's highest base image, overall and within the image's own
major version, with the image's add-on where it is of the new base image's release.
"""

from __future__ import annotations

from typing import Any

from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings.clusters import software_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.vlcm import CLUSTER_TYPE, VlcmService
from auditor.lab.faces.vlcm_values import OURS, software_info
from auditor.lab.vcenter.database import Cluster, Recommendation
from auditor.lab.vcenter.depot import DesiredSoftware, version_key
from auditor.lab.vcenter.drafts import belongs
from auditor.lab.wire.vapi import error


class Recommendations(VlcmService):
    """`com.vmware.esx.settings.clusters.software.recommendations`."""

    stub = software_client.Recommendations

    def get(self, cluster: str) -> Any:
        """The last recommendation. Raises NotFound if none was made since the last commit."""
        found = self.find_cluster(cluster).recommendation
        if found is None:
            text = f"There is no recommendation for cluster {cluster}."
            raise error(errors.NotFound, f"{OURS}RecommendationNotFound", text, cluster)
        depot = self.vcenter.database.depot
        return software_client.Recommendations.Info(
            latest_recommendation=found.latest and software_info(found.latest, depot),
            current_series_recommendation=found.current_series and software_info(found.current_series, depot),
            base_image_explanation_details=[],
            check_time=found.time,
        )

    def generate(self, cluster: str, filter: Any = None) -> str:  # noqa: A002 (the operation's parameter name)
        """Make one, as a task without a result."""
        found = self.image_cluster(cluster)

        def work() -> None:
            now = found.commit.software if found.commit else DesiredSoftware("")
            series = now.base_image.partition(".")[0]
            found.recommendation = Recommendation(
                self.vcenter.clock(), self._highest(found, now, ""), self._highest(found, now, f"{series}.")
            )

        return self.start_task(CLUSTER_TYPE, cluster, work)

    def _highest(self, cluster: Cluster, now: DesiredSoftware, start: str) -> DesiredSoftware | None:
        images = [each for each in self.vcenter.database.depot.base_images if each.startswith(start)]
        best = max(images, key=version_key, default=None)
        if best is None or version_key(best) <= version_key(now.base_image):
            return None
        add_on = now.add_on if now.add_on is not None and belongs(best, now.add_on) else None
        return DesiredSoftware(best, add_on, now.components, now.removed, now.solutions)


class SoftwareSpecMetadata(VlcmService):
    """`com.vmware.esx.settings.clusters.software.software_spec_metadata` (9.0 and later)."""

    stub = software_client.SoftwareSpecMetadata

    def get(self, cluster: str) -> Any:
        """The image's name in the library and its orchestrator, if it has one."""
        commit = self.image_cluster(cluster).commit
        number = commit.id if commit else ""
        return settings.SoftwareSpecMetadata(
            display_name=f"autogen-software-spec-{number}",
            software_spec_id=f"software-spec-{number}",
            orchestrator_info=settings.OrchestratorInfo(owner=(commit.orchestrator or None) if commit else None),
            notifications=settings.Notifications(),
        )
