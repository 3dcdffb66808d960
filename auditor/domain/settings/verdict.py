"""What history and the site's own records say together. A contradiction counts on the safe side: who saw a change is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.settings.compare import SettingsSince
from auditor.domain.settings.past import SettingChange

RECORDS = "your records"


def by_day(day: datetime | None, saved: Reading[datetime], key: str) -> Reading[bool]:
    """Whether something changed since, by the day of its last change. A day is over when it is over: what was changed during
    the day of the update may have been changed after it."""
    if day is None:
        return Unread(Reason.NOT_ATTEMPTED, f"when it last changed is not configured: [rollback.changed] {key}")
    if isinstance(saved, Unread):
        return saved
    return Read(day + timedelta(days=1) > saved.value)


def with_day(seen: Reading[SettingsSince], changed: Reading[bool], day: datetime | None) -> Reading[SettingsSince]:
    """A comparison from history, and what the day says: a change by the records is one more; no change settles what history
    does not know."""
    if isinstance(changed, Unread):
        if isinstance(seen, Unread):
            return Unread(seen.reason, f"{seen.detail}; {changed.detail}" if seen.detail else changed.detail)
        return Read(replace(seen.value, notes=(*seen.value.notes, changed.detail))) if seen.value.unknown else seen
    known = SettingsSince() if isinstance(seen, Unread) else seen.value
    if changed.value:
        on = f"on {day:%Y-%m-%d}" if day is not None else "yes"
        return Read(replace(known, changed=(*known.changed, SettingChange(RECORDS, "last change", None, on))))
    groups = ", ".join(unknown.group for unknown in known.unknown) or ("all" if isinstance(seen, Unread) else "")
    notes = (*known.notes, f"unchanged by {RECORDS}: {groups}") if groups else known.notes
    return Read(SettingsSince(known.changed, (), notes))


def changed_of(found: Reading[SettingsSince]) -> Reading[bool]:
    """Whether anything changed, as one fact; what could not be compared leaves it open unless something did."""
    if isinstance(found, Unread):
        return found
    if found.value.changed:
        return Read(True)
    if found.value.unknown:
        return Unread(Reason.ABSENT, why_unknown(found.value))
    return Read(False)


def why_unknown(found: SettingsSince) -> str:
    """The groups that could not be compared, those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for unknown in found.unknown:
        by_reason.setdefault(unknown.why, []).append(unknown.group)
    return "; ".join([f"{', '.join(groups)}: {why}" for why, groups in by_reason.items()] + [*found.notes])


__all__ = ["RECORDS", "by_day", "changed_of", "why_unknown", "with_day"]
