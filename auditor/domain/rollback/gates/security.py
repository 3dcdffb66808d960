"""The gates of what can keep the older image from starting: a configuration sealed to the TPM, and Secure Boot."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.domain.observation import Read, Reason, Unread, value_of
from auditor.domain.rollback.gates.answer import Answer, Check, must, must_not, passed, unknown
from auditor.domain.rollback.gates.gate import Gate, GateVerdict
from auditor.domain.rollback.situation import HostSituation, SecurityFacts


def _tpm(security: SecurityFacts) -> str:
    """What vCenter shows of the TPM, as far as it shows anything."""
    tpm, attestation = value_of(security.tpm), value_of(security.attestation)
    found = [] if tpm is None else ["no TPM" if not tpm else f"TPM {tpm}"]
    found += [f"attestation {attestation}"] if attestation else []
    return f" ({', '.join(found)})" if found else ""


def _encryption(situation: HostSituation, _: str) -> Answer:
    security = situation.security
    mode, key = security.encryption, security.recovery_key
    if isinstance(mode, Unread):
        if mode.reason is Reason.NOT_SUPPORTED:
            return passed("this release does not encrypt its configuration")
        return unknown(f"encryption mode{_tpm(security)}", mode)
    if mode.value.upper() == "NONE":
        return passed(f"encryption mode NONE: the configuration is not sealed to the TPM{_tpm(security)}")
    if isinstance(key, Unread):
        return unknown(f"encryption mode {mode.value}{_tpm(security)}, recovery key", key)
    if mode.value.upper() == "TPM" and security.tpm == Read(""):
        return GateVerdict.UNKNOWN, "encryption mode TPM, and vCenter shows no TPM: has it failed, or been taken out?"
    return passed(f"encryption mode {mode.value}{_tpm(security)}; recovery key escrowed, fingerprint {key.value}")


def _policy(situation: HostSituation, _: str) -> Answer:
    """A sealed configuration of which the TPM is not what vCenter expects may be one that the older image cannot unseal."""
    security = situation.security
    changed = security.policy_changed
    sealed = (value_of(security.encryption) or "").upper() == "TPM"
    if sealed and value_of(changed) is False and value_of(security.attestation) == "notAccepted":
        return GateVerdict.UNKNOWN, "unchanged since the upgrade by the records, but the TPM's attestation in vCenter fails"
    return must_not(
        changed,
        "TPM, Secure Boot and execInstalledOnly since the upgrade",
        "changed since the upgrade: the older image may stop with a purple screen, unable to decrypt its configuration",
        "unchanged since the upgrade",
    )


def _secure_boot(situation: HostSituation, _: str) -> Answer:
    on, then = situation.security.secure_boot, situation.security.secure_boot_then
    if isinstance(on, Unread):
        return unknown("Secure Boot", on)
    if not on.value:
        return passed("Secure Boot is off")
    return must(then, "Secure Boot is on; whether the older image ran with it", "it ran with it", "it never ran with it")


CHECKS: Mapping[Gate, Check] = {
    Gate.ENCRYPTION: (_encryption, ("KB 81446", "KB 316424", "vSphere Security: TPM sealing")),
    Gate.SECURITY_POLICY: (_policy, ("vSphere Security: TPM sealing policy", "KB 312109")),
    Gate.SECURE_BOOT: (_secure_boot, ("vSphere Security: UEFI Secure Boot",)),
}
"""The gates of this module."""


__all__ = ["CHECKS"]
