"""What the tool makes of a recorded output, as a document and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.codec import to_plain
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings.reading import HostReading
from auditor.reports.safe import printable

SCHEMA = "auditor/read/v1"
_LONGEST = 400
_RAW_LINES, _WIDTH = 5, 120


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer. ``command`` is the text of the command whose output it was read as; empty: of none, or of none alone."""

    name: str
    file: str
    reading: Reading[Any]
    command: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that can be given, with what it reads and the commands (name, text) whose output it takes."""

    name: str
    reads: str
    commands: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, reading: HostReading) -> Name:
        """The name of a reading of hosts."""
        return cls(reading.key, reading.meaning, tuple((each.name, each.text) for each in reading.commands))


def read_document(answer: Recorded) -> dict[str, Any]:
    """The answer, valid by schema ``read.v1``."""
    head = {"schema": SCHEMA, "reading": answer.name, "command": answer.command or None, "file": answer.file}
    found = answer.reading
    if isinstance(found, Unread):
        unread = {"unread": found.reason.value, "detail": found.detail}
        return {**head, **unread, **({"raw": found.raw} if found.raw else {})}
    return {**head, "value": to_plain(found.value)}


def names_document(names: Iterable[Name]) -> dict[str, Any]:
    """The names, valid by schema ``read.v1``."""
    return {
        "schema": SCHEMA,
        "readings": [
            {
                "name": each.name,
                "reads": each.reads,
                "commands": [{"name": name, "text": text} for name, text in each.commands],
            }
            for each in names
        ],
    }


def render_read(answer: Recorded) -> str:
    """The answer for people."""
    asked = f", as `{printable(answer.command)}` prints it" if answer.command else ""
    if isinstance(answer.reading, Read):
        return "\n".join([f"{answer.name}{asked}: read", *_lines(to_plain(answer.reading.value), "  ")])
    found = answer.reading
    not_understood = found.reason in {Reason.UNREADABLE, Reason.CUT_OFF, Reason.TOO_LARGE}
    head = "NOT READ" if not_understood else "an answer without a value"
    lines = [f"{answer.name}{asked}: {head} ({found.reason.value})", f"  {printable(found.detail, 4 * _LONGEST)}"]
    came = [line for line in found.raw.splitlines() if line.strip()]
    if came:
        lines.append("  What came, from its start:")
        lines += [f"    {printable(line, _LONGEST)[:_WIDTH]}" for line in came[:_RAW_LINES]]
    if not_understood:
        lines.append("Next: if this is a whole, unchanged output, send it with what --json says of it.")
    return "\n".join(lines)


def render_names(names: Iterable[Name]) -> str:
    """The names for people."""
    lines = ["Names, what each reads, and the output to give (the commands' names can be given too):"]
    for each in names:
        lines.append(f"  {each.name}: {each.reads}")
        lines += [f"      {name}: {text}" for name, text in each.commands]
    return "\n".join(lines)


def _lines(value: Any, indent: str) -> Iterator[str]:
    """A value by its form: fields a line each, rows of plain fields a line each."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            if isinstance(part, Mapping) and part.get("unread") == Reason.NOT_ATTEMPTED:
                continue  # what another command would tell
            if isinstance(part, (Mapping, list)) and part:
                yield f"{indent}{printable(str(key))}:"
                yield from _lines(part, indent + "  ")
            else:
                yield f"{indent}{printable(str(key))}: {_word(part)}"
    elif isinstance(value, list) and value:
        for part in value:
            plain = list(part.values()) if isinstance(part, Mapping) else [part]
            if any(isinstance(each, (Mapping, list)) for each in plain):
                first, *rest = _lines(part, "")
                yield f"{indent}- {first}"
                yield from (f"{indent}  {line}" for line in rest)
            else:
                yield indent + "  ".join(_word(each) for each in plain if each not in {"", None})
    else:
        yield indent + _word(value)


def _word(value: Any) -> str:
    words = {None: "none", True: "yes", False: "no", "": "-"}
    if value is None or isinstance(value, bool) or value == "":
        return words[value]
    return "none" if isinstance(value, (Mapping, list)) else printable(str(value), _LONGEST)


__all__ = ["Name", "Recorded", "names_document", "read_document", "render_names", "render_read"]
