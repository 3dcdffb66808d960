"""Reads baseImages/, addOns/, profiles/ and manifests/, whose element names are not published.

Nothing here claims a form. Files are XML or JSON, which is read as the same tree: an object's keys are its elements. An entry
is the innermost element that has plain values of its own, or a part called ``…spec``; what those are called decides: a name
that ends in ``versionSpec``, ``version``, ``nameSpec``, ``name`` or ``id``. Two different answers are none. Everything shallow
is kept as read, with the ids of the bundle that stand anywhere below and the start of the raw text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from auditor.depot.limits import Limits
from auditor.depot.xml import Element, XmlReader, local, looks_like_json, looks_like_xml
from auditor.domain.bundle import AddOnEntry, BaseImageEntry, LooseFile, ProfileEntry
from auditor.domain.versions import BaseImageVersion, VersionError

Fields = tuple[tuple[str, str], ...]

_WRAPPERS = 4
"""Levels of elements around an entry that hold nothing but other elements."""


def entries(data: bytes, where: str, file: str, xml: XmlReader, limits: Limits, known: Collection[str]) -> Iterator[LooseFile]:
    """The entries of one file, the raw text with the first; a file that is neither XML nor JSON is one entry of raw text.

    ``known`` are the ids of the bundle. Raises ``InputError`` for XML or JSON that is cut off or refused.
    """
    raw = _raw(data, limits.raw)
    if looks_like_xml(data):
        root = xml.parse(data, where)
    elif looks_like_json(data, file):
        root = xml.parse_json(data, where)
    else:
        yield LooseFile(file, raw=raw)
        return
    for number, unit in enumerate(_units(root, _WRAPPERS)):
        fields, mentions = _fields(unit, limits.fields), _mentions(unit, known)
        yield LooseFile(file, fields, mentions, "" if number else raw, whole=not number and len(raw) < limits.raw)


def base_image(source: LooseFile) -> BaseImageEntry:
    """The base image of an entry."""
    versions = {
        version for _, value in _named(source.fields, "versionspec@version", "version", "id") if (version := _base(value))
    }
    display = _one(source.fields, "versionspec@uistring", "imagespec@uistring", "displayversion", "displayname")
    return BaseImageEntry(source, versions.pop() if len(versions) == 1 else None, display)


def add_on(source: LooseFile) -> AddOnEntry:
    """The add-on of an entry. An id ``NAME:VERSION``, as the depot cmdlets show it, or ``NAME_VERSION`` serves where there is
    no name and version."""
    name = _one(source.fields, "namespec@name") or _one(source.fields, "name")
    version = _one(source.fields, "versionspec@version") or _one(source.fields, "version")
    if not (name and version):
        first, _, last = _parted(_one(source.fields, "id"))
        name, version = name or first, version or last
    display = _one(source.fields, "namespec@uistring", "displayname")
    return AddOnEntry(source, name, version, display, _one(source.fields, "vendor"))


def profile(source: LooseFile) -> ProfileEntry:
    """The image profile of an entry."""
    return ProfileEntry(source, _one(source.fields, "name"), _one(source.fields, "vendor") or _one(source.fields, "creator"))


def _units(element: Element, levels: int) -> list[Element]:
    children = list(element)
    if not levels or not children or any(len(item) == 0 or _is_spec(item) for item in children):
        return [element]
    return [unit for item in children for unit in _units(item, levels - 1)]


def _fields(unit: Element, limit: int) -> Fields:
    found: list[tuple[str, str]] = [(f"@{key.rpartition('}')[2]}", value.strip()) for key, value in unit.items()]
    for item in unit:
        name = local(item)
        if len(item) == 0 and (item.text or "").strip():
            found.append((name, (item.text or "").strip()))
        found += [(f"{name}@{key.rpartition('}')[2]}", value.strip()) for key, value in item.items()]
        if _is_spec(item):
            found += [(f"{name}@{local(part)}", (part.text or "").strip()) for part in item if len(part) == 0]
        if len(found) >= limit:
            break
    return tuple(found[:limit])


def _is_spec(element: Element) -> bool:
    """Whether an element tells what the one around it is, as bulletins' ``componentNameSpec`` does."""
    return _plain(local(element)).endswith("spec") and any(len(part) == 0 for part in element)


def _mentions(unit: Element, known: Collection[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for element in unit.iter():
        for value in ((element.text or "").strip(), *element.attrib.values()):
            if value in known:
                found[value] = None
    return tuple(found)


def _named(fields: Fields, *endings: str) -> Iterator[tuple[str, str]]:
    for name, value in fields:
        if value and _plain(name).endswith(endings):
            yield name, value


def _one(fields: Fields, *names: str) -> str:
    """The value of the fields called one of ``names``, else of those whose name ends so; empty when they do not agree."""
    exact = {value for name, value in fields if value and _plain(name) in names}
    values = exact or {value for _, value in _named(fields, *names)}
    return values.pop() if len(values) == 1 else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _parted(identifier: str) -> tuple[str, str, str]:
    """An id is a name, a colon or an underscore, and the version."""
    return identifier.rpartition(":" if ":" in identifier else "_")


def _base(value: str) -> BaseImageVersion | None:
    for candidate in (value, _parted(value)[2]):
        try:
            return BaseImageVersion.parse(candidate)
        except VersionError:
            continue
    return None


def _raw(data: bytes, limit: int) -> str:
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    return data[: limit * 4].decode(encoding, "backslashreplace")[:limit]
