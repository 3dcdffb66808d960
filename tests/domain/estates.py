"""Small estates by hand, for tests of the rules: a vCenter with clusters, hosts with what they say, and a past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auditor.domain.image import AddOn, BaseImage, Commit, DesiredImage, ImageProfile, ManagementMode, Product
from auditor.domain.observation import (
    ClusterVerdict,
    ClusterView,
    Connection,
    Depot,
    ElementVerdict,
    Estate,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Read,
    Reason,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
)
from auditor.domain.past import Past, PastCluster, PastHost, PastImage, PastMarks
from auditor.domain.versions import BaseImageVersion

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UUID = "11111111-2222-3333-4444-555555555555"
OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def base(text: str) -> BaseImage:
    return BaseImage(BaseImageVersion.parse(text))


def image(text: str, add_on: AddOn | None = None, **more: object) -> DesiredImage:
    return DesiredImage(base(text), add_on, **more)  # type: ignore[arg-type]


def product(text: str) -> Product:
    version = BaseImageVersion.parse(text)
    return Product(".".join(map(str, version.release)), str(version.build))


def says(name: str, text: str, add_on: AddOn | None = None, route: Route = Route.SSH, **more: object) -> HostObservation:
    """A host that answered: it runs base image ``text``."""
    values: dict[str, object] = {
        "product": Read(product(text)),
        "base_image": Read(base(text)),
        "add_on": Read(add_on),
        "components": Read(()),
        "profile": Read(ImageProfile("standard", "VMware, Inc.")),
        "vibs": Read(()),
        "acceptance_level": Read("PartnerSupported"),
        "staged": Read(None),
        "maintenance_mode": Read(False),
    }
    return HostObservation(name, route, NOW, vcenter="vc", **{**values, **more})  # type: ignore[arg-type]


def silent(name: str, reason: Reason = Reason.UNREACHABLE, route: Route = Route.SSH) -> HostObservation:
    return HostObservation(name, route, NOW, vcenter="vc", trouble=Unread(reason, "nothing answered"))


def listed(name: str, text: str, cluster: str = "domain-c1", connection: str = Connection.CONNECTED) -> InventoryHost:
    shown = product(text)
    return InventoryHost(f"id-{name}", name, cluster, str(connection), shown.version, shown.build)


def cluster(
    text: str | None, commit: Commit | None = None, name: str = "prod", add_on: AddOn | None = None, **more: object
) -> ClusterView:
    values: dict[str, object] = {
        "mode": Read(ManagementMode.IMAGE if text else ManagementMode.BASELINES),
        "image": Read(image(text, add_on)) if text else Unread(Reason.ABSENT, "on baselines"),
        "commit": Read(commit or Commit("5", "admin", ago(100))) if text else Unread(Reason.ABSENT),
        "compliance": Unread(Reason.ABSENT, "never scanned"),
    }
    return ClusterView("domain-c1", name, **{**values, **more})  # type: ignore[arg-type]


def scan(status: str, current: str, target: str, host: str, at: datetime, commit: str = "5") -> ClusterVerdict:
    verdict = HostVerdict(f"id-{host}", status, base_image=ElementVerdict(status, current, target))
    return ClusterVerdict(status, at, commit, hosts=(verdict,))


def marks(key: int = 5000, version: str = "8.0.3", build: str = "24674346", uuid: str = UUID) -> VCenterMarks:
    return VCenterMarks(uuid, version, build, Read(key), Read(NOW), Read(NOW))


def estate(
    clusters: tuple[ClusterView, ...],
    hosts: tuple[InventoryHost, ...],
    observations: tuple[HostObservation, ...],
    depot: tuple[str, ...] = (OLD, NEW),
    vc_marks: VCenterMarks | None = None,
    add_ons: tuple[tuple[str, str], ...] = (),
) -> Estate:
    view = VCenterView("vc", NOW, Read(vc_marks or marks()), Read(clusters), Read(hosts), Read(Depot(depot, add_ons)))
    return Estate(NOW, (view,), observations)


def past(
    *images: tuple[DesiredImage, Commit | None],
    key: int = 4000,
    hosts: tuple[str, ...] = (),
    mode: ManagementMode = ManagementMode.IMAGE,
    vc_marks: VCenterMarks | None = None,
) -> Past:
    """One run an hour ago that saw the last of ``images``; the ones before were seen earlier."""
    seen = [PastImage(i, c, ago(50 - n), ago(1) if n == len(images) - 1 else ago(40 - n)) for n, (i, c) in enumerate(images)]
    return Past(
        runs=1,
        newest_run=ago(1),
        marks=(PastMarks("vc", ago(1), vc_marks or marks(key)),),
        clusters=(PastCluster("vc", UUID, "domain-c1", "prod", ago(50), ago(1), mode, tuple(seen)),) if images else (),
        hosts=tuple(PastHost(h, "vc", "domain-c1", "prod", ago(50), ago(1), None) for h in hosts),
    )
