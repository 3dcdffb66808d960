"""SSH servers that mean harm, one function each: what it does with a connection. To add one, write it into ``BEHAVIOURS``."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.common import cMSG_DEBUG, cMSG_GLOBAL_REQUEST, cMSG_IGNORE, cMSG_USERAUTH_BANNER

BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"
ESCAPES = "\x1b[2J\x1b]0;mine\x07"
KEY = paramiko.ECDSAKey.generate()
OTHER_KEY = paramiko.ECDSAKey.generate()


def stay(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drip(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)
        time.sleep(0.5)


def flood(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def packet(payload: bytes) -> bytes:
    """As before the keys are exchanged."""
    padding = 3 + 8 - (len(payload) + 8) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def kexinit(*lists: bytes) -> bytes:
    return packet(b"\x14" + bytes(16) + b"".join(struct.pack(">I", len(each)) + each for each in lists) + bytes(5))


def telling(*parts: bytes, then: Callable[..., None] = stay, **more: Any) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        then(connection, **more)

    return act


class Login(paramiko.ServerInterface):
    """Lets everybody in and takes every command, unless told otherwise."""

    def __init__(self) -> None:
        self.asked, self.command = threading.Event(), b""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,keyboard-interactive"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command
        self.asked.set()
        return True


class NobodyGetsIn(Login):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.AUTH_FAILED


class NeverSays(NobodyGetsIn):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        time.sleep(300)
        return paramiko.AUTH_FAILED


class Asks(NobodyGetsIn):
    """Prompts without end, by ``prompts``; none are a message without a question."""

    prompts: tuple[tuple[str, bool], ...] = ()
    pause = 0.2

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.InteractiveQuery("", "", *self.prompts)

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        time.sleep(self.pause)
        return paramiko.InteractiveQuery("", "", *self.prompts)


class AsksForMore(Asks):
    """The second time, it is one question too many."""

    prompts = (("Password: ", False),)


class LetsIn(AsksForMore):
    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        return paramiko.AUTH_SUCCESSFUL


class NoChannel(Login):
    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class ChannelNever(Login):
    def check_channel_request(self, kind: str, chanid: int) -> int:
        time.sleep(300)
        return paramiko.OPEN_SUCCEEDED


class NoCommand(Login):
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return False


class BadlySigned(paramiko.ECDSAKey):
    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
        return super().sign_ssh_data(data[::-1])


def silent(_: paramiko.Transport, __: paramiko.Channel, ___: Login) -> None:
    time.sleep(300)


def served(
    login: type[Login] = Login,
    then: Callable[[paramiko.Transport, paramiko.Channel, Login], None] = silent,
    key: paramiko.PKey = KEY,
    early: Callable[[paramiko.Transport], None] | None = None,
) -> Callable[[socket.socket], None]:
    """A server that works up to a point: ``early`` after the keys are exchanged, ``then`` after the command was taken."""

    def act(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.set_log_channel("hostile")
        transport.add_server_key(key)
        transport.banner_timeout = transport.handshake_timeout = 300
        server, agreed = login(), threading.Event()
        transport.start_server(agreed, server)
        try:
            agreed.wait(300)
            if early is not None:
                early(transport)
            while transport.is_active() and not server.asked.wait(0.2):
                pass
            if transport.is_active() and (channel := transport.accept(30)) is not None:
                then(transport, channel, server)
        finally:
            transport.close()
            transport.packetizer.complete_handshake()  # its timer is a thread of its own

    return act


def message(number: bytes, *strings: bytes) -> paramiko.Message:
    made = paramiko.Message()
    made.add_byte(number)
    for each in strings:
        made.add_string(each)
    return made


def messages(made: Callable[[], paramiko.Message]) -> Callable[..., None]:
    """Without end."""

    def act(transport: paramiko.Transport, *_: object) -> None:
        while transport.is_active():
            transport._send_message(made())

    return act


def ignore() -> paramiko.Message:
    return message(cMSG_IGNORE, bytes(30_000))


def debug() -> paramiko.Message:
    made = message(cMSG_DEBUG)
    made.add_boolean(True)
    made.add_string(ESCAPES.encode() * 2000)
    made.add_string("")
    return made


def global_request() -> paramiko.Message:
    made = message(cMSG_GLOBAL_REQUEST, b"hostkeys-00@openssh.com")
    made.add_boolean(False)
    made.add_bytes(bytes(30_000))
    return made


def auth_banner(size: int) -> Callable[[paramiko.Transport], None]:
    def act(transport: paramiko.Transport) -> None:
        made = message(cMSG_USERAUTH_BANNER, ESCAPES.encode() * (size // len(ESCAPES)), b"")
        transport._send_message(made)

    return act


def output(send: str, data: bytes, pause: float = 0.0) -> Callable[..., None]:
    def act(_: paramiko.Transport, channel: paramiko.Channel, __: Login) -> None:
        while not channel.closed:
            getattr(channel, send)(data)
            time.sleep(pause)

    return act


def ends(data: bytes, status: int | None = 0, *, close: bool = True) -> Callable[..., None]:
    def act(_: paramiko.Transport, channel: paramiko.Channel, __: Login) -> None:
        channel.sendall(data)
        if status is not None:
            channel.send_exit_status(status)
        if close:
            channel.close()
        else:
            channel.shutdown_write()
        time.sleep(300 if not close else 1)

    return act


def killed(transport: paramiko.Transport, channel: paramiko.Channel, _: Login) -> None:
    made = message(b"\x62")  # SSH_MSG_CHANNEL_REQUEST
    made.add_int(channel.remote_chanid)
    made.add_string("exit-signal")
    made.add_boolean(False)
    for text in ("KILL", "", ""):
        made.add_string(text)
    transport._send_user_message(made)
    channel.close()
    time.sleep(1)


def frames(server: Login, *lines: str) -> bytes:
    """``lines`` behind the mark of our script, which a host finds in the script."""
    command = server.command.decode()
    nonce = next(line for line in command.split() if line.startswith("m="))[2:].strip("'\"")
    return "".join(f"\n{nonce} {line}\n" if not line.startswith("=") else line[1:] for line in lines).encode()


def mid_frame(transport: paramiko.Transport, channel: paramiko.Channel, server: Login) -> None:
    channel.sendall(frames(server, "begin product", "=VMware ESXi 9.9"))
    time.sleep(1)
    transport.close()


def forged(_: paramiko.Transport, channel: paramiko.Channel, server: Login) -> None:
    """One command's frame pretends to be the end of another and of all."""
    channel.sendall(frames(server, "begin product", "=x", "end maintenance", "exit maintenance 0", "done"))
    channel.close()
    time.sleep(1)


