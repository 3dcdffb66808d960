"""What changed since the older image's configuration was saved: by history, the host as it is, and the site's records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from auditor.domain.observation import Read, Reading, Reason, Unread, value_of
from auditor.domain.readings.own_settings import STARTED_WITH_IT, in_groups
from auditor.domain.readings.situation import better
from auditor.domain.rollback.bank import ALTBOOTBANK
from auditor.domain.rollback.situation import HostSituation, Since
from auditor.domain.settings.compare import SettingsSince, compare
from auditor.domain.settings.past import PastSettings
from auditor.domain.settings.values import CONFIGURATION, POLICY, Entries, HostSettings, SettingsGroup
from auditor.domain.settings.verdict import by_day, changed_of, with_day

_CLOCKS_AGREE = timedelta(minutes=1)
"""Between a host's clock and ours; less is the time that asking takes."""


def since_the_upgrade(
    situation: HostSituation, changed: Mapping[str, datetime], recorded: Reading[PastSettings], now: HostSettings | None
) -> HostSituation:
    """``changed`` are the days of the site's records, ``recorded`` is what history knows of the host, ``now`` what was read."""
    saved = _saved(situation)
    seen = _Seen(saved, recorded, _with_own_word(situation, now))

    def day(key: str) -> Reading[bool]:
        return by_day(changed.get(key), saved, key)

    def of(key: str, groups: Iterable[SettingsGroup]) -> Reading[bool]:
        return changed_of(with_day(seen.compare(groups), day(key), changed.get(key)))

    security, way = situation.security, situation.way_in
    return replace(
        situation,
        settings_changed=better(
            situation.settings_changed, with_day(seen.compare(CONFIGURATION), day("settings"), changed.get("settings"))
        ),
        security=replace(
            security,
            policy_changed=better(security.policy_changed, of("security_policy", POLICY)),
            secure_boot_then=better(
                security.secure_boot_then, _secure_boot_then(seen, security.secure_boot, day("security_policy"))
            ),
            lockdown_then=better(security.lockdown_then, _lockdown_then(seen, security.lockdown, day("settings"))),
        ),
        way_in=replace(
            way,
            # No API and no reading tells whether root's password changed.
            root_password=better(way.root_password, _since(day("root_password"))),
            host_keys=better(way.host_keys, _since(of("host_keys", (SettingsGroup.HOST_KEY,)))),
            certificates=better(way.certificates, _since(of("certificates", (SettingsGroup.CERTIFICATE,)))),
            authorized_keys=better(way.authorized_keys, _since(of("authorized_keys", (SettingsGroup.AUTHORIZED_KEYS,)))),
        ),
    )


class _Seen:
    """History and the host as it is, beside the time at which the other bank's configuration was saved."""

    def __init__(self, saved: Reading[datetime], recorded: Reading[PastSettings], now: HostSettings | None) -> None:
        self._saved, self._recorded, self._now = saved, recorded, now

    def compare(self, groups: Iterable[SettingsGroup]) -> Reading[SettingsSince]:
        """These groups; unread as a whole without the time, or without a history."""
        if isinstance(self._saved, Unread):
            return self._saved
        if isinstance(self._recorded, Unread):
            return self._recorded
        return Read(compare(self._recorded.value, self._now, self._saved.value, groups))

    def then(self, group: SettingsGroup) -> Reading[Entries]:
        """A group as it was recorded last before the configuration was saved."""
        if isinstance(self._saved, Unread):
            return self._saved
        if isinstance(self._recorded, Unread):
            return self._recorded
        known = self._recorded.value.at(group, self._saved.value)
        if known is None:
            return Unread(Reason.ABSENT, f"{group.value} was not recorded before {self._saved.value:%Y-%m-%d %H:%MZ}")
        return Read(known.entries)


def _saved(situation: HostSituation) -> Reading[datetime]:
    """When the configuration that would come back was saved, by our clock: history has its times by it. Where the host's
    differs the earlier time counts, which sees more changes."""
    saved, clock = situation.state.configuration_saved, situation.banks.clock
    if isinstance(saved, Unread):
        return Unread(saved.reason, f"the age of the configuration in {ALTBOOTBANK}: {saved.detail}")
    ahead = clock.value - situation.banks.at if isinstance(clock, Read) else timedelta(0)
    return Read(saved.value - ahead) if ahead > _CLOCKS_AGREE else saved


def _with_own_word(situation: HostSituation, now: HostSettings | None) -> HostSettings | None:
    """What the host itself said, beside what vCenter says of it."""
    way = situation.way_in
    own = in_groups(way.host_key, way.keys_digest, situation.security.secure_boot)
    if now is None:
        return HostSettings(situation.host, situation.vcenter, situation.banks.at, own)
    return replace(now, groups={**now.groups, **own})


def _secure_boot_then(seen: _Seen, now: Reading[bool], changed: Reading[bool]) -> Reading[bool]:
    """Whether the older image ran with Secure Boot: by the host's own word of that time, or as now where nothing changed since
    by the site's records. What vCenter calls a capability is not taken for it."""
    then = seen.then(SettingsGroup.SECURE_BOOT)
    told = dict(then.value).get(STARTED_WITH_IT) if isinstance(then, Read) else None
    if told is not None:
        return Read(told == "yes")
    if value_of(changed) is False:
        return now
    return then if isinstance(then, Unread) else Unread(Reason.ABSENT, "whether the older image ran with it is not recorded")


def _lockdown_then(seen: _Seen, now: Reading[str], settings: Reading[bool]) -> Reading[str]:
    """Lockdown mode as of the upgrade: as recorded then, or as now where no setting changed since by the site's records."""
    then = seen.then(SettingsGroup.LOCKDOWN)
    mode = dict(then.value).get("mode") if isinstance(then, Read) else None
    if mode is not None:
        return Read(mode)
    if value_of(settings) is False:
        return now
    if value_of(settings):
        return Unread(Reason.NOT_SUPPORTED, "settings changed since, and whether lockdown mode is among them is not known")
    told = f"{then.detail}; {settings.detail}" if isinstance(then, Unread) and isinstance(settings, Unread) else ""
    return Unread(Reason.ABSENT, told or "it is not recorded")


def _since(changed: Reading[bool]) -> Reading[Since]:
    return changed if isinstance(changed, Unread) else Read(Since.CHANGED if changed.value else Since.SAME)


__all__ = ["since_the_upgrade"]
