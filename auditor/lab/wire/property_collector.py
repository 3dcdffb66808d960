"""The property collector: property sweeps with traversal and paging, and waiting for changes.

Works on any `SoapObject`; it knows no inventory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import VmomiSupport, vmodl

from auditor.lab.wire.soap import SoapObject, as_array, fault, operation, prop

_query = vmodl.query
Lookup = Callable[[str], SoapObject | None]

DEFAULT_PAGE = 500
"""Objects in a page when the client names no maximum. A server may choose its own limit, so clients must continue."""
LONGEST_WAIT = 600.0
POLL_SECONDS = 0.05


class PropertyPaths:
    """Reads property paths such as `summary.config.product.version` of one object, each first step once."""

    def __init__(self, target: SoapObject) -> None:
        self._target = target
        self._first: dict[str, Any] = {}

    def read(self, path: str) -> Any:
        """The value, or None where any step is unset. Raises InvalidProperty for a path the types do not have."""
        try:
            return self._walk(path)
        except AttributeError:
            raise fault(_query.InvalidProperty, f"InvalidProperty {path}", name=path) from None

    def _walk(self, path: str) -> Any:
        head, *steps = path.split(".")
        if head not in self._first:
            self._first[head] = self._target.get(head)
        value, kind = self._first[head], VmomiSupport.GetPropertyInfo(self._target.kind, head).type
        for step in steps:
            # The value's own class may be narrower than the declared one.
            info = VmomiSupport.GetPropertyInfo(type(value) if value is not None else kind, step)
            value, kind = (as_array(getattr(value, step), info) if value is not None else None), info.type
        return value


class PropertyCollector(SoapObject):
    """A property collector with its filters and the pages still to be fetched."""

    kind = _query.PropertyCollector

    def __init__(self, moid: str, lookup: Lookup, lock: Any, *, page: int = DEFAULT_PAGE) -> None:
        super().__init__(moid)
        self._lookup, self._lock, self._page = lookup, lock, page
        self._pages: dict[str, list[SoapObject]] = {}
        self._specs: dict[str, list[Any]] = {}
        self._filters: dict[str, PropertyFilter] = {}
        self._collectors: dict[str, PropertyCollector] = {}
        self._counter = 0
        self._cancelled = threading.Event()

    def find(self, moid: str) -> SoapObject | None:
        """A filter or a further collector made here."""
        found: SoapObject | None = self._filters.get(moid) or self._collectors.get(moid)
        return found or next((hit for each in self._collectors.values() if (hit := each.find(moid))), None)

    @prop("filter")
    def filters(self) -> list[Any]:
        """The filters made on this collector."""
        return [each.ref for each in self._filters.values()]

    @operation("RetrieveProperties")
    def retrieve(self, specSet: list[Any]) -> list[Any]:  # noqa: N803 (VMODL parameter name)
        """All objects in one answer."""
        return [content(each, specSet) for each in self._selected(specSet)]

    @operation("RetrievePropertiesEx")
    def retrieve_ex(self, specSet: list[Any], options: Any) -> Any | None:  # noqa: N803
        """The first page; a token when there are more. Nothing at all when no object was selected."""
        limit = (options and options.maxObjects) or self._page
        return self._next_page(list(self._selected(specSet)), specSet, limit)

    @operation("ContinueRetrievePropertiesEx")
    def continue_retrieve(self, token: str) -> Any:
        """The next page; each token serves once."""
        rest = self._pages.pop(token, None)
        if rest is None:
            raise fault(_query.InvalidProperty, f"unknown token {token}", name="token")
        return self._next_page(rest, self._specs.pop(token), int(token.rpartition("/")[2]))

    @operation("CancelRetrievePropertiesEx")
    def cancel_retrieve(self, token: str) -> None:
        """Forget the remaining pages."""
        self._pages.pop(token, None)
        self._specs.pop(token, None)

    @operation("CreateFilter")
    def create_filter(self, spec: Any, partialUpdates: bool) -> Any:  # noqa: N803 (VMODL parameters)
        """Remember what to watch; changes are given by whole property paths, never in parts of one."""
        made = PropertyFilter(self._new_id("filter"), spec, self)
        self._filters[made.moid] = made
        return made.ref

    @operation("CreatePropertyCollector")
    def create_collector(self) -> Any:
        """A further collector with filters of its own."""
        made = PropertyCollector(self._new_id("collector"), self._lookup, self._lock, page=self._page)
        self._collectors[made.moid] = made
        return made.ref

    @operation("DestroyPropertyCollector")
    def destroy(self) -> None:
        """Forget everything and wake the waiters."""
        self._filters.clear()
        self._pages.clear()
        self._cancelled.set()

    @operation("CancelWaitForUpdates", unlocked=True)
    def cancel_wait(self) -> None:
        """Wake the waiters."""
        self._cancelled.set()

    @operation("CheckForUpdates")
    def check(self, version: str | None) -> Any | None:
        """Changes since `version`, without waiting."""
        return self._changes(version)

    @operation("WaitForUpdates", unlocked=True)
    def wait(self, version: str | None) -> Any | None:
        """Changes since `version`, waiting for the first."""
        return self._wait(version, LONGEST_WAIT)

    @operation("WaitForUpdatesEx", unlocked=True)
    def wait_ex(self, version: str | None, options: Any) -> Any | None:
        """Changes since `version`, waiting at most `maxWaitSeconds`; nothing when the time ran out."""
        seconds = LONGEST_WAIT if options is None or options.maxWaitSeconds is None else options.maxWaitSeconds
        return self._wait(version, float(seconds))

    def drop_filter(self, moid: str) -> None:
        """Forget one filter."""
        self._filters.pop(moid, None)

    def _new_id(self, what: str) -> str:
        self._counter += 1
        return f"{self.moid}-{what}-{self._counter}"

    def _selected(self, specs: list[Any]) -> Iterator[SoapObject]:
        for spec in specs:
            kinds = tuple(each.type for each in spec.propSet)
            yield from (each for each in select(spec.objectSet, self._lookup) if issubclass(each.kind, kinds))

    def _next_page(self, objects: list[SoapObject], specs: list[Any], limit: int) -> Any | None:
        if not objects:
            return None
        page, rest = objects[:limit], objects[limit:]
        token = None
        if rest:
            self._counter += 1
            token = f"{self._counter}/{limit}"
            self._pages[token], self._specs[token] = rest, specs
        return _query.PropertyCollector.RetrieveResult(token=token, objects=[content(each, specs) for each in page])

    def _wait(self, version: str | None, seconds: float) -> Any | None:
        self._cancelled.clear()
        deadline = time.monotonic() + seconds
        while True:
            with self._lock:
                if (update := self._changes(version)) is not None:
                    return update
            if time.monotonic() >= deadline:
                return None
            if self._cancelled.wait(POLL_SECONDS):
                raise fault(vmodl.fault.RequestCanceled, "The request was canceled")

    def _changes(self, version: str | None) -> Any | None:
        updates = [update for each in self._filters.values() if (update := each.changes(fresh=not version))]
        if not updates:
            return None
        self._counter += 1
        return _query.PropertyCollector.UpdateSet(version=str(self._counter), filterSet=updates, truncated=False)


class PropertyFilter(SoapObject):
    """What a client watches, and what it was last told."""

    kind = _query.PropertyCollector.Filter

    def __init__(self, moid: str, spec: Any, collector: PropertyCollector) -> None:
        super().__init__(moid)
        self.spec, self._collector = spec, collector
        self._told: dict[str, tuple[Any, dict[str, Any]]] = {}

    @operation("DestroyPropertyFilter")
    def destroy(self) -> None:
        """Stop watching."""
        self._collector.drop_filter(self.moid)

    def changes(self, *, fresh: bool) -> Any | None:
        """The update since the last call, or None. `fresh` starts over: every object enters again."""
        if fresh:
            self._told = {}
        collector = _query.PropertyCollector
        updates, seen = [], {}
        for target in self._collector._selected([self.spec]):  # noqa: SLF001 (the two classes are one mechanism)
            values = {each.name: each.val for each in content(target, [self.spec]).propSet}
            seen[target.moid] = (target.ref, values)
            before = self._told.get(target.moid)
            if before is None:
                kind, changed = "enter", dict(values)
            else:
                kind = "modify"
                gone = {name: None for name in before[1] if name not in values}
                changed = gone | {name: val for name, val in values.items() if not _same(val, before[1].get(name))}
            if before is None or changed:
                changes = [collector.Change(name=name, op="assign", val=val) for name, val in changed.items()]
                updates.append(collector.ObjectUpdate(kind=kind, obj=target.ref, changeSet=changes))
        updates += [collector.ObjectUpdate(kind="leave", obj=ref) for moid, (ref, _) in self._told.items() if moid not in seen]
        self._told = seen
        return collector.FilterUpdate(filter=self.ref, objectSet=updates) if updates else None


@dataclass
class _Walk:
    lookup: Lookup
    named: dict[str, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def select(object_specs: list[Any], lookup: Lookup) -> Iterator[SoapObject]:
    """The objects a filter's object set selects, following its traversal specs, each once.

    Raises ManagedObjectNotFound for a start object that does not exist.
    """
    walk = _Walk(lookup)
    for spec in object_specs:
        _name_specs(spec.selectSet, walk.named)
    for spec in object_specs:
        start = lookup(spec.obj._GetMoId())  # noqa: SLF001 (pyVmomi's public accessor)
        if start is None:
            text = "The object has already been deleted or has not been completely created"
            raise fault(vmodl.fault.ManagedObjectNotFound, text, obj=spec.obj)
        yield from _follow(start, spec.selectSet, skip=bool(spec.skip), walk=walk)


def _name_specs(specs: list[Any], named: dict[str, Any]) -> None:
    for spec in specs:
        if isinstance(spec, _query.PropertyCollector.TraversalSpec):
            if spec.name:
                named[spec.name] = spec
            _name_specs(spec.selectSet, named)


def _follow(target: SoapObject, specs: list[Any], *, skip: bool, walk: _Walk) -> Iterator[SoapObject]:
    if not skip and target.moid not in walk.seen:
        walk.seen.add(target.moid)
        yield target
    for spec in specs:
        step = spec if isinstance(spec, _query.PropertyCollector.TraversalSpec) else walk.named.get(spec.name)
        if step is None or not issubclass(target.kind, step.type):
            continue
        value = PropertyPaths(target).read(step.path)
        for ref in value if isinstance(value, list) else [value] if value is not None else []:
            found = walk.lookup(ref._GetMoId())  # noqa: SLF001 (pyVmomi's public accessor)
            if found is not None:
                yield from _follow(found, step.selectSet, skip=bool(step.skip), walk=walk)


def content(target: SoapObject, specs: list[Any]) -> Any:
    """The object's content for every property set that fits its type; unset properties are left out."""
    paths: dict[str, None] = {}
    for spec in specs:
        for wanted in spec.propSet:
            if issubclass(target.kind, wanted.type):
                paths |= dict.fromkeys(target.properties if wanted.all else wanted.pathSet)
    reader = PropertyPaths(target)
    values = [(path, reader.read(path)) for path in paths]
    return _query.PropertyCollector.ObjectContent(
        obj=target.ref,
        propSet=[vmodl.DynamicProperty(name=path, val=value) for path, value in values if value is not None],
    )


def _same(one: Any, other: Any) -> bool:
    # Data objects compare by identity; their printed form holds every field.
    return type(one) is type(other) and (one == other or str(one) == str(other))
