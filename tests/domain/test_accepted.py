"""Accepted differences: exact, until a day, and never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.domain.accepted import Acceptance
from auditor.domain.assess import assess
from auditor.domain.assessment import AcceptedState, Assessment, HostState, Layer, Verdict
from auditor.domain.image import AddOn, Component
from auditor.domain.observation import Estate, HostObservation, Read
from auditor.domain.past import Past
from auditor.reports.json import audit_document
from auditor.reports.text import render_audit
from auditor.tables import load_release_table
from tests.domain.estates import NEW, NOW, OLD, cluster, estate, image, listed, says, silent

TABLE = load_release_table()
DRIVER = Acceptance("vc", "prod", Layer.COMPONENT, "qlnativefc", "5.4", "storage team", "CHG-1", NOW + timedelta(days=3), "a")
ADD_ON = AddOn("DEL-ESXi", "803.24414501-A03")


def view(*observations: HostObservation, base: str = OLD, **more: Any) -> Estate:
    wanted = replace(cluster(base), image=Read(image(base, components={"qlnativefc": "5.3"}, **more)))
    hosts = tuple(listed(o.host, base) for o in observations)
    return estate((wanted,), hosts, observations, add_ons=((ADD_ON.name, ADD_ON.version),))


def host(name: str, version: str = "5.4", base: str = OLD, **more: Any) -> HostObservation:
    return says(name, base, components=Read((Component("qlnativefc", version),)), **more)


def judged(estate_: Estate, *entries: Acceptance) -> Assessment:
    return assess(estate_, Past(), TABLE, accepted=entries)


def test_an_accepted_difference_is_no_finding_and_is_listed() -> None:
    before = judged(view(host("a")))
    assert before.verdict is Verdict.DRIFT
    after = judged(view(host("a")), DRIVER)
    assert (after.verdict, after.findings) == (Verdict.IN_SYNC, ())
    [row] = after.hosts
    assert row.state is HostState.IN_SYNC
    [layer] = [layer for layer in row.layers if layer.accepted]
    assert (layer.state, layer.accepted) == ("DIFFERENT", "accepted by storage team (CHG-1) until 2026-03-13")
    [entry] = after.accepted
    assert (entry.state, entry.hosts) == (AcceptedState.IN_FORCE, ("a",))
    assert "accepted until 2026-03-13, storage team, CHG-1" in render_audit(after)
    assert audit_document(after)["accepted"][0]["state"] == "in-force"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)])
def test_an_expired_one_is_a_finding_again_and_says_so(late: timedelta) -> None:
    result = judged(view(host("a")), replace(DRIVER, expires=NOW - late))
    assert [f.code.value for f in result.findings] == ["host-diverged"]
    assert "acceptance by storage team (CHG-1) ended" in str(result.findings[0].evidence)
    assert result.accepted[0].state is AcceptedState.EXPIRED
    assert "EXPIRED" in render_audit(result)


@pytest.mark.parametrize(
    "change",
    [
        {"vcenter": "other"}, {"cluster": "pro"}, {"cluster": "prod*"}, {"host": "b"}, {"layer": Layer.SOLUTION},
        {"name": "qlnative"}, {"version": "5.4.0"}, {"version": ""}, {"version": "5.*"},
    ],
)  # fmt: skip
def test_nothing_but_an_exact_match_is_accepted(change: dict[str, Any]) -> None:
    result = judged(view(host("a")), replace(DRIVER, **change))
    assert result.verdict is Verdict.DRIFT
    assert result.accepted[0].state is AcceptedState.UNUSED
    assert "can be removed" in render_audit(result)


@pytest.mark.parametrize("change", [{"host": ""}, {"host": "A."}, {"cluster": "domain-c1"}])
def test_a_host_or_all_of_a_cluster_by_name_or_id(change: dict[str, Any]) -> None:
    assert judged(view(host("a")), replace(DRIVER, **change)).verdict is Verdict.IN_SYNC


def test_one_host_does_not_speak_for_another() -> None:
    result = judged(view(host("a"), host("b")), DRIVER)
    assert [f.hosts for f in result.findings] == [("b",)]


def test_a_newer_version_of_an_accepted_driver_is_a_new_difference() -> None:
    assert judged(view(host("a", "5.5")), DRIVER).verdict is Verdict.DRIFT


def test_a_base_image_and_its_expiry() -> None:
    entry = replace(DRIVER, layer=Layer.BASE_IMAGE, name="", version=NEW)
    seen = view(host("a", "5.3", NEW), host("b", "5.3"))
    assert {f.code.value for f in judged(seen).findings} == {"host-ahead", "mixed-cluster"}
    assert judged(seen, entry).findings == ()
    ended = judged(seen, replace(entry, expires=NOW))
    ahead = next(f for f in ended.findings if f.code.value == "host-ahead")
    assert "acceptance by storage team (CHG-1) ended 2026-03-10" in ahead.evidence


def test_an_add_on_by_its_two_names() -> None:
    entry = replace(DRIVER, layer=Layer.ADD_ON, name=ADD_ON.name, version=ADD_ON.version)
    seen = view(host("a", "5.3", add_on=ADD_ON))
    assert judged(seen).verdict is Verdict.DRIFT
    assert judged(seen, entry).verdict is Verdict.IN_SYNC


def test_what_is_not_known_cannot_be_accepted() -> None:
    entry = replace(DRIVER, layer=Layer.BASE_IMAGE, name="", version="")
    result = judged(view(silent("a")), entry)
    assert result.hosts[0].state is HostState.UNKNOWN
    assert result.verdict is Verdict.INCOMPLETE
