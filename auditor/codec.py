"""Domain values to plain JSON data and back. The only home of cattrs.

cattrs rather than our own walk over dataclasses: it is well kept, typed, and refuses what does not fit. Two rules are
ours: a reading is written as ``{"value": …}`` or ``{"unread": reason, "detail": …, "raw": …}``, and bytes as base64,
because boot.cfg may hold any byte.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

import cattrs

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.versions import BaseImageVersion
from auditor.errors import ReadError

T = TypeVar("T")


def timestamp(value: datetime) -> str:
    """ISO 8601 in UTC with a final Z, microseconds kept."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """The inverse; a time without a zone is refused, since it would be a guess."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return value.astimezone(UTC)


def _is_reading(cls: Any) -> bool:
    return any(arg is Unread for arg in get_args(cls)) and any(get_origin(arg) is Read for arg in get_args(cls))


def _reading_hook(converter: cattrs.Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(cls: Any) -> Callable[[Any, Any], Any]:
        inner = next(get_args(arg)[0] for arg in get_args(cls) if get_origin(arg) is Read)

        def structure(data: Any, _: Any) -> Any:
            if "unread" in data:
                return Unread(Reason(data["unread"]), data.get("detail", ""), data.get("raw", ""))
            return Read(converter.structure(data["value"], inner))

        return structure

    return factory


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(datetime, timestamp)
    converter.register_structure_hook(datetime, lambda data, _: parse_timestamp(data))
    converter.register_unstructure_hook(bytes, lambda data: base64.b64encode(data).decode("ascii"))
    converter.register_structure_hook(bytes, lambda data, _: base64.b64decode(data, validate=True))
    converter.register_unstructure_hook(BaseImageVersion, lambda version: version.raw)
    converter.register_structure_hook(BaseImageVersion, lambda data, _: BaseImageVersion.parse(data))
    converter.register_unstructure_hook(Read, lambda reading: {"value": converter.unstructure(reading.value)})
    converter.register_unstructure_hook(Unread, _unread_to_plain)
    converter.register_unstructure_hook_func(
        _is_reading, lambda reading: converter.unstructure(reading, unstructure_as=type(reading))
    )
    converter.register_structure_hook_factory(_is_reading, _reading_hook(converter))
    converter.register_structure_hook(Unread, lambda data, _: Unread(Reason(data["unread"]), data["detail"], data["raw"]))
    return converter


def _unread_to_plain(reading: Unread) -> dict[str, str]:
    return {"unread": reading.reason.value, "detail": reading.detail, "raw": reading.raw}


def to_plain(value: object) -> Any:
    """A domain value as dicts, lists, strings, numbers: ready for ``json.dumps``."""
    return _converter().unstructure(value)


def from_plain(cls: type[T], data: Any) -> T:
    """The domain value of class ``cls`` from such data. Raises ``ReadError`` when it does not fit, with the place."""
    try:
        return _converter().structure(data, cls)
    except (cattrs.BaseValidationError, AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        place = _place(error)
        name = getattr(cls, "__name__", "value")
        raise ReadError(f"stored {name} does not have the expected form{f': {place}' if place else ''}") from error


def _place(error: Exception) -> str:
    """Where in the data the first fault is. The value itself is never said: it may be in a wrong place."""
    if not isinstance(error, cattrs.BaseValidationError):
        return ""
    first = cattrs.transform_error(error, format_exception=lambda _, __: "")[0]
    return first.rpartition("@ $")[2].lstrip(".").strip()


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no blanks. Equal values give equal text, so its hash names them."""
    return canonical_plain(to_plain(value))


def canonical_plain(data: Any) -> str:
    """The same text from data that ``to_plain`` gave."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


__all__ = ["canonical", "canonical_plain", "from_plain", "parse_timestamp", "timestamp", "to_plain"]
