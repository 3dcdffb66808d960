"""What changes between two looks, and what is not believed: the draft, the file, the vCenter behind a name, a full disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.image import DesiredImage, Solution
from auditor.domain.proposal.steps import Outcome, Step
from auditor.domain.proposal.values import CandidateKind, sealed
from auditor.errors import HistoryError, RefusedError
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.ports import ImageEditor, Journal
from auditor.workflows.apply import apply, resume
from auditor.workflows.apply_run import Patience
from auditor.workflows.proposal_file import read_proposal
from tests.apply.stage import SHORT, Stage, stage, tools
from tests.apply.test_faults import Around, nothing_left, run
from tests.domain.estates import base
from tests.vcenter.editing import IN_VAIN, NEW, OLD


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


class Seen:
    """An editor in whose answers to the call ``name`` something is changed from the ``after``-th on."""

    def __init__(self, real: ImageEditor, name: str, change: Callable[[DesiredImage], DesiredImage], after: int = 1) -> None:
        self._real, self._name, self._change, self._left = real, name, change, after

    def __getattr__(self, name: str) -> Any:
        return self._changed if name == self._name else getattr(self._real, name)

    def _changed(self, *arguments: Any) -> DesiredImage:
        image: DesiredImage = getattr(self._real, self._name)(*arguments)
        self._left -= 1
        return self._change(image) if self._left < 0 else image


def with_solution(image: DesiredImage) -> DesiredImage:
    return replace(image, solutions=(*image.solutions, Solution("com.example.agent", "1")))


@pytest.mark.parametrize("name", ["image", "draft_image"])
def test_a_solution_that_comes_between_scan_and_commit(at: Stage, name: str) -> None:
    after = {"image": 0, "draft_image": 4}[name]  # twice for the layers, at the scan, for the inverse
    with tools(at.access) as real:
        result = run(at, replace(real, editor=Seen(real.editor, name, with_solution, after)))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True), result.why
    assert result.record.done(Step.INVERSE)
    assert "was changed by somebody else" in result.why
    nothing_left(at)


@pytest.mark.parametrize("how", ["added", "restarted"])
def test_hosts_that_are_not_as_they_were_scanned(at: Stage, how: str) -> None:
    """The look right before the commit."""
    first = next(iter(at.vcenter.hosts.values()))

    def happens() -> None:
        if how == "added":
            at.vcenter.add_host(LabHost("prod-3.lab.example", make_image(NEW)), "prod")
        else:
            first.reboot()

    with tools(at.access) as real:
        result = run(at, replace(real, editor=Around(real.editor, "image", happens)))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True), result.why
    assert "hosts are not as they were scanned" in result.why
    assert {"added": "prod-3.lab.example was added", "restarted": f"{first.name} was restarted"}[how] in result.why
    assert (at.commits, at.own, at.commits_sent()) == ([], (), 0)


def test_what_forbids_it_is_judged_anew_and_not_believed_from_the_file(at: Stage) -> None:
    """A digest is no signature. A blocker that was cut out of the file is found again."""
    proposal = at.proposal()
    depot = at.vcenter.database.depot
    depot.base_images.pop(NEW)
    again = at.proposals()
    assert again.chosen is not None
    assert [w.code.value for w in again.chosen.blockers] == ["depot-gap"]
    cut = sealed(replace(again, chosen=replace(again.chosen, warnings=(), missing=())))
    assert cut.ready
    assert cut.intact
    with tools(at.access) as real:
        result = apply(cut, real, execute=True, operator="me", ticket="CHG1", patience=SHORT)
    assert (result.outcome, result.refused) == (Outcome.REFUSED, True)
    assert "judged anew it may not be applied: depot-gap" in result.why
    assert proposal.digest != cut.digest
    nothing_left(at)


def test_what_is_allowed_to_an_inverse_is_for_one_that_an_apply_wrote(at: Stage) -> None:
    """A downgrade below what the hosts run: only undoing an apply may do that."""
    at.vcenter.set_desired("prod", DesiredSoftware(NEW))
    raised = at.proposal()
    assert raised.chosen is not None
    chosen = replace(raised.chosen, kind=CandidateKind.INVERSE, target=replace(raised.chosen.target, base_image=base(OLD)))
    forged = sealed(replace(raised, chosen=chosen))
    assert (forged.ready, forged.intact) == (True, True)
    with tools(at.access) as real, pytest.raises(RefusedError, match="no apply in this history file wrote it"):
        apply(forged, real, execute=True, operator="me", ticket="CHG1", patience=SHORT)
    assert (at.commits, at.own, at.desired) == ([], (), DesiredSoftware(NEW))


def test_an_edited_inverse_is_none(at: Stage) -> None:
    with tools(at.access) as real:
        done = apply(at.proposal(), real, execute=True, operator="me", ticket="CHG1")
        written = read_proposal(Path(done.record.data(Step.INVERSE)["file"]))
        later = replace(written, expires=written.expires - timedelta(hours=1))
        assert not later.intact
        with pytest.raises(RefusedError, match="was changed since it was written"):
            apply(later, real, execute=True, operator="me", ticket="CHG2")
        with pytest.raises(RefusedError, match="no apply in this history file wrote it"):
            apply(sealed(later), real, execute=True, operator="me", ticket="CHG2")
        assert apply(written, real, execute=True, operator="me", ticket="CHG2").outcome is Outcome.APPLIED


def test_advice_is_not_applied_whatever_its_file_says(at: Stage) -> None:
    proposal = at.proposal()
    assert proposal.chosen is not None
    advice = sealed(replace(proposal, chosen=replace(proposal.chosen, kind=CandidateKind.ROLL_BACK_HOSTS)))
    with tools(at.access) as real, pytest.raises(RefusedError, match="roll-back-hosts is for comparison"):
        apply(advice, real, execute=True, operator="me", ticket="CHG1", patience=SHORT)


def test_another_vcenter_under_the_same_name_is_not_resumed_on(at: Stage) -> None:
    with tools(at.access, patience=IN_VAIN) as real:

        def away() -> None:
            at.vcenter.starting = True

        gone = replace(real, editor=Around(real.editor, "finish_commit", away))  # type: ignore[arg-type]
        result = run(at, gone, Patience(absence=0.2, pause=0.1))
    assert result.outcome is Outcome.UNFINISHED
    at.vcenter.starting = False
    own, at.vcenter.instance_uuid = at.vcenter.instance_uuid, "another"
    with tools(at.access, may_commit=False) as real:
        later = resume(result.operation.id, real, SHORT)
    assert later.outcome is Outcome.UNFINISHED
    assert "it is vCenter another" in later.why
    at.vcenter.instance_uuid = own
    with tools(at.access, may_commit=False) as real:
        assert resume(result.operation.id, real, SHORT).outcome is Outcome.APPLIED


class FullDisk:
    """A journal on a disk that is full from the ``after``-th entry on."""

    def __init__(self, real: Journal, after: int) -> None:
        self._real, self._left = real, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write(self, *arguments: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise HistoryError("the disk is full", where="history.db", hint="free some space")
        return self._real.write(*arguments)


@pytest.mark.parametrize("after", [0, 3, 4, 7, 11, 12, 13, 15])
def test_a_disk_that_fills_up_stops_it_and_says_how_to_go_on(at: Stage, after: int) -> None:
    proposal = at.proposal()
    with tools(at.access) as real, pytest.raises(HistoryError) as caught:
        apply(proposal, replace(real, journal=FullDisk(real.journal, after)), execute=True, operator="me", ticket="C")  # type: ignore[arg-type]
    assert "then: operation 1 is not over" in caught.value.hint
    assert at.commits_sent() <= (after >= 13)  # its intention comes first
    with tools(at.access, may_commit=False) as real:
        later = resume(1, real, SHORT)
    assert later.outcome in {Outcome.WITHDRAWN, Outcome.APPLIED}
    assert len(at.commits) == (later.outcome is Outcome.APPLIED)
    assert at.own == ()
    assert at.commits_sent() == len(at.commits)
    at.untouched()
