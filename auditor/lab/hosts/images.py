"""Images the simulated hosts run: base image, vendor add-on, components and the VIBs they bring.

Everything is made from the tables in ``auditor/lab/data`` (see the README there for what is real and what is not).
Verified against published outputs: VIB names, VIB version forms, profile names, display versions up to 8.x. NOT
verified, for lack of public samples: display versions and ``Update``/``Maintenance``/``Patch`` of 9.x other than
9.0.0.0, and which VIBs a component brings.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from importlib import resources

from auditor.domain.versions import BaseImageVersion

_VIB_VENDORS = {"Broadcom Inc.": "BCM", "Hewlett Packard Enterprise": "HPE", "Dell": "DEL", "Microchip": "MCHP"}


@dataclass(frozen=True, slots=True)
class LabVib:
    """One VIB, with the fields of ``esxcli software vib list``."""

    name: str
    version: str
    vendor: str = "VMW"
    acceptance: str = "VMwareCertified"
    install_date: str = ""
    """ISO date of the installation on the host; empty: the image's own date."""
    platforms: str = "host"

    @property
    def bulletin_id(self) -> str:
        """The VIB id, ``VMW_bootbank_ntg3_4.1.9.0-4vmw.703.0.85.21424296``; tools-light lives in the locker."""
        store = "locker" if self.name == "tools-light" else "bootbank"
        return f"{self.vendor}_{store}_{self.name}_{self.version}"


@dataclass(frozen=True, slots=True)
class LabComponent:
    """A component and the VIBs it brings. ``version`` is vLCM's key, ``display_version`` a label."""

    name: str
    version: str
    display_name: str = ""
    display_version: str = ""
    vendor: str = "VMware"
    vibs: tuple[LabVib, ...] = ()


@dataclass(frozen=True, slots=True)
class LabAddOn:
    """A vendor add-on; ``components`` override those of the base image."""

    name: str
    version: str
    display_name: str = ""
    vendor: str = ""
    components: tuple[LabComponent, ...] = ()


@dataclass(frozen=True, slots=True)
class LabSolution:
    """What a solution manager adds to a cluster's image; its components override all others."""

    name: str
    version: str
    display_name: str = ""
    components: tuple[LabComponent, ...] = ()


@dataclass(frozen=True)
class LabImage:
    """A complete host image, as one boot bank holds it."""

    base_image: str
    """vLCM's key, such as ``8.0.3-0.70.24674464``."""
    display_version: str
    """vLCM's label, such as ``8.0 U3e - 24674464``."""
    product_version: str
    build: str
    update: str
    patch: str
    maintenance: str | None
    """Only from 9.0 on."""
    profile: str
    release_date: str
    add_on: LabAddOn | None
    components: tuple[LabComponent, ...]
    vibs: tuple[LabVib, ...]
    solutions: tuple[LabSolution, ...] = ()
    locally_changed: bool = False
    """VIBs were changed on the host after the image was applied: the profile carries the mark ``(Updated)``."""

    @cached_property
    def release(self) -> tuple[int, int, int]:
        """The release triple, such as ``(8, 0, 3)``."""
        return BaseImageVersion.parse(self.base_image).release

    @property
    def vib_version(self) -> str:
        """The version of esx-base, which is also what ``build=`` in boot.cfg says: 9.x has one number fewer."""
        return _vib_form(self.base_image)

    @property
    def profile_name(self) -> str:
        """The profile's name as ``esxcli software profile get`` prints it."""
        return f"(Updated) {self.profile}" if self.locally_changed else self.profile

    def with_vibs(self, vibs: Iterable[LabVib]) -> LabImage:
        """The image after ``esxcli software vib install``: same-named VIBs replaced, others added."""
        merged = {vib.name: vib for vib in self.vibs}
        merged.update({vib.name: vib for vib in vibs})
        return replace(self, vibs=_list_order(merged.values()), locally_changed=True)


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("auditor.lab").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _list_order(vibs: Iterable[LabVib]) -> tuple[LabVib, ...]:
    """The order of ``vib list``: by VIB id, as the published lists are."""
    return tuple(sorted(vibs, key=lambda vib: vib.bulletin_id))


