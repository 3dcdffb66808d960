"""Every edit of a proposal and of an inverse: with the digest left as it was, and with one that the forger worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.proposal.case import Case
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.inverse import inverse, moved
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.restate import differences, restate
from auditor.domain.proposal.steps import Outcome
from auditor.domain.proposal.values import ImageProposal, sealed
from auditor.domain.rollback.canonical import paper_digest
from auditor.errors import InputError, RefusedError
from auditor.reports.apply import render_apply
from auditor.workflows.apply import apply
from auditor.workflows.proposal_file import proposal_document, read_proposal
from tests.apply.stage import SHORT, Stage, stage, tools
from tests.papers.edits import edits, pattern, written
from tests.proposal.loading import HERE, case_of, load

SHAPES = ("mixed", "solutions", "composite-parts", "hardware-support", "retained-removed", "unseen-host", "post-restore")

UNTOLD = (
    "id", "digest",  # the forger works them out anew
    "created", "expires",  # no fact tells them; their bounds are held
    "others", "notes", "from_host", "may_act", "chosen.evidence",  # nothing of them is shown from the file
    "facts: element added", "facts: reversed",  # they are compared by name
    "mode.detail", "mode.raw", "old.detail", "old.raw", "commit.detail", "commit.raw",  # words on what was not read
)  # fmt: skip
"""What of a proposal is not said anew, and why that lets nobody print a word of his own."""


def resealed(document: Any) -> Any:
    """With the name and the digest that fit the edited text, as somebody who reads this program could work them out."""
    if not isinstance(document, dict) or not {"id", "created", "cluster_id"} <= document.keys():
        return document
    made = {**document, "id": ""}
    created = str(made["created"])[:19].replace("-", "").replace(":", "")
    made["id"] = f"{made['cluster_id']}-{created}Z-{paper_digest(made)[:8]}"
    return {**made, "digest": paper_digest(made)}


def case_named(name: str) -> Case:
    return case_of(load(HERE / name)[0])


def undone(case: Case) -> ImageProposal:
    proposal = propose(case)
    assert proposal.chosen is not None
    return inverse(proposal, case, proposal.chosen.target, 1, case.at)


@pytest.mark.parametrize("shape", [*SHAPES, "inverse"])
def test_every_edit_is_refused(shape: str, tmp_path: Path) -> None:
    proposal = undone(case_named(SHAPES[0])) if shape == "inverse" else propose(case_named(shape))
    document = proposal_document(proposal)
    assert read_proposal(written(tmp_path, document)) == proposal
    passed, tried = [], 0
    for name, edited in edits(document):
        tried += 1
        try:
            read_proposal(written(tmp_path, edited))
        except (InputError, RefusedError):
            continue
        passed.append(name)
    assert tried > 500
    assert passed == []


def refused(document: Any, case: Case, folder: Path) -> bool:
    """Whether reading the file, or reading the facts anew, refuses it: the steps of an apply."""
    try:
        proposal = read_proposal(written(folder, document))
    except (InputError, RefusedError):
        return True
    if proposal.time_problem(case.at) or proposal.expired(case.at) or not proposal.ready:
        return True
    assert proposal.chosen is not None
    if moved(proposal, facts(case, proposal.chosen.target)):
        return True
    said = restate(proposal, case)
    return said is None or said.chosen is None or bool(said.chosen.blockers) or bool(differences(proposal, said, case))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_edit_with_a_digest_that_fits_again_is_refused_but_for_what_nothing_shows(shape: str, tmp_path: Path) -> None:
    case = case_named(shape)
    document = proposal_document(propose(case))
    assert not refused(document, case, tmp_path)
    assert not refused(resealed(document), case, tmp_path)
    passed = {pattern(name) for name, edited in edits(document) if not refused(resealed(edited), case, tmp_path)}
    untold = (*UNTOLD, "chosen.forecast[].why") if shape == "unseen-host" else UNTOLD  # why it was not read
    assert sorted(name for name in passed if not name.startswith(untold)) == []
    assert passed  # a forger may write notes: they are in the file alone


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("chosen", "target"), "security patch only", "chosen.target: must be a table, not text"),
        (("chosen", "changes", 0, "layer"), "security", "chosen.changes[0].layer: 'security' is not one of"),
        (("old", "value", "spec"), "{", "old.value.spec"),
        (("created",), "yesterday", "created"),
        (("facts",), None, "facts: must be a list, not null"),
        (("facts", 0, "note"), "x", "facts[0]: unknown key 'note'"),
    ],
    ids=str,
)
def test_a_malformed_part_is_named(path: tuple[Any, ...], value: object, says: str, tmp_path: Path) -> None:
    document = proposal_document(propose(case_named("mixed")))
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(InputError) as refusal:
        read_proposal(written(tmp_path, document))
    assert says in str(refusal.value)


def test_a_target_that_nothing_leads_to_is_refused(at: Stage) -> None:
    proposal = at.proposal()
    assert proposal.chosen is not None
    made_up = replace(proposal.chosen.target, components={"Made-Up": "1.0"})
    forged = sealed(replace(proposal, chosen=replace(proposal.chosen, target=made_up)))
    with tools(at.access) as real:
        result = apply(forged, real, execute=True, operator="me", ticket="CHG1")
    assert result.outcome is Outcome.REFUSED
    assert at.commits_sent() == 0


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def test_what_an_apply_prints_is_never_the_forgers_word(at: Stage, tmp_path: Path) -> None:
    """Over the real adapters: every eighth edit of what it would print or decide by. What ends early changes nothing."""
    document = proposal_document(at.proposal())
    chosen = [pair for pair in edits(document) if pair[0].startswith(("cluster", "vcenter", "chosen", "may_act", "old"))]
    with tools(at.access, may_commit=False) as dry:
        honest = render_apply(apply(read_proposal(written(tmp_path, document)), dry, execute=False, operator="me"))
        for name, edited in chosen[::8]:
            try:
                proposal = read_proposal(written(tmp_path, resealed(edited)))
                result = apply(proposal, dry, execute=False, operator="me", patience=SHORT)
            except (InputError, RefusedError):
                continue
            assert result.outcome in {Outcome.REFUSED, Outcome.FAILED, Outcome.DRY_RUN}, name
            if result.outcome is Outcome.DRY_RUN:
                assert _bare(render_apply(result)) == _bare(honest), name


def _bare(text: str) -> list[str]:
    """Without the numbers of operation and draft."""
    return [line for line in text.splitlines() if "operation" not in line and "draft" not in line]


def test_a_forged_security_patch_only_is_refused_and_the_truth_is_printed(at: Stage) -> None:
    proposal = at.proposal()
    assert proposal.chosen is not None
    changes = tuple(replace(change, new="security patch only") for change in proposal.chosen.changes)
    forged = sealed(replace(proposal, chosen=replace(proposal.chosen, changes=changes)))
    with tools(at.access) as real:
        result = apply(forged, real, execute=True, operator="me", ticket="CHG1")
    assert (result.outcome, result.refused) == (Outcome.REFUSED, True)
    new = proposal.chosen.changes[0].new
    assert f'chosen.changes[0].new says "security patch only", it is "{new}"' in result.why
    head = render_apply(result).partition("\n\n")[0]
    assert new in head
    assert "security" not in head
