"""vLCM's services on the layers of a draft: base image, add-on, components, removed and effective components."""

from __future__ import annotations

from typing import Any

from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings.clusters.software.drafts import software_client as layers

from auditor.lab.faces.draft import DraftService
from auditor.lab.faces.vlcm import entity_not_found
from auditor.lab.faces.vlcm_values import add_on_info, base_image_info, component_info
from auditor.lab.wire.vapi import struct


class DraftBaseImage(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.base_image`."""

    stub = layers.BaseImage

    def get(self, cluster: str, draft: str) -> Any:
        """The base image."""
        return base_image_info(self.find_draft(cluster, draft).software.base_image, self.depot)

    def set(self, cluster: str, draft: str, spec: Any) -> None:
        """Set the base image."""
        self.change(cluster, draft, base_image=spec.version)


class DraftAddOn(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.add_on`."""

    stub = layers.AddOn

    def get(self, cluster: str, draft: str) -> Any:
        """The add-on. Raises NotFound if there is none."""
        found = self.find_draft(cluster, draft).software.add_on
        if found is None:
            entity_not_found(draft, "add-on")
        return add_on_info(found, self.depot)

    def set(self, cluster: str, draft: str, spec: Any) -> None:
        """Set the add-on."""
        self.change(cluster, draft, add_on=(spec.name, spec.version))

    def delete(self, cluster: str, draft: str) -> None:
        """Take the add-on out."""
        self.change(cluster, draft, add_on=None)


class DraftComponents(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.components`: the administrator's own ones."""

    stub = layers.Components

    def _own(self, cluster: str, draft: str) -> dict[str, str]:
        return dict(self.find_draft(cluster, draft).software.components)

    def get(self, cluster: str, draft: str, component: str) -> Any:
        """The version of one component. Raises NotFound."""
        own = self._own(cluster, draft)
        if component not in own:
            entity_not_found(component, "component")
        return component_info(component, own[component], self.depot)

    def list(self, cluster: str, draft: str) -> dict[str, Any]:
        """All of them."""
        return {name: component_info(name, version, self.depot) for name, version in self._own(cluster, draft).items()}

    def set(self, cluster: str, draft: str, component: str, version: str | None = None) -> None:
        """Set one."""
        self._store(cluster, draft, {**self._own(cluster, draft), component: version or ""})

    def delete(self, cluster: str, draft: str, component: str) -> None:
        """Take one out. Raises NotFound."""
        own = self._own(cluster, draft)
        if component not in own:
            entity_not_found(component, "component")
        del own[component]
        self._store(cluster, draft, own)

    def update(self, cluster: str, draft: str, spec: Any) -> None:
        """Set and take out several at once."""
        own = self._own(cluster, draft)
        own.update({name: version or "" for name, version in (spec.components_to_set or {}).items()})
        for name in spec.components_to_delete or ():
            own.pop(name, None)
        self._store(cluster, draft, own)

    def _store(self, cluster: str, draft: str, own: dict[str, str]) -> None:
        self.change(cluster, draft, components=tuple(sorted(own.items())))


class DraftRemovedComponents(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.removed_components` (8.0.3 and later)."""

    stub = layers.RemovedComponents

    def get(self, cluster: str, draft: str, component: str) -> Any:
        """One removed component. Raises NotFound."""
        if component not in self.find_draft(cluster, draft).software.removed:
            entity_not_found(component, "component")
        return settings.ComponentInfo()

    def list(self, cluster: str, draft: str) -> dict[str, Any]:
        """All of them."""
        return {name: settings.ComponentInfo() for name in self.find_draft(cluster, draft).software.removed}

    def set(self, cluster: str, draft: str, component: str) -> None:
        """Remove a component from the image."""
        removed = self.find_draft(cluster, draft).software.removed
        self.change(cluster, draft, removed=tuple(sorted({*removed, component})))

    def delete(self, cluster: str, draft: str, component: str) -> None:
        """Let it be part of the image again. Raises NotFound."""
        removed = self.find_draft(cluster, draft).software.removed
        if component not in removed:
            entity_not_found(component, "component")
        self.change(cluster, draft, removed=tuple(name for name in removed if name != component))


class DraftEffectiveComponents(DraftService):
    """`com.vmware.esx.settings.clusters.software.drafts.software.effective_components`."""

    stub = layers.EffectiveComponents

    def list(self, cluster: str, draft: str) -> dict[str, Any]:
        """The components of the composed image with the layer each comes from."""
        software = self.find_draft(cluster, draft).software
        return {
            name: settings.EffectiveComponentInfo(
                version=each.version,
                details=struct(
                    settings.EffectiveComponentDetails, display_name=name, display_version=each.version, source=each.source
                ),
            )
            for name, each in self.depot.effective(software).items()
        }
