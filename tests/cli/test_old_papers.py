"""What the commands say of papers of the format before."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.domain.proposal.propose import propose
from auditor.workflows.proposal_file import proposal_document
from tests.cli.conftest import Run
from tests.papers.edits import before, written
from tests.proposal.loading import HERE, case_of, load


@pytest.mark.parametrize("execute", [(), ("--execute", "--ticket", "CHG1")], ids=["dry", "execute"])
def test_the_command_shows_an_old_proposal_and_does_not_apply_it(
    execute: tuple[str, ...], auditor: Run, tmp_path: Path
) -> None:
    proposal = propose(case_of(load(HERE / "post-restore")[0]))
    done = auditor("apply", str(written(tmp_path, before(proposal_document(proposal)))), *execute)
    assert done.code == 5
    assert done.out.startswith("MADE BEFORE THE WHOLE TEXT WAS PROTECTED")
    assert proposal.chosen is not None
    assert proposal.chosen.title in " ".join(done.out.split())
    assert "auditor apply" not in done.out
    assert f"auditor propose {proposal.cluster}" in done.err
