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
from auditor.lab.vcenter.depot import AddOnKey, DesiredSoftware, LabDepot, version_key

Problem = tuple[str, str]
"""What is wrong with a draft: the end of a message id, and a text."""

PARTS = ("base_image", "add_on", "components", "removed_components")
"""The parts of a specification the lab simulates."""


class SpecificationError(ValueError):
    """A specification text cannot be read."""


@dataclass(frozen=True)
class Specification:
    """An imported specification; `unknown` are the parts that are not simulated, such as hardware support."""

    software: DesiredSoftware
    unknown: tuple[str, ...] = ()


def problems(software: DesiredSoftware, depot: LabDepot, unknown: tuple[str, ...] = ()) -> list[Problem]:
    """What keeps the image from being committed; empty for a valid one."""
    found: list[Problem] = []
    if not software.base_image:
        return [("BaseImageMissing", "The draft has no base image.")]
    found += [("DepotContentNotFound", f"The depot has no {lack}.") for lack in depot.missing(resolved(software, depot))]
    if software.add_on is not None and not belongs(software.base_image, software.add_on):
        name, version = software.add_on
        text = f"Add-on {name} {version} does not support base image {software.base_image}."
        found.append(("AddOnIncompatible", text))
    lower = depot.effective(DesiredSoftware(software.base_image, software.add_on)) if not found else {}
    for name in software.removed:
        if lower and name not in lower:
            found.append(("RemovedComponentNotInImage", f"Component {name} cannot be removed: the image does not have it."))
    found += [("NotSimulated", f"The lab does not simulate {part} of an image.") for part in unknown]
    return found


def resolved(software: DesiredSoftware, depot: LabDepot) -> DesiredSoftware:
    """The image with the depot's highest version for every component that was set without one."""

    def highest(wanted: str) -> str:
        return max((version for name, version in depot.components if name == wanted), key=version_key, default="")

    return replace(software, components=tuple((name, version or highest(name)) for name, version in software.components))


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
        software = DesiredSoftware(
            base_image=str((data.get("base_image") or {"version": ""})["version"]),
            add_on=(str(data["add_on"]["name"]), str(data["add_on"]["version"])) if data.get("add_on") else None,
            components=_components(data.get("components") or {}),
            removed=tuple(sorted(str(name) for name in data.get("removed_components") or ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SpecificationError(f"The specification does not have the documented form: {error!r}.") from None
    return Specification(software, tuple(sorted(name for name in data if name not in PARTS and data[name])))


def _components(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(version or "")) for name, version in given.items()))


def write_specification(software: DesiredSoftware) -> str:
    """The image as an export of it looks: what is absent is left out."""
    spec: dict[str, Any] = {"base_image": {"version": software.base_image}}
    if software.add_on is not None:
        spec["add_on"] = dict(zip(("name", "version"), software.add_on, strict=True))
    if software.components:
        spec["components"] = dict(software.components)
    if software.removed:
        spec["removed_components"] = list(software.removed)
    return json.dumps(spec, separators=(",", ":"))
