"""vLCM's services on clusters and hosts.

Chosen, because no public source tells: a cluster on baselines answers Software.get with InvalidArgument. REST is known
to answer 400, and that is the only error with this status the operation may raise by its types. A host that cannot be
reached is answered with InternalServerError (InstalledComponents) or Error (hosts Software), as their types allow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from com.vmware.esx import hosts_client as hosts
from com.vmware.esx import settings_client as settings
from com.vmware.esx.hosts import software_client as host_software_client
from com.vmware.esx.settings import clusters_client
from com.vmware.esx.settings.clusters import enablement_client, software_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.transfer import export
from auditor.lab.faces.vlcm_compliance import cluster_compliance
from auditor.lab.faces.vlcm_values import (
    OURS,
    PREFIX,
    host_software_info,
    notifications,
    software_info,
    software_of,
)
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabImage
from auditor.lab.vcenter.compliance import ScanResult
from auditor.lab.vcenter.database import IMAGE, Cluster, InventoryHost
from auditor.lab.vcenter.depot import DesiredSoftware, version_key
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.vapi import VapiService, current_call, error, struct

CLUSTER_TYPE = "ClusterComputeResource"


class VlcmService(VapiService):
    """What the services share: finding clusters and hosts, starting tasks."""

    def __init__(self, vcenter: LabVCenter) -> None:
        self.vcenter = vcenter

    def find_cluster(self, moid: str) -> Cluster:
        """The cluster of that id. Raises NotFound with the id and text seen on a real one."""
        cluster = self.vcenter.database.clusters.get(moid)
        if cluster is None or cluster.standalone:
            entity_not_found(moid, "cluster")
        return cluster

    def image_cluster(self, moid: str) -> Cluster:
        """The same, and it must be managed by an image."""
        cluster = self.find_cluster(moid)
        if cluster.commit is None:
            text = f"The cluster '{moid}' is not managed with a single image."
            raise error(errors.InvalidArgument, f"{OURS}ClusterNotManagedByImage", text, moid)
        return cluster

    def find_host(self, moid: str) -> InventoryHost:
        """The host of that id. Raises NotFound."""
        entry = self.vcenter.database.hosts.get(moid)
        if entry is None:
            entity_not_found(moid, "host")
        return self.vcenter.observe(entry.moid)

    def start_task(self, target_type: str, target: str, work: Callable[[], Any]) -> str:
        """Run `work` as a task and return its id. An SDK error it raises is the task's error."""
        call = current_call()
        task = self.vcenter.tasks.add(call.service, call.operation, target_type, target, call.user, stuck=call.stuck)
        if call.fail:
            text = f"Planned fault: {call.operation} failed"
            task.error = error(getattr(errors, call.fail), "lab.planned.fault", text)
        elif not call.stuck:
            try:
                task.result = work()
            except errors.Error as failed:
                task.error = failed
        return task.id

    def refuse_if_busy(self, moid: str) -> None:
        """Raise NotAllowedInCurrentState while another operation runs on the cluster."""
        now = self.vcenter.clock()
        for task in self.vcenter.tasks.all():
            if task.target == moid and task.status(now) == "RUNNING":
                text = f"Another operation is in progress: {task.operation} by {task.user}."
                raise error(errors.NotAllowedInCurrentState, f"{OURS}OperationInProgress", text, task.id)


def entity_not_found(key: str, kind: str) -> NoReturn:
    """Raise vLCM's NotFound for an unknown entity."""
    text = f"Entity '{key}' does not exist or is not of type '{kind}'."
    raise error(errors.NotFound, f"{PREFIX}RequireAdminUserAuthz.EntityNotFound", text, key, kind)


class ClusterSoftware(VlcmService):
    """`com.vmware.esx.settings.clusters.software`."""

    stub = clusters_client.Software

    def get(self, cluster: str) -> Any:
        """The cluster's image."""
        commit = self.image_cluster(cluster).commit
        return commit and software_info(commit.software, self.vcenter.database.depot)

    def scan(self, cluster: str) -> str:
        """Compute the compliance anew, as a task."""
        found = self.image_cluster(cluster)

        def work() -> Any:
            self.vcenter.scan(found.moid)
            return _stored_compliance(self.vcenter, found)

        return self.start_task(CLUSTER_TYPE, cluster, work)

    def export(self, cluster: str, spec: Any) -> dict[Any, str]:
        """Where to download the image from, by kind. Solutions are left out, as documented. Raises Error when the depot
        lacks what an ISO image or a bundle is made of."""
        commit = self.image_cluster(cluster).commit
        software = commit.software if commit else DesiredSoftware("")
        kinds = clusters_client.Software.ExportType
        wanted = {
            kinds.SOFTWARE_SPEC: spec.export_software_spec,
            kinds.ISO_IMAGE: spec.export_iso_image,
            kinds.OFFLINE_BUNDLE: spec.export_offline_bundle,
        }
        lacks = self.vcenter.database.depot.missing(software)
        if lacks and (spec.export_iso_image or spec.export_offline_bundle):
            raise error(errors.Error, f"{OURS}DepotContentNotFound", f"Not in the depot: {', '.join(lacks)}.")
        return {kind: export(self.vcenter, str(kind), software) for kind, on in wanted.items() if on}


class ClusterCompliance(VlcmService):
    """`com.vmware.esx.settings.clusters.software.compliance`: the stored result, however old."""

    stub = software_client.Compliance

    def get(self, cluster: str) -> Any:
        """The last scan's result. Raises NotFound if there is none."""
        found = self.find_cluster(cluster)
        if found.scan is None:
            text = f"No compliance result is available for cluster '{cluster}'."
            raise error(errors.NotFound, f"{OURS}ComplianceResultNotFound", text, cluster)
        return _stored_compliance(self.vcenter, found)


