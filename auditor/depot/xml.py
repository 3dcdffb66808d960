"""Parses XML from a bundle, and JSON into the same kind of tree. The only home of defusedxml.

defusedxml rather than own guards: it refuses document types, entities and external references in expat's own callbacks, is
small and well kept. Number and depth of elements are bounded by us, since it does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # the tree's types; parsing is defusedxml's

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from auditor.depot.limits import Limits
from auditor.errors import InputError

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class XmlRefusedError(InputError):
    """XML that is an attack, or looks like one: the whole bundle is refused, not just the file."""


class _TooManyError(Exception):
    """The tree passes a limit; the text says which."""


class _BoundedBuilder(TreeBuilder):
    def __init__(self, elements: int, depth: int) -> None:
        super().__init__()
        self.count = 0
        self._open = 0
        self._elements = elements
        self._depth = depth

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self.count += 1
        self._open += 1
        if self.count > self._elements:
            raise _TooManyError(f"more than {self._elements:,} elements")
        if self._open > self._depth:
            raise _TooManyError(f"elements more than {self._depth} deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._open -= 1
        return super().end(tag)


class XmlReader:
    """Parses the files of one bundle; the number of elements of all of them together is bounded too."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.elements

    def parse(self, data: bytes, where: str) -> Element:
        """The root element. Raises ``InputError`` for what is not well-formed, and for any document type or entity."""
        builder = _BoundedBuilder(min(self._limits.elements_per_file, self._left), self._limits.depth)
        parser = DefusedXMLParser(target=builder, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        try:
            parser.feed(data)
            root = parser.close()
        except DefusedXmlException as error:
            what = "refused: the XML declares a document type or entities, which metadata never needs and attacks use"
            raise XmlRefusedError(what, where=where) from error
        except _TooManyError as error:
            raise XmlRefusedError(f"refused: the XML has {error}", where=where) from error
        except ParseError as error:
            raise InputError(f"is not well-formed XML: {error}", where=where, hint="the file is cut off or damaged") from error
        except (ValueError, LookupError) as error:  # an encoding Python does not have, or not for XML
            raise InputError(f"is XML in an encoding that cannot be read: {error}", where=where) from error
        self._left -= builder.count
        if not isinstance(root, Element):
            raise InputError("is XML without any element", where=where)
        return root

    def parse_json(self, data: bytes, where: str) -> Element:
        """The value as a tree under one root: a key is an element, and so is each item of its list. Raises as `parse` does."""
        builder = _BoundedBuilder(min(self._limits.elements_per_file, self._left), self._limits.depth)
        try:
            # Pairs, so that a key that comes twice is seen twice; numbers as they are written.
            value = json.loads(data, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
            _build(builder, "", value)
        except _TooManyError as error:
            raise XmlRefusedError(f"refused: the JSON has {error}", where=where) from error
        except RecursionError as error:
            raise XmlRefusedError("refused: the JSON is far too deep", where=where) from error
        except ValueError as error:
            raise InputError(f"is not well-formed JSON: {error}", where=where, hint="the file is cut off or damaged") from error
        self._left -= builder.count
        return builder.close()


class _Pairs(tuple[tuple[str, object], ...]):
    """A JSON object, as its keys and values in their order."""

    __slots__ = ()


def _build(builder: TreeBuilder, name: str, value: object) -> None:
    builder.start(name, {})
    if isinstance(value, _Pairs):
        for key, part in value:
            for item in part if isinstance(part, list) else (part,):
                _build(builder, key, item)
    elif isinstance(value, list):
        for item in value:
            _build(builder, "item", item)
    elif value is not None:
        builder.data(str(value))
    builder.end(name)


def looks_like_xml(data: bytes) -> bool:
    """Whether the first visible character is ``<``, in any encoding XML allows."""
    return _begins(data) == b"<"


def looks_like_json(data: bytes, file: str) -> bool:
    """Whether a file is meant as JSON: by its name, or because it begins as an object."""
    start = _begins(data)
    return start == b"{" or (start == b"[" and file.lower().endswith(".json"))


def _begins(data: bytes) -> bytes:
    for bom in _BOMS:
        data = data.removeprefix(bom)
    return data[:256].replace(b"\0", b"").lstrip()[:1]


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def is_named(element: Element, name: str) -> bool:
    """Whether the element is called so, whatever its capitals: not every name was seen at first hand."""
    return local(element).lower() == name.lower()


def child(element: Element, name: str) -> Element | None:
    """The first direct child of that name, in any namespace and any capitals."""
    return next((item for item in element if is_named(item, name)), None)


def text(element: Element | None) -> str:
    """The element's own text without surrounding blanks; empty for None."""
    return (element.text or "").strip() if element is not None else ""


def text_of(element: Element, name: str) -> str:
    """The text of the first direct child of that name."""
    return text(child(element, name))


def all_of(element: Element, name: str) -> Iterator[Element]:
    """Every element of that name at any depth, the given one included."""
    return (item for item in element.iter() if is_named(item, name))


__all__ = [
    "Element",
    "XmlReader",
    "XmlRefusedError",
    "all_of",
    "child",
    "is_named",
    "local",
    "looks_like_json",
    "looks_like_xml",
    "text",
    "text_of",
]
