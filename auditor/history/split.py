"""An observation taken apart into documents, so that a change of one reading stores that reading and nothing else.

A document is JSON text named by its SHA-256. What differs between equal answers stays out of it: the time, the host's
name, and the install dates of VIBs, which would make the same 150 VIBs a new document on every host. A whole answer is
a document too, holding ``{"document": hash}`` for each reading and ``{"unread": …}`` for each that has no value; a reading
that was plainly not attempted is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from auditor.codec import canonical_plain, to_plain
from auditor.domain.observation import (
    READING_KEYS,
    ClusterVerdict,
    ClusterView,
    HostObservation,
    Read,
    Unread,
    VCenterView,
)
from auditor.masking import holds_secret, masked_bytes, masked_plain

HOST_READINGS = tuple(key for key in READING_KEYS if key != "banks")
"""Names of a host's readings; each is also the kind of its documents."""

BANK_PARTS = {"target": "bank_target", "boot_cfg": "boot_cfg", "files": "bank_files", "partition": "bank_partition"}
"""What is read of a boot bank, by its field in ``BankReading``, and the kind of its documents."""

INVENTORY_CHUNK = 32
"""Hosts per inventory document: one host that changes costs 8 kB, not a list of a thousand."""

_NOT_ATTEMPTED = {"unread": "not-attempted", "detail": "", "raw": ""}


