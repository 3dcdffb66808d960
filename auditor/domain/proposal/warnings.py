"""What stands against a candidate. Every rule names what it rests on; none claims more than that says.

The boundary of an add-on is a filter of ours: vLCM has no field for "base images this add-on supports" and enforces it inside
validation (field note, vlcm d). Dates and path tables are hints, never proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditor.domain.add_on_names import describe
from auditor.domain.composite import DEFAULT, names, parts
from auditor.domain.image import DesiredImage, ManagementMode
from auditor.domain.observation import Read, Reason, Unread, value_of
from auditor.domain.proposal.candidates import Find, same_add_on
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.contents import content_warnings
from auditor.domain.proposal.tables import release_name
from auditor.domain.proposal.values import (
    CandidateKind,
    DepotItem,
    Forecast,
    HostForecast,
    ImageWarning,
    WarningCode,
)
from auditor.domain.specification import SpecificationError
from auditor.domain.versions import BaseImageVersion, ProductVersion, VersionError, boundary_key
from auditor.domain.wording import count, few

_BOUNDARY = "field note: HPE's build guide; up to 8.x the update release, from 9.0 the minor release"
_NO_DOWN = ("KB 320562", "KB 424858")


def warnings(
    case: Case, found: Find, missing: tuple[DepotItem, ...], forecasts: tuple[HostForecast, ...]
) -> tuple[ImageWarning, ...]:
    """Everything against one candidate: what forbids it first."""
    made = [
        *_mode(case),
        *_owner(case),
        *_downgrade(case, found, forecasts),
        *_missing(missing),
        *_composite(case, found, forecasts),
        *_hosts(found, forecasts),
        *_each_part(_boundary, case, found.target),
        *_aliases(case),
        *_paths(case, found.target),
        *_vcenter(case, found.target),
        *_each_part(_kept, case, found.target),
        *content_warnings(case, found),
    ]
    if found.kind is CandidateKind.ROLL_BACK_HOSTS:
        made = [w for w in made if w.code not in {WarningCode.HOST_INCOMPATIBLE, WarningCode.DROPPED}]
    order = list(WarningCode)
    return tuple(sorted(made, key=lambda w: (not w.blocks, order.index(w.code), w.text)))


def _each_part(
    rule: Callable[[DesiredImage | None, DesiredImage], Iterable[ImageWarning]], case: Case, target: DesiredImage
) -> Iterable[ImageWarning]:
    """A rule on the old and the new image, for each part of a composite one; what it says of several is said once."""
    before = dict(_parts(case.old)) if case.old else {}
    said = (warning for id_, new in _parts(target) for warning in rule(before.get(id_), new))
    return dict.fromkeys(said)


def _parts(image: DesiredImage) -> Iterable[tuple[str, DesiredImage]]:
    try:
        return parts(image).items() if image.alternatives else [(DEFAULT, image)]
    except SpecificationError:
        return [(DEFAULT, image)]


def _mode(case: Case) -> Iterable[ImageWarning]:
    if case.mode is ManagementMode.BASELINES:
        text = (
            "the cluster is on baselines. Enabling an image is one-way and not this tool's to do: set it up in vCenter, and "
            "start from this image"
        )
        yield ImageWarning(WarningCode.BASELINES, text, ("vSphere Lifecycle Manager guide, Backup and Restore Scenarios",))
    elif case.mode is None:
        yield ImageWarning(WarningCode.MODE_UNKNOWN, f"how the cluster is managed was not read ({case.cluster.view.mode})")
    elif isinstance(case.cluster.view.image, Unread):
        yield ImageWarning(WarningCode.IMAGE_UNKNOWN, f"the cluster's image was not read ({case.cluster.view.image})")


def _owner(case: Case) -> Iterable[ImageWarning]:
    owner = case.extras.owner
    rests = ("field note: in a VCF domain SDDC Manager owns the image; its catalogue then disagrees with vCenter",)
    if isinstance(owner, Read) and owner.value:
        text = f"the image is owned by {owner.value}: it must be changed there, not behind its back"
        yield ImageWarning(WarningCode.ORCHESTRATED, text, rests)
    elif isinstance(owner, Unread) and (owner.reason.is_gap or owner.reason is Reason.ABSENT):
        text = f"who owns the image could not be read ({owner}): if it is SDDC Manager, it must not be changed here"
        yield ImageWarning(WarningCode.OWNER_UNKNOWN, text, rests)


def _downgrade(case: Case, found: Find, forecasts: tuple[HostForecast, ...]) -> Iterable[ImageWarning]:
    """An older image is refused, unless a person named the host whose image it is and every host runs it already: then nothing
    is taken down, and the image follows hosts that were rolled back."""
    old, target = case.old, found.target
    if old is None or old.base_image is None or target.base_image is None:
        return
    was, new = case.hints.usual(old.base_image.version), case.hints.usual(target.base_image.version)
    if not new < was:
        return
    named = CandidateKind.HOST in {found.kind, *found.also}
    if named and forecasts and all(host.forecast is Forecast.COMPLIANT for host in forecasts):
        text = f"base image {new.raw} is older than the cluster's {was.raw}: every host runs it, and an update is given up"
        yield ImageWarning(WarningCode.LOWERED, text, ("KB 440252", *_NO_DOWN))
    else:
        text = f"base image {new.raw} is older than the cluster's {was.raw}: vLCM never takes a cluster or host down"
        yield ImageWarning(WarningCode.DOWNGRADE, text, _NO_DOWN)


def _missing(missing: tuple[DepotItem, ...]) -> Iterable[ImageWarning]:
    if missing:
        text = f"the depot lacks {', '.join(map(str, missing))}: validation refuses such an image"
        yield ImageWarning(WarningCode.DEPOT_GAP, text, ("vmware-vcenter SDK: BaseImageInfo.details", "KB 313266"))


def _composite(case: Case, found: Find, forecasts: tuple[HostForecast, ...]) -> Iterable[ImageWarning]:
    if not found.target.alternatives:
        return
    if not found.target.spec:
        text = "the parts of the composite image were not understood: change it in vCenter"
        yield ImageWarning(WarningCode.COMPOSITE, text, ("vmware-vcenter SDK: AlternativeImageSpec (9.0)",))
        return
    rests = ("vmware-vcenter SDK: AlternativeImageSpec (9.0)",)
    own = {host.listed.id: case.cluster.part_of(host) for host in case.cluster.hosts}
    if unknown := sorted(host.name for host in case.cluster.hosts if own[host.listed.id] is None):
        text = f"which part of the composite image is theirs is not known, since vCenter never compared them: {few(unknown)}"
        yield ImageWarning(WarningCode.COMPOSITE_PART_UNKNOWN, text, rests, tuple(unknown))
    if case.old is None or not found.target.spec or found.kind is CandidateKind.ROLL_BACK_HOSTS:
        return
    kept = [name for id_, name in names(found.target).items() if id_ not in _told(case, found.target)]
    if kept:
        text = (
            f"composite image: {few(kept)} go to the new base image, which all parts share, and keep add-on, components and "
            "hardware support: no host of theirs on it tells what they should be"
        )
        yield ImageWarning(WarningCode.COMPOSITE_KEPT, text, rests)


def _told(case: Case, target: DesiredImage) -> set[str | None]:
    """The parts of which some host runs the target's base image."""
    new = target.base_image.version if target.base_image else None
    on_it = (h for h in case.cluster.hosts if (base := value_of(h.facts.base_image)) and case.hints.usual(base.version) == new)
    return {case.cluster.part_of(host) for host in on_it}


