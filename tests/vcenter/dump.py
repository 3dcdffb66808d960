"""Reads the vAPI data values that VMware's Java SDK prints, and writes them as JSON-RPC carries them."""

from __future__ import annotations

from typing import Any

UNSET = object()


def parse(text: str) -> Any:
    value, rest = _value(" ".join(text.split()))
    assert not rest.strip(), rest
    return value


def _value(text: str) -> tuple[Any, str]:
    text = text.lstrip()
    if text.startswith("["):
        return _items(text[1:])
    head, arrow, _ = text.partition("=>")
    if arrow and not any(mark in head for mark in ",={}[]"):
        fields, rest = _fields(text[len(head) + 2 :].lstrip())
        return (head.strip(), fields), rest
    end = min((text.find(mark) for mark in ",}]" if mark in text), default=len(text))
    word = text[:end].strip()
    return (UNSET if word == "<unset>" else word), text[end:]


def _items(text: str) -> tuple[list[Any], str]:
    items = []
    text = text.lstrip()
    while not text.startswith("]"):
        item, text = _value(text)
        items.append(item)
        text = text.lstrip().removeprefix(",").lstrip()
    return items, text[1:]


def _fields(text: str) -> tuple[dict[str, Any], str]:
    assert text.startswith("{"), text[:40]
    fields = {}
    text = text[1:].lstrip()
    while not text.startswith("}"):
        name, _, text = text.partition("=")
        fields[name.strip()], text = _value(text)
        text = text.lstrip().removeprefix(",").lstrip()
    return fields, text[1:]


_OPTIONAL = {
    "add_on_compliance": {"current", "target", "stage_status"},
    "base_image_compliance": {"stage_status"},
    "base_image_info": {"details"},
    "cluster_compliance": {"commit", "stage_status"},
    "component_compliance": {"current", "target", "current_source", "target_source", "stage_status"},
    "component_details": {"display_version"},
    "component_info": {"version", "details"},
    "host_compliance": {"commit", "stage_status", "hardware_support"},
    "localizable_message": {"localized", "params"},
    "notification": {"type", "resolution", "originator", "retriable"},
    "notifications": {"info", "warnings", "errors"},
}
"""Fields the API reference calls optional: the wire wraps them, the Java printout does not show it."""


def wire(value: Any) -> Any:
    if value is UNSET:
        return {"OPTIONAL": None}
    if isinstance(value, list):
        return [wire(item) for item in value]
    if isinstance(value, tuple):
        name, fields = value
        optional = _OPTIONAL.get(name.rpartition(".")[2], set())
        return {"STRUCTURE": {name: {key: _field(item, key in optional) for key, item in fields.items()}}}
    return value


def _field(value: Any, optional: bool) -> Any:
    plain = wire(value)
    return {"OPTIONAL": plain} if optional and value is not UNSET else plain
