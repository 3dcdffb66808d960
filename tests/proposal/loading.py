"""Scenario folders as values. See README.md for the form."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.domain.assess import scenes
from auditor.domain.image import (
    AddOn,
    BaseImage,
    Commit,
    Component,
    DesiredImage,
    HardwareSupport,
    ManagementMode,
    Product,
    Solution,
    Vib,
)
from auditor.domain.observation import (
    NOT_ATTEMPTED,
    BankReading,
    ClusterVerdict,
    ClusterView,
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
from auditor.domain.past import Past, PastCluster, PastImage, PastMarks
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.context import AddOnContents, ClusterExtras, DepotContents, Recommendation
from auditor.domain.specification import specification
from auditor.domain.versions import BaseImageVersion
from auditor.tables import load_hints, load_release_table

HERE = Path(__file__).parent / "cases"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UUID = "11111111-2222-3333-4444-555555555555"
RELEASES, HINTS = load_release_table(), load_hints()


def folders() -> list[Path]:
    return sorted(path for path in HERE.iterdir() if path.is_dir())


def load(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return tomllib.loads((folder / "before.toml").read_text()), tomllib.loads((folder / "expect.toml").read_text())


def case_of(data: dict[str, Any]) -> Case:
    """The case of a scenario, through the same joining as an audit's."""
    estate = Estate(NOW, (_view(data),), tuple(_host(item) for item in data["host"]))
    [scene] = scenes(estate, _past(data), RELEASES)
    return Case(
        scene, scene.clusters[0], RELEASES, HINTS, NOW, extras=_extras(data), contents=_contents(data),
        from_host=data.get("from_host", ""),
    )  # fmt: skip


def _base(text: str) -> BaseImage:
    return BaseImage(BaseImageVersion.parse(text))


def image_of(data: dict[str, Any]) -> DesiredImage:
    made = DesiredImage(
        _base(data["base_image"]),
        AddOn(*data["add_on"]) if data.get("add_on") else None,
        {name: version or None for name, version in data.get("components", {}).items()},
        tuple(
            Solution(name, part["version"], tuple(Component(c, "") for c in part["components"]))
            for name, part in data.get("solutions", {}).items()
        ),
        tuple(HardwareSupport(*part) for part in data.get("hardware_support", ())),
        tuple(data.get("removed", ())),
        tuple(part["display_name"] for part in data.get("alternatives", {}).values()),
    )
    spec = json.loads(specification(made))
    if made.solutions:
        spec["solutions"] = {s.name: {"version": s.version, "components": []} for s in made.solutions}
    if data.get("alternatives"):
        spec["alternative_images"] = data["alternatives"]
    return DesiredImage(
        made.base_image, made.add_on, made.components, made.solutions, made.hardware_support, made.removed_components,
        made.alternatives, json.dumps(spec, sort_keys=True),
    )  # fmt: skip


def _view(data: dict[str, Any]) -> VCenterView:
    vcenter, depot = data.get("vcenter", {}), data.get("depot", {})
    marks = VCenterMarks(
        UUID, vcenter.get("version", "8.0.3"), vcenter.get("build", "24322831"), Read(5000), Read(NOW), Read(NOW)
    )
    hosts = tuple(_listed(item) for item in data["host"])
    known: Any = Depot(tuple(depot.get("base_images", ())), tuple((n, v) for n, v in depot.get("add_ons", ())))
    reading = Unread(Reason.DENIED, "no privilege") if depot.get("unread") else Read(known)
    return VCenterView("vc", NOW, Read(marks), Read((_cluster(data),)), Read(hosts), reading)


def _listed(item: dict[str, Any]) -> InventoryHost:
    return InventoryHost(f"id-{item['name']}", item["name"], "domain-c1")


def _cluster(data: dict[str, Any]) -> ClusterView:
    item = data["cluster"]
    if item.get("mode") == "baselines":
        none = Unread(Reason.ABSENT, "on baselines")
        return ClusterView("domain-c1", "prod", Read(ManagementMode.BASELINES), none, none, none)
    commit = Commit("5", "admin", NOW - timedelta(days=40))
    verdicts = tuple(_verdict(host) for host in data["host"] if "verdict" in host)
    scan: Any = Read(ClusterVerdict("INCOMPATIBLE", NOW, "5", hosts=verdicts)) if verdicts else Unread(Reason.ABSENT)
    if item.get("unread"):
        return ClusterView("domain-c1", "prod", Read(ManagementMode.IMAGE), Unread(Reason.DENIED), Unread(Reason.DENIED), scan)
    return ClusterView("domain-c1", "prod", Read(ManagementMode.IMAGE), Read(image_of(item)), Read(commit), scan)


