"""Differences and gaps somebody answers for, until a day: they count for nothing before it, and again from it on.

An entry for a difference matches exactly one element: vCenter, cluster (name or managed object id), layer, name and the
version the host has, on one host or on all of the cluster. One for a gap matches one route and one reason, and either the
route as a whole or one reading, on one host, a cluster or a vCenter. Nothing is accepted by pattern, so a new difference is
never covered by an old entry: that SSH is off somewhere does not excuse a changed host key.
"""

from __future__ import annotations

from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """One entry for what is not read. ``route`` and ``reason`` as reports name them; ``reading`` empty: the route as a whole;
    ``cluster`` and ``host`` empty: all of the vCenter."""

    vcenter: str
    route: str
    reason: str
    owner: str
    ticket: str
    expires: datetime
    reading: str = ""
    cluster: str = ""
    host: str = ""

    def covers(self, vcenter: str, cluster: tuple[str, str], host: str, failed: tuple[str, str, str]) -> bool:
        """Whether it speaks of this failure: route, reason, and the reading (empty: the route gave nothing at all)."""
        return (
            self.vcenter == vcenter
            and (not self.cluster or self.cluster in cluster)
            and (not self.host or host_key(self.host) == host_key(host))
            and (self.route, self.reason, self.reading) == failed
        )

    def __str__(self) -> str:
        return f"accepted by {self.owner} ({self.ticket}) until {self.expires:%Y-%m-%d}"


Entry = Acceptance | AcceptedGap


def _name(layer: LayerDrift) -> str:
    return "" if layer.layer is Layer.BASE_IMAGE else layer.name


def _version(layer: LayerDrift) -> str:
    """What the host has. An add-on's text begins with its name, which the entry gives apart."""
    return layer.installed.removeprefix(f"{layer.name} ") if layer.layer is Layer.ADD_ON else layer.installed


class Register:
    """The entries of one run, and what became of each."""

    def __init__(self, entries: Sequence[Entry], at: datetime) -> None:
        self._entries, self._at = tuple(entries), at
        self._hosts: dict[int, list[str]] = {}
        # An estate asks for each reading of each host, against as many entries as it has hosts without SSH.
        self._gaps: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, entry in enumerate(self._entries):
            if isinstance(entry, AcceptedGap):
                self._gaps[entry.vcenter, host_key(entry.host)].append(number)

    def mark(self, vcenter: str, cluster: tuple[str, str], host: str, layers: Iterable[LayerDrift]) -> tuple[LayerDrift, ...]:
        """The layers, those that are accepted marked so, those whose acceptance ended saying it."""
        return tuple(self._marked(vcenter, cluster, host, layer) for layer in layers)

    def _marked(self, vcenter: str, cluster: tuple[str, str], host: str, layer: LayerDrift) -> LayerDrift:
        if layer.state in {LayerState.IN_SYNC, LayerState.UNKNOWN}:
            return layer  # what is not known cannot be accepted
        found = [
            number
            for number, entry in enumerate(self._entries)
            if isinstance(entry, Acceptance) and entry.covers(vcenter, cluster, host, layer)
        ]
        entry = self._used(found, host)
        if entry is None:
            return layer
        if entry.expires > self._at:
            return replace(layer, accepted=str(entry))
        ended = f"acceptance by {entry.owner} ({entry.ticket}) ended {entry.expires:%Y-%m-%d}"
        return replace(layer, basis=f"{layer.basis}; {ended}" if layer.basis else ended)

    def failure(self, vcenter: str, cluster: tuple[str, str], host: str, route: str, reason: str, reading: str) -> str:
        """By whom and until when a failure of a route is accepted; empty: by nobody, or not any more."""
        numbers = [number for name in ("", host_key(host)) for number in self._gaps.get((vcenter, name), ())]
        found = [number for number in numbers if self._covers(number, vcenter, cluster, host, (route, reason, reading))]
        entry = self._used(found, host)
        return str(entry) if entry is not None and entry.expires > self._at else ""

    def _covers(self, number: int, vcenter: str, cluster: tuple[str, str], host: str, failed: tuple[str, str, str]) -> bool:
        entry = self._entries[number]
        return isinstance(entry, AcceptedGap) and entry.covers(vcenter, cluster, host, failed)

    def _used(self, numbers: Sequence[int], host: str) -> Entry | None:
        """The entry that holds longest, all of them noted as used on the host."""
        for number in numbers:
            self._hosts.setdefault(number, []).append(host)
        return max((self._entries[number] for number in numbers), key=lambda entry: entry.expires, default=None)

    def rows(self) -> tuple[Accepted, ...]:
        """Every entry with its state and the hosts it matched, in the order given."""
        return tuple(self._row(number, entry) for number, entry in enumerate(self._entries))

    def _row(self, number: int, entry: Entry) -> Accepted:
        hosts = tuple(sorted(set(self._hosts.get(number, ()))))
        state = AcceptedState.EXPIRED if entry.expires <= self._at else AcceptedState.IN_FORCE
        if not hosts and state is AcceptedState.IN_FORCE:
            state = AcceptedState.UNUSED
        if isinstance(entry, AcceptedGap):
            return Accepted(
                entry.vcenter, entry.cluster, entry.host, None, entry.reading, "", entry.owner, entry.ticket, entry.expires,
                state, hosts, entry.route, entry.reason,
            )  # fmt: skip
        return Accepted(
            entry.vcenter, entry.cluster, entry.host, entry.layer, entry.name, entry.version, entry.owner, entry.ticket,
            entry.expires, state, hosts,
        )  # fmt: skip


__all__ = ["Acceptance", "AcceptedGap", "Entry", "Register"]
