"""Where two offline bundles say different things under one name and version: a depot keeps one of each, and imports it once.

What counts as different is only what both bundles state: the VIBs a component lists, the checksums and sizes of a VIB, the
components that a layer's file names. A component that one bundle has and the other has not is none by itself: a bundle need not
carry everything that its base image or add-on names. A base image that is INFERRED has all components that are not a
partner's, so that of those only what is under one name and version is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import TypeVar

from auditor.domain.bundle import Basis, Bundle, ComponentEntry, ImageLayer, LayerKind, VibEntry
from auditor.domain.bundle_layers import BASE_COMPONENT, BASE_VIB

T = TypeVar("T", ComponentEntry, ImageLayer)
SHOWN = 16  # characters of a checksum that are shown


class Held(StrEnum):
    """What a depot keeps one of for each name and version."""

    BASE_IMAGE = "base-image"
    ADD_ON = "add-on"
    COMPONENT = "component"
    VIB = "vib"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One name and version with different content in two bundles. ``differs`` says what, in words."""

    held: Held
    name: str
    version: str
    files: tuple[str, str]
    differs: tuple[str, ...]

    def __str__(self) -> str:
        words = {Held.BASE_IMAGE: "base image", Held.VIB: "VIB"}.get(self.held, self.held.value)
        name = "" if self.held is Held.BASE_IMAGE else f" {self.name}"
        return f"{words}{name} {self.version}: {self.files[0]} and {self.files[1]} differ: {'; '.join(self.differs)}"


def contradictions(bundles: Sequence[Bundle]) -> tuple[Contradiction, ...]:
    """Every contradiction between two of ``bundles``: layers first, then components, then VIBs that no such component has."""
    found = [each for one, other in combinations(bundles, 2) for each in _Pair(one, other).found()]
    order = list(Held)
    return tuple(sorted(found, key=lambda each: order.index(each.held)))  # stable: else by the bundles' order


class _Pair:
    def __init__(self, one: Bundle, other: Bundle) -> None:
        self._one, self._other = one, other
        self._files = (one.file, other.file)
        own, theirs = _by_id(one.vibs), _by_id(other.vibs)
        self._vibs = {id_: why for id_, vib in own.items() if id_ in theirs and (why := _unlike(vib, theirs[id_]))}
        self._own = own
        pairs = _same(one.components, other.components)
        self._components = {(a.name, a.version): parts for a, b in pairs if (parts := tuple(self._component(a, b)))}

    def found(self) -> Iterator[Contradiction]:
        for kind, held in ((LayerKind.BASE_IMAGE, Held.BASE_IMAGE), (LayerKind.ADD_ON, Held.ADD_ON)):
            for one, other in _same(_known(self._one, kind), _known(self._other, kind)):
                if differs := tuple(self._layer(one, other)):
                    yield Contradiction(held, one.name, one.version, self._files, differs)
        for (name, version), parts in self._components.items():
            yield Contradiction(Held.COMPONENT, name, version, self._files, parts)
        told = {id_.casefold() for c in self._one.components if (c.name, c.version) in self._components for id_ in c.vibs}
        for id_, why in self._vibs.items():
            if id_ not in told:
                vib = self._own[id_]
                yield Contradiction(Held.VIB, vib.name, vib.version, self._files, (why,))

    def _component(self, one: ComponentEntry, other: ComponentEntry) -> Iterator[str]:
        own, theirs = ({id_.casefold(): id_ for id_ in entry.vibs} for entry in (one, other))
        if own and theirs:
            for file, ids, rest in ((self._files[0], own, theirs), (self._files[1], theirs, own)):
                if only := sorted(ids[key] for key in ids.keys() - rest.keys()):
                    yield f"only in {file}: VIB {', '.join(only)}"
        for key in own:
            if key in theirs and key in self._vibs:
                yield f"VIB {own[key]}: {self._vibs[key]}"

    def _layer(self, one: ImageLayer, other: ImageLayer) -> Iterator[str]:
        own, theirs = ({part.name: part.version for part in layer.components} for layer in (one, other))
        base = one.kind is LayerKind.BASE_IMAGE
        if base:  # its own component, also where the layer's file was not understood
            own, theirs = ({BASE_COMPONENT: one.version, **parts} for parts in (own, theirs))
        inferred = Basis.INFERRED in {one.basis, other.basis}
        sides = ((one, self._files[0], self._other, theirs), (other, self._files[1], self._one, own))
        for layer, file, bundle, rest in sides:
            for part in layer.components:
                if part.name not in rest and not inferred and _leaves_out(bundle, layer, part):
                    yield f"component {part.name} {part.version} only in {file}"
        for name in sorted(own.keys() & theirs.keys()):
            if own[name] == theirs[name] and (name, own[name]) in self._components:
                yield f"component {name} {own[name]} differs"
            elif own[name] != theirs[name] and not (base and inferred):
                yield f"component {name} is {own[name]} in {self._files[0]}, {theirs[name]} in {self._files[1]}"
        for id_, why in self._vibs.items() if base else ():
            vib = self._own[id_]
            if (vib.name, vib.version) == (BASE_VIB, one.version):
                yield f"VIB {BASE_VIB} {vib.version}: {why}"


def _leaves_out(bundle: Bundle, layer: ImageLayer, part: ComponentEntry) -> bool:
    """Whether the bundle's own file of that layer, read to its end, does not name the component. That the bundle does not
    carry it would not be enough."""
    if layer.kind is LayerKind.BASE_IMAGE:
        files = [image.source for image in bundle.base_images if str(image.version) == layer.version]
    else:
        files = [entry.source for entry in bundle.add_ons if (entry.name, entry.version) == (layer.name, layer.version)]
    texts = [file.raw for file in files if file.whole]
    named = any(part.bulletin in text or (part.name in text and part.version in text) for text in texts)
    return bool(texts) and len(texts) == len(files) and not named


def _known(bundle: Bundle, kind: LayerKind) -> Iterable[ImageLayer]:
    return (layer for layer in bundle.layers if layer.kind is kind and layer.name and layer.version)


def _same(ours: Iterable[T], theirs: Iterable[T]) -> Iterator[tuple[T, T]]:
    """What both have under one name and version, each name and version once."""
    others = {(each.name, each.version): each for each in theirs}
    own = {(each.name, each.version): each for each in ours}
    return ((each, others[key]) for key, each in own.items() if key in others)


def _by_id(vibs: Iterable[VibEntry]) -> dict[str, VibEntry]:
    return {vib.id.casefold(): vib for vib in vibs if vib.id}


def _unlike(one: VibEntry, other: VibEntry) -> str:
    """What the metadata of the two bundles says differently of a VIB; empty: nothing that both say."""
    own, theirs = ({check.algorithm: check.value for check in vib.checksums} for vib in (one, other))
    for algorithm in sorted(own.keys() & theirs.keys()):
        if own[algorithm] != theirs[algorithm]:
            return f"{algorithm} {_short(own[algorithm])} and {_short(theirs[algorithm])}"
    if None not in {one.packed_size, other.packed_size} and one.packed_size != other.packed_size:
        return f"{one.packed_size:,} and {other.packed_size:,} bytes"
    return ""


def _short(value: str) -> str:
    return value if len(value) <= SHOWN else f"{value[:SHOWN]}…"


__all__ = ["Contradiction", "Held", "contradictions"]
