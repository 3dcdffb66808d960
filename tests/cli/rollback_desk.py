"""Ann and bob, who take hosts back on a simulated cluster by the command lines."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.cli.main import main
from auditor.lab.hosts.host import LabHost
from auditor.lab.running import Running, running
from auditor.lab.scenario import Scenario
from auditor.resources import schema

SCENARIO = Path(__file__).parent / "rollback.toml"
OLD = "8.0.3-0.60.24585383"

SETTINGS = """
[rollback]
operator = "{operator}"
unattended = true
poll_seconds = 0.2
grace_minutes = 5
watch_minutes = 10
silence_minutes = 0.03
person_minutes = 5
connect_minutes = 1
{more}
[rollback.changed]
root_password = "2024-01-31"
host_keys = "2024-06-01"
certificates = "2024-06-01"
authorized_keys = "2024-11-15"
security_policy = "2024-06-01"
settings = "2024-02-20"

[backup]
folder = "bundles"
key = {{ env = "TEST_BACKUP_KEY" }}
"""


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """The lab, and ann and bob who use the tool on it."""

    lab: Running
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, who: str = "ann") -> Done:
        self.capsys.readouterr()
        code = main([*words, "--config", str(self.folder / f"{who}.toml")])
        captured = self.capsys.readouterr()
        return Done(code, captured.out, captured.err)

    @property
    def hosts(self) -> list[LabHost]:
        return list(self.lab.play.hosts.values())

    def planned(self, *options: str) -> Path:
        """A plan of the whole cluster, approved by bob."""
        path = self.folder / "prod.plan.json"
        plan = self("rollback", "plan", "--cluster", "Prod", "--to", "24585383", "--out", str(path), *options)
        assert plan.code == 0, plan.out + plan.err
        approval = self("rollback", "approve", str(path), who="bob")
        assert approval.code == 0, approval.err
        # Both are one user of this machine here; only the runner's own file is refused, and a configured name says who is who.
        return path

    def acts(self, host: LabHost) -> list[str]:
        return [act.what for act in host.acts]


@contextmanager
def opened(
    scenario: Scenario, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: str = ""
) -> Iterator[Desk]:
    """The desk, with ``more`` in [rollback]."""
    with running(scenario, keep=folder) as lab:
        for name, value in lab.workspace.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TEST_BACKUP_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        monkeypatch.chdir(folder)
        base = re.sub(r"(?m)^\[(rollback|backup)[^\]]*\]\n([^\[\n].*\n)*", "", lab.workspace.config.read_text())
        for who in ("ann", "bob"):
            path = folder / f"{who}.toml"
            path.write_text(base + SETTINGS.format(operator=who, more=more))
            path.chmod(0o600)
        for host in lab.play.hosts.values():
            host.acts.clear()
        yield Desk(lab, folder, capsys)


def valid(document: Any, name: str) -> Any:
    assert [error.message for error in Draft202012Validator(schema(name)).iter_errors(document)] == []
    return document


def wait_until_gone(host: LabHost) -> None:
    """The fleet follows a host's state in its own thread."""
    for _ in range(6000):
        with socket.socket() as probe:
            if probe.connect_ex((host.address, host.port)):
                return
        time.sleep(0.01)
    raise AssertionError(f"{host.name} still listens")
