"""Private keys in the forms users have them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from auditor.errors import ConfigError


def load_key(path: Path, passphrase: Callable[[], str] | None) -> paramiko.PKey:
    """The key in a file; ``passphrase`` is asked for only when the key has one. Raises `ConfigError`."""
    try:
        try:
            return _read_key(path, None)
        except (paramiko.PasswordRequiredException, TypeError):
            # TypeError is the cryptography library's word for "encrypted, and no password given".
            if passphrase is None:
                raise ConfigError("the key has a passphrase and none is configured", where=str(path)) from None
            return _read_key(path, passphrase().encode())
    except OSError as error:
        hint = "check the path and its permissions"
        raise ConfigError(f"key could not be read: {error.strerror}", where=str(path), hint=hint) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        hint = "RSA, ECDSA or Ed25519 in OpenSSH or PEM form; if it has a passphrase, it may be the wrong one"
        raise ConfigError("key could not be loaded", where=str(path), hint=hint) from error


def _read_key(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """paramiko reads no PKCS #8 file, and of the OpenSSH files without a comment only those that happen to end in padding:
    those it gives up are read by the cryptography library and handed to it in the older form."""
    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # it wants bytes
    except paramiko.PasswordRequiredException:
        raise
    except paramiko.SSHException:
        data = path.read_bytes()
        load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
        key = load(data, passphrase)
        if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
            raise
        text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode("ascii")
        kind = paramiko.RSAKey if isinstance(key, RSAPrivateKey) else paramiko.ECDSAKey
        return kind.from_private_key(io.StringIO(text))


__all__ = ["load_key"]
