"""`make wheelhouse`: built once, judged by CycloneDX's schema, installed and run with no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(*command: object, **words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **words)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheelhouse. Without a package index it cannot be built: a skip with the reason, and in CI a failure."""
    folder = tmp_path_factory.mktemp("supply") / "wheelhouse"
    done = run(sys.executable, ROOT / "supply" / "wheelhouse.py", folder)
    if done.returncode and "CI" not in os.environ and "No matching distribution" in done.stderr:
        pytest.skip("pip reaches no package index, so the wheelhouse was not built")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def cut_off() -> list[str]:
    """What a command is put behind to have no network at all; empty where this machine does not allow it."""
    words = [*(["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]), "--"]
    return words if shutil.which("unshare") and run(*words, "true").returncode == 0 else []


@pytest.fixture(scope="module")
def installed(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of INSTALL.txt, in a network of its own where that is possible, and with proxies that lead nowhere."""
    place = tmp_path_factory.mktemp("installed") / "auditor"
    [line] = [line.strip() for line in (house / "INSTALL.txt").read_text().splitlines() if " -m venv " in line]
    assert line.startswith("python3 -m venv ")
    command = line.replace("python3 ", f"{sys.executable} ", 1).replace("/opt/auditor", str(place))
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(place.parent), "PIP_CONFIG_FILE": os.devnull,
        "http_proxy": nowhere, "https_proxy": nowhere, "PIP_INDEX_URL": nowhere,
    }  # fmt: skip
    done = run(*cut_off(), "sh", "-c", command, cwd=house, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_every_file_is_in_the_sums(house: Path) -> None:
    sums = dict(reversed(line.split("  ")) for line in (house / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in house.iterdir()} - {"SHA256SUMS"}
    assert all(hashlib.sha256((house / name).read_bytes()).hexdigest() == digest for name, digest in sums.items())


def test_the_sbom_is_one_and_names_every_wheel(house: Path) -> None:
    text = (house / "bom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    listed = [*bom["components"], bom["metadata"]["component"]]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in house.glob("*.whl")}
    assert {one["content"] for component in listed for one in component["hashes"]} == digests
    for component in listed:
        assert component["purl"].startswith(f"pkg:pypi/{component['name']}@{component['version']}"), component
        assert component["licenses"], component


def test_the_schema_refuses_what_is_no_sbom() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str('{"bomFormat": "CycloneDX"}') is not None


def test_licences_of_others_are_listed(house: Path) -> None:
    text = (house / "THIRD-PARTY-LICENSES.txt").read_text()
    for name in ("paramiko", "cryptography", "vmware-vcenter", "rich"):
        assert f"\n{name} " in text
    assert "see its text" not in text.partition("=" * 100)[0]


def test_it_installs_with_no_network_and_runs(installed: Path, tmp_path: Path) -> None:
    environment = {"PATH": f"{installed / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    version = run(installed / "bin" / "auditor", "--version", env=environment, cwd=tmp_path)
    assert version.stdout.startswith("auditor, version "), version.stderr
    audit = run(
        installed / "bin" / "auditor",
        "lab",
        "run",
        "--quiet",
        "steady",
        "--",
        "auditor",
        "audit",
        env=environment,
        cwd=tmp_path,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert audit.stdout.startswith("IN SYNC")


def test_a_changed_wheel_is_refused(house: Path, tmp_path: Path) -> None:
    changed = tmp_path / "house"
    shutil.copytree(house, changed)
    wheel = next(changed.glob("click-[0-9]*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    options = ["--no-index", "--find-links", ".", "--require-hashes", "--target", tmp_path / "x", "-r", "requirements.txt"]
    done = run(sys.executable, "-m", "pip", "install", *options, cwd=changed, env={"PIP_CONFIG_FILE": os.devnull})
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
