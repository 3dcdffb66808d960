"""The windows of hosts in plain words and as the document of ``schemas/rollback-window.v1.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from auditor.codec import timestamp
from auditor.domain.observation import Read, Reading, Unread, value_of
from auditor.domain.rollback.bank import BankFacts
from auditor.domain.rollback.change import WindowChange
from auditor.domain.rollback.compare import BankDifference, VibChange
from auditor.domain.rollback.report import WindowRow
from auditor.domain.rollback.window import Window, WindowKind, next_start_words
from auditor.reports.safe import printable

T = TypeVar("T")
Plain = dict[str, Any]

SCHEMA = "auditor/rollback-window/v1"
EVENTS = "auditor/rollback-events/v1"
_VIBS_SHOWN = 6

_MEANS = {
    WindowKind.OPEN: "can go back to {build}.",
    WindowKind.CONSUMED: "cannot go back: the older image is gone.",
    WindowKind.EMPTY: "cannot go back: there is no image to go back to.",
    WindowKind.PENDING_UPDATE: "must not be rebooted to go back: its next boot installs {build}.",
    WindowKind.QUICKBOOT: "is set up for a Quick Boot; there is nothing to say of a full reboot.",
    WindowKind.UNHEALTHY: "must not be rolled back: its banks are not in order.",
    WindowKind.UNKNOWN: "whether it can go back is not known.",
}


def window_document(rows: Sequence[WindowRow]) -> Plain:
    """All rows, valid by schema ``rollback-window.v1``."""
    counts = Counter(row.state.window.kind for row in rows)
    return {
        "schema": SCHEMA,
        "counts": {kind.value: counts[kind] for kind in WindowKind},
        "hosts": [_host(row) for row in rows],
    }


def render_windows(rows: Sequence[WindowRow]) -> str:
    """Every host's window in plain words, and at the end what to type next."""
    blocks = ["\n".join(_lines(row)) for row in rows]
    return "\n\n".join([*blocks, "\n".join(_next(rows))])


def events_document(events: Sequence[WindowChange]) -> Plain:
    """Recorded moves of windows, valid by schema ``rollback-events.v1``."""
    return {"schema": EVENTS, "events": [{"host": event.host, **_change(event)} for event in events]}


def render_events(events: Sequence[WindowChange], hosts: int) -> str:
    """The same in words; ``hosts`` is how many have a record of their banks."""
    if not hosts:
        return "No run has recorded boot banks yet.\nNext: auditor snapshot, with SSH configured"
    lines = [
        printable(f"{_at(e.seen_after)}  {e.host}: {e.before} -> {e.after} (since {_at(e.seen_before)}). {e.cause.words}", 600)
        for e in events
    ]
    return "\n".join(lines or [f"No window moved on the {hosts} hosts with recorded boot banks."])


# Text ----------------------------------------------------------------------------------------------------------------


def _lines(row: WindowRow) -> Iterable[str]:
    state, window = row.state, row.state.window
    place = f" in {row.chosen.cluster}" if row.chosen.cluster else ""
    means = _MEANS[window.kind].format(build=window.build or "another image")
    yield printable(f"{state.host}{place}: {window} - {means}")
    if window.reason:
        yield printable(f"    why        {window.reason}")
    if window.age is not None:
        yield f"    known      {_span(window.age)} ago"
    if row.seen.trouble is None:
        yield printable(f"    booted     {_shown(state.booted, str)}{_confirmed(state.confirmed)}")
        yield printable(f"    next       {_shown(state.next, next_start_words)}")
        yield printable(f"    staged     {_shown(state.staged, lambda build: build or 'nothing')}")
        yield printable(f"    fallback   {_shown(state.fallback, lambda build: build or 'nothing would start')}")
        if window.kind in {WindowKind.OPEN, WindowKind.CONSUMED, WindowKind.UNKNOWN}:  # else there is no going back
            yield printable(f"    going back {_difference(row)}")
            yield from (f"               {line}" for line in _vibs(row.difference))
            yield printable(f"    settings   {_configuration(row)}")
    if row.change is not None:
        change = row.change
        yield printable(
            f"    changed    {change.before} at {_at(change.seen_before)}, now {change.after}: {change.cause.words}", 600
        )
    if row.listed is not None:
        yield f"    inventory  last listed {_at(row.listed)}"


def _confirmed(reading: Reading[bool]) -> str:
    return "" if value_of(reading) is not False else ", not confirmed by ESXi"


def _difference(row: WindowRow) -> str:
    if isinstance(row.difference, Unread):
        return f"what else would change is not known: {row.difference}"
    difference = row.difference.value
    if not difference.vibs:
        return "no VIB differs between the two banks"
    return f"{len(difference.vibs)} VIBs differ, {len(difference.lost)} of them missing in the other bank"


