"""Layers with choices of their own: RETAINED, REMOVED, versions left open, solutions, alternative images; and causes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.domain.assessment import HostState, Layer, LayerDrift, LayerState
from auditor.domain.causes import cause_of
from auditor.domain.drift import cluster_state, compare_host, host_state
from auditor.domain.hosts import HostFacts, facts_of
from auditor.domain.image import AddOn, Commit, Component, DesiredImage, HardwareSupport, Product, Solution
from auditor.domain.observation import ElementVerdict, HostVerdict, Read, Reason, Unread
from auditor.domain.specification import SpecificationError, importable, own_image, specification
from tests.domain.estates import NEW, OLD, ago, image, past, product, says

FDM = Solution("com.vmware.vsphere-ha", "8.0.3-24322831", (Component("vsphere-fdm", ""),))


def facts(base: str = OLD, **components: str) -> HostFacts:
    parts = tuple(Component(name.replace("_", "-"), version) for name, version in components.items())
    return facts_of("a", [says("a", base, components=Read(parts))], lambda product: None)


def layer(layers: tuple[LayerDrift, ...], name: str) -> LayerDrift:
    [found] = [one for one in layers if one.name == name]
    return found


@pytest.mark.parametrize(
    ("wanted", "host", "state"),
    [
        ({"components": {"tools": "0"}}, {"tools": "0"}, LayerState.IN_SYNC),  # RETAINED: older than the base image, and wanted
        ({"components": {"tools": "0"}}, {"tools": "1"}, LayerState.DIFFERENT),
        ({"components": {"tools": "0"}}, {"x": "1"}, LayerState.MISSING),
        ({"components": {"tools": None}}, {"tools": "7"}, LayerState.IN_SYNC),  # vLCM picks the version
        ({"components": {"tools": None}}, {"x": "1"}, LayerState.MISSING),
        ({"removed_components": ("tools",)}, {"x": "1"}, LayerState.IN_SYNC),  # REMOVED, and gone
        ({"removed_components": ("tools",)}, {"tools": "1"}, LayerState.EXTRA),
    ],
)
def test_what_the_image_sets_or_takes_out_is_what_is_wanted(
    wanted: dict[str, Any], host: dict[str, str], state: LayerState
) -> None:
    layers = compare_host(image(OLD, **wanted), None, facts(**host))
    assert layer(layers, "tools").state is state
    assert layer(layers, "tools").installed == host.get("tools", "")
    assert (host_state(layers) is HostState.IN_SYNC) is (state is LayerState.IN_SYNC)


def test_a_removed_component_is_not_called_extra_twice() -> None:
    said = HostVerdict(
        "h",
        "NON_COMPLIANT",
        base_image=ElementVerdict("COMPLIANT", OLD, OLD),
        components=(("tools", ElementVerdict("X", "1")),),
    )
    layers = compare_host(image(OLD, removed_components=("tools",)), None, facts(tools="1"), said)
    assert [one.name for one in layers if one.layer is Layer.COMPONENT] == ["tools"]


@pytest.mark.parametrize(
    ("status", "host", "state"),
    [
        (None, {"vsphere_fdm": "1"}, LayerState.IN_SYNC),
        (None, {"x": "1"}, LayerState.MISSING),
        ("COMPLIANT", {"vsphere_fdm": "1"}, LayerState.IN_SYNC),
        ("INCOMPATIBLE", {"vsphere_fdm": "1"}, LayerState.DIFFERENT),
    ],
)
def test_solutions_are_judged_in_their_own_layer(status: str | None, host: dict[str, str], state: LayerState) -> None:
    element = ElementVerdict(status or "", FDM.version, FDM.version)
    said = HostVerdict("h", status, solutions=((FDM.name, element),)) if status else None
    layers = compare_host(image(OLD, solutions=(FDM,)), None, facts(**host), said)
    found = layer(layers, "vsphere-fdm")
    assert (found.layer, found.state) == (Layer.SOLUTION, state)


def composite() -> DesiredImage:
    alternative = {
        "display_name": "GPU",
        "base_image": {"version": NEW},
        "add_on": {"name": "A", "version": "1"},
        "components": {"nvidia": "535"},
        "hardware_support": {"packages": {"m": {"pkg": "p", "version": "v"}}},
    }
    spec = json.dumps({"base_image": {"version": NEW}, "alternative_images": {"gpu": alternative}, "solutions": {"s": {}}})
    return replace(image(NEW, AddOn("B", "2")), alternatives=("GPU",), spec=spec)


def test_a_host_is_compared_with_its_own_alternative_image() -> None:
    parts = (Component("nvidia", "535"),)
    host = facts_of("a", [says("a", NEW, AddOn("A", "1"), components=Read(parts))], lambda product: None)
    of_gpu = compare_host(composite(), None, host, HostVerdict("h", "X", image="GPU"))
    assert {one.name: one.state for one in of_gpu if one.layer is not Layer.HARDWARE_SUPPORT} == {
        "": LayerState.IN_SYNC, "A": LayerState.IN_SYNC, "nvidia": LayerState.IN_SYNC,
    }  # fmt: skip
    of_default = compare_host(composite(), None, host, HostVerdict("h", "X"))
    assert next(one for one in of_default if one.layer is Layer.ADD_ON).state is LayerState.DIFFERENT


@pytest.mark.parametrize("name", ["other", "gpu2"])
def test_an_alternative_that_is_not_known_is_unknown_never_in_sync(name: str) -> None:
    layers = compare_host(composite(), None, facts(NEW), HostVerdict("h", "X", image=name))
    assert host_state(layers) is HostState.UNKNOWN


@pytest.mark.parametrize("spec", ["[]", "{", '{"alternative_images": {"gpu": {"base_image": {"version": "x"}}}}'])
def test_a_specification_that_is_none_is_unknown(spec: str) -> None:
    layers = compare_host(replace(composite(), spec=spec), None, facts(NEW), HostVerdict("h", "X", image="gpu"))
    assert host_state(layers) is HostState.UNKNOWN


def test_an_import_has_no_solutions_and_keeps_the_rest() -> None:
    data = json.loads(importable(composite().spec))
    assert set(data) == {"base_image", "alternative_images"}
    assert importable("") == ""
    with pytest.raises(SpecificationError):
        importable("[1]")


def test_a_host_whose_part_is_not_known_is_unknown() -> None:
    layers = compare_host(composite(), None, facts(NEW))
    assert host_state(layers) is HostState.UNKNOWN
    assert "not known" in next(one for one in layers if one.layer is Layer.ADD_ON).basis


def test_a_specification_made_here_says_every_layer_and_nothing_absent() -> None:
    assert json.loads(specification(image(OLD))) == {"base_image": {"version": OLD}}
    full = image(
        OLD, AddOn("A", "1"), components={"x": "1", "y": None}, hardware_support=(HardwareSupport("m", "p", "v"),),
        removed_components=("z",),
    )  # fmt: skip
    assert json.loads(specification(full)) == {
        "base_image": {"version": OLD},
        "add_on": {"name": "A", "version": "1"},
        "components": {"x": "1", "y": None},
        "removed_components": ["z"],
        "hardware_support": {"packages": {"m": {"pkg": "p", "version": "v"}}},
    }
    assert own_image(full, "gpu") is None


def test_every_difference_that_has_a_direction_has_a_cause_with_a_source() -> None:
    ahead = cause_of(LayerDrift(Layer.BASE_IMAGE, "", LayerState.HOST_AHEAD, OLD, NEW))
    assert ahead is not None
    assert "KB 424858" in ahead.rests_on
    removed = cause_of(compare_host(image(OLD, removed_components=("t",)), None, facts(t="1"))[-1])
    assert removed is not None
    assert "REMOVED" in removed.rests_on[0]
    for one in Layer:
        assert cause_of(LayerDrift(one, "", LayerState.IN_SYNC, "", "")) is None
        assert cause_of(LayerDrift(one, "", LayerState.UNKNOWN, "", "")) is None
    for one in (Layer.BASE_IMAGE, Layer.ADD_ON, Layer.COMPONENT):
        for state in (LayerState.HOST_AHEAD,):
            cause = cause_of(LayerDrift(one, "x", state, "1", "2"))
            assert cause is not None
            assert cause.rests_on


@pytest.mark.parametrize(
    ("number", "hours", "state"),
    [
        ("4", 90, LayerState.HOST_BEHIND),  # an earlier commit had what the host runs
        ("7", 2, LayerState.HOST_AHEAD),  # a later one had it: it is lost
        ("6", 90, LayerState.HOST_BEHIND),  # ids are counted again after a restore: times decide
        ("4", 2, LayerState.HOST_BEHIND),  # a later time with a lower id: vCenter's clock was ahead
        ("4", 20, LayerState.DIFFERENT),  # the very same time tells nothing
    ],
)
def test_which_commit_had_the_hosts_add_on_gives_the_direction(number: str, hours: float, state: LayerState) -> None:
    runs, wanted = AddOn("HPE", "1"), AddOn("HPE", "2")
    present = Commit("5", "admin", ago(20))
    before = past((image(OLD, runs), Commit(number, "admin", ago(hours))), (image(OLD, wanted), present)).clusters[0]
    host = facts_of("a", [says("a", OLD, runs)], lambda product: None)
    assert layer(compare_host(image(OLD, wanted), present, host, None, before), "HPE").state is state


def test_the_commit_that_had_the_add_on_is_named_with_its_time() -> None:
    """Commits of other add-ons, and images whose commit was not read, say nothing."""
    runs, wanted, other = AddOn("HPE", "1"), AddOn("HPE", "2"), AddOn("HPE", "3")
    present = Commit("5", "admin", ago(20))
    seen = (image(OLD, runs), Commit("4", "admin", ago(90))), (image(OLD, other), Commit("7", "admin", ago(2)))
    before = past((image(OLD, runs), None), *seen, (image(OLD, wanted), present)).clusters[0]
    host = facts_of("a", [says("a", OLD, runs)], lambda product: None)
    found = layer(compare_host(image(OLD, wanted), present, host, None, before), "HPE")
    assert found.state is LayerState.HOST_BEHIND
    assert "commit 4 of 2026-03-06 18:00Z had it, earlier" in found.basis
    assert layer(compare_host(image(OLD, wanted), None, host, None, before), "HPE").state is LayerState.DIFFERENT


@pytest.mark.parametrize(
    ("runs", "wanted", "state"),
    [
        (OLD, OLD, LayerState.IN_SYNC),
        (OLD, NEW, LayerState.HOST_BEHIND),
        (NEW, OLD, LayerState.HOST_AHEAD),
        (OLD, "9.0.0.0.24755229", LayerState.HOST_BEHIND),
        ("9.0.0.0.24755229", NEW, LayerState.HOST_AHEAD),
    ],
)
def test_the_product_stands_in_for_a_base_image_that_was_not_read(runs: str, wanted: str, state: LayerState) -> None:
    unread = Unread(Reason.FAILED, "esxcli ended with status 1")
    host = facts_of("a", [says("a", runs, base_image=unread)], lambda product: None)
    base = compare_host(image(wanted), None, host)[0]
    assert (base.layer, base.state, base.desired) == (Layer.BASE_IMAGE, state, wanted)
    assert base.installed == f"{product(runs).version} build {product(runs).build}"
    assert "its base image was not read (failed: esxcli ended with status 1)" in base.basis


def test_an_image_that_names_no_base_image_leaves_its_hosts_unknown() -> None:
    layers = compare_host(DesiredImage(None, AddOn("A", "1")), None, facts())
    assert host_state(layers) is HostState.UNKNOWN
    assert "names no base image" in layers[0].basis


@pytest.mark.parametrize(
    ("current", "target", "on_host", "base", "extra"),
    [
        ("1", None, "1", OLD, True),
        ("1", None, "2", OLD, False),  # it is not there any more: the verdict is older than that
        ("1", None, "1", NEW, False),  # a verdict of another base image
        ("1", "1", "1", OLD, False),  # the image has it
        (None, None, "1", OLD, False),
    ],
)
def test_a_component_is_extra_only_by_a_verdict_on_what_the_host_runs_now(
    current: str | None, target: str | None, on_host: str, base: str, extra: bool
) -> None:
    said = HostVerdict(
        "h",
        "NON_COMPLIANT",
        base_image=ElementVerdict("COMPLIANT", base, OLD),
        components=(("drv", ElementVerdict("NON_COMPLIANT", current, target)),),
    )
    layers = compare_host(image(OLD), None, facts(drv=on_host), said)
    found = [(one.name, one.state) for one in layers if one.layer is Layer.COMPONENT]
    assert found == ([("drv", LayerState.EXTRA)] if extra else [])


def test_a_component_that_the_image_sets_is_compared_once_whatever_vlcm_says_of_it() -> None:
    said = HostVerdict(
        "h",
        "NON_COMPLIANT",
        base_image=ElementVerdict("COMPLIANT", OLD, OLD),
        components=(("drv", ElementVerdict("NON_COMPLIANT", "1", None)),),
    )
    layers = compare_host(image(OLD, components={"drv": "1"}), None, facts(drv="1"), said)
    assert [one.state for one in layers if one.layer is Layer.COMPONENT] == [LayerState.IN_SYNC]


@pytest.mark.parametrize(
    ("component", "installed", "state"),
    [("7", "7", LayerState.IN_SYNC), ("7", "6", LayerState.DIFFERENT), ("7", None, LayerState.MISSING)],
)
def test_a_solution_that_names_a_version_wants_that_one(component: str, installed: str | None, state: LayerState) -> None:
    nsx = Solution("nsx", "4", (Component("nsx-lcp", component),))
    host = facts(nsx_lcp=installed) if installed else facts(x="1")
    assert layer(compare_host(image(OLD, solutions=(nsx,)), None, host), "nsx-lcp").state is state


def test_components_that_were_not_read_leave_their_layers_unknown() -> None:
    blind = facts_of("a", [says("a", OLD, components=Unread(Reason.CUT_OFF, "x"))], lambda product: None)
    layers = compare_host(image(OLD, components={"drv": "1"}, removed_components=("t",), solutions=(FDM,)), None, blind)
    unknown = {(one.layer, one.name, one.desired) for one in layers if one.state is LayerState.UNKNOWN}
    assert unknown == {
        (Layer.COMPONENT, "drv", "1"), (Layer.COMPONENT, "t", "removed"), (Layer.SOLUTION, FDM.name, FDM.version),
    }  # fmt: skip
    assert host_state(layers) is HostState.UNKNOWN


_LAYER_STATE = {
    "same": LayerState.IN_SYNC, "ahead": LayerState.HOST_AHEAD, "behind": LayerState.HOST_BEHIND, "?": LayerState.UNKNOWN,
    "missing": LayerState.MISSING, "extra": LayerState.EXTRA, "different": LayerState.DIFFERENT,
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "above", "state"),
    [
        ("same", "same", HostState.IN_SYNC),
        ("same", "?", HostState.UNKNOWN),
        ("same", "ahead", HostState.HOST_AHEAD),
        ("same", "behind", HostState.HOST_BEHIND),
        ("same", "missing", HostState.HOST_BEHIND),
        ("same", "extra", HostState.DIVERGED),
        ("same", "different", HostState.DIVERGED),
        ("same", "ahead missing", HostState.DIVERGED),
        ("same", "behind ?", HostState.HOST_BEHIND),
        ("ahead", "same", HostState.HOST_AHEAD),
        ("ahead", "different", HostState.HOST_AHEAD),  # the base image differs: what lies above differs with it
        ("ahead", "missing", HostState.HOST_AHEAD),
        ("ahead", "behind", HostState.DIVERGED),
        ("behind", "same", HostState.HOST_BEHIND),
        ("behind", "extra", HostState.HOST_BEHIND),
        ("behind", "ahead", HostState.DIVERGED),
        ("different", "same", HostState.DIVERGED),
        ("?", "same", HostState.UNKNOWN),
        ("?", "ahead", HostState.UNKNOWN),
        ("", "same", HostState.UNKNOWN),  # nothing is said of the base image
        ("", "", HostState.UNKNOWN),
    ],
)
def test_what_the_layers_make_of_a_host(base: str, above: str, state: HostState) -> None:
    layers = [LayerDrift(Layer.COMPONENT, word, _LAYER_STATE[word], "", "") for word in above.split()]
    layers += [LayerDrift(Layer.BASE_IMAGE, "", _LAYER_STATE[word], "", "") for word in base.split()]
    assert host_state(layers) is state  # whatever their order
    assert host_state(reversed(layers)) is state


@pytest.mark.parametrize("hidden", [LayerState.DIFFERENT, LayerState.HOST_AHEAD, LayerState.EXTRA])
def test_what_somebody_answers_for_counts_as_in_sync(hidden: LayerState) -> None:
    base = LayerDrift(Layer.BASE_IMAGE, "", LayerState.IN_SYNC, "", "")
    one = LayerDrift(Layer.COMPONENT, "x", hidden, "", "")
    assert host_state([base, one]) is not HostState.IN_SYNC
    assert host_state([base, replace(one, accepted="by ann")]) is HostState.IN_SYNC


@pytest.mark.parametrize(
    ("hosts", "state"),
    [
        ((), HostState.IN_SYNC),
        ((HostState.IN_SYNC, HostState.IN_SYNC), HostState.IN_SYNC),
        ((HostState.IN_SYNC, HostState.UNKNOWN), HostState.UNKNOWN),
        ((HostState.HOST_AHEAD, HostState.IN_SYNC, HostState.UNKNOWN), HostState.HOST_AHEAD),
        ((HostState.HOST_BEHIND, HostState.HOST_BEHIND), HostState.HOST_BEHIND),
        ((HostState.HOST_BEHIND, HostState.HOST_AHEAD), HostState.DIVERGED),
        ((HostState.NO_IMAGE, HostState.NO_IMAGE), HostState.NO_IMAGE),
        ((HostState.NO_IMAGE, HostState.HOST_AHEAD), HostState.HOST_AHEAD),
        ((HostState.NO_IMAGE, HostState.IN_SYNC), HostState.IN_SYNC),
    ],
)
def test_what_the_hosts_make_of_a_cluster(hosts: tuple[HostState, ...], state: HostState) -> None:
    assert cluster_state(hosts) is state
    assert cluster_state(hosts[::-1]) is state


@pytest.mark.parametrize(
    ("status", "current", "target", "state"),
    [
        ("NON_COMPLIANT", "1", "2", LayerState.HOST_BEHIND),
        ("INCOMPATIBLE", "1", "2", LayerState.HOST_AHEAD),
        ("UNAVAILABLE", "1", "2", LayerState.DIFFERENT),
        ("NON_COMPLIANT", "0", "2", LayerState.DIFFERENT),  # of another version on the host
        ("NON_COMPLIANT", "1", "3", LayerState.DIFFERENT),  # of another image
        (None, "1", "2", LayerState.DIFFERENT),
    ],
)
def test_an_add_on_gets_its_direction_from_a_verdict_on_these_versions(
    status: str | None, current: str, target: str, state: LayerState
) -> None:
    said = HostVerdict("h", "X", add_on=ElementVerdict(status, current, target) if status else None)
    found = layer(compare_host(image(OLD, AddOn("HPE", "2")), None, add_on_host("HPE"), said), "HPE")
    assert (found.state, found.desired, found.installed) == (state, "HPE 2", "HPE 1")
    other = layer(compare_host(image(OLD, AddOn("DEL", "2")), None, add_on_host("HPE"), said), "DEL")
    assert other.state is LayerState.DIFFERENT  # between two vendors' there is no direction


@pytest.mark.parametrize(
    ("wanted", "runs", "state"),
    [(None, None, LayerState.IN_SYNC), (None, "HPE", LayerState.EXTRA), ("HPE", None, LayerState.MISSING)],
)
def test_an_add_on_that_only_one_side_has(wanted: str | None, runs: str | None, state: LayerState) -> None:
    layers = compare_host(image(OLD, AddOn(wanted, "1") if wanted else None), None, add_on_host(runs))
    assert [(one.name, one.state) for one in layers if one.layer is Layer.ADD_ON] == [(wanted or runs or "", state)]


def add_on_host(name: str | None) -> HostFacts:
    return facts_of("a", [says("a", OLD, AddOn(name, "1") if name else None)], lambda product: None)


@pytest.mark.parametrize(("version", "said"), [("8.0.3", "another build"), ("eight", "eight")])
def test_a_product_that_is_not_understood_is_unknown(version: str, said: str) -> None:
    odd = Product(version, said)
    host = facts_of("a", [says("a", OLD, product=Read(odd), base_image=Unread(Reason.FAILED, "x"))], lambda product: None)
    base = compare_host(image(OLD), None, host)[0]
    assert (base.state, base.installed) == (LayerState.UNKNOWN, f"{version} build {said}")
    assert said in base.basis


def test_a_verdict_says_nothing_of_a_host_whose_base_image_was_not_read() -> None:
    said = HostVerdict(
        "h", "X", base_image=ElementVerdict("COMPLIANT", OLD, OLD), components=(("drv", ElementVerdict("X", "1")),)
    )
    blind = says("a", OLD, base_image=Unread(Reason.FAILED, "x"), components=Read((Component("drv", "1"),)))
    layers = compare_host(image(OLD), None, facts_of("a", [blind], lambda product: None), said)
    assert not [one for one in layers if one.layer is Layer.COMPONENT]
