"""``auditor banks``: the boot banks of ESXi hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from auditor import handed_in
from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option
from auditor.domain.banks import BootCfg
from auditor.domain.bootbank import BootOutcome, after, simulate_boot
from auditor.domain.bootexplain import explain
from auditor.domain.changed_copy import FETCH, change_of
from auditor.errors import InputError
from auditor.reports.safe import printable

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Largest boot.cfg read, in bytes; real ones have about 2 thousand."""

_LONGEST_NAME = 1_000
_WORD = re.compile(rb"[A-Za-z]{3}")

NO_FILE = "none"
NOTHING_BOOTS = int(ExitCode.DRIFT)
"""The number of "look at this" among the exit codes; a prediction has no drift to say."""


@click.group()
def banks() -> None:
    """Boot banks: what a host would start, and why."""


@banks.command(short_help="Say which boot bank would start, from boot.cfg files.")
@click.argument("files", nargs=-1, metavar="FILE FILE [FILE]")
@click.option("--shift-r", is_flag=True, help="The pass after Shift+R was pressed at the console and confirmed.")
@click.option("--as-is", is_flag=True, help="Judge the bytes as given, also where a file looks changed by a shell.")
@json_option
@verbose_option
@click.pass_context
def predict(context: click.Context, files: tuple[str, ...], shift_r: bool, as_is: bool, as_json: bool) -> None:
    """Say which boot bank the ESXi loader would start, from the boot.cfg files of the banks.

    Give the files in the order of the banks' partitions, from a support bundle or copied from the host; write `none`
    for a bank that has no boot.cfg. Nothing is contacted and nothing is changed. The answer is one pass of the loader.

    A file that a shell or editor changed on the way (UTF-16, a byte order mark, CR LF everywhere), or that is no boot.cfg
    at all, is refused: the loader would not find what the host has. Where the host itself has it so, give --as-is.

    Exit code 0: a bank starts; 3: nothing would boot; 1: a file cannot be used.

    \b
    Examples:
      auditor banks predict bootbank/boot.cfg altbootbank/boot.cfg
      auditor banks predict bootbank/boot.cfg altbootbank/boot.cfg --shift-r
      auditor banks predict boot.cfg none
    """
    if not 2 <= len(files) <= 3:
        raise click.UsageError(f"give two or three boot.cfg files in partition order, not {len(files)}")
    boot_cfgs = tuple(_read(name, as_is=as_is) for name in files)
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
        output.emit(_text(files, boot_cfgs, outcome, explanation))
    context.exit(0 if outcome.starts else NOTHING_BOOTS)


def _read(name: str, *, as_is: bool) -> bytes | None:
    if name == NO_FILE:
        return None
    hint = f"give the path of a boot.cfg, which has a few thousand bytes, or the word {NO_FILE} for a bank that has none"
    data = handed_in.read(Path(name), MAX_FILE_BYTES, hint=hint)
    change = change_of(data)
    why = f"{change.value}: not a copy of the host's bytes" if change else ""
    if not why and _WORD.search(data) and not BootCfg.parse(data).recognised:
        why = "is text without any key of a boot.cfg: another file, or the error of what should have copied it"
    if why and not as_is:
        raise InputError(why, where=name, hint=f"{FETCH}; --as-is judges the file as it is")
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


def _text(files: Sequence[str], boot_cfgs: Sequence[bytes | None], outcome: BootOutcome, explanation: Sequence[str]) -> str:
    lines = [f"bank {index}: {printable(name, _LONGEST_NAME)}" for index, name in enumerate(files)]
    lines += ["", *explanation, ""]
    if outcome.starts:
        lines.append(f"Starts: bank {outcome.selected}")
        lines.append("Next: if the order of the files is a guess, `vmkfstools -P /bootbank` on the host tells the partition.")
    else:
        lines.append("Starts: nothing")
        lines.append("Next: do not reboot this host; keep copies of both boot.cfg files and open a support case.")
        doubtful = [
            str(index) for index, data in enumerate(boot_cfgs) if data is not None and not BootCfg.parse(data).recognised
        ]
        if doubtful:
            lines.append(
                f"First compare with the host: the file of bank {' and '.join(doubtful)} has no key of a boot.cfg. {FETCH}."
            )
    return "\n".join(lines)
