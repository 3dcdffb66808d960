"""Layers with choices of their own: RETAINED, REMOVED, versions left open, solutions, alternative images; and causes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.domain.assessment import HostState, Layer, LayerDrift, LayerState
from auditor.domain.causes import cause_of
from auditor.domain.drift import compare_host, host_state
from auditor.domain.hosts import HostFacts, facts_of
from auditor.domain.image import AddOn, Component, DesiredImage, HardwareSupport, Solution
from auditor.domain.observation import ElementVerdict, HostVerdict, Read
from auditor.domain.specification import SpecificationError, importable, own_image, specification
from tests.domain.estates import NEW, OLD, image, says

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
