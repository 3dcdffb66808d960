"""A simulated vCenter on one TLS port: SOAP at `/sdk`, JSON-RPC at `/api`, REST below `/api/`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from com.vmware.vapi.std import errors_client as errors
from pyVmomi import VmomiSupport, vim

from auditor.lab.faces import (
    depot,
    draft,
    draft_layers,
    draft_parts,
    imports,
    policies,
    recommendation,
    session,
    transfer,
    vlcm,
)
from auditor.lab.faces.esxcli import EsxcliCommand, EsxcliHostFace, ExecuterFace
from auditor.lab.faces.host import EXECUTER, FIRMWARE, IMAGE_MANAGER, FirmwareSystemFace, ImageConfigManagerFace
from auditor.lab.faces.inventory import ROOT, ClusterFace, ComputeResourceFace, DatacenterFace, Entity, FolderFace
from auditor.lab.faces.schedule import PREFIX as SCHEDULE
from auditor.lab.faces.schedule import ScheduledTaskFace, ScheduledTaskManagerFace
from auditor.lab.faces.search import SearchIndexFace
from auditor.lab.faces.service import EventManagerFace, ServiceInstanceFace, SessionManagerFace
from auditor.lab.faces.settings import ACCESS_MANAGER, AccessManagerFace
from auditor.lab.faces.version_document import versions_document, wsdl_document
from auditor.lab.faces.view import ViewManagerFace
from auditor.lab.faces.vm import SHARED, DatastoreFace, TaskFace, VmFace
from auditor.lab.vcenter.api_versions import available
from auditor.lab.vcenter.database import Cluster, InventoryHost
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.certificate import make_certificate
from auditor.lab.wire.http import HangUpError, HttpServer, Request, Response
from auditor.lab.wire.property_collector import PropertyCollector
from auditor.lab.wire.rest import RestFace
from auditor.lab.wire.soap import SoapCall, SoapFace, SoapObject, fault
from auditor.lab.wire.vapi import Call, VapiServer, error, take_last_call

_ANONYMOUS_SOAP = {
    ("ServiceInstance", "RetrieveServiceContent"),
    ("ServiceInstance", "Fetch"),
    ("SessionManager", "Login"),
    ("SessionManager", "Fetch"),
}
_SOAP_PATHS = {"/sdk", "/sdk/", "/sdk/vimService"}


class SoapInventory:
    """Finds the SOAP object of a managed object id; what it makes lives no longer than the call, except collectors,
    filters and views, which live as long as their session."""

    def __init__(self, vcenter: LabVCenter, run: EsxcliCommand, commands: Mapping[str, str]) -> None:
        self._vcenter, self._run, self._commands = vcenter, run, commands
        self._views = ViewManagerFace(self.find)
        self._collectors: dict[str, PropertyCollector] = {}
        self._managers: dict[str, SoapObject] = {
            each.moid: each
            for each in (
                ServiceInstanceFace(vcenter),
                SessionManagerFace(vcenter, self.forget),
                EventManagerFace(vcenter),
                SearchIndexFace(vcenter, self.find),
                ScheduledTaskManagerFace(vcenter),
                self._views,
            )
        }

    def forget(self, session: str) -> None:
        """Drop what a session made."""
        self._collectors.pop(session, None)
        self._views.forget(session)

    def lookup(self, moid: str, session: str | None) -> SoapObject | None:
        """The object of that id, as seen by a session."""
        if moid.startswith("propertyCollector"):
            if session not in self._collectors:
                made = PropertyCollector("propertyCollector", self.find, self._vcenter.lock)
                self._collectors[session or ""] = made
            collector = self._collectors[session or ""]
            return collector if moid == collector.moid else collector.find(moid)
        return self.find(moid)

    def find(self, moid: str) -> SoapObject | None:
        """The object of that id, whoever asks."""
        with self._vcenter.lock:
            if (known := self._managers.get(moid) or self._views.find(moid)) is not None:
                return known
            if moid.startswith("host-"):
                entry = self._vcenter.database.hosts.get(moid)
                return None if entry is None else self._host(entry)
            if moid.startswith("task-"):
                task = self._vcenter.host_tasks.find(moid)
                return None if task is None else TaskFace(task, self._vcenter)
            if moid.startswith(SCHEDULE):
                scheduled = self._vcenter.database.scheduled.get(moid)
                return None if scheduled is None else ScheduledTaskFace(scheduled, self._vcenter)
            if moid.startswith("vm-"):
                vm = self._vcenter.vms.get(moid)
                return None if vm is None else VmFace(vm, None, self._vcenter)
            if moid.startswith("datastore-"):
                return DatastoreFace(moid, "shared" if moid == SHARED else moid.removeprefix("datastore-"), None, self._vcenter)
            if moid.startswith("domain-"):
                cluster = self._vcenter.database.clusters.get(moid)
                return None if cluster is None else self._cluster(cluster)
            return self._host_manager(moid) or self._folder(moid)

    def _host_manager(self, moid: str) -> SoapObject | None:
        prefix, dash, number = moid.partition("-host-")
        if not dash or f"host-{number}" not in self._vcenter.database.hosts:
            return None
        if f"{prefix}-" == IMAGE_MANAGER:
            return ImageConfigManagerFace(f"host-{number}", self._vcenter)
        if f"{prefix}-" == FIRMWARE:
            return FirmwareSystemFace(f"host-{number}", self._vcenter)
        if f"{prefix}-" == ACCESS_MANAGER:
            return AccessManagerFace(f"host-{number}", self._vcenter)
        if f"{prefix}-" == EXECUTER:
            return ExecuterFace(f"host-{number}", self._vcenter, self._run, self._commands)
        return None

    def _root(self) -> FolderFace:
        return FolderFace(
            ROOT, "Datacenters", None, self._vcenter, holds=[vim.Folder, vim.Datacenter], children=self._datacenters
        )

    def _datacenters(self) -> Iterator[DatacenterFace]:
        root = FolderFace(ROOT, "Datacenters", None, self._vcenter, holds=[])
        for center in self._vcenter.database.datacenters.values():
            yield DatacenterFace(center, root, self._vcenter, self._clusters, self._vms)

    def _vms(self, folder: str) -> Iterator[VmFace]:
        vcenter = self._vcenter
        clusters = {moid for moid, cluster in vcenter.database.clusters.items() if cluster.folder == folder}
        names = {host.name for host in vcenter.database.hosts.values() if host.parent in clusters}
        yield from (VmFace(vm, None, vcenter) for vm in vcenter.vms.values() if vm.host in names)

    def _folder(self, moid: str) -> SoapObject | None:
        if moid == ROOT:
            return self._root()
        for center in self._datacenters():
            for each in (center, *center.folders.values()):
                if each.moid == moid:
                    return each
        return None

    def _clusters(self, folder: str) -> Iterator[Entity]:
        for cluster in self._vcenter.database.clusters.values():
            if cluster.folder == folder:
                yield self._cluster(cluster)

    def _cluster(self, cluster: Cluster) -> Entity:
        kind = ComputeResourceFace if cluster.standalone else ClusterFace
        parent = FolderFace(cluster.folder, "host", None, self._vcenter, holds=[])
        return kind(cluster, parent, self._vcenter, self._hosts)

    def _hosts(self, cluster: Cluster) -> Iterator[Entity]:
        for entry in self._vcenter.hosts_of(cluster):
            yield self._host(entry)

    def _host(self, entry: InventoryHost) -> EsxcliHostFace:
        cluster = self._vcenter.database.clusters[entry.parent]
        kind = ComputeResourceFace if cluster.standalone else ClusterFace
        return EsxcliHostFace(entry, kind(cluster, self._root(), self._vcenter, self._hosts), self._vcenter)


class VCenterServer:
    """Serves one `LabVCenter`. `folder` takes the certificate; port 0 takes a free one.

    `run` answers esxcli commands for a host, `commands` names them with their formatter for clients that ask. `name` is the
    certificate's; `inventory` is another view of the same state, as a host has it of itself.
    """

    def __init__(
        self,
        vcenter: LabVCenter,
        folder: Path,
        *,
        run: EsxcliCommand,
        commands: Mapping[str, str],
        address: str = "127.0.0.1",
        port: int = 0,
        name: str = "vcenter",
        inventory: SoapInventory | None = None,
    ) -> None:
        self.vcenter = vcenter
        self.certificate = make_certificate(folder, address=address, name=name)
        inventory = inventory or SoapInventory(vcenter, run, commands)
        self.vapi = VapiServer(
            _services(vcenter),
            available=lambda service, name: available(vcenter.release.numbers, service, name),
            gate=self._vapi_gate,
            lock=vcenter.lock,
        )
        self.rest = RestFace(self.vapi)
        self.soap = SoapFace(
            inventory.lookup, version=vcenter.release.vmodl, gate=self._soap_gate, lock=vcenter.lock, seen=self._soap_seen
        )
        self.http = HttpServer(self.answer, self.certificate.server_context(), address=address, port=port)
        self.url = vcenter.url = f"https://{address}:{self.http.port}"

    def start(self) -> None:
        """Serve in the background."""
        self.http.start()

    def stop(self) -> None:
        """Stop serving."""
        self.vcenter.host_tasks.stop()
        self.http.stop()

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        take_last_call()
        response = self._answer(request)
        call = take_last_call()
        if call is None and request.path.startswith("/api/"):
            self.vcenter.calls.add("http", request.path, request.method)  # a REST path that nothing serves
        if call is not None and call.lost:
            raise HangUpError
        return _unavailable() if call is not None and call.unavailable else response

    def _answer(self, request: Request) -> Response:
        if self.vcenter.unavailable:
            return _unavailable()
        path = request.path
        if path not in _SOAP_PATHS and path != "/api" and not path.startswith("/api/"):
            self.vcenter.calls.add("http", path, request.method)
        if path in _SOAP_PATHS and request.method == "POST":
            return self.soap.handle(request)
        if path == "/sdk/vimServiceVersions.xml":
            return Response(200, versions_document(self.vcenter.release.vmodl), "text/xml")
        if path == "/sdk/vimService.wsdl" or (path in _SOAP_PATHS and ("wsdl", "") in request.query):
            return Response(200, wsdl_document(self.url), "text/xml")
        if path == "/api" and request.method == "POST":
            body, extra = self.vapi.handle(request.body, request.headers)
            return Response(200, body, "application/json", extra)
        if path.startswith("/api/"):
            return self.rest.handle(request)
        if request.method == "GET" and path in self.vcenter.bundles:
            return Response(200, self.vcenter.bundles[path], "application/octet-stream")
        if (transferred := transfer.answer(self.vcenter, request)) is not None:
            return transferred
        return Response(404, b"Not found\n", "text/plain")

    def _soap_seen(self, call: SoapCall) -> None:
        self.vcenter.calls.add("soap", call.kind, call.method)

    def _soap_gate(self, call: SoapCall) -> None:
        for planned in self.vcenter.faults.take(call.method):
            _wait(planned)
            if planned.kind is FaultKind.EXPIRE:
                self.vcenter.sessions.end(call.session)
            elif planned.kind is FaultKind.RESTART:
                self.vcenter.restart(planned.seconds)
            elif planned.kind in (FaultKind.ERROR, FaultKind.STUCK):
                kind = VmomiSupport.GetVmodlType(planned.error or "vmodl.fault.SystemError")
                raise fault(kind, f"Planned fault: {planned.kind}")
        if (call.kind, call.method) in _ANONYMOUS_SOAP:
            return
        if self.vcenter.sessions.find(call.session) is None:
            this = VmomiSupport.GuessWsdlType(call.kind)(call.moid) if call.kind in _PLAIN_KINDS else None
            raise fault(
                vim.fault.NotAuthenticated,
                "The session is not authenticated.",
                object=this or vim.Folder(ROOT),
                privilegeId="System.View",
            )

    def _vapi_gate(self, call: Call) -> None:
        self.vcenter.calls.add("vapi", call.service, call.operation)
        for planned in self.vcenter.faults.take(f"{call.service}.{call.operation}"):
            self._vapi_fault(call, planned)
        if (call.service, call.operation) == ("com.vmware.cis.session", "create"):
            return
        session = self.vcenter.sessions.find(call.security.get("sessionId"))
        if session is None:
            raise error(
                errors.Unauthenticated,
                "com.vmware.vapi.endpoint.method.authentication.required",
                "Authentication required.",
            )
        call.user = session.user

    def _vapi_fault(self, call: Call, planned: Fault) -> None:
        """Let a planned fault happen. Raises the error the call is refused with."""
        is_task = call.operation.endswith("$task")
        if planned.kind is FaultKind.RESTART:
            self.vcenter.restart(planned.seconds)
            call.unavailable = True
            raise error(errors.ServiceUnavailable, "lab.planned.fault", "vCenter restarts")
        _wait(planned)
        if planned.kind is FaultKind.EXPIRE:
            self.vcenter.sessions.end(call.security.get("sessionId"))
        elif planned.kind is FaultKind.STUCK and is_task:
            call.stuck = True
        elif planned.kind is FaultKind.FAIL and is_task:
            call.fail = planned.error or "Error"
        elif planned.kind is FaultKind.INVALID:
            call.invalid = True
        elif planned.kind is FaultKind.LOSE:
            call.lost = True
        elif planned.kind is FaultKind.FORGET:
            self.vcenter.database.depot.forget(planned.item)
        elif planned.kind in (FaultKind.ERROR, FaultKind.STUCK, FaultKind.FAIL):
            kind = getattr(errors, planned.error or "InternalServerError")
            raise error(kind, "lab.planned.fault", f"Planned fault: {planned.kind}")


_PLAIN_KINDS = {"ServiceInstance", "PropertyCollector", "HostSystem", "Folder", "ViewManager", "EventManager"}


def _unavailable() -> Response:
    """The reverse proxy's answer while the services behind it are not up."""
    return Response(503, b"503 Service Unavailable (Failed to connect to endpoint)\n", "text/plain")


