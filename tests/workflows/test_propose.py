"""Propose over fakes of vCenter: which clusters, what is asked once, what is refused before anything is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.image import Component
from auditor.domain.observation import EXCLUDED, Estate, Read, Reading, Reason, Route, Unread
from auditor.domain.past import Past
from auditor.domain.proposal.context import AddOnContents, ClusterExtras
from auditor.domain.proposal.values import CandidateKind, ImageProposal
from auditor.errors import HistoryError, InputError
from auditor.history.store import SqliteHistory
from auditor.reports.proposal import render_gaps
from auditor.tables import load_hints, load_release_table
from auditor.workflows.depot_gap import ClusterGaps, depot_gaps
from auditor.workflows.propose import Ask, Tables, propose_live, propose_recorded
from auditor.workflows.snapshot import snapshot
from tests.domain.estates import NEW, OLD, cluster, estate, listed, says
from tests.workflows.fakes import FakeVCenter, Quiet, Ticking, sources

TABLES = Tables(load_release_table(), load_hints())


@dataclass
class Images:
    """Looks into a depot that has both base images; counts what it is asked."""

    contents: Mapping[str, tuple[Component, ...]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    name: str = "vc"

    def extras(self, cluster: str) -> ClusterExtras:
        self.asked[f"extras {cluster}"] += 1
        return ClusterExtras(Unread(Reason.NOT_SUPPORTED), Read(()), Unread(Reason.NOT_SUPPORTED))

    def base_image_contents(self, version: str) -> Reading[tuple[Component, ...]]:
        self.asked[version] += 1
        return Read(self.contents.get(version, ()))

    def add_on_contents(self, name: str, version: str) -> Reading[AddOnContents]:
        self.asked[f"{name} {version}"] += 1
        return Unread(Reason.ABSENT)

    def has_component(self, name: str, version: str) -> Reading[bool]:
        self.asked[f"{name} {version}"] += 1
        return Read(False)


def clusters(count: int) -> Estate:
    """Clusters c0, c1 … of two hosts each, all ahead of their image."""
    views = tuple(replace(cluster(OLD), id=f"domain-c{n}", name=f"C{n}") for n in range(count))
    hosts = tuple(listed(f"h{n}-{m}", NEW, f"domain-c{n}") for n in range(count) for m in range(2))
    parts = (Component("esx", "70"), Component("extra", "1"))
    said = tuple(says(h.name, NEW, route=Route.VCENTER, components=Read(parts)) for h in hosts)
    return estate(views, hosts, said)


def made(view: Estate, ask: Ask, images: Images | None = None) -> tuple[ImageProposal, ...]:
    return propose_live(wired(view, images or Images()), Past(), TABLES, ask, Ticking(), Quiet())


def wired(view: Estate, images: Images) -> Any:
    by_name = {o.host: o for o in view.hosts}
    vcenter = FakeVCenter(view.vcenters[0], lambda host: by_name[host.name])
    return replace(sources(vcenter), images={"vc": images})


def test_each_depot_item_is_looked_into_once_however_many_clusters_name_it() -> None:
    images = Images({NEW: (Component("esx", "70"),), OLD: (Component("esx", "60"),)})
    found = made(clusters(5), Ask(), images)
    assert [p.cluster for p in found] == ["C0", "C1", "C2", "C3", "C4"]
    assert all(p.chosen is not None and p.chosen.target.components == {"extra": "1"} for p in found)
    assert all([str(item) for item in p.chosen.missing] == ["component extra 1"] for p in found if p.chosen)
    assert images.asked == Counter({NEW: 1, OLD: 1, "extra 1": 1} | {f"extras domain-c{n}": 1 for n in range(5)})


@pytest.mark.parametrize("asked", [("C1",), ("c1",), ("domain-c1",), ("C1", "domain-c1")])
def test_a_cluster_by_name_or_id(asked: tuple[str, ...]) -> None:
    assert [p.cluster for p in made(clusters(3), Ask(asked))] == ["C1"]


@pytest.mark.parametrize("typed", ["H1-0.", "192.0.2.1"])
def test_a_host_as_a_person_types_it(typed: str) -> None:
    ask = Ask(from_host=typed, reached={"h1-0": ("192.0.2.1",)})
    by_host = {p.cluster: {kind for c in p.candidates for kind in c.kinds} for p in made(clusters(2), ask)}
    assert CandidateKind.HOST in by_host["C1"]
    assert CandidateKind.HOST not in by_host["C0"]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (Ask(("nope",)), "no cluster 'nope'"),
        (Ask(("C0", "nope")), "no cluster 'nope'"),
        (Ask(("C0",), vcenter="other"), "no cluster 'C0'"),
        (Ask(("C0",), from_host="h1-0"), "no host 'h1-0'"),
        (Ask(("C0",), choose="7"), "no candidate 7"),
        (Ask(("C0",), choose="archived"), "no candidate of kind 'archived'"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(ask: Ask, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        made(clusters(2), ask)
    assert caught.value.hint


def test_two_clusters_of_one_name_are_never_mixed_up() -> None:
    view = clusters(2)
    [vcenter] = view.vcenters
    assert isinstance(vcenter.clusters, Read)
    same = tuple(replace(c, name="prod") for c in vcenter.clusters.value)
    twice = replace(view, vcenters=(replace(vcenter, clusters=Read(same)),))
    with pytest.raises(InputError, match="2 clusters are called"):
        made(twice, Ask(("prod",)))
    assert [p.cluster_id for p in made(twice, Ask(("domain-c1",)))] == ["domain-c1"]


def test_a_cluster_left_out_by_the_configuration_is_no_cluster() -> None:
    view = clusters(1)
    [vcenter] = view.vcenters
    assert isinstance(vcenter.clusters, Read)
    left_out = tuple(replace(c, mode=EXCLUDED, image=EXCLUDED) for c in vcenter.clusters.value)
    with pytest.raises(InputError, match="left out by the configuration"):
        made(replace(view, vcenters=(replace(vcenter, clusters=Read(left_out)),)), Ask(("C0",)))


def test_a_vcenter_that_does_not_answer_is_said() -> None:
    view = clusters(1)
    trouble = Unread(Reason.UNREACHABLE, "nothing answered")
    dead = replace(view.vcenters[0], clusters=trouble, hosts=trouble, marks=trouble, depot=trouble)
    with pytest.raises(InputError, match="nothing answered"):
        made(replace(view, vcenters=(dead,)), Ask(("C0",)))


def test_a_named_host_is_what_is_proposed() -> None:
    view = clusters(1)
    first = replace(view.hosts[0], base_image=says("x", OLD).base_image, components=Read((Component("esx", "60"),)))
    mixed = replace(view, hosts=(first, view.hosts[1]))
    images = Images({NEW: (Component("esx", "70"),), OLD: (Component("esx", "60"),)})
    [proposal] = made(mixed, Ask(("C0",), from_host="H0-1."), images)
    assert proposal.chosen is not None
    assert CandidateKind.HOST in proposal.chosen.kinds
    [proposal] = made(mixed, Ask(("C0",), from_host="h0-0"), images)
    assert proposal.chosen is None
    assert "h0-0 runs what the cluster's image asks for: nothing to change" in proposal.notes


def test_from_history_contacts_nothing_and_cannot_be_applied(tmp_path: Path) -> None:
    view = clusters(1)
    with SqliteHistory(tmp_path / "history.db") as history:
        with pytest.raises(HistoryError):
            propose_recorded(history, TABLES, Ask())
        snapshot(wired(view, Images()), history, Ticking(), Quiet())
        [proposal] = propose_recorded(history, TABLES, Ask(("C0",)))
    assert proposal.chosen is not None
    assert proposal.chosen.changes_image
    assert not proposal.ready
    assert any("nothing was contacted" in note for note in proposal.notes)


def gaps(view: Estate, ask: Ask, proposal: ImageProposal | None = None) -> ClusterGaps:
    [found] = depot_gaps(wired(view, Images()), Past(), TABLES, ask, Ticking(), Quiet(), proposal)
    return found


def test_gaps_of_a_cluster_and_of_a_proposal() -> None:
    view = clusters(1)
    found = gaps(view, Ask(("C0",)))
    assert {str(g.item): g.present for g in found.gaps} == {
        f"base image {OLD}": True, f"base image {NEW}": True, "component esx 70": False, "component extra 1": False,
    }  # fmt: skip
    assert all(not g.ways for g in found.gaps if g.present)
    kinds = [way.kind.value for way in found.missing[0].ways]
    assert kinds == ["sync", "offline-bundle-pull", "offline-bundle-push", "from-host"]
    last = found.missing[0].ways[-1]
    assert last.hosts == ("h0-0", "h0-1")
    assert "hostSeed" in last.footprint
    assert "KB 313266" in last.note
    [proposal] = made(view, Ask(("C0",)))
    of_file = gaps(view, Ask(("domain-c0",)), proposal)
    assert f"base image {OLD}" not in {str(g.item) for g in of_file.gaps}


def test_no_host_runs_it_no_way_from_a_host() -> None:
    view = clusters(1)
    [proposal] = made(view, Ask(("C0",)))
    others = tuple(replace(h, base_image=says("x", OLD).base_image, components=Read(())) for h in view.hosts)
    found = gaps(replace(view, hosts=others), Ask(("C0",)), proposal)
    assert all(way.kind.value != "from-host" for gap in found.missing for way in gap.ways)


def test_a_proposal_of_another_vcenter_is_refused() -> None:
    view = clusters(1)
    [proposal] = made(view, Ask(("C0",)))
    with pytest.raises(InputError, match="the proposal is for vCenter"):
        gaps(view, Ask(("C0",)), replace(proposal, instance_uuid="other"))


def two(first: Estate) -> Estate:
    """The same with a second vCenter of which nothing is known."""
    trouble = Unread(Reason.UNREACHABLE, "nothing answered")
    dead = replace(first.vcenters[0], name="vd", clusters=trouble, hosts=trouble, marks=trouble, depot=trouble)
    return replace(first, vcenters=(*first.vcenters, dead))


def made_of_two(view: Estate, ask: Ask, told: list[str]) -> tuple[ImageProposal, ...]:
    by_name = {o.host: o for o in view.hosts}
    vcenters = tuple(FakeVCenter(each, lambda host: by_name[host.name]) for each in view.vcenters)
    both = replace(wired(view, Images()), vcenters=vcenters)
    return propose_live(both, Past(), TABLES, ask, Ticking(), Quiet(), lambda name, why: told.append(f"{name} {why.detail}"))


def test_all_clusters_of_a_vcenter_that_does_not_answer_is_no_empty_answer() -> None:
    view = clusters(1)
    [dead] = two(view).vcenters[1:]
    with pytest.raises(InputError, match="nothing answered"):
        made(replace(view, vcenters=(replace(dead, name="vc"),)), Ask())


def test_the_vcenter_that_was_not_read_is_said_beside_the_one_that_was() -> None:
    told: list[str] = []
    assert [p.cluster for p in made_of_two(two(clusters(1)), Ask(), told)] == ["C0"]
    assert told == ["vd nothing answered"]
    with pytest.raises(InputError, match="or it is on vd, which could not be read"):
        made_of_two(two(clusters(1)), Ask(("elsewhere",)), [])
    with pytest.raises(InputError, match="nothing answered"):
        made_of_two(two(clusters(1)), Ask(("C0",), vcenter="vd"), [])
    quiet: list[str] = []
    made_of_two(two(clusters(1)), Ask(("C0",), vcenter="vc"), quiet)
    assert quiet == []


def test_gaps_of_a_cluster_name_the_hosts_whose_needs_are_not_known() -> None:
    view = clusters(1)
    assert gaps(view, Ask(("C0",))).unread == ()
    dark = replace(view.hosts[0], components=Unread(Reason.TIMED_OUT, "no answer"))
    some = replace(view, hosts=(dark, view.hosts[1]))
    found = gaps(some, Ask(("C0",)))
    assert found.unread == ("h0-0",)
    assert "not known all that h0-0 run" in " ".join(render_gaps(found).split())
    [proposal] = made(view, Ask(("C0",)))
    assert gaps(some, Ask(("domain-c0",)), proposal).unread == ()