def rekeys(transport: paramiko.Transport, channel: paramiko.Channel, _: Login) -> None:
    while transport.is_active():
        transport.renegotiate_keys()


def garbage(transport: paramiko.Transport, channel: paramiko.Channel, _: Login) -> None:
    transport.sock.sendall(bytes(range(256)) * 16)
    time.sleep(5)


def another_key(transport: paramiko.Transport, channel: paramiko.Channel, _: Login) -> None:
    transport.server_key_dict.clear()
    transport.add_server_key(OTHER_KEY)
    transport.renegotiate_keys()
    time.sleep(300)


def hangs_up(transport: paramiko.Transport) -> None:
    transport.close()


@dataclass(frozen=True)
class Behaviour:
    """``reason``: what the tool has to say of such a host. Its key is pinned unless ``pinned`` is False."""

    act: Callable[[socket.socket], None]
    reason: str
    pinned: bool = True


B = Behaviour
NO_NAMES = (b"curve-none",) * 2 + (b"none",) * 6 + (b"", b"")

BEHAVIOURS: dict[str, Behaviour] = {
    # before the handshake
    "says nothing": B(stay, "timed-out"),
    "closes at once": B(lambda _: None, "cut-off"),
    "resets": B(reset, "cut-off"),
    "a banner without an end": B(telling(then=flood, data=b"S" * 4096), "too-large"),
    "a banner drop by drop": B(telling(then=drip, data=b"S"), "timed-out"),
    "lines before the banner": B(telling(b"hello\r\n" * 10_000), "failed"),
    "lines before the banner drop by drop": B(telling(then=drip, data=b"hello\r\n"), "timed-out"),
    "a line before the banner and nothing": B(telling(b"hello\r\n"), "timed-out"),
    "SSH 1": B(telling(b"SSH-1.5-old\r\n"), "failed"),
    "a web server": B(telling(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=lambda _: None), "failed"),
    "a banner and nothing": B(telling(BANNER), "timed-out"),
    "zeros for packets": B(telling(BANNER, bytes(4096)), "failed"),
    "a packet of 4 GB": B(telling(BANNER, b"\xff\xff\xff\xfc", then=flood, data=bytes(65536)), "too-large"),
    "a packet that is all padding": B(telling(BANNER, b"\0\0\0\x0c\xff" + bytes(11)), "failed"),
    "packets without content": B(telling(BANNER, then=flood, data=packet(b"\x02" + bytes(30_004))), "too-large"),
    "names of algorithms without end": B(telling(BANNER, kexinit(*(b"a," * 20_000,) * 10)), "too-large"),
    "no algorithm in common": B(telling(BANNER, kexinit(*NO_NAMES)), "failed"),
    "the key exchange stalls": B(
        telling(
            BANNER,
            kexinit(
                b"curve25519-sha256@libssh.org",
                b"ecdsa-sha2-nistp256",
                *(b"aes128-ctr",) * 2,
                *(b"hmac-sha2-256",) * 2,
                *(b"none",) * 2,
                b"",
                b"",
            ),
        ),
        "timed-out",
    ),
    # the host's key
    "a key that is not its own": B(served(key=BadlySigned(vals=(KEY.signing_key, KEY.verifying_key))), "failed"),
    "another key than pinned": B(served(key=OTHER_KEY), "changed"),
    "a key nobody pinned": B(served(), "untrusted", pinned=False),
    # the login
    "hangs up at the login": B(served(early=hangs_up), "cut-off"),
    "never answers the login": B(served(NeverSays), "timed-out"),
    "lets nobody in, with terminal escapes": B(served(NobodyGetsIn, early=auth_banner(2000)), "denied"),
    "a login banner of 10 MB": B(served(NeverSays, early=auth_banner(10_000_000)), "too-large"),
    "debug messages at the login": B(served(NeverSays, early=messages(debug)), "too-large"),
    "messages for prompts, without end": B(served(Asks), "timed-out"),
    "asks for more than a password": B(served(AsksForMore), "denied"),
    # the command
    "no channel": B(served(NoChannel), "failed"),
    "a channel never": B(served(ChannelNever), "timed-out"),
    "no command": B(served(NoCommand), "failed"),
    "a command and nothing": B(served(), "timed-out"),
    "output without end": B(served(then=output("sendall", b"x\n" * 16_000)), "too-large"),
    "NULs without end": B(served(then=output("sendall", bytes(32_000))), "too-large"),
    "errors without end": B(served(then=output("sendall_stderr", b"x\n" * 16_000)), "too-large"),
    "output drop by drop": B(served(then=output("sendall", b"x", 0.5)), "timed-out"),
    "NULs and the end": B(served(then=ends(bytes(5000))), "failed"),
    "no exit status": B(served(then=ends(b"x", None)), "failed"),
    "an end that is no close": B(served(then=ends(b"x", close=False)), "failed"),
    "a signal": B(served(then=killed), "failed"),
    "cut in mid-frame": B(served(then=mid_frame), "cut-off"),
    "forged frames": B(served(then=forged), "cut-off"),
    "packets without content at the command": B(served(then=messages(ignore)), "too-large"),
    "requests without end": B(served(then=messages(global_request)), "too-large"),
    "new keys without end": B(served(then=rekeys), "timed-out"),
    "another key at the second exchange": B(served(then=another_key), "timed-out"),
    "bytes that no key made": B(served(then=garbage), "failed"),
}


class Peers:
    """Listeners on loopback, one for every behaviour."""

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self._listeners: list[socket.socket] = []
        self.ports = {name: self.serve(behaviour.act) for name, behaviour in behaviours.items()}

    def serve(self, act: Callable[[socket.socket], None]) -> int:
        """The port at which every connection is handed to ``act``."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)

        def one(connection: socket.socket) -> None:
            with connection, suppress(Exception):  # a peer that is hung up on has done its work
                act(connection)

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
