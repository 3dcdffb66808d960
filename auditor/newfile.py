"""A new file that only the user may read, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from auditor.errors import InputError


def save(path: Path, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Write ``chunks`` to ``path`` with mode 0600 and return size and SHA-256. On disk when it returns.

    Raises `InputError` when the file is there already or cannot be written, and whatever ``chunks`` raises; nothing is left
    behind then.
    """
    size, digest = 0, hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise InputError("is there already", where=str(path), hint="name a new file") from error
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint="check folder and rights") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                try:
                    file.write(chunk)
                except OSError as error:
                    raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint="check the disk") from error
                digest.update(chunk)
                size += len(chunk)
            try:
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint="check the disk") from error
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return size, digest.hexdigest()


__all__ = ["save"]
