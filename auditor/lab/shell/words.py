"""Expansion of words in the simulated ESXi shell: parameters, substitutions, splitting, file name patterns."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditor.lab.hosts.filesystem import Directory, FileError, FileSystem
from auditor.lab.shell import arith
from auditor.lab.shell.tree import Arith, CommandSub, Lit, Param, Sequence, Word

_ACTIVE = re.compile(r"[*?\[~]")
"""Characters for which unquoted text is looked at more closely."""


class ExpansionError(Exception):
    """A word cannot be expanded: the shell gives up the command, and itself when it runs a script."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text from one part of a word. ``split``: fields are made of it; ``breaks``: a new field begins before it."""

    text: str
    quoted: bool
    split: bool = False
    breaks: bool = False
    empty_list: bool = False
    """``"$@"`` without parameters: not even an empty field."""


class Expander(ABC):
    """What a shell needs to expand words; the shell itself adds the running of commands."""

    fs: FileSystem
    cwd: str
    variables: dict[str, str]
    args: list[str]
    options: set[str]
    status: int

    @abstractmethod
    async def output_of(self, program: Sequence) -> str:
        """Standard output of ``program`` run in a subshell."""

    @abstractmethod
    def special(self, name: str) -> str | None:
        """The value of ``$? $! $$ $# $- $0``; None for another name or an unset one."""

    async def fields(self, words: Iterable[Word]) -> list[str]:
        """Words as arguments: expanded, split, and file name patterns replaced by what they match."""
        found: list[str] = []
        for word in words:
            simple = self._simple(word)
            if simple is not None:
                found.append(simple)
                continue
            for field in self._split(await self._pieces(word)):
                found.extend(self._matched(field))
        return found

    def _simple(self, word: Word) -> str | None:
        """The one field of a word that is plain text or one quoted parameter: most are, so this is kept short."""
        if len(word) != 1:
            return None
        part = word[0]
        if isinstance(part, Lit):
            return part.text if part.quoted or not _ACTIVE.search(part.text) else None
        if isinstance(part, Param) and part.quoted and not part.op and part.name not in {"@", "*"}:
            value = self.value_of(part.name)
            return value if value is not None or "u" in self.options else ""
        return None

    async def text(self, word: Word) -> str:
        """A word as one text, without splitting: assignments, redirection targets, ``case``."""
        simple = self._simple(word)
        if simple is not None:
            return simple
        pieces = await self._pieces(word)
        return "".join((" " if piece.breaks else "") + piece.text for piece in pieces)

    async def pattern(self, word: Word) -> str:
        """A word as the source of a regular expression for the whole text it should match."""
        pieces = await self._pieces(word)
        return "".join(re.escape(piece.text) if piece.quoted else glob_source(piece.text) for piece in pieces)

    async def _pieces(self, word: Word) -> list[_Piece]:
        found: list[_Piece] = []
        for index, part in enumerate(word):
            if isinstance(part, Lit):
                text = part.text
                if index == 0 and not part.quoted and re.match(r"~(/|$)", text):
                    text = self.variables.get("HOME", "/").rstrip("/") + text[1:]
                found.append(_Piece(text, part.quoted))
            elif isinstance(part, Param):
                found.extend(await self._param(part))
            elif isinstance(part, CommandSub):
                text = (await self.output_of(part.program)).rstrip("\n").replace("\0", "")
                found.append(_Piece(text, part.quoted, split=not part.quoted))
            elif isinstance(part, Arith):
                try:
                    value = arith.evaluate(await self.text(part.body), self.variables)
                except arith.ArithmeticSyntaxError as error:
                    raise ExpansionError(str(error)) from None
                found.append(_Piece(str(value), part.quoted, split=not part.quoted))
        return found

    def value_of(self, name: str) -> str | None:
        """A parameter's value; None when it is unset. ``@`` and ``*`` are the parameters joined."""
        if name in {"@", "*"}:
            return " ".join(self.args) if self.args else None
        if name.isdigit() and name != "0":
            index = int(name)
            return self.args[index - 1] if index <= len(self.args) else None
        if not (name[0].isalpha() or name[0] == "_"):
            return self.special(name)
        return self.variables.get(name)

    async def _param(self, part: Param) -> list[_Piece]:
        if part.name in {"@", "*"} and not part.op:
            return self._all_args(part)
        value = self.value_of(part.name)
        op = part.op
        if op in {"", "len", "%", "%%", "#", "##"} and value is None and "u" in self.options and part.name not in {"@", "*"}:
            raise ExpansionError(f"{part.name}: parameter not set")
        if op == "len":
            return [_Piece(str(len(value or "")), part.quoted, split=not part.quoted)]
        missing = value is None or (op.startswith(":") and value == "")
        kind = op.lstrip(":")
        if kind == "+":
            return [_Piece("", part.quoted, split=not part.quoted)] if missing else await self._default(part)
        if kind in {"-", "=", "?"} and missing:
            if kind == "?":
                raise ExpansionError(f"{part.name}: {await self.text(part.arg) or 'parameter not set'}")
            if kind == "=":
                self.variables[part.name] = await self.text(part.arg)
                return [_Piece(self.variables[part.name], part.quoted, split=not part.quoted)]
            return await self._default(part)
        if op in {"%", "%%", "#", "##"}:
            value = _trimmed(value or "", op, await self.pattern(part.arg))
        return [_Piece(value or "", part.quoted, split=not part.quoted)]

    async def _default(self, part: Param) -> list[_Piece]:
        """The word of ``${x:-word}``: its own quotes count, and its text is split unless the whole is quoted."""
        pieces = await self._pieces(part.arg)
        if part.quoted:
            return [replace(piece, quoted=True, split=False) for piece in pieces] or [_Piece("", True)]
        return [replace(piece, split=not piece.quoted) for piece in pieces]

    def _all_args(self, part: Param) -> list[_Piece]:
        if part.quoted and part.name == "*":
            separator = self.variables.get("IFS", " ")[:1]
            return [_Piece(separator.join(self.args), True)]
        if part.quoted and not self.args:
            return [_Piece("", True, empty_list=True)]
        return [_Piece(arg, part.quoted, split=not part.quoted, breaks=index > 0) for index, arg in enumerate(self.args)]

    def _split(self, pieces: list[_Piece]) -> list[list[_Piece]]:
        """Fields out of pieces, by IFS where a piece may be split."""
        ifs = self.variables.get("IFS", " \t\n")
        fields: list[list[_Piece]] = []
        current: list[_Piece] | None = None

        def close() -> None:
            nonlocal current
            if current is not None:
                fields.append(current)
            current = None

        for piece in pieces:
            if piece.breaks:
                close()
            if piece.empty_list or (piece.split and piece.text == ""):
                continue
            if not piece.split or not ifs:
                current = [*(current or []), piece]
                continue
            for text, ends in _ifs_runs(piece.text, ifs):
                if text is not None:
                    current = [*(current or []), replace(piece, text=text)]
                if ends == "hard" and current is None:
                    current = []
                if ends:
                    close()
        close()
        return fields

    def _matched(self, field: list[_Piece]) -> list[str]:
        plain = "".join(piece.text for piece in field)
        if "f" in self.options or not any(re.search(r"[*?\[]", piece.text) for piece in field if not piece.quoted):
            return [plain]
        sources = "".join(piece.text if not piece.quoted else re.sub(r"([*?\[\\])", r"\\\1", piece.text) for piece in field)
        return self._paths(sources) or [plain]

    def _paths(self, pattern: str) -> list[str]:
        """Paths that match, sorted; a pattern with quoted wildcards matches them as themselves."""
        start = "/" if pattern.startswith("/") else ""
        found = [start]
        for step in (step for step in pattern.split("/") if step):
            source = re.compile(glob_source(step), re.DOTALL)
            following: list[str] = []
            for base in found:
                try:
                    node = self.fs.node(base or ".", self.cwd)
                except FileError:
                    continue
                if not isinstance(node, Directory):
                    continue
                names = (name for name in node.entries if source.fullmatch(name))
                following += [
                    f"{base}{'' if not base or base.endswith('/') else '/'}{name}"
                    for name in names
                    if not name.startswith(".") or step.startswith(".")
                ]
            found = following
        return sorted(found)


