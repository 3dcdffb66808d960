"""Encrypts a bundle while it comes from the host, so that no moment leaves it on this machine's disk in the clear.

What is written is one Fernet token (AES-128-CBC, HMAC-SHA256; the format is public: version, time, IV, ciphertext, signature,
in URL-safe base64). The library's ``Fernet`` opens it, and has no way to make it piece by piece: that is all that is done here.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from auditor import newfile
from auditor.errors import ConfigError, InputError, RefusedError

MAKE_KEY = "auditor backup --new-key FILE"

_VERSION = b"\x80"


class Key:
    """A Fernet key: 32 bytes in URL-safe base64. ``source`` says where the text came from, for messages. Raises ``ConfigError``
    for a text that is no key."""

    def __init__(self, text: str, source: str = "") -> None:
        try:
            self._fernet = Fernet(text)
        except ValueError:
            raise ConfigError("the backup key is not a Fernet key", where=source, hint=f"make one: {MAKE_KEY}") from None
        self._raw = base64.urlsafe_b64decode(text)
        self.source = source

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """Which key it is, without telling it: the first 8 digits of the SHA-256 of its 32 bytes."""
        return hashlib.sha256(self._raw).hexdigest()[:8]

    def seal(self, pieces: Iterable[bytes], at: datetime) -> Iterator[bytes]:
        """The token of all ``pieces``, as they come. ``at`` is the token's own time."""
        signer = HMAC(self._raw[:16], SHA256())
        left = b""
        for part in self._unsigned(pieces, at):
            signer.update(part)
            left += part
            whole = len(left) - len(left) % 3  # base64 takes three bytes at a time
            yield base64.urlsafe_b64encode(left[:whole])
            left = left[whole:]
        yield base64.urlsafe_b64encode(left + signer.finalize())

    def _unsigned(self, pieces: Iterable[bytes], at: datetime) -> Iterator[bytes]:
        start = os.urandom(16)
        padder = PKCS7(128).padder()
        cipher = Cipher(algorithms.AES(self._raw[16:]), modes.CBC(start)).encryptor()
        yield _VERSION + int(at.timestamp()).to_bytes(8, "big") + start
        for piece in pieces:
            yield cipher.update(padder.update(piece))
        yield cipher.update(padder.finalize()) + cipher.finalize()

    def open(self, token: bytes) -> bytes | None:
        """What was sealed; None when it was not with this key, or was changed since."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            return None


def new_key(path: Path) -> Key:
    """Write a new key to a new file with mode 0600. Raises ``InputError``, also when the file is there already."""
    text = Fernet.generate_key()
    newfile.save(path, [text, b"\n"])
    return Key(text.decode(), f"file {path}")


def no_key(where: str) -> RefusedError:
    """Why no bundle is fetched."""
    return RefusedError(
        "no key is configured, and without one no configuration bundle is kept: it holds password hashes and private keys",
        where=where,
        hint=f"make a key with `{MAKE_KEY}` and name it in [backup]; or say --unencrypted, which is recorded",
    )


def wrong_key(path: Path, sealed_with: str, key: Key) -> InputError:
    """Why a kept bundle does not open. ``sealed_with`` is the fingerprint in its note, empty where there is none."""
    if sealed_with == key.fingerprint:
        return InputError("was changed or cut off since it was encrypted", where=str(path), hint="take another bundle")
    return InputError(
        f"was encrypted with {f'the key {sealed_with}' if sealed_with else 'another key'}, or was changed",
        where=str(path),
        tried=f"the key {key.fingerprint} ({key.source})",
        hint="name the key of that day in [backup]",
    )


__all__ = ["MAKE_KEY", "Key", "new_key", "no_key", "wrong_key"]
