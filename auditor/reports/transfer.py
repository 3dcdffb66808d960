"""Imports into a depot and exports from vCenter, as text and as documents."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Protocol

from auditor.domain.editing import Downloaded, ExportKind, VlcmTask
from auditor.domain.observation import ClusterView, Depot, value_of
from auditor.reports.safe import printable

Plain = dict[str, Any]
IMPORT = "auditor/depot-import/v1"
EXPORT = "auditor/export-file/v1"


class ImportEnd(Protocol):
    """What an import's report is made of: the result of the workflow."""

    @property
    def source(self) -> str: ...
    @property
    def vcenter(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def depot(self) -> str: ...
    @property
    def brought(self) -> Depot | None: ...
    @property
    def new(self) -> Depot: ...
    @property
    def operation(self) -> int: ...
    @property
    def running(self) -> tuple[VlcmTask, ...]: ...


def import_document(result: ImportEnd) -> Plain:
    """Valid by schema ``depot-import.v1``."""
    return {
        "schema": IMPORT,
        "source": result.source,
        "vcenter": result.vcenter,
        "outcome": str(result.outcome),
        "operation": result.operation or None,
        "depot": result.depot or None,
        "brought": _depot(result.brought) if result.brought else None,
        "new": _depot(result.new),
        "next": _next(result),
    }


def _depot(depot: Depot) -> Plain:
    return {
        "base_images": list(depot.base_images),
        "add_ons": [{"name": name, "version": version} for name, version in depot.add_ons],
    }


def _next(result: ImportEnd) -> list[str]:
    if result.outcome == "dry-run":
        return [f"auditor depot import {shlex.quote(result.source)} --execute --ticket TICKET"]
    return ["auditor propose CLUSTER"]


def render_import(result: ImportEnd) -> str:
    """What would be or was imported, what it brought, and what to type next."""
    source = printable(result.source)
    lines = {
        "dry-run": [f"{source} would be imported into the depot of {result.vcenter}. Nothing was sent."],
        "imported": [f"{source} was imported into the depot of {result.vcenter} as offline depot {result.depot}."],
        "known": [f"{source} is in the depot of {result.vcenter} already, as offline depot {result.depot}."],
    }[str(result.outcome)]
    for task in result.running:
        lines.append(f"  now running there: {task.operation} by {printable(task.user) or 'somebody'}")
    if result.brought is not None:
        lines += [f"  holds {text}" for text in _items(result.brought)]
    lines += [f"  new in the depot: {text}" for text in _items(result.new)]
    if result.outcome == "imported" and not _items(result.new):
        lines.append("  the depot had all its base images and add-ons already")
    return "\n".join([*lines, *(f"next: {command}" for command in _next(result))])


def _items(depot: Depot) -> list[str]:
    found = [f"base image {printable(version)}" for version in depot.base_images]
    return found + [f"add-on {printable(name)} {printable(version)}" for name, version in depot.add_ons]


def export_document(cluster: ClusterView, vcenter: str, kind: ExportKind, path: Path, fetched: Downloaded) -> Plain:
    """Valid by schema ``export-file.v1``."""
    commit = value_of(cluster.commit)
    return {
        "schema": EXPORT,
        "vcenter": vcenter,
        "cluster": cluster.name,
        "cluster_id": cluster.id,
        "commit": commit.id if commit else None,
        "kind": {ExportKind.ISO: "iso", ExportKind.BUNDLE: "bundle"}.get(kind, kind.value),
        "file": str(path),
        "size": fetched.size,
        "sha256": fetched.sha256,
        "authenticated": fetched.authenticated,
    }


def render_export(cluster: ClusterView, vcenter: str, kind: ExportKind, path: Path, fetched: Downloaded) -> str:
    """The file with its checksum, in the form that sha256sum checks, and what it is of."""
    commit = value_of(cluster.commit)
    of = f"{printable(cluster.name)} on {vcenter}" + (f", commit {commit.id}" if commit else "")
    lines = [f"{fetched.sha256}  {printable(str(path))}", f"  {fetched.size:,} bytes, image of {of}"]
    if not fetched.authenticated:
        lines.append("  fetched over plain HTTP: nobody vouches for it; compare the checksum by another way before using it")
    if kind is ExportKind.BUNDLE:
        lines.append(f"next: auditor depot inspect {shlex.quote(str(path))}")
    return "\n".join(lines)


__all__ = ["export_document", "import_document", "render_export", "render_import"]
