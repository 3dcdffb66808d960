"""Writes the generated parts of the documentation, or checks that they are up to date.

    python docs/generate.py          write
    python docs/generate.py --check  exit 1 and name the files that are not

The parts stand between cog's markers in the Markdown files themselves; cog runs what the marker says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from cogapp import Cog

from auditor.cli.exit_codes import ExitCode
from auditor.cli.main import cli
from auditor.domain.findings import Code
from auditor.reports.next import runbook_for

ROOT = Path(__file__).resolve().parent.parent
FILES = ("README.md", "docs/commands.md")
WIDTH = 100


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ("auditor",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its path, groups before their members."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None and not member.hidden:
                yield from commands(member, (*path, name))


def help_of(path: tuple[str, ...], command: click.Command) -> str:
    """The command's ``--help``, as it is on a terminal of ``WIDTH`` columns."""
    context: click.Context | None = None
    for name in path[:-1]:
        context = click.Context(click.Group(name), info_name=name, parent=context)
    return command.get_help(
        click.Context(
            command,
            info_name=path[-1],
            parent=context,
            terminal_width=WIDTH,
            max_content_width=WIDTH,
            help_option_names=["-h", "--help"],
        )
    )


def exit_code_table() -> str:
    """All exit codes as a Markdown table."""
    return "\n".join(["| code | meaning |", "| --- | --- |", *(f"| {code.value} | {code.meaning} |" for code in ExitCode)])


def finding_table() -> str:
    """All finding codes as a Markdown table."""
    rows = (f"| `{code.value}` | {code.meaning} | `auditor runbook show {runbook_for(code)}` |" for code in Code)
    return "\n".join(["| code | meaning | runbook |", "| --- | --- | --- |", *rows])


def command_reference() -> str:
    """A heading and the help of every command."""
    return "\n\n".join(f"## {' '.join(path)}\n\n```text\n{help_of(path, command)}\n```" for path, command in commands())


def main(arguments: list[str]) -> int:
    """Run cog over all files."""
    sys.path.insert(0, str(ROOT / "docs"))
    options = ["--check", "--diff"] if "--check" in arguments else ["-r"]
    status = 0
    for name in FILES:
        status = max(status, Cog().main(["cog", *options, "-P", str(ROOT / name)]) or 0)
    if status:
        sys.stderr.write("documentation is not up to date: run python docs/generate.py\n")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
