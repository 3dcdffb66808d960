"""Where words go: data on stdout, everything else on stderr, times in UTC, nothing that could act on the terminal."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import time
import traceback
from typing import Any, TextIO

import click

from auditor.errors import AuditorError
from auditor.masking import masked, masked_plain, masked_words
from auditor.reports.safe import printable

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_NOISY = ("paramiko", "urllib3", "vmware", "asyncssh", "pyVmomi")
"""Libraries whose warnings repeat what our own errors say; they are heard with -vv only."""

_ERROR_LIMIT = 2_000
_TRACEBACK_LIMIT = 100_000


class _Formatter(logging.Formatter):
    """``2026-03-01T12:00:00Z warning text``: UTC, one line, secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        line = f"{stamp} {record.levelname.lower()} {printable(masked(record.getMessage()), _ERROR_LIMIT)}"
        if record.exc_info and logging.getLogger("auditor").isEnabledFor(logging.DEBUG):
            text = masked("".join(traceback.format_exception(*record.exc_info)))
            line += "\n" + printable(text.rstrip(), _TRACEBACK_LIMIT, lines=True)
        return line


class _StderrHandler(logging.Handler):
    """Writes to the stderr of the moment, so that redirection by a caller or a progress bar works."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # stderr is gone: nobody is left to tell
            click.echo(self.format(record), err=True)


_handler = _StderrHandler()
_handler.setFormatter(_Formatter())


def set_up_log(verbosity: int) -> None:
    """Log to stderr: warnings, with 1 what is being done, with 2 every detail."""
    root = logging.getLogger()
    if _handler not in root.handlers:
        root.addHandler(_handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("auditor").setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING if verbosity >= 2 else logging.CRITICAL)


def emit(text: str) -> None:
    """Print ``text``, one data answer, on stdout."""
    click.echo(_encodable(masked_words(text), sys.stdout))


def emit_json(document: Any) -> None:
    """Print ``document`` as indented JSON. Everything but ASCII is escaped, so no terminal acts on it."""
    click.echo(json.dumps(masked_plain(document), indent=2, ensure_ascii=True))


def say(text: str) -> None:
    """Tell the person at the terminal something that is not data: on stderr. What hosts and files say may be part of it."""
    click.echo(_encodable(printable(masked(text), _TRACEBACK_LIMIT, lines=True), sys.stderr), err=True)


def error_text(error: AuditorError) -> str:
    """What happened, where, what was tried and what to do next, a line each, safe to show."""
    head = f"{error.where}: {error.what}" if error.where else error.what
    lines = [f"auditor: {_shown(head)}"]
    if error.tried:
        lines.append(f"  tried: {_shown(error.tried)}")
    if error.hint:
        lines.append(f"  next: {_shown(error.hint)}")
    return "\n".join(lines)


def unexpected_text(error: BaseException) -> str:
    """One line about an exception that nobody foresaw."""
    message = _shown(str(error).strip())
    kind = type(error).__name__
    return f"auditor: internal error: {kind}{': ' if message else ''}{message}"


def traceback_text(error: BaseException) -> str:
    """The traceback of ``error``, secrets masked."""
    return printable(masked("".join(traceback.format_exception(error))).rstrip(), _TRACEBACK_LIMIT, lines=True)


def is_terminal() -> bool:
    """Whether stdout is looked at by a person."""
    return sys.stdout.isatty()


def _shown(text: str) -> str:
    return printable(masked(text), _ERROR_LIMIT, lines=True).replace("\n", "\n  ")


def page() -> tuple[int, bool]:
    """How wide a text report may be, in columns, and whether it may be coloured. ``COLUMNS`` is heeded in a pipe as well."""
    width = shutil.get_terminal_size((120, 40)).columns
    return width, is_terminal() and "NO_COLOR" not in os.environ


def _encodable(text: str, stream: TextIO) -> str:
    """``text`` with ``?`` for what the stream's encoding cannot say: a report must not end in an encoding error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
