"""vLCM's services on the depot's content."""

from __future__ import annotations

from typing import Any, NoReturn

from com.vmware.esx.settings import depot_content_client as content
from com.vmware.esx.settings.depot_content import add_ons_client, base_images_client, components_client
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.vlcm_values import OURS, midnight
from auditor.lab.vcenter.depot import LabDepot, version_key
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.vapi import VapiService, error, struct


class DepotService(VapiService):
    """What the services share."""

    def __init__(self, vcenter: LabVCenter) -> None:
        self._vcenter = vcenter

    @property
    def depot(self) -> LabDepot:
        """The depot as it is now."""
        return self._vcenter.database.depot


def _not_found(kind: str, *key: str) -> NoReturn:
    text = f"{kind} {' '.join(key)} is not in the depot."
    raise error(errors.NotFound, f"{OURS}DepotContentNotFound", text, *key)


def _high_enough(version: str, spec: Any) -> bool:
    return spec is None or not spec.min_version or version_key(version) >= version_key(spec.min_version)


def _fits(name: str, vendor: str, spec: Any) -> bool:
    return spec is None or ((spec.names is None or name in spec.names) and (spec.vendors is None or vendor in spec.vendors))


def _version_fits(version: str, spec: Any) -> bool:
    return spec is None or (_high_enough(version, spec) and (spec.versions is None or version in spec.versions))


class BaseImages(DepotService):
    """`com.vmware.esx.settings.depot_content.base_images`."""

    stub = content.BaseImages

    def list(self, filter: Any = None) -> list[Any]:  # noqa: A002 (the operation's parameter name)
        """The base images, oldest first."""
        images = sorted(self.depot.base_images.values(), key=lambda image: version_key(image.base_image))
        return [
            struct(
                content.BaseImages.Summary,
                display_name="ESXi",
                version=image.base_image,
                display_version=image.display_version,
                category="BUGFIX",
                release_date=midnight(image.release_date),
            )
            for image in images
            if _high_enough(image.base_image, filter)
        ]


class BaseImageVersions(DepotService):
    """`com.vmware.esx.settings.depot_content.base_images.versions`."""

    stub = base_images_client.Versions

    def get(self, version: str) -> Any:
        """One base image with its components. Raises NotFound."""
        image = self.depot.base_images.get(version)
        if image is None:
            _not_found("Base image", version)
        types = base_images_client.Versions
        return struct(
            types.Info,
            display_name="ESXi",
            version=version,
            display_version=image.display_version,
            category="BUGFIX",
            release_date=midnight(image.release_date),
            components=[
                types.ComponentVersionInfo(
                    name=each.name,
                    display_name=each.display_name or each.name,
                    version=each.version,
                    display_version=each.display_version or each.version,
                )
                for each in image.components
            ],
        )


class AddOns(DepotService):
    """`com.vmware.esx.settings.depot_content.add_ons`."""

    stub = content.AddOns

    def list(self, filter: Any = None) -> list[Any]:  # noqa: A002 (the operation's parameter name)
        """The add-ons with their versions."""
        found: dict[str, Any] = {}
        for each in sorted(self.depot.add_ons.values(), key=lambda add_on: (add_on.name, version_key(add_on.version))):
            if not (_fits(each.name, each.vendor, filter) and _version_fits(each.version, filter)):
                continue
            summary = found.setdefault(
                each.name,
                content.AddOns.Summary(
                    name=each.name, display_name=each.display_name or each.name, vendor=each.vendor, versions=[]
                ),
            )
            summary.versions.append(
                struct(
                    content.AddOns.AddOnVersionSummary,
                    version=each.version,
                    display_version=each.version,
                    category="BUGFIX",
                    release_date=midnight(""),
                )
            )
        return [*found.values()]


class AddOnVersions(DepotService):
    """`com.vmware.esx.settings.depot_content.add_ons.versions`."""

    stub = add_ons_client.Versions

    def get(self, name: str, version: str) -> Any:
        """One add-on with its components. Raises NotFound."""
        found = self.depot.add_ons.get((name, version))
        if found is None:
            _not_found("Add-on", name, version)
        types = add_ons_client.Versions
        return struct(
            types.Info,
            display_name=found.display_name or name,
            vendor=found.vendor,
            display_version=version,
            category="BUGFIX",
            release_date=midnight(""),
            components=[
                types.ComponentInfo(
                    name=each.name,
                    display_name=each.display_name or each.name,
                    version=each.version,
                    display_version=each.display_version or each.version,
                )
                for each in found.components
            ],
        )


class Components(DepotService):
    """`com.vmware.esx.settings.depot_content.components`."""

    stub = content.Components

    def list(self, filter: Any = None) -> list[Any]:  # noqa: A002 (the operation's parameter name)
        """The components with their versions."""
        found: dict[str, Any] = {}
        for each in sorted(self.depot.components.values(), key=lambda one: (one.name, version_key(one.version))):
            if not (_fits(each.name, each.vendor, filter) and _version_fits(each.version, filter)):
                continue
            summary = found.setdefault(
                each.name,
                content.Components.Summary(
                    name=each.name, display_name=each.display_name or each.name, vendor=each.vendor, versions=[]
                ),
            )
            summary.versions.append(
                struct(
                    content.Components.ComponentVersionSummary,
                    version=each.version,
                    display_version=each.display_version or each.version,
                    category="BUGFIX",
                    urgency="IMPORTANT",
                    release_date=midnight(""),
                )
            )
        return [*found.values()]


class ComponentVersions(DepotService):
    """`com.vmware.esx.settings.depot_content.components.versions`."""

    stub = components_client.Versions

    def get(self, name: str, version: str) -> Any:
        """One component. Raises NotFound."""
        found = self.depot.components.get((name, version))
        if found is None:
            _not_found("Component", name, version)
        return struct(
            components_client.Versions.Info,
            display_name=found.display_name or name,
            vendor=found.vendor,
            display_version=found.display_version or version,
            category="BUGFIX",
            urgency="IMPORTANT",
            release_date=midnight(""),
        )
