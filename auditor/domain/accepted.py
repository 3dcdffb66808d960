"""Differences somebody answers for, until a day: they are no finding before it, and one again from it on.

An entry matches exactly one element: vCenter, cluster (name or managed object id), layer, name and the version the host has,
on one host or on all of the cluster. Nothing is accepted by pattern, so a new difference is never covered by an old entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auditor.domain.assessment import Accepted, AcceptedState, Layer, LayerDrift, LayerState
from auditor.domain.observation import host_key


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry. ``name`` is empty for a base image; ``version`` is what the host has, empty for what it lacks; ``host``
    empty: every host of the cluster. It holds until ``expires``."""

    vcenter: str
    cluster: str
    layer: Layer
    name: str
    version: str
    owner: str
    ticket: str
    expires: datetime
    host: str = ""

    def covers(self, vcenter: str, cluster: tuple[str, str], host: str, layer: LayerDrift) -> bool:
        """Whether it speaks of this element; ``cluster`` is its id and its name."""
        return (
            self.vcenter == vcenter
            and self.cluster in cluster
            and (not self.host or host_key(self.host) == host_key(host))
            and (self.layer, self.name, self.version) == (layer.layer, _name(layer), _version(layer))
        )

    def __str__(self) -> str:
        return f"accepted by {self.owner} ({self.ticket}) until {self.expires:%Y-%m-%d}"


def _name(layer: LayerDrift) -> str:
    return "" if layer.layer is Layer.BASE_IMAGE else layer.name


def _version(layer: LayerDrift) -> str:
    """What the host has. An add-on's text begins with its name, which the entry gives apart."""
    return layer.installed.removeprefix(f"{layer.name} ") if layer.layer is Layer.ADD_ON else layer.installed


class Register:
    """The entries of one run, and what became of each."""

    def __init__(self, entries: Sequence[Acceptance], at: datetime) -> None:
        self._entries, self._at = tuple(entries), at
        self._hosts: dict[int, list[str]] = {}

    def mark(self, vcenter: str, cluster: tuple[str, str], host: str, layers: Iterable[LayerDrift]) -> tuple[LayerDrift, ...]:
        """The layers, those that are accepted marked so, those whose acceptance ended saying it."""
        return tuple(self._marked(vcenter, cluster, host, layer) for layer in layers)

    def _marked(self, vcenter: str, cluster: tuple[str, str], host: str, layer: LayerDrift) -> LayerDrift:
        if layer.state in {LayerState.IN_SYNC, LayerState.UNKNOWN}:
            return layer  # what is not known cannot be accepted
        found = [n for n, entry in enumerate(self._entries) if entry.covers(vcenter, cluster, host, layer)]
        for number in found:
            self._hosts.setdefault(number, []).append(host)
        if not found:
            return layer
        entry = max((self._entries[n] for n in found), key=lambda e: e.expires)
        if entry.expires > self._at:
            return replace(layer, accepted=str(entry))
        ended = f"acceptance by {entry.owner} ({entry.ticket}) ended {entry.expires:%Y-%m-%d}"
        return replace(layer, basis=f"{layer.basis}; {ended}" if layer.basis else ended)

    def rows(self) -> tuple[Accepted, ...]:
        """Every entry with its state and the hosts it matched, in the order given."""
        return tuple(self._row(number, entry) for number, entry in enumerate(self._entries))

    def _row(self, number: int, entry: Acceptance) -> Accepted:
        hosts = tuple(sorted(set(self._hosts.get(number, ()))))
        state = AcceptedState.EXPIRED if entry.expires <= self._at else AcceptedState.IN_FORCE
        if not hosts and state is AcceptedState.IN_FORCE:
            state = AcceptedState.UNUSED
        return Accepted(
            entry.vcenter, entry.cluster, entry.host, entry.layer, entry.name, entry.version, entry.owner, entry.ticket,
            entry.expires, state, hosts,
        )  # fmt: skip


__all__ = ["Acceptance", "Register"]
