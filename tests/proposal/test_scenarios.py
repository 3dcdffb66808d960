"""Every scenario folder: from what was read to what is proposed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor import documents
from auditor.domain.assessment import Layer
from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.values import Candidate, ImageProposal
from auditor.reports.proposal import render_proposals
from auditor.workflows.proposal_file import proposal_document, proposal_of
from tests.proposal.loading import case_of, folders, load

NAMES = [folder.name for folder in folders()]


def proposal_in(folder: Path) -> ImageProposal:
    return propose(case_of(load(folder)[0]))


@pytest.mark.parametrize("folder", folders(), ids=NAMES)
def test_scenario(folder: Path) -> None:
    before, expect = load(folder)
    proposal = propose(case_of(before))
    chosen = proposal.chosen
    assert (chosen.kind.value if chosen else "") == expect["chosen"]
    if "kinds" in expect:
        assert [c.kind.value for c in proposal.candidates] == expect["kinds"]
    assert proposal.ready is expect.get("ready", False)
    for part in expect.get("notes", ()):
        assert any(part in note for note in proposal.notes), proposal.notes
    for host, window in expect.get("windows", {}).items():
        ways = {way.host: way.window for c in proposal.candidates for way in c.ways_back}
        assert ways[host] == window
    if chosen is not None:
        check(chosen, expect)


def check(chosen: Candidate, expect: dict[str, object]) -> None:
    codes = {w.code.value for w in chosen.warnings}
    if "also" in expect:
        assert [kind.value for kind in chosen.also] == expect["also"]
    if "warnings" in expect:
        wanted = set(expect["warnings"])  # type: ignore[call-overload]
        assert wanted <= codes
        assert {w.code.value for w in chosen.blockers} <= wanted
    if "missing" in expect:
        assert [str(item) for item in chosen.missing] == expect["missing"]
    if "release_kind" in expect:
        assert chosen.release_kind == expect["release_kind"]
    assert {h.host: h.forecast.value for h in chosen.forecast}.items() >= dict(expect.get("forecast", {})).items()  # type: ignore[call-overload]
    for part in expect.get("texts", ()):  # type: ignore[attr-defined]
        assert any(part in w.text for w in chosen.warnings), [w.text for w in chosen.warnings]
    for part in expect.get("then", ()):  # type: ignore[attr-defined]
        assert part in chosen.then
    for part in expect.get("spec_contains", ()):  # type: ignore[attr-defined]
        assert part in chosen.spec
    for part in expect.get("spec_lacks", ()):  # type: ignore[attr-defined]
        assert part not in chosen.spec
    changes = {f"{c.layer.value} {c.name}".strip(): f"{c.old} -> {c.new}" for c in chosen.changes if c.changes}
    assert changes.items() >= dict(expect.get("changes", {})).items()  # type: ignore[call-overload]
    if "target" in expect:
        _target(chosen, expect["target"])  # type: ignore[arg-type]


def _target(chosen: Candidate, expect: dict[str, object]) -> None:
    target = chosen.target
    assert target.base_image is not None
    assert target.base_image.version.raw == expect["base_image"]
    assert ([target.add_on.name, target.add_on.version] if target.add_on else None) == expect.get("add_on")
    assert dict(target.components) == expect.get("components", {})
    assert list(target.removed_components) == expect.get("removed", [])
    assert list(target.alternatives) == expect.get("alternatives", [])
    spec = json.loads(target.spec)
    assert spec["base_image"] == {"version": expect["base_image"]}
    assert set(spec) <= {
        "base_image", "add_on", "components", "removed_components", "hardware_support", "alternative_images",
    }  # fmt: skip


@pytest.mark.parametrize("folder", folders(), ids=NAMES)
def test_is_the_same_again_fits_its_schema_and_survives_a_file(folder: Path) -> None:
    proposal = proposal_in(folder)
    assert proposal == proposal_in(folder)
    document = json.loads(json.dumps(proposal_document(proposal)))
    assert documents.problems(document, "proposal.v2") == ()
    assert proposal_of(document) == proposal
    assert proposal.intact
    text = render_proposals([(proposal, None)], width=100)
    assert all(len(line) <= 100 or " " not in line.strip() for line in text.splitlines())
    assert proposal.cluster in text


def test_every_scenario_has_a_twin_in_which_nothing_is_to_be_done() -> None:
    scenarios = {name for name in NAMES if not name.endswith("_noop")}
    assert {f"{name}_noop" for name in scenarios} == {name for name in NAMES if name.endswith("_noop")}
    for folder in folders():
        if folder.name.endswith("_noop"):
            assert proposal_in(folder).chosen is None, folder.name


def test_the_layers_of_base_image_and_add_on_are_always_shown() -> None:
    for folder in folders():
        for candidate in proposal_in(folder).candidates:
            assert [c.layer for c in candidate.changes][:2] == [Layer.BASE_IMAGE, Layer.ADD_ON]
