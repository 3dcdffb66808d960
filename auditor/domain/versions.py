"""Versions of ESXi base images and of host products, and the order that is known between them.

Two grammars are in use (KB 395110): ``Major.Minor.Update-Quarter.Patch.Build`` up to 8.x and
``Major.Minor.Maintenance.Express.Build`` from 9.0. One depot holds both, and VIBs of 9.x still use a hyphen. Both
read the same way: the last number is the build, the first three are the release, what lies between is the ordinal.

Build numbers are not ordered between release lines (7.0.3 has builds newer than 8.0 GA), so nothing here ever
compares builds across release triples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import total_ordering

MAX_VERSION_LENGTH = 64
"""Longest version text accepted, in characters; the longest real one has 24."""

Release = tuple[int, int, int]

_BASE_IMAGE = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)((?:[.-][0-9]+){1,5})")
_PRODUCT = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:\.[0-9]+){0,2}")
_BUILD = re.compile(r"[0-9]{1,18}")


class VersionError(ValueError):
    """A text is not a version in any grammar known here."""


class Order(StrEnum):
    """How one version stands to another. ``unknown`` is for what cannot be compared, never for a tie."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    UNKNOWN = "unknown"


class ReleaseKind(StrEnum):
    """What going from one base image version to another is called (KB 395110, names used up to 8.x)."""

    SAME = "same"
    PATCH = "patch"
    UPDATE = "update"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


def _checked(text: str, what: str) -> str:
    """Return ``text`` without surrounding whitespace; raise `VersionError` if it is no text or too long."""
    if not isinstance(text, str):
        raise VersionError(f"{what} is not a text: {type(text).__name__}")
    stripped = text.strip()
    if len(stripped) > MAX_VERSION_LENGTH:
        raise VersionError(f"{what} is too long: {len(stripped)} characters, at most {MAX_VERSION_LENGTH} are read")
    return stripped


@total_ordering
@dataclass(frozen=True, eq=False)
class BaseImageVersion:
    """The version of an ESXi base image.

    Ordered and equal by release, then ordinal, then build: an ordinal is not unique (8.0.3-0.70 exists as 24674464
    and as 24677879), and a security-only sibling has the lower ordinal. ``9.1.0.0.25370933``, ``9.1.0-0.25370933``
    and ``9.1.0-25370933`` are one version: trailing zeros of the ordinal say nothing.

    The order is that of the image as published; it is only a claim about the base image, not about add-ons or VIBs.
    """

    raw: str = field(compare=False)
    """The text as read, without surrounding whitespace. It is the key vLCM knows the image by: send it unchanged."""
    release: Release
    ordinal: tuple[int, ...]
    """Quarter and patch up to 8.x, express from 9.0; as read, so ``0200`` is 200 and may be empty in 9.x."""
    build: int

    @classmethod
    def parse(cls, text: str) -> BaseImageVersion:
        """Read a base image version in either grammar; raise `VersionError` for anything else.

        A text that was cut off must not read as another version. Up to 8.x quarter and patch always exist (KB 395110),
        so a text without them is refused. From 9.0 the express number is left out in some texts where it is 0; then the
        last number is taken for the build only when it has more digits than an express number.
        """
        raw = _checked(text, "base image version")
        match = _BASE_IMAGE.fullmatch(raw)
        if match is None:
            raise VersionError(f"not a base image version: {raw!r} (expected like 8.0.3-0.70.24674464)")
        major, minor, third, rest = match.groups()
        *ordinal, build = (int(number) for number in re.split("[.-]", rest[1:]))
        release = (int(major), int(minor), int(third))
        if release[0] < 9 and len(ordinal) < 2:
            raise VersionError(f"base image version without quarter, patch or build: {raw!r}")
        if not ordinal and build < 10_000:
            raise VersionError(f"base image version without build: {raw!r}")
        return cls(raw, release, tuple(ordinal), build)

    @property
    def product(self) -> ProductVersion:
        """The product version a host booted from this base image reports."""
        return ProductVersion(self.release, self.build)

    def order_to(self, other: BaseImageVersion) -> Order:
        """Say whether this version is older than, the same as or newer than ``other``."""
        return _order(self._key, other._key)

    @property
    def _key(self) -> tuple[Release, tuple[int, ...], int]:
        ordinal = self.ordinal
        while ordinal and ordinal[-1] == 0:
            ordinal = ordinal[:-1]
        return self.release, ordinal, self.build

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseImageVersion):
            return NotImplemented
        return self._key == other._key

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, BaseImageVersion):
            return NotImplemented
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.raw


@dataclass(frozen=True)
class ProductVersion:
    """What a host or a vCenter says it is: ``vmware -v``, ``esxcli system version get`` or vSphere's ``AboutInfo``.

    There is no ``<`` on purpose: use `order_to`, which compares builds only inside one release triple.
    """

    release: Release
    build: int

    @classmethod
    def parse(cls, version: str, build: str) -> ProductVersion:
        """Read AboutInfo's pair such as ``("8.0.3", "24674464")``; raise `VersionError` for anything else.

        A fourth and fifth number in ``version`` (9.x release names have them) is accepted; the build says the same.
        """
        text = _checked(version, "product version")
        match = _PRODUCT.fullmatch(text)
        if match is None:
            raise VersionError(f"not a product version: {text!r} (expected like 8.0.3)")
        number = _checked(build, "build number")
        if _BUILD.fullmatch(number) is None:
            raise VersionError(f"not a build number: {number!r} (expected like 24674464)")
        major, minor, third = match.groups()
        return cls((int(major), int(minor), int(third)), int(number))

    def order_to(self, other: ProductVersion) -> Order:
        """Say whether this product is older than, the same as or newer than ``other``.

        Across release triples the triple decides; the build decides only within one triple.
        """
        if self.release != other.release:
            return _order(self.release, other.release)
        return _order((self.build,), (other.build,))

    @property
    def version(self) -> str:
        """The release triple as text, such as ``8.0.3``."""
        return ".".join(map(str, self.release))

    def __str__(self) -> str:
        return f"{self.version} build-{self.build}"


def _order(left: tuple[object, ...], right: tuple[object, ...]) -> Order:
    if left == right:
        return Order.SAME
    return Order.OLDER if left < right else Order.NEWER


def release_kind(old: BaseImageVersion, new: BaseImageVersion) -> ReleaseKind:
    """Name the step from ``old`` to ``new``.

    Up to 8.x the same x.y.z is a patch and the same x.y an update. From 9.0 the third number counts maintenance
    releases (KB 395110), so the same x.y is a patch and the same x an update. Everything else upwards is an upgrade.
    """
    if new == old:
        return ReleaseKind.SAME
    if new < old:
        return ReleaseKind.DOWNGRADE
    if boundary_key(old) == boundary_key(new):
        return ReleaseKind.PATCH
    # One number fewer than the boundary: x.y up to 8.x, x from 9.0. Keys of 8.x and 9.x differ in the major already.
    if boundary_key(old)[:-1] == boundary_key(new)[:-1]:
        return ReleaseKind.UPDATE
    return ReleaseKind.UPGRADE


def boundary_key(version: BaseImageVersion | ProductVersion) -> tuple[int, ...]:
    """Return the release within which a vendor add-on is meant to stay usable: x.y.z up to 8.x, x.y from 9.0."""
    return version.release if version.release[0] < 9 else version.release[:2]
