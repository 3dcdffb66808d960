"""Helpers of the history's tests: record a view, and small observations by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from auditor.domain.image import AddOn, BaseImage, Commit, Component, DesiredImage, ManagementMode, Product, Vib
from auditor.domain.observation import (
    BankReading,
    ClusterVerdict,
    ClusterView,
    Depot,
    Estate,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Read,
    Reading,
    Reason,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
    host_key,
)
from auditor.domain.settings.values import HostSettings
from auditor.domain.versions import BaseImageVersion
from auditor.history.store import SqliteHistory

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"


def record(
    history: SqliteHistory,
    estate: Estate,
    kind: str = "snapshot",
    outcome: str = "complete",
    settings: Iterable[HostSettings] = (),
) -> int:
    """Record a whole view as one finished run."""
    run = history.begin(kind, estate.at)
    for view in estate.vcenters:
        history.record_vcenter(run, view)
    for observation in estate.hosts:
        history.record_host(run, observation)
    history.record_settings(run, settings)
    history.finish(run, estate.at, outcome)
    return run


def in_order(estate: Estate) -> Estate:
    """The same view in the order in which the history gives it back."""
    return Estate(
        estate.at,
        tuple(sorted(estate.vcenters, key=lambda view: view.name)),
        tuple(sorted(estate.hosts, key=lambda host: (host.vcenter, host_key(host.host), host.route))),
    )


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as conn:
        return int(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def base(text: str) -> BaseImage:
    return BaseImage(BaseImageVersion.parse(text))


def host(
    name: str, at: datetime, version: str = OLD, route: Route = Route.SSH, date: str = "2026-01-02", **more: object
) -> HostObservation:
    """A host that answers everything."""
    parsed = BaseImageVersion.parse(version)
    vibs = tuple(Vib(f"vib-{n}", version, "VMware", "VMwareCertified", date) for n in range(20))
    values: dict[str, object] = {
        "product": Read(Product("8.0.3", str(parsed.build))),
        "base_image": Read(BaseImage(parsed)),
        "add_on": Read(AddOn("HPE-addon", "803.0.0.11")),
        "components": Read(tuple(Component(f"component-{n}", version) for n in range(10))),
        "vibs": Read(vibs),
        "staged": Read(None),
        "maintenance_mode": Read(False),
        "banks": (BankReading("/bootbank", Read("/vmfs/volumes/a"), Read(b"updated=1\n")),),
    }
    return HostObservation(name, route, at, vcenter="vc", **{**values, **more})  # type: ignore[arg-type]


def silent(name: str, at: datetime, reason: Reason = Reason.UNREACHABLE, route: Route = Route.SSH) -> HostObservation:
    return HostObservation(name, route, at, vcenter="vc", trouble=Unread(reason, "nothing answered"))


def cluster(
    version: str = OLD, commit: Commit | None = None, moid: str = "domain-c1", scan: datetime | None = None, **more: Reading
) -> ClusterView:
    values: dict[str, object] = {
        "mode": Read(ManagementMode.IMAGE),
        "image": Read(DesiredImage(base(version), AddOn("HPE-addon", "803.0.0.11"), spec='{"base_image": {}}')),
        "commit": Read(commit or Commit("5", "admin", None, "first")),
        "compliance": Read(ClusterVerdict("COMPLIANT", scan, "5", hosts=(HostVerdict("host-1", "COMPLIANT"),))),
    }
    return ClusterView(moid, f"name of {moid}", **{**values, **more})  # type: ignore[arg-type]


def vcenter(
    at: datetime,
    event: int = 100,
    hosts: tuple[str, ...] = ("esx01", "esx02"),
    clusters: tuple[ClusterView, ...] | None = None,
    **more: object,
) -> VCenterView:
    listed = tuple(InventoryHost(f"host-{n}", name, "domain-c1") for n, name in enumerate(hosts))
    values: dict[str, object] = {
        "marks": Read(VCenterMarks("uuid-1", "8.0.3", "24022515", Read(event), Read(at), Read(at))),
        "clusters": Read((cluster(),) if clusters is None else clusters),
        "hosts": Read(listed),
        "depot": Read(Depot((OLD,), (("HPE-addon", "803.0.0.11"),))),
    }
    return VCenterView("vc", at, **{**values, **more})  # type: ignore[arg-type]
