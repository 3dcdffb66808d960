"""A vAPI answer as somebody recorded it: JSON-RPC, REST of 7.0U2 and later (``/api``), REST before (``/rest``), a task.

Errors mean what they mean when a call ends with them. Their classes are found by name: ``error_type`` in one form
(``NOT_FOUND``), the structure's name in the others (``com.vmware.vapi.std.errors.not_found``).
"""

from __future__ import annotations

import json
import math
from typing import Any

from com.vmware.vapi.std import errors_client

from auditor.domain.observation import Read, Reading, Reason, Unread, raw_start
from auditor.vcenter.vapi import reason_of

_ERRORS = "com.vmware.vapi.std.errors."
_NO_SUCH_URL = "com.vmware.vapi.rest.operationsForUrlNotFound"
"""Over REST an operation that is not there has the error type of an object that is not there."""
_WRAPPERS = {"STRUCTURE", "ERROR"}


def read_answer(text: str) -> Reading[Any]:
    """The answer's value as plain JSON data, or why there is none: a vAPI error, or no such answer."""
    raw = raw_start(text)
    try:
        answer = json.loads(text, parse_float=_number, parse_constant=_number)
        found = _meaning(answer)
    except (ValueError, RecursionError) as error:
        return Unread(Reason.UNREADABLE, f"not JSON: {error}" if text.strip() else "nothing in it", raw)
    return Unread(found.reason, found.detail, raw) if isinstance(found, Unread) else found


def _number(text: str) -> float:
    """A number that can be printed as JSON again. Raises ``ValueError`` for others: NaN, Infinity, 1e999."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number that JSON can hold")
    return number


def _meaning(answer: Any) -> Reading[Any]:
    if not isinstance(answer, dict):
        return Read(answer)
    result, error = answer.get("result"), answer.get("error")
    if answer and not answer.keys() - {"output", "error"}:
        result, error = answer, None  # without the envelope of JSON-RPC
    if "jsonrpc" in answer and isinstance(error, dict):
        return Unread(Reason.FAILED, f"JSON-RPC error {error.get('code')}: {error.get('message')}")
    if isinstance(result, dict) and {"output", "error"} & result.keys():
        return _failure(result["error"]) if result.get("error") is not None else Read(_plain(result.get("output")))
    if answer.get("status") == "FAILED" and isinstance(error, dict):
        found = _failure(error)
        return Unread(found.reason, f"the task failed: {found.detail}")
    if "error_type" in answer or str(answer.get("type", "")).startswith(_ERRORS):
        return _failure(answer)
    return Read(answer)


def _failure(error: Any) -> Unread:
    """Any form of a vAPI error."""
    name = str(error.get("type") or error.get("error_type") or "") if isinstance(error, dict) else ""
    fields = error
    if isinstance(error, dict) and len(error) == 1 and isinstance(error.get("ERROR"), dict):
        name, fields = next(iter(error["ERROR"].items()), ("", {}))
    fields = _plain(fields)
    if isinstance(fields, dict) and isinstance(fields.get("value"), dict):
        fields = fields["value"]
    words = "".join(word.capitalize() for word in name.removeprefix(_ERRORS).lower().split("_"))
    kind = getattr(errors_client, words, None)
    reason = reason_of(kind()) if isinstance(kind, type) and issubclass(kind, errors_client.Error) else Reason.FAILED
    messages = fields.get("messages") if isinstance(fields, dict) else None
    said = next((each for each in messages if isinstance(each, dict)), None) if isinstance(messages, list) else None
    text = f"{said.get('default_message', '')} [{said.get('id', '')}]" if said else "no message"
    if said and said.get("id") == _NO_SUCH_URL:
        reason = Reason.NOT_SUPPORTED
    return Unread(reason, f"{words or 'an error of no known type'}: {text}")


def _plain(value: Any) -> Any:
    """A value of vAPI's JSON-RPC as plain data. What is marked as secret is left out."""
    if isinstance(value, list):
        plain = [_plain(each) for each in value]
        is_map = plain and all(
            isinstance(each, dict) and each.keys() == {"STRUCTURE"} and "map-entry" in each["STRUCTURE"] for each in value
        )
        return {str(each.get("key")): each.get("value") for each in plain} if is_map else plain
    if not isinstance(value, dict):
        return value
    [*keys] = value
    if len(keys) == 1 and keys[0] in _WRAPPERS and isinstance(value[keys[0]], dict):
        [*structures] = value[keys[0]].values()
        return _plain(structures[0]) if len(structures) == 1 else _plain(value[keys[0]])
    if keys == ["OPTIONAL"]:
        return _plain(value["OPTIONAL"])
    if keys == ["SECRET"]:
        return "(secret)"
    return {key: _plain(part) for key, part in value.items()}


__all__ = ["read_answer"]
