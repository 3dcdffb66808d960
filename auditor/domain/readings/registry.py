"""Every reading of a host that an audit makes, in the order in which a host is asked.

A field of ``HostObservation`` and the module of its name here, which holds its ``READING``, make a reading. The script, the
routes, the history, ``audit --json`` and ``auditor read`` follow from this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from typing import Any

from auditor.domain.observation import READING_KEYS, BankReading, HostObservation, Reading
from auditor.domain.readings.answer import Command
from auditor.domain.readings.reading import HostReading

READINGS: tuple[HostReading, ...] = tuple(import_module(f"auditor.domain.readings.{key}").READING for key in READING_KEYS)
BY_KEY = {reading.key: reading for reading in READINGS}

COMMANDS: tuple[Command, ...] = tuple(dict.fromkeys(command for reading in READINGS for command in reading.commands))
"""What matters most comes first: a host that answers slowly until its deadline then loses the least. One after the other
and never at once, because the esxcli software commands share one small memory group on the host (field note, e)."""

_BANK_PARTS = tuple(field.name for field in fields(BankReading) if field.name != "link")


def parts(key: str, seen: HostObservation) -> Iterator[tuple[str, Reading[Any]]]:
    """The values of one reading in an observation, each with what to call it: one, or for the boot banks each file and link."""
    if key != "banks":
        yield BY_KEY[key].meaning, getattr(seen, key)
        return
    for bank in seen.banks:
        for name in _BANK_PARTS:
            yield f"{bank.link} {name.replace('_', '.')}", getattr(bank, name)


__all__ = ["BY_KEY", "COMMANDS", "READINGS", "parts"]
