"""``echo`` and ``printf`` of the simulated ESXi shell."""

from __future__ import annotations

import re

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "e": "\x1b"}
_CONVERSION = re.compile(r"%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z%])")


def unescaped(text: str, *, octal_zero: bool = False) -> tuple[str, bool]:
    """Backslash sequences replaced; whether ``\\c`` ended the output. ``octal_zero``: octal needs a leading 0."""
    found: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char != "\\" or at + 1 == len(text):
            found.append(char)
            at += 1
            continue
        following = text[at + 1]
        octal = re.match(r"0[0-7]{0,3}" if octal_zero else r"[0-7]{1,3}", text[at + 1 :])
        hexadecimal = re.match(r"x([0-9a-fA-F]{1,2})", text[at + 1 :])
        if following == "c":
            return "".join(found), True
        if octal:
            found.append(chr(int(octal[0], 8) & 0xFF))
            at += 1 + octal.end()
        elif hexadecimal:
            found.append(chr(int(hexadecimal[1], 16)))
            at += 1 + hexadecimal.end()
        else:
            found.append(_ESCAPES.get(following, "\\" + following))
            at += 2
    return "".join(found), False


def echoed(words: list[str]) -> str:
    """What busybox echo prints: escapes only after ``-e``."""
    newline, escapes = "\n", False
    while words and re.fullmatch(r"-[neE]+", words[0]):
        newline = "" if "n" in words[0] else newline
        escapes = "e" in words[0] or (escapes and "E" not in words[0])
        words = words[1:]
    text = " ".join(words)
    if not escapes:
        return text + newline
    text, ended = unescaped(text, octal_zero=True)
    return text if ended else text + newline


def printed(pattern: str, args: list[str]) -> tuple[str, str]:
    """What printf prints, and its complaint about an argument that is no number."""
    found: list[str] = []
    complaint = ""
    rest = list(args)
    while True:
        before = len(rest)
        text, ended, trouble = _once(pattern, rest)
        found.append(text)
        complaint = complaint or trouble
        if ended or not rest or len(rest) == before:
            return "".join(found), complaint


def _once(pattern: str, args: list[str]) -> tuple[str, bool, str]:  # noqa: C901 - one arm a conversion
    """The pattern used one time; takes what it needs from ``args``."""
    found: list[str] = []
    complaint = ""
    at = 0

    def number() -> int:
        nonlocal complaint
        text = args.pop(0) if args else "0"
        try:
            if text[:1] in {"'", '"'}:
                return ord(text[1:2] or "\0")
            return int(text or "0", 8 if re.fullmatch(r"[-+]?0[0-7]+", text) else 0)
        except ValueError:
            complaint = f"invalid number '{text}'"
            match = re.match(r"[-+]?\d+", text)
            return int(match[0]) if match else 0

    for match in _CONVERSION.finditer(pattern):
        text, ended = unescaped(pattern[at : match.start()])
        found.append(text)
        if ended:
            return "".join(found), True, complaint
        at = match.end()
        flags, width, precision, kind = match.groups()
        if kind == "%":
            found.append("%")
            continue
        if width == "*":
            width = str(number())
        if precision == "*":
            precision = str(number())
        form = f"%{flags}{width or ''}" + (f".{precision}" if precision is not None else "")
        if kind in "diouxX":
            value = number()
            found.append(f"{form}{'d' if kind in 'iu' else kind}" % value)
        elif kind in "sb":
            text = args.pop(0) if args else ""
            text, ended = unescaped(text, octal_zero=True) if kind == "b" else (text, False)
            found.append(f"{form}s" % text)
            if ended:
                return "".join(found), True, complaint
        elif kind == "c":
            found.append(f"{form}s" % (args.pop(0) if args else "")[:1])
        else:
            return "".join(found), True, f"{match[0]}: invalid format"
    text, ended = unescaped(pattern[at:])
    found.append(text)
    return "".join(found), ended, complaint
