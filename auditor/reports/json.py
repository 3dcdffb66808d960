"""Reports as JSON data: the documents of ``schemas/audit.v1.json`` and ``schemas/snapshot.v1.json``.

Written out field by field, and not taken from the dataclasses: a published form must not change because a field of ours
was renamed. Text from outside is kept as it was read; JSON escapes what could act on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from auditor.codec import timestamp
from auditor.domain.assessment import Accepted, Assessment, ClusterRow, HostRow, HostState, RouteResult, VCenterRow
from auditor.domain.findings import Finding, Severity
from auditor.domain.hosts import Fact
from auditor.domain.image import AddOn, BaseImage, DesiredImage, Product
from auditor.domain.observation import Read, Unread, VCenterMarks
from auditor.domain.owed import MissingReading
from auditor.domain.readings.registry import BY_KEY
from auditor.domain.snapshot import SnapshotSummary
from auditor.reports.next import runbook_for

T = TypeVar("T")
Plain = dict[str, Any]
Memo = dict[tuple[str, int], Any]

AUDIT = "auditor/audit/v1"
SNAPSHOT = "auditor/snapshot/v1"


def audit_document(assessment: Assessment) -> Plain:
    """The whole assessment, valid by schema ``audit.v1``."""
    memo: Memo = {}
    return {
        "schema": AUDIT,
        "at": timestamp(assessment.at),
        "source": assessment.source.value,
        "run": assessment.run,
        "runs_before": assessment.runs_before,
        "verdict": assessment.verdict.value,
        "counts": {
            "hosts": {state.value: sum(host.state is state for host in assessment.hosts) for state in HostState},
            "findings": {
                severity.value: sum(finding.severity is severity for finding in assessment.findings) for severity in Severity
            },
        },
        "findings": [_finding(finding) for finding in assessment.findings],
        "vcenters": [_vcenter(row) for row in assessment.vcenters],
        "clusters": [_cluster(row) for row in assessment.clusters],
        "hosts": [_host(row, memo) for row in assessment.hosts],
        "accepted": [_accepted(row) for row in assessment.accepted],
        "limits": list(assessment.limits),
        "next": list(assessment.next),
    }


def _accepted(row: Accepted) -> Plain:
    return {
        "vcenter": row.vcenter,
        "cluster": row.cluster or None,
        "host": row.host or None,
        "layer": row.layer.value if row.layer else None,
        "route": row.route or None,
        "reason": row.reason or None,
        "name": row.name,
        "version": row.version,
        "owner": row.owner,
        "ticket": row.ticket,
        "expires": timestamp(row.expires),
        "state": row.state.value,
        "hosts": list(row.hosts),
    }


def snapshot_document(summary: SnapshotSummary) -> Plain:
    """What a snapshot saw and did not see, valid by schema ``snapshot.v1``."""
    return {
        "schema": SNAPSHOT,
        "run": summary.run,
        "at": timestamp(summary.at),
        "history": summary.history,
        "complete": summary.complete,
        "new_documents": summary.new_documents,
        "vcenters": [
            {
                "name": vcenter.name,
                "marks": _reading(vcenter.marks, _marks),
                "clusters": vcenter.clusters,
                "hosts": vcenter.hosts,
                "gaps": [{"part": gap.part, **_unread(gap.why)} for gap in vcenter.gaps],
            }
            for vcenter in summary.vcenters
        ],
        "hosts": [
            {
                "name": host.name,
                "vcenter": host.vcenter or None,
                "seen": host.seen,
                "routes": [_route(route) for route in host.routes],
                "complete": host.complete,
                "missing": [_missing(one) for one in host.missing],
            }
            for host in summary.hosts
        ],
    }


def _missing(one: MissingReading) -> Plain:
    return {
        "reading": one.key,
        "part": one.part,
        "failures": [
            {"route": f.route.value, **_unread(f.why), "whole_route": f.whole, "accepted": f.accepted} for f in one.failures
        ],
    }


def _unread(reading: Unread) -> Plain:
    return {"unread": reading.reason.value, "detail": reading.detail}


def _reading(reading: Read[T] | Unread, plain: Callable[[T], Any]) -> Plain:
    return {"value": plain(reading.value)} if isinstance(reading, Read) else _unread(reading)


def _same(value: T) -> T:
    return value


def _time(value: datetime | None) -> str | None:
    return timestamp(value) if value else None


def _finding(finding: Finding) -> Plain:
    subject = finding.subject
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "subject": {
            "kind": subject.kind.value,
            "name": subject.name,
            "vcenter": subject.vcenter or None,
            "id": subject.id or None,
        },
        "summary": finding.summary,
        "hosts": list(finding.hosts),
        "evidence": list(finding.evidence),
        "do": list(finding.do),
        "avoid": list(finding.avoid),
        "rests_on": list(finding.rests_on),
        "runbook": runbook_for(finding.code),
    }


def _marks(marks: VCenterMarks) -> Plain:
    return {
        "instance_uuid": marks.instance_uuid,
        "version": marks.version,
        "build": marks.build,
        "newest_event_key": _reading(marks.newest_event_key, _same),
        "newest_event_time": _reading(marks.newest_event_time, timestamp),
        "clock": _reading(marks.clock, timestamp),
    }


def _vcenter(row: VCenterRow) -> Plain:
    return {"name": row.name, "marks": _reading(row.marks, _marks), "clusters": row.clusters, "hosts": row.hosts}


def _cluster(row: ClusterRow) -> Plain:
    return {
        "id": row.id,
        "name": row.name,
        "vcenter": row.vcenter,
        "state": row.state.value,
        "mode": _reading(row.mode, lambda mode: mode.value),
        "image": _reading(row.image, _image),
        "commit": row.commit or None,
        "commit_time": _time(row.commit_time),
        "vendor_status": row.vendor_status or None,
        "scan_time": _time(row.scan_time),
        "hosts": list(row.hosts),
    }


def _base_image(image: BaseImage) -> Plain:
    return {"version": image.version.raw, "display": image.display, "in_depot": image.in_depot}


def _add_on(add_on: AddOn) -> Plain:
    return {"name": add_on.name, "version": add_on.version, "display": add_on.display, "in_depot": add_on.in_depot}


def _product(product: Product) -> Plain:
    return {
        "version": product.version,
        "build": product.build,
        "name": product.name,
        "update": product.update,
        "patch": product.patch,
        "label": product.label,
    }


def _image(image: DesiredImage) -> Plain:
    return {
        "base_image": _base_image(image.base_image) if image.base_image else None,
        "add_on": _add_on(image.add_on) if image.add_on else None,
        "components": dict(sorted(image.components.items())),
        "solutions": [{"name": solution.name, "version": solution.version} for solution in image.solutions],
        "hardware_support": [
            {"manager": item.manager, "package": item.package, "version": item.version} for item in image.hardware_support
        ],
        "removed_components": list(image.removed_components),
        "alternatives": list(image.alternatives),
    }


def _route(result: RouteResult) -> Plain:
    return {
        "route": result.route.value,
        "at": timestamp(result.at),
        "trouble": _unread(result.trouble) if result.trouble else None,
    }


def _host(row: HostRow, memo: Memo) -> Plain:
    return {
        "name": row.name,
        "vcenter": row.vcenter or None,
        "cluster": row.cluster or None,
        "cluster_id": row.cluster_id or None,
        "state": row.state.value,
        "listed": row.listed,
        "runs": _reading(row.runs, _base_image),
        "product": _reading(row.product, _product),
        "label": row.label or None,
        "connection": row.connection or None,
        "inventory": row.inventory or None,
        "vendor_status": row.vendor_status or None,
        "layers": [
            {
                "layer": layer.layer.value,
                "name": layer.name,
                "state": layer.state.value,
                "desired": layer.desired or None,
                "installed": layer.installed or None,
                "basis": layer.basis,
                "accepted": layer.accepted,
            }
            for layer in row.layers
        ],
        "staged": _reading(row.staged, _same),
        "in_maintenance_mode": row.in_maintenance_mode,
        "routes": [_route(route) for route in row.routes],
        "last_seen": _time(row.last_seen),
        "note": row.note or None,
        "readings": readings_document(row.facts, memo),
    }


def readings_document(facts: Iterable[Fact], memo: Memo | None = None) -> Plain:
    """Every reading by its key, with the route that gave it and when; the values in their published form. Hosts that share a
    value, as a fleet does its VIBs, share its form through ``memo``."""
    memo = {} if memo is None else memo
    return {fact.key: _fact(fact, memo) for fact in facts}


def _fact(fact: Fact, memo: Memo) -> Plain:
    if isinstance(fact.reading, Unread):
        return _unread(fact.reading)
    value = fact.reading.value
    if (fact.key, id(value)) not in memo:
        memo[fact.key, id(value)] = BY_KEY[fact.key].plain(value)
    return {"value": memo[fact.key, id(value)], "route": fact.route, "at": _time(fact.at)}


__all__ = ["AUDIT", "SNAPSHOT", "audit_document", "readings_document", "snapshot_document"]
