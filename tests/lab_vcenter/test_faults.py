"""Faults as data: late, refused, never ending, logged out, not there yet."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import pytest
from com.vmware import cis_client
from com.vmware.esx.settings import clusters_client
from com.vmware.vapi.std import errors_client as errors
from pyVmomi import vim, vmodl

from auditor.lab.faces.server import VCenterServer
from auditor.lab.vcenter.faults import Fault, FaultKind, FaultPlan
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import Vapi, connect
from tests.lab_vcenter.test_rest import Rest

GET = "com.vmware.esx.settings.clusters.software.get"


def test_a_delay_holds_up_only_its_own_operation(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    vcenter.faults.add(Fault(GET, FaultKind.DELAY, seconds=2))
    start = time.monotonic()
    vapi.call(clusters_client.Software).get(cluster)
    assert time.monotonic() - start >= 2
    start = time.monotonic()
    vapi.call(cis_client.Session).get()
    assert time.monotonic() - start < 2


def test_an_error_happens_as_often_as_planned(vapi: Vapi, vcenter: LabVCenter) -> None:
    cluster = vcenter.cluster("prod").moid
    vcenter.faults.add(Fault("com.vmware.esx.*", FaultKind.ERROR, error="ServiceUnavailable", times=2))
    client = vapi.call(clusters_client.Software)
    for _ in range(2):
        with pytest.raises(errors.ServiceUnavailable):
            client.get(cluster)
    client.get(cluster)


def test_rest_has_the_same_faults(server: VCenterServer, vcenter: LabVCenter) -> None:
    rest = Rest(server)
    rest.headers = {"vmware-api-session-id": rest.login()[1]}
    vcenter.faults.add(Fault(GET, FaultKind.ERROR, error="ServiceUnavailable"))
    status, body = rest("GET", f"/esx/settings/clusters/{vcenter.cluster('prod').moid}/software")
    assert (status, body["error_type"]) == (503, "SERVICE_UNAVAILABLE")


def test_a_stuck_task_stays_running(vapi: Vapi, vcenter: LabVCenter) -> None:
    vcenter.faults.add(Fault("*.clusters.software.scan$task", FaultKind.STUCK))
    before = vcenter.cluster("prod").scan
    task = vapi.call(clusters_client.Software).scan_task(vcenter.cluster("prod").moid)
    info = vapi.call(cis_client.Tasks).get(task.get_task_id())
    assert (info.status, info.result) == ("RUNNING", None)
    assert vcenter.cluster("prod").scan is before


def test_an_expired_session_must_be_renewed(vapi: Vapi, soap: Any, vcenter: LabVCenter) -> None:
    vcenter.faults.add(Fault(GET, FaultKind.EXPIRE, times=1))
    vcenter.faults.add(Fault("CurrentTime", FaultKind.EXPIRE, times=1))
    cluster = vcenter.cluster("prod").moid
    with pytest.raises(errors.Unauthenticated):
        vapi.call(clusters_client.Software).get(cluster)
    with pytest.raises(vim.fault.NotAuthenticated):
        soap.CurrentTime()
    vapi.login().call(clusters_client.Software).get(cluster)


def test_soap_faults_by_name(soap: Any, vcenter: LabVCenter) -> None:
    vcenter.faults.add(Fault("CurrentTime", FaultKind.ERROR, error="vmodl.fault.HostCommunication", times=1))
    with pytest.raises(vmodl.fault.HostCommunication):
        soap.CurrentTime()
    assert soap.CurrentTime() is not None


def test_while_it_starts_everything_is_unavailable(server: VCenterServer, vcenter: LabVCenter) -> None:
    vcenter.starting = True
    # pyVmomi gives up where it cannot even read the versions.
    with pytest.raises(Exception, match="is down"):
        connect(server)
    request = urllib.request.Request(f"{server.url}/api/session", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=Rest(server)._context, timeout=20)
    assert caught.value.code == 503
    vcenter.starting = False
    assert connect(server).content.about.version == "8.0.3"


def test_plans_end(vcenter: LabVCenter) -> None:
    plan = FaultPlan()
    plan.add(Fault("Re*", FaultKind.DELAY, times=1))
    plan.add(Fault("RebootHost_Task", FaultKind.ERROR))
    assert [each.kind for each in plan.take("RebootHost_Task")] == [FaultKind.DELAY, FaultKind.ERROR]
    assert [each.kind for each in plan.take("RebootHost_Task")] == [FaultKind.ERROR]
    assert plan.take("CurrentTime") == []
    plan.clear()
    assert plan.take("RebootHost_Task") == []


def test_a_session_opened_before_sees_503(soap: Any, vcenter: LabVCenter) -> None:
    vcenter.starting = True
    with pytest.raises(HTTPException, match="503"):
        soap.CurrentTime()
    vcenter.starting = False


def test_a_stopped_server_is_gone(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    server = serve(LabVCenter("8.0.3"))
    connection = connect(server)
    server.stop()
    with pytest.raises(OSError, match=r".*"):
        connection.CurrentTime()
