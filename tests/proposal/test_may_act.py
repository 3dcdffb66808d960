"""Who may act by itself after a commit: what is read, what is not, and which facts it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.codec import to_plain
from auditor.domain.image import Solution
from auditor.domain.observation import NOT_ATTEMPTED, Read, Reason, Unread
from auditor.domain.proposal.actors import ActorKind, ScheduledTask, Standing
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.inverse import inverse, moved
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.values import ImageProposal
from auditor.reports.proposal import render_proposals
from auditor.workflows.proposal_file import proposal_document, proposal_of
from tests.proposal.loading import NOW, case_of

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
NIGHT = ScheduledTask(
    "schedule-7", "Remediate prod", True, "domain-c1", "ClusterComputeResource", "lab.remediate", "every day at 02:00",
    "carol@lab.example", NOW + timedelta(hours=14),
)  # fmt: skip


def case(**extras: Any) -> Case:
    data = {"cluster": {"base_image": OLD}, "depot": {"base_images": [OLD, NEW]}, "host": [{"name": "esx1", "base_image": NEW}]}
    made = case_of(data)
    return replace(made, extras=replace(made.extras, **{"scheduled": Read(()), "auto_remediation": Read(False)} | extras))


def standings(proposal: ImageProposal, kind: ActorKind) -> list[Standing]:
    return [actor.standing for actor in proposal.may_act if actor.kind is kind]


def words(proposal: ImageProposal) -> str:
    return " ".join(render_proposals([(proposal, None)]).split())


def test_a_scheduled_remediation_comes_first_with_when_and_by_whom() -> None:
    proposal = propose(case(scheduled=Read((replace(NIGHT, id="schedule-8", name="Balance", action="X"), NIGHT))))
    assert [actor.kind for actor in proposal.may_act[:2]] == [ActorKind.SCHEDULED_TASK] * 2
    assert (
        "'Remediate prod' of this cluster: runs next at 2026-03-11 02:00Z, every day at 02:00, by carol@lab.example"
        in words(proposal)
    )
    assert "SET: scheduled remediation" in proposal.may_act[0].__str__()
    assert "hold it before the commit" in words(proposal)
    assert "carol@lab.example" in render_proposals([(proposal, None)], brief=True), "also where many are shown"


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        (replace(NIGHT, entity="id-esx1", entity_kind="HostSystem"), True),
        (replace(NIGHT, entity="group-h4", entity_kind="Folder"), True),
        (replace(NIGHT, entity="", entity_kind=""), True),
        (replace(NIGHT, entity="domain-c9"), False),
        (replace(NIGHT, entity="vm-3", entity_kind="VirtualMachine"), False),
    ],
)
def test_only_what_may_concern_the_cluster_is_shown(task: ScheduledTask, shown: bool) -> None:
    proposal = propose(case(scheduled=Read((task,))))
    assert (Standing.SET in standings(proposal, ActorKind.SCHEDULED_TASK)) is shown
    assert any(fact.name == "scheduled-task schedule-7" for fact in proposal.facts) is shown


def test_what_was_not_read_is_never_taken_for_nothing() -> None:
    denied = Unread(Reason.DENIED, "no privilege")
    proposal = propose(case(scheduled=denied, auto_remediation=denied, owner=denied))
    for kind in (ActorKind.SCHEDULED_TASK, ActorKind.AUTO_REMEDIATION, ActorKind.OWNER):
        assert standings(proposal, kind) == [Standing.UNREAD]
    assert "NOT READ: scheduled tasks (denied: no privilege)" in words(proposal)
    assert standings(propose(case(scheduled=NOT_ATTEMPTED)), ActorKind.SCHEDULED_TASK) == [Standing.UNREAD]


def test_what_was_read_and_is_not_there_is_said() -> None:
    proposal = propose(case(scheduled=Read((replace(NIGHT, enabled=False),))))
    assert standings(proposal, ActorKind.SCHEDULED_TASK) == [Standing.CLEAR]
    assert "'Remediate prod' of this cluster is disabled" in words(proposal)
    assert standings(proposal, ActorKind.AUTO_REMEDIATION) == [Standing.CLEAR]


def test_what_a_version_does_not_have_is_no_gap() -> None:
    proposal = propose(case(auto_remediation=Unread(Reason.NOT_SUPPORTED), owner=Unread(Reason.NOT_SUPPORTED)))
    assert standings(proposal, ActorKind.AUTO_REMEDIATION) == []
    assert standings(proposal, ActorKind.OWNER) == [Standing.POSSIBLE]


def test_auto_remediation_and_solutions_that_are_set() -> None:
    made = case(auto_remediation=Read(True))
    image = replace(made.old, solutions=(Solution("com.vmware.nsxt", "4.2"),))  # type: ignore[type-var]
    view = replace(made.cluster.view, image=Read(image))
    proposal = propose(replace(made, cluster=replace(made.cluster, view=view)))
    assert standings(proposal, ActorKind.AUTO_REMEDIATION) == [Standing.SET]
    assert standings(proposal, ActorKind.SOLUTION) == [Standing.SET]
    assert "com.vmware.nsxt 4.2" in words(proposal)


def test_it_survives_the_file() -> None:
    proposal = propose(case(scheduled=Read((NIGHT,))))
    document = proposal_document(proposal)
    assert document["may_act"][0] == to_plain(proposal.may_act[0])
    assert proposal_of(document) == proposal


@pytest.mark.parametrize(
    ("was", "now", "names"),
    [
        ({}, {"scheduled": Read((NIGHT,))}, ["scheduled-task schedule-7"]),
        ({"scheduled": Read((NIGHT,))}, {}, []),
        ({"scheduled": Read((NIGHT,))}, {"scheduled": Read((replace(NIGHT, enabled=False),))}, []),
        ({"scheduled": Read((NIGHT,))}, {"scheduled": Read((replace(NIGHT, schedule="x"),))}, ["scheduled-task schedule-7"]),
        ({"scheduled": Read((NIGHT,))}, {"scheduled": Read((replace(NIGHT, user="eve"),))}, ["scheduled-task schedule-7"]),
        ({"scheduled": Read((NIGHT,))}, {"scheduled": Read((replace(NIGHT, next_run=NOW),))}, []),
        ({"scheduled": Read((NIGHT,))}, {"scheduled": Unread(Reason.DENIED)}, ["cluster.scheduled-tasks"]),
        ({"scheduled": Unread(Reason.DENIED)}, {"scheduled": Unread(Reason.FAILED)}, []),
        ({}, {"auto_remediation": Read(True)}, ["cluster.auto-remediation"]),
        ({"auto_remediation": Read(True)}, {}, []),
        ({"auto_remediation": Read(True)}, {"auto_remediation": Unread(Reason.DENIED)}, ["cluster.auto-remediation"]),
        ({"auto_remediation": Unread(Reason.DENIED)}, {}, []),
    ],
)
def test_more_that_acts_is_a_moved_fact_and_less_is_none(was: dict[str, Any], now: dict[str, Any], names: list[str]) -> None:
    proposal = propose(case(**was))
    assert proposal.chosen is not None
    assert [fact.name for fact in moved(proposal, facts(case(**now), proposal.chosen.target))] == names


def test_a_task_scheduled_since_then_does_not_stand_against_undoing() -> None:
    made = case(scheduled=Read((NIGHT,)))
    proposal = propose(made)
    assert proposal.chosen is not None
    undo = inverse(proposal, made, proposal.chosen.target, 1, NOW)
    assert not any("schedule" in fact.name or "auto" in fact.name for fact in undo.facts)
    later = case(scheduled=Read((NIGHT, replace(NIGHT, id="schedule-9"))), auto_remediation=Read(True))
    view = replace(later.cluster.view, image=Read(proposal.chosen.target))
    assert undo.chosen is not None
    assert moved(undo, facts(replace(later, cluster=replace(later.cluster, view=view)), undo.chosen.target)) == ()
