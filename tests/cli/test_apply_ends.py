"""What ``auditor apply`` says when it does not come to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import wiring_write
from auditor.cli.exit_codes import ExitCode
from auditor.domain.proposal.propose import propose
from auditor.workflows.proposal_file import write_proposal
from tests.cli.conftest import Run
from tests.proposal.loading import HERE, case_of, load


class Editor:
    """An editor of a vCenter that says nothing."""

    may_commit = False


@pytest.mark.parametrize(
    ("end", "code"),
    [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (NameError("a defect"), ExitCode.FAILED)],
    ids=["ctrl-c", "defect"],
)
def test_the_operation_left_open_is_named(
    end: BaseException, code: ExitCode, auditor: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = propose(case_of(load(HERE / "post-restore")[0]))
    path = write_proposal(home, proposal)

    class Steps:
        def intent(self, _step: object) -> dict[str, str]:
            raise end

    @contextmanager
    def tools(_config: object, journal: Any, *_: object, **__: object) -> Iterator[Any]:
        from auditor.cli.wiring import SystemClock

        class Made:
            editor, clock = Editor(), SystemClock()

        Made.journal = journal  # type: ignore[attr-defined]
        yield Made

    monkeypatch.setattr(wiring_write, "apply_tools", tools)
    monkeypatch.setattr("auditor.workflows.apply_run.Steps", lambda *_: Steps())
    monkeypatch.setattr(type(proposal), "expired", lambda *_: False)
    done = auditor("apply", str(path))
    assert done.code == code, done.err
    assert "operation 1 is not over" in done.err
    assert "auditor apply --resume 1" in done.err
