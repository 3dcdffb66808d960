"""Processes, descriptors and pipes of a simulated host's shell session.

A process is an asyncio task with a number, a process group and a table of descriptors. Nothing of the real machine is
touched: no process is started and no file opened. Signals: KILL and an untrapped TERM, INT or HUP end a process, a trapped
one waits until the shell looks at it; nothing else is simulated.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15}
PIPE_CAPACITY = 65536


class BrokenPipe(Exception):  # noqa: N818 - named after the signal it stands for
    """Nobody reads any more what is written here: the writer dies of SIGPIPE."""


class BadDescriptor(Exception):  # noqa: N818 - named after EBADF
    """The descriptor is not open, or not for this."""


class Description:
    """An open file. Several descriptors may share one; it closes with the last of them."""

    def __init__(self) -> None:
        self._references = 0

    def hold(self) -> Description:
        self._references += 1
        return self

    def release(self) -> None:
        self._references -= 1
        if self._references == 0:
            self.closed()

    def closed(self) -> None:
        """Called when the last descriptor is closed."""

    async def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        raise BadDescriptor

    async def write(self, data: bytes) -> None:
        """Write all of ``data``. Raises `BrokenPipe` when nobody will read it."""
        raise BadDescriptor


class Null(Description):
    """/dev/null."""

    async def read(self, size: int) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        return


class Text(Description):
    """A here-document, or any text given as standard input."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._rest = data

    async def read(self, size: int) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


class Collector(Description):
    """Keeps what is written: command substitution and tests."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()
        self.finished = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.data += data

    def closed(self) -> None:
        self.finished.set()


class _Buffer:
    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.no_writer = self.no_reader = False
        self._changed: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        waiting, self._changed = self._changed, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.append(future)
        await future


class PipeReader(Description):
    """The end of a pipe to read from."""

    def __init__(self, buffer: _Buffer) -> None:
        super().__init__()
        self._buffer = buffer

    async def read(self, size: int) -> bytes:
        buffer = self._buffer
        while not buffer.chunks:
            if buffer.no_writer:
                return b""
            await buffer.change()
        chunk = buffer.chunks.popleft()
        if len(chunk) > size:
            buffer.chunks.appendleft(chunk[size:])
            chunk = chunk[:size]
        buffer.size -= len(chunk)
        buffer.wake()
        return chunk

    def closed(self) -> None:
        self._buffer.no_reader = True
        self._buffer.wake()


class PipeWriter(Description):
    """The end of a pipe to write to."""

    def __init__(self, buffer: _Buffer) -> None:
        super().__init__()
        self._buffer = buffer

    async def write(self, data: bytes) -> None:
        buffer = self._buffer
        for start in range(0, len(data), PIPE_CAPACITY):
            while buffer.size >= PIPE_CAPACITY and not buffer.no_reader:
                await buffer.change()
            if buffer.no_reader:
                raise BrokenPipe
            chunk = data[start : start + PIPE_CAPACITY]
            buffer.chunks.append(chunk)
            buffer.size += len(chunk)
            buffer.wake()

    def closed(self) -> None:
        self._buffer.no_writer = True
        self._buffer.wake()


def pipe() -> tuple[PipeReader, PipeWriter]:
    """A new pipe's two ends."""
    buffer = _Buffer()
    return PipeReader(buffer), PipeWriter(buffer)


class Descriptors:
    """A process's numbered descriptors."""

    def __init__(self, table: dict[int, Description]) -> None:
        self._table = {number: description.hold() for number, description in table.items()}

    def copy(self) -> Descriptors:
        return Descriptors(self._table)

    def get(self, number: int) -> Description:
        """The open file behind a number. Raises `BadDescriptor`."""
        try:
            return self._table[number]
        except KeyError:
            raise BadDescriptor(number) from None

    def find(self, number: int) -> Description | None:
        return self._table.get(number)

    def set(self, number: int, description: Description | None) -> None:
        """Let a number stand for an open file, or for none."""
        if description is not None:
            description.hold()
        old = self._table.pop(number, None)
        if description is not None:
            self._table[number] = description
        if old is not None:
            old.release()

    def close(self) -> None:
        for number in list(self._table):
            self.set(number, None)


