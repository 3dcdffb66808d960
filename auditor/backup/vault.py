"""A folder of hosts' files: one folder per host, a new file for everything that is kept, readable for its owner only.

A bundle holds password hashes and private keys, so it is encrypted on its way to the disk (`auditor.backup.sealing`), and kept
as it is only for somebody who said so. The name of a file says what it is: ``20260310T120000Z-configBundle.tgz.fernet`` or
``….tgz``, with a small JSON file of the same name beside it: the note, which says whose it is, and the key's fingerprint.

A bundle grows under a name of its own (``.….part``). Then its note is written, which takes the final name, and then it gets
that name. So whatever is killed leaves no half bundle, and two runs at once do not stand in each other's way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from auditor import newfile
from auditor.backup.sealing import Key, no_key, wrong_key
from auditor.codec import from_plain, to_plain
from auditor.domain.backup import KeptFile, Retention, may_go
from auditor.domain.observation import host_key
from auditor.domain.rollback.canonical import sha256
from auditor.domain.rollback.control import Bundle
from auditor.errors import ConfigError, InputError, ReadError
from auditor.ports import Save

SEALED = ".fernet"
NOTE = ".json"
PART = ".part"
PART_AGE = 3600.0
"""Seconds after which what an unfinished fetch left is taken for that of a dead one."""

BUNDLE_LIMIT = 512 * 1024 * 1024
"""Bytes of a bundle; real ones have well under one megabyte to a few."""

_UNSAFE = re.compile(r"[^a-z0-9._-]")


class Vault:
    """``key`` seals what is kept. ``clear_for`` is who said that bundles are to be kept as they are, which is noted beside
    each; without either, none is kept. Made folders have mode 0700. May be used by many threads."""

    def __init__(self, folder: Path, key: Key | None = None, *, clear_for: str = "") -> None:
        self._folder, self._key, self._clear_for = folder, None if clear_for else key, clear_for

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def keep(self, host: str, name: str, at: datetime, fetch: Callable[[Save], Bundle]) -> KeptFile:
        """Have ``fetch`` save a bundle, and keep it. See ``auditor.workflows.rollback.means.Vault``."""
        key = self._key
        if key is None and not self._clear_for:
            raise no_key(str(self._folder))
        part = self._of_host(host) / f".{secrets.token_hex(8)}{PART}"

        def save(pieces: Iterable[bytes]) -> tuple[int, str]:
            plain = _Counted(pieces, host)
            newfile.save(part, plain if key is None else key.seal(plain, at))
            return plain.size, plain.digest.hexdigest()

        try:
            bundle = fetch(save)
            for path in self._free(host, f"{name}{SEALED if key else ''}", at):
                kept = KeptFile(
                    host_key(host), str(path), bundle.size, bundle.sha256, at,
                    encrypted=key is not None, key=key.fingerprint if key else "", clear_for=self._clear_for,
                )  # fmt: skip
                text = json.dumps(to_plain(kept), indent=2, sort_keys=True) + "\n"
                if _saved(_note(path), os.fsencode(text)):
                    part.rename(path)
                    return kept
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(part.parent)) from error
        finally:
            with suppress(OSError):
                part.unlink()
        raise _full(part.parent)

    def keep_bytes(self, host: str, name: str, at: datetime, data: bytes) -> KeptFile:
        """Keep a small file that holds no secret, as it is."""
        for path in self._free(host, name, at):
            if _saved(path, data):
                return KeptFile(host_key(host), str(path), len(data), sha256(data), at)
        raise _full(self._of_host(host))

    def kept(self) -> Iterator[KeptFile]:
        """Every bundle that is there. A note without its file, or one that cannot be read, is passed over."""
        for note in self._notes():
            with suppress(OSError, ValueError, ReadError):
                found = from_plain(KeptFile, json.loads(note.read_text("utf-8")))
                if _noted(note).is_file():
                    yield replace(found, path=str(_noted(note)))  # the folder may have been moved

    def prune(self, rule: Retention, now: datetime) -> tuple[KeptFile, ...]:
        """Remove the bundles that the rule lets go, and return them. Raises ``InputError`` for one that cannot be removed."""
        alone = (note for note in self._notes() if not _noted(note).exists())
        for left in (*self._folder.glob(f"*/.*{PART}"), *alone):  # of a fetch that was killed
            with suppress(OSError):
                if now.timestamp() - left.stat().st_mtime > PART_AGE:
                    left.unlink()
        gone = may_go(self.kept(), rule, now)
        for one in gone:
            path = Path(one.path)
            try:
                path.unlink(missing_ok=True)  # another run may be doing the same
                _note(path).unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"cannot be removed: {error.strerror}", where=one.path) from error
        return gone

    def opened(self, path: Path) -> bytes:
        """The bundle in a kept file, decrypted. Raises ``ConfigError`` without a key, ``InputError`` for a file that is no such
        file, was changed, or was encrypted with another key."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
        if not path.name.endswith(SEALED):
            return data
        sealed_with = self._sealed_with(path)
        if self._key is None:
            of = f" with the key {sealed_with}" if sealed_with else ""
            raise ConfigError(
                f"it is encrypted{of}, and no key is configured", where=str(path), hint="name the key in [backup]"
            )
        plain = self._key.open(data)
        if plain is None:
            raise wrong_key(path, sealed_with, self._key)
        return plain

    def _sealed_with(self, path: Path) -> str:
        with suppress(OSError, ValueError, ReadError):
            return from_plain(KeptFile, json.loads(_note(path).read_text("utf-8"))).key
        return ""

    def _notes(self) -> list[Path]:
        return sorted(self._folder.glob(f"*/*.tgz*{NOTE}"))

    def _of_host(self, host: str) -> Path:
        """The host's folder. Raises ``InputError`` when it cannot be made."""
        folder = self._folder / (_UNSAFE.sub("_", host_key(host)).lstrip(".") or "_")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # missing parents get the usual mode
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be made: {error.strerror}", where=str(folder), hint="check [backup] folder") from error
        return folder

    def _free(self, host: str, name: str, at: datetime) -> Iterator[Path]:
        """Paths that nobody has used: there may be others of the same second."""
        folder, stem = self._of_host(host), f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        for number in range(1, 1000):
            path = folder / f"{stem}{f'-{number}' if number > 1 else ''}-{name}"
            if not path.exists():
                yield path


class _Counted:
    """Pieces as they come, with their size and hash so far. Raises ``InputError`` for more than a bundle may have."""

    def __init__(self, pieces: Iterable[bytes], host: str) -> None:
        self._pieces, self._host = pieces, host
        self.size, self.digest = 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            if self.size > BUNDLE_LIMIT:
                raise InputError(f"the bundle has more than {BUNDLE_LIMIT} bytes", where=self._host)
            self.digest.update(piece)
            yield piece


def _saved(path: Path, data: bytes) -> bool:
    """Whether the file is new and written; False: somebody else's is there."""
    try:
        newfile.save(path, [data])
    except InputError as error:
        if isinstance(error.__cause__, FileExistsError):
            return False
        raise
    return True


def _note(path: Path) -> Path:
    return path.with_name(path.name + NOTE)


def _noted(note: Path) -> Path:
    return note.with_name(note.name.removesuffix(NOTE))


def _full(folder: Path) -> InputError:
    return InputError("a thousand files of one second are there already", where=str(folder))


__all__ = ["BUNDLE_LIMIT", "SEALED", "Vault"]
