"""Nothing that reads is made with an object that can change a host, and what acts may call nothing beyond its list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyVmomi import vim

from auditor.errors import RefusedError
from auditor.vcenter.hostcontrol import TABLE
from auditor.vcenter.operations import Gate, operations
from tests.control.conftest import Bench

PACKAGE = Path(__file__).parents[2] / "auditor"
WRITERS = {"auditor.esxi.control", "auditor.esxi.order", "auditor.vcenter.hostcontrol", "auditor.esxi.escrow"}
READERS = (
    "auditor.esxi.host",
    "auditor.esxi.look",
    "auditor.vcenter.reader",
    "auditor.vcenter.hostapi",
    "auditor.vcenter.surroundings",
    "auditor.workflows.audit",
    "auditor.workflows.collect",
    "auditor.workflows.snapshot",
    "auditor.workflows.windows",
    "auditor.cli.audit",
    "auditor.cli.snapshot",
    "auditor.cli.banks",
    "auditor.cli.wiring",
)


def imported(module: str) -> Iterator[str]:
    """What a module of ours imports from ours, inside functions too."""
    path = PACKAGE.parent / Path(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        path = PACKAGE.parent / Path(*module.split(".")) / "__init__.py"
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("auditor"):
            yield node.module
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if (PACKAGE.parent / Path(*name.split(".")).with_suffix(".py")).is_file())
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("auditor"))


@pytest.mark.parametrize("module", READERS)
def test_no_reader_reaches_a_writer(module: str) -> None:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += imported(each)
    assert not seen & WRITERS
    assert len(seen) > 3


def test_the_list_of_writes_is_what_it_says_and_apart_from_the_reads() -> None:
    writes, reads = operations(TABLE), operations()
    assert not writes.keys() & reads.keys()
    assert {operation.effect for operation in writes.values()} == {"host-write"}
    declared = {
        (kind._wsdlName, info.wsdlName): info.privId or ""
        for kind in (vim.HostSystem, vim.host.FirmwareSystem, vim.Task)
        for info in kind._methodInfo.values()
    }
    for (protocol, service, name), operation in writes.items():
        assert protocol == "soap"
        assert declared[service, name] == operation.privilege
    dangerous = {
        "ShutdownHost_Task",
        "DisconnectHost_Task",
        "ReconnectHost_Task",
        "EnterLockdownMode",
        "PowerDownHostToStandBy_Task",
    }
    gate = Gate({**reads, **writes})
    for name in dangerous:
        with pytest.raises(RefusedError):
            gate.check("soap", ("HostSystem",), name)
    with pytest.raises(RefusedError):
        gate.check("soap", ("HostFirmwareSystem",), "RestoreFirmwareConfiguration")


def test_the_surroundings_are_read_by_the_reading_list(bench: Bench) -> None:
    bench.situation()
    assert bench.surroundings.gate.allowed == operations()
    assert {operation.effect for operation in bench.surroundings.gate.passed} <= {"read", "session"}


def test_looking_leaves_nothing_on_the_host(bench: Bench) -> None:
    host = bench.host()
    before, acts = host.state_digest(), list(host.acts)
    bench.situation()
    bench.looker.look(bench.target())
    assert (host.state_digest(), host.acts) == (before, acts)
