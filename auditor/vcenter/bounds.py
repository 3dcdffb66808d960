"""What an answer may hold, looked at before it is taken apart: a few megabytes can become gigabytes of objects.

Counting marks in the text is cheap and never too low. Depth needs no limit of its own: it is no larger than the number of
elements, and Python's JSON reader ends with an error of its own at some hundred levels.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # only what passed `xml_text` is parsed

from auditor.domain.observation import Reason, raw_start
from auditor.vcenter.faults import unanswered

TAGS = 1_000_000
"""Opening and closing tags of an answer in XML. The settings of twenty hosts have some 300,000."""

ATTRIBUTES = 250_000
"""Signs of equality, in attributes and elsewhere."""

VALUES = 400_000
"""Values of an answer in JSON. vCenter ends at 7 MB, which is a stored scan of some 100 hosts."""


def xml_text(answer: bytes, what: str) -> str:
    """The text of an answer, for an XML parser. A document type is refused, since only attacks have one; parsers take text as
    UTF-8 whatever it declares, so none can be hidden. Raises ``UnansweredError``."""
    for mark, limit, named in ((b"<", TAGS, "tags"), (b"=", ATTRIBUTES, "attributes")):
        if answer.count(mark) > limit:
            raise unanswered(Reason.TOO_LARGE, f"{what}: the XML has more than {limit:,} {named}", raw_start(answer))
    try:
        text = answer.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unanswered(Reason.UNREADABLE, f"{what}: the answer is not UTF-8", raw_start(answer)) from error
    if "<!DOCTYPE" in text:
        raise unanswered(Reason.UNREADABLE, f"{what}: the XML declares a document type, which answers never do", text)
    return text


def xml_tree(answer: bytes, what: str) -> ET.Element:
    """The root element. Raises ``UnansweredError``."""
    text = xml_text(answer, what)
    try:
        return ET.fromstring(text)  # noqa: S314  # see `xml_text`
    except ET.ParseError as error:
        raise unanswered(Reason.UNREADABLE, f"{what}: not XML: {error}", text) from error


def json_text(answer: bytes, what: str) -> str:
    """The text of an answer, for a JSON parser. Raises ``UnansweredError``."""
    if sum(map(answer.count, (b",", b"[", b"{"))) > VALUES:
        raise unanswered(Reason.TOO_LARGE, f"{what}: the JSON has more than {VALUES:,} values", raw_start(answer))
    return answer.decode("utf-8", "replace")


__all__ = ["json_text", "xml_text", "xml_tree"]
