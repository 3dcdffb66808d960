"""Drivers and VIBs: what hosts have that a target would take from them, and what no image accounts for.

New add-ons do drop drivers, and hosts have lost their boot disks over it (field note, vlcm d), so every proposal lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.domain.composite import parts
from auditor.domain.diagnosis.scene import HostScene
from auditor.domain.image import DesiredImage
from auditor.domain.observation import Read, Unread, value_of
from auditor.domain.proposal.candidates import Find, same_add_on
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.running import solution_components
from auditor.domain.proposal.values import ImageWarning, WarningCode
from auditor.domain.specification import SpecificationError
from auditor.domain.wording import count, few

_DROPS = ("field note: an HPE add-on without lpfc cost hosts their SAN boot", "KB 440252")


def content_warnings(case: Case, found: Find) -> Iterable[ImageWarning]:
    """Dropped components and VIBs, extra VIBs, orphans, and what could not be looked into."""
    for hosts, image in _by_part(case, found.target):
        own = replace(case, cluster=replace(case.cluster, hosts=hosts))
        yield from _components(own, replace(found, target=image))
        yield from _vibs(own, image)
    yield from _orphans(case)


def _by_part(case: Case, target: DesiredImage) -> Iterable[tuple[tuple[HostScene, ...], DesiredImage]]:
    """The hosts of each part of a composite image with that part, else all with the image. Hosts whose part is not known are
    left out: nothing can be said of what they would lose."""
    if not target.alternatives:
        yield case.cluster.hosts, target
        return
    try:
        found = parts(target)
    except SpecificationError:
        return
    for id_, image in found.items():
        hosts = tuple(host for host in case.cluster.hosts if case.cluster.part_of(host) == id_)
        if hosts:
            yield hosts, image


def _components(case: Case, found: Find) -> Iterable[ImageWarning]:
    brought = case.contents.effective(found.target)
    if isinstance(brought, Unread):
        text = f"what the target brings could not be looked up ({brought}): drivers it drops are not listed by component"
        yield ImageWarning(WarningCode.CONTENTS_UNKNOWN, text)
        if found.guessed:
            text = "components that hosts have beside base image and add-on could not be told apart: check the draft's scan"
            yield ImageWarning(WarningCode.CONTENTS_UNKNOWN, text)
        return
    solved = solution_components(case.old)
    dropped: dict[str, list[str]] = {}
    for host in case.cluster.hosts:
        for part in value_of(host.facts.components) or ():
            if part.name not in brought.value and part.name not in solved:
                dropped.setdefault(f"{part.name} {part.version}", []).append(host.name)
    if dropped:
        hosts = sorted({name for names in dropped.values() for name in names})
        text = f"{count(len(dropped), 'component')} of {count(len(hosts), 'host')} would go: {few(sorted(dropped), 12)}"
        yield ImageWarning(WarningCode.DROPPED, text, _DROPS, tuple(hosts))


def _vibs(case: Case, target: DesiredImage) -> Iterable[ImageWarning]:
    """VIBs by comparison among the hosts: the ones that run the target already show what it brings."""
    there = [h for h in case.cluster.hosts if _runs(h, target) and isinstance(h.facts.vibs, Read)]
    if not there:
        return
    has = {h.name: {vib.name for vib in value_of(h.facts.vibs) or ()} for h in there}
    all_of, common = set().union(*has.values()), set.intersection(*has.values())
    gone: dict[str, list[str]] = {}
    for host in case.cluster.hosts:
        if host.name not in has:
            for vib in value_of(host.facts.vibs) or ():
                if vib.name not in all_of:
                    gone.setdefault(vib.name, []).append(host.name)
    if gone:
        hosts = sorted({name for names in gone.values() for name in names})
        text = f"VIBs that hosts on the target do not have: {few(sorted(gone), 12)}; on {few(hosts)}"
        yield ImageWarning(WarningCode.DROPPED, text, _DROPS, tuple(hosts))
    extra = {name: sorted(vibs - common) for name, vibs in sorted(has.items()) if vibs - common}
    if extra:
        text = "; ".join(f"{name}: {few(vibs, 8)}" for name, vibs in list(extra.items())[:5])
        more = f"; and {len(extra) - 5} more hosts" if len(extra) > 5 else ""
        text = f"VIBs that only some hosts of one image have: {text}{more}"
        yield ImageWarning(WarningCode.EXTRA_VIBS, text, ("comparison among the hosts",), tuple(extra))


def _runs(host: HostScene, target: DesiredImage) -> bool:
    base, add_on = value_of(host.facts.base_image), host.facts.add_on
    return (
        base is not None
        and target.base_image is not None
        and base.version == target.base_image.version
        and isinstance(add_on, Read)
        and same_add_on(add_on.value, target.add_on)
    )


def _orphans(case: Case) -> Iterable[ImageWarning]:
    found = value_of(case.extras.orphans)
    if not found:
        return
    names = {h.listed.id: h.name for h in case.cluster.hosts}
    hosts = tuple(sorted({names.get(host, host) for _, ids in found for host in ids}))
    text = f"VIBs that belong to no component (as last extracted): {few([vib for vib, _ in found], 12)}"
    yield ImageWarning(WarningCode.ORPHANS, text, ("vmware-vcenter SDK: InstalledImageInfo.orphaned_vibs (8.0.3)",), hosts)


__all__ = ["content_warnings"]