def _wait(planned: Fault) -> None:
    if planned.seconds > 0:
        time.sleep(planned.seconds)


def _services(vcenter: LabVCenter) -> list[Any]:
    kinds = (
        session.SessionService,
        session.TasksService,
        session.ApplianceVersionService,
        vlcm.ClusterSoftware,
        vlcm.ClusterCompliance,
        vlcm.ClusterCommits,
        vlcm.ClusterEnablement,
        vlcm.ClusterInstalledImages,
        vlcm.InstalledComponents,
        vlcm.HostSoftware,
        draft.Drafts,
        draft_layers.DraftBaseImage,
        draft_layers.DraftAddOn,
        draft_layers.DraftComponents,
        draft_layers.DraftRemovedComponents,
        draft_layers.DraftEffectiveComponents,
        draft_parts.DraftHardwareSupport,
        draft_parts.DraftAlternativeImages,
        draft_parts.AlternativeBaseImage,
        draft_parts.AlternativeAddOn,
        draft_parts.AlternativeComponents,
        draft_parts.AlternativeRemovedComponents,
        draft_parts.AlternativeHardwareSupport,
        recommendation.Recommendations,
        recommendation.SoftwareSpecMetadata,
        policies.EffectivePolicy,
        imports.Offline,
        imports.OfflineContent,
        imports.Depots,
        depot.BaseImages,
        depot.BaseImageVersions,
        depot.AddOns,
        depot.AddOnVersions,
        depot.Components,
        depot.ComponentVersions,
    )
    return [kind(vcenter) for kind in kinds]
