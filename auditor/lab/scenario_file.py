"""Reads scenarios from TOML. Everything that can be wrong in one is said here, with file and key."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from auditor.domain.findings import Code
from auditor.domain.versions import VersionError
from auditor.errors import InputError
from auditor.lab.hosts.faults import check_faults
from auditor.lab.hosts.host import host_uuid
from auditor.lab.hosts.settings import LabSettings
from auditor.lab.hosts.traits import check_traits
from auditor.lab.scenario import (
    DOMAIN,
    VCENTER,
    ClusterSpec,
    Event,
    Expected,
    HostFault,
    HostSpec,
    HostTraits,
    Place,
    Scenario,
    Verb,
    VmSpec,
)
from auditor.lab.scenario_text import read
from auditor.lab.vcenter.api_versions import release
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.drafts import belongs_to_9
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.parts import Alternative, Selection
from auditor.lab.vcenter.vms import Pinned

MAX_HOSTS = 10_000
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

_NEEDS: dict[Verb, tuple[str, ...]] = {
    Verb.IMPORT: ("image",),
    Verb.FORGET: ("image",),
    Verb.SET_IMAGE: ("cluster", "image"),
    Verb.SWITCH: ("cluster", "image"),
    Verb.REMEDIATE: ("cluster",),
    Verb.SCAN: ("cluster",),
    Verb.DISCONNECT: ("hosts",),
    Verb.RECONNECT: ("hosts",),
    Verb.ADD_HOST: ("hosts", "cluster"),
    Verb.REMOVE_HOST: ("hosts",),
    Verb.STAGE: ("hosts", "image"),
    Verb.LIVE_VIB: ("hosts",),
    Verb.CHANGE_SETTING: ("hosts", "setting", "value"),
    Verb.REBOOT: ("hosts",),
    Verb.POWER_OFF: ("hosts",),
    Verb.PATCH_VCENTER: ("build",),
    Verb.DRAFT: ("cluster", "image", "user"),
    Verb.OPERATION: ("cluster", "user"),
    Verb.SCHEDULE: ("cluster", "user", "in"),
}
_MAY: dict[Verb, tuple[str, ...]] = {
    Verb.REMEDIATE: ("part", "hosts"),
    Verb.CHANGE_PASSWORD: ("hosts",),
}


def load(name: str, *, hosts: int | None = None, version: str | None = None) -> Scenario:
    """The scenario ``name``: a shipped one, or a file if it ends in .toml.

    ``hosts``: so many hosts in the clusters altogether, in the proportions of the file. ``version``: another vCenter
    version than the file's. Raises `InputError`.
    """
    data, where = read(name)
    if version is not None:
        data = {**data, "vcenter": {**data.get("vcenter", {}), "version": version}}
        data["vcenter"].pop("build", None)
    return _Builder(Path(name).stem, where, data, hosts).scenario()


@dataclass(frozen=True, slots=True)
class _Who:
    """Finds clusters and hosts by pattern."""

    clusters: tuple[ClusterSpec, ...]
    hosts: tuple[str, ...]

    def cluster_names(self, pattern: str) -> tuple[str, ...]:
        return tuple(c.name for c in self.clusters if _fits(c.name, pattern))

    def host_names(self, pattern: str) -> tuple[str, ...]:
        return tuple(h for h in self.hosts if _fits(h, pattern) or _fits(h.removesuffix(f".{DOMAIN}"), pattern))


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


class _Builder:
    """Turns checked data into a scenario; what a schema cannot say is checked here."""

    def __init__(self, name: str, where: str, data: dict[str, Any], hosts: int | None) -> None:
        self.name, self.where, self.data, self.wanted = name, where, data, hosts

    def scenario(self) -> Scenario:
        vcenter = self.data.get("vcenter", {})
        if not vcenter:
            raise self.wrong("key 'vcenter' is missing")
        try:
            release(vcenter["version"])
        except ValueError as error:
            raise self.wrong(f"vcenter.version: {error}") from None
        since = _span(self.data.get("since", "30d"))
        images = {name: self.software(item) for name, item in self.data.get("image", {}).items()}
        clusters = tuple(self.clusters(images))
        single = tuple(self.single(i, item, images) for i, item in enumerate(self.data.get("host", [])))
        who = _Who(clusters, (*(h for c in clusters for h in c.hosts), *(h.name for h in single)))
        self.unique([c.name.lower() for c in clusters], "cluster")
        self.unique(who.hosts, "host")
        scenario = Scenario(
            name=self.name,
            title=self.data["title"],
            story=self.data.get("story", "").strip(),
            version=vcenter["version"],
            build=vcenter.get("build", ""),
            since=since,
            images=images,
            depot=tuple(self.known(f"vcenter.depot[{i}]", n, images) for i, n in enumerate(vcenter.get("depot", []))),
            clusters=clusters,
            hosts=single,
            past=tuple(self.past(who, images, since)),
            faults=tuple(self.fault(i, item, who) for i, item in enumerate(self.data.get("fault", []))),
            vcenter_faults=tuple(_vcenter_fault(item) for item in self.data.get("vcenter_fault", [])),
            starting=vcenter.get("starting", False),
            deadlines=self.data.get("deadlines", {}),
            rollback=self.data.get("rollback", {}),
            traits=tuple(self.trait(i, item, who) for i, item in enumerate(self.data.get("trait", []))),
            vms=tuple(self.vm(i, item, who) for i, item in enumerate(self.data.get("vm", []))),
            expected=self.expected(who),
        )
        self.check_images(scenario)
        return scenario

    def software(self, item: dict[str, Any]) -> DesiredSoftware:
        alternatives = tuple(_alternative(key, part) for key, part in sorted(item.get("alternative", {}).items()))
        solutions = tuple(sorted(item.get("solutions", {}).items()))
        return DesiredSoftware(item["base_image"], **_layers(item), solutions=solutions, alternatives=alternatives)

    def check_images(self, scenario: Scenario) -> None:
        """Make every image once, so that a wrong one is an error of the file."""
        old = release(scenario.version).numbers < (9, 0)
        try:
            for name, software in scenario.images.items():
                for part in software.parts:
                    scenario.warehouse.compose(part)
                if software.alternatives and (old or not belongs_to_9(software.base_image)):
                    raise self.wrong(f"image.{name}.alternative: images with alternatives exist from vCenter and ESX 9.0 on")
        except (LookupError, VersionError) as error:
            raise self.wrong(f"image: {error}") from None

    # Who is there --------------------------------------------------------------------------------------------------

    def clusters(self, images: dict[str, DesiredSoftware]) -> Iterable[ClusterSpec]:
        items = self.data.get("cluster", [])
        counts = [item["hosts"] if isinstance(item["hosts"], int) else len(item["hosts"]) for item in items]
        factor = self.wanted / sum(counts) if self.wanted and sum(counts) else 1.0
        if sum(counts) * factor > MAX_HOSTS:
            raise self.wrong(f"more than {MAX_HOSTS} hosts")
        for index, item in enumerate(items):
            number = item.get("count", 1)
            names = [item["name"]] if "count" not in item else [f"{item['name']}-{n:02d}" for n in range(1, number + 1)]
            if isinstance(item["hosts"], list):
                if number > 1:
                    raise self.wrong(f"cluster[{index}]: {number} clusters cannot share named hosts", "give a number of hosts")
                groups: list[tuple[str, ...]] = [tuple(full_name(host) for host in item["hosts"])]
            else:
                total = max(number, round(item["hosts"] * factor))
                groups = [_made_up(name, total * (n + 1) // number - total * n // number) for n, name in enumerate(names)]
            image = self.known(f"cluster[{index}].image", item["image"], images)
            by_image = item.get("management", "image") == "image"
            services = (
                item.get("ha", False),
                item.get("drs", "off"),
                item.get("vsan", False),
                item.get("auto_remediate", False),
            )
            yield from (ClusterSpec(name, hosts, image, by_image, *services) for name, hosts in zip(names, groups, strict=True))

    def single(self, index: int, item: dict[str, Any], images: dict[str, DesiredSoftware]) -> HostSpec:
        image = self.known(f"host[{index}].image", item["image"], images)
        return HostSpec(full_name(item["name"]), image, Place(item["place"]))

    def vm(self, index: int, item: dict[str, Any], who: _Who) -> VmSpec:
        (host,) = self.hosts(f"vm[{index}].host", [item["host"]], who)[:1]
        pinned = Pinned(item.get("pinned", ""))
        return VmSpec(item["name"], host, item.get("running", True), pinned, item.get("vcenter", False))

    def known(self, key: str, name: str, images: dict[str, DesiredSoftware]) -> str:
        if name not in images:
            raise self.wrong(f"{key}: there is no image {name!r}; there are: {', '.join(images) or 'none'}")
        return name

    def unique(self, names: Sequence[str], noun: str) -> None:
        for one, other in pairwise(sorted(names)):
            if one == other:
                raise self.wrong(f"two {noun}s are called {one!r}")

    # What happened -------------------------------------------------------------------------------------------------

    def past(self, who: _Who, images: dict[str, DesiredSoftware], since: dt.timedelta) -> Iterable[Event]:
        ago, recorded, saved = since, False, False
        for index, item in enumerate(self.data.get("past", [])):
            key, verb = f"past[{index}]", Verb(item["do"])
            recorded = recorded or verb is Verb.SNAPSHOT
            moment = dt.timedelta(0) if recorded else _span(item["ago"]) if "ago" in item else ago
            if recorded and _span(item.get("ago", "0m")):
                raise self.wrong(f"{key}.ago: a snapshot tells the real time, so from the first one on everything happens now")
            if moment > ago:
                raise self.wrong(f"{key}.ago: longer ago than what comes before it")
            ago = moment
            saved = saved or verb is Verb.BACKUP
            if verb is Verb.RESTORE and not saved:
                raise self.wrong(f"{key}: restore without a backup before it")
            yield self.event(key, verb, ago, item, who, images)

    def event(
        self, key: str, verb: Verb, ago: dt.timedelta, item: dict[str, Any], who: _Who, images: dict[str, DesiredSoftware]
    ) -> Event:
        needs, may = _NEEDS.get(verb, ()), _MAY.get(verb, ())
        for needed in needs:
            if needed not in item:
                raise self.wrong(f"{key}: {verb.value} needs the key {needed!r}")
        for extra in sorted(item.keys() - {"do", "ago", *needs, *may}):
            raise self.wrong(f"{key}: {verb.value} takes no key {extra!r}")
        clusters = self.found_clusters(key, item, who) if "cluster" in item else ()
        hosts = self.hosts(f"{key}.hosts", item["hosts"], who) if "hosts" in item else ()
        if verb is Verb.CHANGE_SETTING:
            try:
                LabSettings().changed(item["setting"], item["value"])
            except ValueError as error:
                raise self.wrong(f"{key}: {error}") from None
        if "part" in item:
            if hosts:
                raise self.wrong(f"{key}: part and hosts exclude each other")
            members = {c.name: c.hosts for c in who.clusters}
            hosts = tuple(h for name in clusters for h in members[name][: max(1, round(item["part"] * len(members[name])))])
        if verb is Verb.ADD_HOST and len(clusters) > 1:
            raise self.wrong(f"{key}.cluster: a host is added to one cluster, and {item['cluster']!r} names {len(clusters)}")
        image = self.known(f"{key}.image", item["image"], images) if "image" in item else ""
        after = _span(item.get("in", "0m"))
        said = (item.get(name, "") for name in ("setting", "value"))
        return Event(verb, ago, clusters, hosts, image, item.get("build", ""), item.get("user", ""), after, *said)

    def fault(self, index: int, item: dict[str, Any], who: _Who) -> HostFault:
        faults = {key: value for key, value in item.items() if key not in {"hosts", "power", "vcenter", "ssh_leads_to"}}
        try:
            check_faults(faults)
        except ValueError as error:
            raise self.wrong(f"fault[{index}]: {error}") from None
        hosts = self.hosts(f"fault[{index}].hosts", item["hosts"], who)
        leads_to = ""
        if "ssh_leads_to" in item:
            (leads_to, *more) = self.hosts(f"fault[{index}].ssh_leads_to", [item["ssh_leads_to"]], who)
            if more:
                raise self.wrong(
                    f"fault[{index}].ssh_leads_to: an address leads to one host, and {item['ssh_leads_to']} fits more"
                )
        return HostFault(hosts, faults, item.get("power") == "off", item.get("vcenter", ""), leads_to)

    def trait(self, index: int, item: dict[str, Any], who: _Who) -> HostTraits:
        traits = {key: value for key, value in item.items() if key != "hosts"}
        try:
            check_traits(traits)
        except ValueError as error:
            raise self.wrong(f"trait[{index}]: {error}") from None
        return HostTraits(self.hosts(f"trait[{index}].hosts", item["hosts"], who), traits)

    def expected(self, who: _Who) -> Expected | None:
        item = self.data.get("expect")
        if item is None:
            return None
        found: set[tuple[str, str]] = set()
        for code, subjects in item.get("findings", {}).items():
            if code not in set(Code):
                raise self.wrong(f"expect.findings: there is no code {code!r}", f"there are: {', '.join(Code)}")
            for subject in subjects:
                names = (VCENTER,) if subject == VCENTER else who.cluster_names(subject) or who.host_names(subject)
                found |= {(code, name) for name in self.found(f"expect.findings.{code}", "cluster or host", names, subject)}
        return Expected(item["exit"], frozenset(found))

    def hosts(self, key: str, patterns: list[str], who: _Who) -> tuple[str, ...]:
        names = {name: None for p in patterns for name in self.found(key, "host", who.host_names(p), p)}
        return tuple(names)

    def found_clusters(self, key: str, item: dict[str, Any], who: _Who) -> tuple[str, ...]:
        pattern = item["cluster"]
        return self.found(f"{key}.cluster", "cluster", who.cluster_names(pattern), pattern)

    def found(self, key: str, noun: str, names: tuple[str, ...], pattern: str) -> tuple[str, ...]:
        if not names:
            raise self.wrong(f"{key}: {pattern} fits no {noun}")
        return names

    def wrong(self, what: str, hint: str = "") -> InputError:
        return InputError(what, where=self.where, hint=hint)


def full_name(name: str) -> str:
    """A host's full name: a name without a dot gets the lab's domain."""
    return (name if "." in name else f"{name}.{DOMAIN}").lower()


def _layers(item: dict[str, Any]) -> dict[str, Any]:
    add_on = item.get("add_on")
    packages = item.get("hardware_support", {}).items()
    return {
        "add_on": (add_on["name"], add_on["version"]) if add_on else None,
        "components": tuple(sorted(item.get("components", {}).items())),
        "packages": tuple(sorted((manager, package["package"], package["version"]) for manager, package in packages)),
    }


def _alternative(key: str, item: dict[str, Any]) -> Alternative:
    uuids = tuple(host_uuid(full_name(host)) for host in item.get("hosts", ()))
    selection = Selection(uuids, item.get("vendor", ""), tuple(item.get("models", ())))
    return Alternative(key, item["name"], selection, **_layers(item))


def _made_up(cluster: str, number: int) -> tuple[str, ...]:
    stem = re.sub(r"[^a-z0-9]+", "-", cluster.lower()).strip("-") or "host"
    width = max(2, len(str(number)))
    return tuple(full_name(f"{stem}-{n:0{width}d}") for n in range(1, number + 1))


def _span(text: str) -> dt.timedelta:
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _vcenter_fault(item: dict[str, Any]) -> Fault:
    return Fault(
        operation=item["operation"],
        kind=FaultKind(item["kind"]),
        seconds=float(item.get("seconds", 0)),
        error=item.get("error", ""),
        times=item.get("times"),
        item=item.get("item", ""),
    )


__all__ = ["MAX_HOSTS", "full_name", "load"]
