"""Options every command shares, and the record of one invocation they fill."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli import output

if TYPE_CHECKING:
    from auditor.config import Config

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}

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


class Duration(click.ParamType[float]):
    """A time span: seconds, or a number with s, m or h. Given to the command in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smh]?)", str(value).strip(), re.ASCII)
        seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
        if not seconds:
            self.fail(f"{value!r} is not a time span; write 90s, 10m or 1h", param, ctx)
        return seconds


def max_time_option(function: F) -> F:
    """``--max-time SPAN``, given to the command in seconds as ``max_time``, None for none."""
    return click.option(
        "--max-time",
        type=Duration(),
        metavar="SPAN",
        help="End after this time (90s, 10m, 1h) with what was read by then; what was not is named, and the exit code is 4.",
    )(function)


def vcenter_option(function: F) -> F:
    """``--vcenter NAME`` for commands that take hosts, given as ``vcenter``, empty for none."""
    return click.option(
        "--vcenter", metavar="NAME", default="", help="Only hosts of this vCenter, by its name in the configuration."
    )(function)
