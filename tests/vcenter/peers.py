"""Peers that mean harm: a TLS server on loopback that answers each request with whatever bytes a test gives it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.vcenter.servers import Certificate

Script = Callable[[socket.socket, bytes], None]
"""What is done with a connection after a request was read. It stays open until the peer hangs up, or the script shuts it."""


@dataclass
class Peer:
    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextmanager
def peer(script: Script, certificate: Certificate | None = None) -> Iterator[Peer]:
    """Without a certificate: plain TCP."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file)
    listener = socket.create_server(("127.0.0.1", 0))
    state = Peer(listener.getsockname()[1])
    opened: list[socket.socket] = []

    def talk(plain: socket.socket) -> None:
        with suppress(OSError), plain:
            connection = context.wrap_socket(plain, server_side=True) if context else plain
            opened.append(connection)
            with connection:
                while request := _request(connection):
                    state.requests.append(request)
                    script(connection, request)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                state.connections += 1
                opened.append(plain)
                threading.Thread(target=talk, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        listener.close()
        for each in opened:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _request(connection: socket.socket) -> bytes:
    """Head and body of one request; empty when the client hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def says(*parts: bytes) -> Script:
    """These bytes, and then silence."""

    def script(connection: socket.socket, _: bytes) -> None:
        for part in parts:
            connection.sendall(part)

    return script


def hangs_up(*parts: bytes) -> Script:
    """These bytes, and then the end of the connection."""

    def script(connection: socket.socket, _: bytes) -> None:
        for part in parts:
            connection.sendall(part)
        connection.close()

    return script


def for_ever(first: bytes, again: bytes, pause: float = 0.0) -> Script:
    """These bytes, and then others until the client is gone."""

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(first)
        with suppress(OSError):
            while True:
                connection.sendall(again)
                time.sleep(pause)

    return script
