"""What every command that writes asks for: --execute, --ticket, --operator."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from typing import TypeVar

import click

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


def _line(_: click.Context, param: click.Parameter, text: str) -> str:
    """One line of printable text: it goes into vCenter's records."""
    text = " ".join(text.split())
    if not text.isprintable() or len(text) > LONGEST:
        raise click.BadParameter(f"one line of at most {LONGEST} printable characters", param=param)
    return text


__all__ = ["check_ticket", "operator_or_me", "write_options"]
