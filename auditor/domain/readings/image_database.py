"""A bank's own image database, ``imgdb.tgz``: which VIBs its image has.

A gzipped tar archive with one XML descriptor a VIB below ``var/db/esximg/vibs`` and the image profile below
``var/db/esximg/profiles``; the folders are seen in public logs and tools, the inside of the descriptors as in offline bundles
(element ``vib`` with ``name``, ``version``, ``vendor``). From 7.0 on, components are bulletins there too, in the form of
offline bundles: ``componentNameSpec@name``, ``componentVersionSpec@version``, and ``vibID`` for each VIB. That they are in the
database is general knowledge (grade MEM), so a database without any is as good. Other folders beside these hold what is kept
in reserve or is of no use here (``reservedComponents``, KB 427454 and 313266): nothing in them is installed. Elements that
are not known are passed over. The archive comes from a host and is not
trusted: it is unpacked in memory, up to limits, and nothing in it is written or resolved.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from auditor.domain.image import Vib
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings.answer import Answer, Command, failure_of, unreadable
from auditor.domain.rollback.bank import IMAGE_DATABASE, BankComponent, BankImage

UNPACKED_LIMIT = 32 * 1024 * 1024
"""Bytes of the unpacked archive; real ones have about 50 KB packed."""
DESCRIPTOR_LIMIT = 1024 * 1024
MEMBER_LIMIT = 5_000
ID_LIMIT = 512
"""Characters of a VIB's id; real ones have less than a hundred."""
ID_PARTS = 16
"""Parts of a VIB's id after which its name may begin; in real ones it is the third."""

_ALWAYS_THERE = "esx-base"
_INSTALLED = re.compile(r"(?:\./|/)?(?:var/db/esximg/)?(?:vibs|profiles|bulletins)/[^/]+\.xml")


class _DamagedError(Exception):
    """Not an image database; the text says what."""


class _TooLargeError(_DamagedError):
    """Larger than one can be."""


def command(link: str) -> Command:
    """What brings the database of the bank behind a link. Its output is not text."""
    return Command(f"{link.removeprefix('/')}-image", f"cat {link}/{IMAGE_DATABASE}", 30)


def parse(link: str, answer: Answer) -> Reading[BankImage]:
    """What the bank says it holds."""
    asked = command(link)
    failure = failure_of(answer, asked)
    if failure is not None:
        return failure
    return parse_archive(answer.data, asked)


def parse_archive(data: bytes, asked: Command) -> Reading[BankImage]:
    """The database from the archive's bytes. A database without VIB esx-base is refused: every ESXi has it, and a damaged
    archive of a hundred bytes has been seen."""
    vibs: list[Vib] = []
    profiles: list[str] = []
    bulletins: list[ET.Element] = []
    try:
        for name, descriptor in _descriptors(data):
            root = _root(name, descriptor)
            tag = _local(root.tag)
            if tag == "vib":
                vibs.append(_vib(name, root))
            elif tag == "imageprofile":
                profiles.append(_child(root, "name"))
            elif tag == "bulletin":
                bulletins.append(root)
    except _DamagedError as error:
        reason = Reason.TOO_LARGE if isinstance(error, _TooLargeError) else Reason.UNREADABLE
        return Unread(reason, f"`{asked.text}`: {error}", f"{len(data)} bytes: {data[:64].hex()}")
    names = [vib.name for vib in vibs]
    if _ALWAYS_THERE not in names:
        return unreadable(asked, f"{len(vibs)} VIBs and no {_ALWAYS_THERE} among them: the image database is damaged")
    if len(set(names)) < len(names):
        return unreadable(asked, "the same VIB is described twice")
    known = {f"{vib.name}_{vib.version}": vib.name for vib in vibs}
    components = tuple(sorted(filter(None, (_component(bulletin, known) for bulletin in bulletins))))
    return Read(BankImage(profiles[0] if len(profiles) == 1 else "", tuple(sorted(vibs)), components))


def _descriptors(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Every XML file of the archive that describes what is installed."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(UNPACKED_LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _DamagedError(f"not a whole gzip file: {error}") from error
    if len(unpacked) > UNPACKED_LIMIT:
        raise _TooLargeError(f"unpacks to more than the limit of {UNPACKED_LIMIT} bytes")
    try:
        with tarfile.TarFile(fileobj=io.BytesIO(unpacked), mode="r") as archive:
            for count, member in enumerate(archive):
                if count >= MEMBER_LIMIT:
                    raise _TooLargeError(f"more files than the limit of {MEMBER_LIMIT}")
                if not member.isreg() or not _INSTALLED.fullmatch(member.name.lower()):
                    continue
                if member.size > DESCRIPTOR_LIMIT:
                    raise _TooLargeError(f"a descriptor larger than the limit of {DESCRIPTOR_LIMIT} bytes")
                file = archive.extractfile(member)
                yield member.name[:200], file.read(DESCRIPTOR_LIMIT) if file else b""
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise _DamagedError(f"not a tar archive: {error}") from error


def _root(name: str, descriptor: bytes) -> ET.Element:
    if b"<!" in descriptor.replace(b"<!--", b"") or b"\0" in descriptor:
        raise _DamagedError(f"{name}: a descriptor with declarations")
    try:
        return ET.fromstring(descriptor)  # noqa: S314 - no document type or entity gets here
    except (ET.ParseError, ValueError, LookupError) as error:
        raise _DamagedError(f"{name}: not XML: {error}") from error


def _vib(name: str, root: ET.Element) -> Vib:
    vib = Vib(_child(root, "name"), _child(root, "version"), _child(root, "vendor"), _child(root, "acceptance-level"))
    if len(vib.name.split()) != 1 or len(vib.version.split()) != 1:
        raise _DamagedError(f"{name}: a VIB without name or version")
    return vib


def _component(root: ET.Element, known: Mapping[str, str]) -> BankComponent | None:
    """The component that a bulletin is; None for one of the old kind, which names none. An id of a VIB ends in its name and
    version, ``VMW_bootbank_ntg3_4.1.9.0-4vmw.703.0.85.21424296``; what stands before them differs from the descriptor's vendor
    in places, and is not compared. ``known`` are the VIBs' names by ``NAME_VERSION``."""
    name, version = (
        next((child.get(key, "").strip() for child in root if _local(child.tag) == tag), "")
        for tag, key in (("componentnamespec", "name"), ("componentversionspec", "version"))
    )
    if not name:
        return None
    ids = dict.fromkeys((item.text or "").strip() for item in root.iter() if _local(item.tag) == "vibid")
    found: list[str] = []
    missing: list[str] = []
    for vib_id in filter(None, ids):
        named = _named(vib_id, known)
        found += [named] if named else []
        missing += [] if named else [vib_id]
    return BankComponent(name, version, tuple(sorted(set(found))), tuple(sorted(missing)))


def _named(vib_id: str, known: Mapping[str, str]) -> str:
    """The VIB meant by an id; empty for none. Of two names of which one ends like the other, the longer one is meant."""
    rest = vib_id if len(vib_id) <= ID_LIMIT else ""
    for _ in range(ID_PARTS):
        rest = rest.partition("_")[2]
        if rest in known:
            return known[rest]
    return ""


def _child(root: ET.Element, tag: str) -> str:
    found = next((child for child in root if _local(child.tag) == tag), None)
    return (found.text or "").strip() if found is not None else ""


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2].lower()
