"""Checks documents against the schemas that ship with the tool. The only home of jsonschema.

jsonschema rather than own checks: the schemas are published with the tool, and must mean to us what they mean to others.
Its messages are not used, since they repeat the value, and a value in a wrong place may be a password.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import Any, cast

import jsonschema
import jsonschema.validators
from jsonschema.exceptions import ValidationError

from auditor import resources
from auditor.errors import AuditorError, InputError

MAX_PROBLEMS = 10
"""Problems one error names; the rest is counted."""

_TYPES = {
    "object": "a table",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: at which key, and what is allowed there."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def problems(document: Any, schema_name: str) -> tuple[Problem, ...]:
    """All that is wrong in ``document`` (plain data) by schema ``schema_name``; empty when it is valid."""
    errors = sorted(
        _validator(schema_name).iter_errors(document), key=lambda error: [str(part) for part in error.absolute_path]
    )
    found: dict[Problem, None] = {}
    for error in (part for whole in errors for part in _parts(whole)):
        for message in _messages(error):
            found[Problem(_path(error.absolute_path), message)] = None
    return tuple(found)


def _parts(error: ValidationError) -> list[ValidationError]:
    """Of a value that fits none of several forms, what is wrong by the form that was meant, where one fits better than the
    others: its kind of value fits, and what does not is deeper inside."""
    if error.validator not in {"oneOf", "anyOf"} or not error.context:
        return [error]
    if isinstance(error.schema, dict) and "x-message" in error.schema:
        return [error]
    forms: dict[Any, list[ValidationError]] = {}
    for part in error.context:
        forms.setdefault(part.relative_schema_path[0], []).append(part)

    def depth(form: list[ValidationError]) -> int:
        return min(-1 if part.validator == "type" and not part.relative_path else len(part.relative_path) for part in form)

    best, *others = sorted(forms.values(), key=depth, reverse=True)
    if others and depth(others[0]) == depth(best):
        return [error]
    return [leaf for part in best for leaf in _parts(part)]


def validate(
    document: Any, schema_name: str, *, where: str = "", error: type[AuditorError] = InputError, hint: str = ""
) -> None:
    """Raise ``error`` with every problem of ``document`` by schema ``schema_name``; ``where`` names the file."""
    found = problems(document, schema_name)
    if not found:
        return
    lines = [str(problem) for problem in found[:MAX_PROBLEMS]]
    if len(found) > MAX_PROBLEMS:
        lines.append(f"and {len(found) - MAX_PROBLEMS} more")
    what = lines[0] if len(lines) == 1 else "\n".join([f"{len(found)} problems", *lines])
    raise error(what, where=where, hint=hint)


# JSON Schema calls 443.0 an integer, and Python's NaN, which passes every limit, a number. Neither is meant.
_CHECKER = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool) and not isnan(value),
    }
)
_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=_CHECKER)  # type: ignore[no-untyped-call]  # jsonschema's


@cache
def _validator(schema_name: str) -> jsonschema.Draft202012Validator:
    return cast("jsonschema.Draft202012Validator", _Validator(resources.schema(schema_name)))


def _path(parts: Iterable[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_SIMPLE: dict[str, Callable[[Any], str]] = {
    "const": lambda limit: f"must be {str(limit).lower() if isinstance(limit, bool) else repr(limit)}",
    "minimum": lambda limit: f"must be at least {limit}",
    "exclusiveMinimum": lambda limit: f"must be more than {limit}",
    "maximum": lambda limit: f"must be at most {limit}",
    "minLength": lambda _: "must not be empty",
    "minItems": lambda _: "must not be empty",
    "maxLength": lambda limit: f"is longer than {limit} characters",
    "uniqueItems": lambda _: "names the same thing twice",
}
"""What a broken rule says, by its JSON Schema keyword, from the keyword's value."""


def _messages(error: ValidationError) -> Iterable[str]:
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    rule, limit, value = str(error.validator), cast("Any", error.validator_value), cast("Any", error.instance)
    if rule == "additionalProperties":
        known = sorted(schema.get("properties", {}))
        return [_unknown_key(key, known) for key in sorted(set(value) - set(known))]
    if rule == "required":
        # jsonschema gives one error for each missing key and names it in its text only.
        return [f"key {key!r} is missing" for key in limit if key not in value and repr(key) in error.message]
    if "x-message" in schema:
        return [str(schema["x-message"])]
    if rule == "type":
        allowed: list[str] = limit if isinstance(limit, list) else [limit]
        return [f"must be {' or '.join(_TYPES.get(name, name) for name in allowed)}, not {_type_name(value)}"]
    if rule == "enum":
        return [_not_allowed(value, [str(item) for item in limit])]
    return [_SIMPLE[rule](limit) if rule in _SIMPLE else f"does not fit ({rule})"]


def _unknown_key(key: str, known: list[str]) -> str:
    return f"unknown key {key!r}{_near(key, known)}; allowed: {', '.join(known) or 'none'}"


def _not_allowed(value: Any, allowed: list[str]) -> str:
    if not isinstance(value, str):
        return f"must be one of: {', '.join(allowed)}"
    return f"{value!r} is not one of: {', '.join(allowed)}{_near(value, allowed)}"


def _near(word: str, candidates: list[str]) -> str:
    lowered = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), list(lowered), n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return _TYPES["boolean"]
    if isinstance(value, float):
        return "nan" if isnan(value) else "a number with a decimal point"
    for kind, name in ((dict, "object"), (list, "array"), (str, "string"), (int, "integer")):
        if isinstance(value, kind):
            return _TYPES[name]
    return _TYPES["null"] if value is None else f"a {type(value).__name__}"


__all__ = ["Problem", "problems", "validate"]