def _vib_form(base_image: str) -> str:
    """``9.1.0.0200.25557999`` is ``9.1.0-0200.25557999`` for VIBs and ``9.0.0.0.24755229`` is ``9.0.0-0.24755229``."""
    return re.sub(r"^(\d+\.\d+\.\d+)\.", r"\1-", base_image)


def _vib_tag(base_image: str) -> str:
    """The release tag behind ``vmw.``: ``803.0.70.24674464``, in 9.x ``900.0.24755229``."""
    first, rest = _vib_form(base_image).split("-", 1)
    return f"{first.replace('.', '')}.{rest}"


def _labels(base_image: str) -> tuple[str, str]:
    """Label and release date of a base image; a made-up image gets the label of its release."""
    for row in _rows("base-images.csv"):
        if row["base_image"] == base_image and row["label"]:
            return row["label"], row["release_date"] or "2024-01-01"
    major, minor, third = BaseImageVersion.parse(base_image).release
    if major >= 9:
        return base_image.rsplit(".", 1)[0], "2026-01-01"
    return f"{major}.{minor} U{third}" if third else f"{major}.{minor} GA", "2024-01-01"


def _profile(base_image: str, label: str) -> str:
    """The profile's name as published.

    ESXi-6.7.0-8169922-standard, ESXi-8.0U3k-25595708-standard, ESXi-9.0.1-0.24957456-standard,
    ESXi-9.1.0.0200-25557999-standard.
    """
    version = BaseImageVersion.parse(base_image)
    if version.release >= (9, 1, 0):
        return f"ESXi-{base_image.rsplit('.', 1)[0]}-{version.build}-standard"
    if version.release >= (9, 0, 0):
        return f"ESXi-{_vib_form(base_image)}-standard"
    if version.release < (7, 0, 1) or label.endswith("GA"):
        return f"ESXi-{'.'.join(map(str, version.release))}-{version.build}-standard"
    return f"ESXi-{label.replace(' ', '')}-{version.build}-standard"


@cache
def _base_components(base_image: str) -> tuple[LabComponent, ...]:
    """Components of a base image with their VIBs; VIBs without a component (6.x) come as one unnamed component."""
    major = BaseImageVersion.parse(base_image).release[0]
    platforms = "host" if major >= 8 else ""
    vibs = {}
    for row in _rows(f"vibs-{min(max(major, 6), 9)}.csv"):
        version = row["version"].format(base=_vib_form(base_image), tag=_vib_tag(base_image))
        vibs[row["name"]] = LabVib(row["name"], version, row["vendor"], platforms=platforms)
    if major < 7:
        return (LabComponent("", "", vibs=tuple(vibs.values())),)
    components = []
    for row in _rows("components.csv"):
        own = tuple(vibs[name] for name in row["vibs"].split() if name in vibs)
        if own:
            # A component is keyed by the version of its leading VIB; its label is the part before the release.
            version = own[0].version
            label = version if row["name"].lower().startswith("esx") else version.split("-")[0]
            components.append(LabComponent(row["name"], version, row["display_name"], label, row["vendor"], own))
    return tuple(components)


@cache
def add_ons() -> tuple[LabAddOn, ...]:
    """Every vendor add-on the lab knows."""
    found: dict[tuple[str, str], LabAddOn] = {}
    for row in _rows("add-ons.csv"):
        key = row["name"], row["version"]
        add_on = found.get(key, LabAddOn(*key, row["display_name"], row["vendor"]))
        vendor = _VIB_VENDORS[row["component_vendor"]]
        version = row["component_version"]
        component = LabComponent(
            row["component"],
            version,
            row["component_display_name"],
            version.split("-")[0],
            row["component_vendor"],
            tuple(LabVib(name, version, vendor, "VMwareAccepted") for name in row["vibs"].split()),
        )
        found[key] = replace(add_on, components=(*add_on.components, component))
    return tuple(found.values())


