"""What has to be set in a draft so that it holds a proposal's target, and whether it does. Pure.

A draft starts as the image in force. Layers that can be set one by one are, those of alternative images (9.0) and firmware
included: then whatever else the draft holds stays, above all the solutions, which belong to their managers. What no call of
ours sets (which alternative images there are and for whom, a component whose version vLCM is to pick) comes by importing the
whole specification; whether that keeps the solutions is not documented, so it is looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from auditor.domain.composite import DEFAULT, chosen_for, keys, parts
from auditor.domain.image import AddOn, DesiredImage, HardwareSupport
from auditor.domain.specification import SpecificationError, importable


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of a draft. ``add_on`` counts only with ``set_add_on``; None then: take it out. ``packages`` are all hardware
    support packages, none of them: take them out; they count only with ``set_packages``. ``parts`` are the edits of alternative
    images by their ids, as vCenter writes them; their base image is the default's and needs none."""

    base_image: str = ""
    set_add_on: bool = False
    add_on: AddOn | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    set_packages: bool = False
    packages: tuple[HardwareSupport, ...] = ()
    parts: Mapping[str, Edits] = field(default_factory=dict)


def edits(draft: DesiredImage, target: DesiredImage) -> Edits | None:
    """What makes ``target`` of a draft that holds ``draft``; None: it can only be imported."""
    try:
        before, after = parts(draft), parts(target)
        if before.keys() != after.keys() or chosen_for(draft) != chosen_for(target):
            return None
    except SpecificationError:
        return None
    made = {id_: _layers(before[id_], image) for id_, image in after.items()}
    whole = {id_: each for id_, each in made.items() if each is not None}
    if len(whole) < len(made) or target.base_image is None:
        return None
    base = target.base_image.version.raw
    old = draft.base_image.version.raw if draft.base_image else ""
    written = keys(draft)
    own = {written[id_]: each for id_, each in whole.items() if id_ != DEFAULT and each != _NOTHING}
    return replace(whole[DEFAULT], base_image=base if base != old else "", parts=own)


def _layers(draft: DesiredImage, target: DesiredImage) -> Edits | None:
    """The edits of one part, but for its base image; None where no call sets it so."""
    changed = {name: version for name, version in target.components.items() if draft.components.get(name, "") != version}
    settable = {name: version for name, version in changed.items() if version}
    if len(settable) != len(changed):
        return None
    other_add_on, other_packages = _add_on(draft) != _add_on(target), _packages(draft) != _packages(target)
    return Edits(
        set_add_on=other_add_on,
        add_on=target.add_on if other_add_on else None,
        components=settable,
        without=tuple(sorted(draft.components.keys() - target.components.keys())),
        remove=tuple(sorted({*target.removed_components} - {*draft.removed_components})),
        restore=tuple(sorted({*draft.removed_components} - {*target.removed_components})),
        set_packages=other_packages,
        packages=target.hardware_support if other_packages else (),
    )


_NOTHING = Edits()


def _add_on(image: DesiredImage) -> tuple[str, str] | None:
    return (image.add_on.name, image.add_on.version) if image.add_on else None


def _packages(image: DesiredImage) -> list[tuple[str, str, str]]:
    return sorted((part.manager, part.package, part.version) for part in image.hardware_support)


def _alternatives(image: DesiredImage) -> object:
    """The alternative images but for the base image, which all share: setting the default's sets theirs."""
    if not image.alternatives or not image.spec:
        return sorted(image.alternatives)
    found = json.loads(importable(image.spec)).get("alternative_images") or {}
    return {name: {key: value for key, value in part.items() if key != "base_image"} for name, part in found.items()}


def _one_base_image(image: DesiredImage) -> bool:
    """Whether all alternative images are on the image's own base image."""
    if not image.alternatives or not image.spec:
        return True
    data = json.loads(image.spec)
    parts = (data.get("alternative_images") or {}).values()
    return all((part.get("base_image") or data["base_image"]) == data["base_image"] for part in parts)


def fingerprint(image: DesiredImage) -> str:
    """A SHA-256 of an image's layers without the solutions: equal for images that are the same to a proposal."""
    base, *rest = replace(image, solutions=()).layers()
    return hashlib.sha256(json.dumps([str(base), *rest], sort_keys=True, default=list).encode()).hexdigest()


def exact(image: DesiredImage) -> str:
    """A SHA-256 of all that an image says, solutions and alternative images included: by it one sees whether it was changed."""
    base, *rest = image.layers()
    spec = json.loads(image.spec) if image.spec else None
    return hashlib.sha256(json.dumps([str(base), *rest, spec], sort_keys=True, default=list).encode()).hexdigest()


def differences(image: DesiredImage, target: DesiredImage) -> tuple[str, ...]:
    """The layers in which an image is not the target; a component the target names without a version may have any."""
    found = []
    if (image.base_image.version if image.base_image else None) != (target.base_image.version if target.base_image else None):
        found.append("base image")
    if _add_on(image) != _add_on(target):
        found.append("add-on")
    wanted = {name: version or image.components.get(name) for name, version in target.components.items()}
    if dict(image.components) != wanted:
        found.append("components")
    if sorted(image.removed_components) != sorted(target.removed_components):
        found.append("removed components")
    if _packages(image) != _packages(target):
        found.append("hardware support")
    if _alternatives(image) != _alternatives(target) or not _one_base_image(image):
        found.append("alternative images")
    return tuple(found)


def same_solutions(one: DesiredImage, other: DesiredImage) -> bool:
    """Whether both name the same solutions."""
    return sorted((s.name, s.version) for s in one.solutions) == sorted((s.name, s.version) for s in other.solutions)


__all__ = ["Edits", "differences", "edits", "exact", "fingerprint", "same_solutions"]
