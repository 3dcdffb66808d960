"""``auditor read``: what the tool makes of a recorded output."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import handed_in
from auditor.cli import output, wiring
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.domain.observation import Reading
    from auditor.domain.readings.answer import Answer
    from auditor.reports.recorded import Name, Recorded

LIMIT = 64 * 1024 * 1024
"""Bytes of a file that are read at all."""
_STDERR_LIMIT = 1024 * 1024
STDIN = "-"


@click.command()
@click.argument("name", required=False)
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--stderr", "told", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Its standard error.")
@click.option("--status", type=int, default=None, metavar="N", help="The command's exit status; 0 unless given.")
@json_option
@verbose_option
@click.pass_context
def read(
    context: click.Context, name: str | None, file: str | None, told: Path | None, status: int | None, as_json: bool
) -> None:
    """Say what the tool makes of FILE, a recorded output, read as NAME: nothing is contacted.

    NAME is a reading as `audit --json` names it, one of the commands it is made of, or one of boot-cfg, specification,
    vapi-answer and bundle; without FILE it is explained, without NAME all are listed. FILE is what the command printed,
    byte for byte; `-` is standard input. Of a reading made of several commands, FILE is the output of any one of them.

    Names and JSON keep their form: tests of recorded outputs can rely on them, and what this says can be sent with the file
    when a host's output is not understood. The host's name and addresses may be in both.

    Exit code 0: it was read; 1: it was not, and the answer says why.

    \b
    Examples:
      auditor read
      auditor read vibs vib-list.txt
      auditor read system-version version.txt --json
      auditor read vsan-cluster cluster.txt --status 1 --stderr cluster.err
      auditor read boot-cfg bootbank/boot.cfg
    """
    from auditor.reports.recorded import names_document, read_document, render_names, render_read

    if file is None:
        if told is not None or status is not None:
            raise click.UsageError("--stderr and --status go with a FILE")
        names = [each for each in _names() if name is None or each.name == _reader(name).name]
        if as_json:
            output.emit_json(names_document(names))
        else:
            output.emit(render_names(names))
        return
    reader = _reader(name or "")
    if not reader.of_a_command and (told is not None or status is not None):
        raise click.UsageError(f"{reader.name} is no command's output: it has no exit status and no standard error")
    answer = reader.read(file, _told(told), 0 if status is None else status)
    if as_json:
        output.emit_json(read_document(answer))
    else:
        output.emit(render_read(answer))
    from auditor.domain.observation import Read

    context.exit(ExitCode.DONE if isinstance(answer.reading, Read) else ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    read: Callable[[str, str, int], Recorded]
    of_a_command: bool = False


def _reader(name: str) -> _Reader:
    """The reader of a name. Raises ``click.UsageError``."""
    from auditor.domain.readings.recorded import ALL, find, plain_name
    from auditor.domain.readings.recorded import read as read_as
    from auditor.reports.recorded import Recorded

    other = next((each for each in _OTHERS if plain_name(each) == plain_name(name)), None)
    if other is not None:
        return _Reader(other, lambda file, _told, _status: Recorded(other, file, _OTHERS[other][1](file)))
    found = find(name)
    if found is None:
        known = [*_OTHERS, *(reading.key for reading in ALL), *(c.name for reading in ALL for c in reading.commands)]
        close = difflib.get_close_matches(plain_name(name), list(dict.fromkeys(known)), 3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "`auditor read` alone lists them."
        raise click.UsageError(f"There is no reading {name!r}. {hint}")
    reading, commands = found

    def read_file(file: str, told: str, status: int) -> Recorded:
        command, value = read_as(reading, commands, _answer(file, told, status))
        return Recorded(reading.key, file, value, command.text if command else "")

    return _Reader(reading.key, read_file, of_a_command=True)


def _names() -> list[Name]:
    from auditor.domain.readings.recorded import ALL
    from auditor.reports.recorded import Name

    return [*map(Name.of, ALL), *(Name(name, meaning) for name, (meaning, _) in _OTHERS.items())]


def _answer(file: str, told: str, status: int) -> Answer:
    from auditor.domain.observation import Reason, Unread
    from auditor.domain.readings.answer import Answer

    try:
        return Answer(_data(file), status, told)
    except handed_in.TooLargeError as error:
        return Answer(b"", status, told, Unread(Reason.TOO_LARGE, f"the file {error.what}"))


def _data(file: str) -> bytes:
    """The bytes of the file or of standard input. Raises ``InputError``."""
    if file == STDIN:
        return handed_in.read_stream(sys.stdin.buffer, LIMIT, "standard input")
    return handed_in.read(Path(file), LIMIT)


def _told(path: Path | None) -> str:
    if path is None:
        return ""
    data = handed_in.read(path, _STDERR_LIMIT)
    return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", "replace")


def _boot_cfg(file: str) -> Reading[Any]:
    from auditor.domain.readings.recorded import boot_cfg

    return boot_cfg(_answer(file, "", 0))


def _of_text(file: str, convert: Callable[[str], Reading[Any]]) -> Reading[Any]:
    from auditor.domain.observation import Reason, Unread

    try:
        data = _data(file)
    except handed_in.TooLargeError as error:
        return Unread(Reason.TOO_LARGE, f"the file {error.what}")
    try:
        return convert(handed_in.text(data, file))
    except InputError as error:
        return Unread(Reason.UNREADABLE, f"the file {error.what}")


def _specification(file: str) -> Reading[Any]:
    from auditor.domain.observation import Read, Reason, Unread, raw_start
    from auditor.domain.specification import SpecificationError, described

    def convert(text: str) -> Reading[Any]:
        try:
            return Read(described(text))
        except SpecificationError as error:
            return Unread(Reason.UNREADABLE, str(error), raw_start(text))

    return _of_text(file, convert)


def _vapi_answer(file: str) -> Reading[Any]:
    from auditor.vcenter.recorded import read_answer

    return _of_text(file, read_answer)


def _bundle(file: str) -> Reading[Any]:
    from auditor.depot import read_bundle
    from auditor.domain.observation import Read, Reason, Unread
    from auditor.reports.bundle import bundles_document

    if file == STDIN:
        raise InputError("a bundle is not read from standard input", hint="give the path of the zip")
    try:
        with wiring.progress() as progress:
            found = read_bundle(Path(file), progress, verify_vibs=False)
    except InputError as error:
        if not Path(file).exists():
            raise
        where = error.where.removeprefix(file).removeprefix(": ")
        detail = f"{where}: {error.what}" if where else error.what
        return Unread(Reason.UNREADABLE, f"{detail}; {error.hint}" if error.hint else detail)
    return Read(bundles_document([found], verified=False)["bundles"][0])


_OTHERS: dict[str, tuple[str, Callable[[str], Reading[Any]]]] = {
    "boot-cfg": ("a boot.cfg: its settings, and what the boot loader makes of it alone", _boot_cfg),
    "specification": ("an image as vCenter exports or imports it (JSON)", _specification),
    "vapi-answer": ("an answer or error of vCenter's vAPI, JSON-RPC or REST", _vapi_answer),
    "bundle": ("the metadata of an offline bundle (zip)", _bundle),
}
