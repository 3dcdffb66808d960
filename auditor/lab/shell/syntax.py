"""Commands of the simulated ESXi shell: text to a tree, after POSIX sh as busybox ash reads it.

Not in the grammar, because nothing sent to an ESXi shell here needs it: aliases, arrays, ``[[ ]]``, process substitution.
"""

from __future__ import annotations

from collections.abc import Callable

from auditor.lab.shell.lexer import META, NAME_FIRST, ShellSyntaxError, WordReader
from auditor.lab.shell.tree import (
    AndOr,
    Case,
    Command,
    Deferred,
    For,
    Function,
    Group,
    If,
    Lit,
    Loop,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Word,
)  # fmt: skip

_RESERVED = frozenset(
    ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac", "in", "{", "}", "!"]
)
_CLOSERS = frozenset(["then", "elif", "else", "fi", "do", "done", "esac", "}"])
_REDIRECTIONS = ("<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">")


def parse(text: str) -> Sequence:
    """The program in ``text``. Raises `ShellSyntaxError`."""
    return _Parser(text).program()


def parse_lines(text: str) -> tuple[tuple[Sequence, ...], ShellSyntaxError | None]:
    """Whole commands line by line, as a shell reads them, and the error that ends them: what stands before still runs."""
    parser = _Parser(text)
    found: list[Sequence] = []
    try:
        while True:
            parser.blank(newlines=True)
            if parser.at_end():
                return tuple(found), None
            start = parser.at
            known = _known_line(text, start)
            if known is not None:
                found.append(known[1])
                parser.at += len(known[0])
                continue
            line = parser.sequence(one_line=True)
            if not parser.at_end() and parser.peek() != "\n":
                return tuple(found), parser.unexpected()
            found.append(line)
            if not parser.documents:  # a here-document lies behind the line, so the line alone does not tell it
                _remember(text[start : parser.at], line)
    except ShellSyntaxError as error:
        return tuple(found), error


# A thousand hosts get the same script but for one word, so whole lines are read once. By first line: text and tree.
_lines: dict[str, tuple[tuple[str, Sequence], ...]] = {}
_MAX_LINES = 2000


def _known_line(text: str, start: int) -> tuple[str, Sequence] | None:
    """The command that begins at ``start``, if the very same text up to a line end was read before."""
    end = text.find("\n", start)
    for source, tree in _lines.get(text[start : end if end >= 0 else len(text)], ()):
        if text.startswith(source, start) and text[start + len(source) : start + len(source) + 1] in {"", "\n"}:
            return source, tree
    return None


def _remember(source: str, tree: Sequence) -> None:
    if len(_lines) >= _MAX_LINES:
        _lines.clear()
    first = source.partition("\n")[0]
    _lines[first] = (*_lines.get(first, ())[-7:], (source, tree))


class _Parser(WordReader):
    def keyword(self) -> str:
        """The reserved word that stands here, without passing it; empty when there is none."""
        self.blank()
        end = self.at
        while end < len(self.text) and self.text[end] not in META:
            end += 1
        found = self.text[self.at : end]
        return found if found in _RESERVED else ""

    def take(self, keyword: str) -> None:
        self.blank(newlines=True)
        if self.keyword() != keyword:
            raise self.unexpected()
        self.at += len(keyword)

    def sequence(self, *, one_line: bool = False) -> Sequence:
        """Lists up to a closing word or bracket, or with ``one_line`` up to the end of the line they end on."""
        items: list[tuple[AndOr, bool]] = []
        while True:
            self.blank(newlines=True)
            if self.at_end() or self.peek() in {")", ";"} or self.keyword() in _CLOSERS:
                return Sequence(tuple(items))
            listed = self.and_or()
            self.blank()
            background = self.peek() == "&"
            items.append((listed, background))
            if background or (self.peek() == ";" and self.peek(2) != ";;"):
                self.at += 1
            elif self.peek() != "\n" or one_line:
                return Sequence(tuple(items))
            if one_line:
                self.blank()
                if self.peek() == "\n":
                    return Sequence(tuple(items))

    def and_or(self) -> AndOr:
        first = self.pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while True:
            self.blank()
            op = self.peek(2)
            if op not in {"&&", "||"}:
                return AndOr(first, tuple(rest))
            self.at += 2
            self.blank(newlines=True)
            rest.append((op, self.pipeline()))

    def pipeline(self) -> Pipeline:
        negated = False
        while self.keyword() == "!":
            self.at += 1
            negated = not negated
        commands = [self.command()]
        while True:
            self.blank()
            if self.peek() != "|" or self.peek(2) == "||":
                return Pipeline(tuple(commands), negated)
            self.at += 1
            self.blank(newlines=True)
            commands.append(self.command())

    def command(self) -> Command:
        compound = self.compound()
        if compound is None:
            return self.simple()
        redirects: list[Redirect] = []
        while (redirect := self.redirect()) is not None:
            redirects.append(redirect)
        return Redirected(compound, tuple(redirects)) if redirects else compound

    def compound(self) -> Command | None:
        keyword = self.keyword()
        if self.peek() == "(":
            self.at += 1
            body = self.sequence()
            self.blank(newlines=True)
            self.expect(")")
            return Group(body, True)
        if keyword == "{":
            self.at += 1
            body = self.sequence()
            self.take("}")
            return Group(body, False)
        makers: dict[str, Callable[[], Command]] = {
            "if": self.if_clause, "while": self.loop, "until": self.loop, "for": self.for_clause, "case": self.case,
        }  # fmt: skip
        if keyword in makers:
            return makers[keyword]()
        if keyword:
            raise ShellSyntaxError(f'unexpected "{keyword}"')
        return None

    def if_clause(self) -> Command:
        branches: list[tuple[Sequence, Sequence]] = []
        opener = "if"
        while opener in {"if", "elif"}:
            self.take(opener)
            condition = self.sequence()
            self.take("then")
            branches.append((condition, self.sequence()))
            self.blank(newlines=True)
            opener = self.keyword()
        otherwise = None
        if opener == "else":
            self.take("else")
            otherwise = self.sequence()
        self.take("fi")
        return If(tuple(branches), otherwise)

    def loop(self) -> Command:
        until = self.keyword() == "until"
        self.at += 5
        condition = self.sequence()
        return Loop(condition, self.do_group(), until)

    def do_group(self) -> Sequence:
        self.take("do")
        body = self.sequence()
        self.take("done")
        return body

    def for_clause(self) -> Command:
        self.at += 3
        self.blank()
        name = self.name()
        words: tuple[Word, ...] | None = None
        self.blank(newlines=True)
        if self.keyword() == "in":
            self.at += 2
            words = tuple(self.words())
        self.blank()
        if self.peek() == ";":
            self.at += 1
        return For(name, words, self.do_group())

    def words(self) -> list[Word]:
        found = []
        self.blank()
        while (word := self.word()) is not None:
            found.append(word)
            self.blank()
        return found

    def case(self) -> Command:
        self.at += 4
        self.blank()
        subject = self.word()
        if subject is None:
            raise self.unexpected()
        self.take("in")
        arms: list[tuple[tuple[Word, ...], Sequence]] = []
        while True:
            self.blank(newlines=True)
            if self.keyword() == "esac":
                self.take("esac")
                return Case(subject, tuple(arms))
            if self.peek() == "(":
                self.at += 1
            patterns: list[Word] = []
            while self.peek() != ")" or not patterns:
                self.blank()
                pattern = self.word()
                if pattern is None:
                    raise self.unexpected()
                patterns.append(pattern)
                self.blank()
                if self.peek() == "|":
                    self.at += 1
            self.at += 1
            arms.append((tuple(patterns), self.sequence()))
            self.blank(newlines=True)
            if self.peek(2) == ";;":
                self.at += 2
            elif self.keyword() != "esac":
                raise self.unexpected()

    def simple(self) -> Command:
        assigns: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.blank()
            redirect = self.redirect()
            if redirect is not None:
                redirects.append(redirect)
                continue
            assign = self.assignment() if not words else None
            if assign is not None:
                assigns.append(assign)
                continue
            word = self.word()
            if word is None:
                break
            words.append(word)
            if len(words) == 1 and not assigns and not redirects and self.peek(2) == "()":
                return self.function(word)
        if not (assigns or words or redirects):
            raise self.unexpected()
        return Simple(tuple(assigns), tuple(words), tuple(redirects))

    def function(self, word: Word) -> Command:
        part = word[0]
        if len(word) != 1 or not isinstance(part, Lit) or part.quoted:
            raise ShellSyntaxError("bad function name")
        self.at += 2
        self.blank(newlines=True)
        body = self.command()
        return Function(part.text, body)

    def assignment(self) -> tuple[str, Word] | None:
        start = self.at
        if self.peek() and self.peek() in NAME_FIRST:
            name = self.name()
            if self.peek() == "=":
                self.at += 1
                return name, self.word() or ()
        self.at = start
        return None

    def redirect(self) -> Redirect | None:
        self.blank()
        end = self.at
        while self.text[end : end + 1].isdigit():
            end += 1
        if self.text[end : end + 1] not in {"<", ">"}:
            return None
        number = self.text[self.at : end]
        self.at = end
        op = next(op for op in _REDIRECTIONS if self.peek(len(op)) == op)
        self.at += len(op)
        fd = int(number) if number else int(op[0] == ">")
        self.blank()
        target = self.word()
        if target is None:
            raise self.unexpected()
        if not op.startswith("<<"):
            return Redirect(fd, op, target)
        delimiter = "".join(part.text for part in target if isinstance(part, Lit))
        literal = any(isinstance(part, Lit) and part.quoted for part in target)
        slot: list[Word] = []
        self.documents.append((delimiter, op == "<<-", literal, slot))
        return Redirect(fd, "<<", Deferred(slot))


__all__ = ["ShellSyntaxError", "parse", "parse_lines"]
