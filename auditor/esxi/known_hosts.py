"""The file of pinned host keys: OpenSSH's known_hosts format, our own file.

Read here rather than with paramiko's reader, which passes over ``@revoked`` lines and gets slow with many hosts. What is
understood: plain and hashed (``|1|``) names, ``[address]:port`` for ports other than 22, comma lists, ``@revoked``.
Patterns and ``@cert-authority`` lines trust nobody here: a host named by them only is unknown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from auditor import newfile
from auditor.domain.changed_copy import Change, change_of
from auditor.errors import ConfigError, RefusedError, TrustError

_REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key: its type ("ecdsa-sha2-nistp256") and the key blob as it goes over the wire."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """OpenSSH's form: ``SHA256:`` and the digest in base64 without padding."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii").rstrip("=")

    def line(self, address: str, port: int) -> str:
        """The known_hosts line that pins this key for the host, without line end."""
        return f"{host_name(address, port)} {self.type} {base64.b64encode(self.blob).decode('ascii')}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


def host_name(address: str, port: int) -> str:
    """A host as known_hosts names it: the address alone for port 22, ``[address]:port`` otherwise."""
    name = address.strip().rstrip(".").lower()
    return name if port == 22 else f"[{name}]:{port}"


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The keys pinned for each host. Made by `load`."""

    plain: dict[str, list[HostKey]] = field(default_factory=dict)
    hashed: list[tuple[str, HostKey]] = field(default_factory=list)
    revoked: frozenset[HostKey] = frozenset()

    def keys_of(self, address: str, port: int) -> tuple[HostKey, ...]:
        """All keys pinned for the host, none if it is unknown."""
        name = host_name(address, port)
        return (*self.plain.get(name, ()), *(key for pattern, key in self.hashed if _is_hash_of(pattern, name)))


def load(path: Path) -> KnownHosts:
    """Read the file; a file that is not there pins nothing. Raises `ConfigError` if it cannot be read.

    A line that is not understood pins nothing, as in OpenSSH: the host is then unknown, which is safe.
    """
    plain: dict[str, list[HostKey]] = {}
    hashed: list[tuple[str, HostKey]] = []
    revoked: set[HostKey] = set()
    for line in _lines(path):
        entry = _parse(line)
        if entry is None:
            continue
        marker, names, key = entry
        if marker == _REVOKED:
            revoked.add(key)
        elif not marker:
            for name in names:
                if name.startswith("|1|"):
                    hashed.append((name, key))
                else:
                    plain.setdefault(name.lower().rstrip("."), []).append(key)
    return KnownHosts(plain, hashed, frozenset(revoked))


def pin(path: Path, address: str, port: int, key: HostKey, fingerprint: str) -> None:
    """Pin ``key`` for the host, in place of any other key of that type, once the user has named its ``fingerprint``.

    The file appears or changes in one step, readable by its owner only when it is new. Raises `TrustError` when the
    fingerprint is not that of the key, `ConfigError` when the file cannot be written.
    """
    where = host_name(address, port)
    if not hmac.compare_digest(key.fingerprint, fingerprint.strip()):
        raise TrustError(
            f"the host shows the key {key}, not {fingerprint.strip()}",
            where=where,
            tried="comparing the fingerprint given with the one of the host",
            hint="read the fingerprint on the host's own console; if the two still differ, something is between you and it",
        )
    pin_all(path, [NewPin(address, port, key)])


@dataclass(frozen=True, slots=True)
class NewPin:
    """A key to pin. ``old`` are the keys of the host that it replaces whatever their type, as somebody was shown them."""

    address: str
    port: int
    key: HostKey
    old: tuple[HostKey, ...] | None = None


def pin_all(path: Path, pins: Iterable[NewPin]) -> None:
    """Pin keys that somebody confirmed, in one step; a key of the same type and those of ``old`` go.

    Raises `RefusedError` when another run pinned something else for one of the hosts since ``old`` was read, `ConfigError` when
    the file cannot be written.
    """
    wanted = {host_name(pin.address, pin.port): pin for pin in pins}

    def changed() -> str:
        known = load(path)
        for name, pin in wanted.items():
            now = set(known.keys_of(pin.address, pin.port))
            if pin.old is not None and now - {pin.key} != set(pin.old) - {pin.key}:
                raise RefusedError(
                    f"another key was pinned for {name} meanwhile; nothing pinned", where=str(path), hint="run it again"
                )
        kept = [rest for line in _lines(path) if (rest := _without(line, wanted)) is not None]
        new = [pin.key.line(pin.address, pin.port) for pin in wanted.values()]
        return "".join(f"{line}\n" for line in [*kept, *new])

    newfile.change(path, changed, "check the folder's permissions, or name another known_hosts file in the configuration")


def _lines(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
        if change_of(data) is Change.UTF_16:
            raise ConfigError(f"is not UTF-8: it {Change.UTF_16.value}", where=str(path), hint="save it as UTF-8")
        yield from data.decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        hint = "it must be a text file in OpenSSH's known_hosts format"
        raise ConfigError(f"could not be read: {error}", where=str(path), hint=hint) from error


def _parse(line: str) -> tuple[str, list[str], HostKey] | None:
    """Marker, names and key of a line; None for an empty line, a comment, or what is no key."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if len(words) < 3:
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    # The blob names its own type first; a line that says another one is damaged.
    kind = words[1].encode()
    return (marker, words[0].split(","), HostKey(words[1], blob)) if blob[4 : 4 + len(kind)] == kind else None


def _without(line: str, pins: dict[str, NewPin]) -> str | None:
    """The line without what new pins replace in it; None if nothing is left of it."""
    entry = _parse(line)
    if entry is None or entry[0]:
        return line
    key = entry[2]

    def goes(name: str) -> bool:
        hashed = name.startswith("|1|")
        found = (
            [pin for each, pin in pins.items() if _is_hash_of(name, each)] if hashed else [pins.get(name.lower().rstrip("."))]
        )
        return any(pin is not None and (key.type == pin.key.type or key in (pin.old or ())) for pin in found)

    names = [name for name in entry[1] if not goes(name)]
    if len(names) == len(entry[1]):
        return line
    return f"{','.join(names)} {line.split(maxsplit=1)[1]}" if names else None


def _is_hash_of(pattern: str, name: str) -> bool:
    """Whether a hashed name stands for ``name``: ``|1|salt|HMAC-SHA1(salt, name)``, both in base64."""
    if not pattern.startswith("|1|"):
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in pattern[3:].split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
