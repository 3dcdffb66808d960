"""Maintenance mode, reboot, bundle and recovery key: through vCenter and over SSH, on simulated hosts."""

from __future__ import annotations

import hashlib
import stat
import sys
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor import newfile
from auditor.domain.observation import Read, Reason, Route, Unread
from auditor.domain.rollback.control import Evacuation, HostTask, TaskState
from auditor.errors import BusyError, ConnectError, DeniedError, InDoubtError, InputError, RefusedError
from auditor.esxi.escrow import HelperEscrow
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import PASSWORD
from auditor.lab.vcenter.vms import Pinned
from auditor.ports import HostControl
from auditor.vcenter.hostcontrol import ApiHostControl
from tests.control.conftest import Bench, eventually

NOTHING = Evacuation.NO_ACTION


def control(bench: Bench, route: Route) -> HostControl:
    return {Route.VCENTER: bench.api, Route.HOST_API: bench.own, Route.SSH: bench.shell}[route]


def wait(bench: Bench, task: HostTask, state: TaskState = TaskState.SUCCESS) -> str:
    eventually(lambda: bench.api.task(bench.target(), task).state.over)
    view = bench.api.task(bench.target(), task)
    assert view.state is state, view
    return view.why


def enter(bench: Bench, number: int = 1) -> None:
    wait(bench, bench.api.enter_maintenance(bench.target(number), NOTHING, 0))


@pytest.mark.parametrize("route", list(Route))
def test_into_maintenance_mode_and_out_again(bench: Bench, route: Route) -> None:
    by, target = control(bench, route), bench.target()
    assert by.route is route
    assert by.maintenance_mode(target) == Read(False)
    task = by.enter_maintenance(target, Evacuation.ENSURE_ACCESSIBILITY, 60)
    eventually(lambda: by.task(target, task).state is TaskState.SUCCESS)
    assert bench.host().maintenance
    assert by.maintenance_mode(target) == Read(True)
    assert by.pending(target) == ()
    task = by.leave_maintenance(target, 60)
    eventually(lambda: by.task(target, task).state is TaskState.SUCCESS)
    assert not bench.host().maintenance


@pytest.mark.parametrize("route", list(Route))
def test_a_reboot_outside_of_maintenance_mode_is_refused_by_the_host(bench: Bench, route: Route) -> None:
    boots = bench.host().boots
    with pytest.raises(RefusedError):
        control(bench, route).reboot(bench.target(), "test")
    assert bench.host().boots == boots
    assert bench.host().power == "on"


@pytest.mark.parametrize("route", list(Route))
def test_an_orderly_reboot(bench: Bench, route: Route) -> None:
    host = bench.host()
    host.maintenance = True
    host.acts.clear()
    boots = host.boots
    control(bench, route).reboot(bench.target(), "back to 24585383; $(reboot -f) 'quoted'")
    eventually(lambda: host.boots == boots + 1)
    assert host.maintenance
    assert [act.what for act in host.acts][:2] == ["went down", "booted"]


def test_running_vms_are_moved_away_with_progress(bench: Bench) -> None:
    bench.vcenter.cluster("prod").drs = "fullyAutomated"
    bench.vcenter.add_vm("web", bench.host().name)
    bench.host().set_faults({"tasks": {"enter": {"seconds": 2}}})
    task = bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    eventually(lambda: (bench.api.task(bench.target(), task).percent or 0) > 5)
    view = bench.api.task(bench.target(), task)
    assert view.state is TaskState.RUNNING
    assert view.percent is not None
    assert 5 < view.percent < 99
    assert bench.api.pending(bench.target()) == (task,)
    with pytest.raises(BusyError):
        bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    wait(bench, task)
    assert [vm.host for vm in bench.vcenter.vms.values()] == [bench.host(2).name]


def test_a_vm_that_cannot_be_moved_fails_the_task_and_is_named(bench: Bench) -> None:
    bench.vcenter.cluster("prod").drs = "fullyAutomated"
    bench.vcenter.add_vm("gpu-1", bench.host().name, pinned=Pinned.PASSTHROUGH)
    task = bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    assert "gpu-1" in wait(bench, task, TaskState.ERROR)
    assert not bench.host().maintenance


def test_without_drs_the_task_waits_and_can_be_cancelled(bench: Bench) -> None:
    bench.vcenter.add_vm("web", bench.host().name)
    task = bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    eventually(lambda: bench.api.task(bench.target(), task).percent == 2)
    bench.api.cancel(bench.target(), task)
    assert wait(bench, task, TaskState.ERROR)
    with pytest.raises(RefusedError):
        bench.api.cancel(bench.target(), task)
    assert not bench.host().maintenance


def test_vsphere_gives_up_after_the_timeout(bench: Bench) -> None:
    bench.vcenter.add_vm("web", bench.host().name)
    task = bench.api.enter_maintenance(bench.target(), NOTHING, 1)
    assert "timed out" in wait(bench, task, TaskState.ERROR).lower()


def test_a_task_is_gone_after_vcenter_restarted_and_the_host_tells(bench: Bench) -> None:
    bench.host().set_faults({"tasks": {"enter": {"seconds": 0.3}}})
    task = bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    bench.vcenter.restart(0.2)
    with pytest.raises(ConnectError):
        bench.api.task(bench.target(), task)
    eventually(lambda: isinstance(bench.api.maintenance_mode(bench.target()), Read))
    assert bench.api.task(bench.target(), task).state is TaskState.GONE
    eventually(lambda: bench.api.maintenance_mode(bench.target()) == Read(True))


