"""Which known host a person means by what they typed: a whole name, the start of one, or an address, in any case."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from auditor.domain.observation import host_key

NOWHERE: Mapping[str, Collection[str]] = MappingProxyType({})

_NEAR = 3
_ALIKE = 0.7


def meant(asked: str, names: Iterable[str], addresses: Mapping[str, Collection[str]] = NOWHERE) -> tuple[str, ...]:
    """The names that ``asked`` may mean, sorted; empty for none. ``names`` are those known, ``addresses`` where each is reached
    ("192.0.2.7", "192.0.2.7:2201").

    The first way of reading it that fits anything decides: a whole name, an address, the first labels of a name ("esx01" or
    "esx01.lab" of "esx01.lab.example"). A longer name than the known one is not taken for it: it may be another site's.
    """
    keys, wanted = {host_key(name) for name in names}, host_key(asked)
    if wanted in keys:
        return (wanted,)
    place = spelled(wanted)
    reached = {key for key in keys if place in {spelled(key), *map(spelled, addresses.get(key, ()))}}
    if reached or not wanted:
        return tuple(sorted(reached))
    return tuple(sorted(key for key in keys if key.startswith(f"{wanted}.") and not _is_ip(key)))


def near(asked: str, names: Iterable[str]) -> tuple[str, ...]:
    """A few known names that look like ``asked``, the likeliest first."""
    keys, wanted = sorted({host_key(name) for name in names}), host_key(asked)
    short = wanted.partition(".")[0]
    found = [key for key in keys if wanted and key.partition(".")[0] == short]
    found += difflib.get_close_matches(wanted, keys, _NEAR, _ALIKE)
    by_short = {key.partition(".")[0]: key for key in keys if not _is_ip(key)}
    found += [by_short[each] for each in difflib.get_close_matches(short, by_short, _NEAR, _ALIKE)]
    return tuple(dict.fromkeys(found))[:_NEAR]


def spelled(text: str) -> str:
    """An IP address in its one spelling; anything else as it is compared."""
    text = text.strip().lower()
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return host_key(text)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


__all__ = ["meant", "near", "spelled"]
