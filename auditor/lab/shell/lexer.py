"""Words of the simulated ESXi shell: quotes, parameters, substitutions, here-documents."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from auditor.lab.shell.tree import Arith, CommandSub, Lit, Param, Part, Sequence, Word


class ShellSyntaxError(Exception):
    """The text is no shell program. ``incomplete`` tells that more lines could make it one."""

    def __init__(self, message: str, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.incomplete = incomplete


NAME_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = NAME_FIRST | frozenset("0123456789")
_SPECIAL = frozenset("@*#?-$!0123456789")
META = frozenset(" \t\n;&|<>()")
_PLAIN = re.compile(r"[A-Za-z0-9_./:,=@%+-]+")
_OPS = (":-", ":=", ":+", ":?", "%%", "##", "-", "=", "+", "?", "%", "#")


class WordReader(ABC):
    """Reads words at a place in the text; the grammar of commands comes from the subclass."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.documents: list[tuple[str, bool, bool, list[Word]]] = []

    @abstractmethod
    def sequence(self, *, one_line: bool = False) -> Sequence:
        """Commands up to a closing word or bracket."""

    def program(self) -> Sequence:
        """Commands up to the end of the text."""
        found = self.sequence()
        self.blank(newlines=True)
        if not self.at_end():
            raise self.unexpected()
        return found

    # Characters ----------------------------------------------------------------------------------------------------

    def at_end(self) -> bool:
        return self.at >= len(self.text)

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def unexpected(self) -> ShellSyntaxError:
        if self.at_end():
            return ShellSyntaxError("unexpected end of file", incomplete=True)
        shown = "newline" if self.peek() == "\n" else f'"{self.peek()}"'
        return ShellSyntaxError(f"unexpected {shown}")

    def blank(self, *, newlines: bool = False) -> None:
        """Skip blanks, comments and line continuations; with ``newlines`` also line ends and pending documents."""
        while not self.at_end():
            char = self.peek()
            if char in " \t":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char == "\n" and newlines:
                self.newline()
            else:
                return

    def newline(self) -> None:
        """Pass a line end, and after it the here-documents that were announced on the line."""
        self.at += 1
        pending, self.documents = self.documents, []
        for delimiter, strip, literal, slot in pending:
            lines = []
            while True:
                if self.at_end():
                    break
                end = self.text.find("\n", self.at)
                line = self.text[self.at :] if end < 0 else self.text[self.at : end]
                self.at = len(self.text) if end < 0 else end + 1
                line = line.lstrip("\t") if strip else line
                if line == delimiter:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            slot.append((Lit(body, True),) if literal else type(self)(body).document())

    def document(self) -> Word:
        """The whole text as the inside of a here-document."""
        return self.quoted_parts(self.at_end, escapes="$`\\\n")

    # Words ---------------------------------------------------------------------------------------------------------

    def word(self) -> Word | None:
        """The word at this place; None when there is none."""
        return self.parts(lambda: self.peek() in META, quoted=False)

    def parts(self, stop: Callable[[], bool], *, quoted: bool) -> Word | None:
        found: list[Part] = []
        start = self.at
        while not self.at_end() and not stop():
            char = self.peek()
            if char == "'":
                found.append(Lit(self.until("'", "unterminated quoted string"), True))
            elif char == '"':
                self.at += 1
                inner = self.quoted_parts(lambda: self.peek() == '"', escapes='$`"\\\n')
                self.expect('"')
                found.extend(inner or (Lit("", True),))
            elif char == "\\":
                self.at += 2
                escaped = self.text[self.at - 1 : self.at]
                if escaped != "\n":
                    found.append(Lit(escaped or "\\", True))
            elif char in "$`":
                found.append(self.dollar(quoted=quoted) if char == "$" else self.backquote(quoted=quoted))
            else:
                found.append(Lit(self.plain(), quoted))
        return _merged(found) if self.at > start else None

    def plain(self) -> str:
        """The run of characters at this place that mean nothing anywhere, or one other character."""
        match = _PLAIN.match(self.text, self.at)
        self.at = match.end() if match else self.at + 1
        return match[0] if match else self.text[self.at - 1]

    def quoted_parts(self, stop: Callable[[], bool], *, escapes: str) -> Word:
        """Parts up to ``stop`` in which only ``$``, backquotes and the escapes of ``escapes`` mean anything."""
        found: list[Part] = []
        while not stop():
            if self.at_end():
                raise ShellSyntaxError("unterminated quoted string", incomplete=True)
            char = self.peek()
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in escapes and self.at + 1 < len(self.text):
                self.at += 2
                if self.text[self.at - 1] != "\n":
                    found.append(Lit(self.text[self.at - 1], True))
            elif char in "$`":
                found.append(self.dollar(quoted=True) if char == "$" else self.backquote(quoted=True))
            else:
                found.append(Lit(self.plain(), True))
        return _merged(found)

    def until(self, closer: str, complaint: str) -> str:
        end = self.text.find(closer, self.at + 1)
        if end < 0:
            raise ShellSyntaxError(complaint, incomplete=True)
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        return inner

    def expect(self, text: str) -> None:
        if self.peek(len(text)) != text:
            raise self.unexpected()
        self.at += len(text)

    def name(self) -> str:
        start = self.at
        while self.peek() in _NAME and not self.at_end():
            self.at += 1
        return self.text[start : self.at]

    def dollar(self, *, quoted: bool) -> Part:
        if self.peek(3) == "$((":
            mark = self.at
            self.at += 3
            depth = 0

            def stop() -> bool:
                nonlocal depth
                depth += (self.peek() == "(") - (self.peek() == ")" and depth > 0)
                return self.peek(2) == "))" and depth == 0

            body = self.quoted_parts(stop, escapes='$`"\\\n')
            if self.peek(2) == "))":
                self.at += 2
                return Arith(body, quoted)
            self.at = mark
        if self.peek(2) == "$(":
            self.at += 2
            program = self.sequence()
            self.blank(newlines=True)
            self.expect(")")
            return CommandSub(program, quoted)
        if self.peek(2) == "${":
            return self.braced(quoted=quoted)
        following = self.text[self.at + 1 : self.at + 2]
        if following and following in NAME_FIRST:
            self.at += 1
            return Param(self.name(), "", (), quoted)
        if following and following in _SPECIAL:
            self.at += 2
            return Param(following, "", (), quoted)
        self.at += 1
        return Lit("$", quoted)

    def braced(self, *, quoted: bool) -> Part:
        self.at += 2
        length = self.peek() == "#" and self.peek(2)[1:] not in {"}", "", ":", "-", "=", "+", "?", "%", "#"}
        self.at += length
        name = self.name()
        if not name and not self.at_end() and self.peek() in _SPECIAL:
            name = self.peek()
            self.at += 1
        if not name:
            raise ShellSyntaxError("bad substitution")
        if length:
            self.expect("}")
            return Param(name, "len", (), quoted)
        op = next((op for op in _OPS if self.peek(len(op)) == op), "")
        self.at += len(op)
        arg: Word = ()
        if op:
            # Inside double quotes a pattern is still a pattern: only the defaults are quoted text.
            as_quoted = quoted and op[0] not in "%#"
            if as_quoted:
                arg = self.quoted_parts(lambda: self.peek() == "}", escapes='$`"\\}\n')
            else:
                arg = self.parts(lambda: self.peek() == "}", quoted=False) or ()
        self.expect("}")
        return Param(name, op, arg, quoted)

    def backquote(self, *, quoted: bool) -> CommandSub:
        self.at += 1
        inner: list[str] = []
        while self.peek() != "`":
            if self.at_end():
                raise ShellSyntaxError("EOF in backquote substitution", incomplete=True)
            if self.peek() == "\\" and self.text[self.at + 1 : self.at + 2] in "`\\$":
                self.at += 1
            inner.append(self.peek())
            self.at += 1
        self.at += 1
        return CommandSub(type(self)("".join(inner)).program(), quoted)


def _merged(parts: list[Part]) -> Word:
    """Neighbouring pieces of plain text joined."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Lit) and isinstance(last, Lit) and part.quoted == last.quoted:
            joined[-1] = Lit(last.text + part.text, part.quoted)
        else:
            joined.append(part)
    return tuple(joined)
