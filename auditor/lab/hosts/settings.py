"""The settings of a simulated host that people change: a part of its state archive, so they go back with a rollback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LabSettings:
    """What is set up. Lists are tuples; ``nfs`` has "name server:/path" for each mount; ``certificate`` counts renewals."""

    ntp: tuple[str, ...] = ("ntp1.lab.example", "ntp2.lab.example")
    dns: tuple[str, ...] = ("192.0.2.53",)
    syslog: str = "ssl://log.lab.example:1514"
    vlan: int = 10
    mtu: int = 1500
    nfs: tuple[str, ...] = ("iso nas.lab.example:/iso",)
    iscsi: tuple[str, ...] = ()
    domain: str = ""
    shell: str = "off"
    certificate: int = 0

    def changed(self, name: str, value: str) -> LabSettings:
        """The same with one setting changed; ``value`` is text, lists are parted by commas, and "none" is an empty one. Raises
        ValueError for a setting there is not and a value it cannot have."""
        known: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        if name not in known:
            raise ValueError(f"there is no setting {name!r}; there are: {', '.join(known)}")
        text = "" if value == "none" else value
        if isinstance(known[name], tuple):
            known[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        else:
            try:
                known[name] = type(known[name])(text)
            except ValueError:
                raise ValueError(f"{name}: not a value it can have: {value!r}") from None
        return LabSettings(**known)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any] | None) -> LabSettings:
        """From what a state archive has; an archive of an older lab has nothing."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in (data or {}).items()
        }
        return cls(**values)


__all__ = ["LabSettings"]
