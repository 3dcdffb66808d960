"""What every command that writes asks for: --execute, --ticket, --operator."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from auditor.cli import output
from auditor.errors import OldPaperError

F = TypeVar("F", bound=Callable[..., object])
LONGEST = 200


def write_options(what: str) -> Callable[[F], F]:
    """The three options; ``what`` says what --execute does."""

    def add(function: F) -> F:
        function = click.option(
            "--operator", default="", metavar="NAME", callback=_line, help="Who does it. Default: USER@HOST."
        )(function)
        function = click.option(
            "--ticket", default="", metavar="TICKET", callback=_line, help="The change this belongs to; needed by --execute."
        )(function)
        return click.option("--execute", is_flag=True, help=what)(function)

    return add


def check_ticket(execute: bool, ticket: str) -> None:
    """Raise ``UsageError`` for --execute without --ticket."""
    if execute and not ticket:
        raise click.UsageError("--execute needs --ticket")


def operator_or_me(operator: str) -> str:
    """The operator as given, or this user on this machine."""
    if operator:
        return operator
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


@contextmanager
def shown_if_old(render: Callable[[object], str], *, as_json: bool) -> Iterator[None]:
    """A paper of the format before is shown, with that said on top, and refused all the same."""
    try:
        yield
    except OldPaperError as error:
        if not as_json:
            head = "MADE BEFORE THE WHOLE TEXT WAS PROTECTED: what follows is the file's word and was not checked."
            output.emit(f"{head}\n\n{render(error.paper)}")
        raise


def _line(_: click.Context, param: click.Parameter, text: str) -> str:
    """One line of printable text: it goes into vCenter's records."""
    text = " ".join(text.split())
    if not text.isprintable() or len(text) > LONGEST:
        raise click.BadParameter(f"one line of at most {LONGEST} printable characters", param=param)
    return text


__all__ = ["check_ticket", "operator_or_me", "shown_if_old", "write_options"]
