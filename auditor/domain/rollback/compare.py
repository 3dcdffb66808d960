"""What going back would change besides the build: the other bank's image put beside the booted one's, VIB by VIB.

Two banks with one ``build=`` may differ, since it is the version of VIB esx-base alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.domain.image import Vib
from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK, BankObservation


@dataclass(frozen=True, slots=True)
class VibChange:
    """One VIB that differs. None: that bank does not have it."""

    name: str
    now: str | None
    then: str | None


@dataclass(frozen=True, slots=True)
class BankDifference:
    """The other bank against the booted one. VIBs are in the order of their names. Not part of a bank, and so not taken
    back: tools-light in /locker (KB 316592), firmware, VMFS, the vSAN format and VM hardware."""

    profile_now: str
    profile_then: str
    vibs: tuple[VibChange, ...]

    @property
    def lost(self) -> tuple[VibChange, ...]:
        """VIBs the host has now and would not have any more."""
        return tuple(vib for vib in self.vibs if vib.then is None)


def compare_banks(seen: BankObservation) -> Reading[BankDifference]:
    """What the image in the other bank has otherwise; `Unread` where a bank's image database was not read."""
    images = []
    for link in (BOOTBANK, ALTBOOTBANK):
        image = seen.bank(link).image
        if isinstance(image, Unread):
            return Unread(image.reason, f"{link}: {image.detail}" if image.detail else link)
        images.append(image.value)
    own, other = images
    now, then = _versions(own.vibs), _versions(other.vibs)
    changes = tuple(
        VibChange(name, now.get(name), then.get(name))
        for name in sorted(now.keys() | then.keys())
        if now.get(name) != then.get(name)
    )
    return Read(BankDifference(own.profile, other.profile, changes))


def _versions(vibs: tuple[Vib, ...]) -> dict[str, str]:
    return {vib.name: vib.version for vib in vibs}


__all__ = ["BankDifference", "VibChange", "compare_banks"]
