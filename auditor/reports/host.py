"""What is recorded of one host: for people, and as the document of ``schemas/host.v1.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from auditor.codec import timestamp
from auditor.domain.bootbank import simulate_boot
from auditor.domain.hosts import Fact
from auditor.domain.observation import BankReading, Read, StagedImage, Unread, value_of
from auditor.domain.readings.registry import BY_KEY
from auditor.domain.recorded import RecordedHost
from auditor.domain.settings.compare import span
from auditor.domain.wording import count
from auditor.reports.json import readings_document
from auditor.reports.rows import when
from auditor.reports.safe import printable

SCHEMA = "auditor/host/v1"

_LISTS = {
    "components": ("name", "version", "vendor"),
    "vibs": ("name", "version", "acceptance_level", "install_date", "vendor", "platforms"),
}
"""Readings that are shown as tables, with their columns."""


def host_document(name: str, found: Sequence[RecordedHost], at: datetime | None) -> dict[str, Any]:
    """One host, for each vCenter it is known in. ``at`` is the time that was asked for."""
    return {
        "schema": SCHEMA,
        "host": name,
        "at": timestamp(at) if at else None,
        "records": [
            {
                "vcenter": host.vcenter or None,
                "cluster": host.cluster or None,
                "last_listed": timestamp(host.listed) if host.listed else None,
                "routes": [
                    {
                        "route": result.route.value,
                        "at": timestamp(result.at),
                        "trouble": {"unread": result.trouble.reason.value, "detail": result.trouble.detail}
                        if result.trouble
                        else None,
                    }
                    for result in host.routes
                ],
                "readings": readings_document(host.facts),
            }
            for host in found
        ],
    }


def render_host(found: Sequence[RecordedHost], now: datetime) -> str:
    """The same in lines. ``now`` is what ages are counted to."""
    return "\n\n".join("\n".join(_lines(host, now)) for host in found)


def _lines(host: RecordedHost, now: datetime) -> Iterator[str]:
    where = f" in vCenter {printable(host.vcenter)}" if host.vcenter else ", in no vCenter"
    cluster = f", cluster {printable(host.cluster)}" if host.cluster else ""
    listed = f"; last listed {_age(host.listed, now)}" if host.listed else ""
    yield f"{printable(host.name)}{where}{cluster}{listed}"
    for result in host.routes:
        said = "answered" if result.trouble is None else printable(str(result.trouble))
        yield f"  {result.route.value:8} {_age(result.at, now)}: {said}"
    yield ""
    width = max(len(BY_KEY[fact.key].meaning) for fact in host.facts)
    for fact in host.facts:
        meaning = BY_KEY[fact.key].meaning
        if isinstance(fact.reading, Unread):
            yield f"  {meaning:{width}}  not known: {printable(str(fact.reading))}"
            continue
        first, *more = _words(fact)
        yield f"  {meaning:{width}}  {first}  ({_source(fact, now)})"
        yield from (f"  {'':{width}}  {line}" for line in more)
    for fact in host.facts:
        if fact.key in _LISTS and isinstance(fact.reading, Read):
            yield f"\n{BY_KEY[fact.key].meaning.upper()} ({_source(fact, now)})"
            yield from _table(BY_KEY[fact.key].plain(fact.reading.value), _LISTS[fact.key])


def _source(fact: Fact, now: datetime) -> str:
    return f"{fact.route.value if fact.route else '?'}, {_age(fact.at, now)}"


def _age(at: datetime | None, now: datetime) -> str:
    return f"{when(at)}, {span(now - at)} ago" if at else "unknown time"


def _words(fact: Fact) -> list[str]:
    """A reading's value in a line, or several."""
    value = fact.reading.value if isinstance(fact.reading, Read) else None
    if fact.key in _LISTS:
        return [f"{len(BY_KEY[fact.key].plain(value))}, listed below"]
    if fact.key in _WORDS:
        return [printable(line) for line in _WORDS[fact.key](value)]
    plain = BY_KEY[fact.key].plain(value)
    if isinstance(plain, bool):
        return ["yes" if plain else "no"]
    return [printable(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))]


def _banks(banks: tuple[BankReading, ...]) -> list[str]:
    lines = []
    for bank in banks:
        target = bank.target.value if isinstance(bank.target, Read) else f"not known: {bank.target}"
        data = value_of(bank.boot_cfg)
        holds = f"boot.cfg not known: {bank.boot_cfg}"
        if data is not None:
            [seen] = simulate_boot([data]).banks
            holds = f"bootstate {seen.bootstate}, updated {seen.updated}, build {seen.build or 'none'}"
        lines.append(f"{bank.link} -> {target}: {holds}")
    return lines or ["none"]


def _staged(staged: StagedImage | None) -> list[str]:
    if staged is None:
        return ["nothing is staged"]
    base = staged.base_image.version.raw if staged.base_image else ""
    return [f"{base or staged.profile or 'an image without a name'}, {count(len(staged.vibs), 'VIB')}"]


_WORDS: dict[str, Callable[[Any], list[str]]] = {
    "product": lambda p: [f"{p.name or 'ESXi'} {p.version} build {p.build}"],
    "profile": lambda p: [f"{p.name}{' (updated since: VIBs were changed on the host)' if p.updated else ''}, {p.vendor}"],
    "base_image": lambda b: [b.version.raw],
    "add_on": lambda a: [f"{a.name} {a.version}" if a else "none"],
    "banks": _banks,
    "boot_volumes": lambda volumes: list(volumes) or ["none"],
    "staged": _staged,
}


def _table(rows: Iterable[dict[str, str]], columns: Sequence[str]) -> Iterator[str]:
    cells = [[printable(row.get(column) or "") for column in columns] for row in rows]
    cells.insert(0, [column.replace("_", " ").capitalize() for column in columns])
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    return ("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


__all__ = ["host_document", "render_host"]
