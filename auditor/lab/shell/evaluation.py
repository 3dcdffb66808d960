"""The simulated ESXi shell at work: it walks the tree, starts processes and handles traps.

Behaviour follows busybox ash for what is in the grammar; ``tests/lab_esxi`` compares the two on a table of snippets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from auditor.lab.hosts.filesystem import FileError
from auditor.lab.programs.registry import Job, find_program, run_program
from auditor.lab.shell.process import BadDescriptor, BrokenPipe, Collector, Description, Descriptors, Null, Process, pipe
from auditor.lab.shell.state import ExitShell, LeaveLoop, RedirectError, ReturnFrom, ShellState
from auditor.lab.shell.syntax import parse_lines
from auditor.lab.shell.tree import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
)  # fmt: skip
from auditor.lab.shell.words import ExpansionError

Builtin = Callable[["Shell", list[str]], Awaitable[int]]


class Shell(ShellState):
    """One shell, or one subshell of it, inside one process."""

    def subshell(self, process: Process, *, leaf: bool = False) -> Shell:
        """A shell for a child process; ``leaf`` when it has one command only, which then gets the process itself."""
        child = Shell(self.machine, process, name=self.name, args=self.args)
        self.copy_to(child, leaf=leaf)
        return child

    # Whole programs ------------------------------------------------------------------------------------------------

    async def program(self, text: str) -> int:
        """Run a text to its end, with its EXIT trap. Syntax errors are told as ash tells them, with status 2."""
        return await self.to_end(lambda: self.source(text))

    async def source(self, text: str) -> int:
        """Run a text in this shell, as ``eval`` and ``.`` do."""
        lines, error = parse_lines(text)
        status = 0
        for line in lines:
            status = await self.run(line)
        if error is not None:
            await self.complain(f"syntax error: {error}")
            raise ExitShell(2)
        return status

    async def to_end(self, work: Callable[[], Awaitable[int]]) -> int:
        """Run something as the whole life of this shell: the status its process ends with."""
        try:
            self.status = await work()
        except ExitShell as leaving:
            self.status = leaving.status
        except ExpansionError as error:
            await self.complain(str(error))
            self.status = 2
        action = self.traps.pop(0, "")
        if action:
            try:
                await self.source(action)
            except ExitShell as leaving:
                self.status = leaving.status
        return self.status & 0xFF

    # Lists ---------------------------------------------------------------------------------------------------------

    async def run(self, sequence: Sequence) -> int:
        """Run lists one after the other; the status of the last."""
        for listed, background in sequence.items:
            if background:
                await self.in_background(listed)
                self.status = 0
            else:
                self.status = await self.and_or(listed)
            if self.process.pending:
                await self.handle_traps()
        return self.status

    async def handle_traps(self) -> None:
        """Run the actions of trapped signals that came."""
        while self.process.pending:
            number = self.process.pending.pop(0)
            before = self.status
            await self.source(self.traps.get(number, ""))
            self.status = before

    async def and_or(self, listed: AndOr) -> int:
        status = await self.pipeline(listed.first, tested=bool(listed.rest))
        for index, (op, pipeline) in enumerate(listed.rest):
            if (status == 0) == (op == "&&"):
                status = await self.pipeline(pipeline, tested=index + 1 < len(listed.rest))
        return status

    async def pipeline(self, pipeline: Pipeline, *, tested: bool = False) -> int:
        """A pipeline in the foreground; with ``set -e`` a failure that nobody tests ends the shell."""
        tested = tested or pipeline.negated
        self.tested += tested
        try:
            if len(pipeline.commands) == 1:
                status = await self.command(pipeline.commands[0])
            else:
                processes = self.start_pipeline(pipeline.commands)
                for process in processes:
                    await process.done
                status = processes[-1].done.result()
        finally:
            self.tested -= tested
        self.status = int(status == 0) if pipeline.negated else status
        if self.status and "e" in self.options and not (tested or self.tested):
            raise ExitShell(self.status)
        return self.status

    def start_pipeline(self, commands: tuple[Command, ...]) -> list[Process]:
        """Every command in a process of its own, joined by pipes."""
        processes = []
        source: Description | None = None
        for index, command in enumerate(commands):
            fds = self.process.fds.copy()
            if source is not None:
                fds.set(0, source)
                source.release()
            source = None
            if index + 1 < len(commands):
                reader, writer = pipe()
                fds.set(1, writer)
                source = reader.hold()
            processes.append(self.spawn(command, fds))
        return processes

    def spawn(self, command: Command, fds: Descriptors) -> Process:
        """A command in a child process that uses ``fds``."""
        process = self.machine.session.new(fds, group=self.process.group)

        async def main(own: Process) -> int:
            child = self.subshell(own, leaf=isinstance(command, Simple))
            return await child.to_end(lambda: child.command(command))

        process.start(main)
        return process

    async def in_background(self, listed: AndOr) -> None:
        fds = self.process.fds.copy()
        fds.set(0, Null())
        if listed.rest or listed.first.negated:
            process = self.spawn(Group(Sequence(((listed, False),)), False), fds)
        elif len(listed.first.commands) == 1:
            process = self.spawn(listed.first.commands[0], fds)
        else:
            own, self.process.fds = self.process.fds, fds
            try:
                process = self.start_pipeline(listed.first.commands)[-1]
            finally:
                self.process.fds = own
                fds.close()
        self.children[process.number] = process
        self.last_background = str(process.number)

    # Commands ------------------------------------------------------------------------------------------------------

    async def command(self, command: Command) -> int:
        """Run one command; its status."""
        match command:
            case Simple():
                return await self.simple(command)
            case Group(body=body, subshell=False):
                return await self.run(body)
            case Group(body=body):
                process = self.spawn(Group(body, False), self.process.fds.copy())
                return await process.done
            case Redirected(command=inner, redirects=redirects):
                async with self.redirected(redirects) as made:
                    return await self.command(inner) if made else 1
            case If():
                return await self.if_clause(command)
            case Loop():
                return await self.loop(command)
            case For():
                return await self.for_clause(command)
            case Case():
                return await self.case(command)
            case Function(name=name, body=body):
                self.functions[name] = body
                return 0

    async def condition(self, sequence: Sequence) -> bool:
        self.tested += 1
        try:
            return await self.run(sequence) == 0
        finally:
            self.tested -= 1

    async def if_clause(self, command: If) -> int:
        for condition, body in command.branches:
            if await self.condition(condition):
                self.status = 0
                return await self.run(body)
        self.status = 0
        return await self.run(command.otherwise) if command.otherwise is not None else 0

    async def loop(self, command: Loop) -> int:
        status = 0
        while await self.condition(command.condition) != command.until:
            status, leave = await self.loop_body(command.body)
            if leave:
                break
        return status

    async def loop_body(self, body: Sequence) -> tuple[int, bool]:
        """One turn: its status, and whether the loop is over."""
        self.loops += 1
        await asyncio.sleep(0)  # a loop of builtins alone must not keep the other hosts from running
        try:
            return await self.run(body), False
        except LeaveLoop as leaving:
            if leaving.levels > 1:
                raise LeaveLoop(leaving.levels - 1, again=leaving.again) from None
            return 0, not leaving.again
        finally:
            self.loops -= 1

    async def for_clause(self, command: For) -> int:
        values = list(self.args) if command.words is None else await self.fields(command.words)
        status = 0
        for value in values:
            self.variables[command.name] = value
            status, leave = await self.loop_body(command.body)
            if leave:
                break
        return status

    async def case(self, command: Case) -> int:
        subject = await self.text(command.subject)
        for patterns, body in command.arms:
            for pattern in patterns:
                if re.fullmatch(await self.pattern(pattern), subject, re.DOTALL):
                    self.status = 0
                    return await self.run(body)
        return 0

    async def simple(self, command: Simple) -> int:
        """Assignments, a builtin, a function or a program."""
        from auditor.lab.shell.builtins import BUILTINS, SPECIAL

        self.substituted = 0
        argv = await self.fields(command.words)
        values = [(name, await self.text(word)) for name, word in command.assigns]
        if not argv:
            async with self.redirected(command.redirects) as made:
                self.assign(values)
            return self.substituted if made else 1
        name = argv[0]
        if name == "exec":
            return await self.execute(argv[1:], command.redirects)
        body = self.functions.get(name)
        if body is not None or name in BUILTINS:
            async with self.redirected(command.redirects) as made:
                if not made:
                    return 1
                with_values = self.assigned(values, keep=name in SPECIAL)
                try:
                    return await (self.call(body, argv[1:]) if body is not None else self.builtin(BUILTINS[name], argv))
                finally:
                    self.restore(with_values)
        return await self.external(argv, command.redirects, dict(values))

    async def builtin(self, function: Builtin, argv: list[str]) -> int:
        try:
            return await function(self, argv)
        except BadDescriptor:
            await self.complain(f"{argv[0]}: write error: Bad file descriptor")
            return 1
        except FileError as error:
            await self.complain(f"{argv[0]}: {error}")
            return 1

    async def call(self, body: Command, args: list[str]) -> int:
        """Run a function with its own positional parameters and ``local`` variables."""
        before, self.args = self.args, args
        self.locals.append({})
        try:
            return await self.command(body)
        except ReturnFrom as returning:
            return returning.status
        finally:
            self.args = before
            self.restore(self.locals.pop())

    async def execute(self, argv: list[str], redirects: tuple[Redirect, ...]) -> int:
        """``exec``: redirect this shell for good, and with words become that program."""
        try:
            await self.redirect(redirects, self.process.fds)
        except RedirectError as error:
            await self.complain(str(error))
            raise ExitShell(1) from None
        if not argv:
            return 0
        raise ExitShell(await self.external(argv, (), {}, replacing=True))

    async def external(
        self, argv: list[str], redirects: tuple[Redirect, ...], values: dict[str, str], *, replacing: bool = False
    ) -> int:
        """A program of the host, with descriptors of its own."""
        fds = self.process.fds.copy()
        try:
            await self.redirect(redirects, fds)
            if find_program(argv[0], self.fs, self.cwd) is None:
                complaint = f"{self.name}: {argv[0]}: not found\n"
                err = fds.find(2)
                if err is not None:
                    await err.write(complaint.encode("latin-1", "replace"))
                return 127
            environment = {name: self.variables[name] for name in self.exported if name in self.variables} | values
            job = Job(
                argv=argv,
                machine=self.machine,
                fds=fds,
                cwd=self.cwd,
                environment=environment,
                process=self.process if self.leaf or replacing else None,
                new_shell=lambda process, name, args: Shell(self.machine, process, name=name, args=args),
            )
            return await run_program(job)
        except RedirectError as error:
            await self.complain(str(error))
            return 1
        except BrokenPipe:
            return 141
        finally:
            fds.close()

    # What expansion needs ------------------------------------------------------------------------------------------

    async def output_of(self, program: Sequence) -> str:
        fds = self.process.fds.copy()
        collector = Collector()
        fds.set(1, collector)
        process = self.spawn(Group(program, False), fds)
        self.status = self.substituted = await process.done
        await collector.finished.wait()
        return collector.data.decode("latin-1")
