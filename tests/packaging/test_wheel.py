"""An installed wheel finds its schemas, its runbooks and its data, with the source tree out of sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree without any download."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it. Our libraries come from the present environment by a .pth file, without its
    editable install, so that nothing is downloaded and ``auditor`` can only be the wheel's."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, with_pip=False, symlinks=True)
    site = next((place / "lib").glob("python3.*")) / "site-packages"
    command = [sys.executable, "-m", "pip", "--python", str(place), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # A path added by a .pth file is searched after the environment's own, and its own .pth files are not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def auditor(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "VC_PASSWORD": "x" * 8}
    return subprocess.run(
        [str(installed / "bin" / "auditor"), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_what_the_folders_hold(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, pattern in (("schemas", "*.json"), ("runbooks", "*.md")):
        files = sorted((ROOT / folder).glob(pattern))
        assert files
        assert {f"auditor/_shipped/{folder}/{path.name}" for path in files} <= names
    assert "auditor/config/auditor.toml" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import auditor; print(auditor.__file__)"
    done = subprocess.run([installed / "bin" / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_runbooks_are_found(installed: Path, tmp_path: Path) -> None:
    done = auditor(installed, tmp_path, "runbook", "list", "--json")
    assert done.returncode == 0, done.stderr
    listed = {entry["name"] for entry in json.loads(done.stdout)["runbooks"]}
    assert listed == {path.stem for path in (ROOT / "runbooks").glob("*.md")}
    shown = auditor(installed, tmp_path, "runbook", "show", "host-ahead")
    assert shown.stdout == (ROOT / "runbooks" / "host-ahead.md").read_text()


def test_schemas_and_template_are_found(installed: Path, tmp_path: Path) -> None:
    written = auditor(installed, tmp_path, "config", "init", "--config", "auditor.toml")
    assert written.returncode == 0, written.stderr
    path = tmp_path / "auditor.toml"
    path.write_text(path.read_text().replace("AUDITOR_VC01_PASSWORD", "VC_PASSWORD"))
    done = auditor(installed, tmp_path, "config", "check")
    assert done.returncode == 0, done.stderr
    path.write_text(path.read_text() + "\n[limit]\n")
    refused = auditor(installed, tmp_path, "config", "check")
    assert refused.returncode == 1
    assert "unknown key 'limit'; did you mean 'limits'?" in refused.stderr


@pytest.mark.parametrize(
    "command", [[], ["snapshot"], ["audit"], ["config"], ["hosts"], ["history"], ["banks"], ["runbook"], ["lab"]]
)
def test_every_command_loads(command: list[str], installed: Path, tmp_path: Path) -> None:
    done = auditor(installed, tmp_path, *command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: auditor")
