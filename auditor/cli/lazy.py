"""A click group that knows its commands' names and one-line helps without importing them.

`auditor --help` and shell completion stay fast, and a command that needs an optional library fails only when it is used.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import click

from auditor import installed
from auditor.errors import AuditorError


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is (``module:attribute``), its one-line help, and the extra it may need."""

    target: str
    help: str
    extra: str = ""

    def load(self) -> click.Command:
        """Import the command. Raises ``AuditorError`` naming the extra when a library of it is missing."""
        module, _, attribute = self.target.partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not self.extra or (error.name or "").startswith("auditor"):
                raise
            raise AuditorError(
                f"this command needs the library {error.name!r}, which is not installed",
                hint=installed.advice(self.extra),
            ) from error
        assert isinstance(command, click.Command), self.target  # noqa: S101 - a mistake in our own table
        return command


class LazyGroup(click.Group):
    """A group over a table of ``Lazy`` commands, listed in the table's order."""

    def __init__(self, *args: Any, table: dict[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0] in self.table or args[0].startswith("-"):
                raise
            raise click.UsageError(f"There is no command {args[0]!r}. One of: {', '.join(self.table)}.", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.table.items()])
