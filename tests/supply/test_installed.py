"""Licence and metadata; and that advice on what is missing fits how the tool was installed."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from auditor import installed

ROOT = Path(__file__).parents[2]
EDITABLE = {"url": "file:///srv/auditor%20x", "dir_info": {"editable": True}}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metadata folder of an installation that tests fill."""
    folder = tmp_path / "vcenter_drift_auditor-0.1.0.dist-info"
    folder.mkdir()
    monkeypatch.setattr(installed, "distribution", lambda _: PathDistribution(folder))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return folder


@pytest.mark.parametrize(
    ("installer", "origin", "said"),
    [
        ("pip", EDITABLE, "-m pip install -e '/srv/auditor x[lab]'"),
        ("pip", {"url": "file:///srv/auditor", "dir_info": {}}, "-m pip install '/srv/auditor[lab]'"),
        ("pip", {"url": "file:///m/auditor.whl", "archive_info": {}}, "-m pip install '/m/auditor.whl[lab]'"),
        ("pip", None, "install auditor again with its extra 'lab', from where you have it"),
        ("rpm", None, "auditor came with rpm: install its part 'lab' with that"),
    ],
)
def test_advice_fits(found: Path, installer: str, origin: object, said: str) -> None:
    (found / "INSTALLER").write_text(f"{installer}\n")
    if origin is not None:
        (found / "direct_url.json").write_text(json.dumps(origin))
    assert said in installed.advice("lab")
    (found.parent / "pipx_metadata.json").write_text("{}")
    assert ("pipx install --force" in installed.advice("lab")) == (origin is not None)


def test_metadata_that_is_not_there_or_damaged(found: Path) -> None:
    assert "extra 'keyring'" in installed.advice("keyring")
    (found / "direct_url.json").write_text("no JSON")
    assert "extra 'keyring'" in installed.advice("keyring")


def test_no_message_sends_people_to_a_package_index() -> None:
    index = re.compile(r"pip3? install '?(?:vcenter|auditor)|pypi", re.IGNORECASE)
    for path in sorted((ROOT / "auditor").rglob("*.*")):
        if path.suffix in {".py", ".toml", ".json", ".md"}:
            assert not index.search(path.read_text("utf-8")), path


def test_the_licence_is_in_the_metadata_and_beside_it() -> None:
    core = ProjectMetadata(str(ROOT), PluginManager()).core
    assert core.license_expression == "Apache-2.0"
    assert list(core.license_files) == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
