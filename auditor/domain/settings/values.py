"""What was read of a host's settings at one time, in named groups. Every group is a reading of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from auditor.domain.observation import NOT_ATTEMPTED, Read, Reading, Unread

Entries: TypeAlias = tuple[tuple[str, str], ...]
"""The settings of a group as (name, value), sorted by name, each name once. Empty: it was read, and there is none."""


class SettingsGroup(StrEnum):
    """The groups, in the order they are shown in."""

    NTP = "ntp"
    DNS = "dns"
    """Host name, domain, name servers."""
    VMKERNEL = "vmkernel"
    """VMkernel adapters: address, network, and what they are used for."""
    ROUTES = "routes"
    SWITCHES = "switches"
    """Standard switches: uplinks, MTU, security."""
    PORT_GROUPS = "port-groups"
    """Port groups of standard switches: VLAN, switch, what they override."""
    DISTRIBUTED = "distributed-switches"
    """Membership in distributed switches: uplinks, MTU."""
    NFS = "nfs"
    VMFS = "vmfs"
    """Whether a volume is mounted; one that is there is found again by any image."""
    ISCSI = "iscsi"
    SERVICES = "services"
    """Whether a service starts with the host, not whether it runs."""
    OPTIONS = "options"
    """The few advanced options that administrators set."""
    LOCKDOWN = "lockdown"
    LOCKDOWN_USERS = "lockdown-users"
    """Whom lockdown mode does not keep out; nobody needs that while it is off."""
    DIRECTORY = "directory"
    """Active Directory."""
    CERTIFICATE = "certificate"
    ENCRYPTION = "encryption"
    """How the configuration is sealed, and what is enforced by that."""
    SECURE_BOOT = "secure-boot"
    """Whether the host started with UEFI Secure Boot, by its own word."""
    FIRMWARE = "firmware"
    """TPM and Secure Boot, as vCenter shows the hardware's capabilities."""
    HOST_KEY = "ssh-host-key"
    AUTHORIZED_KEYS = "authorized-keys"

    @property
    def from_release(self) -> bool:
        """Whether what there is to set comes with the release or the hardware: then only what both sides have is compared,
        since a new release's new service is nobody's setting."""
        return self in {SettingsGroup.SERVICES, SettingsGroup.OPTIONS, SettingsGroup.VMFS, SettingsGroup.FIRMWARE}


_OTHERS = frozenset(
    {
        SettingsGroup.CERTIFICATE,
        SettingsGroup.ENCRYPTION,
        SettingsGroup.SECURE_BOOT,
        SettingsGroup.FIRMWARE,
        SettingsGroup.HOST_KEY,
        SettingsGroup.AUTHORIZED_KEYS,
    }
)

CONFIGURATION = tuple(group for group in SettingsGroup if group not in _OTHERS)
"""What somebody set up and would have to set up again. The other groups decide whether the host starts and who gets in."""

POLICY = (SettingsGroup.ENCRYPTION, SettingsGroup.SECURE_BOOT, SettingsGroup.FIRMWARE)
"""What a sealed configuration depends on."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One host's settings at one time. ``vcenter`` is the name in the configuration. A group that is not in ``groups`` was not
    attempted."""

    host: str
    vcenter: str
    at: datetime
    groups: Mapping[SettingsGroup, Reading[Entries]] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, group: SettingsGroup) -> Reading[Entries]:
        """One group."""
        return self.groups.get(group, NOT_ATTEMPTED)

    @property
    def read(self) -> Mapping[SettingsGroup, Entries]:
        """The groups that have a value."""
        return {group: reading.value for group, reading in self.groups.items() if isinstance(reading, Read)}

    @property
    def unread(self) -> Mapping[SettingsGroup, Unread]:
        """Why the others that were tried have none."""
        return {group: reading for group, reading in self.groups.items() if isinstance(reading, Unread)}


def entries(values: Mapping[str, str | None]) -> Entries:
    """The entries of a mapping; those without a value are left out."""
    return tuple(sorted((name, value) for name, value in values.items() if value))


def unread_settings(host: str, vcenter: str, at: datetime, why: Unread, groups: tuple[SettingsGroup, ...]) -> HostSettings:
    """Settings of which none could be read."""
    return HostSettings(host, vcenter, at, dict.fromkeys(groups, why))


__all__ = ["CONFIGURATION", "POLICY", "Entries", "HostSettings", "SettingsGroup", "entries", "unread_settings"]
