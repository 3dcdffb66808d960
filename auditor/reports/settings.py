"""A host's recorded settings: for people, and as the document of ``schemas/settings.v1.json``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from auditor.codec import timestamp
from auditor.domain.settings.past import PastSettings, SettingChange
from auditor.domain.settings.values import SettingsGroup
from auditor.reports.safe import printable

SCHEMA = "auditor/settings/v1"


def settings_document(name: str, found: Sequence[PastSettings], since: datetime | None) -> dict[str, Any]:
    """One host, for each vCenter it is known in."""
    return {
        "schema": SCHEMA,
        "host": name,
        "since": timestamp(since) if since else None,
        "records": [_record(past, since) for past in found],
    }


def _record(past: PastSettings, since: datetime | None) -> dict[str, Any]:
    return {
        "vcenter": past.vcenter or None,
        "last_attempt": timestamp(past.last_attempt) if past.last_attempt else None,
        "groups": [_group(past, group) for group in SettingsGroup if past.of(group)],
        "changes": [_change(change) for change in past.changes(since)],
        "unread": [
            {"group": group.value, "reason": why.reason.value, "detail": why.detail} for group, why in past.unread.items()
        ],
    }


def _group(past: PastSettings, group: SettingsGroup) -> dict[str, Any]:
    first, newest = past.of(group)[0], past.of(group)[-1]
    return {
        "group": group.value,
        "settings": dict(newest.entries),
        "known_since": timestamp(first.first_seen),
        "first_seen": timestamp(newest.first_seen),
        "last_seen": timestamp(newest.last_seen),
    }


def _change(change: SettingChange) -> dict[str, Any]:
    return {
        "group": change.group,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "first_seen": timestamp(change.seen) if change.seen else None,
    }


def render_settings(name: str, found: Sequence[PastSettings], since: datetime | None, *, values: bool) -> str:
    """The same in lines; ``values`` shows the newest value of every setting as well."""
    return "\n".join(line for past in found for line in _lines(name, past, since, values=values))


def _lines(name: str, past: PastSettings, since: datetime | None, *, values: bool) -> Iterator[str]:
    where = f" in vCenter {printable(past.vcenter)}" if past.vcenter else ""
    if past.last_attempt is None:
        yield f"{printable(name)}{where}: no settings are recorded"
        return
    known = [past.of(group)[0].first_seen for group in SettingsGroup if past.of(group)]
    oldest = _when(min(known, default=None))
    yield f"{printable(name)}{where}: settings known since {oldest}, last tried {_when(past.last_attempt)}"
    changes = list(past.changes(since))
    after = f" since {_when(since)}" if since else ""
    yield f"  {len(changes) or 'no'} change{'' if len(changes) == 1 else 's'}{after}{':' if changes else ''}"
    for change in changes:
        yield f"    {_when(change.seen)}  {printable(str(change), 1_000)}"
    if values:
        yield "  newest values:"
        for group in SettingsGroup:
            newest = past.newest(group)
            if newest is None:
                continue
            yield f"    {group.value}  (so since {_when(newest.first_seen)}, last read {_when(newest.last_seen)})"
            for key, value in newest.entries:
                yield f"      {printable(key)}: {printable(value, 400)}"
            if not newest.entries:
                yield "      none"
    for group, why in past.unread.items():
        yield f"  not read last time: {group.value}: {printable(str(why), 400)}"


def _when(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else "unknown time"


__all__ = ["SCHEMA", "render_settings", "settings_document"]
