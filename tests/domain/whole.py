"""A steady estate in which every reading of every route was read, and ways to make one of them unread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.domain.image import Component, Vib
from auditor.domain.observation import BankReading, Estate, HostObservation, Read, Reason, Route, Unread, VCenterMarks
from auditor.domain.readings.registry import READINGS
from tests.domain.estates import NEW, UUID, ago, cluster, estate, listed, says
from tests.domain.rollback.samples import observation as good_banks

FAILED = Unread(Reason.FAILED, "the command ended with status 1")
NOT_ASKED = Unread(Reason.NOT_ATTEMPTED, "vCenter does not mark the host as needing a reboot")


def whole(name: str, route: Route) -> HostObservation:
    """Everything that a route can give, read, and nothing wrong."""
    seen = good_banks()
    more: dict[str, object] = {
        "vibs": Read((Vib("esx-base", NEW, "VMware"),)),
        "components": Read((Component("ESXi", NEW),)),
    }
    if route is Route.SSH:
        more |= {
            "banks": tuple(bank.recorded for bank in seen.banks),
            "boot_volumes": seen.volumes,
            "stateless": Read(False),
        }
    if route is Route.VCENTER:
        more["staged"] = NOT_ASKED
    return says(name, NEW, route=route, **more)


def steady(routes: Iterable[Route], marks: VCenterMarks | None = None) -> Estate:
    """Two hosts in sync, read whole by each of ``routes``."""
    hosts = tuple(whole(name, route) for name in ("north-01", "north-02") for route in routes)
    known = marks or VCenterMarks(UUID, "8.0.3", "24853646", Read(100), Read(ago(1)), Read(ago(0)))
    return estate((cluster(NEW),), (listed("north-01", NEW), listed("north-02", NEW)), hosts, vc_marks=known)


def without(view: Estate, key: str, part: str = "", why: Unread = FAILED) -> Estate:
    """The same with one reading of north-01 unread by every route that can give it; ``part`` one field of both banks."""
    routes = next(reading.routes for reading in READINGS if reading.key == key)

    def blind(o: HostObservation) -> HostObservation:
        if o.host != "north-01" or o.route not in routes or getattr(o, key) == NOT_ASKED:
            return o
        if key == "banks":
            banks: tuple[BankReading, ...] = tuple(replace(bank, **{part: why}) for bank in o.banks)
            return replace(o, banks=banks)
        return replace(o, **{key: why})

    return replace(view, hosts=tuple(blind(o) for o in view.hosts))
