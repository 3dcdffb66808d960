"""vLCM's services on what a draft has beside the default image's layers: hardware support, and alternative images (9.0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings.clusters.software.drafts import software_client as layers
from com.vmware.esx.settings.clusters.software.drafts.software.alternative_images import software_client as own

from auditor.lab.faces.draft import DraftService
from auditor.lab.faces.vlcm import entity_not_found
from auditor.lab.faces.vlcm_values import (
    add_on_info,
    alternative_info,
    base_image_info,
    component_info,
    hardware_support_info,
)
from auditor.lab.vcenter.parts import Alternative, Package


def packages_of(spec: Any) -> tuple[Package, ...]:
    """A hardware support specification as the state keeps it."""
    return tuple(sorted((manager, each.pkg or "", each.version or "") for manager, each in spec.packages.items()))


class DraftHardwareSupport(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.hardware_support`."""

    stub = layers.HardwareSupport

    def get(self, cluster: str, draft: str) -> Any:
        """The packages by manager. Raises NotFound if there are none."""
        found = hardware_support_info(self.find_draft(cluster, draft).software.packages)
        return found or entity_not_found(draft, "hardware support")

    def set(self, cluster: str, draft: str, spec: Any) -> None:
        """Set them, in place of those before."""
        self.change(cluster, draft, packages=packages_of(spec))

    def delete(self, cluster: str, draft: str) -> None:
        """Take them out."""
        self.change(cluster, draft, packages=())


class AlternativeService(DraftService):
    """What the services on an alternative image of a draft share."""

    def find_image(self, cluster: str, draft: str, image: str) -> Alternative:
        """The alternative image of that id, which has no case. Raises NotFound."""
        images = {each.id.lower(): each for each in self.find_draft(cluster, draft).software.alternatives}
        return images.get(image.lower()) or entity_not_found(image, "image")

    def change_image(self, cluster: str, draft: str, image: str, change: Callable[[Alternative], dict[str, Any]]) -> None:
        """Set layers of it. Nothing is checked."""
        found = self.find_image(cluster, draft, image)
        changed = replace(found, **change(found))
        alternatives = self.find_draft(cluster, draft).software.alternatives
        self.change(cluster, draft, alternatives=tuple(changed if each is found else each for each in alternatives))


class DraftAlternativeImages(AlternativeService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.alternative_images`. Making new ones is not simulated."""

    stub = layers.AlternativeImages

    def get(self, cluster: str, draft: str, image: str) -> Any:
        """One alternative image."""
        found = self.find_image(cluster, draft, image)
        return alternative_info(self.find_draft(cluster, draft).software, found, self.depot)

    def list(self, cluster: str, draft: str) -> Any:
        """All of them by id, with their names."""
        found = self.find_draft(cluster, draft).software.alternatives
        infos = {each.id: settings.ImageInfo(display_name=each.display_name) for each in found}
        return layers.AlternativeImages.ListResult(alternative_images=infos)

    def delete(self, cluster: str, draft: str, image: str) -> None:
        """Take one out."""
        found = self.find_image(cluster, draft, image)
        alternatives = self.find_draft(cluster, draft).software.alternatives
        self.change(cluster, draft, alternatives=tuple(each for each in alternatives if each is not found))


class AlternativeBaseImage(AlternativeService):
    """The base image of an alternative image: the default one's."""

    stub = own.BaseImage

    def get(self, cluster: str, draft: str, image: str) -> Any:
        """The base image."""
        self.find_image(cluster, draft, image)
        return base_image_info(self.find_draft(cluster, draft).software.base_image, self.depot)


class AlternativeAddOn(AlternativeService):
    """Its add-on."""

    stub = own.AddOn

    def get(self, cluster: str, draft: str, image: str) -> Any:
        """The add-on. Raises NotFound if there is none."""
        found = add_on_info(self.find_image(cluster, draft, image).add_on, self.depot)
        return found or entity_not_found(image, "add-on")

    def set(self, cluster: str, draft: str, image: str, spec: Any) -> None:
        """Set it."""
        self.change_image(cluster, draft, image, lambda _: {"add_on": (spec.name, spec.version)})

    def delete(self, cluster: str, draft: str, image: str) -> None:
        """Take it out."""
        self.change_image(cluster, draft, image, lambda _: {"add_on": None})


class AlternativeComponents(AlternativeService):
    """Its components, as far as they are the administrator's own."""

    stub = own.Components

    def list(self, cluster: str, draft: str, image: str) -> dict[str, Any]:
        """All of them."""
        components = self.find_image(cluster, draft, image).components
        return {name: component_info(name, version, self.depot) for name, version in components}

    def update(self, cluster: str, draft: str, image: str, spec: Any) -> None:
        """Set and take out several at once."""

        def change(found: Alternative) -> dict[str, Any]:
            left = dict(found.components) | {n: v or "" for n, v in (spec.components_to_set or {}).items()}
            gone = spec.components_to_delete or ()
            return {"components": tuple(sorted((name, version) for name, version in left.items() if name not in gone))}

        self.change_image(cluster, draft, image, change)


class AlternativeRemovedComponents(AlternativeService):
    """What it takes out of the lower layers."""

    stub = own.RemovedComponents

    def list(self, cluster: str, draft: str, image: str) -> dict[str, Any]:
        """All of them."""
        return {name: settings.ComponentInfo() for name in self.find_image(cluster, draft, image).removed}

    def set(self, cluster: str, draft: str, image: str, component: str) -> None:
        """Remove a component from the image."""
        self.change_image(cluster, draft, image, lambda found: {"removed": tuple(sorted({*found.removed, component}))})

    def delete(self, cluster: str, draft: str, image: str, component: str) -> None:
        """Let it be part of the image again. Raises NotFound."""
        if component not in self.find_image(cluster, draft, image).removed:
            entity_not_found(component, "component")
        self.change_image(
            cluster, draft, image, lambda found: {"removed": tuple(name for name in found.removed if name != component)}
        )


class AlternativeHardwareSupport(AlternativeService):
    """Its hardware support packages."""

    stub = own.HardwareSupport

    def get(self, cluster: str, draft: str, image: str) -> Any:
        """The packages by manager. Raises NotFound if there are none."""
        found = hardware_support_info(self.find_image(cluster, draft, image).packages)
        return found or entity_not_found(image, "hardware support")

    def set(self, cluster: str, draft: str, image: str, spec: Any) -> None:
        """Set them, in place of those before."""
        self.change_image(cluster, draft, image, lambda _: {"packages": packages_of(spec)})

    def delete(self, cluster: str, draft: str, image: str) -> None:
        """Take them out."""
        self.change_image(cluster, draft, image, lambda _: {"packages": ()})