def find_add_on(name: str, version: str) -> LabAddOn:
    """The add-on by vLCM's two keys. Raises `LookupError`, naming what there is."""
    for add_on in add_ons():
        if (add_on.name, add_on.version) == (name, version):
            return add_on
    known = ", ".join(f"{add_on.name} {add_on.version}" for add_on in add_ons())
    raise LookupError(f"no add-on {name} {version} in the lab; there are: {known}")


@cache
def solutions() -> tuple[LabSolution, ...]:
    """Every solution the lab knows, each with one or more components."""
    found: dict[tuple[str, str], LabSolution] = {}
    for row in _rows("solutions.csv"):
        key = row["name"], row["version"]
        solution = found.get(key, LabSolution(*key, row["display_name"]))
        version = row["component_version"]
        component = LabComponent(
            row["component"],
            version,
            row["component_display_name"],
            version.split("-")[0],
            row["vendor"],
            tuple(LabVib(name, version) for name in row["vibs"].split()),
        )
        found[key] = replace(solution, components=(*solution.components, component))
    return tuple(found.values())


def find_solution(name: str, version: str) -> LabSolution:
    """The solution by its name and version. Raises `LookupError`, naming what there is."""
    for solution in solutions():
        if (solution.name, solution.version) == (name, version):
            return solution
    known = ", ".join(f"{solution.name} {solution.version}" for solution in solutions())
    raise LookupError(f"no solution {name} {version} in the lab; there are: {known}")


def catalogue() -> tuple[str, ...]:
    """Base image versions the lab has labels and dates for, oldest first, in vLCM's spelling."""
    return tuple(sorted((row["base_image"] for row in _rows("base-images.csv")), key=BaseImageVersion.parse))


def _overlaid(layers: Iterable[Iterable[LabComponent]]) -> Iterator[LabComponent]:
    merged: dict[str, LabComponent] = {}
    for layer in layers:
        merged.update({component.name: component for component in layer})
    yield from (merged[name] for name in sorted(merged))


@lru_cache(maxsize=512)
def make_image(
    base_image: str,
    add_on: LabAddOn | None = None,
    components: tuple[LabComponent, ...] = (),
    installed: str | None = None,
    solutions: tuple[LabSolution, ...] = (),
) -> LabImage:
    """The image vLCM would compose: base image, overridden by the add-on, overridden by ``components`` and ``solutions``.

    ``base_image`` need not be in `catalogue`; ``installed`` is the ISO date the VIBs show, by default the release
    date. Equal arguments give the same object. Raises `auditor.domain.versions.VersionError` for a text that is no
    base image version.
    """
    version = BaseImageVersion.parse(base_image)
    label, release_date = _labels(base_image)
    major, minor, third = version.release
    base = {component.name: component for component in _base_components(base_image)}
    of_solutions = tuple(component for solution in solutions for component in solution.components)
    layers = (tuple(base.values()), add_on.components if add_on else (), components, of_solutions)
    merged = tuple(_overlaid(layers))
    platforms = "host" if major >= 8 else ""
    vibs: dict[str, LabVib] = {}
    for layer in layers:
        for component in layer:
            for vib in component.vibs:
                vibs[vib.name] = replace(vib, platforms=platforms, install_date=installed or release_date)
    ordinal = version.ordinal or (0,)
    # 7.x and 8.x count updates in the third number, 6.7 in the base image's fourth, 9.x (not verified) in the second.
    update = {6: ordinal[0], 7: third, 8: third}.get(major, minor)
    return LabImage(
        base_image=base_image,
        display_version=f"{label} - {version.build}",
        product_version=".".join(map(str, version.release)),
        build=str(version.build),
        update=str(update),
        patch=str(ordinal[-1]),
        maintenance=str(third) if major >= 9 else None,
        profile=_profile(base_image, label) if add_on is None else f"{add_on.name}_{add_on.version}",
        release_date=release_date,
        add_on=add_on,
        components=tuple(component for component in merged if component.name),
        vibs=_list_order(vibs.values()),
        solutions=solutions,
    )


__all__ = [
    "LabAddOn",
    "LabComponent",
    "LabImage",
    "LabSolution",
    "LabVib",
    "add_ons",
    "catalogue",
    "find_add_on",
    "find_solution",
    "make_image",
    "solutions",
]
