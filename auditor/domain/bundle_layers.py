"""Which base image and add-on a bundle holds. vLCM splits a vendor's custom image into these two when it imports it.

Stated where the bundle has files for them. Else inferred, and said what from: a host's image profile is named after the
add-on (vlcm c3); component ``ESXi`` and VIB ``esx-base`` carry the version of the base image (vlcm c1: the highest VIB
does not, since VIBs of one image have mixed ordinals); partners' VIBs name another vendor or carry the mark ``OEM``
(vlcm c4). vCenter's own split is the one that counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from auditor.domain.add_on_names import AddOnName, from_profile_name
from auditor.domain.bundle import Basis, Bundle, ComponentEntry, ImageLayer, LayerKind, LooseFile, VibEntry
from auditor.domain.versions import BaseImageVersion, VersionError

_VMWARE = frozenset({"vmware", "vmw"})
_OEM = re.compile(r"-[0-9]+OEM\b")
_DIGIT = re.compile(r"[0-9]")
_PLAIN_PROFILE = re.compile(r"ESXi-[0-9].*-(?:standard|no-tools)")

BASE_COMPONENT = "ESXi"
BASE_VIB = "esx-base"
_VENDORS_SHOWN = 6


def split(bundle: Bundle) -> tuple[ImageLayer, ...]:
    """The layers of ``bundle``, base images first."""
    base = tuple(_base_images(bundle))
    add_ons = tuple(_add_ons(bundle, has_base=bool(base)))
    return (*_with_components(bundle, base, partners=False), *_with_components(bundle, add_ons, partners=True))


def _with_components(bundle: Bundle, layers: tuple[ImageLayer, ...], *, partners: bool) -> Iterator[ImageLayer]:
    """Inferred layers with their components: the partners' are the add-on's, all others the base image's. Where there are
    several such layers nothing tells which has which; a stated layer has what its file mentions, which is known already."""
    if len(layers) != 1 or layers[0].basis is Basis.STATED:
        yield from layers
        return
    ids = {vib.id for vib in bundle.vibs if is_partner_vib(vib)}
    mine = (c for c in bundle.components if partners is bool(_OEM.search(c.version) or ids.intersection(c.vibs)))
    yield replace(layers[0], components=tuple(mine))


def _mentioned(bundle: Bundle, source: LooseFile) -> tuple[ComponentEntry, ...]:
    mentioned = frozenset(source.refers_to)
    return tuple(component for component in bundle.components if component.bulletin in mentioned)


def is_partner_vib(vib: VibEntry) -> bool:
    """Whether a VIB comes from a vendor other than VMware: by its vendor, or by the mark in its version."""
    return vib.vendor.casefold() not in _VMWARE or bool(_OEM.search(vib.version))


def _base_images(bundle: Bundle) -> Iterator[ImageLayer]:
    if bundle.base_images:
        for image in bundle.base_images:
            version = str(image.version) if image.version else ""
            rests_on, parts = f"file {image.source.file}", _mentioned(bundle, image.source)
            yield ImageLayer(LayerKind.BASE_IMAGE, BASE_COMPONENT, version, Basis.STATED, rests_on, parts)
        return
    components = _versions(c.version for c in bundle.components if c.name == BASE_COMPONENT)
    vibs = _versions(v.version for v in bundle.vibs if v.name == BASE_VIB)
    for what, versions in ((f"component {BASE_COMPONENT}", components), (f"VIB {BASE_VIB}", vibs)):
        for version in versions:
            yield ImageLayer(LayerKind.BASE_IMAGE, BASE_COMPONENT, version, Basis.INFERRED, f"version of {what}")
        if versions:
            return


def _versions(texts: Iterable[str]) -> list[str]:
    """The texts that are base image versions, oldest first, each once."""
    found: set[BaseImageVersion] = set()
    for text in texts:
        try:
            found.add(BaseImageVersion.parse(text))
        except VersionError:
            continue
    return [version.raw for version in sorted(found)]


def _add_ons(bundle: Bundle, *, has_base: bool) -> Iterator[ImageLayer]:
    if bundle.add_ons:
        for entry in bundle.add_ons:
            rests_on, parts = f"file {entry.source.file}", _mentioned(bundle, entry.source)
            yield ImageLayer(LayerKind.ADD_ON, entry.name, entry.version, Basis.STATED, rests_on, parts)
        return
    partners = [vib for vib in bundle.vibs if is_partner_vib(vib)]
    if not partners:
        return
    names = [profile.name for profile in bundle.profiles if profile.name]
    told = {(name.name, name.version): name for name in map(from_profile_name, names) if name and _DIGIT.search(name.version)}
    for found in told.values():
        yield ImageLayer(LayerKind.ADD_ON, found.name, found.version, Basis.INFERRED, f"{_profile(found)}, {_who(partners)}")
    # A plain image's own profiles say that there is no add-on; some of its VIBs are a partner's all the same.
    if not told and has_base and not (names and all(_PLAIN_PROFILE.fullmatch(name) for name in names)):
        yield ImageLayer(LayerKind.ADD_ON, "", "", Basis.INFERRED, f"{_who(partners)}; no image profile names an add-on")


def _profile(found: AddOnName) -> str:
    form = f"as {found.vendor} names its add-ons" if found.vendor else "of the form NAME_VERSION, of no vendor known here"
    return f"image profile {found.name}_{found.version} ({form})"


def _who(partners: list[VibEntry]) -> str:
    counts = Counter(vib.vendor or "no vendor" for vib in partners).most_common()
    shown = ", ".join(f"{vendor} {number}" for vendor, number in counts[:_VENDORS_SHOWN])
    more = f" and {len(counts) - _VENDORS_SHOWN} more" if len(counts) > _VENDORS_SHOWN else ""
    return f"partners' VIBs: {shown}{more}"
