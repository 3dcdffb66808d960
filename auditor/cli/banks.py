"""``auditor banks``: the boot banks of ESXi hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option
from auditor.domain.bootbank import BootOutcome, after, simulate_boot
from auditor.domain.bootexplain import explain
from auditor.errors import InputError
from auditor.reports.safe import printable

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Largest boot.cfg read, in bytes; real ones have about 2 thousand."""

_LONGEST_NAME = 1_000

NO_FILE = "none"
NOTHING_BOOTS = int(ExitCode.DRIFT)
"""The number of "look at this" among the exit codes; a prediction has no drift to say."""


@click.group()
def banks() -> None:
    """Boot banks: what a host would start, and why."""


@banks.command(short_help="Say which boot bank would start, from boot.cfg files.")
@click.argument("files", nargs=-1, metavar="FILE FILE [FILE]")
@click.option("--shift-r", is_flag=True, help="The pass after Shift+R was pressed at the console and confirmed.")
@json_option
@verbose_option
@click.pass_context
def predict(context: click.Context, files: tuple[str, ...], shift_r: bool, as_json: bool) -> None:
    """Say which boot bank the ESXi loader would start, from the boot.cfg files of the banks.

    Give the files in the order of the banks' partitions, from a support bundle or copied from the host; write `none`
    for a bank that has no boot.cfg. Nothing is contacted and nothing is changed. The answer is one pass of the loader.

    Exit code 0: a bank starts; 3: nothing would boot; 1: a file cannot be used.

    \b
    Examples:
      auditor banks predict bootbank/boot.cfg altbootbank/boot.cfg
      auditor banks predict bootbank/boot.cfg altbootbank/boot.cfg --shift-r
      auditor banks predict boot.cfg none
    """
    if not 2 <= len(files) <= 3:
        raise click.UsageError(f"give two or three boot.cfg files in partition order, not {len(files)}")
    boot_cfgs = tuple(_read(name) for name in files)
    outcome = simulate_boot(boot_cfgs, shift_r)
    explanation = [*explain(outcome, shift_r), *(_first_pass_note(boot_cfgs) if shift_r else ())]
    if as_json:
        document = {
            "schema": "auditor/banks-predict/v1",
            "files": [None if name == NO_FILE else name for name in files],
            "shift_r": shift_r,
            "outcome": outcome.as_dict(),
            "explanation": explanation,
        }
        output.emit_json(document)
    else:
        output.emit(_text(files, outcome, explanation))
    context.exit(0 if outcome.starts else NOTHING_BOOTS)


def _read(name: str) -> bytes | None:
    if name == NO_FILE:
        return None
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = f"give the path of a boot.cfg, or the word {NO_FILE} for a bank that has none"
        raise InputError(f"cannot be read: {reason}", where=name, hint=hint) from error
    if len(data) > MAX_FILE_BYTES:
        hint = "a boot.cfg has a few thousand bytes; check the path"
        raise InputError(f"is larger than {MAX_FILE_BYTES:,} bytes", where=name, hint=hint)
    return data


def _first_pass_note(boot_cfgs: Sequence[bytes | None]) -> tuple[str, ...]:
    """Shift+R can be pressed only after a normal pass; say how a whole boot ends where that pass changes the files."""
    first = simulate_boot(boot_cfgs)
    if not any(bank.rewrite for bank in first.banks):
        return ()
    whole = simulate_boot(after(boot_cfgs, first), shift_r=True)
    end = "nothing boots" if whole.selected is None else f"bank {whole.selected} is picked"
    before = "a normal pass comes before Shift+R can be pressed, and it changes these files first"
    return (f"In a whole boot {before}; if they are from before the boot, it ends like this: {end}.",)


def _text(files: Sequence[str], outcome: BootOutcome, explanation: Sequence[str]) -> str:
    lines = [f"bank {index}: {printable(name, _LONGEST_NAME)}" for index, name in enumerate(files)]
    lines += ["", *explanation, ""]
    if outcome.starts:
        lines.append(f"Starts: bank {outcome.selected}")
        lines.append("Next: if the order of the files is a guess, `vmkfstools -P /bootbank` on the host tells the partition.")
    else:
        lines.append("Starts: nothing")
        lines.append("Next: do not reboot this host; keep copies of both boot.cfg files and open a support case.")
    return "\n".join(lines)
