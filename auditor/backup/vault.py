"""A folder of hosts' files: one folder per host, a new file for everything that is kept, readable for its owner only.

A bundle holds password hashes and private keys. With a key it is encrypted at rest with Fernet (AES-128-CBC and
HMAC-SHA256, from the library cryptography): one well-known recipe that also tells when a file was changed. The name of a file
says what it is: ``20260310T120000Z-configBundle.tgz`` or ``….tgz.fernet``, with a small JSON file of the same name beside it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from auditor import newfile
from auditor.codec import from_plain, to_plain
from auditor.domain.backup import KeptFile, Retention, may_go
from auditor.domain.observation import host_key
from auditor.domain.rollback.canonical import sha256
from auditor.domain.rollback.control import Bundle
from auditor.errors import ConfigError, InputError, ReadError

SEALED = ".fernet"
NOTE = ".json"
PART = ".part"
PART_AGE = 3600.0
"""Seconds after which an unfinished fetch is taken for a dead one."""

BUNDLE_LIMIT = 512 * 1024 * 1024
"""Bytes of a bundle; real ones have well under one megabyte to a few."""

_UNSAFE = re.compile(r"[^a-z0-9._-]")


class Vault:
    """``key`` gives the Fernet key (32 bytes, URL-safe base64) when it is first needed; None: files are kept as they are.
    Made folders have mode 0700. May be used by many threads."""

    def __init__(self, folder: Path, key: Callable[[], str] | None = None) -> None:
        self._folder, self._key = folder, key

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def keep(self, host: str, name: str, at: datetime, fetch: Callable[[Path], Bundle]) -> KeptFile:
        """Have ``fetch`` save a bundle, and keep it. See ``auditor.workflows.rollback.means.Vault``."""
        fernet = self._fernet()
        path = self._place(host, name, at, sealed=fernet is not None)
        if fernet is None:
            bundle = fetch(path)
            return self._noted(path, KeptFile(host_key(host), str(path), bundle.size, bundle.sha256, at, encrypted=False))
        plain = _part(path)
        try:
            bundle = fetch(plain)
            if bundle.size > BUNDLE_LIMIT:
                raise InputError(f"the bundle has {bundle.size} bytes, more than {BUNDLE_LIMIT}", where=host)
            newfile.save(path, [fernet.encrypt(plain.read_bytes())])
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from error
        finally:
            with suppress(OSError):
                plain.unlink()
        return self._noted(path, KeptFile(host_key(host), str(path), bundle.size, bundle.sha256, at, encrypted=True))

    def keep_bytes(self, host: str, name: str, at: datetime, data: bytes) -> KeptFile:
        """Keep a small file that holds no secret, as it is."""
        path = self._place(host, name, at, sealed=False)
        newfile.save(path, [data])
        return KeptFile(host_key(host), str(path), len(data), sha256(data), at)

    def kept(self) -> Iterator[KeptFile]:
        """Every bundle that is there. A note without its file, or one that cannot be read, is passed over."""
        for note in sorted(self._folder.glob(f"*/*.tgz*{NOTE}")):
            with suppress(OSError, ValueError, ReadError):
                found = from_plain(KeptFile, json.loads(note.read_text("utf-8")))
                if Path(found.path).is_file():
                    yield found

    def prune(self, rule: Retention, now: datetime) -> tuple[KeptFile, ...]:
        """Remove the bundles that the rule lets go, and return them. Raises ``InputError`` for one that cannot be removed."""
        for left in self._folder.glob(f"*/.*{PART}"):  # of a fetch that was killed: it is not encrypted
            with suppress(OSError):
                if now.timestamp() - left.stat().st_mtime > PART_AGE:
                    left.unlink()
        gone = may_go(self.kept(), rule, now)
        for one in gone:
            path = Path(one.path)
            try:
                path.unlink()
                path.with_name(path.name + NOTE).unlink()
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
        fernet = self._fernet()
        if fernet is None:
            raise ConfigError("it is encrypted, and no key is configured", where=str(path), hint="name the key in [backup]")
        try:
            return fernet.decrypt(data)
        except InvalidToken:
            raise InputError("was encrypted with another key, or was changed", where=str(path)) from None

    def _fernet(self) -> Fernet | None:
        if self._key is None:
            return None
        try:
            return Fernet(self._key())
        except ValueError:
            raise ConfigError(
                "the backup key is not a Fernet key",
                hint="make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
            ) from None

    def _place(self, host: str, name: str, at: datetime, *, sealed: bool) -> Path:
        """A path nobody has used: two fetches within a second, or a killed one, must not stand in each other's way."""
        folder = self._folder / (_UNSAFE.sub("_", host_key(host)).lstrip(".") or "_")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # missing parents get the usual mode
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be made: {error.strerror}", where=str(folder), hint="check [backup] folder") from error
        stem = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        for number in range(1, 1000):
            path = folder / f"{stem}{f'-{number}' if number > 1 else ''}-{name}{SEALED if sealed else ''}"
            if not path.exists() and not _part(path).exists():
                return path
        raise InputError("a thousand files of one second are there already", where=str(folder))

    def _noted(self, path: Path, kept: KeptFile) -> KeptFile:
        text = json.dumps(to_plain(kept), indent=2, sort_keys=True) + "\n"
        newfile.save(path.with_name(path.name + NOTE), [os.fsencode(text)])
        return kept


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}{PART}")


__all__ = ["BUNDLE_LIMIT", "SEALED", "Vault"]
