"""Specifications of images: what vLCM's import takes, and texts that are none."""

from __future__ import annotations

import json

import pytest

from auditor.domain import composite
from auditor.domain.image import AddOn, BaseImage, DesiredImage
from auditor.domain.specification import SpecificationError, exported, importable, own_image
from auditor.domain.versions import BaseImageVersion

BASE = "9.1.1.0.25714478"
IMAGE = DesiredImage(BaseImage(BaseImageVersion.parse(BASE)), AddOn("A", "1"), {"nvidia": None})


@pytest.mark.parametrize(
    "spec",
    [
        "null",
        "[]",
        "{",
        "\ufeff{}",
        "[" * 100_000,
        '{"alternative_images": [{"display_name": "x"}]}',
        '{"alternative_images": "x"}',
    ],
)
def test_a_text_that_is_no_specification(spec: str) -> None:
    image = DesiredImage(IMAGE.base_image, alternatives=("x",), spec=spec)
    for read in (lambda: importable(spec), lambda: own_image(image, "x"), lambda: composite.parts(image)):
        with pytest.raises(SpecificationError):
            read()


@pytest.mark.parametrize(
    "part",
    [
        {"base_image": "x"},
        {"base_image": {"version": "x"}},
        {"add_on": {"name": "a"}},
        {"components": ["a"]},
        {"hardware_support": [1]},
        {"hardware_support": {"packages": {"m": None}}},
        {"removed_components": "abc"},
        {"removed_components": [1, "a"]},
    ],
)
def test_a_part_that_is_not_understood(part: object) -> None:
    image = DesiredImage(IMAGE.base_image, spec=json.dumps({"alternative_images": {"x": part}}))
    with pytest.raises(SpecificationError):
        own_image(image, "X")


def test_parts_that_are_null_or_absent_are_as_good_as_each_other() -> None:
    plain = json.dumps({"base_image": {"version": BASE}})
    nulls = json.dumps({"base_image": {"version": BASE}, "add_on": None, "components": None, "alternative_images": None})
    for spec in (plain, nulls):
        assert json.loads(importable(spec))["base_image"] == {"version": BASE}
        assert own_image(DesiredImage(IMAGE.base_image, spec=spec), "x") is None


def test_an_image_without_a_recorded_text_is_exported_from_its_layers() -> None:
    assert json.loads(exported(IMAGE)) == {
        "base_image": {"version": BASE},
        "add_on": {"name": "A", "version": "1"},
        "components": {"nvidia": None},
    }
    recorded = DesiredImage(IMAGE.base_image, spec='{"solutions": {"s": {}}, "base_image": {"version": "raw"}}')
    assert json.loads(exported(recorded)) == {"base_image": {"version": "raw"}}
