from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.editor import VCenterImageEditor
from tests import judges
from tests.vcenter.editing import Place, fill, served
from tests.vcenter.servers import Certificate, make_certificate


@dataclass
class Clock:
    """Always the same time."""

    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass
class Silence:
    """A progress that remembers what it was told."""

    told: list[tuple[str, object]] = field(default_factory=list)

    def start(self, phase: str, total: int | None) -> None:
        self.told.append((phase, total))

    def advance(self, phase: str, note: str = "") -> None:
        self.told.append((phase, note))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress() -> Silence:
    return Silence()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


def _vcsim(*options: str) -> Iterator[int]:
    path = judges.need("vcsim")
    command = [path, "-l", "127.0.0.1:0", "-username", "auditor", "-password", "right", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"@?127\.0\.0\.1:(\d+)/sdk", process.stdout.readline())
        assert found, "vcsim printed no address"
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def vcsim() -> Iterator[int]:
    """The port of a real vcsim: one datacenter, two clusters of three hosts, one stand-alone host."""
    yield from _vcsim("-cluster", "2", "-host", "3", "-standalone-host", "1", "-vm", "0")


@pytest.fixture(scope="session")
def vcsim_esx() -> Iterator[int]:
    """The port of a real vcsim that plays a single ESXi host."""
    yield from _vcsim("-esx", "-vm", "0")


@pytest.fixture(scope="session")
def data() -> Path:
    return Path(__file__).parent / "data"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with served(fill(LabVCenter("8.0.3")), tmp_path) as place:
        yield place


@pytest.fixture
def editor(place: Place) -> Iterator[VCenterImageEditor]:
    editor = place.editor()
    yield editor
    editor.close()
