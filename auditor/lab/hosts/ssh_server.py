"""What one simulated host does with an SSH connection: who may log in, and running commands or a shell for a person.

Accounts lock by the defaults of Security.AccountLockFailures (5) and Security.AccountUnlockTime (900 s). Only root exists.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import asyncssh

from auditor.lab.hosts.host import HostDownError, LabHost
from auditor.lab.shell.evaluation import Shell
from auditor.lab.shell.lexer import ShellSyntaxError
from auditor.lab.shell.process import BrokenPipe, Description, Process
from auditor.lab.shell.run import Running
from auditor.lab.shell.state import ExitShell
from auditor.lab.shell.syntax import parse
from auditor.lab.shell.words import ExpansionError

LOCK_FAILURES = 5
UNLOCK_SECONDS = 900
DROP_AFTER = 2000
"""Bytes of output before the fault ``drop-mid-output`` breaks the connection, when it does not say."""

GREETING = "This is a simulated ESXi host of `auditor lab`. Nothing typed here reaches a real machine.\n\n"


class HostServer(asyncssh.SSHServer):  # type: ignore[misc] # the library has no types here
    """Logins of one connection."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.connection: Any = None
        self.work: set[asyncio.Task[Any]] = set()

    def connection_made(self, conn: Any) -> None:
        self.connection = conn
        conn.set_extra_info(lab_server=self)

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.work:
            task.cancel()

    def _expect_service_request(self) -> None:
        """Let a client ask for ssh-userauth once more, as sshd does: paramiko asks before every method it tries."""
        self.connection._next_service = b"ssh-userauth"  # noqa: SLF001 - the library has no setting for it

    def begin_auth(self, username: str) -> bool:
        self._expect_service_request()
        return True

    def password_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        self._expect_service_request()
        return True

    def kbdint_auth_supported(self) -> bool:
        self._expect_service_request()
        return True

    def _locked(self) -> bool:
        locked_at = self.host.locked_at
        if locked_at is not None and (self.host.clock() - locked_at).total_seconds() >= UNLOCK_SECONDS:
            self.host.locked_at, self.host.failed_logins = None, 0
        return self.host.locked_at is not None

    def validate_public_key(self, username: str, key: Any) -> bool:
        """Whether the key is in the host's authorized_keys. The lock after failed passwords is for passwords only."""
        self._expect_service_request()
        if username != "root" or self.host.faults.get("ssh") == "bad-password" or self.host.keeps_out(username):
            return False
        offered = key.export_public_key().decode("ascii").split()[1]
        return any(offered in line.split() for line in self.host.authorized_keys)

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: list[str]) -> bool:
        self._expect_service_request()
        with self.host.lock:
            given = "".join(responses[:1]).encode()
            right = hmac.compare_digest(given, self.host.password.encode()) and bool(self.host.password)
            if self._locked() or self.host.faults.get("ssh") == "bad-password" or self.host.keeps_out(username):
                right = False
            if right and username == "root":
                self.host.failed_logins = 0
                return True
            self.host.failed_logins += 1
            if self.host.failed_logins >= LOCK_FAILURES and self.host.locked_at is None:
                self.host.locked_at = self.host.clock()
            return False


class _Channel(Description):
    """Standard output or error of an exec channel; writing waits while the client does not read."""

    def __init__(self, writer: Any, limit: _Limit) -> None:
        super().__init__()
        self._writer, self._limit = writer, limit

    async def write(self, data: bytes) -> None:
        try:
            allowed = self._limit.take(len(data))
            self._writer.write(data[:allowed].decode("latin-1"))
            await self._writer.drain()
        except (asyncssh.Error, OSError):
            raise BrokenPipe from None
        if allowed < len(data):
            self._limit.connection.abort()
            raise BrokenPipe


class _Limit:
    """The fault ``drop-mid-output``: after so many bytes the connection breaks."""

    def __init__(self, host: LabHost, connection: Any) -> None:
        dropping = host.faults.get("ssh") == "drop-mid-output"
        self._left: int | None = int(host.faults.get("drop_after", DROP_AFTER)) if dropping else None
        self.connection = connection

    def take(self, size: int) -> int:
        """How many of ``size`` bytes may still go out."""
        if self._left is None:
            return size
        allowed = min(size, self._left)
        self._left -= allowed
        return allowed


class _Input(Description):
    """Standard input of an exec channel."""

    def __init__(self, reader: Any) -> None:
        super().__init__()
        self._reader = reader

    async def read(self, size: int) -> bytes:
        try:
            text: str = await self._reader.read(size)
        except (asyncssh.Error, OSError):
            return b""
        return text.encode("latin-1", "replace")


async def run_process(process: Any) -> None:
    """One session channel: the command of an exec, or a shell for a person. Its exit status goes back."""
    server: HostServer = process.get_extra_info("lab_server")
    task = asyncio.current_task()
    if task is not None:
        server.work.add(task)
    host = server.host
    if host.faults.get("ssh") == "hang-after-auth":
        await asyncio.Event().wait()
    limit = _Limit(host, server.connection)
    # A terminal has one stream for both.
    errors = process.stderr if process.get_terminal_type() is None else process.stdout
    try:
        running = Running(
            host, stdin=_Input(process.stdin), stdout=_Channel(process.stdout, limit), stderr=_Channel(errors, limit)
        )
    except HostDownError:
        server.connection.abort()
        return
    running.session.line = server.connection.abort
    try:
        if process.command is None:
            status = await _interactive(process, running)
        else:
            status = await running.script(process.command.encode("utf-8", "surrogateescape").decode("latin-1"))
        if running.session.errors:
            process.stderr.write(f"auditor lab: internal error: {running.session.errors[0]!r}\n")
        process.exit(status)
    finally:
        await running.end()
        if task is not None:
            server.work.discard(task)


async def _interactive(process: Any, running: Running) -> int:
    """A shell with a prompt; input lines come from the channel's own line editor when there is a terminal."""
    process.stdout.write(GREETING)

    async def main(own: Process) -> int:
        shell = Shell(running.machine, own)
        try:
            while True:
                line = await _command_text(process, running, shell)
                if line is None:
                    return shell.status
                try:
                    await shell.source(line)
                except ExpansionError as error:
                    await shell.complain(str(error))
        except ExitShell as leaving:
            return leaving.status & 0xFF

    running.process.start(main)
    return await running.process.done


async def _command_text(process: Any, running: Running, shell: Shell) -> str | None:
    """The next whole command, over several lines if need be; None at the end of input or when the terminal goes."""
    name = running.machine.host.name.split(".")[0]
    prompt = f"[root@{name}:{'~' if shell.cwd == '/' else shell.cwd}] "
    text = ""
    while True:
        process.stdout.write(prompt)
        try:
            line: str = await process.stdin.readline()
        except asyncssh.BreakReceived:
            return ""
        except (asyncssh.TerminalSizeChanged, asyncssh.SignalReceived):
            continue
        except (asyncssh.Error, OSError):
            return None
        if not line:
            return None
        text += line
        try:
            parse(text)
        except ShellSyntaxError as error:
            if error.incomplete:
                prompt = "> "
                continue
            await shell.complain(f"syntax error: {error}")
            return ""
        return text
