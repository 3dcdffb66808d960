"""A vCenter that wishes us ill: a TLS front before a lab's vCenter, which passes requests on until it misbehaves.

``BEHAVIOURS`` is the list. Each says what the peer does, to which requests, and which reason a run gives for what it could not
read. Endless ones go on until the client hangs up.
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.vcenter.servers import Certificate

LINE = b"HTTP/1.1 200 OK\r\n"
XML = b"Content-Type: text/xml\r\n"
JSON = b"Content-Type: application/json\r\n"
DRIP = 0.4
"""Seconds between the bytes of a drip: each comes long before a wait for one byte is over."""
BLOCK = b"x" * 65536


@dataclass
class Exchange:
    """One request that came, and the ways to answer it."""

    sock: Any
    method: str
    path: str
    body: bytes
    forward: Callable[[], tuple[bytes, bytes]]  # the lab's own answer: status line with headers, and body
    elsewhere: str = ""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def whole(self, body: bytes, *, status: bytes = LINE, head: bytes = b"") -> None:
        self.send(status + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def drip(self, data: bytes) -> None:
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(DRIP)

    def flood(self, data: bytes = BLOCK) -> None:
        while True:
            self.send(data)


Answer = Callable[[Exchange], None]
Raw = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Behaviour:
    """``raw`` misbehaves before TLS, ``answer`` when a request came that ``wants`` takes. ``reasons``: what a run may say."""

    name: str
    reasons: frozenset[str]
    answer: Answer | None = None
    raw: Raw | None = None
    wants: Callable[[Exchange], bool] = lambda _: True
    alone: bool = False  # its memory is measured in a run of its own


def soap(*names: str) -> Callable[[Exchange], bool]:
    """Requests with one of these SOAP methods."""
    return lambda e: e.path.startswith("/sdk") and any(f"<{name} ".encode() in e.body for name in names)


def api(e: Exchange) -> bool:
    """Requests to vAPI after the login."""
    return e.path.startswith("/api") and b"com.vmware.cis.session" not in e.body


SWEEP = soap("RetrievePropertiesEx", "RetrieveProperties", "ContinueRetrievePropertiesEx")
ENVELOPE = (
    b'<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soapenv:Body>'
    b'<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>%s</returnval></RetrievePropertiesExResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)


def _silent(_: socket.socket) -> None:
    time.sleep(600)


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _tls_drip(sock: socket.socket) -> None:
    """A TLS record of 16 KB that comes byte by byte."""
    for byte in itertools.chain(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", itertools.repeat(0)):
        sock.sendall(bytes([byte]))
        time.sleep(DRIP)


def _plain(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def _hang(_: Exchange) -> None:
    time.sleep(600)


def _chunked(e: Exchange) -> None:
    e.send(LINE + b"Transfer-Encoding: chunked\r\n\r\n")
    e.flood(b"10000\r\n" + BLOCK + b"\r\n")


def _huge_chunk(e: Exchange) -> None:
    e.send(LINE + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n")
    e.flood()


def _chunk_line(e: Exchange) -> None:
    e.send(LINE + b"Transfer-Encoding: chunked\r\n\r\n")
    e.flood(b"0" * 65536)


def _endless(e: Exchange) -> None:
    e.send(LINE + b"Connection: close\r\n\r\n")
    e.flood()


def _headers(e: Exchange) -> None:
    e.send(LINE)
    for number in itertools.count():
        e.send(b"X-%d: %s\r\n" % (number, b"y" * 1000))


def _continue(e: Exchange) -> None:
    e.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def _continue_slowly(e: Exchange) -> None:
    while True:
        e.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(DRIP)


def _cut(e: Exchange) -> None:
    _, body = e.forward()
    e.send(LINE + b"Content-Length: %d\r\n\r\n" % (len(body) + 1000) + body)
    e.sock.shutdown(socket.SHUT_RDWR)  # whoever reads from it keeps it open otherwise


def _bomb(e: Exchange) -> None:
    packed = gzip.compress(bytes(1 << 20)) * 512  # members after each other are one file (RFC 1952, 2.2)
    e.whole(packed, head=b"Content-Encoding: gzip\r\n")


def _redirect(e: Exchange) -> None:
    e.send(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % e.elsewhere.encode())


def _laughs(e: Exchange) -> None:
    entities = b'<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    e.whole(b"<!DOCTYPE x [" + entities + b"]>" + ENVELOPE.removeprefix(b'<?xml version="1.0"?>') % b"&a11;", head=XML)


def _deep_xml(e: Exchange) -> None:
    e.whole(ENVELOPE % (b"<a>" * 300_000), head=XML)


def _attributes(e: Exchange) -> None:
    e.whole(ENVELOPE % (b"<a " + b" ".join(b'b%d="1"' % n for n in range(200_000)) + b"/>"), head=XML)


def _pages(e: Exchange) -> None:
    """Page after page without end, each of them fine."""
    e.whole(ENVELOPE % b"<token>1</token>", head=XML)


def _big_text(e: Exchange) -> None:
    e.whole(ENVELOPE % (b"<token>" + b"t" * (60 << 20) + b"</token>"), head=XML)


def _result(e: Exchange, value: bytes) -> None:
    e.whole(b'{"jsonrpc":"2.0","id":"1","result":{"output":' + value + b"}}", head=JSON)


def _many_lists(e: Exchange) -> None:
    _result(e, b"[" + b"[]," * 5_000_000 + b"[]]")


def _deep_json(e: Exchange) -> None:
    _result(e, b"[" * 200_000 + b"]" * 200_000)


def _long_number(e: Exchange) -> None:
    _result(e, b"9" * 2_000_000)


def _page(e: Exchange) -> None:
    e.whole(b"<html><body>Sign in to the guest network</body></html>", head=b"Content-Type: text/html\r\n")


def _slow(e: Exchange) -> None:
    time.sleep(3)
    head, body = e.forward()
    e.whole(body, status=head)


def _dripping_answer(e: Exchange) -> None:
    _, body = e.forward()
    e.send(LINE + b"Content-Length: %d\r\n\r\n" % len(body))
    e.drip(body)


GONE = frozenset({"timed-out"})
BROKEN = frozenset({"unreachable", "cut-off", "unreadable"})
LARGE = frozenset({"too-large"})

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("accepts and says nothing", GONE, raw=_silent),
    Behaviour("closes at once", BROKEN, raw=lambda _: None),
    Behaviour("resets the connection", BROKEN, raw=_reset),
    Behaviour("TLS comes byte by byte", GONE | BROKEN, raw=_tls_drip),
    Behaviour("speaks plain HTTP where TLS is expected", BROKEN, raw=_plain),
    Behaviour("never answers a request", GONE, _hang),
    Behaviour("status line byte by byte", GONE, lambda e: e.drip(b"HTTP/1.1 200 " + b"O" * 10_000)),
    Behaviour("status line without end", LARGE | BROKEN, lambda e: e.flood(b"H" * 65536)),
    Behaviour("headers without end", LARGE | BROKEN, _headers),
    Behaviour("100 Continue without end", LARGE | BROKEN, _continue),
    Behaviour("100 Continue now and then, for ever", GONE | BROKEN, _continue_slowly),
    Behaviour("answer byte by byte", GONE, _dripping_answer),
    Behaviour("body without length and end", LARGE, _endless, alone=True),
    Behaviour("chunks without end", LARGE, _chunked, alone=True),
    Behaviour("a chunk of 2^60 bytes", LARGE, _huge_chunk, alone=True),
    Behaviour("a chunk's size without end", LARGE | BROKEN, _chunk_line),
    Behaviour("stops before the length it announced", BROKEN, _cut),
    Behaviour("negative length", BROKEN, lambda e: e.send(LINE + b"Content-Length: -5\r\n\r\nhello")),
    Behaviour("half a gigabyte of zeros in gzip", LARGE | BROKEN, _bomb, alone=True),
    Behaviour("redirects elsewhere", frozenset({"failed", "untrusted", "unreadable"}), _redirect),
    Behaviour("entities that grow (SOAP)", BROKEN, _laughs, wants=SWEEP, alone=True),
    Behaviour("300,000 elements in each other (SOAP)", LARGE | BROKEN, _deep_xml, wants=SWEEP, alone=True),
    Behaviour("200,000 attributes (SOAP)", LARGE | BROKEN, _attributes, wants=SWEEP),
    Behaviour("pages without end (SOAP)", GONE | LARGE | BROKEN, _pages, wants=SWEEP),
    Behaviour("60 MB of text (SOAP)", LARGE, _big_text, wants=SWEEP, alone=True),
    Behaviour("five million empty lists (vAPI)", LARGE | BROKEN, _many_lists, wants=api, alone=True),
    Behaviour("200,000 lists in each other (vAPI)", LARGE | BROKEN, _deep_json, wants=api),
    Behaviour("a number of two million digits (vAPI)", LARGE | BROKEN, _long_number, wants=api),
    Behaviour("a web page instead of an answer", BROKEN, _page),
    Behaviour("every answer takes its time", GONE, _slow),
)


@dataclass
class Front:
    """Where the front listens, and the requests it has got."""

    behaviour: Behaviour
    port: int
    requests: list[str] = field(default_factory=list)
    misbehaved: int = 0


@contextmanager
def front(
    behaviour: Behaviour, certificate: Certificate, upstream: tuple[str, int], elsewhere: str = "https://127.0.0.9/"
) -> Iterator[Front]:
    """A listener that behaves so. ``elsewhere`` is where it redirects to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file)
    listener = socket.create_server(("127.0.0.1", 0))
    state = Front(behaviour, listener.getsockname()[1])

    def forward(e_method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[bytes, bytes]:
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(*upstream, timeout=60, context=unchecked)
        try:
            connection.request(e_method, path, body, headers)
            response = connection.getresponse()
            kept = [(k, v) for k, v in response.getheaders() if k.lower() in {"set-cookie", "content-type"}]
            head = b"HTTP/1.1 %d OK\r\n" % response.status + b"".join(f"{k}: {v}\r\n".encode("latin-1") for k, v in kept)
            return head, response.read()
        finally:
            connection.close()

    def serve(plain: socket.socket) -> None:
        with suppress(OSError, ValueError), plain:
            if behaviour.raw is not None:
                state.misbehaved += 1
                behaviour.raw(plain)
                return
            with context.wrap_socket(plain, server_side=True) as sock, sock.makefile("rb") as lines:
                while _one(sock, lines):
                    pass

    def _one(sock: ssl.SSLSocket, lines: Any) -> bool:
        words = lines.readline(65536).split()
        if len(words) != 3:
            return False
        headers: dict[str, str] = {}
        while line := lines.readline(65536).strip():
            key, _, value = line.decode("latin-1").partition(":")
            headers[key] = value.strip()
        length = next((int(v) for k, v in headers.items() if k.lower() == "content-length"), 0)
        body = lines.read(length)
        method, path = words[0].decode(), words[1].decode()
        passed = {k: v for k, v in headers.items() if k.lower() not in {"host", "content-length", "connection"}}
        e = Exchange(sock, method, path, body, lambda: forward(method, path, passed, body), elsewhere)
        state.requests.append(f"{method} {path}")
        if behaviour.answer is not None and behaviour.wants(e):
            state.misbehaved += 1
            behaviour.answer(e)
        else:
            head, answer = e.forward()
            e.whole(answer, status=head)
        return True

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
