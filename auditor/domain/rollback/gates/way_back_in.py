"""The gates of what comes back with the older image, its old configuration: who gets in, and which settings are lost."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.domain.observation import Reading, Reason, Unread
from auditor.domain.rollback.gates.answer import CONFIGURATION_RETURNS, Answer, Check, failed, must, passed, unknown
from auditor.domain.rollback.gates.gate import Gate, GateVerdict
from auditor.domain.rollback.situation import HostSituation, Since
from auditor.domain.settings.past import SettingChange
from auditor.domain.settings.verdict import RECORDS, why_unknown

SHOWN_CHANGES = 20
"""Changed settings that a gate names; `auditor history settings HOST` has all."""

_LOCKDOWN = {"lockdownDisabled": "off", "lockdownNormal": "normal", "lockdownStrict": "strict"}


def _since(reading: Reading[Since], what: str) -> Answer:
    if isinstance(reading, Unread):
        return unknown(f"{what} as of the upgrade", reading)
    if reading.value is Since.CHANGED:
        return failed(f"{what} changed since the upgrade, and the old one is not known: it is the one that comes back")
    same = reading.value is Since.SAME
    return passed(f"{what} unchanged since the upgrade" if same else f"{what} changed; the old one is at hand")


def _settings(situation: HostSituation, _: str) -> Answer:
    """What was changed since the older image's configuration was saved is lost. A change that was seen fails, whatever else is
    not known."""
    if isinstance(situation.settings_changed, Unread):
        return unknown("settings since the upgrade", situation.settings_changed)
    found = situation.settings_changed.value
    open_ends = f"; not known: {why_unknown(found)}" if found.unknown else ""
    if found.changed:
        told = [f"{change} ({_seen(change)})" for change in found.changed]
        more = f"; and {len(told) - SHOWN_CHANGES} more" if len(told) > SHOWN_CHANGES else ""
        return failed(f"changed since the upgrade and lost: {'; '.join(told[:SHOWN_CHANGES])}{more}{open_ends}")
    if found.unknown:
        return GateVerdict.UNKNOWN, f"no change is known{open_ends}"
    notes = f" ({'; '.join(found.notes)})" if found.notes else ""
    return passed(f"no setting that is recorded changed since the upgrade{notes}")


def _seen(change: SettingChange) -> str:
    if change.group == RECORDS:
        return "[rollback.changed] settings"
    return f"first seen {change.seen:%Y-%m-%d %H:%MZ}" if change.seen is not None else "seen now"


def _lockdown(situation: HostSituation, _: str) -> Answer:
    """The mode as of the upgrade comes back. In it only excepted users get in over SSH and the host's own API; in strict mode
    the console is off as well, so that a host which vCenter does not connect to is lost (vSphere Security). That SSH lets us
    in now says that it will in the same mode."""
    security, trouble = situation.security, situation.banks.trouble
    if isinstance(security.lockdown, Unread):
        return unknown("lockdown mode", security.lockdown)
    now = _LOCKDOWN.get(security.lockdown.value, security.lockdown.value)
    if now != "off" and trouble is not None:
        if trouble.reason is Reason.DENIED:
            return failed(
                f"lockdown mode is {now}, and SSH refuses us: except our account from it, or leave it, before going back"
            )
        return unknown(f"lockdown mode is {now}; whether SSH lets us in under it", trouble)
    if isinstance(security.lockdown_then, Unread):
        return unknown(f"lockdown mode is {now}; as of the upgrade", security.lockdown_then)
    then = _LOCKDOWN.get(security.lockdown_then.value, security.lockdown_then.value)
    if then == "off":
        return passed(f"lockdown mode was off as of the upgrade, and is {now} now")
    if now != then:
        return GateVerdict.UNKNOWN, f"lockdown mode {then} comes back ({now} now): whether SSH let us in then is not known"
    return passed(f"lockdown mode is {now} as of the upgrade, and SSH lets us in under it")


CHECKS: Mapping[Gate, Check] = {
    Gate.ROOT_PASSWORD: (lambda s, _: _since(s.way_in.root_password, "root password"), (CONFIGURATION_RETURNS,)),
    Gate.HOST_KEYS: (lambda s, _: _since(s.way_in.host_keys, "SSH host keys"), (CONFIGURATION_RETURNS,)),
    Gate.CERTIFICATES: (lambda s, _: _since(s.way_in.certificates, "certificates"), (CONFIGURATION_RETURNS,)),
    Gate.AUTHORIZED_KEYS: (lambda s, _: _since(s.way_in.authorized_keys, "authorized_keys"), (CONFIGURATION_RETURNS,)),
    Gate.SSH_AFTER_REBOOT: (
        lambda s, _: must(
            s.way_in.ssh_policy_on, "policy of TSM-SSH", "SSH starts with the host", "SSH is off after a reboot of this host"
        ),
        ("vSphere documentation: TSM-SSH is off by default",),
    ),
    Gate.SETTINGS_CHANGED: (_settings, (CONFIGURATION_RETURNS,)),
    Gate.LOCKDOWN: (_lockdown, (CONFIGURATION_RETURNS, "vSphere Security: lockdown mode behavior")),
}
"""The gates of this module."""


__all__ = ["CHECKS"]
