"""``test`` and ``[`` of the simulated ESXi shell."""

from __future__ import annotations

from auditor.lab.hosts.filesystem import Directory, File, FileError, Link
from auditor.lab.shell.words import Expander

_NUMERIC = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"}
_BINARY = _NUMERIC | {"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef"}


class TestError(Exception):
    """The words are no expression."""

    __test__ = False  # pytest would take the name for a test class


def evaluate_test(words: list[str], shell: Expander) -> bool:
    """Whether the expression holds. Raises `TestError`."""
    reader = _Reader(words, shell)
    # POSIX decides short forms by their length, so that operators can be operands.
    if len(words) == 3 and words[1] in _BINARY:
        return reader.binary()
    if len(words) == 4 and words[0] == "!" and words[2] in _BINARY:
        reader.at = 1
        return not reader.binary()
    if len(words) < 2:
        return bool(words and words[0])
    value = reader.either()
    if reader.at < len(words):
        raise TestError(f"{words[reader.at]}: unknown operand")
    return value


class _Reader:
    def __init__(self, words: list[str], shell: Expander) -> None:
        self.words, self.shell, self.at = words, shell, 0

    def peek(self, ahead: int = 0) -> str | None:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else None

    def take(self) -> str:
        word = self.peek()
        if word is None:
            raise TestError("argument expected")
        self.at += 1
        return word

    def either(self) -> bool:
        value = self.both()
        while self.peek() == "-o":
            self.at += 1
            value = self.both() or value
        return value

    def both(self) -> bool:
        value = self.one()
        while self.peek() == "-a":
            self.at += 1
            value = self.one() and value
        return value

    def one(self) -> bool:
        word = self.peek()
        if word == "!" and self.peek(1) is not None:
            self.at += 1
            return not self.one()
        if self.peek(1) in _BINARY and self.peek(2) is not None:
            return self.binary()
        if word == "(":
            self.at += 1
            value = self.either()
            if self.take() != ")":
                raise TestError("closing paren expected")
            return value
        if word is not None and len(word) == 2 and word[0] == "-" and self.peek(1) is not None:
            return self.unary(self.take()[1], self.take())
        return bool(self.take())

    def binary(self) -> bool:
        left, op, right = self.take(), self.take(), self.take()
        if op in _NUMERIC:
            a, b = self.number(left), self.number(right)
            return {"-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b}[op]
        if op in {"-nt", "-ot"}:
            return False  # the simulated files keep no times
        if op == "-ef":
            return self.real(left) is not None and self.real(left) == self.real(right)
        return {"=": left == right, "==": left == right, "!=": left != right, "<": left < right, ">": left > right}[op]

    @staticmethod
    def number(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise TestError(f"{text}: bad number") from None

    def real(self, path: str) -> str | None:
        try:
            real, node = self.shell.fs.locate(path, self.shell.cwd)
        except FileError:
            return None
        return real if node is not None else None

    def unary(self, op: str, operand: str) -> bool:
        if op == "n":
            return bool(operand)
        if op == "z":
            return not operand
        if op == "t":
            return False
        try:
            node = self.shell.fs.locate(operand, self.shell.cwd, follow=op not in {"L", "h"})[1]
        except FileError:
            return False
        if op in {"e", "r", "w", "x", "O", "G"}:
            return node is not None or operand == "/dev/null"
        tests = {"f": File, "d": Directory, "L": Link, "h": Link}
        if op in tests:
            return isinstance(node, tests[op])
        if op == "s":
            return isinstance(node, File) and bool(node.data)
        if op in {"b", "c", "p", "S", "u", "g", "k"}:
            return op == "c" and operand == "/dev/null"
        raise TestError(f"-{op}: unknown operand")
