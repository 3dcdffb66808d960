"""vLCM's compliance structures, made of a scan's plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from com.vmware.esx import settings_client as settings

from auditor.lab.faces.vlcm_values import add_on_info, base_image_info, component_info, notifications
from auditor.lab.vcenter.compliance import (
    COMPLIANT,
    INCOMPATIBLE,
    NON_COMPLIANT,
    UNAVAILABLE,
    ComponentScan,
    HostScan,
    PackageScan,
    ScanResult,
)
from auditor.lab.vcenter.depot import LabDepot


def cluster_compliance(scan: ScanResult, depot: LabDepot, names: Mapping[str, str], *, api: tuple[int, ...]) -> Any:
    """A stored scan. `names` are the hosts' names by id; `api` is the version, which knows a stage status from 8.0 on, and a
    host's image and hardware from 9.0 on."""
    staging = api >= (8, 0)
    return settings.ClusterCompliance(
        impact=scan.impact,
        status=scan.status,
        stage_status=_stage(scan.status, staging=staging),
        notifications=settings.Notifications(),
        scan_time=scan.time,
        commit=scan.commit or None,
        compliant_hosts=scan.host_ids(COMPLIANT),
        non_compliant_hosts=scan.host_ids(NON_COMPLIANT),
        incompatible_hosts=scan.host_ids(INCOMPATIBLE),
        unavailable_hosts=scan.host_ids(UNAVAILABLE),
        hosts={moid: _host_compliance(host, scan, depot, api=api) for moid, host in scan.hosts.items()},
        host_info={moid: settings.HostInfo(name=names[moid]) for moid in scan.hosts.keys() | scan.unavailable if moid in names},
    )


def _stage(status: str, *, staging: bool) -> str | None:
    return "NOT_STAGED" if staging and status == NON_COMPLIANT else None


def _host_compliance(host: HostScan, scan: ScanResult, depot: LabDepot, *, api: tuple[int, ...]) -> Any:
    staging = api >= (8, 0)
    return settings.HostCompliance(
        impact=host.impact,
        status=host.status,
        stage_status=_stage(host.status, staging=staging),
        notifications=_host_notifications(host, scan),
        scan_time=scan.time,
        commit=scan.commit or None,
        base_image=settings.BaseImageCompliance(
            status=host.base_status,
            stage_status=_stage(host.base_status, staging=staging),
            current=base_image_info(host.base_current, depot),
            target=base_image_info(host.software.base_image, depot),
            notifications=settings.Notifications(),
        ),
        add_on=settings.AddOnCompliance(
            status=host.add_on_status,
            stage_status=_stage(host.add_on_status, staging=staging),
            current=add_on_info(host.add_on_current, depot),
            target=add_on_info(host.software.add_on, depot),
            notifications=settings.Notifications(),
        ),
        hardware_support={manager: _package(each, staging=staging) for manager, each in host.packages.items()},
        components={name: _component(name, each, depot, staging=staging) for name, each in host.components.items()},
        solutions={},
        removed_components={
            name: _component(name, each, depot, staging=staging)
            for name, each in host.components.items()
            if each.target_source == "USER_REMOVED"
        }
        or None,
        image=_image_details(host, scan),
        host_hardware_details=_hardware_details(host) if api >= (9, 0) else None,
    )


def _image_details(host: HostScan, scan: ScanResult) -> Any | None:
    """Which part of a composite image the host was compared with: empty texts are the default one."""
    if not scan.software.alternatives:
        return None
    name = next((each.display_name for each in scan.software.alternatives if each.id == host.image), "")
    return settings.ImageDetails(id=host.image, info=settings.ImageInfo(display_name=name))


def _hardware_details(host: HostScan) -> Any | None:
    found = host.hardware
    return found and settings.HostHardwareDetails(
        host_uuid=found.uuid, vendor=found.vendor, model=found.model, family="", oem_strings=set()
    )


def _package(scan: PackageScan, *, staging: bool) -> Any:
    """Firmware of single modules is not simulated, and a hardware support manager need not tell it."""
    info = settings.HardwareSupportPackageInfo
    return settings.HardwareSupportPackageCompliance(
        status=scan.status,
        stage_status=_stage(scan.status, staging=staging),
        current=scan.current and info(pkg=scan.current[0], version=scan.current[1]),
        target=info(pkg=scan.target[0], version=scan.target[1]),
        hardware_modules={},
        notifications=settings.Notifications(),
    )


def _component(name: str, scan: ComponentScan, depot: LabDepot, *, staging: bool) -> Any:
    return settings.ComponentCompliance(
        status=scan.status,
        stage_status=_stage(scan.status, staging=staging),
        current=component_info(name, scan.current, depot),
        target=component_info(name, scan.target, depot),
        current_source=scan.current_source,
        target_source=scan.target_source,
        notifications=settings.Notifications(),
    )


def _host_notifications(host: HostScan, scan: ScanResult) -> Any:
    # What an incompatible host is told in detail is not public, so it is told nothing.
    if host.status == NON_COMPLIANT:
        text = "The host will be rebooted during remediation."
        return notifications(scan.time, info=("HostScan.RebootImpact", text))
    return settings.Notifications()
