"""A host's own API across the reboot that brings its older image back: another boot, another version, another password."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor import newfile
from auditor.domain.observation import Read, Reason, Route, Unread
from auditor.domain.rollback.control import Evacuation, TaskState
from auditor.errors import ConnectError, DeniedError, InDoubtError, TrustError
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.lab import Lab
from auditor.lab.vcenter.api_versions import release
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.ports import HostTarget
from auditor.vcenter.hostapi import HostApiReader, HostApiSettings
from auditor.vcenter.hostcontrol import ApiHostControl
from tests.control.conftest import NEW, Bench, SystemClock, eventually


def settings(bench: Bench, **pins: str) -> HostApiSettings:
    assert bench.lab.host_apis is not None
    return HostApiSettings("root", thumbprints=bench.lab.host_apis.thumbprints() | pins, connect_timeout=20, read_timeout=60)


def target(bench: Bench) -> HostTarget:
    assert bench.lab.host_apis is not None
    return HostTarget(bench.host().name, bench.host().address, bench.lab.host_apis.port, "lab")


def test_the_host_tells_of_itself_what_it_tells_vcenter(bench: Bench) -> None:
    seen = HostApiReader(settings(bench), lambda: DEFAULT_PASSWORD, SystemClock()).read(target(bench))
    assert seen.trouble is None
    assert seen.route is Route.HOST_API
    assert isinstance(seen.product, Read)
    assert seen.product.value.build == "24674464"
    assert isinstance(seen.base_image, Read)
    assert seen.base_image.value.version.raw == NEW
    assert isinstance(seen.vibs, Read)
    image = bench.host().running_image
    assert {(vib.name, vib.version) for vib in seen.vibs.value} == {(vib.name, vib.version) for vib in image.vibs}
    assert isinstance(seen.components, Read)
    assert seen.maintenance_mode == Read(False)
    assert seen.staged == Read(None)


def test_one_host_knows_nothing_of_the_others_and_moves_no_vm(bench: Bench) -> None:
    bench.vcenter.cluster("prod").drs = "fullyAutomated"
    bench.vcenter.add_vm("web", bench.host().name)
    task = bench.own.enter_maintenance(bench.target(), Evacuation.NO_ACTION, 1)
    eventually(lambda: bench.own.task(bench.target(), task).state.over)
    view = bench.own.task(bench.target(), task)
    assert view.state is TaskState.ERROR
    assert "timed out" in view.why.lower()
    assert not bench.host().maintenance
    assert [vm.host for vm in bench.vcenter.vms.values()] == [bench.host().name]


def test_a_reboot_takes_sessions_and_tasks_with_it(bench: Bench) -> None:
    host = bench.host()
    host.maintenance, host.reboot_seconds = True, 1.0
    task = bench.own.reboot(bench.target(), "test")
    eventually(lambda: host.power == "rebooting")
    bench.settle()
    with pytest.raises(ConnectError):
        bench.own.task(bench.target(), task)
    assert isinstance(bench.own.maintenance_mode(bench.target()), Unread)
    eventually(lambda: host.power == "on")
    bench.settle()
    assert bench.own.task(bench.target(), task).state is TaskState.GONE
    assert bench.own.pending(bench.target()) == ()
    assert bench.own.maintenance_mode(bench.target()) == Read(True)


@pytest.mark.parametrize("looked_at_while_down", [False, True])
def test_an_older_release_is_spoken_to_in_its_own_version(tmp_path: Path, looked_at_while_down: bool) -> None:
    """The session was made with 8.0.3; what comes back is 7.0.3, which refuses requests in a version it does not have."""
    vcenter = LabVCenter("8.0.3")
    host = LabHost("esx1.lab.example", make_image("7.0.3-0.55.20328353"), address="127.1.8.1", lock=vcenter.lock)
    host.remediate(make_image(NEW))
    host.maintenance = True
    lab = Lab(vcenter, [host], tmp_path, host_api=True)
    lab.start()
    apis = lab.host_apis
    assert apis is not None
    agents = HostApiSettings("root", thumbprints=apis.thumbprints(), connect_timeout=20, read_timeout=60)
    own = ApiHostControl(Route.HOST_API, agents.endpoint, lambda: DEFAULT_PASSWORD, agents.endpoint)
    at = HostTarget(host.name, host.address, apis.port)
    try:
        assert own.maintenance_mode(at) == Read(True)
        host.shut_down()
        apis.settle()
        if looked_at_while_down:
            assert isinstance(own.maintenance_mode(at), Unread)
        host.boot(shift_r=True)
        apis.settle()
        assert host.running_image.release == (7, 0, 3)
        assert own.maintenance_mode(at) == Read(True)
        task = own.leave_maintenance(at, 60)
        eventually(lambda: own.task(at, task).state is TaskState.SUCCESS)
        assert own.fetch_bundle(at, partial(newfile.save, tmp_path / "bundle.tgz")).size
        seen = HostApiReader(agents, lambda: DEFAULT_PASSWORD, SystemClock()).read(at)
        assert isinstance(seen.product, Read)
        assert seen.product.value.build == "20328353"
    finally:
        own.close()
        lab.stop()


def test_a_server_that_has_another_version_by_now_is_asked_which(bench: Bench) -> None:
    """The connection holds, as through a proxy, and requests in the version of before are refused: an order is sent once."""
    assert bench.lab.host_apis is not None
    server = bench.lab.host_apis.servers[bench.host().name]
    assert bench.own.maintenance_mode(bench.target()) == Read(False)
    server.agent.release = release("7.0.3")
    server.soap.version = server.agent.release.vmodl
    task = bench.own.enter_maintenance(bench.target(), Evacuation.NO_ACTION, 60)
    eventually(lambda: bench.own.task(bench.target(), task).state is TaskState.SUCCESS)
    assert len(server.agent.host_tasks.of(next(iter(server.agent.database.hosts)))) == 1


@pytest.mark.parametrize(
    ("operation", "order"),
    [
        ("EnterMaintenanceMode_Task", lambda by, target: by.enter_maintenance(target, Evacuation.NO_ACTION, 0)),
        ("RebootHost_Task", lambda by, target: by.reboot(target, "test")),
    ],
)
def test_an_order_whose_answer_does_not_come_is_in_doubt(bench: Bench, operation: str, order: Any) -> None:
    assert bench.lab.host_apis is not None
    hasty = replace(settings(bench).endpoint(target(bench)), read_timeout=2)  # forty times what an answer takes
    own = ApiHostControl(Route.HOST_API, lambda _: hasty, lambda: DEFAULT_PASSWORD)
    own.maintenance_mode(bench.target())
    bench.host().maintenance = operation == "RebootHost_Task"
    agent = bench.lab.host_apis.servers[bench.host().name].agent
    agent.faults.add(Fault(operation, FaultKind.DELAY, seconds=6))
    with pytest.raises(InDoubtError):
        order(own, bench.target())
    own.close()
    assert [call.operation for call in agent.calls.all()].count(operation) == 1


def test_a_password_that_came_back_with_the_older_image_is_tried_once(bench: Bench) -> None:
    host = bench.host()
    assert bench.own.maintenance_mode(bench.target()) == Read(False)
    with host.lock:
        host.password = "what it was then"
    assert bench.lab.host_apis is not None
    agent = bench.lab.host_apis.servers[host.name].agent
    agent.sessions.end_all()
    for _ in range(3):
        mode = bench.own.maintenance_mode(bench.target())
        assert isinstance(mode, Unread)
        assert mode.reason is Reason.DENIED
    with pytest.raises(DeniedError):
        bench.own.reboot(bench.target(), "test")
    assert len([event for event in agent.database.events if "Cannot login" in event.message]) == 1


def test_a_host_that_shows_another_hosts_certificate_is_not_logged_in_to(bench: Bench) -> None:
    assert bench.lab.host_apis is not None
    swapped = settings(bench, **{bench.host().name: bench.lab.host_apis.thumbprints()[bench.host(2).name]})
    own = ApiHostControl(Route.HOST_API, lambda _: swapped.endpoint(target(bench)), lambda: DEFAULT_PASSWORD)
    bench.host().maintenance = True
    with pytest.raises(TrustError):
        own.reboot(bench.target(), "test")
    own.close()
    assert bench.host().power == "on"
    assert bench.lab.host_apis.servers[bench.host().name].vcenter.calls.all() == []
