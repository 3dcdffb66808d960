"""Which host of the record a listed host is. A host goes by its name; one that was renamed is followed to its new name.

Managed object id and hardware UUID together say that it is the same host: an id alone is used again after a restore, and some
vendors' machines share a UUID. Where one of the two was not read, nothing is followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.domain.observation import VCenterView, host_key, value_of
from auditor.domain.past import Past, PastHost


def follow_names(past: Past, views: Iterable[VCenterView]) -> Past:
    """``past`` with renamed hosts under the names that their vCenters list now, and without the boot banks of machines that
    were replaced by others under their names.

    A name that stood for another host before is left to that one: its host is gone, and that must not be hidden by a host that
    took over its name.
    """
    now: dict[tuple[str, str, str], str] = {}
    listed: dict[tuple[str, str], str] = {}
    for view in views:
        for host in value_of(view.hosts) or ():
            listed[view.name, host_key(host.name)] = host.uuid
            if host.id and host.uuid:
                now[view.name, host.id, host.uuid] = host.name
    taken = {(host.vcenter, host_key(host.name)) for host in past.hosts}

    def followed(host: PastHost) -> PastHost:
        machine = listed.get((host.vcenter, host_key(host.name)))
        if machine is not None:
            return replace(host, looks=()) if machine and host.uuid and machine != host.uuid else host
        name = now.get((host.vcenter, host.id, host.uuid))
        return host if name is None or (host.vcenter, host_key(name)) in taken else replace(host, name=name)

    return replace(past, hosts=tuple(followed(host) for host in past.hosts))


__all__ = ["follow_names"]
