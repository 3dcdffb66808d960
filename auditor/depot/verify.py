"""Compares a .vib in the zip with what the metadata says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.depot.archive import Archive
from auditor.depot.limits import Limits
from auditor.depot.vibfile import ALGORITHMS, VibFile, read_vib
from auditor.depot.xml import XmlReader, XmlRefusedError
from auditor.domain.bundle import Payload, VibEntry
from auditor.errors import InputError


def verify(archive: Archive, vib: VibEntry, xml: XmlReader, limits: Limits) -> VibEntry:
    """``vib`` with what its file ``vib.path`` really is. A damaged file is a value; only an attack raises ``InputError``."""
    algorithms = [checksum.algorithm for checksum in vib.checksums]
    where = archive.place(vib.path)
    try:
        with archive.stream(vib.path) as take:
            file = read_vib(take, algorithms, xml, where, limits.descriptor)
    except XmlRefusedError:
        raise
    except InputError as error:
        return replace(vib, payload=Payload.DAMAGED, detail=error.what.removeprefix("is damaged: "))
    vib = replace(vib, members=file.members, signed=file.signed)
    if differences := tuple(_differences(vib, file)):
        return replace(vib, payload=Payload.DIFFERS, detail="; ".join(differences))
    if file.fault:
        return replace(vib, payload=Payload.DAMAGED, detail=f"the file is as listed, but no VIB: {file.fault}")
    unknown = [checksum.algorithm or "nameless" for checksum in vib.checksums if checksum.algorithm not in ALGORITHMS]
    if len(unknown) == len(vib.checksums):
        what = f"checksums of unknown kind: {', '.join(unknown)}" if unknown else "the metadata names no checksum"
        return replace(vib, payload=Payload.NO_CHECKSUM, detail=what)
    return replace(vib, payload=Payload.VERIFIED)


def _differences(vib: VibEntry, file: VibFile) -> Iterator[str]:
    if vib.packed_size is not None and vib.packed_size != file.size:
        yield f"{file.size:,} bytes instead of {vib.packed_size:,}"
    for checksum in vib.checksums:
        real = file.sums.get(checksum.algorithm)
        if real is not None and real != checksum.value:
            yield f"{checksum.algorithm} is {real} instead of {checksum.value}"
    inside = file.descriptor
    if inside is not None:
        for what, listed, real in (("name", vib.name, inside.name), ("version", vib.version, inside.version)):
            if listed != real:
                yield f"the {what} inside is {real!r} instead of {listed!r}"
