"""Secrets that come back: what the program knows to be secret is masked in every form in which a peer may say it again.

Parsers get the bytes as they came. ``masked`` is for texts that are kept raw, quoted or logged: every occurrence goes, plain
or written as JSON, HTML, URL, Python literal, UTF-16, hexadecimal or base64, also mixed and twice over. ``masked_words`` is for
what we composed from values: there a secret is masked where it stands alone. ``masked_value`` is for a typed value: only when
it is the secret as a whole, since "vmware" is a part of many names, and somebody's password. Keys are never masked, nor are the
words of our own vocabularies.
"""

from __future__ import annotations

import base64
import html.entities
import re
import string
import threading
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any

MASK = "********"

SHORTEST = 4
"""Characters; a shorter secret is not looked for. Masking every "a" would help nobody, and three letters are no secret."""

_OURS = "cause description detail do error evidence explanation hint message next note notes problems reason said summary text"
TEXTS = frozenset(f"{_OURS} title tried verdict warning warnings what why".split())
"""Keys under which documents have sentences. They quote values, so a secret in one is masked where it stands alone."""

_CHUNK = 160  # characters of a secret in one expression; a longer one is looked for piece by piece
_SESSIONS = 256  # newest session ids that are looked for: an id of a session that is over opens nothing
_NAMED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_ENTITIES = {code: f"{name}|" for code, name in html.entities.codepoint2name.items()} | {39: "apos|"}
_GLUED_BEFORE, _GLUED_AFTER = r"(?<![\w.+/@%-])", r"(?![\w+/@%-]|[.:]\w)"


_Signs = tuple[str, list[str]]


class _Found:
    """The expressions for all secrets that are known."""

    def __init__(self, secrets: frozenset[str]) -> None:
        parts = [part for secret in sorted(secrets, key=len, reverse=True) for part in _forms(secret)]
        firsts = "".join(sorted({re.escape(char) for _, chars in parts for char in chars}))
        either = f"(?=[{firsts}])(?:{'|'.join(part for part, _ in parts)})"
        self.anywhere = re.compile(either)
        self.alone = re.compile(f"{_GLUED_BEFORE}{either}{_GLUED_AFTER}")
        self.signs = [_signs(chunk) for secret in secrets for chunk in _chunks(secret)]

    def may_be_in(self, text: str) -> bool:
        """False when no secret is in ``text``: told by plain searches, since the expressions take fifty times as long."""
        return _spells(text) or _shows(self.signs, text)


_lock = threading.Lock()
_secrets: frozenset[str] = frozenset()
_found: _Found | None = None
_sessions: deque[tuple[str, _Signs]] = deque(maxlen=_SESSIONS)
_letters = [ord(char) for char in string.ascii_letters + string.digits]
_hexes = f"(?i:{'|'.join(f'{code:x}' for code in _letters)})"
_spelled_out = [  # a letter, a digit or a zero byte in other words; an expression that begins with one character is fast
    re.compile(rf"&(?:amp;)*#(?:0*(?:{'|'.join(map(str, _letters))})|[xX]0*{_hexes});"),
    re.compile(rf"\\(?:x|u00|U000000)(?:00|{_hexes})", re.IGNORECASE),
    re.compile(f"%(?:25)*{_hexes}"),
]


def remember(secret: str) -> bool:
    """``secret`` is masked from now on, blanks around it aside. False: it is shorter than `SHORTEST` and left alone."""
    global _secrets, _found
    core = secret.strip()
    if len(core) < SHORTEST:
        return False
    with _lock:
        if core not in _secrets:
            _secrets, _found = _secrets | {core}, None
            _cached.cache_clear()
    return True


