"""vLCM's image compliance: what a scan of a cluster finds.

Rules with a source (SDK `settings_client.ComplianceStatus` and the vLCM guide): the same version is COMPLIANT, a target
above the current version NON_COMPLIANT, a target below INCOMPATIBLE, an unreachable host UNAVAILABLE without an entry;
a component that is on the host and not in the image makes the host NON_COMPLIANT, and so does firmware that differs from the
hardware support package, whichever is newer; no add-on on either side is compliant. Of a composite image (9.0 and later) each
host is compared with the part that is selected for it.
Not verified: the impact of an incompatible host, and a host with an add-on where the image has none (here NON_COMPLIANT).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from auditor.lab.hosts.images import LabImage
from auditor.lab.vcenter.depot import DesiredSoftware, EffectiveComponent, LabDepot, version_key
from auditor.lab.vcenter.parts import AddOnKey, Hardware

COMPLIANT, NON_COMPLIANT, INCOMPATIBLE, UNAVAILABLE = "COMPLIANT", "NON_COMPLIANT", "INCOMPATIBLE", "UNAVAILABLE"
_SEVERITY = (COMPLIANT, UNAVAILABLE, NON_COMPLIANT, INCOMPATIBLE)
_IMPACT = {COMPLIANT: "NO_IMPACT", NON_COMPLIANT: "REBOOT_REQUIRED", INCOMPATIBLE: "UNKNOWN", UNAVAILABLE: "UNKNOWN"}


@dataclass(frozen=True)
class ComponentScan:
    """One component: None as `current` means not on the host, None as `target` not in the image."""

    status: str
    current: str | None
    target: str | None
    current_source: str | None
    target_source: str | None


@dataclass(frozen=True)
class PackageScan:
    """One hardware support package: (package, version); None as `current` means that the host has none that is known."""

    status: str
    current: tuple[str, str] | None
    target: tuple[str, str]


@dataclass(frozen=True)
class HostScan:
    """What the scan found on one reachable host."""

    status: str
    base_status: str
    base_current: str
    add_on_status: str
    add_on_current: AddOnKey | None
    components: dict[str, ComponentScan]
    software: DesiredSoftware
    """What the host was compared with: of a composite image, its own part."""
    packages: dict[str, PackageScan] = field(default_factory=dict)
    """Firmware by hardware support manager."""
    image: str = ""
    """Id of that part; empty for the default image."""
    hardware: Hardware | None = None

    @property
    def impact(self) -> str:
        """vLCM's ComplianceImpact of bringing the host to the image."""
        return _IMPACT[self.status]


@dataclass(frozen=True)
class ScanResult:
    """The result of a scan: of the image a commit states, or of a draft (`commit` is empty). `hosts` has no entry for a
    host that could not be reached."""

    time: dt.datetime
    commit: str
    software: DesiredSoftware
    hosts: dict[str, HostScan]
    unavailable: frozenset[str] = field(default_factory=frozenset)

    @property
    def status(self) -> str:
        """The worst status of any host."""
        return _worst([*(host.status for host in self.hosts.values()), *(UNAVAILABLE for _ in self.unavailable)])

    @property
    def impact(self) -> str:
        """The impact that goes with the status."""
        return _IMPACT[self.status]

    def host_ids(self, status: str) -> set[str]:
        """The hosts with this status."""
        if status == UNAVAILABLE:
            return set(self.unavailable)
        return {moid for moid, host in self.hosts.items() if host.status == status}


def scan_host(
    software: DesiredSoftware, depot: LabDepot, image: LabImage, firmware: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> HostScan:
    """Compare one host's image and firmware (by hardware support manager) with the desired software."""
    base_status = _compare(image.base_image, software.base_image)
    add_on = None if image.add_on is None else (image.add_on.name, image.add_on.version)
    add_on_status = _compare_add_ons(add_on, software.add_on)
    components = _components(software, depot, image)
    packages = {
        manager: PackageScan(
            COMPLIANT if firmware.get(manager) == (package, version) else NON_COMPLIANT,
            firmware.get(manager),
            (package, version),
        )
        for manager, package, version in software.packages
    }
    parts = (each.status for each in components.values())
    status = _worst([base_status, add_on_status, *parts, *(each.status for each in packages.values())])
    return HostScan(status, base_status, image.base_image, add_on_status, add_on, components, software, packages)


def _components(software: DesiredSoftware, depot: LabDepot, image: LabImage) -> dict[str, ComponentScan]:
    wanted = depot.effective(software)
    have = _sources(image)
    found: dict[str, ComponentScan] = {}
    for name in sorted(wanted.keys() | have.keys()):
        current, target = have.get(name), wanted.get(name)
        if current is not None and target is None and software.base_image not in depot.base_images:
            # The depot cannot say what the image holds, so this component cannot be called an extra one.
            continue
        found[name] = ComponentScan(
            status=_compare(current.version, target.version) if current and target else NON_COMPLIANT,
            current=current.version if current else None,
            target=target.version if target else None,
            current_source=current.source if current else None,
            target_source=target.source if target else ("USER_REMOVED" if name in software.removed else None),
        )
    return found


def _sources(image: LabImage) -> dict[str, EffectiveComponent]:
    """The components on a host with the layer each comes from, as vLCM decomposes an installed image."""
    own = LabDepot()
    own.add_base_image(image.base_image)
    if image.add_on is not None:
        own.add_add_on(image.add_on)
    for solution in image.solutions:
        own.add_solution(solution)
    add_on = None if image.add_on is None else (image.add_on.name, image.add_on.version)
    solutions = tuple((each.name, each.version) for each in image.solutions)
    layers = own.effective(DesiredSoftware(image.base_image, add_on, solutions=solutions))
    found = {}
    for each in image.components:
        layer = layers.get(each.name)
        source = layer.source if layer is not None and layer.version == each.version else "USER"
        found[each.name] = EffectiveComponent(each.version, source)
    return found


def user_components(image: LabImage) -> dict[str, str]:
    """The components of an installed image that neither its base image nor its add-on brings, by name."""
    return {name: each.version for name, each in _sources(image).items() if each.source == "USER"}


def _compare(current: str, target: str) -> str:
    if current == target:
        return COMPLIANT
    return NON_COMPLIANT if version_key(current) < version_key(target) else INCOMPATIBLE


def _compare_add_ons(current: AddOnKey | None, target: AddOnKey | None) -> str:
    if current == target:
        return COMPLIANT
    if current is None or target is None or current[0] != target[0]:
        return NON_COMPLIANT
    return _compare(current[1], target[1])


def _worst(statuses: Iterable[str]) -> str:
    return max(statuses, key=_SEVERITY.index, default=COMPLIANT)
