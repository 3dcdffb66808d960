"""Every single edit of a JSON document: each value changed and retyped, each key removed, renamed and added, elements moved."""

from __future__ import annotations

import copy
import itertools
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from auditor import documents

Path = tuple[str | int, ...]
SWAPPED = {
    "pass": "fail",
    "fail": "pass",
    "live": "history",
    "guided": "unattended",
    "unattended": "guided",
    "image": "baselines",
}


def edits(document: Any) -> Iterator[tuple[str, Any]]:
    """The name of each edit, ``PATH: HOW``, and the edited document."""
    for path, value in list(_walk(document)):
        for how, new in _changed(value):
            yield f"{named(path)}: {how}", _with(document, path, new)
        if path and isinstance(path[-1], str):
            yield f"{named(path)}: removed", _without(document, path)


def named(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def pattern(name: str) -> str:
    """The name of an edit without numbers of elements."""
    return re.sub(r"\[\d+\]", "[]", name)


def _walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _walk(item, (*path, key))


def _changed(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield "key added", {**value, "security": "patch only"}
        yield "retyped", [value]
        keys = list(value)
        for one, other in itertools.pairwise(keys):
            if value[one] != value[other] and type(value[one]) is type(value[other]):
                yield f"{one} swapped with {other}", {**value, one: value[other], other: value[one]}
    elif isinstance(value, list):
        yield "retyped", {}
        yield "element added", [*value, copy.deepcopy(value[-1]) if value else "security patch only"]
        if value:
            yield "first removed", value[1:]
            yield "last removed", value[:-1]
        if value[::-1] != value:
            yield "reversed", value[::-1]
    elif isinstance(value, bool):
        yield "changed", not value
        yield "retyped", int(value)
    elif isinstance(value, int):
        yield "changed", value + 1
        yield "retyped", float(value)
    elif isinstance(value, str):
        yield "changed", _other(value)
        yield "retyped", None
    else:
        yield "retyped", "security patch only"


def _other(text: str) -> str:
    """A text of the same form, where it has one."""
    if text in SWAPPED:
        return SWAPPED[text]
    if re.match(r"\d{4}-\d\d-\d\dT\d\d:", text):
        return text[:14] + f"{(int(text[14:16]) + 1) % 60:02}" + text[16:]
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text[::-1] if text[::-1] != text else "0" * 64
    return text + " security patch only" if " " in text or not text else text[:-1] + ("0" if text[-1] != "0" else "1")


def _with(document: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    made = copy.deepcopy(document)
    place = made
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = new
    return made


def _without(document: Any, path: Path) -> Any:
    made = copy.deepcopy(document)
    place = made
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return made


def before(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it was in the format before."""
    old = json.loads(json.dumps(document))
    old["schema"] = old["schema"].replace("/v2", "/v1")
    old.pop("from_host" if "proposal" in old["schema"] else "digest", None)
    name = old["schema"].removeprefix("auditor/").replace("/", ".")
    assert documents.problems(old, name) == ()
    return dict(old)


def written(folder: pathlib.Path, document: Any) -> pathlib.Path:
    path = folder / "paper.json"
    path.write_text(json.dumps(document))
    return path
