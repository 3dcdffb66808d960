"""``auditor depot import``: an offline bundle into vCenter's depot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.cli.writes import check_ticket, operator_or_me, write_options
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.ports import Progress


@click.command(name="import")
@click.argument("source", metavar="ZIP|URL")
@click.option("--vcenter", default="", help="Into this vCenter's depot, by its name in the configuration.")
@write_options("Import it. Without it the bundle is inspected and nothing is sent.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def import_(invocation: Invocation, source: str, vcenter: str, execute: bool, ticket: str, operator: str, as_json: bool) -> int:
    """Bring an offline bundle into vLCM's depot: a ZIP of yours is uploaded, a URL (http, https) is pulled by vCenter itself.

    A ZIP is looked into first, and refused when it is not what it says it holds (`auditor depot inspect ZIP` shows it all).
    Changes vCenter's depot and nothing else: no host, no image. A bundle that is there already counts as done, so an import
    that was interrupted is simply repeated. What is imported stays: this tool takes nothing out of a depot.

    \b
    Examples:
      auditor depot import VMware-ESXi-8.0U3g-24859861-depot.zip
      auditor depot import VMware-ESXi-8.0U3g-24859861-depot.zip --execute --ticket CHG0042
      auditor depot import https://depot.example.org/DEL-ESXi_803.24414501-A03-depot.zip --execute --ticket CHG0042
    """
    check_ticket(execute, ticket)
    from auditor.cli import wiring, wiring_write
    from auditor.reports.transfer import import_document, render_import
    from auditor.workflows.depot_import import ImportTools, import_bundle

    config = invocation.config()
    name = wiring_write.only_vcenter(config, vcenter)
    location: Path | str = source if urlsplit(source).scheme in {"http", "https"} else Path(source)
    with wiring.progress() as progress:
        digest = _inspected(location, progress) if isinstance(location, Path) else ""
        with wiring_write.journal(config) as journal, wiring_write.depot_editor(config, name) as editor:
            tools = ImportTools(editor, journal, wiring.SystemClock(), progress)
            result = import_bundle(
                location, tools, execute=execute, operator=operator_or_me(operator), ticket=ticket, digest=digest
            )
    if as_json:
        output.emit_json(import_document(result))
    else:
        output.emit(render_import(result))
    return ExitCode.DONE


def _inspected(path: Path, progress: Progress) -> str:
    """The SHA-256 of a bundle that is whole. Raises ``InputError``."""
    from auditor.depot import read_bundle

    bundle = read_bundle(path, progress)
    if not bundle.sound:
        said = "; ".join(bundle.problems[:3]) or "a VIB in it is not what the metadata says"
        raise InputError(f"it is not whole: {said}", where=str(path), hint=f"auditor depot inspect {path}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