def _hosts(found: Find, forecasts: tuple[HostForecast, ...]) -> Iterable[ImageWarning]:
    def of(forecast: Forecast) -> tuple[str, ...]:
        return tuple(host.host for host in forecasts if host.forecast is forecast)

    if hosts := of(Forecast.INCOMPATIBLE):
        text = f"{count(len(hosts), 'host')} would become INCOMPATIBLE: {few(hosts)}"
        yield ImageWarning(WarningCode.HOST_INCOMPATIBLE, text, _NO_DOWN, hosts)
    if hosts := of(Forecast.NON_COMPLIANT):
        text = f"{count(len(hosts), 'host')} would be NON_COMPLIANT until remediated: {few(hosts)}"
        yield ImageWarning(WarningCode.HOST_BEHIND, text, ("vmware-vcenter SDK: ComplianceStatus",), hosts)
    if hosts := of(Forecast.UNKNOWN):
        text = f"what {count(len(hosts), 'host')} would be cannot be told: {few(hosts)}"
        yield ImageWarning(WarningCode.HOST_UNKNOWN, text, (), hosts)


def _boundary(old: DesiredImage | None, target: DesiredImage) -> Iterable[ImageWarning]:
    if target.add_on is None or target.base_image is None:
        return
    new, add_on = target.base_image.version, target.add_on
    crossed = (
        old is not None
        and old.base_image is not None
        and same_add_on(old.add_on, add_on)
        and boundary_key(old.base_image.version) != boundary_key(new)
    )
    line = ".".join(map(str, boundary_key(new)))
    if crossed:
        text = (
            f"add-on {add_on.name} {add_on.version} stays while the base image goes to {line}: an add-on must not cross "
            f"{'an update' if new.release[0] < 9 else 'a minor'} release"
        )
        yield ImageWarning(WarningCode.ADD_ON_BOUNDARY, text, (_BOUNDARY,))
    hint = describe(add_on.name, add_on.version).release
    if hint and not _within(hint, new):
        text = (
            f"add-on {add_on.name} {add_on.version} looks made for {hint}, the base image is {line}; the digits are custom, "
            "not rule"
        )
        yield ImageWarning(WarningCode.ADD_ON_HINT, text, (_BOUNDARY,))


