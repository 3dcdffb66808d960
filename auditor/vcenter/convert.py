"""The SDK's vLCM structures as domain values. Pure: objects in, values out, nothing is asked.

Old vCenters leave out fields that came later, and a new one may send statuses this code does not know: optional parts are
read as absent, enumerated texts are kept as they are. A structure that lacks what every version has raises ``UnansweredError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from auditor.domain.image import AddOn, BaseImage, Commit, Component, DesiredImage, HardwareSupport, Solution
from auditor.domain.observation import ClusterVerdict, Depot, ElementVerdict, HostVerdict, Reason
from auditor.domain.versions import BaseImageVersion, VersionError
from auditor.masking import masked, masked_value
from auditor.vcenter.faults import unanswered


def in_depot(info: Any) -> bool | None:
    """Whether the depot has an item: vLCM gives ``details`` exactly then. None when there is no item to speak of."""
    return None if info is None else info.details is not None


def _time(value: datetime | None) -> datetime | None:
    """The SDK hands out naive times which are UTC (the wire form ends in Z)."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def base_image(info: Any) -> BaseImage:
    """``settings_client.BaseImageInfo`` (cluster side)."""
    details = info.details
    return BaseImage(_version(info.version), details.display_version or "" if details else "", in_depot(info))


def host_base_image(info: Any) -> BaseImage:
    """``hosts_client.BaseImageInfo`` (what a host runs); it says nothing about the depot."""
    return BaseImage(_version(info.version), info.display_version or "")


def _version(text: str) -> BaseImageVersion:
    try:
        return BaseImageVersion.parse(text)
    except VersionError as error:
        raise unanswered(Reason.UNREADABLE, str(error), str(text)) from error


def host_add_on(info: Any) -> AddOn | None:
    """``hosts_client.AddOnInfo``; None: the host has no add-on."""
    return None if info is None else AddOn(info.name, info.version, info.display_name or "")


def desired_image(software: Any) -> DesiredImage:
    """``settings_client.SoftwareInfo`` of a cluster, with the whole specification in the form import takes."""
    add_on = software.add_on
    alternatives = software.alternative_images or {}
    return DesiredImage(
        base_image=base_image(software.base_image),
        add_on=None
        if add_on is None
        else AddOn(add_on.name, add_on.version, add_on.details.display_name if add_on.details else "", in_depot(add_on)),
        components={name: info.version if info else None for name, info in sorted((software.components or {}).items())},
        solutions=tuple(_solution(name, info) for name, info in sorted((software.solutions or {}).items())),
        hardware_support=tuple(
            HardwareSupport(manager, package.pkg or "", package.version or "")
            for manager, package in sorted(_packages(software).items())
        ),
        removed_components=tuple(sorted(software.removed_components or {})),
        alternatives=tuple(sorted(image.display_name for image in alternatives.values())),
        spec=json.dumps(software_spec(software), sort_keys=True, ensure_ascii=False),
    )


def _packages(software: Any) -> Mapping[str, Any]:
    return (software.hardware_support.packages or {}) if software.hardware_support else {}


def _solution(name: str, info: Any) -> Solution:
    details = {part.component: part for part in (info.details.components if info.details else ())}
    parts = []
    for part in info.components or ():
        known = details.get(part.component)
        display = (known.display_version or "") if known else ""
        parts.append(Component(part.component, "", display, known.vendor if known else ""))
    return Solution(name, info.version, tuple(sorted(parts)))


def software_spec(software: Any) -> dict[str, Any]:
    """The same image as ``settings_client.SoftwareSpec`` in JSON, as an export of it looks: what is absent is left out.

    An export by vCenter leaves out the solutions, which their own managers set; they are kept here because the record
    must be whole, and dropped by whoever imports.
    """
    spec: dict[str, Any] = {"base_image": {"version": software.base_image.version}}
    if software.add_on is not None:
        spec["add_on"] = {"name": software.add_on.name, "version": software.add_on.version}
    if software.components:
        spec["components"] = {name: info.version if info else None for name, info in software.components.items()}
    if software.solutions:
        spec["solutions"] = {
            name: {"version": info.version, "components": [{"component": part.component} for part in info.components or ()]}
            for name, info in software.solutions.items()
        }
    if _packages(software):
        spec["hardware_support"] = {
            "packages": {m: {"pkg": package.pkg, "version": package.version} for m, package in _packages(software).items()}
        }
    if software.removed_components:
        spec["removed_components"] = sorted(software.removed_components)
    alternatives = getattr(software, "alternative_images", None)
    if alternatives:
        spec["alternative_images"] = {name: _alternative_spec(image) for name, image in alternatives.items()}
    return spec


def _alternative_spec(image: Any) -> dict[str, Any]:
    return software_spec(image) | {
        "display_name": image.display_name,
        "selection_criteria": _selection_spec(image.selection_criteria),
    }


