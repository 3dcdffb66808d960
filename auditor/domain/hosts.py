"""One host's observations of one run brought together: what the host itself says, by the best route for each reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from auditor.domain.image import AddOn, BaseImage, Component, Product, Vib
from auditor.domain.observation import (
    NOT_ATTEMPTED,
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

T = TypeVar("T")

# The nearer to the host, the better the witness: SSH and the host's own API ask the host, vCenter may answer from a cache.
PREFERENCE = (Route.SSH, Route.HOST_API, Route.VCENTER)

Resolver = Callable[[Product], BaseImageVersion | None]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What one host says about itself. ``resolved`` is True when the base image was not read but looked up in the release
    table by product version and build."""

    name: str
    observations: tuple[HostObservation, ...]
    product: Reading[Product]
    base_image: Reading[BaseImage]
    add_on: Reading[AddOn | None]
    components: Reading[tuple[Component, ...]]
    vibs: Reading[tuple[Vib, ...]]
    staged: Reading[StagedImage | None]
    maintenance_mode: Reading[bool]
    banks: tuple[BankReading, ...]
    resolved: bool = False

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
    product = _best(ordered, [o.product for o in ordered])
    base_image = _best(ordered, [o.base_image for o in ordered])
    resolved = False
    if isinstance(base_image, Unread) and isinstance(product, Read):
        version = resolve(product.value)
        if version is not None:
            base_image, resolved = Read(BaseImage(version)), True
    return HostFacts(
        name=name,
        observations=ordered,
        product=product,
        base_image=base_image,
        add_on=_add_on(ordered),
        components=_best(ordered, [o.components for o in ordered]),
        vibs=_best(ordered, [o.vibs for o in ordered]),
        staged=_best(ordered, [o.staged for o in ordered]),
        maintenance_mode=_best(ordered, [o.maintenance_mode for o in ordered]),
        banks=next((o.banks for o in ordered if o.banks), ()),
        resolved=resolved,
    )


def _add_on(ordered: tuple[HostObservation, ...]) -> Reading[AddOn | None]:
    """As the other readings, but an add-on that one route names stands against another's "none": what esxcli prints on a host
    without add-on is known from few samples, so its silence is the weaker witness."""
    named = next((o.add_on for o in ordered if isinstance(o.add_on, Read) and o.add_on.value is not None), None)
    return named or _best(ordered, [o.add_on for o in ordered])


def _best(ordered: tuple[HostObservation, ...], readings: list[Reading[T]]) -> Reading[T]:
    """The first value by preference; without one, the first reason that says more than "not attempted"."""
    for reading in readings:
        if isinstance(reading, Read):
            return reading
    reasons = [r for r in readings if isinstance(r, Unread)] + [o.trouble for o in ordered if o.trouble is not None]
    return next((r for r in reasons if r.reason is not Reason.NOT_ATTEMPTED), NOT_ATTEMPTED)
