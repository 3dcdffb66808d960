"""Reads files that people hand in: bounded, and with the reason when a shell changed them on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, NoReturn

from auditor.domain.changed_copy import Change, change_of
from auditor.errors import InputError


class TooLargeError(InputError):
    """More bytes than are read."""


def read(path: Path, limit: int, *, hint: str = "") -> bytes:
    """The bytes of a file. Raises ``InputError`` with ``hint`` when it cannot be read, `TooLargeError` above ``limit``."""
    try:
        with path.open("rb") as file:
            return read_stream(file, limit, str(path), hint=hint)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read: {reason}", where=str(path), hint=hint) from error


def read_stream(file: IO[bytes], limit: int, where: str, *, hint: str = "") -> bytes:
    """The bytes of an open file; raises `TooLargeError`."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"is larger than {limit:,} bytes", where=where, hint=hint)
    return data


def text(data: bytes, where: str, *, hint: str = "") -> str:
    """UTF-8 text, with or without its mark. Raises ``InputError`` for anything else; UTF-16 is named."""
    if change_of(data) is Change.UTF_16:
        cure = "; ".join(filter(None, ("save it as UTF-8, or copy the file instead of redirecting what prints it", hint)))
        raise InputError(f"is not UTF-8: it {Change.UTF_16.value}", where=where, hint=cure)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", where=where, hint=hint) from error


def document(data: str, where: str, *, hint: str = "") -> Any:
    """JSON, read strictly: no key twice in an object, no NaN or infinity, no half characters. Raises ``InputError``."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"has key {key[:100]!r} twice in one place", where=where, hint=hint)
            found[key] = value
        return found

    def never(constant: str) -> NoReturn:
        raise InputError(f"is not JSON: {constant} is no number", where=where, hint=hint)

    try:
        found = json.loads(data, object_pairs_hook=once, parse_constant=never)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error}", where=where, hint=hint) from error
    except UnicodeEncodeError as error:
        raise InputError("is not JSON: it has half of a character (\\ud800 to \\udfff)", where=where, hint=hint) from error
    except RecursionError as error:
        raise InputError("is nested too deeply to be read", where=where, hint=hint) from error
    except ValueError as error:
        raise InputError("is not JSON of this program: it has a number of too many digits", where=where, hint=hint) from error
    return found
