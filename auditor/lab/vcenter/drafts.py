"""What vLCM thinks of a draft, and the specification text it imports and exports.

Documented: setting a layer checks nothing, a validation lists its errors in the result of a task that succeeds, and a commit
is refused with the same result (SDK `software_client.Drafts`). That an add-on must be of the base image's update release up to
8.x and of its minor release from 9.0 is a vendor's build guide's wording; that vLCM enforces it by validation is inferred.
The ids of the errors are not public.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from auditor.domain.versions import BaseImageVersion, VersionError
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot, version_key
from auditor.lab.vcenter.parts import AddOnKey, Alternative, Selection

Problem = tuple[str, str]
"""What is wrong with a draft: the end of a message id, and a text."""

PARTS = ("base_image", "add_on", "components", "removed_components", "hardware_support", "alternative_images")
"""The parts of a specification the lab simulates."""


class SpecificationError(ValueError):
    """A specification text cannot be read."""


@dataclass(frozen=True)
class Specification:
    """An imported specification; `unknown` are the parts that are not simulated."""

    software: DesiredSoftware
    unknown: tuple[str, ...] = ()


def problems(software: DesiredSoftware, depot: LabDepot, unknown: tuple[str, ...] = ()) -> list[Problem]:
    """What keeps the image from being committed; empty for a valid one."""
    found: list[Problem] = []
    if not software.base_image:
        return [("BaseImageMissing", "The draft has no base image.")]
    found += [("DepotContentNotFound", f"The depot has no {lack}.") for lack in depot.missing(resolved(software, depot))]
    if software.alternatives and not belongs_to_9(software.base_image):
        text = f"Base image {software.base_image} is older than 9.0: an image with alternatives must not be."
        found.append(("AlternativeImagesNotSupported", text))
    for part in software.parts:
        if part.add_on is not None and not belongs(part.base_image, part.add_on):
            name, version = part.add_on
            text = f"Add-on {name} {version} does not support base image {part.base_image}."
            found.append(("AddOnIncompatible", text))
    for part in software.parts if not found else ():
        lower = depot.effective(DesiredSoftware(part.base_image, part.add_on))
        for name in part.removed:
            if name not in lower:
                text = f"Component {name} cannot be removed: the image does not have it."
                found.append(("RemovedComponentNotInImage", text))
    found += [("NotSimulated", f"The lab does not simulate {part} of an image.") for part in unknown]
    return found


def resolved(software: DesiredSoftware, depot: LabDepot) -> DesiredSoftware:
    """The image with the depot's highest version for every component that was set without one."""

    def highest(wanted: str) -> str:
        return max((version for name, version in depot.components if name == wanted), key=version_key, default="")

    def filled(components: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, version or highest(name)) for name, version in components)

    alternatives = tuple(replace(each, components=filled(each.components)) for each in software.alternatives)
    return replace(software, components=filled(software.components), alternatives=alternatives)


def belongs_to_9(base_image: str) -> bool:
    """Whether a base image is of 9.0 or later, as an image with alternatives must be."""
    try:
        return BaseImageVersion.parse(base_image).release >= (9, 0, 0)
    except VersionError:
        return True


def belongs(base_image: str, add_on: AddOnKey) -> bool:
    """Whether an add-on is of the base image's release; one whose name and version give no hint is."""
    try:
        release = BaseImageVersion.parse(base_image).release
    except VersionError:
        return True
    name, version = add_on
    hint = re.search(r"[-_]([789]\d\d)$", name) or re.match(r"([789]\d\d)(?!\d)", version)
    if hint is None:
        return True
    made_for = tuple(int(digit) for digit in hint[1])
    size = 2 if release[0] >= 9 else 3
    return made_for[:size] == release[:size]


def read_specification(text: str, api: tuple[int, ...]) -> Specification:
    """A specification as vCenter's export writes it. Parts may be null or left out. Raises `SpecificationError`.

    `api` is the vCenter's version: one that does not know a part refuses it (not verified).
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise SpecificationError(f"The specification is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise SpecificationError("The specification is not a JSON object.")
    known = {"base_image", "add_on", "components", "hardware_support", "solutions"}
    known |= {"removed_components"} if api >= (8, 0, 3) else set()
    known |= {"alternative_images"} if api >= (9, 0) else set()
    if extra := sorted(data.keys() - known):
        raise SpecificationError(f"Unrecognized field: {', '.join(extra)}.")
    try:
        base_image = str((data.get("base_image") or {"version": ""})["version"])
        alternatives = (data.get("alternative_images") or {}).items()
        software = DesiredSoftware(
            base_image,
            **_layers(data),
            alternatives=tuple(_alternative(str(key), part, base_image) for key, part in sorted(alternatives)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SpecificationError(f"The specification does not have the documented form: {error!r}.") from None
    return Specification(software, tuple(sorted(name for name in data if name not in PARTS and data[name])))


def _layers(data: dict[str, Any]) -> dict[str, Any]:
    packages = ((data.get("hardware_support") or {}).get("packages") or {}).items()
    return {
        "add_on": (str(data["add_on"]["name"]), str(data["add_on"]["version"])) if data.get("add_on") else None,
        "components": _components(data.get("components") or {}),
        "removed": tuple(sorted(str(name) for name in data.get("removed_components") or ())),
        "packages": tuple(sorted((str(m), str(p.get("pkg") or ""), str(p.get("version") or "")) for m, p in packages)),
    }


def _alternative(key: str, part: dict[str, Any], base_image: str) -> Alternative:
    """Raises `SpecificationError` for one on another base image, which composite images cannot have."""
    own = str((part.get("base_image") or {"version": base_image})["version"])
    if own != base_image:
        raise SpecificationError(f"Alternative image {key} has base image {own}, the default image has {base_image}.")
    criteria = part["selection_criteria"]
    hardware = criteria.get("host_hardware_spec") or {}
    selection = Selection(
        tuple(sorted(criteria.get("host_uuids") or ())), str(hardware.get("vendor") or ""), tuple(hardware.get("models") or ())
    )
    return Alternative(key, str(part["display_name"]), selection, **_layers(part))


def _components(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(version or "")) for name, version in given.items()))


def write_specification(software: DesiredSoftware) -> str:
    """The image as an export of it looks: what is absent is left out."""
    spec = _written(software)
    if software.alternatives:
        spec["alternative_images"] = {
            each.id: {
                **_written(software.part(each)),
                "display_name": each.display_name,
                "selection_criteria": _criteria(each.selection),
            }
            for each in software.alternatives
        }
    return json.dumps(spec, separators=(",", ":"))


def _written(software: DesiredSoftware) -> dict[str, Any]:
    spec: dict[str, Any] = {"base_image": {"version": software.base_image}}
    if software.add_on is not None:
        spec["add_on"] = dict(zip(("name", "version"), software.add_on, strict=True))
    if software.components:
        spec["components"] = dict(software.components)
    if software.removed:
        spec["removed_components"] = list(software.removed)
    if software.packages:
        spec["hardware_support"] = {"packages": {m: {"pkg": name, "version": v} for m, name, v in software.packages}}
    return spec


def _criteria(selection: Selection) -> dict[str, Any]:
    if selection.uuids:
        return {"selection_type": "HOST_UUID", "host_uuids": list(selection.uuids)}
    hardware: dict[str, Any] = {"vendor": selection.vendor}
    if selection.models:
        hardware["models"] = list(selection.models)
    return {"selection_type": "HOST_HARDWARE_SPEC", "host_hardware_spec": hardware}