def _within(hint: str, version: BaseImageVersion) -> bool:
    numbers = tuple(int(number) for number in hint.split("."))
    key = boundary_key(version)
    return numbers[: len(key)] == key


def _aliases(case: Case) -> Iterable[ImageWarning]:
    seen: dict[str, list[str]] = {}
    for host in case.cluster.hosts:
        base = value_of(host.facts.base_image)
        row = case.hints.known_as(base.version) if base else None
        if row is not None:
            text = f"{row.vendor} calls build {row.build} {row.vendor_build}; taken for the same base image ({row.source})"
            seen.setdefault(text, []).append(host.name)
    for text, hosts in sorted(seen.items()):
        yield ImageWarning(WarningCode.VENDOR_ALIAS, text, ("the table vendor-builds.csv",), tuple(sorted(hosts)))


def _paths(case: Case, target: DesiredImage) -> Iterable[ImageWarning]:
    """Only for hosts that would have to go up to the target, each version once."""
    if target.base_image is None:
        return
    new = target.base_image.version
    below: dict[BaseImageVersion, list[str]] = {}
    for host in case.cluster.hosts:
        base = value_of(host.facts.base_image)
        if base is not None and case.hints.usual(base.version) < new and base.version.release != new.release:
            below.setdefault(base.version, []).append(host.name)
    for version, hosts in sorted(below.items()):
        names = tuple(sorted(hosts))
        if case.releases.later(version, new):
            text = (
                f"{version.raw} came out after {new.raw}: a newer patch of an older line may not go to an older release of a "
                f"newer line (back in time). By release date only; on {few(names)}"
            )
            yield ImageWarning(WarningCode.BACK_IN_TIME, text, ("release dates of the release table",), names)
        row = case.hints.path("esxi", release_name(version, case.releases), release_name(new, case.releases))
        if row is not None and row.verdict != "yes":
            word = "is said to be closed" if row.verdict == "no" else "must be checked"
            as_of = f", table of {case.hints.paths_as_of}" if case.hints.paths_as_of else ""
            text = f"the path {row.old} to {row.new} {word} ({row.source}{as_of}); on {few(names)}"
            yield ImageWarning(WarningCode.UPGRADE_PATH, text, ("the table upgrade-paths.csv",), names)


def _vcenter(case: Case, target: DesiredImage) -> Iterable[ImageWarning]:
    if case.marks is None or target.base_image is None:
        return
    try:
        own = ProductVersion.parse(case.marks.version, case.marks.build).release
    except VersionError:
        return
    new = target.base_image.version.release
    if own < new:
        text = f"vCenter is {case.marks.version}, the base image is of {'.'.join(map(str, new))}: vCenter must not be older"
        yield ImageWarning(WarningCode.VCENTER_OLDER, text, ("vendor's interoperability matrix",))


def _kept(old: DesiredImage | None, target: DesiredImage) -> Iterable[ImageWarning]:
    if target.removed_components:
        text = f"the image goes on taking out {few(target.removed_components)} (REMOVED)"
        yield ImageWarning(WarningCode.REMOVED_KEPT, text, ("vmware-vcenter SDK: ImageCustomizationAction (8.0.3)",))
    held = sorted(n for n, v in target.components.items() if v and old is not None and old.components.get(n) == v)
    if held:
        text = (
            f"components held at a version of the image's own stay so: {few(held)} (RETAINED where older than the base image)"
        )
        yield ImageWarning(WarningCode.RETAINED_KEPT, text, ("vmware-vcenter SDK: ImageCustomizationAction (8.0.3)",))
    if target.hardware_support:
        packages = few([f"{part.manager} {part.package} {part.version}" for part in target.hardware_support])
        text = f"the hardware support package stays or comes with it: {packages}; its manager must have that version"
        yield ImageWarning(WarningCode.HARDWARE_SUPPORT, text, ("vmware-vcenter SDK: HardwareSupportSpec",))


__all__ = ["warnings"]
