"""What was not read stays not known: it is in no target as if it were not there, and no evidence claims it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.values import Candidate, CandidateKind, Forecast, ImageProposal
from tests.proposal.loading import case_of

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
DELL = ["DEL-ESXi", "803.24414501-A03"]
PARTS = {"esx": "70", "lpfc": "1"}


def host(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "base_image": NEW, "components": PARTS} | more


def before(*hosts: dict[str, Any], **more: Any) -> dict[str, Any]:
    contents = {"base_images": {OLD: {"esx": "60", "lpfc": "1"}, NEW: PARTS}, "components": [["nmlx5", "4"]]}
    data = {"cluster": {"base_image": OLD}, "depot": {"base_images": [OLD, NEW]}, "contents": contents, "host": list(hosts)}
    return data | more


def lost(commit: str = "9", days_ago: int = 3, **image: Any) -> dict[str, Any]:
    return {"commit": commit, "days_ago": days_ago, "base_image": NEW} | image


def of_kind(proposal: ImageProposal, kind: CandidateKind) -> Candidate:
    return next(c for c in proposal.candidates if kind in c.kinds)


def test_an_add_on_that_was_not_read_is_not_taken_from_the_cluster() -> None:
    data = before(
        host("esx1", add_on_unread=True), host("esx2", add_on_unread=True), cluster={"base_image": OLD, "add_on": DELL}
    )
    proposal = propose(case_of(data))
    assert proposal.chosen is None
    assert not any(c.can_be_applied for c in proposal.candidates)
    assert any("not known what add-on esx1, esx2 have" in note for note in proposal.notes)


def test_hosts_whose_add_on_was_read_speak_for_themselves_alone() -> None:
    proposal = propose(
        case_of(
            before(
                host("esx1", add_on=DELL),
                host("esx2", add_on_unread=True),
                depot={"add_ons": [DELL], "base_images": [OLD, NEW]},
            )
        )
    )
    assert proposal.chosen is not None
    assert CandidateKind.UNIFORM not in proposal.chosen.kinds
    assert proposal.chosen.target.add_on is not None
    assert proposal.chosen.hosts(Forecast.UNKNOWN) == ("esx2",)


def test_components_that_were_not_read_are_not_predicted() -> None:
    bare = {"name": "esx1", "base_image": NEW}
    proposal = propose(case_of(before(bare, past=[lost()])))
    assert proposal.chosen is not None
    assert proposal.chosen.hosts(Forecast.UNKNOWN) == ("esx1",)
    assert not any("exactly this" in text for text in proposal.chosen.evidence)
    assert any("not known what components esx1 has" in note for note in proposal.notes)


def test_an_archived_image_that_lacks_what_the_hosts_have_does_not_equal_it() -> None:
    mine = PARTS | {"nmlx5": "4"}
    proposal = propose(case_of(before(host("esx1", components=mine), past=[lost()])))
    archived = of_kind(proposal, CandidateKind.ARCHIVED)
    assert proposal.chosen is not None
    assert proposal.chosen.kind is CandidateKind.UNIFORM
    assert any("differ in nmlx5" in text for text in archived.evidence)
    assert not any("exactly this" in text for text in archived.evidence)


def test_of_two_archived_images_the_one_that_equals_wins_over_the_newer() -> None:
    mine = PARTS | {"nmlx5": "4"}
    past = [lost("9", 5, components={"nmlx5": "4"}), lost("10", 2)]
    chosen = propose(case_of(before(host("esx1", components=mine), past=past))).chosen
    assert chosen is not None
    assert (chosen.kind, chosen.commit.id if chosen.commit else "") == (CandidateKind.ARCHIVED, "9")
    assert any("exactly this" in text for text in chosen.evidence)


def test_what_the_depot_cannot_tell_is_not_called_exact() -> None:
    data = before(host("esx1", components=PARTS | {"nmlx5": "4"}), past=[lost()])
    chosen = propose(case_of(data | {"contents": {}})).chosen
    assert chosen is not None
    assert any("could not be compared" in text for text in chosen.evidence)


def test_the_agent_of_a_solution_the_restore_lost_is_no_component_of_the_image() -> None:
    agents = {"com.vmware.vsphere-ha": {"version": "8.0.3-1", "components": ["vsphere-fdm"]}}
    mine = PARTS | {"vsphere-fdm": "8.0.3-1"}
    chosen = propose(case_of(before(host("esx1", components=mine), past=[lost(solutions=agents)]))).chosen
    assert chosen is not None
    assert chosen.kinds[:2] == (CandidateKind.ARCHIVED, CandidateKind.UNIFORM)
    assert dict(chosen.target.components) == {}
    assert any("exactly this" in text for text in chosen.evidence)
    assert chosen.hosts(Forecast.NON_COMPLIANT) == ("esx1",)  # until the solution is there again


def test_a_vendors_own_build_in_the_depot_is_not_missing() -> None:
    old, usual, dell = "7.0.3-0.50.20036589", "7.0.3-0.55.20328353", "7.0.3-0.55.20328352"
    data = {
        "cluster": {"base_image": old},
        "depot": {"base_images": [old, dell]},
        "contents": {"base_images": {dell: {"esx": "55"}}},
        "past": [{"commit": "9", "days_ago": 3, "base_image": dell}],
        "host": [{"name": "esx1", "base_image": dell, "components": {"esx": "55"}}],
    }
    proposal = propose(case_of(data))
    chosen = proposal.chosen
    assert chosen is not None
    assert (chosen.kind, chosen.missing) == (CandidateKind.ARCHIVED, ())
    assert chosen.target.base_image is not None
    assert chosen.target.base_image.version.raw == dell
    assert proposal.ready
    data["depot"]["base_images"].append(usual)  # type: ignore[index]
    uniform = of_kind(propose(case_of(data)), CandidateKind.UNIFORM)
    assert uniform.target.base_image is not None
    assert uniform.target.base_image.version.raw == usual


def test_an_older_image_is_not_what_the_restore_lost() -> None:
    claim = "what the restore lost"
    behind = {"name": "esx1", "base_image": OLD, "components": {"esx": "60", "lpfc": "1"}}
    data = before(behind, cluster={"base_image": NEW}, past=[{"commit": "4", "days_ago": 50, "base_image": OLD}])
    assert not any(claim in text for c in propose(case_of(data)).candidates for text in c.evidence)
    ahead = propose(case_of(before(host("esx1"), past=[lost()])))
    assert any(claim in text for text in of_kind(ahead, CandidateKind.ARCHIVED).evidence)


@pytest.mark.parametrize("reason", [Reason.TIMED_OUT, Reason.DENIED, Reason.FAILED, Reason.ABSENT])
def test_an_owner_that_could_not_be_read_forbids_it(reason: Reason) -> None:
    case = case_of(before(host("esx1")))
    assert propose(case).ready
    unknown = replace(case, extras=replace(case.extras, owner=Unread(reason, "?")))
    proposal = propose(unknown)
    assert not proposal.ready
    assert proposal.chosen is not None
    assert [w.code.value for w in proposal.chosen.blockers] == ["owner-unknown"]
    nobody = replace(case, extras=replace(case.extras, owner=Read(None)))
    assert propose(nobody).ready


def test_an_inventory_that_was_not_read_is_no_empty_cluster() -> None:
    case = case_of(before(host("esx1")))
    scene = replace(case.scene, view=replace(case.scene.view, hosts=Unread(Reason.TIMED_OUT, "no answer")))
    unlisted = replace(case, scene=scene, cluster=replace(case.cluster, hosts=()))
    proposal = propose(unlisted)
    assert any("not known what hosts the cluster has" in note for note in proposal.notes)
    assert not any("has no host" in note for note in proposal.notes)
    empty = replace(case, cluster=replace(case.cluster, hosts=()))
    assert any("the cluster has no host" in note for note in propose(empty).notes)
    assert facts(unlisted, None) != facts(empty, None)


def test_a_component_that_hosts_have_again_is_not_taken_out_of_them() -> None:
    """The image that was restored takes the driver out; the one that was lost did not, and the hosts have it."""
    has = propose(case_of(before(host("esx1"), cluster={"base_image": OLD, "removed": ["lpfc"]}))).chosen
    assert has is not None
    assert (has.target.removed_components, has.hosts(Forecast.COMPLIANT)) == ((), ("esx1",))
    assert not any(w.code.value == "dropped" for w in has.warnings)
    lacks = before(host("esx1", components={"esx": "70"}), cluster={"base_image": OLD, "removed": ["lpfc"]})
    kept = propose(case_of(lacks)).chosen
    assert kept is not None
    assert (kept.target.removed_components, kept.hosts(Forecast.COMPLIANT)) == (("lpfc",), ("esx1",))