@pytest.mark.parametrize(
    ("operation", "order"),
    [
        ("EnterMaintenanceMode_Task", lambda by, target: by.enter_maintenance(target, NOTHING, 0)),
        ("RebootHost_Task", lambda by, target: by.reboot(target, "test")),
    ],
)
def test_an_order_whose_answer_does_not_come_is_in_doubt(bench: Bench, operation: str, order: Any) -> None:
    hasty = replace(bench.api._endpoint(bench.target()), read_timeout=2)  # forty times what an answer takes
    by = ApiHostControl(Route.VCENTER, lambda _: hasty, lambda: PASSWORD)
    by.maintenance_mode(bench.target())
    bench.host().maintenance = operation == "RebootHost_Task"
    bench.vcenter.faults.add(Fault(operation, FaultKind.DELAY, seconds=6))
    with pytest.raises(InDoubtError):
        order(by, bench.target())
    by.close()


def test_an_order_that_cannot_arrive_was_not_given(bench: Bench) -> None:
    bench.lab.server.http.stop()
    with pytest.raises(ConnectError) as raised:
        bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    assert not isinstance(raised.value, InDoubtError)


def test_a_host_that_vcenter_is_not_connected_to(bench: Bench) -> None:
    bench.vcenter.disconnect(bench.host().name)
    with pytest.raises(RefusedError):
        bench.api.enter_maintenance(bench.target(), NOTHING, 0)
    mode = bench.api.maintenance_mode(bench.target())
    assert isinstance(mode, Unread)
    assert mode.reason is Reason.NOT_CONNECTED
    state = bench.surroundings.connection(bench.target())
    assert isinstance(state, Read)
    assert (state.value.state, state.value.connected) == ("disconnected", False)


@pytest.mark.parametrize("route", list(Route))
def test_a_configuration_bundle_is_saved_privately(bench: Bench, route: Route) -> None:
    path = bench.folder / "bundle.tgz"
    bundle = control(bench, route).fetch_bundle(bench.target(), partial(newfile.save, path))
    data = path.read_bytes()
    assert (bundle.size, bundle.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert bundle.name == "configBundle-esx1.lab.example.tgz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        assert "Manifest.txt" in archive.getnames()
    with pytest.raises(InputError):
        control(bench, route).fetch_bundle(bench.target(), partial(newfile.save, path))


def test_a_bundle_that_does_not_come_whole_leaves_no_file(bench: Bench) -> None:
    path = bench.folder / "bundle.tgz"
    bench.host().set_faults({"commands": {"cat": {"drop": "before"}}})
    with pytest.raises(InDoubtError):
        bench.shell.fetch_bundle(bench.target(), partial(newfile.save, path))
    bench.host().set_faults({"commands": {"cat": {"output": "not an archive"}}})
    with pytest.raises(Exception, match="gzip"):
        bench.shell.fetch_bundle(bench.target(), partial(newfile.save, path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"ssh": "refuse"}, ConnectError),
        ({"ssh": "bad-password"}, DeniedError),
        ({"commands": {"esxcli system shutdown reboot": {"drop": "before"}}}, InDoubtError),
        ({"commands": {"esxcli system shutdown reboot": {"drop": "after"}}}, InDoubtError),
    ],
)
def test_an_order_over_ssh_says_whether_it_arrived(bench: Bench, faults: dict[str, Any], error: type[Exception]) -> None:
    bench.host().maintenance = True
    bench.fault(**faults)
    with pytest.raises(error) as raised:
        bench.shell.reboot(bench.target(), "test")
    assert isinstance(raised.value, InDoubtError) is (error is InDoubtError)


# Escrow ----------------------------------------------------------------------------------------------------------------


def helper(bench: Bench, body: str) -> tuple[HelperEscrow, Path]:
    kept = bench.folder / "kept"
    script = bench.folder / "helper.py"
    script.write_text(f"import os, sys\nkept = {str(kept)!r}\n{body}\n")
    return HelperEscrow(bench.reader, (sys.executable, str(script))), kept


KEEP = "open(kept, 'w').write(os.environ['AUDITOR_HOST'] + '\\n' + sys.stdin.read())"


def test_the_recovery_key_goes_to_the_helper_and_only_a_fingerprint_stays(bench: Bench) -> None:
    bench.host().encryption = "TPM"
    escrow, kept = helper(bench, KEEP)
    found = escrow.escrow(bench.target())
    host, _, key = kept.read_text().partition("\n")
    assert host == "esx1.lab.example"
    secret = key.split()[-1]
    assert secret.count("-") == 9
    assert found == Read(hashlib.sha256(" ".join(key.split()).encode()).hexdigest())
    assert escrow.escrow(bench.target()) == found
    assert secret not in repr(found) + repr(vars(escrow))


@pytest.mark.parametrize("body", ["sys.exit(3)", "print(sys.stdin.read()); sys.exit(1)"])
def test_a_helper_that_fails_is_no_escrow_and_no_leak(bench: Bench, body: str) -> None:
    bench.host().encryption = "TPM"
    found = helper(bench, body)[0].escrow(bench.target())
    assert isinstance(found, Unread)
    assert found.reason is Reason.FAILED
    assert found.raw == ""
    assert "-" not in found.detail.rpartition("ended with")[2]


def test_a_host_without_a_key_and_one_that_says_something_else(bench: Bench) -> None:
    found = helper(bench, KEEP)[0].escrow(bench.target())
    assert isinstance(found, Unread)
    assert found.reason is Reason.ABSENT
    bench.host().set_faults({"commands": {"esxcli system settings encryption recovery list": {"output": "key 1234-5678\n"}}})
    found = helper(bench, KEEP)[0].escrow(bench.target())
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNREADABLE
    assert "1234" not in found.detail + found.raw
