"""The search index: hosts and inventory objects by path, name or UUID."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyVmomi import vim

from auditor.lab.faces.host import HostFace
from auditor.lab.faces.inventory import ROOT, Entity
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, operation


class SearchIndexFace(SoapObject):
    """Finds entities. There are no virtual machines, so searches for them find nothing."""

    kind = vim.SearchIndex

    def __init__(self, vcenter: LabVCenter, lookup: Callable[[str], SoapObject | None]) -> None:
        super().__init__("SearchIndex")
        self._vcenter, self._lookup = vcenter, lookup

    @operation("FindByInventoryPath")
    def by_path(self, inventoryPath: str) -> Any | None:  # noqa: N803 (VMODL parameter name)
        """The entity at a path such as `Datacenter/host/cluster/host name`."""
        found = self._lookup(ROOT)
        for name in inventoryPath.strip("/").split("/"):
            if not isinstance(found, Entity):
                return None
            found = next((child for child in found.children() if child.entity_name == name), None)
        return None if found is None else found.ref

    @operation("FindChild")
    def child(self, entity: Any, name: str) -> Any | None:
        """The child of that name."""
        found = self._lookup(entity._GetMoId())  # noqa: SLF001 (pyVmomi's public accessor)
        children = found.children() if isinstance(found, Entity) else iter(())
        return next((each.ref for each in children if each.entity_name == name), None)

    @operation("FindByDnsName")
    def by_name(self, datacenter: Any, dnsName: str, vmSearch: bool) -> Any | None:  # noqa: N803
        """The host of that name."""
        return next(self._hosts(vmSearch, lambda entry: entry.name == dnsName), None)

    @operation("FindAllByDnsName")
    def all_by_name(self, datacenter: Any, dnsName: str, vmSearch: bool) -> list[Any]:  # noqa: N803
        """The hosts of that name."""
        return list(self._hosts(vmSearch, lambda entry: entry.name == dnsName))

    @operation("FindByUuid")
    def by_uuid(self, datacenter: Any, uuid: str, vmSearch: bool, instanceUuid: bool | None) -> Any | None:  # noqa: N803
        """The host with that hardware UUID."""
        return next(self._hosts(vmSearch, lambda entry: entry.uuid == uuid), None)

    def _hosts(self, vm_search: bool, fits: Callable[[Any], bool]) -> Iterator[Any]:
        if not vm_search:
            for entry in self._vcenter.database.hosts.values():
                if fits(entry):
                    yield HostFace.kind(entry.moid)
