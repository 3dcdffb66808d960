"""``sed`` of a simulated host: addresses, ``s p d q = ! { }`` and ``-n -e -E -r``; writing files it is not asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job
from auditor.lab.programs.regular import translated


@dataclass
class _Address:
    line: int | None = None
    last: bool = False
    expression: re.Pattern[str] | None = None

    def fits(self, number: int, text: str, *, last: bool) -> bool:
        if self.expression is not None:
            return self.expression.search(text) is not None
        return last if self.last else number == self.line


@dataclass
class _Command:
    start: _Address | None
    end: _Address | None
    negated: bool
    name: str
    expression: re.Pattern[str] | None = None
    replacement: str = ""
    flags: str = ""
    block: int = 0
    """For ``{``: how many of the following commands belong to it."""
    inside: bool = False

    def applies(self, number: int, text: str, *, last: bool) -> bool:
        if self.start is None:
            chosen = True
        elif self.end is None:
            chosen = self.start.fits(number, text, last=last)
        elif self.inside:
            chosen = True
            self.inside = not (self.end.fits(number, text, last=last) or (self.end.line or number + 1) <= number)
        else:
            chosen = self.start.fits(number, text, last=last)
            self.inside = chosen and not (self.end.line is not None and self.end.line <= number)
        return chosen != self.negated


class _Reader:
    def __init__(self, script: str, *, extended: bool) -> None:
        self.script, self.extended, self.at = script, extended, 0

    def blank(self, more: str = "") -> None:
        while self.at < len(self.script) and self.script[self.at] in " \t" + more:
            self.at += 1

    def commands(self, *, nested: bool = False) -> list[_Command]:
        found: list[_Command] = []
        while True:
            self.blank(";\n")
            if self.at >= len(self.script):
                if nested:
                    raise UsageError("unmatched '{'")
                return found
            if self.script[self.at] == "}":
                self.at += 1
                if not nested:
                    raise UsageError("unexpected '}'")
                return found
            found += self.command()

    def command(self) -> list[_Command]:
        start = self.address()
        end = None
        if start is not None and self.script[self.at : self.at + 1] == ",":
            self.at += 1
            end = self.address()
        self.blank()
        negated = self.script[self.at : self.at + 1] == "!"
        self.at += negated
        self.blank()
        name = self.script[self.at : self.at + 1]
        self.at += 1
        command = _Command(start, end, negated, name)
        if name == "{":
            inner = self.commands(nested=True)
            command.block = len(inner)
            return [command, *inner]
        if name == "s":
            self.substitution(command)
        elif name not in {"p", "d", "q", "="} or not name:
            raise UsageError(f"unsupported command {name}")
        return [command]

    def address(self) -> _Address | None:
        self.blank()
        number = re.compile(r"\d+").match(self.script, self.at)
        if number:
            self.at = number.end()
            return _Address(line=int(number[0]))
        char = self.script[self.at : self.at + 1]
        if char == "$":
            self.at += 1
            return _Address(last=True)
        if char == "/":
            return _Address(expression=re.compile(translated(self.until("/"), extended=self.extended)))
        return None

    def until(self, delimiter: str) -> str:
        """The text after the delimiter at this place up to the next one; the place is then on that one's far side."""
        self.at += 1
        found: list[str] = []
        while self.at < len(self.script) and self.script[self.at] != delimiter:
            if self.script[self.at] == "\\" and self.at + 1 < len(self.script):
                following = self.script[self.at + 1]
                found.append(following if following == delimiter else "\\" + following)
                self.at += 2
                continue
            found.append(self.script[self.at])
            self.at += 1
        if self.at >= len(self.script):
            raise UsageError("unterminated expression")
        self.at += 1
        return "".join(found)

    def substitution(self, command: _Command) -> None:
        delimiter = self.script[self.at : self.at + 1]
        pattern = self.until(delimiter)
        self.at -= 1
        command.replacement = self.until(delimiter)
        flags = re.compile(r"[gpiI0-9]*").match(self.script, self.at)
        command.flags = flags[0] if flags else ""
        self.at += len(command.flags)
        ignore = re.IGNORECASE if set(command.flags) & {"i", "I"} else 0
        command.expression = re.compile(translated(pattern, extended=self.extended), ignore)


def _replaced(command: _Command, text: str) -> tuple[str, bool]:
    """The text after ``s``, and whether anything matched."""
    assert command.expression is not None  # noqa: S101 - every s command has one
    digits = re.sub(r"\D", "", command.flags)
    first = int(digits or 1)
    count = 0
    hit = False

    def one(match: re.Match[str]) -> str:
        nonlocal count, hit
        count += 1
        if count < first or (count > first and "g" not in command.flags):
            return match[0]
        hit = True
        parts = re.findall(r"\\.|&|[^\\&]+", command.replacement, re.DOTALL)
        return "".join(_expanded(part, match) for part in parts)

    return command.expression.sub(one, text), hit


def _expanded(part: str, match: re.Match[str]) -> str:
    if part == "&":
        return match[0]
    if part[0] != "\\":
        return part
    if part[1].isdigit():
        return match[int(part[1])] or ""
    return {"n": "\n", "t": "\t"}.get(part[1], part[1])


class _Edit:
    """One line on its way through the script."""

    def __init__(self, job: Job, commands: list[_Command]) -> None:
        self.job, self.commands = job, commands

    async def line(self, number: int, text: str, *, last: bool) -> tuple[str | None, bool]:
        """The line as it comes out, None when deleted, and whether the script ends here."""
        at = 0
        while at < len(self.commands):
            command = self.commands[at]
            at += 1
            if not command.applies(number, text, last=last):
                at += command.block
            elif command.name == "d":
                return None, False
            elif command.name == "q":
                return text, True
            elif command.name == "p":
                await self.job.out(text + "\n")
            elif command.name == "=":
                await self.job.out(f"{number}\n")
            elif command.name == "s":
                text, hit = _replaced(command, text)
                if hit and "p" in command.flags:
                    await self.job.out(text + "\n")
        return text, False


async def sed(job: Job) -> int:
    """``sed [-nEr] [-e] SCRIPT [FILE]...``; lines go out as they come in."""
    try:
        options = read_options(job.args, "nEr", "e")
        script = "\n".join(options.values.get("e") or options.rest[:1])
        files = options.rest if "e" in options.values else options.rest[1:]
        edit = _Edit(job, _Reader(script, extended=bool(options.flags & {"E", "r"})).commands())
    except (UsageError, re.error) as error:
        return await job.err(str(error))
    number = 0
    held: bytes | None = None
    for path in files or ["-"]:
        async for raw in job.lines(path):
            # Only a script that asks for the last line has to wait for the next one.
            if held is not None:
                number += 1
                if await _one(edit, number, held, options.flags, last=False):
                    return 0
            held = raw
            if not any(address and address.last for command in edit.commands for address in (command.start, command.end)):
                number += 1
                if await _one(edit, number, held, options.flags, last=False):
                    return 0
                held = None
    if held is not None:
        await _one(edit, number + 1, held, options.flags, last=True)
    return 0


async def _one(edit: _Edit, number: int, raw: bytes, flags: set[str], *, last: bool) -> bool:
    text = raw.decode("latin-1")
    ended = text.endswith("\n")
    result, stop = await edit.line(number, text.removesuffix("\n"), last=last)
    if result is not None and "n" not in flags:
        await edit.job.out(result + ("\n" if ended else ""))
    return stop
