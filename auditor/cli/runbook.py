"""``auditor runbook``: what to do about a finding, step by step."""

from __future__ import annotations

import click

from auditor import resources
from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option
from auditor.domain.findings import Code
from auditor.errors import InputError
from auditor.reports.next import runbook_for


@click.group()
def runbook() -> None:
    """Show what to do about a finding, step by step."""


@runbook.command("list")
@json_option
@verbose_option
def list_(as_json: bool) -> int:
    """List the runbooks and the findings each is for.

    \b
    Example:
      auditor runbook list
    """
    names = resources.runbook_names()
    codes = {name: [code.value for code in Code if runbook_for(code) == name] for name in names}
    if as_json:
        entries = [{"name": name, "title": resources.runbook_title(name), "findings": codes[name]} for name in names]
        output.emit_json({"schema": "auditor/runbooks/v1", "runbooks": entries})
        return ExitCode.DONE
    width = max(len(name) for name in names)
    for name in names:
        output.emit(f"{name:{width}}  {resources.runbook_title(name)}")
        if codes[name]:
            output.emit(f"{'':{width}}  for: {', '.join(codes[name])}")
    return ExitCode.DONE


@runbook.command(short_help="Print a runbook, by its name or a finding's code.")
@click.argument("name")
@verbose_option
def show(name: str) -> int:
    """Print runbook NAME, or the one for the finding with code NAME, as Markdown.

    \b
    Examples:
      auditor runbook show host-ahead
      auditor runbook show post-restore-audit
    """
    if name not in resources.runbook_names():
        try:
            name = runbook_for(Code(name))
        except ValueError:
            known = ", ".join([*resources.runbook_names(), *(code.value for code in Code)])
            raise InputError(f"there is no runbook and no finding {name!r}", hint=f"one of: {known}") from None
    output.emit(resources.runbook(name).rstrip())
    return ExitCode.DONE
