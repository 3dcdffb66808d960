"""What is in an offline bundle: a zip of base images, add-ons, components and VIBs that vLCM imports into its depot.

The inner form of three kinds of files is not published: ``baseImages/``, ``addOns/`` and ``profiles/`` of the metadata
(field note, vlcm e). Their entries hold what could be told from any id, name or version element, every shallow field as it
was read, the ids of the bundle they mention, and the start of the raw text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from auditor.domain.versions import BaseImageVersion


class Payload(StrEnum):
    """How the .vib file in the zip stands to what the metadata says of it."""

    VERIFIED = "verified"  # size and every checksum fit
    NOT_CHECKED = "not-checked"  # it is there; nobody asked for more
    NO_CHECKSUM = "no-checksum"  # the metadata names no checksum that can be computed here
    DIFFERS = "differs"  # size, checksum, or the name inside is another one
    DAMAGED = "damaged"  # it cannot be unpacked, or is not a VIB
    MISSING = "missing"  # the zip does not have it

    @property
    def is_fault(self) -> bool:
        """Whether the bundle does not hold what its metadata says."""
        return self in {Payload.DIFFERS, Payload.DAMAGED, Payload.MISSING}


@dataclass(frozen=True, slots=True, order=True)
class Checksum:
    """A checksum as the metadata names it: ``algorithm`` such as ``sha-256``, ``value`` in lower-case hex."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class VibEntry:
    """A VIB the metadata names. ``id`` is the metadata's own (``VMW_bootbank_ntg3_4.1.9.0-4vmw…``), ``path`` the file in the
    zip, ``packed_size`` its size in bytes. ``members`` are the parts of the .vib itself and ``signed`` whether it carries a
    signature, which is not checked here; both only when the file was read."""

    name: str
    version: str
    vendor: str
    id: str = ""
    kind: str = ""
    acceptance_level: str = ""
    path: str = ""
    packed_size: int | None = None
    checksums: tuple[Checksum, ...] = ()
    payload: Payload = Payload.NOT_CHECKED
    detail: str = ""
    members: tuple[str, ...] = ()
    signed: bool | None = None


@dataclass(frozen=True, slots=True)
class ComponentEntry:
    """A bulletin with a component name and version (``componentNameSpec``, ``componentVersionSpec``); ``vibs`` are ids."""

    name: str
    version: str
    display_name: str = ""
    display_version: str = ""
    vendor: str = ""
    bulletin: str = ""
    vibs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BulletinEntry:
    """A bulletin of the old kind, before 7.0: it is no component. ``vibs`` are ids."""

    id: str
    vendor: str = ""
    summary: str = ""
    vibs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A metadata file whose form is not published, as far as it was understood.

    ``fields`` are its shallow elements and attributes (``versionSpec@version``) with their text, ``refers_to`` the ids of
    components, bulletins and VIBs of this bundle that stand anywhere in it, ``raw`` the start of its text, ``whole`` whether
    that is known to be all of it.
    """

    file: str
    fields: tuple[tuple[str, str], ...] = ()
    refers_to: tuple[str, ...] = ()
    raw: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class BaseImageEntry:
    """A base image of the bundle. ``version`` is None when no element of the file named one, or several did."""

    source: LooseFile
    version: BaseImageVersion | None = None
    display: str = ""


@dataclass(frozen=True, slots=True)
class AddOnEntry:
    """A vendor add-on of the bundle. ``name`` and ``version`` are empty when no element of the file named them."""

    source: LooseFile
    name: str = ""
    version: str = ""
    display: str = ""
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """An image profile of the bundle."""

    source: LooseFile
    name: str = ""
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """One line of a vendor-index: for which product and version which metadata file is."""

    product: str
    version: str
    file: str


class LayerKind(StrEnum):
    """The layers of an image a bundle can hold."""

    BASE_IMAGE = "base-image"
    ADD_ON = "add-on"


class Basis(StrEnum):
    """What a layer rests on."""

    STATED = "stated"  # the bundle has a base image or add-on file
    INFERRED = "inferred"  # taken from names and vendors of other things in it


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer vLCM would make of the bundle; ``name`` and ``version`` are empty where they are not known.

    ``components`` are the bundle's components that belong to it on the same basis; empty where that cannot be told.
    """

    kind: LayerKind
    name: str
    version: str
    basis: Basis
    rests_on: str
    components: tuple[ComponentEntry, ...] = ()


class BundleKind(StrEnum):
    """What a bundle is, by what is in it."""

    CUSTOM_IMAGE = "custom image"  # base image and vendor add-on
    BASE_IMAGE = "base image"
    ADD_ON = "add-on"
    COMPONENTS = "components"
    VIBS = "VIBs"  # of before 7.0, or made without components: vLCM's images cannot take it
    EMPTY = "nothing"


@dataclass(frozen=True, slots=True)
class Bundle:
    """An offline bundle as read. ``problems``: where it is not what its own metadata says. ``notes``: what is not known or
    was not understood. ``other_files``: metadata files of no kind known here. ``unlisted``: .vib files in the zip that no
    metadata names. ``size`` is that of the zip in bytes."""

    file: str
    size: int
    verified: bool
    platforms: tuple[Platform, ...] = ()
    base_images: tuple[BaseImageEntry, ...] = ()
    add_ons: tuple[AddOnEntry, ...] = ()
    profiles: tuple[ProfileEntry, ...] = ()
    components: tuple[ComponentEntry, ...] = ()
    bulletins: tuple[BulletinEntry, ...] = ()
    vibs: tuple[VibEntry, ...] = ()
    other_files: tuple[LooseFile, ...] = ()
    unlisted: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    layers: tuple[ImageLayer, ...] = field(default=())

    @property
    def kind(self) -> BundleKind:
        """What it is, by its layers, else by its components and VIBs."""
        kinds = {layer.kind for layer in self.layers}
        if kinds == {LayerKind.BASE_IMAGE, LayerKind.ADD_ON}:
            return BundleKind.CUSTOM_IMAGE
        if LayerKind.BASE_IMAGE in kinds:
            return BundleKind.BASE_IMAGE
        if LayerKind.ADD_ON in kinds:
            return BundleKind.ADD_ON
        if self.components:
            return BundleKind.COMPONENTS
        return BundleKind.VIBS if self.vibs or self.bulletins else BundleKind.EMPTY

    @property
    def sound(self) -> bool:
        """Whether nothing in it contradicts its metadata, as far as it was checked."""
        return not self.problems and not any(vib.payload.is_fault for vib in self.vibs)
