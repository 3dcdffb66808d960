"""The simulated ESXi shell, as the SSH face and tests use it: run a text on a host, with real streams or none."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from auditor.lab.hosts.filesystem import FileSystem
from auditor.lab.hosts.host import LabHost
from auditor.lab.shell.evaluation import Shell
from auditor.lab.shell.process import Collector, Description, Descriptors, Null, Process, Session, Text
from auditor.lab.shell.state import Machine

_trees: WeakKeyDictionary[LabHost, tuple[int, FileSystem]] = WeakKeyDictionary()
_trees_lock = threading.Lock()


def filesystem_of(host: LabHost) -> FileSystem:
    """The host's file tree: one for all its sessions, a new one after every boot. Raises `HostDownError`."""
    with _trees_lock:
        boots, tree = _trees.get(host, (-1, None))
        if tree is None or boots != host.boots:
            tree = FileSystem(host)
            _trees[host] = host.boots, tree
        return tree


class Running:
    """A shell at work on a host. Make it inside the event loop it shall run in."""

    def __init__(self, host: LabHost, *, stdin: Description, stdout: Description, stderr: Description) -> None:
        self.session = Session()
        self.machine = Machine(host, filesystem_of(host), self.session)
        self.process = self.session.new(Descriptors({0: stdin, 1: stdout, 2: stderr}))

    async def script(self, text: str) -> int:
        """Run ``text`` as ``sh -c`` does and return its exit status; background processes go on."""

        async def main(process: Process) -> int:
            return await Shell(self.machine, process).program(text)

        self.process.start(main)
        return await self.process.done

    async def end(self) -> None:
        """End everything that still runs."""
        await self.session.end()


@dataclass(frozen=True)
class Result:
    """What a script gave."""

    status: int
    stdout: bytes
    stderr: bytes


async def run_script(host: LabHost, text: str | bytes, stdin: bytes | None = None) -> Result:
    """Run a script on a host to its end, without SSH; whatever is left running then is ended.

    Raises the simulator's own error if it had one, so that a test cannot take it for the host's behaviour.
    """
    out, err = Collector(), Collector()
    running = Running(host, stdin=Null() if stdin is None else Text(stdin), stdout=out, stderr=err)
    source = text.decode("latin-1") if isinstance(text, bytes) else text.encode().decode("latin-1")
    status = await running.script(source)
    await running.end()
    if running.session.errors:
        raise running.session.errors[0]
    return Result(status, bytes(out.data), bytes(err.data))


__all__ = ["Result", "Running", "filesystem_of", "run_script"]