def _vibs(reading: Reading[BankDifference]) -> Iterable[str]:
    difference = value_of(reading)
    if difference is None:
        return
    # What would be missing is what hurts, so it comes first.
    ordered = sorted(difference.vibs, key=lambda vib: (vib.then is not None, vib.now is not None, vib.name))
    for vib in ordered[:_VIBS_SHOWN]:
        yield printable(f"{vib.name}: {vib.now or 'not there now'} -> {vib.then or 'missing'}")
    if len(ordered) > _VIBS_SHOWN:
        yield f"and {len(ordered) - _VIBS_SHOWN} more; --json lists all"


def _configuration(row: WindowRow) -> str:
    saved = row.state.configuration_saved
    if isinstance(saved, Unread):
        return f"how old the other bank's configuration is was not read: {saved}"
    now = value_of(row.seen.clock) or row.seen.at
    return f"the other bank's configuration is from {_at(saved.value)}, {_span(now - saved.value)} ago; it comes back with it"


def _next(rows: Sequence[WindowRow]) -> Iterable[str]:
    kinds = {row.state.window.kind for row in rows}
    unread = [row for row in rows if row.seen.trouble is not None]
    if unread:
        yield printable(f"Next: mend the route to {unread[0].state.host}: auditor hosts list, then this command again.")
    elif WindowKind.UNHEALTHY in kinds:
        yield "Next: do not reboot the UNHEALTHY hosts; keep copies of both boot.cfg files and open a support case."
    elif WindowKind.PENDING_UPDATE in kinds:
        yield "Next: auditor runbook show update-staged"
    elif kinds == {WindowKind.OPEN}:
        yield "Next: keep the hosts out of updates and, with vSphere HA, in the mode they are in: leaving maintenance mode"
        yield "      can close the window. Read it again just before you act on it."
    else:
        yield "Next: auditor runbook show window-closed"


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _span(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def _shown(reading: Reading[T], words: Callable[[T], str]) -> str:
    return words(reading.value) if isinstance(reading, Read) else f"not known: {reading}"


# JSON ----------------------------------------------------------------------------------------------------------------


def _host(row: WindowRow) -> Plain:
    state = row.state
    return {
        "name": state.host,
        "vcenter": row.chosen.vcenter or None,
        "cluster": row.chosen.cluster or None,
        "listed": None if row.listed is None else timestamp(row.listed),
        "at": timestamp(state.at),
        "trouble": None if row.seen.trouble is None else _unread(row.seen.trouble),
        "window": _window(state.window),
        "booted": _reading(state.booted, str),
        "next": _reading(state.next, lambda next_: {"bank": next_.link, "build": next_.build, "why": list(next_.why)}),
        "staged": _reading(state.staged, lambda build: build),
        "confirmed": _reading(state.confirmed, bool),
        "fallback": _reading(state.fallback, lambda build: build),
        "configuration_saved": _reading(state.configuration_saved, timestamp),
        "banks": [_bank(bank) for bank in row.seen.banks],
        "difference": _reading(row.difference, _difference_plain),
        "change": None if row.change is None else _change(row.change),
    }


def _window(window: Window) -> Plain:
    age = None if window.age is None else window.age.total_seconds()
    return {"kind": window.kind.value, "build": window.build or None, "reason": window.reason, "age_seconds": age}


def _bank(bank: BankFacts) -> Plain:
    return {
        "link": bank.link,
        "volume": _reading(bank.target, str),
        "partition": _reading(bank.partition, int),
        "boot_cfg": _reading(bank.boot_cfg, lambda data: data.decode("latin-1")),
        "files": _reading(bank.files, len),
        "vibs": _reading(bank.image, lambda image: len(image.vibs)),
    }


def _difference_plain(difference: BankDifference) -> Plain:
    return {
        "profile_now": difference.profile_now or None,
        "profile_then": difference.profile_then or None,
        "vibs": [_vib(vib) for vib in difference.vibs],
    }


def _vib(vib: VibChange) -> Plain:
    return {"name": vib.name, "now": vib.now, "then": vib.then}


def _change(change: WindowChange) -> Plain:
    return {
        "before": _window(change.before),
        "after": _window(change.after),
        "seen_before": timestamp(change.seen_before),
        "seen_after": timestamp(change.seen_after),
        "cause": change.cause.value,
        "closed": change.closed,
    }


def _reading(reading: Reading[T], plain: Callable[[T], Any]) -> Plain:
    return {"value": plain(reading.value)} if isinstance(reading, Read) else _unread(reading)


def _unread(reading: Unread) -> Plain:
    return {"unread": reading.reason.value, "detail": reading.detail}


__all__ = ["events_document", "render_events", "render_windows", "window_document"]
