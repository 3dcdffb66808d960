"""Composite images (9.0 and later): one default image and alternatives for some of the hosts, on one base image with the same
solutions (SDK ``AlternativeImageSpec``; field note, vlcm h). A host is compared with its own part and with no other.

Ids of parts are lower case here: they have no case. The default part's id is empty, as vLCM's answers have it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auditor.domain.image import DesiredImage
from auditor.domain.observation import HostVerdict, InventoryHost
from auditor.domain.specification import SpecificationError, importable, loaded, own_image, specification

DEFAULT = ""


def part_of(image: DesiredImage, host: InventoryHost, verdict: HostVerdict | None) -> str | None:
    """The part that a host is compared with: by vLCM's verdict, else by its UUID where all parts are chosen by that. None: not
    known. Its hardware is not asked for, so a part chosen by that is known from the verdict only."""
    if not image.alternatives:
        return DEFAULT
    if verdict is not None:
        return verdict.image.lower()
    try:
        criteria = {id_: part.get("selection_criteria") or {} for id_, part in _alternatives(image).items()}
    except SpecificationError:
        return None
    for id_, said in criteria.items():
        if host.uuid and host.uuid.lower() in {str(uuid).lower() for uuid in said.get("host_uuids") or ()}:
            return id_
    by_uuid = bool(criteria) and all(said.get("selection_type") == "HOST_UUID" for said in criteria.values())
    return DEFAULT if by_uuid and host.uuid else None


def parts(image: DesiredImage) -> Mapping[str, DesiredImage]:
    """Every part as an image of its own, the default one first. Raises ``SpecificationError`` for one not understood."""
    found = {DEFAULT: replace(image, alternatives=())}
    for id_ in _alternatives(image):
        own = own_image(image, id_)
        if own is None:
            raise SpecificationError(f"alternative image {id_} is not in the specification")
        found[id_] = own
    if len(found) <= len(image.alternatives):
        raise SpecificationError("the specification does not have all alternative images")
    return found


def keys(image: DesiredImage) -> Mapping[str, str]:
    """The alternative images' ids as vCenter writes them, by ours."""
    if not image.alternatives or not image.spec:
        return {}
    return {str(key).lower(): str(key) for key in loaded(image.spec).get("alternative_images") or {}}


def chosen_for(image: DesiredImage) -> Mapping[str, object]:
    """What each alternative image is called and which hosts it is for, by id."""
    return {id_: (part.get("display_name"), part.get("selection_criteria")) for id_, part in _alternatives(image).items()}


def all_parts(image: DesiredImage) -> tuple[DesiredImage, ...]:
    """The parts of an image, or the image itself where it has none or they are not understood."""
    try:
        return tuple(parts(image).values()) if image.alternatives else (image,)
    except SpecificationError:
        return (image,)


def names(image: DesiredImage) -> Mapping[str, str]:
    """The parts' display names, for people."""
    found = {id_: str(part.get("display_name") or id_) for id_, part in _alternatives(image).items()}
    return {DEFAULT: "default image", **found}


def composed(image: DesiredImage, made: Mapping[str, DesiredImage]) -> DesiredImage:
    """``image`` with each part's layers as in ``made``, all on the default part's base image; who gets which part stays."""
    default = made[DEFAULT]
    data = json.loads(specification(replace(default, alternatives=(), spec="")))
    data["alternative_images"] = {}
    for key, part in (json.loads(importable(image.spec)).get("alternative_images") or {}).items():
        own = replace(made[key.lower()], base_image=default.base_image)
        layers = json.loads(specification(replace(own, alternatives=(), spec="")))
        kept = {name: part[name] for name in ("display_name", "selection_criteria") if name in part}
        data["alternative_images"][key] = layers | kept
    spec = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return replace(default, solutions=(), alternatives=image.alternatives, spec=spec)


def _alternatives(image: DesiredImage) -> Mapping[str, dict[str, Any]]:
    if not image.alternatives or not image.spec:
        return {}
    found = loaded(image.spec).get("alternative_images") or {}
    return {str(key).lower(): part for key, part in sorted(found.items()) if isinstance(part, dict)}


__all__ = ["DEFAULT", "all_parts", "chosen_for", "composed", "keys", "names", "part_of", "parts"]
