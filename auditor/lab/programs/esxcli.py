"""``esxcli`` of a simulated host: the command line, and rows as text, CSV, XML, key-value and JSON.

Text forms follow the published outputs: tables with a dash ruler as wide as the content, structures indented by three
blanks. CSV is as remembered in field note e (fields in alphabetical order, each line ending with a comma), XML,
key-value and plain ``--formatter=json`` are not verified; ``--debug --formatter=json`` agrees with a real capture.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from xml.sax.saxutils import escape

from auditor.lab.programs.esxcli_commands import Command, esxcli_rows, find_command
from auditor.lab.programs.esxcli_rows import Call, EsxcliError, Row
from auditor.lab.programs.registry import Job

_FORMATS = ("csv", "xml", "keyvalue", "json")
REBOOT_AFTER = 0.1
"""Seconds between accepting a reboot and going away, so that the answer still gets out."""


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> str:
    """Rows under their labels, columns as wide as their widest content, two blanks between, no blanks at line ends."""
    if not rows:
        return ""
    shown = [(name, label) for name, label in columns if any(name in row for row in rows)]
    widths = [max(len(label), *(len(row.get(name, "")) for row in rows)) for name, label in shown]
    lines = [[label for _, label in shown], ["-" * width for width in widths]]
    lines += [[row.get(name, "") for name, _ in shown] for row in rows]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def _struct(columns: Sequence[tuple[str, str]], row: Row) -> str:
    lines = []
    for name, label in columns:
        if name not in row:
            continue
        if row[name]:
            lines.append(f"   {label}: {row[name]}\n")
            continue
        # The published profile without a description has three empty lines there.
        lines.append(f"   {label}:\n" + ("\n" * (3 if "VIBs" in row else 1) if name == "Description" else ""))
    return "".join(lines)


def as_text(command: Command, rows: Sequence[Row]) -> str:
    """What a person sees without ``--formatter``."""
    match command.shape:
        case "table":
            return table(command.columns, rows)
        case "text":
            return "".join(f"{row['Value']}\n" for row in rows)
        case "titled":
            title = command.columns[0][0]
            return "\n".join(f"{row[title]}\n{_struct(command.columns[1:], row)}" for row in rows)
        case _:
            return "\n".join(_struct(command.columns, row) for row in rows)


def as_csv(rows: Sequence[Row]) -> str:
    """Field names in alphabetical order; every line ends with a comma."""
    if not rows:
        return ""
    names = sorted(rows[0])

    def line(values: Sequence[str]) -> str:
        return "".join(
            f'"{value.replace(chr(34), chr(34) * 2)}",' if set(value) & set(',"\n') else f"{value}," for value in values
        )

    return "".join(line(values) + "\n" for values in (names, *([row[name] for name in names] for row in rows)))


def as_xml(command: Command, rows: Sequence[Row]) -> str:
    """A list of structures with typed fields."""
    body = "".join(
        f'<structure typeName="{command.type_name}">\n'
        + "".join(f'<field name="{name}"><string>{escape(row[name])}</string></field>\n' for name in sorted(row))
        + "</structure>\n"
        for row in rows
    )
    if command.shape == "table":
        body = f'<list type="structure">\n{body}</list>\n'
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<output xmlns="http://www.vmware.com/Products/ESX/5.0/esxcli">\n'
        f"<root>\n{body}</root>\n</output>\n"
    )


def as_keyvalue(command: Command, rows: Sequence[Row]) -> str:
    """One line a field."""
    listed = command.shape == "table"
    return "".join(
        f"{command.type_name}{f'[{index}]' if listed else ''}.{name}.string={row[name]}\n"
        for index, row in enumerate(rows)
        for name in sorted(row)
    )


def as_json(command: Command, rows: Sequence[Row]) -> str:
    """Every value is a string. A list is a list of objects, a structure one object."""
    if command.shape == "table" or len(rows) != 1:
        return json.dumps(list(rows), sort_keys=True) + "\n"
    only = rows[0]
    return json.dumps(only["Value"] if command.shape == "text" else only, sort_keys=True) + "\n"


def formatted(command: Command, rows: Sequence[Row], form: str) -> str:
    """Rows in the form asked for; an empty form is text."""
    match form:
        case "csv":
            return as_csv(rows)
        case "xml":
            return as_xml(command, rows)
        case "keyvalue":
            return as_keyvalue(command, rows)
        case "json":
            return as_json(command, rows)
        case _:
            return as_text(command, rows)


def _global_options(args: list[str]) -> tuple[str, list[str]]:
    """The formatter and what follows esxcli's own options. Raises `EsxcliError`."""
    form, debug = "", False
    words = list(args)
    while words and words[0].startswith("-"):
        word, equals, value = words.pop(0).partition("=")
        if word in {"-d", "--debug"}:
            debug = True
        elif word in {"-f", "--formatter"}:
            form = value if equals else (words.pop(0) if words else "")
            if form not in _FORMATS:
                raise EsxcliError(f"Error: Invalid formatter {form}\n\n")
        else:
            raise EsxcliError(f"Error: Unknown option {word}\n\n")
    if form == "json" and not debug:
        raise EsxcliError("Error: Invalid formatter json\n\n")
    if not words:
        raise EsxcliError("Usage: esxcli [options] {namespace}+ {cmd} [cmd options]\n\n")
    return form, words


async def esxcli(job: Job) -> int:
    """``esxcli [options] NAMESPACE... COMMAND [options]``; errors go to standard output with status 1."""
    fault = job.fault
    try:
        form, words = _global_options(job.args)
        if fault is not None and fault.memory_error and words[:1] == ["software"]:
            await job.out(" [MemoryError]\n \n Please refer to the log file for more details.\n")
            return 1
        command, options = find_command(job.host, words)
        with job.host.lock:
            rows = command.rows(Call(job.host, options, damaged_database=fault is not None and fault.damaged_database))
        if command.words == "system shutdown reboot":
            asyncio.get_running_loop().call_later(REBOOT_AFTER, job.host.restart)
    except EsxcliError as error:
        await job.out(error.text)
        return 1
    await job.out(formatted(command, rows, form).encode())
    return 0


__all__ = ["EsxcliError", "Row", "esxcli", "esxcli_rows"]
