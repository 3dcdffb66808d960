"""Programs of a simulated host: where they lie, what they get, and how a fault bends them.

A program is an async function from a `Job` to an exit status. The tables of programs are put together here; nothing
that is not in them can be run, and nothing real is ever started.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.lab.hosts.faults import CommandFault, command_fault
from auditor.lab.hosts.filesystem import PROGRAM_FOLDERS, FileError, FileSystem
from auditor.lab.shell.process import BadDescriptor, Collector, Descriptors, Process

if TYPE_CHECKING:
    from auditor.lab.hosts.host import LabHost
    from auditor.lab.shell.state import Machine

CHUNK = 65536
LONGEST_LINE = 2**20
"""Bytes after which a line is passed on in pieces, so that a shouting command cannot fill the memory."""


@dataclass
class Job:
    """One run of a program."""

    argv: list[str]
    machine: Machine
    fds: Descriptors
    cwd: str
    environment: Mapping[str, str]
    process: Process | None
    """The process that is this program's own; None when the calling shell runs it inside its own."""
    new_shell: Callable[[Process, str, list[str]], Any]
    """Makes a new shell inside a process: for ``sh``."""
    fault: CommandFault | None = None

    @property
    def host(self) -> LabHost:
        return self.machine.host

    @property
    def fs(self) -> FileSystem:
        return self.machine.fs

    @property
    def args(self) -> list[str]:
        return self.argv[1:]

    async def out(self, data: str | bytes) -> None:
        """Write to standard output; text is Latin-1."""
        await self.fds.get(1).write(data.encode("latin-1", "replace") if isinstance(data, str) else data)

    async def err(self, text: str) -> int:
        """Complain on standard error, with the program's name in front; returns 1 for ``return await job.err(...)``."""
        stream = self.fds.find(2)
        if stream is not None:
            await stream.write(f"{posixpath.basename(self.argv[0])}: {text}\n".encode("latin-1", "replace"))
        return 1

    async def chunks(self, path: str = "-") -> AsyncIterator[bytes]:
        """The content of a file, or of standard input for ``-``, piece by piece. Raises `FileError`."""
        if path == "/dev/null":
            return
        if path != "-":
            data = self.fs.read(path, self.cwd)
            for start in range(0, len(data), CHUNK):
                yield data[start : start + CHUNK]
            return
        try:
            stdin = self.fds.get(0)
            while chunk := await stdin.read(CHUNK):
                yield chunk
        except BadDescriptor:
            raise FileError("Bad file descriptor") from None

    async def content(self, path: str = "-") -> bytes:
        """All of it. Raises `FileError`."""
        return b"".join([chunk async for chunk in self.chunks(path)])

    async def lines(self, path: str = "-") -> AsyncIterator[bytes]:
        """Lines with their line ends, the last one perhaps without, as they come."""
        rest = b""
        async for chunk in self.chunks(path):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line + b"\n"
            if len(rest) > LONGEST_LINE:
                yield rest
                rest = b""
        if rest:
            yield rest


Program = Callable[[Job], Awaitable[int]]


@cache
def program_table() -> Mapping[str, Program]:
    """Every program by its name."""
    from auditor.lab.programs import esx, file, process, sums, text
    from auditor.lab.programs.sed import sed

    return {
        **text.PROGRAMS,
        **sums.PROGRAMS,
        **file.PROGRAMS,
        **process.PROGRAMS,
        **esx.PROGRAMS,
        "sed": sed,
    }


def find_program(name: str, fs: FileSystem, cwd: str) -> Program | None:
    """The program a name or a path stands for; None when there is none."""
    folder, base = posixpath.split(posixpath.join(cwd, name) if "/" in name else name)
    if folder and folder not in PROGRAM_FOLDERS:
        return None
    return program_table().get(base)


def where_is(name: str) -> str | None:
    """The path ``type`` and ``command -v`` tell."""
    return f"/bin/{name}" if name in program_table() else None


def _canonical(argv: list[str]) -> list[str]:
    """A command as faults name it: without folder, and esxcli's own options behind the command they modify."""
    name = posixpath.basename(argv[0])
    if name != "esxcli":
        return [name, *argv[1:]]
    first = next((index for index, word in enumerate(argv[1:], 1) if not word.startswith("-")), len(argv))
    return [name, *argv[first:], *argv[1:first]]


async def run_program(job: Job) -> int:
    """Run a program under the host's fault for it. Raises `BrokenPipe` when nobody reads its output."""
    program = find_program(job.argv[0], job.fs, job.cwd)
    if program is None:
        return 127
    host = job.host
    fault = command_fault(host.faults, _canonical(job.argv), host.fault_uses) if host.faults.get("commands") else None
    if fault is None:
        return await _guarded(program, job)
    await asyncio.sleep(fault.delay)
    if fault.hang:
        await asyncio.Event().wait()
    if fault.endless is not None:
        await _shout(job, fault.endless)
    if fault.drop is not None:
        if fault.drop == "after":
            await _guarded(program, job)
        job.machine.session.hang_up()
        await asyncio.Event().wait()
    return await _bent(program, job, fault)


async def _guarded(program: Program, job: Job) -> int:
    try:
        return await program(job)
    except FileError as error:
        return await job.err(str(error))
    except BadDescriptor:
        return await job.err("write error: Bad file descriptor")


async def _shout(job: Job, text: str) -> None:
    block = (text or "y\n").encode() * max(1, 4096 // max(1, len(text)))
    while True:
        await job.out(block)
        await asyncio.sleep(0)


async def _bent(program: Program, job: Job, fault: CommandFault) -> int:
    """The program with its streams collected, so that the fault can change them."""
    out, err = Collector(), Collector()
    fds = job.fds.copy()
    fds.set(1, out)
    if fault.stderr is not None:
        fds.set(2, err)
    try:
        status = await _guarded(program, replace(job, fds=fds, fault=fault)) if fault.output is None else 0
    finally:
        fds.close()
    if fault.stderr is not None and (stream := job.fds.find(2)) is not None:
        await stream.write(fault.stderr.encode())
    await job.out(fault.reshape(bytes(out.data)))
    return status if fault.exit is None else fault.exit
