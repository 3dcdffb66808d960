"""Composite images: whose part is whose, parts taken apart and put together again, and hosts that differ rightly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.domain import composite
from auditor.domain.assessment import LayerState
from auditor.domain.drift import compare_host
from auditor.domain.hosts import facts_of
from auditor.domain.image import AddOn, BaseImage, DesiredImage, HardwareSupport
from auditor.domain.observation import (
    ElementVerdict,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Read,
    Route,
)
from auditor.domain.specification import SpecificationError
from auditor.domain.versions import BaseImageVersion
from tests.domain.estates import NOW

OLD, NEW = "9.0.1.0.24957456", "9.0.2.0.25148076"
BY_UUID = {"selection_type": "HOST_UUID", "host_uuids": ["U-1"]}
BY_HARDWARE = {"selection_type": "HOST_HARDWARE_SPEC", "host_hardware_spec": {"vendor": "Maker"}}


def image(**alternatives: dict[str, Any]) -> DesiredImage:
    parts = {
        name: {"base_image": {"version": OLD}, "display_name": f"{name} hosts"} | part for name, part in alternatives.items()
    }
    spec = {"base_image": {"version": OLD}, "alternative_images": parts}
    names = tuple(f"{name} hosts" for name in alternatives)
    return DesiredImage(BaseImage(BaseImageVersion.parse(OLD)), alternatives=names, spec=json.dumps(spec))


GPU = image(Gpu={"selection_criteria": BY_UUID, "components": {"nvidia": "1"}})
BOTH = image(
    Gpu={"selection_criteria": BY_UUID}, maker={"selection_criteria": BY_HARDWARE, "add_on": {"name": "A", "version": "1"}}
)


@pytest.mark.parametrize(
    ("wanted", "uuid", "verdict", "part"),
    [
        (GPU, "u-1", None, "gpu"),
        (GPU, "u-2", None, ""),
        (GPU, "", None, None),
        (BOTH, "u-1", None, "gpu"),
        (BOTH, "u-2", None, None),
        (BOTH, "u-2", HostVerdict("h", "X", image="MAKER"), "maker"),
        (BOTH, "u-1", HostVerdict("h", "X"), ""),  # vLCM's word counts: it may have been committed otherwise
        (replace(GPU, alternatives=()), "", None, ""),
        (replace(GPU, spec="{"), "u-1", None, None),
    ],
)
def test_whose_part_is_a_hosts(wanted: DesiredImage, uuid: str, verdict: HostVerdict | None, part: str | None) -> None:
    assert composite.part_of(wanted, InventoryHost("h", "h", uuid=uuid), verdict) == part


def test_parts_are_put_together_as_they_were_taken_apart() -> None:
    made = composite.composed(BOTH, composite.parts(BOTH))
    assert json.loads(made.spec) == json.loads(BOTH.spec)
    assert made.layers() == BOTH.layers()


def test_all_parts_go_to_the_default_images_base_image_and_keep_who_they_are_for() -> None:
    parts = dict(composite.parts(BOTH))
    parts[""] = replace(parts[""], base_image=BaseImage(BaseImageVersion.parse(NEW)))
    parts["gpu"] = replace(parts["gpu"], hardware_support=(HardwareSupport("m", "p", "2"),))
    data = json.loads(composite.composed(BOTH, parts).spec)
    found = data["alternative_images"]
    assert {part["base_image"]["version"] for part in (data, *found.values())} == {NEW}
    assert found["Gpu"]["selection_criteria"] == BY_UUID
    assert found["Gpu"]["hardware_support"]["packages"]["m"] == {"pkg": "p", "version": "2"}
    assert found["maker"]["add_on"] == {"name": "A", "version": "1"}


@pytest.mark.parametrize(
    "spec", ["{", "", '{"alternative_images": {}}', '{"alternative_images": {"g": {"add_on": {"name": "x"}}}}']
)
def test_parts_that_are_not_understood_are_an_error(spec: str) -> None:
    with pytest.raises(SpecificationError):
        composite.parts(replace(GPU, spec=spec))
    assert composite.all_parts(replace(GPU, spec=spec)) == (replace(GPU, spec=spec),)


def firmware(element: ElementVerdict, base: str = OLD) -> LayerState:
    wanted = replace(GPU, alternatives=(), spec="", hardware_support=(HardwareSupport("m", "p", "2"),))
    says = HostObservation("h", Route.SSH, NOW, base_image=Read(BaseImage(BaseImageVersion.parse(OLD))), add_on=Read(None))
    verdict = HostVerdict("h", "X", base_image=ElementVerdict("X", base, OLD), hardware_support=(("m", element),))
    return compare_host(wanted, None, facts_of("h", [says], lambda product: None), verdict)[-1].state


@pytest.mark.parametrize(
    ("element", "base", "state"),
    [
        (ElementVerdict("COMPLIANT", "2", "2", name="p"), OLD, LayerState.IN_SYNC),
        (ElementVerdict("NON_COMPLIANT", "1", "2", name="p"), OLD, LayerState.DIFFERENT),
        (ElementVerdict("NON_COMPLIANT", None, "2", name="p"), OLD, LayerState.MISSING),
        (ElementVerdict("COMPLIANT", "2", "2", name="p"), NEW, LayerState.UNKNOWN),  # the host ran something else then
        (ElementVerdict("COMPLIANT", "1", "1", name="p"), OLD, LayerState.UNKNOWN),  # on another package
        (ElementVerdict("UNAVAILABLE", None, "2", name="p"), OLD, LayerState.UNKNOWN),
    ],
)
def test_firmware_is_judged_by_a_verdict_on_this_package_and_this_host_as_it_is(
    element: ElementVerdict, base: str, state: LayerState
) -> None:
    assert firmware(element, base) is state


def test_an_add_on_of_the_parts_own_is_no_difference() -> None:
    says = HostObservation(
        "h", Route.SSH, NOW, base_image=Read(BaseImage(BaseImageVersion.parse(OLD))), add_on=Read(AddOn("A", "1"))
    )
    host = facts_of("h", [says], lambda product: None)
    assert {layer.state for layer in compare_host(BOTH, None, host, None, None, "maker")} == {LayerState.IN_SYNC}
    assert LayerState.EXTRA in {layer.state for layer in compare_host(BOTH, None, host, None, None, "")}
