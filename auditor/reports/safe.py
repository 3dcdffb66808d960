"""Text from outside, made safe to show on a terminal.

Host names, task messages and banners come from machines that may be compromised or merely broken. Shown raw they could
move the cursor, change the window title, or reorder a line so that it reads as something else (CVE-2021-42574).
"""

from __future__ import annotations

import unicodedata

LIMIT = 400
"""Characters of one outside text that a report shows by default."""

_SHOWN_AS_CODE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that have no shape of their own: control, format (which holds the bidirectional marks and
zero-width characters), surrogates, private use, unassigned, and the line and paragraph separators."""


def printable(text: str, limit: int = LIMIT, *, lines: bool = False) -> str:
    """``text`` with every character that could act on a terminal written as ``\\x1b`` or ``\\u202e``.

    Tabs and line ends become one blank each unless ``lines`` keeps the line ends. At most ``limit`` characters are
    shown; a longer text ends in ``…``. Shown text is for eyes: JSON output keeps the raw value.

    >>> printable("esx01\\x1b[31m")
    'esx01\\\\x1b[31m'
    """
    out: list[str] = []
    for char in text[: limit + 1]:
        if char == "\n" and lines:
            out.append(char)
        elif char in "\t\n\r":
            out.append(" ")
        elif unicodedata.category(char) in _SHOWN_AS_CODE:
            code = ord(char)
            out.append(f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
        else:
            out.append(char)
    if len(out) > limit:
        out[limit:] = ["…"]
    return "".join(out)
