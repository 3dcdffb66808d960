"""Builds the objects that can change a vCenter, for write commands alone. No read command imports this module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli import wiring
from auditor.domain.past import Past
from auditor.errors import AuditorError, ConfigError

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.history.journal import SqliteJournal
    from auditor.ports import DepotEditor, ImageEditor, ImageExporter
    from auditor.workflows.apply_look import Tools
    from auditor.workflows.collect import Sources

EXPORT_SECONDS = 3600.0
"""How long an export may take: the call answers when vCenter has made the file, which is gigabytes."""


def journal(config: Config) -> SqliteJournal:
    """The journal of write operations, in the history file; a context manager. Raises ``HistoryError``."""
    from auditor.history.journal import SqliteJournal

    return SqliteJournal(config.history)


@contextmanager
def image_editor(config: Config, vcenter: str, *, may_commit: bool) -> Iterator[ImageEditor]:
    """The editor of one vCenter's cluster images; without ``may_commit`` it cannot commit. Raises ``InputError``."""
    from auditor.vcenter.editor import VCenterImageEditor

    found = config.vcenter(vcenter)
    editor = VCenterImageEditor(wiring.vcenter_settings(config, found), found.password.reveal, may_commit=may_commit)
    try:
        yield editor
    finally:
        editor.close()


@contextmanager
def depot_editor(config: Config, vcenter: str) -> Iterator[DepotEditor]:
    """What brings content into one vCenter's depot. Raises ``InputError``."""
    from auditor.vcenter.depot_editor import VCenterDepotEditor

    found = config.vcenter(vcenter)
    editor = VCenterDepotEditor(wiring.vcenter_settings(config, found), found.password.reveal, upload_port=found.upload_port)
    try:
        yield editor
    finally:
        editor.close()


@contextmanager
def image_exporter(config: Config, vcenter: str) -> Iterator[ImageExporter]:
    """What has one vCenter make files of an image: it writes on vCenter's own disk. Raises ``InputError``."""
    from auditor.vcenter.exporter import VCenterImageExporter

    found = config.vcenter(vcenter)
    settings = replace(wiring.vcenter_settings(config, found), read_timeout=EXPORT_SECONDS)
    exporter = VCenterImageExporter(settings, found.password.reveal)
    try:
        yield exporter
    finally:
        exporter.close()


@contextmanager
def cluster_sources(config: Config, vcenter: str, cluster: str) -> Iterator[Sources]:
    """The readers of one cluster (managed object id) of one vCenter, for the facts before a write and the proof after it."""
    config.vcenter(vcenter)
    narrowed = replace(config, vcenters=tuple(each for each in config.vcenters if each.name == vcenter))
    with wiring.sources(narrowed, only=frozenset({cluster.lower()})) as made:
        yield made


@contextmanager
def apply_tools(
    config: Config, journal: SqliteJournal, vcenter: str, cluster: str, *, folder: Path, may_commit: bool
) -> Iterator[Tools]:
    """Everything an apply of one cluster works with; inverse proposals go into ``folder``. What history knows is read; a
    history that cannot be read is known nothing of, and the journal, which is in the same file, says so first."""
    from auditor.cli.propose import load_tables
    from auditor.workflows.apply_look import Tools
    from auditor.workflows.proposal_file import file_name, write_proposal

    with (
        wiring.past_or_why(config) as known,
        cluster_sources(config, vcenter, cluster) as sources,
        image_editor(config, vcenter, may_commit=may_commit) as editor,
        wiring.progress() as progress,
    ):
        yield Tools(
            sources=sources,
            editor=editor,
            journal=journal,
            past=Past() if isinstance(known, AuditorError) else known,
            tables=load_tables(config),
            clock=wiring.SystemClock(),
            progress=progress,
            keep=lambda proposal: str(write_proposal(folder, proposal, _inverse_name(file_name(proposal)))),
        )


def _inverse_name(name: str) -> str:
    """``….inverse.json`` for ``….proposal.json``: not to be taken for the proposal it lies beside."""
    return name.removesuffix(".proposal.json") + ".inverse.json"


def only_vcenter(config: Config, name: str) -> str:
    """The vCenter that is meant: the one named, or the only one there is. Raises ``InputError``, ``ConfigError``."""
    if name:
        return config.vcenter(name).name
    if len(config.vcenters) != 1:
        names = ", ".join(each.name for each in config.vcenters) or "none"
        hint = f"--vcenter NAME says which; configured: {names}"
        raise ConfigError("it is not clear which vCenter is meant", where=str(config.path), hint=hint)
    return config.vcenters[0].name


__all__ = ["apply_tools", "cluster_sources", "depot_editor", "image_editor", "image_exporter", "journal", "only_vcenter"]
