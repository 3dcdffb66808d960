"""The inverse of ``split``: answers put together again from stored documents."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

from auditor.codec import from_plain, parse_timestamp
from auditor.domain.image import Commit, DesiredImage, ManagementMode, Vib
from auditor.domain.observation import (
    NOT_ATTEMPTED,
    BankReading,
    ClusterVerdict,
    ClusterView,
    Depot,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Read,
    Reading,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
)
from auditor.history.split import BANK_PARTS, HOST_READINGS, bank_names, part_name


def _types(cls: type, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The type that is read by each of a class's readings, by the kind of its documents: from the class itself, so that a new
    reading cannot come back as plain data."""
    hints = get_type_hints(cls)
    read = {name: next(arg for arg in get_args(hints[name]) if get_origin(arg) is Read) for name in kinds}
    return {kind: get_args(read[name])[0] for name, kind in kinds.items()}


_TYPES: dict[str, Any] = {
    **_types(HostObservation, {name: name for name in HOST_READINGS}),
    **_types(BankReading, BANK_PARTS),
    "inventory": tuple[InventoryHost, ...],
    "depot": Depot,
    "image": DesiredImage,
    "verdict": HostVerdict,
}
"""What a document of each kind describes. Kinds that are not here are read as plain data."""


class Library:
    """Reads documents for one question. Each is read and decoded once, so hosts that share a value share one object."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._values: dict[object, Any] = {}

    def plain(self, document_id: int) -> Any:
        """The data of a whole answer, by its row number. Not kept: most answers are asked for once."""
        row = self._conn.execute("SELECT content FROM documents WHERE id = ?", (document_id,)).fetchone()
        return json.loads(row["content"])

    def value(self, kind: str, name: str) -> Any:
        """The value of the document of this kind and hash."""
        return self._once((kind, name), lambda: self._decoded(kind, name))

    def vibs(self, name: str, dates: str) -> tuple[Vib, ...]:
        """The VIBs of one document with the install dates of another."""
        vibs: tuple[Vib, ...] = self._once(("vibs", name, dates), lambda: self._dated(name, dates))
        return vibs

    def _once(self, key: object, make: Callable[[], Any]) -> Any:
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]

    def _decoded(self, kind: str, name: str) -> Any:
        row = self._conn.execute("SELECT content FROM documents WHERE kind = ? AND hash = ?", (kind, name)).fetchone()
        data = json.loads(row["content"])
        return from_plain(_TYPES[kind], data) if kind in _TYPES else data

    def _dated(self, name: str, dates: str) -> tuple[Vib, ...]:
        each = [date for date, count in self.value("vib_install_dates", dates) for _ in range(count)]
        return tuple(
            vib if not date else replace(vib, install_date=date)
            for vib, date in zip(self.value("vibs", name), each, strict=True)
        )


def join_host(library: Library, document_id: int, host: str, vcenter: str, route: Route, at: datetime) -> HostObservation:
    """The observation of a host from the document of its whole answer."""
    plain = library.plain(document_id)
    entries: dict[str, Any] = plain["readings"]

    def reading(name: str, kind: str) -> Reading[Any]:
        entry = entries.get(name)
        if entry is None:
            return NOT_ATTEMPTED
        if "unread" in entry:
            return from_plain(Unread, entry)
        if "install_dates" in entry:
            return Read(library.vibs(entry["document"], entry["install_dates"]))
        return Read(library.value(kind, entry["document"]))

    banks = tuple(
        BankReading(link, **{part: reading(part_name(name, part), kind) for part, kind in BANK_PARTS.items()})
        for link, name in zip(plain["banks"], bank_names(plain["banks"]), strict=True)
    )
    trouble = None if plain["trouble"] is None else from_plain(Unread, plain["trouble"])
    readings = {name: reading(name, name) for name in HOST_READINGS}
    return HostObservation(host, route, at, vcenter=vcenter, banks=banks, trouble=trouble, **readings)


def join_vcenter(
    library: Library,
    document_id: int,
    name: str,
    at: datetime,
    marks: VCenterMarks | None,
    clusters: tuple[ClusterView, ...],
) -> VCenterView:
    """The view of a vCenter. ``marks`` and ``clusters`` are its rows; the document says whether they were read at all."""
    entries: dict[str, Any] = library.plain(document_id)["readings"]

    def reading(key: str, value: Callable[[Any], Any]) -> Reading[Any]:
        entry = entries[key]
        return from_plain(Unread, entry) if "unread" in entry else Read(value(entry))

    return VCenterView(
        name,
        at,
        marks=reading("marks", lambda _: marks),
        clusters=reading("clusters", lambda _: clusters),
        hosts=reading("hosts", lambda e: tuple(h for part in e["documents"] for h in library.value("inventory", part))),
        depot=reading("depot", lambda e: library.value("depot", e["document"])),
    )


def join_cluster(library: Library, document_id: int) -> ClusterView:
    """The view of a cluster from the document of its whole answer."""
    plain = library.plain(document_id)
    entries: dict[str, Any] = plain["readings"]
    image, compliance = entries["image"], entries["compliance"]
    return ClusterView(
        plain["id"],
        plain["name"],
        mode=_inline(ManagementMode, entries["mode"]),
        image=from_plain(Unread, image) if "unread" in image else Read(library.value("image", image["document"])),
        commit=_inline(Commit, entries["commit"]),
        compliance=from_plain(Unread, compliance) if "unread" in compliance else Read(_verdict(library, compliance)),
    )


def _inline(cls: type[Any], entry: dict[str, Any]) -> Reading[Any]:
    return from_plain(Unread, entry) if "unread" in entry else Read(from_plain(cls, entry["value"]))


def _verdict(library: Library, entry: dict[str, Any]) -> ClusterVerdict:
    plain = library.value("compliance", entry["document"])
    hosts = tuple(replace(library.value("verdict", part), host=moid) for moid, part in plain["hosts"])
    bare: ClusterVerdict = from_plain(ClusterVerdict, {**plain, "hosts": []})
    time = entry["scan_time"]
    return replace(bare, hosts=hosts, scan_time=None if time is None else parse_timestamp(time))


__all__ = ["Library", "join_cluster", "join_host", "join_vcenter"]
