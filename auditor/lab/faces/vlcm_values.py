"""vLCM's structures, made of the state's plain values.

`details` of an item is left out when the depot lacks it: that is how vLCM shows a gap (SDK `settings_client.*Info`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from com.vmware.esx import hosts_client as hosts
from com.vmware.esx import settings_client as settings
from com.vmware.vapi.std_client import LocalizableMessage

from auditor.lab.hosts.images import LabImage
from auditor.lab.vcenter.compliance import user_components as _user_components
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.parts import AddOnKey, Alternative, Package, Selection

PREFIX = "com.vmware.vcIntegrity.lifecycle."
OURS = "lab.vlcm."
"""Prefix of message ids for which no public source shows the real one."""


def midnight(date: str) -> dt.datetime:
    """An ISO date as the time structures want it."""
    return dt.datetime.fromisoformat(date or "2024-01-01").replace(tzinfo=dt.UTC)


def message(message_id: str, text: str) -> Any:
    """A localized message without arguments."""
    return LocalizableMessage(id=message_id, default_message=text, args=[], localized=text)


def notifications(time: dt.datetime, **groups: tuple[str, str]) -> Any:
    """Notifications with at most one entry in each of `info`, `warnings`, `errors`, given as (id, text)."""
    kinds = {"info": "INFO", "warnings": "WARNING", "errors": "ERROR"}
    made = {
        group: [
            settings.Notification(
                id=PREFIX + entry[0], time=time, message=message(PREFIX + entry[0], entry[1]), type=kinds[group]
            )
        ]
        for group, entry in groups.items()
    }
    return settings.Notifications(**made)


def base_image_info(version: str, depot: LabDepot) -> Any:
    """A base image with its details, if the depot has them."""
    image = depot.base_images.get(version)
    details = image and settings.BaseImageDetails(
        display_name="ESXi", display_version=image.display_version, release_date=midnight(image.release_date)
    )
    return settings.BaseImageInfo(version=version, details=details)


def add_on_info(key: AddOnKey | None, depot: LabDepot) -> Any | None:
    """An add-on with its details, if the depot has them; None for no add-on."""
    if key is None:
        return None
    found = depot.add_ons.get(key)
    details = found and settings.AddOnDetails(
        display_name=found.display_name or found.name, vendor=found.vendor, display_version=found.version
    )
    return settings.AddOnInfo(name=key[0], version=key[1], details=details)


def component_info(name: str, version: str | None, depot: LabDepot) -> Any | None:
    """A component with its details, if the depot has them; None for no version."""
    if version is None:
        return None
    found = depot.components.get((name, version))
    details = found and settings.ComponentDetails(
        display_name=found.display_name or name, vendor=found.vendor, display_version=found.display_version or None
    )
    return settings.ComponentInfo(version=version, details=details)


def solution_info(name: str, version: str, depot: LabDepot) -> Any:
    """A solution with its components, which have no versions of their own here, and its details, if the depot has it."""
    found = depot.solutions.get((name, version))
    if found is None:
        return settings.SolutionInfo(version=version, components=[])
    return settings.SolutionInfo(
        version=version,
        components=[settings.SolutionComponentSpec(component=each.name) for each in found.components],
        details=settings.SolutionDetails(
            display_name=found.display_name,
            display_version=version.partition("-")[0],
            components=[
                settings.SolutionComponentDetails(
                    component=each.name,
                    display_name=each.display_name,
                    display_version=each.display_version,
                    vendor=each.vendor,
                )
                for each in found.components
            ],
        ),
    )


def software_info(software: DesiredSoftware, depot: LabDepot) -> Any:
    """A cluster image, with its alternative images. What it has none of is unset, and so are the fields that a vCenter is too
    old for."""
    return settings.SoftwareInfo(
        **_layers(software, depot),
        alternative_images={each.id: alternative_info(software, each, depot) for each in software.alternatives} or None,
    )


def _layers(software: DesiredSoftware, depot: LabDepot) -> dict[str, Any]:
    """The layers of one image. `components` are the administrator's own, not those the base image brings."""
    return {
        "base_image": base_image_info(software.base_image, depot),
        "add_on": add_on_info(software.add_on, depot),
        "components": {name: component_info(name, version, depot) for name, version in software.components},
        "solutions": {name: solution_info(name, version, depot) for name, version in software.solutions},
        "hardware_support": hardware_support_info(software.packages),
        "removed_components": {name: settings.ComponentInfo() for name in software.removed} or None,
    }


def alternative_info(software: DesiredSoftware, image: Alternative, depot: LabDepot) -> Any:
    """An alternative image of a composite one."""
    return settings.AlternativeImageInfo(
        **_layers(software.part(image), depot),
        display_name=image.display_name,
        selection_criteria=selection_info(image.selection),
    )


def selection_info(selection: Selection) -> Any:
    """Which hosts an alternative image is for."""
    kinds = settings.ImageSelectionInfo.SelectionType
    if selection.uuids:
        return settings.ImageSelectionInfo(selection_type=kinds.HOST_UUID, host_uuids=set(selection.uuids))
    hardware = settings.HostHardwareInfo(vendor=selection.vendor, models=set(selection.models) or None)
    return settings.ImageSelectionInfo(selection_type=kinds.HOST_HARDWARE_SPEC, host_hardware_spec=hardware)


def hardware_support_info(packages: tuple[Package, ...]) -> Any | None:
    """The hardware support packages by their managers; None for none."""
    if not packages:
        return None
    info = settings.HardwareSupportPackageInfo
    return settings.HardwareSupportInfo(packages={m: info(pkg=name, version=version) for m, name, version in packages})


def software_of(image: LabImage) -> DesiredSoftware:
    """An installed image taken apart as vLCM does: base image, add-on, and what neither of them brings."""
    add_on = None if image.add_on is None else (image.add_on.name, image.add_on.version)
    solutions = tuple((each.name, each.version) for each in image.solutions)
    return DesiredSoftware(image.base_image, add_on, tuple(_user_components(image).items()), solutions=solutions)


def host_software_info(image: LabImage) -> Any:
    """The same for `com.vmware.esx.hosts.software`, which asks the host and so always has the display texts."""
    add_on, own = image.add_on, _user_components(image)
    return hosts.SoftwareInfo(
        base_image=hosts.BaseImageInfo(
            version=image.base_image,
            display_name="ESXi",
            display_version=image.display_version,
            release_date=midnight(image.release_date),
        ),
        add_on=add_on
        and hosts.AddOnInfo(
            name=add_on.name,
            version=add_on.version,
            display_name=add_on.display_name or add_on.name,
            vendor=add_on.vendor,
            display_version=add_on.version,
        ),
        components={
            each.name: hosts.ComponentInfo(
                version=each.version,
                display_name=each.display_name or each.name,
                display_version=each.display_version or each.version,
                vendor=each.vendor,
            )
            for each in image.components
            if each.name in own
        },
        solutions={
            each.name: hosts.SolutionInfo(
                version=each.version,
                display_name=each.display_name,
                components=[hosts.SolutionComponentSpec(component=part.name) for part in each.components],
            )
            for each in image.solutions
        },
    )
