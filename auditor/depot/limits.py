"""How much of an offline bundle is read before it is refused. Sizes in bytes.

Real bundles: a base image with 200 VIBs has about 700 MB, its metadata a few MB. The limits leave room for ten times that
and for bundles of many images, and keep what a hostile one can fill in memory to about half a GB.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

CHUNK = MIB
"""Bytes of a .vib held at once."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Of one zip. ``ratio`` is unpacked to packed size and holds for entries larger than ``ratio_from`` when unpacked:
    deflate reaches 1,000 with zeros only, XML about 30, and VIBs are packed already."""

    size: int
    directory: int = 4 * MIB
    entries: int = 50_000
    entry: int = 8 * GIB
    expanded: int = 32 * GIB
    ratio: int = 200
    ratio_from: int = MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one bundle. Those of ``metadata`` hold for each of its metadata zips, size and expansion also for all together.
    ``raw`` is in characters, ``fields`` a number, both per file of unpublished form. ``vendors`` is how many vendors' indexes
    are followed, ``reads`` how many VIBs of the metadata may name one .vib, each of which has it read: real ones have one."""

    bundle: ArchiveLimits = ArchiveLimits(size=32 * GIB)
    metadata: ArchiveLimits = ArchiveLimits(size=64 * MIB, entries=20_000, entry=16 * MIB, expanded=128 * MIB)
    index_file: int = MIB
    descriptor: int = 4 * MIB
    elements_per_file: int = 500_000
    elements: int = 2_000_000
    depth: int = 64
    raw: int = 16_000
    fields: int = 200
    vendors: int = 100
    reads: int = 4