def remember_session(text: str) -> None:
    """As ``remember`` for a session id, or the cookie that holds it (``name="id"; Path=/``). Long and random: it is masked
    wherever it stands. Cheap, since with the hosts' own API every host gives one."""
    token = text.split(";", maxsplit=1)[0].strip()
    name, equals, value = token.partition("=")
    token = (value if equals and value.strip("=") and name.isidentifier() else token).strip('"')
    if len(token) >= 2 * SHORTEST and not any(token == one[0] for one in tuple(_sessions)):
        _sessions.append((token, _signs(token)))
        _cached.cache_clear()


def masked(text: str) -> str:
    """``text`` without any secret in any form."""
    return _without_sessions(found.anywhere.sub(MASK, text) if (found := _expressions(text)) else text)


def masked_words(text: str) -> str:
    """``text`` without those secrets in it that stand alone: not as a part of a longer name, version or path."""
    return _without_sessions(found.alone.sub(_unless_ours, text) if (found := _expressions(text)) else text)


def masked_value(text: str) -> str:
    """``text``, or the mask when the whole of it is a secret in some form."""
    whole = found.anywhere.fullmatch(text.strip()) if (found := _expressions(text)) else None
    return _without_sessions(text if whole is None else _unless_ours(whole))


def masked_bytes(data: bytes) -> bytes:
    """A file's bytes without those secrets in it that stand alone. Its length stays, and where everything else is."""
    text = data.decode("latin-1")
    found = _expressions(text)
    return data if found is None else found.alone.sub(lambda match: "*" * len(match[0]), text).encode("latin-1")


