"""Reads a .vib as it streams by: its checksums, its size, and the descriptor inside. Nothing of it is kept but that.

A .vib is an ar archive: ``descriptor.xml``, ``sig.pkcs7``, payloads (field note, vlcm e).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from auditor.depot import metadata
from auditor.depot.limits import CHUNK
from auditor.depot.xml import XmlReader, XmlRefusedError
from auditor.domain.bundle import VibEntry
from auditor.errors import InputError

_MAGIC = b"!<arch>\n"
_HEADER = 60
_SIZE = re.compile(rb"([0-9]{1,10}) *")
_MEMBERS = 100  # real ones have three to a dozen

ALGORITHMS = {"sha-1": "sha1", "sha1": "sha1"} | {
    f"sha{dash}{bits}": f"sha{bits}" for bits in (256, 384, 512) for dash in ("", "-")
}
"""Checksum names of metadata and what computes them. SHA-1 is no defence against an attacker; old bundles have only it."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


@dataclass
class Stream:
    """Passes bytes on and sums them up."""

    take: Callable[[int], bytes]
    sums: Mapping[str, _Digest] = field(default_factory=dict)
    size: int = 0

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer at the end only."""
        parts: list[bytes] = []
        while size > 0 and (part := self.take(min(size, CHUNK))):
            parts.append(self._count(part))
            size -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; returns how many there were."""
        left = size
        while left > 0 and (part := self.take(min(left, CHUNK))):
            left -= len(self._count(part))
        return size - left

    def drain(self) -> None:
        """Pass over the rest."""
        while part := self.take(CHUNK):
            self._count(part)

    def _count(self, part: bytes) -> bytes:
        self.size += len(part)
        for digest in self.sums.values():
            digest.update(part)
        return part


@dataclass(frozen=True, slots=True)
class VibFile:
    """What a .vib is. ``sums`` are hex digests by the algorithm's name as it was asked for. ``fault`` says why it is no VIB;
    then ``descriptor`` is None. ``signed``: it carries a signature that is not empty."""

    size: int
    sums: dict[str, str]
    descriptor: VibEntry | None
    members: tuple[str, ...]
    signed: bool
    fault: str = ""


def read_vib(take: Callable[[int], bytes], algorithms: Iterable[str], xml: XmlReader, where: str, limit: int) -> VibFile:
    """Read a .vib to its end. ``take`` gives its next bytes, ``algorithms`` are names metadata uses; those unknown here are
    left out. ``limit`` is the largest descriptor read, in bytes. Raises ``InputError`` for a stream that is damaged and for
    a descriptor that is an attack."""
    digests = {name: hashlib.new(ALGORITHMS[name], usedforsecurity=False) for name in set(algorithms) if name in ALGORITHMS}
    stream = Stream(take, digests)
    members: list[tuple[str, int]] = []
    descriptor, fault = _walk(stream, members, xml, where, limit)
    stream.drain()
    return VibFile(
        size=stream.size,
        sums={name: digest.hexdigest() for name, digest in stream.sums.items()},
        descriptor=None if fault else descriptor,
        members=tuple(name for name, _ in members),
        signed=any(name == "sig.pkcs7" and size > 0 for name, size in members),
        fault=fault,
    )


def _walk(
    stream: Stream, members: list[tuple[str, int]], xml: XmlReader, where: str, limit: int
) -> tuple[VibEntry | None, str]:
    descriptor: VibEntry | None = None
    if stream.read(len(_MAGIC)) != _MAGIC:
        return None, "it is not an ar archive"
    while header := stream.read(_HEADER):
        size_field = _SIZE.fullmatch(header[48:58])
        if len(header) < _HEADER or header[58:] != b"`\n" or size_field is None:
            return descriptor, f"the header of member {len(members) + 1} is broken"
        if len(members) == _MEMBERS:
            return descriptor, f"it has more than {_MEMBERS} members"
        name = header[:16].decode("ascii", "backslashreplace").rstrip(" ").removesuffix("/")
        size = int(size_field.group(1))
        members.append((name, size))
        if name == "descriptor.xml" and descriptor is None:
            if size > limit:
                return None, f"its descriptor has {size:,} bytes, at most {limit:,} are read"
            data = stream.read(size)
            got = len(data)
            try:
                descriptor = metadata.vib(xml.parse(data, f"{where}: descriptor.xml")) if got == size else None
            except XmlRefusedError:
                raise
            except InputError as error:
                return None, f"its descriptor.xml {error.what}"
        else:
            got = stream.skip(size)
        if got != size:
            return None, f"member {name} is cut off"
        stream.skip(size % 2)  # members start at even offsets
    return descriptor, "" if descriptor else "it has no descriptor.xml"
