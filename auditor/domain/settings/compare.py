"""A host's settings now against those that a rollback would bring back.

What comes back is the configuration as it was saved with the older image. History has what was read last at or before that
time; a change between that reading and the saving counts as one that is lost, which is the safe side. A setting that was
changed and changed back is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from auditor.domain.observation import NOT_ATTEMPTED, Reading, Unread
from auditor.domain.settings.past import PastSettings, SettingChange, differences
from auditor.domain.settings.values import CONFIGURATION, Entries, HostSettings, SettingsGroup


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """A group that could not be compared. The group is what counts: the reason's words may differ from one attempt to the
    next."""

    group: str
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SettingsSince:
    """How settings compare with those that would come back. ``notes`` say what the comparison rests on where that is not the
    host as it is now."""

    changed: tuple[SettingChange, ...] = ()
    unknown: tuple[UnknownGroup, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def same(self) -> bool:
        """Whether everything was compared and nothing differs."""
        return not self.changed and not self.unknown


def compare(
    past: PastSettings, now: HostSettings | None, saved: datetime, groups: Iterable[SettingsGroup] = CONFIGURATION
) -> SettingsSince:
    """``saved`` is when the configuration that would come back was saved; ``now`` what was just read (None: nothing)."""
    changed: list[SettingChange] = []
    unknown: list[UnknownGroup] = []
    notes: list[str] = []
    for group in groups:
        reading = now.of(group) if now is not None else NOT_ATTEMPTED
        current = _current(past, group, reading, saved)
        if isinstance(current, Unread):
            unknown.append(UnknownGroup(group.value, str(current)))
        elif isinstance(reading, Unread):
            notes.append(f"{group.value}: {_recorded(past, group, now)}; now {reading.reason.value}")
        then = past.at(group, saved)
        first = past.of(group)[0] if past.of(group) else None
        if then is None and not isinstance(current, Unread):
            since = f"history knows it since {_when(first.first_seen)}" if first else "it was never recorded"
            unknown.append(UnknownGroup(group.value, f"not recorded before {_when(saved)}; {since}"))
        base = then or first
        if base is not None:
            changed += _changes(past, group, base.entries, None if isinstance(current, Unread) else current)
    return SettingsSince(tuple(changed), tuple(unknown), tuple(notes))


def _current(past: PastSettings, group: SettingsGroup, reading: Reading[Entries], saved: datetime) -> Entries | Unread:
    """What was just read, else what was recorded last, if that was after the upgrade."""
    if not isinstance(reading, Unread):
        return reading.value
    newest = past.newest(group)
    if newest is None or newest.last_seen <= saved:
        return reading
    return newest.entries


def _changes(past: PastSettings, group: SettingsGroup, base: Entries, current: Entries | None) -> tuple[SettingChange, ...]:
    """What differs now, with the time from which it was seen. Without anything to call now, nothing is said to differ."""
    if current is None:
        return ()
    found = differences(group, base, current, common=group.from_release)
    return tuple(
        SettingChange(change.group, change.name, change.before, change.after, _first_seen(past, group, base, change))
        for change in found
    )


def _first_seen(past: PastSettings, group: SettingsGroup, base: Entries, change: SettingChange) -> datetime | None:
    """When the setting was first recorded with another value than the base's, after the last time it still had that."""
    first = None
    for seen in past.of(group):
        if dict(seen.entries).get(change.name) == change.before:
            first = None
        elif first is None:
            first = seen.first_seen
    return first


def _recorded(past: PastSettings, group: SettingsGroup, now: HostSettings | None) -> str:
    newest = past.newest(group)
    if newest is None:
        return "never recorded"
    age = f", {span(now.at - newest.last_seen)} ago" if now is not None else ""
    return f"as recorded {_when(newest.last_seen)}{age}"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}"


def span(length: timedelta) -> str:
    """A length of time in its greatest whole unit."""
    minutes = max(0, int(length.total_seconds() // 60))
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} minutes"


__all__ = ["SettingsSince", "UnknownGroup", "compare", "span"]