def _stored_compliance(vcenter: LabVCenter, cluster: Cluster) -> Any:
    return cluster.scan and compliance_of(vcenter, cluster, cluster.scan)


def compliance_of(vcenter: LabVCenter, cluster: Cluster, scan: ScanResult) -> Any:
    """A scan's result as this vCenter's version shows it."""
    names = {entry.moid: entry.name for entry in vcenter.hosts_of(cluster)}
    return cluster_compliance(scan, vcenter.database.depot, names, api=vcenter.release.numbers)


class ClusterCommits(VlcmService):
    """`com.vmware.esx.settings.clusters.software.commits`."""

    stub = software_client.Commits

    def get(self, cluster: str, commit: str) -> Any:
        """Author, time and text of one commit. Raises NotFound."""
        found = self.find_cluster(cluster).commits.get(commit)
        if found is None:
            entity_not_found(commit, "commit")
        info = software_client.Commits.Info
        status = info.ApplyStatusType.APPLIED if found.applied else info.ApplyStatusType.NOT_APPLIED
        return info(author=found.author, commit_time=found.time, description=found.message, apply_status=status)


class ClusterEnablement(VlcmService):
    """`com.vmware.esx.settings.clusters.enablement.software`."""

    stub = enablement_client.Software

    def get(self, cluster: str) -> Any:
        """Whether the cluster is managed by an image."""
        return enablement_client.Software.Info(enabled=self.find_cluster(cluster).mode == IMAGE)


class ClusterInstalledImages(VlcmService):
    """`com.vmware.esx.settings.clusters.installed_images`: what the hosts run, also for a cluster on baselines."""

    stub = clusters_client.InstalledImages

    def get(self, cluster: str) -> Any:
        """The last extraction. Raises NotFound if there was none."""
        found = self.find_cluster(cluster)
        if found.extracted is None:
            text = f"No installed images were extracted for cluster '{cluster}'."
            raise error(errors.NotFound, f"{OURS}InstalledImagesNotFound", text, cluster)
        return self._info(found)

    def extract(self, cluster: str) -> str:
        """Ask the hosts, as a task."""
        found = self.find_cluster(cluster)

        def work() -> Any:
            found.extracted = self.vcenter.clock()
            return self._info(found)

        return self.start_task(CLUSTER_TYPE, cluster, work)

    def _info(self, cluster: Cluster) -> Any:
        entries = [self.vcenter.observe(each.moid) for each in self.vcenter.hosts_of(cluster)]
        running = {e.moid: host.running_image for e in entries if (host := self.vcenter.live_host(e)) is not None}
        failed = [each.moid for each in entries if each.moid not in running]
        types = clusters_client.InstalledImages
        status = types.InstalledImageInfo.Status
        groups = self._groups(running)
        most = max(groups, key=lambda group: len(group.host_list), default=None)
        highest = max(groups, key=lambda group: version_key(group.software_info.base_image.version), default=None)
        return struct(
            types.InstalledImageInfo,
            completion_time=cluster.extracted,
            uniform_image=len(groups) == 1 and not failed,
            status=status.SUCCESS if not failed else status.EXTRACT_INSTALLED_IMAGE_FAILURE,
            successful_hosts=list(running),
            failed_hosts=failed,
            image_categories=types.ImageCategories(
                is_highest_and_widely_used_image_equal=most is highest,
                most_widely_used_image=most,
                highest_versioned_image=highest,
                host_image_list=groups,
            ),
            host_info={each.moid: settings.HostInfo(name=each.name) for each in entries},
            host_notifications={
                moid: notifications(cluster.extracted or self.vcenter.clock(), errors=("host.disconnected", "No answer."))
                for moid in failed
            },
        )

    def _groups(self, running: dict[str, LabImage]) -> list[Any]:
        types = clusters_client.InstalledImages
        by_software: dict[Any, set[str]] = {}
        for moid, image in running.items():
            by_software.setdefault(software_of(image), set()).add(moid)
        depot = self.vcenter.database.depot
        return [
            types.InstalledImage(software_info=software_info(software, depot), host_list=moids)
            for software, moids in by_software.items()
        ]


class InstalledComponents(VlcmService):
    """`com.vmware.esx.hosts.software.installed_components`: asks the host."""

    stub = host_software_client.InstalledComponents

    def list(self, host: str) -> dict[str, Any]:
        """The components on the host by name."""
        live = live_host(self, host, errors.InternalServerError)
        info = host_software_client.InstalledComponents.InstalledComponentInfo
        return {
            each.name: info(
                display_name=each.display_name or each.name,
                version=each.version,
                display_version=each.display_version or each.version,
            )
            for each in live.running_image.components
        }


class HostSoftware(VlcmService):
    """`com.vmware.esx.hosts.software`: the image of any host in the inventory, taken apart."""

    stub = hosts.Software

    def get(self, spec: Any) -> Any:
        """The image of the host `spec` names. Only hosts in the inventory are simulated."""
        kinds = hosts.Software.ConnectionSpec.AuthenticationType
        if spec.auth_type != kinds.EXISTING:
            text = "Only hosts in the inventory can be asked."
            raise error(errors.InvalidArgument, f"{OURS}HostCredentialsNotSupported", text)
        live = live_host(self, spec.host, errors.Error)
        return hosts.Software.Info(notifications=hosts.Notifications(), software_info=host_software_info(live.running_image))


def live_host(service: VlcmService, moid: str, kind: Any) -> LabHost:
    """The host itself. Raises NotFound, or `kind` for a host out of reach."""
    entry = service.find_host(moid)
    live = service.vcenter.live_host(entry)
    if live is None:
        raise error(kind, f"{PREFIX}host.disconnected", f"The host '{entry.name}' cannot be reached.", entry.name)
    return live
