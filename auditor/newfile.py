"""A new file that only the user may read, whole or not there at all; and a kept file, changed in one step."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from auditor.errors import ConfigError, InputError


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


def change(path: Path, changed: Callable[[], str], hint: str) -> None:
    """Put the text that ``changed`` gives in the place of the file ``path``, or leave the file as it was. ``changed`` is called
    while no other run of this function works on that file, so what it reads there still holds when it is written.

    A new file is readable by its owner only, an old one keeps its mode. Raises ``ConfigError`` with ``hint`` when it cannot be
    written, and whatever ``changed`` raises.
    """
    path = path.resolve()  # a link stays a link
    lock = path.with_name(f".{path.name}.lock")
    try:
        # Whoever may write the folder could put another file in its place.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _held(lock)
        try:
            _replace(path, changed())
        finally:
            lock.unlink(missing_ok=True)
            os.close(held)
    except OSError as error:
        raise ConfigError(f"could not be written: {error.strerror}", where=str(path), hint=hint) from error


def _held(lock: Path) -> int:
    """The open lock file. A run that was killed leaves the file and no lock; whoever is done removes it, so one that waited
    for it looks whether it holds the file that is there."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


__all__ = ["change", "save"]
