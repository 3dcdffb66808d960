"""Tasks on hosts as the official clients wait for them: pyVmomi's helper by property collector, and govc."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from auditor.lab.vcenter.vms import Pinned
from tests.judges import need

NAME = "prod-1.lab.example"


def host_of(soap: Any) -> Any:
    view = soap.content.viewManager.CreateContainerView(soap.content.rootFolder, [vim.HostSystem], True)
    return next(host for host in view.view if host.name == NAME)


def live(vcenter: LabVCenter) -> LabHost:
    return vcenter.hosts[NAME]


def test_pyvmomis_own_helper_waits_for_a_task(soap: Any, vcenter: LabVCenter) -> None:
    live(vcenter).set_faults({"tasks": {"enter": {"seconds": 0.3}}})
    host = host_of(soap)
    seen: list[int] = []
    task = host.EnterMaintenanceMode_Task(0)
    assert WaitForTask(task, soap, onProgressUpdate=lambda _, percent: seen.append(percent)) == "success"
    assert live(vcenter).maintenance
    assert host.runtime.inMaintenanceMode
    assert [task.info.descriptionId for task in host.recentTask] == ["HostSystem.enterMaintenanceMode"]
    assert WaitForTask(host.ExitMaintenanceMode_Task(0), soap) == "success"
    assert not live(vcenter).maintenance


def test_a_failed_task_is_raised_by_the_helper(soap: Any, vcenter: LabVCenter) -> None:
    vcenter.cluster("prod").drs = "fullyAutomated"
    vcenter.add_vm("gpu-1", NAME, pinned=Pinned.PASSTHROUGH)
    with pytest.raises(vmodl.fault.SystemError, match="gpu-1"):
        WaitForTask(host_of(soap).EnterMaintenanceMode_Task(0), soap)
    assert not live(vcenter).maintenance


def test_the_wrong_mode_and_a_second_order_are_refused_at_once(soap: Any, vcenter: LabVCenter) -> None:
    host = host_of(soap)
    for order in (lambda: host.ExitMaintenanceMode_Task(0), lambda: host.RebootHost_Task(False)):
        with pytest.raises(vim.fault.InvalidState):
            order()
    live(vcenter).set_faults({"tasks": {"enter": {"stuck": True}}})
    task = host.EnterMaintenanceMode_Task(0)
    with pytest.raises(vim.fault.TaskInProgress):
        host.EnterMaintenanceMode_Task(0)
    task.CancelTask()
    assert task.info.state == "error"
    assert task.info.cancelled


def test_a_reboot_in_maintenance_mode_and_a_forced_one(soap: Any, vcenter: LabVCenter) -> None:
    host, real = host_of(soap), live(vcenter)
    for force, maintenance in ((False, True), (True, False)):
        real.maintenance = maintenance
        boots, done = real.boots, threading.Event()
        real.on_change.append(lambda each, was=boots, event=done: event.set() if each.boots > was else None)
        WaitForTask(host.RebootHost_Task(force), soap)
        assert done.wait(5)


def test_vms_are_in_the_inventory(soap: Any, vcenter: LabVCenter) -> None:
    vcenter.add_vm("web", NAME)
    view = soap.content.viewManager.CreateContainerView(soap.content.rootFolder, [vim.VirtualMachine], True)
    (vm,) = view.view
    assert (vm.name, vm.runtime.powerState, vm.runtime.host.name) == ("web", "poweredOn", NAME)
    assert [each.name for each in host_of(soap).vm] == ["web"]
    assert vm.datastore[0].summary.multipleHostAccess


def test_govc_takes_a_host_into_maintenance_mode_and_out(server: VCenterServer, vcenter: LabVCenter) -> None:
    govc = need("govc")
    environment = {
        **os.environ,
        "GOVC_URL": f"{server.url}/sdk",
        "GOVC_USERNAME": USER,
        "GOVC_PASSWORD": PASSWORD,
        "GOVC_TLS_CA_CERTS": str(server.certificate.cert_file),
        "GOVC_PERSIST_SESSION": "false",
    }
    for verb, expected in (("enter", True), ("exit", False)):
        subprocess.run(
            [govc, f"host.maintenance.{verb}", f"/Datacenter/host/prod/{NAME}"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert live(vcenter).maintenance is expected
