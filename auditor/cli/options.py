"""Options every command shares, and the record of one invocation they fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli import output

if TYPE_CHECKING:
    from auditor.config import Config

F = TypeVar("F", bound=Callable[..., object])


@dataclass
class Invocation:
    """What was given on the command line for every command. Commands get it with ``@click.pass_obj``."""

    config_path: Path | None = None
    verbosity: int = 0

    def config(self) -> Config:
        """The configuration of this run. Raises ``ConfigError``."""
        from auditor.config import load_config

        config = load_config(self.config_path)
        for secret in (*config.secrets(), config.backup.key):
            if secret is not None:
                secret.heed()
        return config


def invocation(ctx: click.Context) -> Invocation:
    """The invocation that ``ctx`` belongs to; made when a command is used without the main group, as in tests."""
    found: Invocation = ctx.ensure_object(Invocation)
    return found


def _set_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        invocation(ctx).config_path = value


def _add_verbosity(ctx: click.Context, _: click.Parameter, value: int) -> None:
    obj = invocation(ctx)
    obj.verbosity += value
    output.set_up_log(obj.verbosity)


def config_option(function: F) -> F:
    """``--config PATH``, before or after the command's name."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        expose_value=False,
        is_eager=True,
        callback=_set_config,
        help="The configuration file. Without it: $AUDITOR_CONFIG, ./auditor.toml, ~/.config/auditor/auditor.toml, "
        "/etc/auditor/auditor.toml; the first that exists.",
    )(function)


def verbose_option(function: F) -> F:
    """``-v``, ``-vv``, before or after the command's name."""
    return click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        is_eager=True,
        callback=_add_verbosity,
        help="Say on stderr what is being done; twice: in detail, and with tracebacks.",
    )(function)


def json_option(function: F) -> F:
    """``--json``, given to the command as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text.")(function)


def vcenter_option(function: F) -> F:
    """``--vcenter NAME`` for commands that take hosts, given as ``vcenter``, empty for none."""
    return click.option(
        "--vcenter", metavar="NAME", default="", help="Only hosts of this vCenter, by its name in the configuration."
    )(function)
