"""Everything about one host that decides whether it may be rolled back. Every fact is a reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.domain.observation import NOT_ATTEMPTED, Reading
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.capacity import HostLoad
from auditor.domain.rollback.judge import window_of
from auditor.domain.rollback.window import BankState
from auditor.domain.settings.compare import SettingsSince


class Since(StrEnum):
    """How something of the host compares with what it was at the upgrade, which is what comes back."""

    SAME = "same"
    CHANGED_AND_AT_HAND = "changed-and-at-hand"
    """It changed since, and the old one is known and ready to be used."""
    CHANGED = "changed"
    """It changed since, and the old one is not known."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster around the host. ``drs`` is vim25's DrsBehavior ("fullyAutomated", "partiallyAutomated", "manual") or
    "off"; ``image_build`` the build number of the cluster's desired base image, None read: it has no image (baselines)."""

    name: Reading[str] = NOT_ATTEMPTED
    drs: Reading[str] = NOT_ATTEMPTED
    ha_enabled: Reading[bool] = NOT_ATTEMPTED
    image_build: Reading[str | None] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class VsanFacts:
    """vSAN as this host sees it. ``format`` is the on-disk format version of its disks; ``format_then`` the newest one the
    older image can mount; ``healthy`` False with open problems or objects still resyncing."""

    enabled: Reading[bool] = NOT_ATTEMPTED
    fault_domain: Reading[str] = NOT_ATTEMPTED
    format: Reading[int] = NOT_ATTEMPTED
    format_then: Reading[int] = NOT_ATTEMPTED
    healthy: Reading[bool] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class SecurityFacts:
    """What can keep the older image from starting, or us from getting in afterwards. ``encryption`` is ``esxcli system settings
    encryption get``'s Mode, "NONE" or "TPM" (7.0U2 and later). ``recovery_key`` is the fingerprint of the escrowed recovery
    key, never the key. ``policy_changed``: whether Secure Boot or execInstalledOnly enforcement, or the TPM, changed since the
    upgrade. ``tpm`` is the TPM's version as vCenter shows it, empty: the host has none; ``attestation`` vim25's
    HostTpmAttestationInfo status. ``lockdown`` is vim25's HostLockdownMode, ``lockdown_then`` the one as of the upgrade.
    Its exception users are not asked for: that wants the right Global.Settings, and whether SSH lets us in says more."""

    encryption: Reading[str] = NOT_ATTEMPTED
    recovery_key: Reading[str] = NOT_ATTEMPTED
    policy_changed: Reading[bool] = NOT_ATTEMPTED
    secure_boot: Reading[bool] = NOT_ATTEMPTED
    secure_boot_then: Reading[bool] = NOT_ATTEMPTED  # whether the older image ran on this host with Secure Boot on
    tpm: Reading[str] = NOT_ATTEMPTED
    attestation: Reading[str] = NOT_ATTEMPTED
    lockdown: Reading[str] = NOT_ATTEMPTED
    lockdown_then: Reading[str] = NOT_ATTEMPTED


@dataclass(frozen=True, slots=True)
class WayBackIn:
    """How the host can be reached afterwards: its state archive comes back with the bank, as of the upgrade."""

    root_password: Reading[Since] = NOT_ATTEMPTED
    host_keys: Reading[Since] = NOT_ATTEMPTED
    certificates: Reading[Since] = NOT_ATTEMPTED
    authorized_keys: Reading[Since] = NOT_ATTEMPTED
    ssh_policy_on: Reading[bool] = NOT_ATTEMPTED  # TSM-SSH starts with the host; after a reboot it is off otherwise
    host_key: Reading[str] = NOT_ATTEMPTED  # type and fingerprint as shown now
    keys_digest: Reading[str] = NOT_ATTEMPTED  # of root's authorized_keys now


@dataclass(frozen=True, slots=True)
class HostSituation:
    """One host before a rollback. ``quick_boot`` is whether the next reboot would be a Quick Boot, ``quick_booted`` whether the
    running system was started by one; ``pinned_vms`` are the
    VMs that cannot be moved, each with its reason; ``bank_errors`` what a check of the bank volumes complained about;
    ``solution_vibs`` the names of installed VIBs that a solution manager owns, HA's own agent left out;
    ``settings_changed`` how the host's settings compare with those that would come back. ``loads`` is the memory of every
    host of the cluster, ``companions`` the other hosts of its wave, which a plan has away at the same time."""

    host: str
    vcenter: str
    banks: BankObservation
    maintenance_mode: Reading[bool] = NOT_ATTEMPTED
    machine: Reading[str] = NOT_ATTEMPTED  # hardware UUID, by the host itself
    machine_in_vcenter: Reading[str] = NOT_ATTEMPTED  # that of the host which vCenter acts on under this name
    boot_id: Reading[str] = NOT_ATTEMPTED  # names this boot of the host; see ``look.Look``
    pinned_vms: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    runs_vcenter: Reading[bool] = NOT_ATTEMPTED
    ha_agent: Reading[str] = NOT_ATTEMPTED  # vim25 ClusterDasFdmAvailabilityState; empty: no agent is set up
    stateless: Reading[bool] = NOT_ATTEMPTED
    dpu: Reading[bool] = NOT_ATTEMPTED
    quick_boot: Reading[bool] = NOT_ATTEMPTED
    quick_booted: Reading[bool] = NOT_ATTEMPTED
    bank_errors: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    solution_vibs: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    settings_changed: Reading[SettingsSince] = NOT_ATTEMPTED
    loads: Reading[tuple[HostLoad, ...]] = NOT_ATTEMPTED
    companions: tuple[str, ...] = ()
    cluster: ClusterFacts = ClusterFacts()
    vsan: VsanFacts = VsanFacts()
    security: SecurityFacts = SecurityFacts()
    way_in: WayBackIn = WayBackIn()

    @property
    def state(self) -> BankState:
        """The banks, judged."""
        return window_of(self.banks)


__all__ = ["ClusterFacts", "HostSituation", "SecurityFacts", "Since", "VsanFacts", "WayBackIn"]
