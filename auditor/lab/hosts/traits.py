"""What a simulated host is like, beyond its image: hardware, sealing, lockdown mode. Scenarios and people set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.lab.hosts.host import LabHost

_CHOICES: Mapping[str, frozenset[str]] = {
    "encryption": frozenset({"NONE", "TPM"}),
    "attestation": frozenset({"", "accepted", "notAccepted"}),
    "lockdown": frozenset({"lockdownDisabled", "lockdownNormal", "lockdownStrict"}),
}
_KINDS: Mapping[str, type] = {
    "encryption": str,
    "secure_boot": bool,
    "quick_boot": bool,
    "quick_booted": bool,
    "tpm": str,
    "attestation": str,
    "lockdown": str,
    "lockdown_exceptions": list,
    "vsan_format": int,
    "vendor": str,
    "model": str,
}
TRAITS = tuple(_KINDS)
"""Their names, which are those of `LabHost`'s attributes."""


def check_traits(traits: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a trait there is not, or a value it cannot have."""
    for name, value in traits.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise ValueError(f"there is no trait {name!r}; there are: {', '.join(TRAITS)}")
        fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        if not fits or (isinstance(value, list) and not all(isinstance(each, str) for each in value)):
            raise ValueError(f"{name}: not a value it can have: {value!r}")
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            raise ValueError(f"{name}: {value!r} is not one of: {', '.join(sorted(choices))}")


def set_traits(host: LabHost, traits: Mapping[str, Any]) -> None:
    """Make the host so. Raises as `check_traits`."""
    check_traits(traits)
    with host.lock:
        for name, value in traits.items():
            setattr(host, name, tuple(value) if isinstance(value, list) else value)
        host.tell()


__all__ = ["TRAITS", "check_traits", "set_traits"]
