"""A gap is never green and an alarm never quiet, as a user meets them: the commands on a lab in which something is not read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from auditor import documents
from auditor.lab.scenario_file import load
from tests.lab_scenarios.test_lab_command import run

SCENARIOS = sorted((Path(__file__).parent / "gaps").glob("*.toml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_audit_and_snapshot_say_what_is_missing(path: Path, tmp_path: Path) -> None:
    expected = load(str(path)).expected
    assert expected is not None
    both = "auditor audit --json > audit.json; echo $? > code; auditor snapshot --json > snapshot.json; auditor audit > text"
    done = run(tmp_path, "lab", "run", str(path), "-q", "--", "sh", "-c", f"cd '{tmp_path}' && {{ {both}; }}")
    report = json.loads((tmp_path / "audit.json").read_text())
    assert documents.problems(report, "audit.v1") == (), done.stderr
    found = Counter((finding["code"], finding["subject"]["name"]) for finding in report["findings"])
    assert dict(found) == dict.fromkeys(expected.findings, 1)
    assert int((tmp_path / "code").read_text()) == expected.exit
    recorded = json.loads((tmp_path / "snapshot.json").read_text())
    assert documents.problems(recorded, "snapshot.v1") == ()
    missing = {code for code, _ in expected.findings} & {"readings-missing", "host-unseen"}
    assert recorded["complete"] is not bool(missing)
    text = (tmp_path / "text").read_text()
    for finding in report["findings"]:
        assert finding["code"] in text
        assert all(host in text for host in finding["hosts"])
