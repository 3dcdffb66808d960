"""Container views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from auditor.lab.faces.inventory import Entity
from auditor.lab.wire.soap import SoapObject, current_soap_call, fault, operation, prop


class ViewManagerFace(SoapObject):
    """Makes container views; they live as long as the session."""

    kind = vim.view.ViewManager

    def __init__(self, lookup: Callable[[str], SoapObject | None]) -> None:
        super().__init__("ViewManager")
        self._lookup = lookup
        self._views: dict[str, tuple[str, ContainerViewFace]] = {}
        self._counter = 0

    def find(self, moid: str) -> SoapObject | None:
        """A view made here."""
        return self._views[moid][1] if moid in self._views else None

    def forget(self, session: str) -> None:
        """Drop a session's views."""
        self._views = {moid: kept for moid, kept in self._views.items() if kept[0] != session}

    def drop(self, moid: str) -> None:
        """Drop one view."""
        self._views.pop(moid, None)

    @operation("CreateContainerView")
    def create_container_view(self, container: Any, type: list[Any], recursive: bool) -> Any:  # noqa: A002 (VMODL)
        """A view of everything of these types below `container`."""
        start = self._lookup(VmomiSupport.ManagedObject._GetMoId(container))  # noqa: SLF001 (pyVmomi's accessor)
        if not isinstance(start, Entity):
            raise fault(vmodl.fault.ManagedObjectNotFound, "The container does not exist", obj=container)
        self._counter += 1
        session = current_soap_call().session or ""
        view = ContainerViewFace(f"session[{session}]{self._counter}", start, list(type), recursive, self.drop)
        self._views[view.moid] = session, view
        return view.ref


class ContainerViewFace(SoapObject):
    """A container view; its content is always the present one."""

    kind = vim.view.ContainerView

    def __init__(self, moid: str, container: Entity, types: list[Any], recursive: bool, drop: Callable[[str], None]) -> None:
        super().__init__(moid)
        self._container, self._types, self._recursive, self._drop = container, types, recursive, drop

    @prop("container")
    def container(self) -> Any:
        """Where it starts."""
        return self._container.ref

    @prop("recursive")
    def recursive(self) -> bool:
        """Whether it goes deeper than the direct children."""
        return bool(self._recursive)

    @prop("view")
    def view(self) -> list[Any]:
        """The objects in it."""
        kinds = tuple(self._types) or (vim.ManagedEntity,)
        return [each.ref for each in self._below(self._container) if issubclass(each.kind, kinds)]

    def _below(self, entity: Entity) -> Iterator[Entity]:
        for child in entity.children():
            yield child
            if self._recursive:
                yield from self._below(child)

    @operation("DestroyView")
    def destroy(self) -> None:
        """Forget it."""
        self._drop(self.moid)
