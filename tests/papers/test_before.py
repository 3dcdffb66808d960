"""Papers of the format before: shown, never carried out. What was begun with them is resumed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.codec import canonical, canonical_plain
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.steps import Outcome
from auditor.errors import OldPaperError
from auditor.reports.apply import render_apply
from auditor.workflows.apply import apply, resume
from auditor.workflows.apply_run import Patience
from auditor.workflows.proposal_file import proposal_document, read_proposal
from auditor.workflows.rollback.papers import approval_document, load_approval, load_plan, plan_document
from tests.apply.stage import SHORT, Stage, stage, tools
from tests.apply.test_faults import Around
from tests.papers.edits import before, written
from tests.proposal.loading import HERE, case_of, load
from tests.vcenter.editing import IN_VAIN
from tests.workflows.rollback.driving import HISTORY, again, approval, fresh, make
from tests.workflows.rollback.site import Site, SiteHost
from tests.workflows.rollback.test_run import halfway

SAYS = "made before the whole text was protected"


def test_a_proposal_is_refused_with_what_to_do(tmp_path: Path) -> None:
    proposal = propose(case_of(load(HERE / "post-restore")[0]))
    with pytest.raises(OldPaperError, match=f"{SAYS}: propose again") as refusal:
        read_proposal(written(tmp_path, before(proposal_document(proposal))))
    assert refusal.value.hint == f"auditor propose {proposal.cluster}"
    assert refusal.value.paper == proposal


def test_plan_and_approval_are_refused_with_what_to_do(tmp_path: Path) -> None:
    made = make(fresh(tmp_path, "s", SiteHost(name="esx1")), tmp_path)
    with pytest.raises(OldPaperError, match=f"{SAYS}: plan again"):
        load_plan(written(tmp_path, before(plan_document(made))))
    with pytest.raises(OldPaperError, match=f"{SAYS}: approve again"):
        load_approval(written(tmp_path, before(approval_document(approval(made)))))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def stored(history: Path, document: str, *, without: tuple[str, ...] = ()) -> None:
    """Make the one operation of a history as it was kept before: its document, and ``without`` what its steps did not keep."""
    with sqlite3.connect(history) as conn:
        conn.execute("UPDATE operations SET document = ?", (document,))
        for id_, text in conn.execute("SELECT id, data FROM journal WHERE step = 'facts'").fetchall():
            data = {name: value for name, value in json.loads(text).items() if name not in without}
            conn.execute("UPDATE journal SET data = ? WHERE id = ?", (json.dumps(data), id_))
    conn.close()


def test_an_apply_that_was_begun_before_is_finished(at: Stage) -> None:
    proposal = at.proposal()
    with tools(at.access, patience=IN_VAIN) as real:

        def away() -> None:
            at.vcenter.starting = True

        gone = replace(real, editor=Around(real.editor, "finish_commit", away))  # type: ignore[arg-type]
        result = apply(proposal, gone, execute=True, operator="me", ticket="CHG1", patience=Patience(absence=0.2, pause=0.1))
    assert result.outcome is Outcome.UNFINISHED
    at.vcenter.starting = False
    old = {name: value for name, value in json.loads(canonical(proposal)).items() if name != "from_host"}
    stored(at.access.history, canonical_plain(old), without=("forecast", "may_act"))
    with tools(at.access, may_commit=False) as real:
        later = resume(result.operation.id, real, SHORT)
    assert (later.outcome, later.why) == (Outcome.APPLIED, "")
    assert len(at.commits) == 1
    assert "applied" in render_apply(later)


def test_a_rollback_that_was_begun_before_is_finished(tmp_path: Path) -> None:
    site: Site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    halfway(site, tmp_path, "reboot")
    with sqlite3.connect(tmp_path / HISTORY) as conn:
        [text] = conn.execute("SELECT document FROM operations").fetchone()
    conn.close()
    paper = json.loads(text)
    old = {**paper, "plan": before(paper["plan"]), "approval": before(paper["approval"])}
    stored(tmp_path / HISTORY, canonical_plain(old))
    status = again(site, tmp_path)
    assert status is not None
    assert status.rolled_back, status.hosts[0].why
