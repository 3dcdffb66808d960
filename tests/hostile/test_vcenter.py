"""No vCenter can hold a run or fill its memory: each behaviour of a list, by the command a user types."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.lab.running import running
from auditor.lab.scenario_file import load
from tests.hostile.vcenter_peer import BEHAVIOURS, Behaviour, Front, front
from tests.vcenter.servers import Certificate, make_certificate

VCENTER_SECONDS = 30
"""The deadline of one vCenter here. All are read side by side, so that of a run is the same."""
LONG = 240
"""The same where something else has to end it."""
GRACE = 5
START = 90
"""Seconds a busy machine may take beside that, to start an interpreter and to take answers apart. What is printed is measured;
this is only far below for ever."""
MEMORY = 300 * 1024 * 1024
HEALTHY = "vc-healthy"
PASSWORD = "PlantedPassword-9731"

MEASURE = """
import json, os, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
sys.stdout.buffer.write(json.dumps({"code": done.returncode, "peak": peak, "out": done.stdout.decode()}).encode())
"""


@dataclass
class Lab:
    where: tuple[str, int]
    user: str
    password: str
    certificate: Certificate


@dataclass
class Ran:
    code: int
    seconds: float
    peak: int
    document: dict[str, Any]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("hostile")
    with running(load("steady")) as started:
        text = started.workspace.config.read_text()
        host, port = (re.search(rf"^{key} = (.*)$", text, re.MULTILINE) for key in ("host", "port"))
        assert host is not None
        assert port is not None
        vcenter = started.play.vcenter
        yield Lab(
            (json.loads(host[1]), int(port[1])), vcenter.sessions.user, vcenter.password, make_certificate(folder, "localhost")
        )


def snapshot(folder: Path, lab: Lab, fronts: Sequence[tuple[str, int]], *extra: str, vcenter: int = VCENTER_SECONDS) -> Ran:
    """``auditor snapshot`` of these vCenters, by name and port, with its time and the most memory it had."""
    config = folder / "auditor.toml"
    lines = ["[history]", 'path = "history.db"', "[deadlines]", "connect = 5", "authenticate = 5", "command = 5"]
    lines += [f"request = {vcenter // 2}", f"vcenter = {vcenter}"]
    for name, port in fronts:
        lines += ["[[vcenter]]", f"name = {json.dumps(name)}", 'host = "127.0.0.1"', f"port = {port}"]
        lines += [f"user = {json.dumps(lab.user)}", 'password = { env = "HOSTILE_PASSWORD" }']
        lines += [f'thumbprint = "{lab.certificate.thumbprint}"']
    config.write_text("\n".join(lines) + "\n")
    config.chmod(0o600)
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "auditor", "snapshot", "--json", "--config", str(config)]
    environment = {**os.environ, "HOSTILE_PASSWORD": lab.password, "HOME": str(folder)}
    began = time.monotonic()
    done = subprocess.run([*command, *extra], env=environment, capture_output=True, timeout=400, check=True)
    seconds = time.monotonic() - began
    told = json.loads(done.stdout)
    assert told["out"], done.stderr.decode()
    return Ran(told["code"], seconds, told["peak"], json.loads(told["out"]))


def reasons(ran: Ran, name: str) -> dict[str, str]:
    """Why each part of that vCenter could not be read."""
    view = next(view for view in ran.document["vcenters"] if view["name"] == name)
    return {gap["part"]: gap["unread"] for gap in view["gaps"]}


def judge(behaviour: Behaviour, served: Front, ran: Ran, name: str) -> None:
    found = reasons(ran, name)
    assert served.misbehaved, f"{behaviour.name}: it was never asked"
    assert found, f"{behaviour.name}: it passed for read"
    assert set(found.values()) & behaviour.reasons, (behaviour.name, found)


def test_none_holds_the_run_or_the_others(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All at once, beside one that is well: the run ends in time, and the one that is well is read whole."""
    some = [behaviour for behaviour in BEHAVIOURS if not behaviour.alone]
    well = Behaviour("is well", frozenset())
    with ExitStack() as stack:
        fronts = [stack.enter_context(front(b, lab.certificate, lab.where)) for b in some]
        good = stack.enter_context(front(well, lab.certificate, lab.where))
        named = [(f"vc{number:02}", served.port) for number, served in enumerate(fronts)]
        ran = snapshot(tmp_path, lab, [*named, (HEALTHY, good.port)])
    with capsys.disabled():
        print(f"\n{len(some)} hostile vCenters at once: {ran.seconds:.1f} s, {ran.peak >> 20} MB")
        for (name, _), behaviour in zip(named, some, strict=True):
            print(f"  {behaviour.name:45} {', '.join(sorted(set(reasons(ran, name).values())))}")
    assert ran.code == 4
    assert not reasons(ran, HEALTHY)
    seen = [host for host in ran.document["hosts"] if host["vcenter"] == HEALTHY]
    assert seen
    for (name, _), behaviour, served in zip(named, some, fronts, strict=True):
        judge(behaviour, served, ran, name)
    assert ran.seconds <= VCENTER_SECONDS + GRACE + START
    assert ran.peak <= MEMORY


@pytest.mark.parametrize("behaviour", [b for b in BEHAVIOURS if b.alone], ids=lambda b: b.name)
def test_none_fills_the_memory(behaviour: Behaviour, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with front(behaviour, lab.certificate, lab.where) as served:
        ran = snapshot(tmp_path, lab, [("vc", served.port)], vcenter=LONG)
    with capsys.disabled():
        print(f"\n  {behaviour.name:45} {ran.seconds:.1f} s, {ran.peak >> 20} MB, {sorted(set(reasons(ran, 'vc').values()))}")
    assert ran.code == 4
    judge(behaviour, served, ran, "vc")
    assert ran.peak <= MEMORY
    assert ran.seconds < LONG // 2, "it was ended by bytes, and not by time"


def test_a_run_ends_when_its_time_is_over_with_what_it_has(lab: Lab, tmp_path: Path) -> None:
    silent = next(b for b in BEHAVIOURS if b.name == "every answer takes its time")
    well = Behaviour("is well", frozenset())
    with front(silent, lab.certificate, lab.where) as bad, front(well, lab.certificate, lab.where) as good:
        ran = snapshot(tmp_path, lab, [("vc", bad.port), (HEALTHY, good.port)], "--max-time", "15s", vcenter=LONG)
    assert ran.code == 4
    assert set(reasons(ran, "vc").values()) == {"out-of-time"}
    assert set(reasons(ran, HEALTHY)) <= {"settings of hosts"}  # these come after what all vCenters tell of their hosts
    assert ran.seconds <= 15 + GRACE + START
