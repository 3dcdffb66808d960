"""``$(( ))`` of the simulated ESXi shell: integers of 64 bits, the operators of C without comma and ``++``."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping

_TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|[0-9]+|[A-Za-z_][A-Za-z0-9_]*|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>&|^!~?:()=])"
)
_LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", "<=", ">", ">="), ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip


class ArithmeticSyntaxError(Exception):
    """The text is no arithmetic expression, or divides by zero."""


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise ArithmeticSyntaxError("divide by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}


def evaluate(text: str, variables: MutableMapping[str, str]) -> int:
    """The value of ``text``; assignments change ``variables``. Raises `ArithmeticSyntaxError`."""
    return _wrap(_Arithmetic(text, variables).whole())


def _wrap(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


class _Arithmetic:
    def __init__(self, text: str, variables: MutableMapping[str, str]) -> None:
        self.variables = variables
        self.tokens: list[str] = []
        at = 0
        text = text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ArithmeticSyntaxError("arithmetic syntax error")
            self.tokens.append(match[1])
            at = match.end()
        self.at = 0
        self.active = True

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def whole(self) -> int:
        if not self.tokens:
            return 0
        value = self.choice()
        if self.at < len(self.tokens):
            raise ArithmeticSyntaxError("arithmetic syntax error")
        return value

    def choice(self) -> int:
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if re.fullmatch(r"(<<|>>|[-+*/%&|^])?=", following) and re.match(r"[A-Za-z_]", self.peek()):
            name = self.take()
            operator = self.take()[:-1]
            value = self.choice()
            if operator and self.active:
                value = _OPERATIONS[operator](self.value_of(name), value)
            if self.active:
                self.variables[name] = str(_wrap(value))
            return value
        value = self.binary(0)
        if self.peek() != "?":
            return value
        self.take()
        first = self.guarded(bool(value), self.choice)
        if self.take() != ":":
            raise ArithmeticSyntaxError("arithmetic syntax error")
        second = self.guarded(not value, self.choice)
        return first if value else second

    def guarded(self, active: bool, read: Callable[[], int]) -> int:
        before, self.active = self.active, self.active and active
        try:
            return read()
        finally:
            self.active = before

    def binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            operator = self.take()
            if operator in {"&&", "||"}:
                right = self.guarded(bool(left) == (operator == "&&"), lambda: self.binary(level + 1))
                left = int(bool(left) and bool(right)) if operator == "&&" else int(bool(left) or bool(right))
                continue
            right = self.binary(level + 1)
            left = _OPERATIONS[operator](left, right) if self.active else 0
        return left

    def unary(self) -> int:
        token = self.take()
        if token in {"-", "+", "!", "~"}:
            value = self.unary()
            return {"-": -value, "+": value, "!": int(not value), "~": ~value}[token]
        if token == "(":
            value = self.choice()
            if self.take() != ")":
                raise ArithmeticSyntaxError("arithmetic syntax error")
            return value
        if re.match(r"[A-Za-z_]", token):
            return self.value_of(token)
        return self.number(token)

    def value_of(self, name: str) -> int:
        text = self.variables.get(name, "").strip()
        if re.fullmatch(r"[A-Za-z_]\w*", text) and text != name:
            return self.value_of(text)
        return self.number(text) if text else 0

    @staticmethod
    def number(text: str) -> int:
        try:
            if re.fullmatch(r"-?0[0-7]+", text):
                return int(text, 8)
            return int(text, 0)
        except ValueError:
            raise ArithmeticSyntaxError("arithmetic syntax error") from None
