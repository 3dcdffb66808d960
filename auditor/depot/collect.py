"""Puts together what several metadata files say of the same bulletin or VIB, and notices where they disagree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from auditor.depot import metadata
from auditor.depot.xml import Element
from auditor.domain.bundle import BulletinEntry, ComponentEntry, VibEntry

_Key = tuple[str, str, str]
_SHOWN = 5
_CHECKSUMS = 20
"""Checksums of one VIB; real metadata names one or two."""


@dataclass
class Collected:
    """Bulletins and VIBs of a bundle so far. ``place`` is the file being read, for problems and notes."""

    place: str = ""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _components: dict[str, ComponentEntry] = field(default_factory=dict)
    _bulletins: dict[str, BulletinEntry] = field(default_factory=dict)
    _vibs: dict[_Key, VibEntry] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)

    def bulletin_file(self, root: Element) -> None:
        """vmware.xml, which describes VIBs too, or a file of bulletins/."""
        for element in metadata.bulletins(root):
            component = metadata.component(element)
            plain = metadata.plain_bulletin(element)
            if component is not None and component.name and component.version:
                self._add_component(component)
            elif plain.id:
                self._bulletins.setdefault(plain.id, plain)
            else:
                self.notes.append(f"{self.place}: a bulletin without id and without component name was left out")
            for vib in metadata.listed_vibs(element):
                self._add_vib(vib)

    def vib_file(self, root: Element) -> None:
        """A file of vibs/."""
        self._add_vib(metadata.vib(root))

    def components(self) -> tuple[ComponentEntry, ...]:
        """By name and version."""
        return tuple(sorted(self._components.values(), key=lambda item: (item.name.casefold(), item.version)))

    def bulletins(self) -> tuple[BulletinEntry, ...]:
        """Those that are no component, by id."""
        return tuple(sorted(self._bulletins.values(), key=lambda item: item.id))

    def vibs(self) -> list[VibEntry]:
        """By name and version. VIBs a bulletin names and no metadata describes are noted now."""
        listed = [(entry.bulletin or entry.name, entry.vibs) for entry in self._components.values()]
        listed += [(entry.id, entry.vibs) for entry in self._bulletins.values()]
        for name, ids in listed:
            if missing := [vib for vib in ids if vib not in self._ids]:
                shown = ", ".join(missing[:_SHOWN])
                self.notes.append(f"bulletin {name} names {len(missing)} VIBs that no metadata here describes: {shown}")
        return sorted(self._vibs.values(), key=lambda vib: (vib.name.casefold(), vib.version, vib.vendor))

    def ids(self) -> frozenset[str]:
        """All ids a base image, add-on or profile may mention."""
        bulletins = {item.bulletin for item in self._components.values() if item.bulletin}
        return frozenset({*bulletins, *self._bulletins, *self._ids})

    def _add_component(self, new: ComponentEntry) -> None:
        key = new.bulletin or f"{new.name}_{new.version}"
        old = self._components.setdefault(key, new)
        if (old.name, old.version) != (new.name, new.version):
            self.problems.append(
                f"{self.place}: bulletin {key} is component {new.name} {new.version} here, {old.name} {old.version} elsewhere"
            )

    def _add_vib(self, new: VibEntry) -> None:
        if not (new.name and new.version):
            self.notes.append(f"{self.place}: a VIB without name or version was left out ({new.id.strip('_') or 'no id'})")
            return
        key = (new.vendor, new.name, new.version)
        old = self._vibs.get(key)
        joined = self._joined(old, new) if old else new
        if len(joined.checksums) > _CHECKSUMS:
            self.problems.append(f"{self.place}: VIB {new.name} {new.version} has more than {_CHECKSUMS} checksums")
            joined = replace(joined, checksums=joined.checksums[:_CHECKSUMS])
        self._vibs[key] = joined
        self._ids.add(new.id)

    def _joined(self, old: VibEntry, new: VibEntry) -> VibEntry:
        """Both records in one: every checksum of either must fit. Two paths or sizes for one VIB are a problem."""
        for what, first, second in (("path", old.path, new.path), ("packed size", old.packed_size, new.packed_size)):
            if first and second and first != second:
                self.problems.append(f"{self.place}: VIB {old.name} {old.version} has {what} {second}, elsewhere {first}")
        return replace(
            old,
            id=old.id or new.id,
            kind=old.kind or new.kind,
            acceptance_level=old.acceptance_level or new.acceptance_level,
            path=old.path or new.path,
            packed_size=old.packed_size if old.packed_size is not None else new.packed_size,
            checksums=tuple(dict.fromkeys((*old.checksums, *new.checksums))),
        )
