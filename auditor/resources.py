"""Finds the files that ship with the tool: JSON Schemas and runbooks.

In the source tree they are the top-level folders ``schemas/`` and ``runbooks/``; an installed wheel carries them inside
the package under ``_shipped/``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from auditor.errors import InputError


def _folder(name: str) -> Traversable:
    shipped = files("auditor") / "_shipped" / name
    if shipped.is_dir():
        return shipped
    return Path(__file__).resolve().parent.parent / name


def _names(folder: str, suffix: str) -> tuple[str, ...]:
    return tuple(sorted(item.name.removesuffix(suffix) for item in _folder(folder).iterdir() if item.name.endswith(suffix)))


def schema_names() -> tuple[str, ...]:
    """The names of all schemas, such as ``config.v1``."""
    return _names("schemas", ".json")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema ``name``. Raises ``InputError`` with the names that exist."""
    if name not in schema_names():
        raise InputError(f"there is no schema {name!r}", hint=f"one of: {', '.join(schema_names())}")
    data: dict[str, Any] = json.loads((_folder("schemas") / f"{name}.json").read_text("utf-8"))
    return data


def runbook_names() -> tuple[str, ...]:
    """The names of all runbooks, such as ``host-ahead``."""
    return _names("runbooks", ".md")


def runbook(name: str) -> str:
    """The Markdown text of runbook ``name``. Raises ``InputError`` with the names that exist."""
    if name not in runbook_names():
        raise InputError(f"there is no runbook {name!r}", hint=f"one of: {', '.join(runbook_names())}")
    return (_folder("runbooks") / f"{name}.md").read_text("utf-8")


def runbook_title(name: str) -> str:
    """The first heading of runbook ``name``."""
    return runbook(name).split("\n", 1)[0].lstrip("# ").strip()


__all__ = ["runbook", "runbook_names", "runbook_title", "schema", "schema_names"]
