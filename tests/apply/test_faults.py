"""What can go wrong, each with its named end: our own draft gone, or named; nothing committed, or once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.proposal.steps import Outcome, Step
from auditor.errors import LockedError
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.ports import ImageEditor
from auditor.reports.apply import apply_document, render_apply
from auditor.vcenter.tasks import Patience as EditorPatience
from auditor.workflows.apply import apply, resume
from auditor.workflows.apply_look import Tools
from auditor.workflows.apply_run import ApplyResult, Patience
from tests.apply.stage import SHORT, TARGET, Stage, stage, tools
from tests.vcenter.editing import ADD_ON, IN_VAIN, NEW, OLD, QUICK
from tests.wire.judging import COMMITS, forbidden

SOFTWARE = "com.vmware.esx.settings.clusters.software"
DRAFTS = f"{SOFTWARE}.drafts"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


class Around:
    """An editor during whose call ``name`` something else happens first, once."""

    def __init__(self, real: ImageEditor, name: str, happens: Callable[[], object]) -> None:
        self._real, self._name, self._happens = real, name, happens
        self._left = 1

    def __getattr__(self, name: str) -> Any:
        if name == self._name and self._left:
            self._left = 0
            self._happens()
        return getattr(self._real, name)


def run(at: Stage, real: Tools, patience: Patience = SHORT) -> ApplyResult:
    return apply(at.proposal(), real, execute=True, operator="me", ticket="CHG1", patience=patience)


def run_with(at: Stage, *faults: Fault, patience: EditorPatience = QUICK) -> ApplyResult:
    proposal = at.proposal()
    for fault in faults:
        at.vcenter.faults.add(fault)
    with tools(at.access, patience=patience) as real:
        return apply(proposal, real, execute=True, operator="me", ticket="CHG1", patience=SHORT)


def wait_until(so: Callable[[], bool]) -> None:
    for _ in range(3000):
        if so():
            return
        time.sleep(0.02)
    pytest.fail("it never came so")


def nothing_left(at: Stage) -> None:
    """Nothing committed, our draft gone, nobody touched."""
    assert at.commits == []
    assert at.own == ()
    assert at.desired == DesiredSoftware(OLD)
    assert forbidden(at.vcenter.calls.kinds(), COMMITS) == {}
    at.untouched()


@dataclass(frozen=True)
class Case:
    """A fault before the commit: where it strikes, the step that ends in failure, whether that is a refusal, and its words."""

    fault: Fault
    step: Step
    refused: bool
    says: str


CASES = {
    "validate error in a task that succeeded": Case(
        Fault(f"{DRAFTS}.validate$task", FaultKind.INVALID), Step.VALIDATE, True, "vLCM finds the image invalid: Planned fault"
    ),
    "validate fails": Case(
        Fault(f"{DRAFTS}.validate$task", FaultKind.FAIL, error="InternalServerError"), Step.VALIDATE, False, "Planned fault"
    ),
    "depot changes under our feet": Case(
        Fault(f"{DRAFTS}.validate$task", FaultKind.FORGET, item=NEW), Step.VALIDATE, True, "The depot has no"
    ),
    "depot changes before the commit": Case(
        Fault(f"{DRAFTS}.commit$task", FaultKind.FORGET, item=NEW), Step.COMMIT, True, "vCenter refuses the image"
    ),
    "commit refused": Case(
        Fault(f"{DRAFTS}.commit$task", FaultKind.INVALID), Step.COMMIT, True, "vCenter refuses the image: Planned fault"
    ),
    "commit refused since another operation runs": Case(
        Fault(f"{DRAFTS}.commit$task", FaultKind.ERROR, error="NotAllowedInCurrentState"), Step.COMMIT, True, "Planned fault"
    ),
    "commit fails": Case(Fault(f"{DRAFTS}.commit$task", FaultKind.FAIL, error="Error"), Step.COMMIT, False, "Planned fault"),
    "session expired between scan and commit": Case(
        Fault(f"{DRAFTS}.commit$task", FaultKind.EXPIRE, times=1), Step.COMMIT, False, "vCenter no longer knows the session"
    ),
    "scan of the draft fails": Case(
        Fault(f"{DRAFTS}.scan$task", FaultKind.FAIL, error="InternalServerError"), Step.DRAFT_SCAN, False, "Planned fault"
    ),
    "a layer cannot be set": Case(
        Fault(f"{DRAFTS}.software.add_on.set", FaultKind.ERROR, error="Error"), Step.LAYERS, False, "Planned fault"
    ),
    "answer to the making of the draft lost": Case(
        Fault(f"{DRAFTS}.create", FaultKind.LOSE, times=1), Step.DRAFT, False, "whether it was done is not known"
    ),
    "vCenter restarts while layers are set": Case(
        Fault(f"{DRAFTS}.software.base_image.set", FaultKind.RESTART, seconds=0.5, times=1), Step.LAYERS, False, "503"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_ends_withdrawn(at: Stage, name: str) -> None:
    case = CASES[name]
    result = run_with(at, case.fault)
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, case.refused), result.why
    assert case.says in result.why
    assert result.record.failed(case.step)
    assert result.record.done(Step.DISCARD)
    assert result.operation.outcome == "withdrawn"
    assert f"NO  {case.step.value}" in render_apply(result)
    nothing_left(at)


def test_another_operation_running_is_refused_and_named(at: Stage) -> None:
    proposal = at.proposal()
    at.vcenter.begin_operation("prod", "apply$task", user="carol@lab.example")
    with tools(at.access) as real:
        result = apply(proposal, real, execute=True, operator="me", ticket="CHG1")
    assert (result.outcome, result.refused) == (Outcome.REFUSED, True)
    assert "apply$task by carol@lab.example since" in result.why
    nothing_left(at)


def test_another_operation_that_begins_before_the_commit(at: Stage) -> None:
    with tools(at.access) as real:
        happens = Around(real.editor, "image", lambda: at.vcenter.begin_operation("prod", "stage$task"))
        result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True)
    assert "stage$task" in result.why
    nothing_left(at)


def test_a_draft_of_our_own_account_that_nobody_here_made(at: Stage) -> None:
    theirs = at.vcenter.add_draft("prod", DesiredSoftware(NEW))
    with tools(at.access) as real:
        result = run(at, real)
    assert (result.outcome, result.refused) == (Outcome.REFUSED, True)
    assert f"has draft {theirs.id} of" in result.why
    assert at.own == (theirs,)
    assert at.commits == []
    at.untouched()


def test_our_own_leftover_that_a_restore_brought_back(at: Stage) -> None:
    """A backup is made while our draft is there; the draft goes, and comes back with the restore."""
    saved: list[Any] = []
    with tools(at.access) as real:
        happens = Around(real.editor, "validate", lambda: saved.append(at.vcenter.backup()))
        tried = apply(at.proposal(), replace(real, editor=happens), execute=False, operator="me")  # type: ignore[arg-type]
    assert tried.outcome is Outcome.DRY_RUN
    at.vcenter.restore(saved[0])
    [left] = at.own
    with tools(at.access) as real:
        result = run(at, real)
    assert (result.outcome, result.why) == (Outcome.APPLIED, "")
    assert [e.data["leftover"] for e in result.entries if "leftover" in e.data] == [left.id]
    assert (at.own, at.desired) == ((), TARGET)
    at.untouched()


def test_a_scan_that_is_not_as_predicted(at: Stage) -> None:
    """A host is updated by hand between the facts and the scan of the draft."""
    host = next(iter(at.vcenter.hosts.values()))
    with tools(at.access) as real:
        happens = Around(real.editor, "validate", lambda: host.remediate(make_image(NEW)))
        result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True)
    assert f"{host.name}: expected COMPLIANT, the scan says INCOMPATIBLE" in result.why
    assert (at.own, at.commits) == ((), [])
    document = apply_document(result)
    assert [each["host"] for each in document["hosts"] if not each["expected"]] == [host.name]


def test_somebody_commits_between_scan_and_commit(at: Stage) -> None:
    with tools(at.access) as real:
        happens = Around(real.editor, "image", lambda: at.vcenter.set_desired("prod", DesiredSoftware(NEW), author="carol"))
        result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True)
    assert "the cluster's image was changed by somebody else" in result.why
    assert (at.own, at.commits, at.desired) == ((), [], DesiredSoftware(NEW))


def test_somebody_changes_our_draft_before_the_commit(at: Stage) -> None:
    def change() -> None:
        [own] = at.own
        at.vcenter.database.drafts[own.id] = replace(own, software=DesiredSoftware(OLD, ADD_ON))

    with tools(at.access) as real:
        result = run(at, replace(real, editor=Around(real.editor, "image", change)))  # type: ignore[arg-type]
    assert (result.outcome, result.refused) == (Outcome.WITHDRAWN, True)
    assert "our draft was changed by somebody else since it was scanned: base image" in result.why
    nothing_left(at)


def test_somebody_discards_our_draft(at: Stage) -> None:
    with tools(at.access) as real:
        happens = Around(real.editor, "validate", lambda: at.vcenter.database.drafts.pop(at.own[0].id))
        result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
    assert result.outcome is Outcome.WITHDRAWN
    nothing_left(at)


class TestCommitOfUnknownOutcome:
    def test_the_answer_is_lost_and_it_was_made(self, at: Stage) -> None:
        result = run_with(at, Fault(f"{DRAFTS}.commit$task", FaultKind.LOSE, times=1))
        assert (result.outcome, result.why) == (Outcome.APPLIED, "")
        assert len(at.commits) == 1
        assert (at.own, at.desired) == ((), TARGET)
        assert at.commits_sent() == 1
        assert "found after the interruption" in render_apply(result)
        at.untouched()

    def test_vcenter_restarts_instead_of_committing(self, at: Stage) -> None:
        result = run_with(at, Fault(f"{DRAFTS}.commit$task", FaultKind.RESTART, seconds=0.5, times=1))
        assert result.outcome is Outcome.WITHDRAWN
        assert "the commit was not made" in result.why
        assert at.commits_sent() == 1
        nothing_left(at)

    def test_vcenter_restarts_while_the_commit_is_waited_for(self, at: Stage) -> None:
        with tools(at.access) as real:
            happens = Around(real.editor, "finish_commit", lambda: at.vcenter.restart(0.5))
            result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
        assert (result.outcome, result.why) == (Outcome.APPLIED, "")
        assert len(at.commits) == 1
        assert at.commits_sent() == 1

    def test_vcenter_stays_away_and_comes_back_later(self, at: Stage) -> None:
        with tools(at.access, patience=IN_VAIN) as real:

            def away() -> None:
                at.vcenter.starting = True

            gone = replace(real, editor=Around(real.editor, "finish_commit", away))  # type: ignore[arg-type]
            result = run(at, gone, Patience(absence=0.2, pause=0.1))
        assert result.outcome is Outcome.UNFINISHED
        assert result.operation.unfinished
        assert apply_document(result)["next"] == [f"auditor apply --resume {result.operation.id}"]
        at.vcenter.starting = False
        with tools(at.access) as real, pytest.raises(LockedError, match="unfinished"):
            apply(result.proposal, real, execute=True, operator="me", ticket="CHG1")
        with tools(at.access, may_commit=False) as real:
            later = resume(result.operation.id, real, SHORT)
        assert (later.outcome, later.why) == (Outcome.APPLIED, "")
        assert len(at.commits) == 1
        assert at.commits_sent() == 1
        at.untouched()

    def test_a_commit_that_never_ends_stays_open(self, at: Stage) -> None:
        result = run_with(at, Fault(f"{DRAFTS}.commit$task", FaultKind.STUCK), patience=IN_VAIN)
        assert result.outcome is Outcome.UNFINISHED
        assert "is still RUNNING after" in result.why
        assert result.operation.unfinished
        [own] = at.own
        at.vcenter.tasks.clear()  # vCenter was restarted: nobody knows the task
        with tools(at.access, may_commit=False) as real:
            later = resume(result.operation.id, real, SHORT)
        assert later.outcome is Outcome.WITHDRAWN
        assert own.id in later.record.data(Step.DISCARD)["draft"]
        nothing_left(at)


class TestAfterTheCommit:
    def test_somebody_acts_on_a_host(self, at: Stage) -> None:
        host = next(iter(at.vcenter.hosts.values()))
        with tools(at.access) as real:
            result = run(at, replace(real, editor=Around(real.editor, "scan", host.reboot)))  # type: ignore[arg-type]
        assert (result.outcome, result.operation.outcome) == (Outcome.APPLIED_DIFFERS, "applied-differs")
        assert f"{host.name} was restarted" in result.why
        assert len(at.commits) == 1

    def test_somebody_puts_a_host_into_maintenance_mode_and_takes_it_out_again(self, at: Stage) -> None:
        name, host = next(iter(at.vcenter.hosts.items()))

        def visit() -> None:
            at.vcenter.host_tasks.enter(at.vcenter.host(name), host, 0.0, "carol@lab.example")
            wait_until(lambda: host.maintenance)
            at.vcenter.host_tasks.leave(at.vcenter.host(name), host, "carol@lab.example")
            wait_until(lambda: not host.maintenance)

        with tools(at.access) as real:
            result = run(at, replace(real, editor=Around(real.editor, "compliance", visit)))  # type: ignore[arg-type]
        assert result.outcome is Outcome.APPLIED_DIFFERS
        assert f"HostSystem.enterMaintenanceMode on {name} by carol@lab.example at" in result.why
        assert "HostSystem.exitMaintenanceMode" in result.why

    def test_somebody_begins_to_remediate(self, at: Stage) -> None:
        with tools(at.access) as real:
            happens = Around(real.editor, "compliance", lambda: at.vcenter.begin_operation("prod", "apply$task"))
            result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
        assert result.outcome is Outcome.APPLIED_DIFFERS
        assert "apply$task by carol@lab.example" in result.why

    def test_somebody_commits_another_image_at_once(self, at: Stage) -> None:
        with tools(at.access) as real:
            happens = Around(real.editor, "scan", lambda: at.vcenter.set_desired("prod", DesiredSoftware(NEW), author="carol"))
            result = run(at, replace(real, editor=happens))  # type: ignore[arg-type]
        assert result.outcome is Outcome.APPLIED_DIFFERS
        assert "the cluster's image is not the target: add-on" in result.why
        assert "not of our commit" in result.why

    def test_the_fresh_scan_fails(self, at: Stage) -> None:
        result = run_with(at, Fault(f"{SOFTWARE}.scan$task", FaultKind.FAIL, error="Error"))
        assert result.outcome is Outcome.APPLIED_DIFFERS
        assert len(at.commits) == 1
        assert result.record.failed(Step.SCAN)

    def test_vcenter_is_away_for_the_proof(self, at: Stage) -> None:
        with tools(at.access) as real:

            def away() -> None:
                at.vcenter.starting = True

            happens = Around(real.editor, "compliance", away)
            result = run(at, replace(real, editor=happens), Patience(absence=0.2, pause=0.1))  # type: ignore[arg-type]
        assert result.outcome is Outcome.UNFINISHED
        at.vcenter.starting = False
        with tools(at.access, may_commit=False) as real:
            later = resume(result.operation.id, real, SHORT)
        assert (later.outcome, later.why) == (Outcome.APPLIED, "")
        assert at.commits_sent() == 1


def test_vcenter_is_away_from_the_start(at: Stage) -> None:
    proposal = at.proposal()
    at.vcenter.starting = True
    with tools(at.access) as real:
        result = apply(proposal, real, execute=True, operator="me", ticket="CHG1", patience=SHORT)
    assert (result.outcome, result.refused, result.operation.outcome) == (Outcome.FAILED, False, "failed")
    assert "its clusters could not be read" in result.why
    at.vcenter.starting = False
    nothing_left(at)
