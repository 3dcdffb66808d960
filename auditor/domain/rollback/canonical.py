"""The one text of a value of this package, and its hash: equal values have equal texts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from auditor.domain.observation import Read, Unread


def plain(value: object) -> Any:
    """A value as dicts, lists, texts and numbers. Bytes become their hash, a reading without a value its reason: its words
    may differ from one attempt to the next. Raises `TypeError` for anything else."""
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return {"sha256": sha256(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Read):
        return {"read": plain(value.value)}
    if isinstance(value, Unread):
        return {"unread": value.reason.value}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.compare}
    raise TypeError(f"no canonical text for {type(value).__name__}")


def canonical_text(value: object) -> str:
    """Sorted keys, no blanks."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return sha256(canonical_text(value).encode())


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


__all__ = ["canonical_text", "digest", "plain", "sha256"]
