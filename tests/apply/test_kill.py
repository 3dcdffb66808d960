"""kill -9 before every step of an apply, after it, and between an act and its journal entry; and so again while resuming."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.domain.proposal.steps import Outcome
from auditor.lab.vcenter.state import VCenterBackup
from auditor.workflows.apply import apply, resume
from auditor.workflows.proposal_file import write_proposal
from tests.apply.stage import SHORT, TARGET, Stage, stage, tools
from tests.wire.judging import COMMITS, forbidden

ROOT = Path(__file__).parents[2]

TRY = (
    "open",
    "facts intent",
    "facts done",
    "draft intent",
    "create_draft",
    "draft done",
    "layers intent",
    "set_base_image",
    "set_add_on",
    "layers done",
    "validate intent",
    "validate done",
    "draft-scan intent",
    "draft-scan done",
)
APPLY = (
    *TRY,
    "inverse intent",
    "keep",
    "inverse done",
    "commit intent",
    "start_commit",
    "commit note",
    "commit done",
    "scan intent",
    "scan done",
    "compare intent",
    "compare done",
    "proof intent",
    "proof done",
    "close",
)
DRY = (*TRY, "discard intent", "discard", "discard done", "close")
WITHDRAW = ("resume", "resume note", "discard intent", "discard", "discard done", "close")
FINISH = ("resume", "resume note", "commit done", "scan intent", "scan done", "compare intent", "proof done", "close")
COMMITTED = APPLY[APPLY.index("start_commit") + 1 :]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, VCenterBackup]]:
    folder = tmp_path_factory.mktemp("kill")
    with stage(folder) as at:
        write_proposal(folder, at.proposal(), "proposal.json")
        yield at, at.vcenter.backup()


@pytest.fixture
def at(served: tuple[Stage, VCenterBackup]) -> Stage:
    """The lab as it was at the start, and an empty history."""
    at, backup = served
    at.vcenter.restore(backup)
    at.vcenter.calls.clear()
    for path in Path(at.access.folder).glob("history.db*"):
        path.unlink()
    return at


Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Applies or resumes in a process of its own: how that ended, and the lines it said."""
    command = [sys.executable, "-m", "tests.apply.dying"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as mother:
        assert mother.stdin is not None
        assert mother.stdout is not None

        def run(at: Stage, verb: str, point: str = "") -> tuple[int, list[str]]:
            said = Path(at.access.folder) / "said"
            print(json.dumps([at.access.to_json(), verb, point, str(said)]), file=mother.stdin, flush=True)
            return int(mother.stdout.readline()), said.read_text().splitlines()

        yield run
        mother.stdin.close()


@pytest.fixture
def killed(at: Stage, run: Run) -> Callable[[str, str], None]:
    def killed(verb: str, point: str) -> None:
        ended, said = run(at, verb, point)
        assert ended == -signal.SIGKILL, said
        assert said[-1] == point

    return killed


Killed = Callable[[str, str], None]


def resumed(at: Stage) -> Outcome | None:
    """What a resume ends with; None when there is nothing to resume."""
    with tools(at.access, may_commit=False) as made:
        left = made.journal.operations("apply", unfinished=True)
        if not left:
            return None
        [operation] = left
        result = resume(operation.id, made, SHORT)
        assert made.journal.operation(operation.id).outcome == result.outcome.value
        return result.outcome


def in_a_right_state(at: Stage, outcome: Outcome | None) -> None:
    applied = outcome is Outcome.APPLIED
    assert len(at.commits) == (1 if applied else 0)
    assert (at.desired == TARGET) == applied
    assert at.own == ()
    assert at.commits_sent() <= 1
    assert forbidden(at.vcenter.calls.kinds(), COMMITS) == {}
    at.untouched()


def test_the_points_are_all_the_points(at: Stage, run: Run) -> None:
    assert run(at, "apply") == (0, [*APPLY, "= applied"])
    in_a_right_state(at, Outcome.APPLIED)


def test_the_points_of_a_dry_run_are_all_the_points(at: Stage, run: Run) -> None:
    assert run(at, "dry") == (0, [*DRY, "= dry-run"])
    in_a_right_state(at, Outcome.DRY_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("point", APPLY)
def test_killed_and_resumed(at: Stage, killed: Killed, point: str) -> None:
    killed("apply", point)
    outcome = resumed(at)
    expected = None if point == "open" else Outcome.APPLIED if point in COMMITTED else Outcome.WITHDRAWN
    assert outcome is expected
    in_a_right_state(at, outcome)
    if point in {"create_draft", "commit intent"}:  # and then it works
        proposal = at.proposal()
        with tools(at.access) as real:
            assert apply(proposal, real, execute=True, operator="me", ticket="CHG2").outcome is Outcome.APPLIED


@pytest.mark.slow
@pytest.mark.parametrize("point", [point for point in DRY if point not in TRY] + ["draft done", "layers done"])
def test_a_dry_run_killed_and_resumed(at: Stage, killed: Killed, point: str) -> None:
    killed("dry", point)
    outcome = resumed(at)
    assert outcome in {Outcome.WITHDRAWN, Outcome.DRY_RUN}
    in_a_right_state(at, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("point", WITHDRAW)
def test_killed_while_withdrawing(at: Stage, killed: Killed, point: str) -> None:
    killed("apply", "commit intent")
    killed("resume", point)
    outcome = resumed(at)
    assert outcome is Outcome.WITHDRAWN
    in_a_right_state(at, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("point", FINISH)
def test_killed_while_finishing(at: Stage, killed: Killed, point: str) -> None:
    killed("apply", "commit note")
    killed("resume", point)
    outcome = resumed(at)
    assert outcome is Outcome.APPLIED
    in_a_right_state(at, outcome)
