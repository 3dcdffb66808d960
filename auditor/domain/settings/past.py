"""What history knows of a host's settings: from when to when each group had which value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

from auditor.domain.observation import Unread
from auditor.domain.settings.values import Entries, SettingsGroup


@dataclass(frozen=True, slots=True)
class Seen:
    """A group's value, when it was first and last read without another one in between."""

    entries: Entries
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that is not what it was: ``before`` and ``after`` are None where there was none. ``seen`` is when it was
    first read so; None: only now. It says nothing of what changed, so two changes are equal without it."""

    group: str
    name: str
    before: str | None
    after: str | None
    seen: datetime | None = field(default=None, compare=False)

    def __str__(self) -> str:
        what = f"{self.group} {self.name}".strip()
        return f"{what}: {self.before or 'none'} -> {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class PastSettings:
    """A host's recorded settings. Each group's values are oldest first; ``unread`` is why the newest attempt could not read a
    group, where that is so; ``last_attempt`` when it was."""

    host: str
    vcenter: str
    groups: Mapping[SettingsGroup, tuple[Seen, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unread: Mapping[SettingsGroup, Unread] = field(default_factory=lambda: MappingProxyType({}))
    last_attempt: datetime | None = None

    def of(self, group: SettingsGroup) -> tuple[Seen, ...]:
        """Everything recorded of one group."""
        return self.groups.get(group, ())

    def at(self, group: SettingsGroup, moment: datetime) -> Seen | None:
        """The value read last at or before ``moment``, which has whole seconds, as times of files have."""
        earlier = [seen for seen in self.of(group) if seen.first_seen.replace(microsecond=0) <= moment]
        return earlier[-1] if earlier else None

    def newest(self, group: SettingsGroup) -> Seen | None:
        """The value read last."""
        seen = self.of(group)
        return seen[-1] if seen else None

    def changes(self, since: datetime | None = None) -> Iterator[SettingChange]:
        """Every change between two recorded values that was first seen after ``since``, oldest first."""
        steps = [
            (newer.first_seen, group, older, newer) for group in SettingsGroup for older, newer in pairwise(self.of(group))
        ]
        for moment, group, older, newer in sorted(steps, key=lambda step: step[0]):
            if since is None or moment > since:
                yield from differences(group, older.entries, newer.entries, moment)


def differences(
    group: SettingsGroup, before: Entries, after: Entries, seen: datetime | None = None, *, common: bool = False
) -> tuple[SettingChange, ...]:
    """What differs between two values of a group, by name. ``common``: only names that both have."""
    old, new = dict(before), dict(after)
    names = old.keys() & new.keys() if common else old.keys() | new.keys()
    return tuple(
        SettingChange(group.value, name, old.get(name), new.get(name), seen)
        for name in sorted(names)
        if old.get(name) != new.get(name)
    )


__all__ = ["PastSettings", "Seen", "SettingChange", "differences"]