def _verdict(host: dict[str, Any]) -> HostVerdict:
    said = host["verdict"]
    parts = tuple((name, ElementVerdict(*part)) for name, part in said.get("components", {}).items())
    return HostVerdict(f"id-{host['name']}", said.get("status", "INCOMPATIBLE"), components=parts, image=said.get("image", ""))


def _host(item: dict[str, Any]) -> HostObservation:
    if item.get("silent"):
        return HostObservation(item["name"], Route.SSH, NOW, vcenter="vc", trouble=Unread(Reason.UNREACHABLE, "no answer"))
    version = BaseImageVersion.parse(item["base_image"])
    parts = tuple(sorted(Component(name, text) for name, text in item.get("components", {}).items()))
    banks = tuple(
        BankReading(link, Read(f"/vmfs/volumes/{link[1:]}"), Read(text.encode()))
        for link, text in item.get("banks", {}).items()
    )
    return HostObservation(
        item["name"],
        Route.SSH,
        NOW,
        vcenter="vc",
        product=Read(Product(".".join(map(str, version.release)), str(version.build))),
        base_image=Read(BaseImage(version)),
        add_on=Unread(Reason.DENIED, "no")
        if item.get("add_on_unread")
        else Read(AddOn(*item["add_on"]) if "add_on" in item else None),
        components=Read(parts) if "components" in item else NOT_ATTEMPTED,
        vibs=Read(tuple(Vib(name, "1") for name in item["vibs"])) if "vibs" in item else NOT_ATTEMPTED,
        staged=Read(None),
        maintenance_mode=Read(False),
        banks=banks,
    )


def _past(data: dict[str, Any]) -> Past:
    images = []
    for item in data.get("past", ()):
        seen = NOW - timedelta(days=item["days_ago"])
        commit = Commit(item["commit"], "admin", seen)
        images.append(PastImage(image_of(item), commit, seen, NOW - timedelta(hours=2)))
    if not images:
        return Past()
    marks = VCenterMarks(UUID, "8.0.3", "24322831", Read(9000), Read(NOW), Read(NOW))
    first = NOW - timedelta(days=60)
    cluster = PastCluster("vc", UUID, "domain-c1", "prod", first, NOW, ManagementMode.IMAGE, tuple(images))
    earlier = NOW - timedelta(hours=2)
    return Past(runs=3, newest_run=earlier, marks=(PastMarks("vc", earlier, marks),), clusters=(cluster,))


def _extras(data: dict[str, Any]) -> ClusterExtras:
    item = data.get("extras", {})
    advice = tuple(Recommendation("latest", image_of(part), NOW) for part in item.get("recommendations", ()))
    owner: Any = Read(item["owner"] or None) if "owner" in item else Unread(Reason.NOT_SUPPORTED, "since 9.0")
    orphans = tuple((vib, tuple(hosts)) for vib, hosts in item.get("orphans", {}).items())
    return ClusterExtras(owner, Read(advice), Read(orphans))


def _contents(data: dict[str, Any]) -> DepotContents:
    item = data.get("contents", {})
    absent = Unread(Reason.ABSENT, "not in the depot")
    bases: dict[str, Any] = dict.fromkeys(_versions(data), absent)
    for version, parts in item.get("base_images", {}).items():
        bases[version] = Read(tuple(Component(n, v) for n, v in parts.items()))
    add_ons: dict[tuple[str, str], Any] = {}
    for part in item.get("add_ons", ()):
        brings = tuple(Component(n, v) for n, v in part.get("components", {}).items())
        add_ons[part["key"][0], part["key"][1]] = Read(AddOnContents(brings, tuple(part.get("removed", ()))))
    parts = {(n, v): Read(True) for n, v in item.get("components", ())}
    return DepotContents(bases, add_ons, parts | {(n, v): Read(False) for n, v in item.get("lacks", ())})


def _versions(data: dict[str, Any]) -> set[str]:
    return {h["base_image"] for h in data["host"] if "base_image" in h}
