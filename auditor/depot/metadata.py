"""The metadata files whose form is known: the two indexes, vmware.xml, bulletins/ and vibs/ (field note, vlcm e)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.depot.xml import Element, all_of, child, is_named, text, text_of
from auditor.domain.bundle import BulletinEntry, Checksum, ComponentEntry, Platform, VibEntry

_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class VendorIndex:
    """Where index.xml says a vendor's own index is: its file name, and the folder it is relative to."""

    vendor: str
    file: str
    folder: str


def vendor_indexes(root: Element) -> Iterator[VendorIndex]:
    """The vendors of index.xml: ``vendorList/vendor``."""
    for vendor in all_of(root, "vendor"):
        if child(vendor, "indexfile") is not None:
            yield VendorIndex(text_of(vendor, "name"), text_of(vendor, "indexfile"), text_of(vendor, "relativePath"))


def platforms(root: Element) -> Iterator[Platform]:
    """The lines of vendor-index.xml: ``metaList/metadata``. Several lines may name one file."""
    for entry in all_of(root, "metadata"):
        if url := text_of(entry, "url"):
            yield Platform(text_of(entry, "productId"), text_of(entry, "version"), url)


def bulletins(root: Element) -> Iterator[Element]:
    """The bulletins of vmware.xml, or the one of a file of bulletins/. One inside another is none: each would be read once for
    every one around it."""
    left = [root]
    while left:
        element = left.pop()
        if is_named(element, "bulletin"):
            yield element
        else:
            left.extend(reversed(element))


def component(bulletin: Element) -> ComponentEntry | None:
    """The component a bulletin is; None for a bulletin of the old kind, which has no name and version of one."""
    names, versions = child(bulletin, "componentNameSpec"), child(bulletin, "componentVersionSpec")
    if names is None or versions is None:
        return None
    return ComponentEntry(
        name=names.get("name", "").strip(),
        version=versions.get("version", "").strip(),
        display_name=names.get("uiString", "").strip(),
        display_version=versions.get("uiString", "").strip(),
        vendor=text_of(bulletin, "vendor"),
        bulletin=text_of(bulletin, "id"),
        vibs=_vib_ids(bulletin),
    )


def plain_bulletin(bulletin: Element) -> BulletinEntry:
    """A bulletin as such."""
    return BulletinEntry(text_of(bulletin, "id"), text_of(bulletin, "vendor"), text_of(bulletin, "summary"), _vib_ids(bulletin))


def _vib_ids(bulletin: Element) -> tuple[str, ...]:
    """``vibList/vib/vibID`` in vmware.xml, ``vibList/vibID`` in bulletins/; each once, in their order."""
    listed = child(bulletin, "vibList")
    ids = (text(item) for item in all_of(listed, "vibID")) if listed is not None else ()
    return tuple(dict.fromkeys(item for item in ids if item))


def listed_vibs(bulletin: Element) -> Iterator[VibEntry]:
    """The VIBs a bulletin of vmware.xml describes: ``vibList/vib`` with its ``vibFile``."""
    listed = child(bulletin, "vibList")
    for vib in all_of(listed, "vib") if listed is not None else ():
        file = child(vib, "vibFile")
        checksums: list[Checksum] = []
        if file is not None:
            for outer in (item for item in file if is_named(item, "checksum")):
                checksums += _checksum(text_of(outer, "checksumType"), text_of(outer, "checksum"))
        yield VibEntry(
            name=text_of(vib, "name"),
            version=text_of(vib, "version"),
            vendor=text_of(vib, "vendor"),
            id=text_of(vib, "vibID"),
            kind=text_of(vib, "vibType"),
            path=text_of(file, "relativePath") if file is not None else "",
            packed_size=_number(text_of(file, "packedSize")) if file is not None else None,
            checksums=tuple(checksums),
        )


def vib(root: Element) -> VibEntry:
    """A file of vibs/, or the descriptor inside a .vib. The first has path, size and checksum of the .vib as well.

    The id is put together as metadata does: vendor, type, name and version.
    """
    name, version, vendor, kind = (text_of(root, key) for key in ("name", "version", "vendor", "type"))
    checksums: list[Checksum] = []
    for element in (item for item in root if is_named(item, "checksum")):
        checksums += _checksum(element.get("checksum-type", ""), text(element))
    return VibEntry(
        name=name,
        version=version,
        vendor=vendor,
        id="_".join((vendor, kind, name, version)),
        kind=kind,
        acceptance_level=text_of(root, "acceptance-level"),
        path=text_of(root, "relative-path"),
        packed_size=_number(text_of(root, "packed-size")),
        checksums=tuple(checksums),
    )


def _checksum(algorithm: str, value: str) -> list[Checksum]:
    return [Checksum(algorithm.strip().lower(), value.strip().lower())] if value.strip() else []


def _number(value: str) -> int | None:
    return int(value) if _NUMBER.fullmatch(value) else None
