"""The texts of scenarios: those that come with the lab, and files of a user's own."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from auditor import documents
from auditor.errors import InputError
from auditor.lab.scenario import Verb

SCHEMA = "scenario.v1"


def shipped() -> tuple[str, ...]:
    """The names of the scenarios that come with the lab."""
    folder = resources.files("auditor.lab") / "scenarios"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def source(name: str) -> str:
    """The text of a scenario's file. Raises `InputError`."""
    return _text(name)[0]


def _text(name: str) -> tuple[str, str]:
    if name.endswith(".toml"):
        try:
            return Path(name).read_text("utf-8"), name
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", where=name, hint="give a scenario file in TOML") from error
    if name not in shipped():
        hint = f"there are: {', '.join(shipped())}; a name that ends in .toml is a file of your own"
        raise InputError(f"there is no scenario {name!r}", hint=hint)
    return (resources.files("auditor.lab") / "scenarios" / f"{name}.toml").read_text("utf-8"), f"{name}.toml"


def read(name: str) -> tuple[dict[str, Any], str]:
    """The data of the scenario ``name``, valid by the schema, with what it takes from its base; and how to call the file in
    messages. Raises `InputError`."""
    text, where = _text(name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", where=where, hint="correct that line") from None
    documents.validate(data, SCHEMA, where=where, hint="docs/lab.md describes every key")
    if "based_on" not in data:
        return data, where
    base_name = data["based_on"]
    if base_name not in shipped():
        raise InputError(
            f"based_on: there is no shipped scenario {base_name!r}", where=where, hint=f"there are: {', '.join(shipped())}"
        )
    base, _ = read(base_name)
    gone = set(data.get("without", ()))
    past = _without(base.get("past", []), gone)
    return {**base, "past": past, **data}, where


def _without(past: list[dict[str, Any]], gone: set[str]) -> list[dict[str, Any]]:
    """The events but those of the kinds ``gone``, each at the time it had with them."""
    kept: list[dict[str, Any]] = []
    ago: str | None = None
    for event in past:
        ago = "0m" if event["do"] == Verb.SNAPSHOT else event.get("ago", ago)
        if event["do"] not in gone:
            kept.append({**event, "ago": ago} if ago is not None else event)
    return kept
