"""What the properties of a host say that decide on a rollback, each as a reading. ``host``: the properties by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.domain.observation import Read, Reading, Reason, Unread

_DPUS = ("bluefield", "pensando", "dsc-")
"""Words in the names of the cards that vSphere 8 and later run as DPUs (inferred from its list of supported ones)."""


def machine(host: Mapping[str, Any]) -> Reading[str]:
    """The hardware UUID, which vCenter keeps also of a host it is not connected to."""
    uuid = getattr(getattr(host.get("summary"), "hardware", None), "uuid", None)
    return Read(str(uuid).lower()) if uuid else Unread(Reason.ABSENT, "vCenter shows no hardware UUID of the host")


def stateless(host: Mapping[str, Any]) -> Reading[bool]:
    """vSphere tells only the one case; the boot device tells the rest."""
    deployment = host.get("config.deploymentInfo")
    if getattr(deployment, "bootedFromStatelessCache", None):
        return Read(True)
    return Unread(Reason.NOT_ATTEMPTED, "vCenter does not tell a disk from the network")


def dpu(host: Mapping[str, Any]) -> Reading[bool]:
    """Whether one of its PCI devices is named like a DPU."""
    cards = host.get("hardware.pciDevice")
    if cards is None:
        return Unread(Reason.ABSENT, "vCenter does not list the host's PCI devices")
    return Read(any(word in f"{card.vendorName} {card.deviceName}".lower() for card in cards for word in _DPUS))


def quick_boot(host: Mapping[str, Any]) -> Reading[bool]:
    """Certain only for a host that cannot do a Quick Boot at all."""
    capability = host.get("capability")
    supported = getattr(capability, "quickBootSupported", None)
    if supported is False:
        return Read(False)
    if supported is None:
        return Unread(Reason.ABSENT, "vCenter does not tell whether the host can do Quick Boot")
    return Unread(
        Reason.NOT_SUPPORTED,
        "the host can do Quick Boot, and whether it is switched on there is not published anywhere; the cluster's policy "
        "(remediation settings) is about remediations alone",
    )


def encryption(host: Mapping[str, Any]) -> Reading[str]:
    """``runtime.stateEncryption``: how the configuration is protected, "NONE" or "TPM"."""
    found = getattr(host["runtime"], "stateEncryption", None)
    if found is None:
        return Unread(Reason.ABSENT, "vCenter shows no encryption mode of the host")
    return Read(str(found.protectionMode).upper())


def tpm(host: Mapping[str, Any]) -> Reading[str]:
    """``capability.tpmVersion`` (6.7 and later) of a host whose ``tpmSupported`` is set; empty: none."""
    capability = host.get("capability")
    if capability is None:
        return Unread(Reason.ABSENT, "vCenter does not show the host's capabilities")
    if not capability.tpmSupported:
        return Read("")
    return Read(str(capability.tpmVersion or "of an unknown version"))


def attestation(host: Mapping[str, Any]) -> Reading[str]:
    """``summary.tpmAttestation``: vim25's HostTpmAttestationInfo status."""
    found = getattr(host.get("summary"), "tpmAttestation", None)
    if found is None:
        return Unread(Reason.ABSENT, "vCenter has not attested the host's TPM")
    return Read(str(found.status))


def lockdown(host: Mapping[str, Any]) -> Reading[str]:
    """vim25's HostLockdownMode."""
    mode = host.get("config.lockdownMode")
    return Unread(Reason.ABSENT, "vCenter does not show the host's lockdown mode") if mode is None else Read(str(mode))


def vsan_enabled(vsan: Any) -> Reading[bool]:
    """By ``config.vsanHostConfig``."""
    if vsan is None:
        return Unread(Reason.ABSENT, "vCenter shows no vSAN configuration of the host")
    return Read(bool(vsan.enabled))


def fault_domain(vsan: Any) -> Reading[str]:
    """By the same; empty: none."""
    if vsan is None:
        return Unread(Reason.ABSENT, "vCenter shows no vSAN configuration of the host")
    return Read(str(getattr(vsan.faultDomainInfo, "name", None) or ""))


def ssh_policy(host: Mapping[str, Any]) -> Reading[bool]:
    """Whether TSM-SSH starts with the host."""
    services = host.get("config.service")
    for service in getattr(services, "service", None) or ():
        if service.key == "TSM-SSH":
            return Read(service.policy == "on")
    return Unread(Reason.ABSENT, "vCenter does not list the host's service TSM-SSH")


__all__ = [
    "attestation",
    "dpu",
    "encryption",
    "fault_domain",
    "lockdown",
    "machine",
    "quick_boot",
    "ssh_policy",
    "stateless",
    "tpm",
    "vsan_enabled",
]
