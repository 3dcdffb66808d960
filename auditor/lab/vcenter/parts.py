"""What a cluster image has beside its default software: alternative images for some of its hosts (9.0 and later), and the
hardware support packages that a hardware support manager brings the firmware of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.lab.hosts.host import LabHost

AddOnKey = tuple[str, str]
Package = tuple[str, str, str]
"""Hardware support manager, package, version."""


@dataclass(frozen=True)
class Hardware:
    """A host's hardware as SMBIOS names it."""

    uuid: str
    vendor: str
    model: str


def hardware_of(host: LabHost) -> Hardware:
    """A host's."""
    return Hardware(host.uuid, host.vendor, host.model)


@dataclass(frozen=True)
class Selection:
    """Which hosts an alternative image is for: those of `uuids`, or else those of the vendor and one of the models (SDK
    `ImageSelectionSpec`: AND between attributes, OR within one). Families and OEM strings are not simulated."""

    uuids: tuple[str, ...] = ()
    vendor: str = ""
    models: tuple[str, ...] = ()

    def fits(self, hardware: Hardware) -> bool:
        """Whether it is for this host."""
        if self.uuids:
            return hardware.uuid.lower() in {uuid.lower() for uuid in self.uuids}
        return bool(self.vendor) and hardware.vendor == self.vendor and (not self.models or hardware.model in self.models)


@dataclass(frozen=True)
class Alternative:
    """An alternative image. Base image and solutions are those of the default one."""

    id: str
    display_name: str
    selection: Selection
    add_on: AddOnKey | None = None
    components: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()


def chosen(alternatives: Iterable[Alternative], hardware: Hardware) -> Alternative | None:
    """The alternative image of a host; None: the default one. Of several that fit the first by id (not verified)."""
    return next((each for each in sorted(alternatives, key=lambda a: a.id) if each.selection.fits(hardware)), None)


__all__ = ["AddOnKey", "Alternative", "Hardware", "Package", "Selection", "chosen", "hardware_of"]
