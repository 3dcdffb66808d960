"""Orders to an ESXi host's own API, against vcsim playing one, which nobody here wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from auditor import newfile
from auditor.domain.observation import Read, Route
from auditor.domain.rollback.control import Evacuation, HostTask, TaskState, TaskView
from auditor.errors import AbsentError, RefusedError
from auditor.ports import HostTarget
from auditor.vcenter.hostapi import HostApiSettings
from auditor.vcenter.hostcontrol import ApiHostControl
from auditor.vcenter.tls import fetch_thumbprint

pytestmark = pytest.mark.judge("vcsim")


@pytest.fixture
def control(vcsim_esx: int) -> Iterator[ApiHostControl]:
    pins = {"esx.example": fetch_thumbprint("127.0.0.1", vcsim_esx)}
    endpoint = HostApiSettings("auditor", thumbprints=pins).endpoint
    made = ApiHostControl(Route.HOST_API, endpoint, lambda: "right", endpoint)
    yield made
    made.close()


@pytest.fixture
def target(vcsim_esx: int) -> HostTarget:
    return HostTarget("esx.example", "127.0.0.1", vcsim_esx)


def ended(control: ApiHostControl, target: HostTarget, task: HostTask) -> TaskView:
    end = time.monotonic() + 60
    while not (view := control.task(target, task)).state.over:
        assert time.monotonic() < end, view
        time.sleep(0.02)
    return view


def test_into_maintenance_mode_and_out_again(control: ApiHostControl, target: HostTarget) -> None:
    assert control.maintenance_mode(target) == Read(False)
    task = control.enter_maintenance(target, Evacuation.NO_ACTION, 60)
    assert ended(control, target, task).state is TaskState.SUCCESS
    assert control.maintenance_mode(target) == Read(True)
    with pytest.raises(RefusedError):
        control.cancel(target, task)
    assert control.pending(target) == ()
    assert ended(control, target, control.leave_maintenance(target, 60)).state is TaskState.SUCCESS
    assert control.maintenance_mode(target) == Read(False)


def test_what_vcsim_lacks_is_refused_or_absent(control: ApiHostControl, target: HostTarget, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        control.reboot(target, "test")
    with pytest.raises(AbsentError, match="firmware"):
        control.fetch_bundle(target, partial(newfile.save, tmp_path / "bundle.tgz"))
    assert not (tmp_path / "bundle.tgz").exists()
    assert control.task(target, HostTask("task-99999")).state is TaskState.GONE
