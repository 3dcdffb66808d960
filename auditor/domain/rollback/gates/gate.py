"""What a gate is: its name, what became of it on one host, and the word of a person that lets the host pass all the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Gate(StrEnum):
    """The gates by the names they are overridden with."""

    IDENTITY = "identity"
    WINDOW = "window"
    ERA = "era"
    BANK_HEALTH = "bank-health"
    STATELESS = "stateless"
    DPU = "dpu"
    QUICK_BOOT = "quick-boot"
    DRS = "drs"
    CAPACITY = "capacity"
    PINNED_VMS = "pinned-vms"
    VCENTER_VM = "vcenter-vm"
    VSAN_HEALTH = "vsan-health"
    VSAN_FORMAT = "vsan-format"
    HA_AGENT = "ha-agent"
    ENCRYPTION = "encryption"
    SECURITY_POLICY = "security-policy"
    SECURE_BOOT = "secure-boot"
    SOLUTIONS = "solutions"
    ROOT_PASSWORD = "root-password"  # noqa: S105 - a gate's name
    HOST_KEYS = "host-keys"
    CERTIFICATES = "certificates"
    AUTHORIZED_KEYS = "authorized-keys"
    SSH_AFTER_REBOOT = "ssh-after-reboot"
    SETTINGS_CHANGED = "settings-changed"
    LOCKDOWN = "lockdown"
    CLUSTER_IMAGE = "cluster-image"

    @property
    def absolute(self) -> bool:
        """Neither a fail nor an unknown of these can be overridden."""
        return self in {Gate.WINDOW, Gate.ERA}

    @property
    def acceptable(self) -> bool:
        """A fail of these may be accepted by name: it costs settings or work, not the host."""
        return self in {Gate.SETTINGS_CHANGED, Gate.CLUSTER_IMAGE, Gate.SSH_AFTER_REBOOT, Gate.AUTHORIZED_KEYS}


class GateVerdict(StrEnum):
    """What became of a gate."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word on one gate: who says why it may be passed all the same."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's verdict on one host. ``evidence`` is what was seen and, where the verdict is unknown, what settles it.
    ``overridden`` is set only where an override took effect."""

    gate: Gate
    verdict: GateVerdict
    evidence: tuple[str, ...]
    rests_on: tuple[str, ...]
    overridden: Override | None = None

    @property
    def blocks(self) -> bool:
        """Whether the host may not be rolled back because of this gate."""
        return self.verdict is not GateVerdict.PASS and self.overridden is None


def may_be_overridden(gate: Gate, verdict: GateVerdict) -> bool:
    """Whether a person's word can pass a gate with that verdict."""
    return not gate.absolute and (verdict is GateVerdict.UNKNOWN or (verdict is GateVerdict.FAIL and gate.acceptable))


def blocking(results: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """The gates that stand in the way."""
    return tuple(result for result in results if result.blocks)


__all__ = ["Gate", "GateResult", "GateVerdict", "Override", "blocking", "may_be_overridden"]
