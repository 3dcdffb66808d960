"""What a cluster should run and what a host runs, in vLCM's and ESXi's own words.

Layers, from the bottom: base image, vendor add-on, components; solutions and hardware support packages beside them.
An add-on overrides the base image and a user component overrides both (vmware-vcenter SDK, ``settings_client.SoftwareSpec``).
Versions of add-ons, components and VIBs have no published order: they are compared for equality
only, and a direction is taken from vLCM's own verdict where one exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from auditor.domain.versions import BaseImageVersion


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image. ``display`` is a label ("8.0 U3e - 24674464"), never compared. ``in_depot`` is False when vLCM
    answered without ``details``: the depot lacks it; None when the route cannot tell."""

    version: BaseImageVersion
    display: str = field(default="", compare=False)
    in_depot: bool | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AddOn:
    """A vendor add-on by the two names vLCM keys it with."""

    name: str
    version: str
    display: str = field(default="", compare=False)
    in_depot: bool | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A component (vLCM) or bulletin with a component name. ``version`` is kept as text: equality only."""

    name: str
    version: str
    display: str = field(default="", compare=False)
    vendor: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Vib:
    """One installed VIB, as ``esxcli software vib list`` or ``fetchSoftwarePackages`` names it."""

    name: str
    version: str
    vendor: str = ""
    acceptance_level: str = field(default="", compare=False)
    install_date: str = field(default="", compare=False)
    platforms: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ImageProfile:
    """``esxcli software profile get``. ``updated`` is the "(Updated)" mark: VIBs were changed after the profile was applied."""

    name: str
    vendor: str = ""
    updated: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """What a host says it runs: ``vmware -vl``, ``esxcli system version get``, or AboutInfo."""

    version: str
    build: str
    name: str = field(default="", compare=False)
    update: str = field(default="", compare=False)
    patch: str = field(default="", compare=False)
    label: str = field(default="", compare=False)


class ManagementMode(StrEnum):
    """How vLCM manages a cluster. Baselines exist up to 8.x only (field note, vlcm h)."""

    IMAGE = "image"
    BASELINES = "baselines"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a cluster image. Ids are small counters which a restored vCenter reuses, so an id alone names nothing:
    the key is (vCenter instance UUID, cluster, id, time)."""

    id: str
    author: str = ""
    time: datetime | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution's part of the image (HA agent, NSX, vSAN file service …): owned by its own manager."""

    name: str
    version: str
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class HardwareSupport:
    """A hardware support package, per hardware support manager."""

    manager: str
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class DesiredImage:
    """A cluster's desired image as one commit states it.

    ``components`` are the ones the user set on top (name → version; None: vLCM picks the version). They count also where
    they are older than in the base image; ``removed_components`` are the ones taken out of it (RETAINED and REMOVED, 8.0.3+).
    ``alternatives`` are the further images of a composite image (9.0+), each by its display name. ``spec`` is the whole
    specification as JSON text in the form vLCM's import takes, kept so that it can be put back.
    """

    base_image: BaseImage | None
    add_on: AddOn | None = None
    components: Mapping[str, str | None] = field(default_factory=dict)
    solutions: tuple[Solution, ...] = ()
    hardware_support: tuple[HardwareSupport, ...] = ()
    removed_components: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    spec: str = field(default="", compare=False)

    def layers(self) -> tuple[object, ...]:
        """The parts that make two images the same image, without labels, depot state and commit."""
        return (
            self.base_image.version if self.base_image else None,
            (self.add_on.name, self.add_on.version) if self.add_on else None,
            tuple(sorted((name, version or "") for name, version in self.components.items())),
            tuple(sorted((s.name, s.version) for s in self.solutions)),
            tuple(sorted((h.manager, h.package, h.version) for h in self.hardware_support)),
            tuple(sorted(self.removed_components)),
            tuple(sorted(self.alternatives)),
        )
