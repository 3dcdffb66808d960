"""Where a finding leads: the runbook that says what to do about it."""

from __future__ import annotations

from auditor.domain.findings import Code

_RUNBOOKS = {
    Code.RESTORE_DETECTED: "restore-detected",
    Code.MANAGEMENT_REGRESSED: "management-regressed",
    Code.VCENTER_OLDER_THAN_HOST: "restore-detected",
    Code.HOST_AHEAD: "host-ahead",
    Code.HOST_BEHIND: "mixed-cluster",
    Code.HOST_DIVERGED: "host-ahead",
    Code.MIXED_CLUSTER: "mixed-cluster",
    Code.VIB_SKEW: "vib-skew",
    Code.DEPOT_GAP: "depot-gap",
    Code.IDENTITY_CHANGED: "identity-changed",
    Code.BOOT_BANKS: "boot-banks",
    Code.STALE_INVENTORY: "stale-inventory",
    Code.HOST_DISCONNECTED: "stale-inventory",
    Code.ROUTES_DISAGREE: "stale-inventory",
    Code.HOST_VANISHED: "stale-inventory",
    Code.UPDATE_STAGED: "update-staged",
    Code.WINDOW_CLOSED: "window-closed",
    Code.STALE_SCAN: "restore-detected",
    Code.HOST_UNSEEN: "host-unseen",
    Code.READINGS_MISSING: "host-unseen",
    Code.VIEW_INCOMPLETE: "host-unseen",
}


def runbook_for(code: Code) -> str:
    """The runbook that says what to do about findings of ``code``."""
    return _RUNBOOKS[code]


__all__ = ["runbook_for"]
