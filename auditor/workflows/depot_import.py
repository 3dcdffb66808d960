"""Bring an offline bundle into vCenter's depot, and see what it brought. Adds only; nothing is taken out.

An import is safe to repeat: the very same bundle counts as done. So a run that was killed needs no resuming: its operation is
closed by the next import into the same depot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from auditor.domain.editing import Imported, VlcmTask
from auditor.domain.journal import Phase
from auditor.domain.observation import Depot
from auditor.errors import AbsentError, AuditorError, LockedError, RefusedError
from auditor.ports import Clock, DepotEditor, Journal, Progress
from auditor.workflows.told import told

KIND = "depot-import"
UPLOAD = "upload"
IMPORT = "import"


class ImportOutcome(StrEnum):
    """How an import ended."""

    DRY_RUN = "dry-run"
    IMPORTED = "imported"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a bundle. ``brought`` is what vCenter says it holds, where it says so (7.0.3 and later); ``new`` what the
    depot has now and had not before; ``operation`` 0: none, a dry run."""

    source: str
    vcenter: str
    outcome: ImportOutcome
    depot: str = ""
    brought: Depot | None = None
    new: Depot = field(default_factory=Depot)
    operation: int = 0
    running: tuple[VlcmTask, ...] = ()


@dataclass(frozen=True)
class ImportTools:
    """What an import works with."""

    editor: DepotEditor
    journal: Journal
    clock: Clock
    progress: Progress


def import_bundle(
    source: Path | str, tools: ImportTools, *, execute: bool, operator: str, ticket: str, digest: str = ""
) -> ImportResult:
    """Import a bundle: a file, which is uploaded, or an http(s) URL, from which vCenter pulls. With ``execute`` False only
    vCenter's depot is looked at. ``digest`` is the file's SHA-256, for the journal.

    Raises ``RefusedError`` while another import runs, and what the editor raises."""
    editor, vcenter = tools.editor, tools.editor.name
    running = tuple(task for task in editor.operations() if task.running)
    if not execute:
        return ImportResult(str(source), vcenter, ImportOutcome.DRY_RUN, running=running)
    if running:
        said = ", ".join(f"{task.operation} by {task.user or 'somebody'}" for task in running)
        raise RefusedError(f"the depot is being worked on: {said}", where=vcenter, hint="wait until it is over")
    before = editor.content()
    number = _open(tools, str(source), digest=digest, operator=operator, ticket=ticket)
    try:
        imported = _import(source, tools, number, ticket)
    except AuditorError as error:
        tools.journal.write(number, _subject(tools), IMPORT, Phase.FAILED, tools.clock.now(), {"why": error.what})
        tools.journal.close_operation(number, "failed", tools.clock.now())
        raise
    outcome = ImportOutcome.KNOWN if imported.known else ImportOutcome.IMPORTED
    tools.journal.write(number, _subject(tools), IMPORT, Phase.DONE, tools.clock.now(), {"depot": imported.depot})
    tools.journal.close_operation(number, outcome.value, tools.clock.now())
    return ImportResult(
        str(source), vcenter, outcome, imported.depot, _brought(editor, imported), _new(before, editor.content()), number
    )


def _open(tools: ImportTools, source: str, *, digest: str, operator: str, ticket: str) -> int:
    """Begin the operation; one that was killed is closed first. Raises ``LockedError`` while another process imports."""
    subject = _subject(tools)
    for left in tools.journal.operations(KIND, unfinished=True):
        if subject in left.subjects:
            tools.journal.resume(left.id)  # LockedError while its process lives
            tools.journal.close_operation(left.id, "interrupted", tools.clock.now())
    try:
        return tools.journal.open(
            KIND, (subject,), document=source, digest=digest, operator=operator, ticket=ticket, at=tools.clock.now()
        )
    except LockedError as error:
        error.where = subject
        raise


def _subject(tools: ImportTools) -> str:
    return f"depot of {tools.editor.name}"


def _import(source: Path | str, tools: ImportTools, number: int, ticket: str) -> Imported:
    editor, note = tools.editor, _noter(tools, number)
    description = f"{ticket}: {source.name if isinstance(source, Path) else source}"[:250]
    if isinstance(source, Path):
        note(UPLOAD, Phase.INTENT, {"file": str(source)})
        file_id = editor.upload(source, told(tools.progress, "upload"))
        note(UPLOAD, Phase.DONE, {"file_id": file_id})
        note(IMPORT, Phase.INTENT, {"file_id": file_id})
        started = editor.start_push(file_id, description)
    else:
        note(IMPORT, Phase.INTENT, {"location": source})
        started = editor.start_pull(source, description)
    if isinstance(started, Imported):
        return started
    note(IMPORT, Phase.NOTE, {"task": started})
    return editor.finish_import(started, told(tools.progress, "import"))


def _noter(tools: ImportTools, number: int) -> Callable[[str, Phase, dict[str, str]], object]:
    return lambda step, phase, data: tools.journal.write(number, _subject(tools), step, phase, tools.clock.now(), data)


def _brought(editor: DepotEditor, imported: Imported) -> Depot | None:
    """What vCenter says of the bundle; older ones do not say (before 7.0.3)."""
    try:
        return editor.brought(imported.depot)
    except (AbsentError, RefusedError):
        return None


def _new(before: Depot, now: Depot) -> Depot:
    return Depot(tuple(sorted({*now.base_images} - {*before.base_images})), tuple(sorted({*now.add_ons} - {*before.add_ons})))


__all__ = ["KIND", "ImportOutcome", "ImportResult", "ImportTools", "import_bundle"]
