"""A command, and what a host answered to it: the form in which every reading's parser gets its input."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from auditor.domain.changed_copy import Change, change_of
from auditor.domain.observation import Reason, Unread, raw_start
from auditor.masking import masked

TEXT_LIMIT = 2 * 1024 * 1024
"""Bytes of one command's output that are read at all; the longest real output known, a VIB list, has 20 KB."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that only reads. ``name`` is its frame's name, ``seconds`` the time it may take on the host."""

    name: str
    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command answered.

    ``data`` is its standard output; ``status`` its exit status, None if it is not known; ``told`` its standard error as
    text. ``fault`` is set when the output is not whole: the reason every parser then gives.
    """

    data: bytes
    status: int | None = 0
    told: str = ""
    fault: Unread | None = None


# " [NoMatchError]", " [MemoryError]": esxcli software's errors are such blocks (field note, e).
_ERROR_BLOCK = re.compile(r"^ ?\[([A-Za-z][A-Za-z0-9]*(?:Error|Exception|Failure))\]\s*(.*)", re.MULTILINE | re.DOTALL)
_UNKNOWN_COMMAND = "Unknown command or namespace"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def raw_of(answer: Answer) -> str:
    """The start of what came, for a person to look at."""
    return raw_start(answer.data[:TEXT_LIMIT])


def failure_of(answer: Answer, command: Command) -> Unread | None:
    """Why nothing may be read from this answer, or None if it is whole and the command succeeded."""
    if answer.fault is not None:
        return replace(answer.fault, raw=raw_of(answer))
    if len(answer.data) > TEXT_LIMIT:
        detail = f"`{command.text}` printed {len(answer.data)} bytes, limit {TEXT_LIMIT}"
        return Unread(Reason.TOO_LARGE, detail, raw_of(answer))
    if answer.status:
        text = raw_start(answer.data)
        return _error(text, answer, command) or _error(answer.told, answer, command) or _plain_failure(text, answer, command)
    return None


def text_of(answer: Answer, command: Command) -> str | Unread:
    """The answer as text with plain line ends, or why it cannot be read.

    Refused besides `failure_of`: what is not UTF-8 or holds control characters (UTF-16 does), esxcli's error texts
    whatever the exit status, and a text whose last line has no end, since every command here ends its last line.
    """
    failure = failure_of(answer, command)
    if failure is not None:
        return failure
    if change_of(answer.data) is Change.UTF_16:
        return Unread(Reason.UNREADABLE, f"`{command.text}`: the output {Change.UTF_16.value}", raw_of(answer))
    try:
        text = answer.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Unread(Reason.UNREADABLE, f"`{command.text}`: not UTF-8 text (byte {error.start})", raw_of(answer))
    if _CONTROL.search(text):
        return Unread(Reason.UNREADABLE, f"`{command.text}`: control characters in the text", raw_of(answer))
    text = text.replace("\r\n", "\n")
    error_text = _error(text, answer, command)
    if error_text is not None:
        return error_text
    if text and not text.endswith("\n"):
        return Unread(Reason.CUT_OFF, f"`{command.text}`: the last line has no end", raw_of(answer))
    return text


def unreadable(command: Command, why: str, raw: str = "") -> Unread:
    """The answer came but is not what this command is known to print."""
    return Unread(Reason.UNREADABLE, f"`{command.text}`: {why}", raw_start(raw))


def _error(text: str, answer: Answer, command: Command) -> Unread | None:
    if _UNKNOWN_COMMAND in text:
        return Unread(Reason.NOT_SUPPORTED, f"this ESXi has no `{command.text}`", raw_of(answer))
    block = _ERROR_BLOCK.search(text)
    if block is None:
        return None
    words = " ".join(masked(block.group(2)).split())[:200]
    return Unread(Reason.FAILED, f"`{command.text}` failed: {block.group(1)}: {words}".rstrip(": "), raw_of(answer))


def _plain_failure(text: str, answer: Answer, command: Command) -> Unread:
    words = " ".join(masked(answer.told or text).split())[:200]
    # Absent is what the command was told to look at: not its own program, nor a file that a program needs inside.
    asked = [path for word in command.text.split()[1:] if (path := word.strip("\"';*").rstrip("/")).startswith("/")]
    absent = "No such file or directory" in words and answer.status != 127 and any(path in words for path in asked)
    reason = Reason.ABSENT if absent else Reason.FAILED
    return Unread(reason, f"`{command.text}` ended with status {answer.status}: {words or 'no message'}", raw_of(answer))