@dataclass(frozen=True, slots=True)
class Document:
    """A text to be stored once. ``parts`` are the documents it refers to."""

    kind: str
    hash: str
    content: str
    parts: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """A host's observation as documents: the ``whole`` answer, and each reading that has a value, by name."""

    whole: Document
    readings: tuple[tuple[str, Document], ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ClusterAnswer:
    """A cluster's view as documents: the ``whole`` answer, and its desired image where it was read."""

    view: ClusterView
    whole: Document
    image: Document | None


@dataclass(frozen=True, slots=True)
class VCenterAnswer:
    """A vCenter's view as documents. Its marks are stored as a row, its clusters each on their own."""

    whole: Document
    clusters: tuple[ClusterAnswer, ...]


def document(kind: str, plain: Any, parts: Sequence[Document] = ()) -> Document:
    """The document of plain data. Lone surrogates, which UTF-8 cannot hold, are written as JSON escapes. A value
    that is a secret is masked."""
    text = canonical_plain(plain)
    if holds_secret(text):
        text = canonical_plain(masked_plain(plain))
    data = text.encode("utf-8", "backslashreplace")
    return Document(kind, hashlib.sha256(data).hexdigest(), data.decode(), tuple(parts))


def split_host(observation: HostObservation) -> HostAnswer:
    """The documents of a host's observation."""
    entries: dict[str, Any] = {}
    found: list[tuple[str, Document]] = []

    def add(name: str, kind: str, reading: Read[Any] | Unread) -> None:
        if isinstance(reading, Unread):
            entries[name] = to_plain(reading)
        elif kind == "vibs":
            vibs, dates = _split_vibs(to_plain(reading.value))
            entries[name] = {"document": vibs.hash, "install_dates": dates.hash}
            found.extend([(name, vibs), ("vib_install_dates", dates)])
        else:
            value = document(kind, to_plain(masked_bytes(came) if isinstance(came := reading.value, bytes) else came))
            entries[name] = {"document": value.hash}
            found.append((name, value))

    for name in HOST_READINGS:
        add(name, name, getattr(observation, name))
    for bank, name in zip(observation.banks, bank_names([b.link for b in observation.banks]), strict=True):
        for part, kind in BANK_PARTS.items():
            add(part_name(name, part), kind, getattr(bank, part))
    complete = all("document" in entry for entry in entries.values())
    plain = {
        "readings": {name: entry for name, entry in entries.items() if entry != _NOT_ATTEMPTED},
        "banks": [bank.link for bank in observation.banks],
        "trouble": None if observation.trouble is None else to_plain(observation.trouble),
    }
    return HostAnswer(document("host", plain, [part for _, part in found]), tuple(found), complete)


def bank_names(links: Sequence[str]) -> Sequence[str]:
    """A name for each bank: its link, unless two have the same."""
    return links if len(set(links)) == len(links) else [f"bank {number}" for number in range(1, len(links) + 1)]


def part_name(bank: str, part: str) -> str:
    """The name of one reading of a bank, such as "/bootbank target" and "/bootbank boot.cfg"."""
    return f"{bank} {part.replace('_', '.') if part == 'boot_cfg' else part}"


def _split_vibs(plain: list[dict[str, Any]]) -> tuple[Document, Document]:
    """The VIBs without their install dates, and the dates in the order of the VIBs as [date, how many in a row]."""
    dates = [vib.pop("install_date") for vib in plain]
    runs = [[date, len(list(group))] for date, group in groupby(dates)]
    return document("vibs", plain), document("vib_install_dates", runs)


def split_vcenter(view: VCenterView) -> VCenterAnswer:
    """The documents of a vCenter's view."""
    parts: list[Document] = []
    entries: dict[str, Any] = {
        "marks": {"rows": "vcenter_marks"} if isinstance(view.marks, Read) else to_plain(view.marks),
        "clusters": {"rows": "cluster_attempts"} if isinstance(view.clusters, Read) else to_plain(view.clusters),
    }
    if isinstance(view.hosts, Read):
        hosts = view.hosts.value
        chunks = [
            document("inventory", to_plain(hosts[start : start + INVENTORY_CHUNK]))
            for start in range(0, len(hosts), INVENTORY_CHUNK)
        ]
        parts += chunks
        entries["hosts"] = {"documents": [chunk.hash for chunk in chunks]}
    else:
        entries["hosts"] = to_plain(view.hosts)
    entries["depot"] = _entry("depot", view.depot, parts)
    clusters = tuple(_split_cluster(cluster) for cluster in view.clusters.value) if isinstance(view.clusters, Read) else ()
    return VCenterAnswer(document("vcenter", {"readings": entries}, parts), clusters)


def _split_cluster(view: ClusterView) -> ClusterAnswer:
    parts: list[Document] = []
    image = document("image", to_plain(view.image.value)) if isinstance(view.image, Read) else None
    if image is not None:
        parts.append(image)
    entries: dict[str, Any] = {
        "mode": to_plain(view.mode),
        "image": {"document": image.hash} if image else to_plain(view.image),
        "commit": to_plain(view.commit),
        "compliance": to_plain(view.compliance)
        if isinstance(view.compliance, Unread)
        else _split_compliance(view.compliance.value, parts),
    }
    plain = {"id": view.id, "name": view.name, "readings": entries}
    return ClusterAnswer(view, document("cluster", plain, parts), image)


def _split_compliance(verdict: ClusterVerdict, parts: list[Document]) -> dict[str, Any]:
    """A scan that found nothing new costs its time; hosts with the same verdict share one document."""
    hosts = [(host.host, document("verdict", to_plain(replace(host, host="")))) for host in verdict.hosts]
    plain = to_plain(replace(verdict, hosts=(), scan_time=None))
    plain["hosts"] = [[moid, part.hash] for moid, part in hosts]
    whole = document("compliance", plain, [part for _, part in hosts])
    parts.append(whole)
    return {"document": whole.hash, "scan_time": to_plain(verdict.scan_time)}


def _entry(kind: str, reading: Read[Any] | Unread, parts: list[Document]) -> Any:
    if isinstance(reading, Unread):
        return to_plain(reading)
    value = document(kind, to_plain(reading.value))
    parts.append(value)
    return {"document": value.hash}


__all__ = [
    "BANK_PARTS",
    "HOST_READINGS",
    "ClusterAnswer",
    "Document",
    "HostAnswer",
    "VCenterAnswer",
    "bank_names",
    "document",
    "part_name",
    "split_host",
    "split_vcenter",
]
