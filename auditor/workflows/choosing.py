"""The hosts a command is about, from what was typed. Nothing is contacted, so it works while vCenter is down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auditor.domain.hostnames import meant, near
from auditor.domain.observation import host_key
from auditor.domain.past import Past
from auditor.domain.rollback.report import ChosenHost
from auditor.errors import InputError

NEXT = "auditor hosts list shows the known ones; a new one is recorded by auditor snapshot, or named in [[host]]"


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Every host known here, from history and the configuration; one of two vCenters is there twice. ``reached`` has the
    addresses of hosts by name; a name that is only there is known too, but not meant by "all". ``vcenters`` are the
    configured ones. ``complete`` is False when history could not be read: then a name that is missing may be right."""

    hosts: tuple[ChosenHost, ...]
    reached: Mapping[str, Collection[str]] = field(default_factory=dict)
    vcenters: frozenset[str] = frozenset()
    complete: bool = True

    def names(self) -> frozenset[str]:
        """Each name once."""
        return frozenset({host.name for host in self.hosts} | set(self.reached))

    def name(self, asked: str) -> str:
        """The one known name that was meant. Raises ``InputError``."""
        if not self.complete and not meant(asked, self.names(), self.reached):
            return host_key(asked)
        return one_name(asked, self.names(), self.reached, self._places())

    def host(self, asked: str, vcenter: str = "") -> ChosenHost:
        """The one host that was meant, in ``vcenter`` if one is given. Raises ``InputError``."""
        if not vcenter:
            return self._one(self.name(asked))
        inside = KnownHosts(tuple(host for host in self.hosts if host.vcenter == vcenter), vcenters=self.vcenters)
        reached = {name: self.reached[name] for name in inside.names() & set(self.reached)}
        if not meant(asked, inside.names(), reached):
            hint = f"known there: {', '.join(sorted(inside.names())[:20])}" if inside.hosts else NEXT
            raise InputError(f"no host {asked!r} of vCenter {vcenter} is known here", hint=hint)
        name = one_name(asked, inside.names(), reached)
        return next(host for host in inside.hosts if host.name == name)

    def all(self) -> tuple[ChosenHost, ...]:
        """Every host once, by name; of two vCenters' the one listed last."""
        return tuple(self._newest(name) for name in sorted({host.name for host in self.hosts}))

    def _places(self) -> dict[str, tuple[str, ...]]:
        found = defaultdict(list)
        for host in self.hosts:
            if host.vcenter:
                found[host.name].append(host.vcenter)
        return {name: tuple(sorted(set(places))) for name, places in found.items()}

    def _own(self, name: str) -> list[ChosenHost]:
        """The hosts of a name; one under a vCenter that is not configured any more only where there is no other."""
        found = [host for host in self.hosts if host.name == name]
        return [host for host in found if not host.vcenter or host.vcenter in self.vcenters] or found

    def _newest(self, name: str) -> ChosenHost:
        return max(self._own(name), key=_age)

    def _one(self, name: str) -> ChosenHost:
        own = self._own(name)
        if not own:
            return ChosenHost(name, "", "", None)
        newest: dict[str, datetime] = {}
        for host in self.hosts:
            if (at := _listed(host)) is not None:
                newest[host.vcenter] = max(at, newest.get(host.vcenter, at))
        # In the newest inventory of more than one vCenter: two hosts of one name, and nothing tells which one is meant.
        now = sorted({host.vcenter for host in own if (at := _listed(host)) is not None and at == newest[host.vcenter]})
        if len(now) > 1:
            raise InputError(f"{name} is listed by {len(now)} vCenters: {', '.join(now)}", hint="say which: --vcenter NAME")
        return max(own, key=_age)


def known_hosts(
    past: Past,
    configured: Iterable[tuple[str, str]],
    reached: Mapping[str, Collection[str]],
    vcenters: Iterable[str],
    *,
    complete: bool = True,
) -> KnownHosts:
    """Bring together history and the configuration, which gives names with cluster labels, addresses, and vCenters."""
    recorded = [ChosenHost(host_key(host.name), host.vcenter, host.cluster_name, host) for host in past.hosts]
    alone = {host.name for host in recorded if not host.vcenter}
    labels = {host_key(name): label for name, label in configured}
    hosts = [
        ChosenHost(host.name, "", labels[host.name], host.known) if not host.vcenter and host.name in labels else host
        for host in recorded
    ]
    hosts += [ChosenHost(name, "", label, None) for name, label in labels.items() if name not in alone]
    return KnownHosts(tuple(hosts), dict(reached), frozenset(vcenters), complete)


def choose(known: KnownHosts, names: Sequence[str], cluster: str = "", vcenter: str = "") -> tuple[ChosenHost, ...]:
    """The hosts meant by ``names`` or ``cluster``, all that are known when neither is given, each once.

    ``vcenter`` narrows them to one. Raises ``InputError`` for a name that fits no host or several, for a cluster without
    hosts or in several vCenters, or when no host is known.
    """
    if vcenter and vcenter not in known.vcenters:
        hint = f"configured: {', '.join(sorted(known.vcenters)) or 'none'}"
        raise InputError(f"no vCenter is called {vcenter!r}", hint=hint)
    if names:
        return tuple({host.name: host for host in (known.host(name, vcenter) for name in names)}.values())
    every = known.all() if not vcenter else tuple(host for host in known.hosts if host.vcenter == vcenter)
    hosts = tuple(host for host in every if not cluster or _in(host, cluster))
    places = sorted({host.vcenter for host in hosts if host.vcenter})
    if cluster and len(places) > 1:
        raise InputError(f"{len(places)} vCenters have a cluster {cluster!r}: {', '.join(places)}", hint="add --vcenter NAME")
    if not hosts:
        clusters = sorted({host.cluster for host in every if host.cluster})
        what = f"no host of a cluster {cluster!r} is known" if cluster else "no host is known"
        hint = f"known clusters: {', '.join(clusters)}" if clusters else "record the hosts: auditor snapshot"
        raise InputError(what, hint=hint)
    return tuple(sorted(hosts, key=lambda host: host.name))


def one_name(
    asked: str,
    names: Collection[str],
    reached: Mapping[str, Collection[str]] | None = None,
    places: Mapping[str, Sequence[str]] | None = None,
    hint: str = NEXT,
) -> str:
    """The one of ``names`` that was meant. ``places`` are the vCenters of each, for the message. Raises ``InputError`` with
    the candidates, or with names that look like it."""
    found = meant(asked, names, reached or {})
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{name} ({' and '.join(at)})" if (at := (places or {}).get(name)) else name for name in found)
        raise InputError(f"{asked!r} may be any of {len(found)} hosts: {shown}", hint="give the whole name")
    like = near(asked, names)
    raise InputError(f"no host {asked!r} is known here", hint=f"did you mean {' or '.join(like)}? {hint}" if like else hint)


def _listed(host: ChosenHost) -> datetime | None:
    return host.known.last_listed if host.known is not None else None


def _age(host: ChosenHost) -> tuple[bool, bool, datetime | None]:
    """A listing counts more than an answer, an answer more than the configuration; the newer one more."""
    at = _listed(host)
    return at is not None, host.known is not None, at or (host.known.first_seen if host.known is not None else None)


def _in(host: ChosenHost, cluster: str) -> bool:
    """By name or managed object id."""
    own = host.known.cluster if host.known is not None else ""
    return cluster.casefold() in {host.cluster.casefold(), own.casefold()} - {""}


__all__ = ["KnownHosts", "choose", "known_hosts", "one_name"]
