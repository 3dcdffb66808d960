"""Applying a proposal over the real adapters, the real journal and the simulated vCenter, when nothing goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from auditor import documents
from auditor.domain.assessment import Source
from auditor.domain.past import Past
from auditor.domain.proposal.steps import Outcome, Step
from auditor.domain.proposal.values import CandidateKind, Forecast, sealed
from auditor.errors import LockedError, RefusedError
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.reports.apply import apply_document, render_apply
from auditor.workflows.apply import apply, resume
from auditor.workflows.proposal_file import read_proposal
from auditor.workflows.propose import Ask, propose_live
from tests.apply.stage import CAROL, TARGET, Now, Stage, stage, tools
from tests.vcenter.editing import ADD_ON, NEW, OLD
from tests.wire.judging import COMMITS, DRY_RUN, forbidden
from tests.workflows.fakes import Quiet


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


@pytest.mark.parametrize("version", ["7.0.3", "8.0.2", "8.0.3", "9.1"])
def test_the_whole_way_in_every_version(version: str, tmp_path: Path) -> None:
    with stage(tmp_path, version) as at:
        proposal = at.proposal()
        at.vcenter.calls.clear()
        with tools(at.access, may_commit=False) as dry:
            tried = apply(proposal, dry, execute=False, operator="me@here")
        assert (tried.outcome, tried.operation.outcome, tried.operation.ticket) == (Outcome.DRY_RUN, "dry-run", "")
        assert (at.own, at.commits, at.desired) == ((), [], DesiredSoftware(OLD))
        assert forbidden(at.vcenter.calls.kinds(), DRY_RUN) == {}
        with tools(at.access) as real:
            done = apply(proposal, real, execute=True, operator="me@here", ticket="CHG1")
        assert (done.outcome, done.why) == (Outcome.APPLIED, "")
        assert all(done.record.done(step) for step in Step if step is not Step.DISCARD)
        [commit] = at.commits
        assert commit.message.startswith("CHG1 by me@here: auditor apply 2 of ")
        assert commit.message.endswith(f"proposal {proposal.digest}")
        assert commit.orchestrator == ""
        assert (at.desired, at.own) == (TARGET, ())
        assert forbidden(at.vcenter.calls.kinds(), COMMITS) == {}
        at.untouched()


def test_the_report_and_its_document(at: Stage) -> None:
    with tools(at.access) as real:
        dry = apply(at.proposal(), real, execute=False, operator="me")
        done = apply(at.proposal(), real, execute=True, operator="me", ticket="CHG1")
    for result in (dry, done):
        document = apply_document(result, "some file.json")
        assert documents.problems(document, "apply.v1") == ()
        assert [draft["owner"] for draft in document["foreign_drafts"]] == [CAROL]
        assert {host["scanned"] for host in document["hosts"]} == {"COMPLIANT"}
        text = render_apply(result, "some file.json")
        assert f"of {CAROL}, 3 days old: left alone" in text
    assert apply_document(dry, "some file.json")["next"] == ["auditor apply 'some file.json' --execute --ticket TICKET"]
    assert "no restart, no maintenance mode, no task on hosts" in render_apply(done)
    assert "commit 2" in render_apply(done)


def test_the_inverse_leads_back(at: Stage) -> None:
    with tools(at.access) as real:
        done = apply(at.proposal(), real, execute=True, operator="me", ticket="CHG1")
        inverse = read_proposal(Path(done.record.data(Step.INVERSE)["file"]))
        assert (inverse.ready, inverse.chosen and inverse.chosen.kind.value) == (True, "inverse")
        back = apply(inverse, real, execute=True, operator="me", ticket="CHG2")
    assert (back.outcome, back.why) == (Outcome.APPLIED, "")
    assert at.desired == DesiredSoftware(OLD)
    at.untouched()


def test_the_inverse_is_refused_before_what_it_undoes(at: Stage, tmp_path: Path) -> None:
    with tools(at.access) as real:
        done = apply(at.proposal(), real, execute=True, operator="me", ticket="CHG1")
        inverse = read_proposal(Path(done.record.data(Step.INVERSE)["file"]))
        at.vcenter.set_desired("prod", DesiredSoftware(NEW))
        refused = apply(inverse, real, execute=True, operator="me", ticket="CHG2")
    assert (refused.outcome, refused.refused) == (Outcome.REFUSED, True)
    assert "cluster.image" in refused.why


def test_a_moved_fact_is_named_and_nothing_is_begun(at: Stage) -> None:
    proposal = at.proposal()
    at.vcenter.set_desired("prod", DesiredSoftware(NEW), message="somebody was faster")
    with tools(at.access) as real:
        result = apply(proposal, real, execute=True, operator="me", ticket="CHG1")
    assert (result.outcome, result.refused, result.operation.outcome) == (Outcome.REFUSED, True, "refused")
    assert "cluster.commit was 1 of" in result.why
    assert "cluster.image" in result.why
    assert at.commits == []
    assert at.own == ()


def test_a_depot_that_lost_something_and_a_host_that_came_are_moved_facts(at: Stage) -> None:
    proposal = at.proposal()
    at.vcenter.database.depot.remove_base_image(NEW)
    with tools(at.access) as real:
        result = apply(proposal, real, execute=False, operator="me")
        assert f"depot base image {NEW} was present, is absent" in result.why
        at.vcenter.database.depot.add_base_image(NEW)
        at.vcenter.remove_host("prod-1.lab.example")
        result = apply(proposal, real, execute=False, operator="me")
    assert "cluster.hosts" in result.why
    assert "host prod-1.lab.example base-image" in result.why


def test_what_may_not_be_applied_is_refused_before_anything_is_written(at: Stage) -> None:
    proposal = at.proposal()
    assert proposal.chosen is not None
    unlike = replace(proposal, digest="0" * 64)
    old = sealed(replace(proposal, expires=proposal.created - timedelta(hours=1)))
    advice = sealed(replace(proposal, chosen=replace(proposal.chosen, kind=CandidateKind.RECOMMENDATION)))
    with tools(at.access) as real:
        for wrong, said in (
            (unlike, "changed since"),
            (old, "expired"),
            (replace(proposal, chosen=None), "changes nothing"),
            (advice, "kind recommendation is for comparison"),
            (sealed(replace(proposal, source=Source.HISTORY)), "made from the record"),
        ):
            with pytest.raises(RefusedError, match=said):
                apply(wrong, real, execute=True, operator="me", ticket="CHG1")
        with pytest.raises(RefusedError, match="a ticket is needed"):
            apply(proposal, real, execute=True, operator="me", ticket=" ")
        assert real.journal.operations() == ()
    with tools(at.access, may_commit=False) as dry, pytest.raises(RefusedError, match="cannot commit"):
        apply(proposal, dry, execute=True, operator="me", ticket="CHG1")


def test_two_at_once(at: Stage) -> None:
    proposal = at.proposal()
    with tools(at.access) as one, tools(at.access) as other:
        subject = f"vCenter {proposal.instance_uuid} cluster {proposal.cluster_id}"
        one.journal.open("apply", [subject], document="{}", digest="", operator="a", ticket="T", at=one.clock.now())
        with pytest.raises(LockedError, match="working on it right now"):
            apply(proposal, other, execute=True, operator="me", ticket="CHG1")
    with tools(at.access) as later, pytest.raises(LockedError, match="unfinished"):
        apply(proposal, later, execute=True, operator="me", ticket="CHG1")
    at.untouched()


def test_a_finished_operation_is_not_resumed(at: Stage) -> None:
    with tools(at.access) as real:
        done = apply(at.proposal(), real, execute=False, operator="me")
        with pytest.raises(RefusedError, match="is finished: dry-run"):
            resume(done.operation.id, real)


def test_a_host_vcenter_is_not_connected_to_is_expected_to_be_unavailable(at: Stage) -> None:
    """Its image is known by another way only, which the proposal would say; here it was known before it went away."""
    at.vcenter.disconnect("prod-2.lab.example")
    with tools(at.access, may_commit=False) as made:
        [proposal] = propose_live(made.sources, Past(), made.tables, Ask(("prod",)), Now(), Quiet())
    assert proposal.ready
    with tools(at.access) as real:
        done = apply(proposal, real, execute=True, operator="me", ticket="CHG1")
    assert (done.outcome, done.why) == (Outcome.APPLIED, "")
    document = apply_document(done)
    assert {host["host"]: host["scanned"] for host in document["hosts"]} == {
        "prod-1.lab.example": "COMPLIANT",
        "prod-2.lab.example": "UNAVAILABLE",
    }
    assert document["unproven"] == ["prod-2.lab.example"]
    assert any("prod-2.lab.example" in text for text in document["then"])


def test_a_host_that_could_not_be_predicted_is_named_with_what_the_scan_says(at: Stage) -> None:
    name, host = next(iter(at.vcenter.hosts.items()))
    host.remediate(make_image(NEW, find_add_on("DEL-ESXi", "803.24280767-A02")))  # add-ons have no published order
    at.vcenter.add_host(LabHost("prod-3.lab.example", make_image(NEW, find_add_on(*ADD_ON))), "prod")
    at.vcenter.refresh_inventory()
    proposal = at.proposal()
    assert proposal.chosen is not None
    assert proposal.chosen.hosts(Forecast.UNKNOWN) == (name,)
    with tools(at.access, may_commit=False) as dry:
        result = apply(proposal, dry, execute=False, operator="me")
    assert result.outcome is Outcome.DRY_RUN, result.why
    assert f"{name}: could not be predicted, the scan says NON_COMPLIANT" in render_apply(result)
    assert f"the next remediation changes {name}, which could not be predicted" in apply_document(result)["then"][0]