class Process:
    """One process. ``done`` resolves to its exit status; nothing is raised through it."""

    def __init__(self, session: Session, number: int, group: int, fds: Descriptors) -> None:
        self.session = session
        self.number = number
        self.group = group
        self.fds = fds
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.trapped: set[int] = set()
        """Signals the shell in this process has a trap for; those in `ignored` do nothing."""
        self.ignored: set[int] = set()
        self.pending: list[int] = []
        self._interrupt: asyncio.Future[None] | None = None
        self._task: asyncio.Task[int] | None = None
        self._signal = 0

    def start(self, main: Callable[[Process], Awaitable[int]]) -> None:
        """Run ``main``; whatever way it ends, descriptors are closed and `done` resolves."""

        async def body() -> int:
            try:
                return await main(self)
            except BrokenPipe:
                return 128 + SIGNALS["PIPE"]
            except RecursionError:  # a real shell overflows its stack
                return 128 + SIGNALS["SEGV"]

        self._task = asyncio.get_running_loop().create_task(body())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[int]) -> None:
        if task.cancelled():
            status = 128 + (self._signal or SIGNALS["HUP"])
        elif task.exception() is not None:
            self.session.failed(task.exception())
            status = 255
        else:
            status = task.result()
        self._task = None
        self.fds.close()
        self.session.processes.pop(self.number, None)
        if not self.done.done():
            self.done.set_result(status)

    def signal(self, number: int) -> None:
        """Deliver a signal."""
        if number == 0 or (number in self.ignored and number != SIGNALS["KILL"]):
            return
        if number in self.trapped:
            self.pending.append(number)
            if self._interrupt is not None and not self._interrupt.done():
                self._interrupt.set_result(None)
            return
        self._signal = self._signal or number
        if self._task is not None:
            self._task.cancel()

    async def wait_for(self, other: Process) -> int | None:
        """The status of ``other`` when it ends; None when a trapped signal came first."""
        if self.pending and not other.done.done():
            return None
        self._interrupt = asyncio.get_running_loop().create_future()
        either: set[asyncio.Future[Any]] = {other.done, self._interrupt}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._interrupt = None
        return other.done.result() if other.done.done() else None


class Session:
    """All processes that come from one exec or one login."""

    def __init__(self, first: int = 2097400) -> None:
        self.processes: dict[int, Process] = {}
        self.errors: list[BaseException] = []
        self.line: Callable[[], None] | None = None
        """Breaks the connection this session came over; None: there is none."""
        self._next = first

    def new(self, fds: Descriptors, *, group: int | None = None) -> Process:
        """A process with the next number, not started yet; without ``group`` it leads a group of its own."""
        self._next += 1
        process = Process(self, self._next, self._next if group is None else group, fds)
        self.processes[process.number] = process
        return process

    def hang_up(self) -> None:
        """Break the connection without a word; what runs is ended, as everything is that nobody is connected to."""
        if self.line is not None:
            self.line()
        for process in list(self.processes.values()):
            process.trapped = set()
            process.signal(SIGNALS["KILL"])

    def failed(self, error: BaseException | None) -> None:
        """Keep an error of the simulator itself, so that it is not lost in a task."""
        if error is not None:
            self.errors.append(error)

    def kill(self, target: int, number: int) -> bool:
        """Signal a process, or with a negative target a group; False when there is none."""
        if target < 0:
            hit = [process for process in self.processes.values() if process.group == -target]
        else:
            hit = [process for process in self.processes.values() if process.number == target]
        for process in hit:
            process.signal(number)
        return bool(hit)

    async def end(self) -> None:
        """End every process that is left, as when the connection is gone."""
        left = list(self.processes.values())
        for process in left:
            process.trapped = set()
            process.signal(SIGNALS["KILL"])
        if left:
            await asyncio.wait([process.done for process in left], timeout=1)
