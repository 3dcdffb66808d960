"""The tree a program of the simulated ESXi shell is read into.

Text is handled as Latin-1 throughout the lab's shell: one character is one byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Lit:
    """Text as it stands."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Param:
    """``$name`` or ``${name OP arg}``; ``op`` is empty, ``len``, or one of ``:- - := = :+ + :? ? % %% # ##``."""

    name: str
    op: str
    arg: Word
    quoted: bool


@dataclass(frozen=True, slots=True)
class CommandSub:
    """``$( )`` or backquotes."""

    program: Sequence
    quoted: bool


@dataclass(frozen=True, slots=True)
class Arith:
    """``$(( ))``; the body is expanded first."""

    body: Word
    quoted: bool


Part: TypeAlias = Lit | Param | CommandSub | Arith
Word: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """``op`` is ``< > >| >> <> <& >&`` or ``<<``, whose target is the document itself."""

    fd: int
    op: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words, redirections."""

    assigns: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """``{ }``, or ``( )`` when ``subshell``."""

    body: Sequence
    subshell: bool


@dataclass(frozen=True, slots=True)
class If:
    """Conditions with their bodies, and what else."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None


@dataclass(frozen=True, slots=True)
class Loop:
    """``while``, or ``until``."""

    condition: Sequence
    body: Sequence
    until: bool


@dataclass(frozen=True, slots=True)
class For:
    """``words`` None: the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """Arms in order: patterns and a body."""

    subject: Word
    arms: tuple[tuple[tuple[Word, ...], Sequence], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition."""

    name: str
    body: Command


@dataclass(frozen=True, slots=True)
class Redirected:
    """A compound command with redirections."""

    command: Command
    redirects: tuple[Redirect, ...]


Command: TypeAlias = Simple | Group | If | Loop | For | Case | Function | Redirected


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by pipes."""

    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """A pipeline and what follows after ``&&`` or ``||``."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Lists, each with whether it runs in the background."""

    items: tuple[tuple[AndOr, bool], ...]


class Deferred(tuple[Part, ...]):
    """A here-document's word, known only once the line that announced it has ended."""

    slot: list[Word]

    def __new__(cls, slot: list[Word]) -> Deferred:
        self = super().__new__(cls)
        self.slot = slot
        return self


def document_of(redirect: Redirect) -> Word:
    """The text of a here-document redirection."""
    target = redirect.target
    if isinstance(target, Deferred):
        return target.slot[0] if target.slot else ()
    return target
