"""What a simulated shell remembers: variables, traps, options, and the descriptors of its process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from auditor.lab.hosts.filesystem import FileError, FileSystem, OpenFile
from auditor.lab.hosts.host import LabHost
from auditor.lab.shell.process import BadDescriptor, Description, Descriptors, Null, Process, Session, Text
from auditor.lab.shell.tree import Command, Redirect, document_of
from auditor.lab.shell.words import Expander, ExpansionError


class ExitShell(Exception):  # noqa: N818 - control flow, not an error
    """``exit``: the shell ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ReturnFrom(ExitShell):
    """``return``."""


class LeaveLoop(Exception):  # noqa: N818 - control flow, not an error
    """``break`` and ``continue``, with the number of loops still to leave."""

    def __init__(self, levels: int, *, again: bool) -> None:
        super().__init__(levels)
        self.levels, self.again = levels, again


class RedirectError(Exception):
    """A redirection cannot be made."""


@dataclass(frozen=True)
class Machine:
    """What all processes of one session share."""

    host: LabHost
    fs: FileSystem
    session: Session


class ShellState(Expander):
    """Everything one shell, or one subshell of it, remembers, and the descriptors it changes."""

    def __init__(self, machine: Machine, process: Process, *, name: str = "sh", args: list[str] | None = None) -> None:
        self.machine = machine
        self.fs = machine.fs
        self.process = process
        self.name = name
        self.args = list(args or [])
        self.cwd = "/"
        self.variables: dict[str, str] = {
            "PATH": "/bin:/sbin:/usr/bin:/usr/sbin",
            "HOME": "/",
            "PWD": "/",
            "IFS": " \t\n",
            "USER": "root",
            "PS1": r"[\u@\h:\w] ",
        }
        self.exported = {"PATH", "HOME", "PWD", "USER"}
        self.read_only: set[str] = set()
        self.functions: dict[str, Command] = {}
        self.options: set[str] = set()
        self.traps: dict[int, str] = {}
        self.status = 0
        self.root_pid = process.number
        self.last_background = ""
        self.children: dict[int, Process] = {}
        self.locals: list[dict[str, str | None]] = []
        self.substituted = 0
        """Status of the last command substitution in the words of the command at hand."""
        self.tested = 0
        """How many ``if``, ``&&`` and the like are looking at the status: ``set -e`` does nothing then."""
        self.loops = 0
        self.leaf = False
        """This shell exists for one command only, which so gets its process."""

    def copy_to(self, child: ShellState, *, leaf: bool) -> None:
        """Make ``child`` the subshell of this one: variables and functions, but no traps and no children."""
        child.cwd, child.status, child.root_pid = self.cwd, self.status, self.root_pid
        child.variables = dict(self.variables)
        child.exported, child.read_only = set(self.exported), set(self.read_only)
        child.functions, child.options = dict(self.functions), set(self.options)
        child.last_background, child.tested, child.leaf = self.last_background, self.tested, leaf
        child.traps = {number: "" for number, action in self.traps.items() if number and not action}
        child.process.ignored = set(child.traps)

    async def complain(self, text: str) -> None:
        """A message of the shell itself on standard error."""
        try:
            await self.process.fds.get(2).write(f"{self.name}: {text}\n".encode("latin-1", "replace"))
        except BadDescriptor:
            return

    async def write(self, text: str) -> None:
        """Text on standard output. Raises `BadDescriptor` when that is closed."""
        await self.process.fds.get(1).write(text.encode("latin-1", "replace"))

    def assign(self, values: list[tuple[str, str]]) -> None:
        for name, value in values:
            if name in self.read_only:
                raise ExpansionError(f"{name}: is read only")
            self.variables[name] = value

    def assigned(self, values: list[tuple[str, str]], *, keep: bool) -> dict[str, str | None]:
        before: dict[str, str | None] = {} if keep else {name: self.variables.get(name) for name, _ in values}
        self.assign(values)
        return before

    def restore(self, before: Mapping[str, str | None]) -> None:
        for name, value in before.items():
            if value is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value

    # Redirections --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def redirected(self, redirects: tuple[Redirect, ...]) -> AsyncIterator[bool]:
        """Redirections for the time of one command in this shell; False when one cannot be made."""
        if not redirects:
            yield True
            return
        before = self.process.fds
        self.process.fds = before.copy()
        made = True
        try:
            try:
                await self.redirect(redirects, self.process.fds)
            except RedirectError as error:
                made = False
                self.process.fds.close()
                self.process.fds = before
                await self.complain(str(error))
            yield made
        finally:
            if made:
                self.process.fds.close()
            self.process.fds = before

    async def redirect(self, redirects: tuple[Redirect, ...], fds: Descriptors) -> None:
        """Change ``fds``, in order. Raises `RedirectError`."""
        for redirect in redirects:
            if redirect.op == "<<":
                fds.set(redirect.fd, Text((await self.text(document_of(redirect))).encode("latin-1", "replace")))
                continue
            target = await self.text(redirect.target)
            if redirect.op in {"<&", ">&"}:
                self.duplicate(redirect, target, fds)
            else:
                fds.set(redirect.fd, self.open(target, redirect.op))

    def duplicate(self, redirect: Redirect, target: str, fds: Descriptors) -> None:
        if target == "-":
            fds.set(redirect.fd, None)
            return
        source = fds.find(int(target)) if target.isdigit() else None
        if source is None:
            raise RedirectError(f"{target}: Bad file descriptor" if target.isdigit() else f"bad fd number: {target}")
        fds.set(redirect.fd, source)

    def open(self, path: str, op: str) -> Description:
        if path == "/dev/null":
            return Null()
        try:
            if op == "<":
                return OpenFile(self.fs.file(path, self.cwd))
            return OpenFile(self.fs.create(path, self.cwd, truncate=op in {">", ">|"}), append=op == ">>")
        except FileError as error:
            verb = "open" if op == "<" else "create"
            text = str(error)
            if text == "No such file or directory":
                text = "no such file" if op == "<" else "nonexistent directory"
            raise RedirectError(f"can't {verb} {path}: {text}") from None

    def special(self, name: str) -> str | None:
        values: dict[str, Any] = {
            "?": self.status, "$": self.root_pid, "!": self.last_background, "#": len(self.args), "0": self.name,
            "-": "".join(sorted(self.options)),
        }  # fmt: skip
        return str(values[name]) if name in values else None