def _selection_spec(criteria: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"selection_type": str(criteria.selection_type)}
    if criteria.host_uuids:
        spec["host_uuids"] = sorted(criteria.host_uuids)
    hardware = criteria.host_hardware_spec
    if hardware is not None:
        lists = {name: getattr(hardware, name) for name in ("models", "families", "oem_strings")}
        spec["host_hardware_spec"] = {"vendor": hardware.vendor} | {n: sorted(values) for n, values in lists.items() if values}
    return spec


def commit(identifier: str, info: Any) -> Commit:
    """``clusters.software_client.Commits.Info``."""
    return Commit(identifier, masked_value(info.author or ""), _time(info.commit_time), masked(info.description or ""))


def cluster_verdict(compliance: Any) -> ClusterVerdict:
    """``settings_client.ClusterCompliance``. Unavailable hosts have no entry in ``hosts``; all four id lists count."""
    listed = {
        host: status
        for status, hosts in (
            ("COMPLIANT", compliance.compliant_hosts),
            ("NON_COMPLIANT", compliance.non_compliant_hosts),
            ("INCOMPATIBLE", compliance.incompatible_hosts),
        )
        for host in hosts or ()
    }
    detailed = dict(compliance.hosts or {})
    verdicts = [_host_verdict(host, result) for host, result in detailed.items()]
    verdicts += [HostVerdict(host, status) for host, status in listed.items() if host not in detailed]
    return ClusterVerdict(
        status=str(compliance.status),
        scan_time=_time(compliance.scan_time),
        commit=compliance.commit or "",
        impact=str(compliance.impact or ""),
        hosts=tuple(sorted(verdicts, key=lambda verdict: verdict.host)),
        unavailable_hosts=tuple(sorted(compliance.unavailable_hosts or ())),
        host_names=tuple(sorted((host, info.name or "") for host, info in (compliance.host_info or {}).items())),
    )


def _host_verdict(host: str, result: Any) -> HostVerdict:
    return HostVerdict(
        host=host,
        status=str(result.status),
        base_image=_element(result.base_image),
        add_on=_add_on_element(result.add_on),
        components=_elements(result.components),
        solutions=_elements(result.solutions),
        hardware_support=tuple(
            (manager, _package_element(package)) for manager, package in sorted((result.hardware_support or {}).items())
        ),
        stage_status=str(result.stage_status or ""),
        image=result.image.id if result.image else "",
    )


def _elements(found: Mapping[str, Any] | None) -> tuple[tuple[str, ElementVerdict], ...]:
    made = ((name, _element(element)) for name, element in sorted((found or {}).items()))
    return _shared(tuple((name, element) for name, element in made if element is not None))


@lru_cache(maxsize=4096)
def _shared(elements: tuple[tuple[str, ElementVerdict], ...]) -> tuple[tuple[str, ElementVerdict], ...]:
    """The same value for equal ones: most hosts of a cluster have equal verdicts on their sixty components."""
    return elements


def _element(element: Any) -> ElementVerdict | None:
    """Base image, component or solution. ``current`` unset: not on the host; ``target`` unset: not in the image."""
    if element is None:
        return None
    current, target = element.current, element.target
    source = getattr(element, "target_source", None) or getattr(element, "current_source", None)
    return ElementVerdict(
        status=str(element.status),
        current=current.version if current else None,
        target=target.version if target else None,
        current_in_depot=in_depot(current),
        target_in_depot=in_depot(target),
        source=str(source or ""),
    )


def _add_on_element(element: Any) -> ElementVerdict | None:
    """An add-on has two keys. When the names differ, ``current`` carries the host's add-on by both, so as not to mislead."""
    plain = _element(element)
    if plain is None:
        return None
    current, target = element.current, element.target
    named = target or current
    shown = plain.current
    if current and target and current.name != target.name:
        shown = f"{current.name} {current.version}"
    return ElementVerdict(
        plain.status, shown, plain.target, plain.current_in_depot, plain.target_in_depot, name=named.name if named else ""
    )


def _package_element(element: Any) -> ElementVerdict:
    """A hardware support package, which lives in its manager and not in the depot."""
    current, target = element.current, element.target
    named = target or current
    return ElementVerdict(
        status=str(element.status),
        current=current.version if current else None,
        target=target.version if target else None,
        name=named.pkg if named else "",
    )


def installed_components(found: Mapping[str, Any]) -> tuple[Component, ...]:
    """``hosts.software_client.InstalledComponents``: every component on the host. An empty answer is no answer."""
    if not found:
        raise unanswered(Reason.UNREADABLE, "no component was named; a host of 7.0 or later always has some")
    return tuple(sorted(Component(name, info.version, info.display_name or "") for name, info in found.items()))


def depot(base_images: Iterable[Any], add_ons: Iterable[Any]) -> Depot:
    """``depot_content_client`` summaries. Base image versions stay raw text: one depot holds both grammars."""
    return Depot(
        base_images=tuple(sorted(image.version for image in base_images)),
        add_ons=tuple(sorted((add_on.name, version.version) for add_on in add_ons for version in add_on.versions or ())),
    )
