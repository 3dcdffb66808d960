"""A configuration of one vCenter with SSH, in a home of its own, and a history to look at; and the desk of the rollbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.domain.image import BaseImage, Commit, DesiredImage
from auditor.domain.observation import ClusterView, Read
from auditor.domain.versions import BaseImageVersion
from auditor.history.store import SqliteHistory
from auditor.lab.scenario_file import load
from tests.cli.rollback_desk import SCENARIO, Desk, opened
from tests.reports import estates


@dataclass
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUDITOR_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VC_PASSWORD", "hunter2-vcenter")
    monkeypatch.setenv("ESXI_PASSWORD", "hunter2-esxi")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config(home: Path) -> Path:
    path = home / "auditor.toml"
    path.write_text(
        """
        [history]
        path = "history.db"
        [[vcenter]]
        name = "vc01"
        host = "127.0.0.1"
        port = 9
        user = "auditor@vsphere.local"
        password = { env = "VC_PASSWORD" }
        [ssh]
        password = { env = "ESXI_PASSWORD" }
        known_hosts = "known_hosts"
        [ssh.addresses]
        "esx01.example.org" = "127.0.0.1:2201"
        [[host]]
        name = "esx99.example.org"
        address = "127.0.0.9:2299"
        [deadlines]
        connect = 2
        """
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def auditor(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``auditor ARGUMENTS`` with that configuration."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


def image(version: str) -> DesiredImage:
    return DesiredImage(BaseImage(BaseImageVersion.parse(version)), spec=f'{{"base_image": {{"version": "{version}"}}}}')


@pytest.fixture
def recorded(config: Path) -> Path:
    """Two finished runs: commit 5 of Prod-A, then a restore that brought commit 5 again, with another time and image;
    and one run that never ended."""
    before, after = image("8.0.3-0.70.24674464"), image("8.0.3-0.60.24585383")
    path = config.parent / "history.db"
    with SqliteHistory(path) as history:
        for day, (wanted, committed) in enumerate([(before, -1), (after, -40)]):
            at = estates.AT + timedelta(days=day)
            commit = Commit("5", "jane@vsphere.local", estates.AT + timedelta(days=committed), "May update")
            view = estates.recorded().vcenters[1]
            cluster = ClusterView("domain-c8", "Prod-A", Read(estates.cluster(()).mode.value), Read(wanted), Read(commit))  # type: ignore[union-attr]
            run = history.begin("snapshot", at)
            history.record_vcenter(run, replace(view, at=at, clusters=Read((cluster,))))
            for observation in estates.recorded().hosts:
                history.record_host(run, replace(observation, at=at))
            history.finish(run, at, "incomplete")
        history.begin("audit", estates.AT + timedelta(days=2))
    return path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """The lab of the rollbacks, and who uses the tool on it."""
    with opened(load(str(SCENARIO)), tmp_path / "lab", monkeypatch, capsys) as desk:
        yield desk
