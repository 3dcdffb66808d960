"""`--help` alone teaches a command: it says what it is for, and every example in it is one that the command takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from auditor.cli.main import cli
from auditor.cli.options import Invocation


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None
            yield from commands(member, (*path, name))


ALL = {" ".join(path) or "auditor": (path, command) for path, command in commands(cli)}
LEAVES = [name for name, (_, command) in ALL.items() if not isinstance(command, click.Group)]


def help_of(name: str, width: int = 120) -> str:
    path, command = ALL[name]
    return command.get_help(click.Context(command, info_name=f"auditor {' '.join(path)}", terminal_width=width))


def examples(name: str) -> list[str]:
    """The lines that a reader would type, without remarks in brackets and what the shell does."""
    lines = re.findall(r"^ {4}(?:[0-9*]+ +[0-9*]+ .*?)?(auditor .+)$", help_of(name), re.MULTILINE)
    return [re.split(r"  +\(| [|>] ", line)[0].strip() for line in lines]


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_has_an_example_of_itself(name: str) -> None:
    assert any(line.startswith(f"auditor {name}") for line in examples(name)), help_of(name)


def taken(words: list[str]) -> None:
    """Parse a command line down to its command, and run nothing. Raises ``UsageError``."""
    command: click.Command = cli
    context = cli.make_context("auditor", words[1:], obj=Invocation())
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize("name", ALL)
def test_every_example_is_one_that_the_command_takes(name: str) -> None:
    for line in examples(name):
        taken(shlex.split(line))


@pytest.mark.parametrize("name", [name for name in ALL if name not in LEAVES])
def test_the_list_of_commands_is_not_cut_off(name: str) -> None:
    listed = help_of(name, 80).partition("Commands:")[2]
    assert listed
    assert not re.search(r"\.\.\.$", listed, re.MULTILINE)
