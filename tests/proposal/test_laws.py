"""What holds for every proposal: ranks, digest, facts; and the two tables of hints."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.codec import canonical_plain, to_plain
from auditor.domain.observation import Read
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.propose import candidates, propose, rank
from auditor.domain.proposal.tables import Hints, HintTableError, release_name
from auditor.domain.proposal.values import Fact, MovedFact, moved_facts
from auditor.domain.rollback.canonical import as_written
from auditor.domain.versions import BaseImageVersion, ProductVersion
from auditor.workflows.proposal_file import proposal_document
from tests.proposal.loading import HINTS, NOW, RELEASES, case_of, folders, load

NEW, OLD = "8.0.3-0.70.24674464", "8.0.3-0.60.24585383"
BASES = ("8.0.3-0.35.24280767", OLD, NEW, "8.0.3-0.79.24859861")
ADD_ONS = (None, ["DEL-ESXi", "803.24280767-A02"], ["DEL-ESXi", "803.24414501-A03"])

hosts = st.lists(
    st.fixed_dictionaries({"base_image": st.sampled_from(BASES), "add_on": st.sampled_from(ADD_ONS)}), min_size=1, max_size=5
)


def before(items: list[dict[str, Any]], image: str = OLD) -> dict[str, Any]:
    made = []
    for number, item in enumerate(items):
        host = {"name": f"esx{number}", "base_image": item["base_image"]}
        made.append(host | ({"add_on": item["add_on"]} if item["add_on"] else {}))
    past = [{"commit": str(9 - n), "days_ago": 3 + n, "base_image": base} for n, base in enumerate(reversed(BASES[1:]))]
    return {"cluster": {"base_image": image}, "host": made, "depot": {"base_images": list(BASES)}, "past": past}


@settings(deadline=None, max_examples=50)
@given(hosts, st.sampled_from(BASES))
def test_ranks_are_total_and_deterministic(items: list[dict[str, Any]], image: str) -> None:
    case = case_of(before(items, image))
    ranked = candidates(case)
    keys = [rank(c) for c in ranked]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert ranked == candidates(case_of(before(items, image)))


@settings(deadline=None, max_examples=50)
@given(hosts)
def test_the_order_in_which_hosts_are_listed_changes_nothing(items: list[dict[str, Any]]) -> None:
    data = before(items)
    for order in list(permutations(data["host"]))[:4]:
        other = propose(case_of(data | {"host": list(order)}))
        first = propose(case_of(data))
        assert (other.chosen, other.facts, other.digest) == (first.chosen, first.facts, first.digest)


@settings(deadline=None, max_examples=50)
@given(hosts)
def test_nothing_proposed_makes_a_host_incompatible_unless_it_is_refused(items: list[dict[str, Any]]) -> None:
    for candidate in candidates(case_of(before(items))):
        if candidate.can_be_applied:
            assert not any(h.forecast == "INCOMPATIBLE" for h in candidate.forecast)


pairs = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=5)


@given(pairs, pairs)
def test_facts_moved_exactly_when_one_did(one: dict[str, str], other: dict[str, str]) -> None:
    left = tuple(Fact(name, value) for name, value in one.items())
    right = tuple(Fact(name, value) for name, value in other.items())

    assert (not moved_facts(left, right)) is (one == other)


@pytest.mark.parametrize("folder", folders(), ids=lambda f: f.name)
def test_the_digest_is_of_the_text_as_the_file_has_it(folder: Path) -> None:
    """So that anybody can work it out without this program."""
    proposal = propose(case_of(load(folder)[0]))
    document = proposal_document(proposal)
    assert as_written(proposal) == to_plain(proposal)
    bare = {name: value for name, value in document.items() if name != "digest"}
    assert hashlib.sha256(canonical_plain(bare).encode()).hexdigest() == proposal.digest
    assert proposal.intact


def _moved(change: Any) -> list[str]:
    data = before([{"base_image": NEW, "add_on": None}, {"base_image": NEW, "add_on": None}])
    first = propose(case_of(data))
    assert first.chosen is not None
    changed = copy.deepcopy(data)
    change(changed)
    return [moved.name for moved in moved_facts(first.facts, facts(case_of(changed), first.chosen.target))]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda d: None, []),
        (lambda d: d["host"][0].update(base_image=OLD), ["host esx0 base-image"]),
        (lambda d: d["host"][1].update(add_on=["DEL-ESXi", "1"]), ["host esx1 add-on"]),
        (lambda d: d["host"][0].update(components={"x": "1"}), ["host esx0 components"]),
        (lambda d: d["cluster"].update(base_image=BASES[0]), ["cluster.image"]),
        (lambda d: d["cluster"].update(components={"x": "1"}), ["cluster.image"]),
        (lambda d: d["depot"]["base_images"].remove(NEW), [f"depot base image {NEW}"]),
        (lambda d: d.update(vcenter={"build": "1"}), ["vcenter.version"]),
        (lambda d: d.update(extras={"owner": "SDDC Manager"}), ["cluster.owner"]),
        (
            lambda d: d["host"].append({"name": "esx9", "base_image": NEW}),
            ["cluster.hosts", "host esx9 add-on", "host esx9 base-image", "host esx9 components"],
        ),
        (lambda d: d["host"][1].update(silent=True), ["host esx1 add-on", "host esx1 base-image"]),
        (lambda d: d["cluster"].update(mode="baselines"), ["cluster.commit", "cluster.image", "cluster.mode"]),
    ],
)
def test_every_fact_that_moved_is_named(change: Any, names: list[str]) -> None:
    assert _moved(change) == names


def test_a_moved_fact_is_said_so_that_it_can_be_read() -> None:
    assert str(MovedFact("cluster.image", "a" * 64, "b" * 64)) == "cluster.image is not what it was"
    assert str(MovedFact("host esx1 base-image", OLD, NEW)) == f"host esx1 base-image was {OLD}, is {NEW}"
    assert str(MovedFact("depot x", "", "present")) == "depot x was not there, is present"


def test_a_reason_that_changed_is_no_moved_fact() -> None:
    case = case_of(before([{"base_image": NEW, "add_on": None}]) | {"extras": {}})
    again = replace(case, extras=replace(case.extras, recommendations=Read(())))
    assert facts(case, None) == facts(again, None)


@pytest.mark.parametrize("folder", folders(), ids=lambda f: f.name)
def test_candidates_are_numbered_and_named(folder: Any) -> None:
    case = case_of(load(folder)[0])
    ranked = candidates(case)
    for number, candidate in enumerate(ranked, 1):
        assert propose(case, str(number)).chosen == candidate
        assert propose(case, candidate.kind.value).chosen in ranked
    for wrong in ("0", str(len(ranked) + 1), "nothing-like-it"):
        with pytest.raises(LookupError):
            propose(case, wrong)


def test_it_expires() -> None:
    proposal = propose(case_of(before([{"base_image": NEW, "add_on": None}])), lifetime=timedelta(hours=2))
    assert not proposal.expired(NOW + timedelta(minutes=119))
    assert proposal.expired(NOW + timedelta(hours=2))


def test_paths_speak_of_pairs_and_lines_only_and_never_of_others() -> None:
    said = {(old, new): (row.verdict if (row := HINTS.path("esxi", old, new)) else None) for old, new in (
        ("6.5U2", "6.7"), ("6.5U2", "6.7U1"), ("6.5U3", "6.7U3"), ("6.0U3", "6.5"), ("7.0U3", "8.0"), ("6.7", "6.5U2"),
    )}  # fmt: skip
    assert said == {
        ("6.5U2", "6.7"): "no", ("6.5U2", "6.7U1"): "yes", ("6.5U3", "6.7U3"): "check", ("6.0U3", "6.5"): "no",
        ("7.0U3", "8.0"): None, ("6.7", "6.5U2"): None,
    }  # fmt: skip
    assert HINTS.path("vcenter", "6.5U2", "6.7") is not None
    assert HINTS.paths_as_of is not None


def test_releases_are_named_as_the_table_writes_them() -> None:
    named = [release_name(BaseImageVersion.parse(v), RELEASES) for v in (OLD, "8.0.0-1.0.20513097", "9.0.1-0.24957456")]
    assert named == ["8.0U3", "8.0", "9.0.1"]
    builds = {8169922: "6.7", 10302608: "6.7U1", 13004448: "6.7U?", 1: "6.7U?"}
    assert {build: release_name(ProductVersion((6, 7, 0), build), RELEASES) for build in builds} == builds


def test_a_vendors_number_is_matched_with_release_and_ordinal() -> None:
    ours, theirs = BaseImageVersion.parse("7.0.3-0.55.20328353"), BaseImageVersion.parse("7.0.3-0.55.20328352")
    assert HINTS.usual(theirs) == ours
    assert HINTS.usual(theirs).raw == ours.raw
    assert HINTS.alias(ours, theirs) is not None
    assert HINTS.alias(ours, ours) is None
    other = BaseImageVersion.parse("7.0.3-0.50.20328352")
    assert HINTS.usual(other) is other


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("product,from,to\n", 1),
        ("# date: soon\nproduct,from,to,verdict,source\n", 1),
        ("product,from,to,verdict,source\nesxi,6.5U2,6.7,maybe,x\n", 2),
        ("product,from,to,verdict,source\nesxi,six,6.7,no,x\n", 2),
        ("# a\nproduct,from,to,verdict,source\nesxi,6.5,6.7,no\n", 3),
        ('product,from,to,verdict,source\n"esxi,6.5,6.7,no,x\n', 2),
    ],
)
def test_a_broken_table_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(HintTableError) as caught:
        Hints.parse_paths(text)
    assert caught.value.line == line


def test_a_broken_table_of_builds_is_refused() -> None:
    with pytest.raises(HintTableError):
        Hints().with_builds("vendor,release,ordinal,vendor_build,build,source\nDell,7.0.3,0.55,x,1,y\n")
