"""The site's own checks: who may write them, what they are given, and how long they may take."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.workflows.rollback.checks import DropInChecks


def program(folder: Path, name: str, text: str, mode: int = 0o700) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    for name in ("required", "wanted"):
        (made / name).mkdir(parents=True, mode=0o700)
    made.chmod(0o700)  # a parent is made by the umask, and that is not ours
    return made


def test_required_and_wanted_in_the_order_of_their_names(folder: Path) -> None:
    program(folder, "required/20-b", "exit 0")
    program(folder, "required/10-a", "echo no LUN; exit 3")
    program(folder, "wanted/x", "exit 1")
    program(folder, "required/old~", "exit 9")
    found = list(DropInChecks(folder, 10).run("esx1"))
    assert [(check.name, check.required, check.passed) for check in found] == [
        ("required/10-a", True, False),
        ("required/20-b", True, True),
        ("wanted/x", False, False),
    ]
    assert found[0].said == "no LUN"
    assert found[2].said == "ended with 1"


def test_it_is_given_the_host_and_nothing_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESXI_PASSWORD", "hunter2")
    program(folder, "required/a", 'echo "$#:$1"; env; cat')
    (check,) = DropInChecks(folder, 10).run("esx1; rm -rf /")
    assert check.passed
    assert check.said.startswith("1:esx1; rm -rf /")
    assert "hunter2" not in check.said
    assert "ESXI_PASSWORD" not in check.said


def test_one_that_does_not_end_is_ended_with_its_children(folder: Path, tmp_path: Path) -> None:
    program(folder, "required/a", f"(sleep 20; touch {tmp_path}/late) & echo $! > {tmp_path}/pid; wait")
    begun = time.monotonic()
    (check,) = DropInChecks(folder, 0.3).run("esx1")
    assert check.passed is None
    assert "0.3 s" in check.said
    assert time.monotonic() - begun < 15
    child = int((tmp_path / "pid").read_text())
    time.sleep(0.1)
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_long_output_is_cut(folder: Path) -> None:
    program(folder, "required/a", "yes | head -c 1000000; echo; echo last words; exit 1")
    (check,) = DropInChecks(folder, 20).run("esx1")
    assert len(check.said) <= 2000
    assert check.said.endswith("last words")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: program(folder, "required/a", "", 0o722), "others may write it"),
        (lambda folder: program(folder, "required/a", "", 0o600), "cannot be run"),
        (lambda folder: (program(folder, "required/a", ""), (folder / "required").chmod(0o777)), "others may write it"),
        (lambda folder: folder.chmod(0o777), "others may write it"),
    ],
)
def test_what_others_may_write_is_never_run(folder: Path, change: object, says: str) -> None:
    change(folder)  # type: ignore[operator] # a callable of the table above
    with pytest.raises(InputError, match=says):
        DropInChecks(folder, 10)


def test_a_program_that_cannot_start_is_not_known(folder: Path) -> None:
    path = program(folder, "required/a", "")
    checks = DropInChecks(folder, 10)
    path.write_text("#!/no/such/interpreter\n")
    (check,) = checks.run("esx1")
    assert check.passed is None
    assert "cannot be started" in check.said
