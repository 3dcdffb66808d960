"""An image as the specification JSON that vLCM's import takes (SDK ``settings_client.SoftwareSpec``), and back.

An export leaves solutions out, since their managers own them; so does what is written here. Parts an image does not have
are left out, as a real export does. Alternative images (9.0+) are found by id; ids have no case (field note, vlcm h).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from auditor.domain.image import AddOn, BaseImage, DesiredImage, HardwareSupport
from auditor.domain.versions import BaseImageVersion


class SpecificationError(ValueError):
    """A text is not a specification."""


def importable(spec: str) -> str:
    """A recorded specification without the solutions: the form that vLCM's import takes. An empty text stays empty."""
    if not spec:
        return ""
    data = loaded(spec)
    data.pop("solutions", None)
    for alternative in (data.get("alternative_images") or {}).values():
        if isinstance(alternative, dict):
            alternative.pop("solutions", None)
    return _text(data)


def exported(image: DesiredImage) -> str:
    """An image in the form that vLCM's import takes: its recorded specification, or one made from its layers."""
    return importable(image.spec) or specification(image)


def specification(image: DesiredImage) -> str:
    """The specification of an image made here, from its layers. Its alternative images, if any, are those of its ``spec``."""
    data: dict[str, Any] = {}
    if image.base_image is not None:
        data["base_image"] = {"version": image.base_image.version.raw}
    if image.add_on is not None:
        data["add_on"] = {"name": image.add_on.name, "version": image.add_on.version}
    if image.components:
        data["components"] = dict(image.components)
    if image.removed_components:
        data["removed_components"] = sorted(image.removed_components)
    if image.hardware_support:
        data["hardware_support"] = {
            "packages": {part.manager: {"pkg": part.package, "version": part.version} for part in image.hardware_support}
        }
    if image.alternatives and image.spec:
        data["alternative_images"] = json.loads(importable(image.spec)).get("alternative_images") or {}
    return _text(data)


def own_image(image: DesiredImage, name: str) -> DesiredImage | None:
    """The alternative image of that id in a composite image; None when the specification does not have it."""
    if not image.spec:
        return None
    found = loaded(image.spec).get("alternative_images") or {}
    part = next((part for key, part in found.items() if key.lower() == name.lower()), None)
    return None if not isinstance(part, dict) else _image(part, image)


def described(spec: str) -> dict[str, Any]:
    """What a specification says of each part of the image, as JSON data; ``other`` are parts that are not known here. Raises
    ``SpecificationError``."""
    data = loaded(spec)
    if not _PARTS & data.keys():
        raise SpecificationError(f"no part of an image in it: none of {', '.join(sorted(_PARTS))}")
    try:
        image = _image(data, DesiredImage(None), "the image")
        alternatives = {name: _described(_image(part, image)) for name, part in (data.get("alternative_images") or {}).items()}
        solutions = {name: _version(part) for name, part in (data.get("solutions") or {}).items()}
    except (TypeError, AttributeError) as error:
        raise SpecificationError(f"the image is not understood: {error}") from error
    other = sorted(data.keys() - _PARTS)
    return {**_described(image), "solutions": solutions, "alternative_images": alternatives, "other": other}


_PARTS = frozenset(
    {"base_image", "add_on", "components", "removed_components", "hardware_support", "solutions", "alternative_images"}
)


def _described(image: DesiredImage) -> dict[str, Any]:
    return {
        "base_image": image.base_image.version.raw if image.base_image else None,
        "add_on": {"name": image.add_on.name, "version": image.add_on.version} if image.add_on else None,
        "components": {name: _version(part) for name, part in image.components.items()},
        "removed_components": list(image.removed_components),
        "hardware_support": [
            {"manager": each.manager, "package": each.package, "version": each.version} for each in image.hardware_support
        ],
    }


def _version(part: object) -> str | None:
    """A part's version: the text itself, or the field of that name (in an image that vCenter shows rather than exports)."""
    found = part.get("version") if isinstance(part, Mapping) else part
    if not isinstance(found, str | None):
        raise SpecificationError(f"a version that is no text: {found!r:.100}")
    return found


def _image(part: Mapping[str, Any], default: DesiredImage, what: str = "an alternative image") -> DesiredImage:
    add_on = part.get("add_on")
    removed = part.get("removed_components") or ()
    if isinstance(removed, str):
        raise SpecificationError(f"{what} is not understood: removed components are not a list")
    try:
        packages = (part.get("hardware_support") or {}).get("packages") or {}
        base = (
            BaseImage(BaseImageVersion.parse(part["base_image"]["version"])) if part.get("base_image") else default.base_image
        )
        return DesiredImage(
            base_image=base,
            add_on=AddOn(add_on["name"], add_on["version"]) if add_on else None,
            components=dict(part.get("components") or {}),
            solutions=default.solutions,
            hardware_support=tuple(
                HardwareSupport(manager, package.get("pkg") or "", package.get("version") or "")
                for manager, package in sorted(packages.items())
            ),
            removed_components=tuple(sorted(removed)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecificationError(f"{what} is not understood: {error}") from error


def loaded(spec: str) -> dict[str, Any]:
    """A specification as data. Raises ``SpecificationError``, also where its alternative images are not named."""
    try:
        data = json.loads(spec)
    except (ValueError, RecursionError) as error:
        raise SpecificationError(f"the specification is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise SpecificationError("the specification is not a JSON object")
    if not isinstance(data.get("alternative_images") or {}, dict):
        raise SpecificationError("the alternative images of the specification are not a JSON object")
    return data


def _text(data: object) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


__all__ = ["SpecificationError", "exported", "importable", "loaded", "own_image", "specification"]
