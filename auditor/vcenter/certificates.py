"""The file of pinned host certificates: ``address:port thumbprint`` lines, by the address that is contacted. Our own file.

A line that cannot be read is an error and not passed over: the host would fall back to the authority, which is less than a pin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor import handed_in, newfile
from auditor.domain.hostnames import spelled
from auditor.errors import ConfigError, InputError, RefusedError
from auditor.vcenter.tls import normal_thumbprint

LIMIT = 64 * 1024 * 1024
"""Bytes of the file that are read; ten thousand hosts have about 1.3 MB."""


def place(address: str, port: int) -> str:
    """A host as the file names it: ``esx01.example.org:443``, ``[2001:db8::1]:443``."""
    name = spelled(address)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def load(path: Path) -> Mapping[str, str]:
    """Thumbprints ("AA:BB:…") by `place`; none where there is no file. Raises ``ConfigError``."""
    found: dict[str, str] = {}
    if not path.exists():
        return found
    try:
        text = handed_in.text(handed_in.read(path, LIMIT), str(path))
    except InputError as error:
        raise ConfigError(error.what, where=error.where, hint=error.hint) from error
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where, hint = f"{path}, line {number}", "remove the line, then `auditor hosts trust` the host again"
        if len(words) != 2:
            raise ConfigError("is not an address and port, a blank and a thumbprint", where=where, hint=hint)
        try:
            pin = normal_thumbprint(words[1])
        except ConfigError as error:
            raise ConfigError(error.what, where=where, hint=hint) from None
        if found.setdefault(words[0], pin) != pin:
            raise ConfigError(f"another certificate of {words[0]} is pinned above", where=where, hint="remove the wrong one")
    return found


@dataclass(frozen=True, slots=True)
class NewPin:
    """A certificate to pin in place of ``old``, the thumbprints that somebody was shown as pinned."""

    address: str
    port: int
    thumbprint: str
    old: tuple[str, ...] = ()


def pin_all(path: Path, pins: Iterable[NewPin]) -> None:
    """Pin certificates that somebody confirmed, in one step; comments stay. Raises ``RefusedError`` when another run pinned
    something else for one of the hosts since ``old`` was read, ``ConfigError`` when the file cannot be read or written."""
    wanted = {place(pin.address, pin.port): pin for pin in pins}

    def changed() -> str:
        known = load(path)
        for name, pin in wanted.items():
            if name in known and known[name] not in {pin.thumbprint, *pin.old}:
                what = f"another certificate was pinned for {name} meanwhile; nothing pinned"
                raise RefusedError(what, where=str(path), hint="run it again")
        lines = path.read_text("utf-8-sig").splitlines() if path.exists() else []
        kept = [line for line in lines if not (words := line.split()) or words[0] not in wanted]
        return "".join(f"{line}\n" for line in [*kept, *(f"{name} {pin.thumbprint}" for name, pin in wanted.items())])

    newfile.change(path, changed, "check the folder's permissions, or name another known_certificates file in [host-api]")


__all__ = ["NewPin", "load", "pin_all", "place"]