def _ifs_runs(text: str, ifs: str) -> list[tuple[str | None, str]]:
    """Text cut at IFS: (field text or None, what ends it: '' nothing, 'soft' blanks, 'hard' another separator)."""
    soft = "".join(char for char in ifs if char in " \t\n")
    hard = "".join(char for char in ifs if char not in " \t\n")
    soft_class = f"[{re.escape(soft)}]" if soft else "(?!)"
    hard_class = f"[{re.escape(hard)}]" if hard else "(?!)"
    runs: list[tuple[str | None, str]] = []
    at = 0
    for match in re.finditer(f"{soft_class}*{hard_class}{soft_class}*|{soft_class}+", text):
        is_hard = bool(hard) and any(char in hard for char in match[0])
        runs.append((text[at : match.start()] if match.start() > at else None, "hard" if is_hard else "soft"))
        at = match.end()
    if at < len(text):
        runs.append((text[at:], ""))
    return runs


def _trimmed(value: str, op: str, source: str) -> str:
    """``${x%pattern}`` and its kin."""
    lengths = range(len(value) + 1) if op in {"#", "%"} else range(len(value), -1, -1)
    compiled = re.compile(source, re.DOTALL)
    for length in lengths:
        if op[0] == "#" and compiled.fullmatch(value[:length]):
            return value[length:]
        if op[0] == "%" and compiled.fullmatch(value[len(value) - length :]):
            return value[: len(value) - length]
    return value


def glob_source(pattern: str) -> str:
    """A file name pattern as the source of a regular expression; a backslash takes the next character as it is."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern):
            found.append(re.escape(pattern[at + 1]))
            at += 2
            continue
        bracket = re.match(r"\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]", pattern[at:]) if char == "[" else None
        if bracket:
            found.append(_bracket(bracket[0]))
            at += bracket.end()
            continue
        found.append({"*": ".*", "?": "."}.get(char) or re.escape(char))
        at += 1
    return "".join(found)


def _bracket(text: str) -> str:
    classes = {"digit": "0-9", "alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "space": r"\s", "upper": "A-Z", "lower": "a-z"}
    negated, inner = (True, text[2:-1]) if text[1] in "!^" else (False, text[1:-1])
    source = "".join(
        classes.get(piece[2:-2], "") if piece.startswith("[:") else re.sub(r"([\\\[\]^&~|])", r"\\\1", piece)
        for piece in re.split(r"(\[:\w+:\])", inner)
    )
    return f"[{'^' if negated else ''}{source}]"
