"""Reads an offline bundle: index.xml → vendor-index.xml → NAME-metadata.zip, and the .vib files that one names."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from auditor.depot import loose, metadata
from auditor.depot.archive import Archive, beside, open_archive
from auditor.depot.collect import Collected
from auditor.depot.limits import Limits
from auditor.depot.verify import verify
from auditor.depot.xml import Element, XmlReader
from auditor.domain.bundle import Bundle, LooseFile, Payload, Platform, VibEntry
from auditor.domain.bundle_layers import split
from auditor.errors import InputError
from auditor.ports import Progress

INDEX = "index.xml"
VENDOR_INDEX = "vendor-index.xml"
METADATA = "metadata.zip"
_UMDS = "__hostupdate20-consolidated-index__.xml"

_LOOSE = {"baseimages": "baseImages", "addons": "addOns", "profiles": "profiles"}
"""Folders of files whose form is not published, by their name in lower case: how it is written is not published either."""
_KNOWN = frozenset({"vmware.xml", VENDOR_INDEX, INDEX})
_SHOWN = 5


def read_bundle(path: Path, progress: Progress, *, verify_vibs: bool = True, limits: Limits | None = None) -> Bundle:
    """Everything the offline bundle at ``path`` says it holds, and with ``verify_vibs`` whether its .vib files are that.

    Raises ``InputError`` naming the zip, and the entry in it, for a zip that is no bundle, is cut off, or is refused.
    """
    return _Reader(path, progress, verify_vibs, limits or Limits()).read()


@dataclass
class _Reader:
    path: Path
    progress: Progress
    verify_vibs: bool
    limits: Limits
    notes: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=lambda: [""])
    """Where paths of .vib files may start: the zip itself, and the folders of the vendor indexes."""

    def read(self) -> Bundle:
        xml = XmlReader(self.limits)
        with open_archive(self.path, self.limits.bundle) as archive:
            platforms = list(dict.fromkeys(self._platforms(archive, xml)))
            files = tuple(dict.fromkeys(platform.file for platform in platforms))
            collected = Collected()
            loose_files: dict[str, list[LooseFile]] = {}
            with ExitStack() as stack:
                opened = [stack.enter_context(inner) for inner in self._metadata(archive, files)]
                for inner in opened:
                    _known_files(inner, xml, collected, self.limits)
                for inner in opened:
                    self._loose_files(inner, xml, collected.ids(), loose_files)
            vibs = tuple(self._payloads(archive, xml, collected.vibs()))
            named = {vib.path for vib in vibs}
            unlisted = tuple(sorted(name for name in archive.names if name.lower().endswith(".vib") and name not in named))
            bundle = Bundle(
                file=str(self.path),
                size=archive.size,
                verified=self.verify_vibs,
                platforms=tuple(platforms),
                base_images=tuple(map(loose.base_image, loose_files.pop("baseImages", ()))),
                add_ons=tuple(map(loose.add_on, loose_files.pop("addOns", ()))),
                profiles=tuple(map(loose.profile, loose_files.pop("profiles", ()))),
                components=collected.components(),
                bulletins=collected.bulletins(),
                vibs=vibs,
                other_files=tuple(file for files in loose_files.values() for file in files),
                unlisted=unlisted,
                problems=tuple(collected.problems),
            )
        notes = (*self.notes, *collected.notes, *_notes(bundle))
        return replace(bundle, notes=tuple(dict.fromkeys(notes)), layers=split(bundle))

    def _platforms(self, archive: Archive, xml: XmlReader) -> Iterator[Platform]:
        """The metadata files of the bundle, with the product each is for, by way of the two indexes. Either may be missing
        where the next one has its usual name; what is skipped is noted."""
        if INDEX in archive:
            root = xml.parse(archive.read(INDEX, self.limits.index_file), archive.place(INDEX))
            indexes = list(metadata.vendor_indexes(root))
            if not indexes:
                raise InputError("names no vendor's index file", where=archive.place(INDEX))
            if len(indexes) > self.limits.vendors:
                what = f"names {len(indexes):,} vendors' index files, at most {self.limits.vendors} are read"
                raise InputError(what, where=archive.place(INDEX))
            for index in indexes:
                yield from self._vendor_index(archive, xml, index.folder, index.file, INDEX)
        elif VENDOR_INDEX in archive and "vmware.xml" not in archive:
            self.notes.append(f"there is no {INDEX}; {VENDOR_INDEX} was read instead")
            yield from self._vendor_index(archive, xml, "", VENDOR_INDEX, "")
        elif METADATA in archive:
            self.notes.append(f"there is neither {INDEX} nor {VENDOR_INDEX}; {METADATA} was read instead")
            yield Platform("", "", METADATA)
        else:
            raise _no_bundle(archive)

    def _vendor_index(self, archive: Archive, xml: XmlReader, folder: str, file: str, source: str) -> Iterator[Platform]:
        name = _find(archive, (beside(folder, file), file), f"{source} names the vendor index {file}")
        root = xml.parse(archive.read(name, self.limits.index_file), archive.place(name))
        found = list(metadata.platforms(root))
        if not found:
            raise InputError("names no metadata file", where=archive.place(name))
        here = name.rpartition("/")[0]
        self.folders += [here, folder]
        for platform in found:
            url = platform.file
            place = _find(archive, (beside(here, url), beside(folder, url), url), f"{name} names the metadata file {url}")
            yield replace(platform, file=place)

    def _metadata(self, archive: Archive, files: tuple[str, ...]) -> Iterator[Archive]:
        limits = self.limits.metadata
        packed = expanded = 0
        for file in files:
            packed += archive.size_of(file)
            if packed > limits.size:
                what = f"its metadata files have more than the {limits.size:,} bytes that are read"
                raise InputError(what, where=archive.where)
            inner = Archive(io.BytesIO(archive.read(file, limits.size)), archive.place(file), limits)
            expanded += inner.expanded
            if expanded > limits.expanded:
                what = f"its metadata files would unpack to more than the {limits.expanded:,} bytes that are read"
                raise InputError(what, where=archive.where)
            yield inner

    def _loose_files(self, inner: Archive, xml: XmlReader, ids: frozenset[str], found: dict[str, list[LooseFile]]) -> None:
        for name in inner.names:
            folder = name.partition("/")[0]
            if name in _KNOWN or folder.lower() in {"bulletins", "vibs"}:
                continue
            data = inner.read(name, self.limits.metadata.entry)
            for entry in loose.entries(data, inner.place(name), name, xml, self.limits, ids):
                found.setdefault(_LOOSE.get(folder.lower(), ""), []).append(entry)

    def _payloads(self, archive: Archive, xml: XmlReader, vibs: list[VibEntry]) -> Iterator[VibEntry]:
        phase = f"VIBs of {self.path.name}"
        folders = tuple(dict.fromkeys(self.folders))
        self.progress.start(phase, len(vibs))
        named: Counter[str] = Counter()
        for vib in vibs:
            self.progress.advance(phase, vib.name)
            places = [beside(folder, vib.path) for folder in folders] if vib.path else []
            place = next((name for name in places if name in archive), "")
            if not place:
                what = "the zip does not have it" if vib.path else "the metadata names no file"
                yield replace(vib, payload=Payload.MISSING, detail=what)
            elif named[place] >= self.limits.reads:
                what = f"{self.limits.reads} other VIBs of the metadata name the same file"
                yield replace(vib, path=place, payload=Payload.DIFFERS, detail=what)
            elif self.verify_vibs:
                named[place] += 1
                yield verify(archive, replace(vib, path=place), xml, self.limits)
            else:
                yield replace(vib, path=place, payload=Payload.NOT_CHECKED)


def _known_files(inner: Archive, xml: XmlReader, collected: Collected, limits: Limits) -> None:
    readers: dict[str, Callable[[Element], None]] = {"bulletins": collected.bulletin_file, "vibs": collected.vib_file}
    files = [(name, readers[folder]) for name in inner.names if (folder := name.partition("/")[0].lower()) in readers]
    if "vmware.xml" in inner:
        files.insert(0, ("vmware.xml", collected.bulletin_file))
    elif not files:
        hint = "an offline bundle's metadata has vmware.xml, bulletins/ and vibs/"
        raise InputError("holds neither vmware.xml nor bulletins/ nor vibs/", where=inner.where, hint=hint)
    for name, reader in files:
        collected.place = name
        reader(xml.parse(inner.read(name, limits.metadata.entry), inner.place(name)))


def _find(archive: Archive, candidates: tuple[str, ...], said: str) -> str:
    for name in candidates:
        if name in archive:
            return name
    raise InputError(f"{said}, which is not in the zip", where=archive.where, hint="the bundle is not complete")


def _no_bundle(archive: Archive) -> InputError:
    if any(name.rpartition("/")[2] == _UMDS for name in archive.names):
        what, hint = "is a UMDS store, not an offline bundle", "give vCenter its URL as a depot instead"
    elif folder := next((name.removesuffix(INDEX) for name in archive.names if name.endswith(f"/{INDEX}")), ""):
        what = (
            f"is no offline bundle: its {INDEX} is not at the top but in folder {folder}, as after unpacking and packing again"
        )
        hint = "give the zip as it was downloaded"
    elif "vmware.xml" in archive.names:
        what, hint = "is the metadata file of an offline bundle, not the bundle", "give the zip it was taken from"
    elif inner := [name for name in archive.names if name.lower().endswith(".zip")]:
        what = f"is no offline bundle, but holds other zips: {', '.join(inner[:_SHOWN])}"
        hint = "unpack it and give the bundle inside"
    else:
        what, hint = (
            f"is no offline bundle: it has no {INDEX}",
            "an offline bundle is named …-depot.zip or …-offline_bundle-….zip",
        )
    return InputError(what, where=archive.where, hint=hint)


def _notes(bundle: Bundle) -> Iterator[str]:
    loose_kinds = (("base image", bundle.base_images), ("add-on", bundle.add_ons), ("image profile", bundle.profiles))
    present = [kind for kind, entries in loose_kinds if entries]
    if present:
        yield (
            f"the form of {' and '.join(present)} files is not published: names and versions are taken from elements called "
            "so, and the raw text is kept (--json)"
        )
    for image in bundle.base_images:
        if image.version is None:
            yield f"{image.source.file}: no element names one base image version; the raw text is kept"
    for entry in bundle.add_ons:
        if not (entry.name and entry.version):
            yield f"{entry.source.file}: no elements name the add-on and its version; the raw text is kept"
    if bundle.other_files:
        shown = ", ".join(sorted({file.file for file in bundle.other_files})[:_SHOWN])
        yield f"metadata files of no kind known here, kept raw: {shown}"
    if bundle.unlisted:
        yield f"{len(bundle.unlisted)} .vib files in the zip are named by no metadata: {', '.join(bundle.unlisted[:_SHOWN])}"
    if bundle.verified and any(vib.signed for vib in bundle.vibs):
        yield "the signatures inside the VIBs are not checked here; the host checks them by its acceptance level"
