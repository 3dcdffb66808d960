"""How a rollback ends by each fault of a host or of vCenter, through the real adapters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.rollback_desk import Desk

RUNS_OUT = {
    "NOT_RETURNED": ("grace_minutes", "watch_minutes"),
    "RETURNED_UNHEALTHY": ("connect_minutes",),
    "ABORTED": ("grace_minutes",),
}
"""What is waited for in vain before this end, and so is short. Everything else has time, also on a busy machine."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "state", "mend"),
    [
        ({"reboot": {"never": True}}, "NOT_RETURNED", False),
        ({"reboot": {"old_bank": True}}, "FELL_BACK", False),
        ({"reboot": {"host_key": True}}, "RETURNED_UNHEALTHY", False),
        ({"reboot": {"old_password": True}}, "RETURNED_UNHEALTHY", False),
        ({"reboot": {"forget_vcenter": True}}, "RETURNED_UNHEALTHY", True),
        ({"bank": "read-only"}, "ABORTED", False),
        ({"bank": "full"}, "ABORTED", False),
        ({"tasks": {"enter": {"error": "The operation is not allowed in the current state."}}}, "ABORTED", False),
        ({"tasks": {"reboot": {"error": "The operation is not allowed in the current state."}}}, "ABORTED", False),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_real_adapters_make_of_each_fault(desk: Desk, faults: dict[str, Any], state: str, mend: bool) -> None:
    config = desk.folder / "ann.toml"
    patient = text = config.read_text()
    for patience in RUNS_OUT.get(state, ()):
        text, found = re.subn(rf"{patience} = \d+", f"{patience} = 0.1", text)
        assert found == 1
    config.write_text(text)
    path = desk.planned("--unattended")
    first, second = desk.hosts
    first.set_faults(faults)
    stopped = desk("rollback", "run", str(path), "--execute", "--ticket", "T", "--unattended", "--json")
    assert stopped.code == 1, stopped.err
    found = [host["state"] for host in stopped.document["operations"][0]["hosts"]]
    assert found == [state, "NOT_BEGUN"], stopped.err
    assert desk.acts(second) == []
    assert desk.acts(first).count("went down") <= 1
    if state == "ABORTED":
        assert first.boot_bank is not None
        assert first.boot_bank.bootstate == 0
        assert "went down" not in desk.acts(first)
    if mend:
        config.write_text(patient)
        desk.lab.play.reconnect(first.name)
        went_on = desk("rollback", "resume")
        assert went_on.code == 0, went_on.err
        assert desk.acts(first).count("went down") == 1
