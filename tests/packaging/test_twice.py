"""`.ci/twice`, which runs failed tests once more: on small suites of its own, as `.ci/run` calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TWICE = Path(__file__).parents[2] / ".ci" / "twice"
PYTEST = Path(sys.executable).with_name("pytest")

GOOD = "def test_good(): pass\n"
FLAKY = """
import pathlib, pytest
@pytest.mark.parametrize("what", ["a@b"])
def test_flaky(what):
    seen = pathlib.Path("seen")
    assert seen.exists() or seen.touch()
"""
BROKEN = "def test_broken(): assert 0\n"
FLAKY_SETUP = """
import pathlib, pytest
@pytest.fixture
def part():
    seen = pathlib.Path("seen")
    assert seen.exists() or seen.touch()
def test_of_a_part(part): pass
"""
BAD = "def test_bad(): pass\n"
DIES = "import os\ndef test_dies(): os._exit(0)\n"
WORSE = """
import os, pathlib
def test_worse():
    seen = pathlib.Path("seen")
    if seen.exists():
        os._exit(0)
    seen.touch()
    assert 0
"""
NAMELESS = "def pytest_sessionfinish(session): session.exitstatus = 1\n"
CRASH = "def pytest_runtest_logfinish(nodeid): 1 / ('bad' not in nodeid)\n"


def twice(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q\n")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [str(TWICE), str(PYTEST), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_good_suite_runs_once(tmp_path: Path) -> None:
    done = twice(tmp_path, test_good=GOOD)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout.splitlines()[-1]
    assert "FLAKY" not in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadgroup")], ids=["one process", "two workers"])
def test_what_passes_then_is_flaky_and_fails_nothing(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = twice(tmp_path, *workers, test_flaky=FLAKY, test_good=GOOD)
    assert done.returncode == 0, done.stdout
    assert "1 failed, 1 passed" in done.stdout, "pytest's own closing line"
    assert "1 passed" in done.stdout.splitlines()[-2], "only what failed ran again"
    assert done.stdout.splitlines()[-1] == "FLAKY test_flaky.py::test_flaky[a@b]"


def test_so_is_what_a_fixture_fails_in(tmp_path: Path) -> None:
    done = twice(tmp_path, test_part=FLAKY_SETUP)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "FLAKY test_part.py::test_of_a_part"


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    done = twice(tmp_path, test_flaky=FLAKY, test_good=GOOD, test_broken=BROKEN)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "FLAKY test_flaky.py::test_flaky[a@b]",
        "FAILED TWICE test_broken.py::test_broken",
    ]


def test_a_failure_of_an_earlier_run_is_not_counted(tmp_path: Path) -> None:
    assert twice(tmp_path, test_broken=BROKEN).returncode == 1
    (tmp_path / "test_broken.py").unlink()
    done = twice(tmp_path, test_flaky=FLAKY)
    assert done.returncode == 0
    assert "broken" not in done.stdout


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no tests"),
        pytest.param({"test_good": "import nothing_of_that_name\n"}, id="cannot be imported"),
        pytest.param({"test_good": GOOD, "test_last": DIES}, id="ended as if all were well"),
        pytest.param({"test_flaky": FLAKY, "test_last": BAD, "conftest": CRASH}, id="crashed after a failure"),
        pytest.param({"test_good": GOOD, "conftest": NAMELESS}, id="failed without a name"),
    ],
)
def test_a_run_that_did_not_end_as_one_fails(tmp_path: Path, files: dict[str, str]) -> None:
    done = twice(tmp_path, **files)
    assert done.returncode == 1
    assert "did not run to their end" in done.stdout.splitlines()[-1]
    assert "FLAKY" not in done.stdout


def test_nothing_is_flaky_when_the_second_run_crashes(tmp_path: Path) -> None:
    done = twice(tmp_path, test_worse=WORSE)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "FAILED TWICE test_worse.py::test_worse"
