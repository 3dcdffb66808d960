"""POSIX regular expressions as Python's: basic and extended, as busybox grep and sed take them."""

from __future__ import annotations

import re

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "space": r"\s", "upper": "A-Z", "lower": "a-z",
    "blank": r" \t", "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "print": r"\x20-\x7e",
}  # fmt: skip
_SWAPPED = frozenset("(){}+?|")


def translated(pattern: str, *, extended: bool) -> str:
    """The source of a Python expression that matches the same. In basic ones ``\\(`` groups and ``(`` is a bracket."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            text, at = _bracket(pattern, at)
            found.append(text)
            continue
        at += 1
        if char == "\\" and at < len(pattern):
            following = pattern[at]
            at += 1
            if following in _SWAPPED:
                found.append(re.escape(following) if extended else following)
            elif following in "<>":
                found.append(r"\b")
            elif following in "wWsSbB" or following.isdigit():
                found.append("\\" + following)
            else:
                found.append(re.escape({"n": "\n", "t": "\t"}.get(following, following)))
        elif char in _SWAPPED:
            found.append(char if extended else re.escape(char))
        elif char == "*" and (not found or found[-1] in {"(", "|", "^"}):
            found.append(r"\*")
        elif char == "^" and not extended and found and found[-1] not in {"(", "|"}:
            found.append(r"\^")
        elif char == "$" and not extended and at < len(pattern) and pattern[at : at + 2] not in {r"\)", r"\|"}:
            found.append(r"\$")
        else:
            found.append(char if char in ".*^$" else re.escape(char))
    return "".join(found)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A bracket expression starting at ``at``, and where it ends."""
    match = re.compile(r"\[(\^?)(\]?(?:\[:\w+:\]|[^\]])*)\]").match(pattern, at)
    if match is None:
        return r"\[", at + 1
    inner = "".join(
        _CLASSES.get(piece[2:-2], "") if piece.startswith("[:") else re.sub(r"([\\\[\]&~|])", r"\\\1", piece)
        for piece in re.split(r"(\[:\w+:\])", match[2])
    )
    return f"[{match[1]}{inner}]", match.end()
