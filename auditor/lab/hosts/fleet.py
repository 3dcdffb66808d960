"""SSH servers of the simulated hosts: one listener and one host key per host, all in one background thread.

The profile is that of an ESXi host in FIPS mode as far as it is known: keyboard-interactive and public keys, no
``password`` method, NIST curves, AES only, an ECDSA host key (the exact lists of each release are not verified). The
server names itself ``AuditorLab``, so that nobody takes it for a real host.

While a host is off, rebooting, or without the service TSM-SSH, nothing listens on its port and open connections break.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import struct
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import asyncssh

from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.ssh_server import HostServer, run_process

BACKLOG = 128
GC_THRESHOLD = 50_000
"""Allocations between two looks of Python's collector while a fleet runs: the shells' processes make many small objects
that live for milliseconds, and looking at them after every 700 costs a third of the simulator's time."""

RETRY_SECONDS = 0.05
"""How soon a host that came up tries again to listen on a port that is in use: a process that is just being started
holds a copy of the old listener until its program runs, and another lab may be looking for a free port."""

START_TIMEOUT = 30.0
"""Seconds `SshFleet.start` waits for its thread."""

_KEX = ("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521")
_CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
_SIGNATURES = (
    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512",
)  # fmt: skip

T = TypeVar("T")


class _Listener:
    """One host's port: it takes connections as long as the host can be reached."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.socket: socket.socket | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self._options: tuple[object, asyncssh.SSHServerConnectionOptions] | None = None
        self._retry: asyncio.TimerHandle | None = None

    def follow(self) -> None:
        """Listen or not, as the host's state asks; again a little later as long as the port is in use."""
        self._stop_trying()
        try:
            self.follow_once()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self.follow)

    def follow_once(self) -> None:
        """Listen or not, as the host's state asks. Raises `OSError` when the port cannot be had."""
        if self.host.ssh_reachable and self.socket is None:
            self.open()
        elif not self.host.ssh_reachable and self.socket is not None:
            self.close()

    def open(self) -> None:
        """Listen; a host without a port gets a free one, which it then keeps."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self.host.address, self.host.port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self.host.port = listener.getsockname()[1]
        self.socket = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    def _stop_trying(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def close(self) -> None:
        """Stop listening and break what is open."""
        self._stop_trying()
        if self.socket is not None:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.close()
            self.socket = None
        for task in list(self.tasks):
            task.cancel()

    def _accept(self) -> None:
        while self.socket is not None:
            try:
                connection, _ = self.socket.accept()
            except (BlockingIOError, ConnectionError):
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._serve(connection))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """One connection, from accept until it is closed or this task is cancelled."""
        if self.host.faults.get("ssh") == "hang-before-banner":
            await _silence(connection)
            return
        loop = asyncio.get_running_loop()
        options = self.options()
        server: asyncssh.SSHServerConnection | None = None
        try:
            _, server = await loop.connect_accepted_socket(lambda: asyncssh.SSHServerConnection(loop, options), connection)
            await server.wait_closed()
        except OSError:
            connection.close()
        finally:
            if server is not None:
                server.abort()

    def options(self) -> asyncssh.SSHServerConnectionOptions:
        """The profile with the host's key, or with a strange one if a fault says so. Made once for each."""
        strange = self.host.faults.get("ssh") == "wrong-host-key"
        shown = "strange" if strange else self.host.key_number
        if self._options is None or self._options[0] != shown:
            key = asyncssh.generate_private_key("ecdsa-sha2-nistp256") if strange else self.host.host_key
            self._options = (
                shown,
                asyncssh.SSHServerConnectionOptions(
                    server_factory=lambda: HostServer(self.host),
                    server_host_keys=[key],
                    server_version="AuditorLab",
                    kex_algs=list(_KEX),
                    encryption_algs=list(_CIPHERS),
                    mac_algs=list(_MACS),
                    compression_algs=["none"],
                    signature_algs=list(_SIGNATURES),
                    process_factory=run_process,
                    encoding="latin-1",
                    password_auth=False,
                    kbdint_auth=True,
                    public_key_auth=True,
                    gss_host=None,
                    allow_scp=False,
                    sftp_factory=None,
                    agent_forwarding=False,
                    x11_forwarding=False,
                    login_timeout=120,
                    keepalive_interval=0,
                ),
            )
        return self._options[1]


async def _silence(connection: socket.socket) -> None:
    """Hold a connection without a word until the other side gives up."""
    loop = asyncio.get_running_loop()
    try:
        while await loop.sock_recv(connection, 4096):
            pass
    except ConnectionError:
        return
    finally:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


class SshFleet:
    """The SSH face of the lab. Usable as a context manager; ``lock`` is the lab's, taken only for short reads."""

    def __init__(self, hosts: Iterable[LabHost], *, lock: threading.RLock | None = None) -> None:
        self._lock = lock or threading.RLock()
        self._listeners = {id(host): _Listener(host) for host in hosts}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._gc_before = gc.get_threshold()

    def __enter__(self) -> SshFleet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen for every host that is up; afterwards every host has its port. Raises `OSError` for one in use."""
        if self._thread is not None:
            return
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, args=(self._loop, ready), name="lab-ssh", daemon=True)
        self._thread.start()
        ready.wait(START_TIMEOUT)
        self._gc_before = gc.get_threshold()
        gc.set_threshold(max(GC_THRESHOLD, self._gc_before[0]), *self._gc_before[1:])
        try:
            self._call(self._follow_all())
        except BaseException:
            self.stop()
            raise
        with self._lock:
            for listener in self._listeners.values():
                listener.host.on_change.append(self._host_changed)

    @staticmethod
    def _main(loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(ready.set)
        loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None  # noqa: S101 - only called between start and stop
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT)

    async def _follow_all(self) -> None:
        for listener in self._listeners.values():
            if listener.host.port == 0 and not listener.host.ssh_reachable:
                listener.open()  # to learn a free port, which the host keeps
            listener.follow_once()

    def _host_changed(self, host: LabHost) -> None:
        """Called by a host, in any thread and with its lock held: the work is left to the loop."""
        listener = self._listeners.get(id(host))
        if listener is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(listener.follow)

    def add(self, host: LabHost) -> None:
        """Take in a host that joins later."""
        with self._lock:
            listener = self._listeners[id(host)] = _Listener(host)
            if self._loop is None:
                return
            self._call(self._one(listener))
            host.on_change.append(self._host_changed)

    async def _one(self, listener: _Listener) -> None:
        listener.follow_once()

    def settle(self) -> None:
        """Wait until every change so far of any host has taken effect on its listener."""
        self._call(self._nothing())

    async def _nothing(self) -> None:
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Close every listener and connection, and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        for listener in self._listeners.values():
            listener.host.cancel_restart()
            if self._host_changed in listener.host.on_change:
                listener.host.on_change.remove(self._host_changed)
        self._call(self._close_all())
        gc.set_threshold(*self._gc_before)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_TIMEOUT)
        loop.close()
        self._loop = self._thread = None

    async def _close_all(self) -> None:
        tasks = [task for listener in self._listeners.values() for task in listener.tasks]
        for listener in self._listeners.values():
            listener.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=5)