def masked_plain(data: Any, key: str = "") -> Any:
    """Plain JSON data with ``masked_value`` of its strings, and ``masked_words`` of whole files and of what is under a key in
    `TEXTS`; keys stay."""
    if isinstance(data, str):
        return _cached(data, key in TEXTS)
    if isinstance(data, dict):
        return {key: masked_plain(value, key) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [masked_plain(item, key) for item in data]
    return data


def holds_secret(text: str) -> bool:
    """Whether a look at each value of the JSON ``text`` is worth while."""
    found = _expressions(text)
    return (found is not None and found.anywhere.search(text) is not None) or _without_sessions(text) != text


@lru_cache(maxsize=4096)
def _cached(text: str, words: bool) -> str:
    many = "\n" in text or text.startswith(("{", "["))  # a file, or a specification, that is kept as text
    return masked_words(text) if words or many else masked_value(text)


def _expressions(text: str) -> _Found | None:
    """The expressions for all secrets, or None when there is none in ``text``."""
    global _found  # noqa: PLW0603 - made when first needed: a run reveals its secrets one after another
    found = _found
    if found is None and _secrets:
        with _lock:
            found = _found = _Found(_secrets)
    return found if found is not None and found.may_be_in(text) else None


def _unless_ours(match: re.Match[str]) -> str:
    return match[0] if match[0] in _vocabulary() else MASK


def _vocabulary() -> set[str]:
    """The words of our own enumerations: what we say with them must be understood when it is read again."""
    return {member.value for kind in StrEnum.__subclasses__() if kind.__module__.startswith("auditor.") for member in kind}


def _without_sessions(text: str) -> str:
    if _sessions:
        spelled = _spells(text)
        for session, signs in tuple(_sessions):
            if spelled or _shows([signs], text):
                text = _session(session).sub(MASK, text)
    return text


@lru_cache(maxsize=_SESSIONS)
def _session(session: str) -> re.Pattern[str]:
    """The expression for a session id: made only for a peer that says it."""
    return re.compile("|".join(part for part, _ in _forms(session)))


def _chunks(secret: str) -> Iterator[str]:
    for start in range(0, len(secret), _CHUNK):
        chunk = secret[start : start + _CHUNK]
        yield chunk if len(chunk) >= SHORTEST else secret[-_CHUNK:]  # the end of a long secret


def _signs(chunk: str) -> _Signs:
    """What stands in each text that has ``chunk`` in it and no letter in other words: the digits, or one of the words."""
    data = chunk.encode("utf-8", "surrogatepass")
    cores = [*_base64_cores(data), *_base64_cores(chunk.encode("utf-16-le", "surrogatepass"))]
    return data.hex(), [max(re.split("[^A-Za-z0-9]+", form), key=len) for form in (chunk, *cores)]


def _shows(signs: list[_Signs], text: str) -> bool:
    lowered = text.lower()
    return any(digits in lowered or any(word in text for word in words) for digits, words in signs)


def _spells(text: str) -> bool:
    """Whether a letter or digit is written in other words, or the zero byte of UTF-16 may part them."""
    return "\0" in text or any(way.search(text) for way in _spelled_out)


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    """Expressions for a secret, each with the characters it may begin with."""
    for chunk in _chunks(secret):
        words = re.split(r"(\s+)", chunk)
        units = [unit for word in words if word for unit in ([" "] if word.isspace() else word)]
        latin = units[0].encode("utf-8", "surrogatepass").decode("latin-1")
        blanks = "".join(map(chr, range(9, 14))) + " +" if units[0] == " " else ""
        gap = r"(?:\x00|\\+x00|\\+u0000)?"
        yield gap.join(map(_character, units)), f"{units[0]}{latin[0]}\\&%{blanks}"
        data = chunk.encode("utf-8", "surrogatepass")
        yield f"(?i:{data.hex()})", data.hex()[0] + data.hex()[0].upper()
        for raw in (data, chunk.encode("utf-16-le", "surrogatepass")):
            for core in _base64_cores(raw):
                text = core.replace("+", "[+-]").replace("/", r"(?:\\?/|_)")
                yield text + r"[A-Za-z0-9+/_-]{0,1}={0,2}", "\\/_" if core[0] == "/" else "+-" if core[0] == "+" else core[0]


def _base64_cores(data: bytes) -> Iterator[str]:
    """What of ``data`` stands in base64 text wherever ``data`` begins: the characters that no neighbour has a part in."""
    for before, lost in ((0, 0), (1, 2), (2, 3)):
        bits = (before + len(data)) * 8
        core = base64.b64encode(b"\0" * before + data).decode()[lost : bits // 6]
        if len(core) >= SHORTEST:
            yield core


def _character(char: str) -> str:
    """Every way in which one character is written."""
    if char == " ":  # a run of blanks: texts are folded to one line before they are shown
        entity = r"&(?:amp;)*#(?:[xX]0*(?:20|9|[aAdD])|0*(?:32|9|10|13));"
        return rf"(?:\s|\+|\\+[nrt]|\\+(?:u00|x)(?:20|09|0[aAdD])|{entity}|%(?:25)*(?:20|09|0[aAdD]))+"
    code = ord(char)
    data = char.encode("utf-8", "surrogatepass")
    ways = [re.escape(char)]
    backslashed = [f"(?i:u{code:04x}|U{code:08x})" if code < 0x10000 else f"(?i:{_pair(char)}|U{code:08x})"]
    if code < 0x100:
        backslashed.append(f"(?i:x{code:02x})")
    if char in _NAMED:
        backslashed.append(re.escape(_NAMED[char]))
    ways.append(rf"\\+(?:{'|'.join(backslashed)})")
    ways.append(f"&(?:amp;)*(?:{_ENTITIES.get(code, '')}#0*{code}|#[xX](?i:0*{code:x}));")
    ways.append("".join(f"%(?:25)*(?i:{byte:02x})" for byte in data))
    if code >= 0x80:
        ways.append("".join(rf"\\+(?i:x{byte:02x})" for byte in data))
        ways.append(re.escape(data.decode("latin-1")))
    return f"(?:{'|'.join(ways)})"


def _pair(char: str) -> str:
    data = char.encode("utf-16-be")
    return rf"u{data[:2].hex()}\\+u{data[2:].hex()}"


__all__ = [
    "MASK",
    "SHORTEST",
    "holds_secret",
    "masked",
    "masked_bytes",
    "masked_plain",
    "masked_value",
    "masked_words",
    "remember",
    "remember_session",
]
