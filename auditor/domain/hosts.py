"""One host's observations of one run brought together: what the host itself says, by the best route for each reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from auditor.domain.image import AddOn, BaseImage, Component, Product, Vib
from auditor.domain.observation import (
    NOT_ATTEMPTED,
    READING_KEYS,
    BankReading,
    HostObservation,
    Read,
    Reading,
    Reason,
    Route,
    StagedImage,
    Unread,
)
from auditor.domain.versions import BaseImageVersion

# The nearer to the host, the better the witness: SSH and the host's own API ask the host, vCenter may answer from a cache.
PREFERENCE = (Route.SSH, Route.HOST_API, Route.VCENTER)

Resolver = Callable[[Product], BaseImageVersion | None]


@dataclass(frozen=True, slots=True)
class Fact:
    """One reading by the best route: its key, its value or why there is none, and by which route and when it was read (None
    where nothing was)."""

    key: str
    reading: Reading[Any]
    route: Route | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What one host says about itself, by the best route for each reading. ``said`` puts the readings together; its route and
    time are those of the preferred observation. ``resolved`` is True when the base image was not read but looked up in the
    release table by product version and build."""

    name: str
    observations: tuple[HostObservation, ...]
    said: HostObservation
    facts: tuple[Fact, ...]
    resolved: bool = False

    @property
    def product(self) -> Reading[Product]:
        return self.said.product

    @property
    def base_image(self) -> Reading[BaseImage]:
        return self.said.base_image

    @property
    def add_on(self) -> Reading[AddOn | None]:
        return self.said.add_on

    @property
    def components(self) -> Reading[tuple[Component, ...]]:
        return self.said.components

    @property
    def vibs(self) -> Reading[tuple[Vib, ...]]:
        return self.said.vibs

    @property
    def staged(self) -> Reading[StagedImage | None]:
        return self.said.staged

    @property
    def maintenance_mode(self) -> Reading[bool]:
        return self.said.maintenance_mode

    @property
    def banks(self) -> tuple[BankReading, ...]:
        return self.said.banks

    @property
    def seen(self) -> bool:
        """Whether the host itself said what it runs."""
        return isinstance(self.product, Read) or isinstance(self.base_image, Read)

    @property
    def seen_at(self) -> datetime | None:
        """When it said so, by the preferred route."""
        return next((o.at for o in self.observations if answered(o)), None)


def answered(observation: HostObservation) -> bool:
    """Whether the host itself said what it runs in this observation."""
    return isinstance(observation.product, Read) or isinstance(observation.base_image, Read)


def trouble_of(observation: HostObservation) -> Unread | None:
    """Why a route could not tell what the host runs; None when it could. A connection that broke half-way has no trouble of
    its own: then it is the reason of the reading that matters most."""
    if answered(observation):
        return None
    if observation.trouble is not None:
        return observation.trouble
    return observation.product if isinstance(observation.product, Unread) else None


def facts_of(name: str, observations: Iterable[HostObservation], resolve: Resolver) -> HostFacts:
    """Bring together the observations of one host from one run. ``resolve`` maps a product to its base image version,
    where the release table knows it; that is used only when no route read the base image itself."""
    ordered = tuple(sorted(observations, key=lambda o: PREFERENCE.index(o.route)))
    facts = tuple(_fact(key, ordered) for key in READING_KEYS)
    product, base_image = (next(fact for fact in facts if fact.key == key) for key in ("product", "base_image"))
    resolved = False
    if isinstance(base_image.reading, Unread) and isinstance(product.reading, Read):
        version = resolve(product.reading.value)
        if version is not None:
            found, resolved = replace(base_image, reading=Read(BaseImage(version)), route=product.route, at=product.at), True
            facts = tuple(found if fact is base_image else fact for fact in facts)
    first = ordered[0] if ordered else _NOBODY
    readings: dict[str, Any] = {fact.key: fact.reading for fact in facts} | {"banks": _banks(ordered)}
    said = replace(first, host=name, trouble=None, **readings)
    return HostFacts(name, ordered, said, facts, resolved)


_NOBODY = HostObservation("", PREFERENCE[0], datetime.max.replace(tzinfo=UTC))


def _banks(ordered: tuple[HostObservation, ...]) -> tuple[BankReading, ...]:
    return next((o.banks for o in ordered if o.banks), ())


def _fact(key: str, ordered: tuple[HostObservation, ...]) -> Fact:
    """The first value by preference; without one, the first reason that says more than "not attempted"."""
    if key == "banks":
        source = next((o for o in ordered if o.banks), None)
        if source is not None:
            return Fact(key, Read(source.banks), source.route, source.at)
        return Fact(key, next((o.trouble for o in ordered if o.trouble is not None), NOT_ATTEMPTED))
    readings: list[tuple[Reading[Any], HostObservation]] = [(getattr(o, key), o) for o in ordered]
    values = [(reading, o) for reading, o in readings if isinstance(reading, Read)]
    if key == "add_on":
        # An add-on that one route names stands against another's "none": what esxcli prints on a host without add-on is
        # known from few samples, so its silence is the weaker witness.
        values.sort(key=lambda pair: pair[0].value is None)
    if values:
        reading, o = values[0]
        return Fact(key, reading, o.route, o.at)
    reasons = [r for r, _ in readings if isinstance(r, Unread)] + [o.trouble for o in ordered if o.trouble is not None]
    return Fact(key, next((r for r in reasons if r.reason is not Reason.NOT_ATTEMPTED), NOT_ATTEMPTED))
