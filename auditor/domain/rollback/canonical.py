"""The one text of a value, and its hash: equal values have equal texts. And a paper's whole text, as its file has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from auditor.domain.observation import Read, Unread
from auditor.domain.versions import BaseImageVersion


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


def as_written(value: object) -> Any:
    """A value as the JSON data of a paper, with nothing left out: labels and the words of what was not read included. The same
    as `auditor.codec.to_plain`, which the domain does not know; a test holds the two together."""
    if isinstance(value, BaseImageVersion):
        return value.raw
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Read):
        return {"value": as_written(value.value)}
    if isinstance(value, Unread):
        return {"unread": value.reason.value, "detail": value.detail, "raw": value.raw}
    if isinstance(value, Mapping):
        return {key: as_written(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_written(item) for item in value]
    if is_dataclass(value):
        return {field.name: as_written(getattr(value, field.name)) for field in fields(value)}
    return plain(value)


def paper_digest(document: Mapping[str, Any]) -> str:
    """The digest of a paper, from its JSON data: over everything but the key ``digest`` itself. Without this program:
    ``jq -cjS 'del(.digest)' FILE | sha256sum``."""
    return sha256(_text({key: value for key, value in document.items() if key != "digest"}).encode())


def canonical_text(value: object) -> str:
    """Sorted keys, no blanks."""
    return _text(plain(value))


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return sha256(canonical_text(value).encode())


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


__all__ = ["as_written", "canonical_text", "digest", "paper_digest", "plain", "sha256"]
