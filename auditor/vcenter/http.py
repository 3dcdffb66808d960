"""HTTP to one vCenter or ESXi host, for SOAP, vAPI and files: no peer can send us elsewhere, hold us, or fill us.

Nothing is followed: an answer that points elsewhere is an error, whatever was asked. A call has a time without a byte, a time
in all, which holds against a byte every few seconds as well, and a limit of bytes. Nothing is sent twice: whoever asked
decides about that by ``HttpError.sent``. ``http.client`` writes requests and reads answers; it waits nowhere but in ``_Wire``.
"""

from __future__ import annotations

import http.client
import io
import math
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from auditor import tcp
from auditor.domain.observation import Reason
from auditor.masking import masked
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.tls import context_for, distrust

IDLE_SECONDS = 300
"""A connection idle for longer is not used again; vCenter's own proxy closes them later than that."""

HEAD_LIMIT = 256 * 1024
"""Bytes of status line and headers, with interim answers. Real ones have 2 KB at most."""

BLOCK = 1024 * 1024
"""Bytes of a file of which each so many must come, or go, within the time without a byte: 17 KB/s by default."""

LARGE = 512 * 1024
"""Bytes from which an answer waits until no other of this size is read or taken apart: objects need many times its bytes."""

PAGES = 3
"""Answers of the largest size that one ``taking_apart`` may have in bytes: pages could go on for ever."""

CLOSE_SECONDS = 3.0

_PIECE = 64 * 1024
_end: ContextVar[float | None] = ContextVar("end", default=None)


class HttpError(Exception):
    """A call that brought no answer, or none to use. ``reason`` and ``detail`` are what an ``Unread`` says; ``sent``: the
    request may have reached the peer, whole or in part; ``status``: HTTP's, 0 where there was none; ``body``: its beginning."""

    def __init__(self, reason: Reason, detail: str, *, sent: bool = True, status: int = 0, body: bytes = b"") -> None:
        super().__init__(detail)
        self.reason, self.detail, self.sent, self.status, self.body = reason, detail, sent, status, body


class RedirectedError(HttpError):
    """The peer, or the proxy, answered 3xx. It was not followed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole. ``headers`` are looked up without regard to case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@contextmanager
def until(end: float) -> Iterator[None]:
    """Within it, every call of this thread ends at ``end`` (of ``time.monotonic``), instead of at its endpoint's own."""
    token = _end.set(end)
    try:
        yield
    finally:
        _end.reset(token)


def within(endpoint: Endpoint, seconds: float) -> AbstractContextManager[None]:
    """As ``until``, for what may take so long at that endpoint."""
    return until(ending(endpoint, seconds))


def closing() -> AbstractContextManager[None]:
    """As ``until``, for logging out: that may take a moment even where the time for the rest is over."""
    return until(time.monotonic() + CLOSE_SECONDS)


class _Wire:
    """A connected socket that waits no longer than it may, and whose faults are ``HttpError``. ``end``: of what is being done;
    ``left``: the bytes that may still come. It stands in for the socket in ``http.client``."""

    def __init__(self, sock: socket.socket, silence: float, end: float) -> None:
        self.sock, self.silence = sock, silence
        self.begin(end)

    def begin(self, end: float, *, paced: bool = False) -> None:
        """A new request. ``paced``: each ``BLOCK`` of it must move within the time without a byte."""
        self.sent, self.left = False, HEAD_LIMIT
        self._last, self._paced = end, paced
        self.renew()

    def renew(self) -> None:
        self._moved = 0
        self.end = min(self._last, time.monotonic() + self.silence) if self._paced else self._last

    def sendall(self, data: bytes) -> None:
        # In pieces: a TLS socket's own sendall begins its timeout anew with each record.
        view = memoryview(data)
        while view:
            self._wait()
            self.sent = True
            try:
                count = self.sock.send(view[:_PIECE])
            except OSError as error:
                raise _fault(error, self.silence, sent=True) from error
            view = view[count:]
            self._move(count)

    def readinto(self, buffer: Any) -> int:
        self._wait()
        try:
            count = self.sock.recv_into(buffer)
        except OSError as error:
            raise _fault(error, self.silence, sent=self.sent) from error
        self.left -= count
        if self.left < 0:
            raise HttpError(Reason.TOO_LARGE, "the answer has more bytes than are taken", sent=self.sent)
        self._move(count)
        return count

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self), _PIECE)

    def stale(self) -> bool:
        """Whether an idle connection was closed by the peer, or has bytes that nobody asked for."""
        poll = select.poll()  # not select(), which knows no descriptor above 1023
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        with suppress(OSError):
            self.sock.close()

    def _wait(self) -> None:
        left = self.end - time.monotonic()
        if left <= 0:
            raise HttpError(Reason.TIMED_OUT, "the answer was not complete in the time for it", sent=self.sent)
        self.sock.settimeout(min(self.silence, left))

    def _move(self, count: int) -> None:
        self._moved += count
        if self._moved >= BLOCK:
            self.renew()


class _Incoming(io.RawIOBase):
    """The bytes of one answer. Closing it leaves the connection open."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.readinto(buffer)


class Http:
    """Connections to one endpoint, as many as there are threads; those idle are kept. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint, *, secure: bool = True) -> None:
        """Raises ``ConfigError`` as ``context_for``. ``secure`` False: plain HTTP, for which nobody vouches."""
        self.endpoint = endpoint
        self._context = context_for(endpoint) if secure else None
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        self._name = host if endpoint.port == (443 if secure else 80) else f"{host}:{endpoint.port}"
        self._lock = threading.Lock()
        self._large = threading.Lock()
        self._here = threading.local()
        self._idle: list[tuple[_Wire, float]] = []

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request and its answer, whole, of any status but 3xx. Raises ``HttpError`` and ``TrustError``."""
        end = ending(self.endpoint, max(self.endpoint.total_timeout, self.endpoint.read_timeout))
        with self._exchange(method, path, body or None, headers or {}, end) as (wire, response):
            wire.left = self.endpoint.answer_bytes
            whole = bytearray()
            for piece in _pieces(response):
                whole += piece
                if len(whole) > LARGE and not self._holds():
                    self._here.holds = self._large.acquire(timeout=_left(end, threading.TIMEOUT_MAX))
                    if not self._here.holds:
                        raise HttpError(Reason.TIMED_OUT, "other large answers took the time for this one")
            self._here.taken = getattr(self._here, "taken", 0) + len(whole)
            if self._here.taken > PAGES * self.endpoint.answer_bytes:
                raise HttpError(Reason.TOO_LARGE, "the answer's pages have more bytes than are taken")
            return Answer(response.status, response.headers, bytes(whole))

    @contextmanager
    def taking_apart(self) -> Iterator[None]:
        """For a call with all its pages and what is made of them: at its end, other threads may have large answers. It ends in
        time, unless it is part of something that does."""
        ends = until(ending(self.endpoint, PAGES * self.endpoint.total_timeout)) if _end.get() is None else nullcontext()
        try:
            with ends:
                yield
        finally:
            self._here.taken = 0
            if self._holds():
                self._here.holds = False
                self._large.release()

    def _holds(self) -> bool:
        return getattr(self._here, "holds", False)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """The same for files. ``body`` goes piece by piece, with its Content-Length in ``headers``. Gives the answer without
        its body, and its body in pieces. There is no time for the whole, but each ``BLOCK`` must come, or go, in time.
        ``limit``: bytes of the answer, instead of the endpoint's."""
        end = ending(self.endpoint, math.inf)
        with self._exchange(method, path, body, headers or {}, end, paced=True) as (wire, response):
            wire.left = self.endpoint.answer_bytes if limit is None else limit
            yield Answer(response.status, response.headers, b""), _pieces(response)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for wire, _ in idle:
            wire.close()

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        end: float,
        *,
        paced: bool = False,
    ) -> Iterator[tuple[_Wire, http.client.HTTPResponse]]:
        """Send, and read as far as the body, which is read within. Only a connection whose answer was read to its end, and
        without a fault, is used again; after a fault those that are idle are not trusted either."""
        wire = self._take() or self._connect(end)
        kept = False
        try:
            wire.begin(end, paced=paced)
            try:
                response = self._ask(wire, method, path, body, headers)
                yield wire, response
            except http.client.HTTPException as error:
                raise _fault(error, wire.silence, sent=wire.sent) from error
            kept = response.isclosed() and not response.will_close
        except HttpError:
            self.close()
            raise
        finally:
            if kept:
                self._keep(wire)
            else:
                wire.close()

    def _ask(
        self, wire: _Wire, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        writer = http.client.HTTPConnection(self.endpoint.host)
        writer.sock = wire  # it has what is used of a socket
        try:
            writer.request(method, path, body, {"Host": self._name, "Accept-Encoding": "identity", **headers})
        except HttpError:
            # A peer that refuses a long body may answer before it has read it. Its answer says more than our broken pipe.
            with suppress(HttpError, http.client.HTTPException):
                return _head(wire, method)
            raise
        wire.renew()
        return _head(wire, method)

    def _connect(self, end: float) -> _Wire:
        """A new connection, by the proxy if there is one, and through TLS. Nothing of a request was sent when it fails."""
        endpoint = self.endpoint
        address = endpoint.proxy_address or (endpoint.host, endpoint.port)
        plain: socket.socket | None = None
        try:
            latest = min(end, time.monotonic() + endpoint.total_timeout)
            plain = tcp.connect(*address, connect_timeout=endpoint.connect_timeout, end=latest)
            if endpoint.proxy_address:
                self._tunnel(_Wire(plain, endpoint.connect_timeout, min(end, time.monotonic() + endpoint.connect_timeout)))
            plain.settimeout(_left(end, endpoint.connect_timeout))  # TLS takes it as the time for the whole handshake
            secure = self._context.wrap_socket(plain, server_hostname=endpoint.host) if self._context else plain
            return _Wire(secure, endpoint.read_timeout, end)
        except BaseException as error:
            if plain is not None:
                plain.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise distrust(endpoint, error.verify_message) from error
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise _fault(error, endpoint.connect_timeout, sent=False) from error
            if isinstance(error, HttpError):
                error.sent = False
            raise

    def _tunnel(self, wire: _Wire) -> None:
        endpoint = self.endpoint
        name = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        target = f"{name}:{endpoint.port}".encode("idna")
        wire.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
        response = _head(wire, "CONNECT")
        if response.status != 200:
            raise HttpError(Reason.UNREACHABLE, f"the proxy {endpoint.proxy} refused: HTTP {response.status}")

    def _take(self) -> _Wire | None:
        """A connection that is idle and still stands."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                wire, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not wire.stale():
                return wire
            wire.close()

    def _keep(self, wire: _Wire) -> None:
        with self._lock:
            if len(self._idle) < self.endpoint.threads:
                self._idle.append((wire, time.monotonic()))
                return
        wire.close()


def ending(endpoint: Endpoint, seconds: float) -> float:
    """When a call that may take so long ends, of ``time.monotonic``."""
    end = _end.get()
    if end is None:
        end = endpoint.end
    own = time.monotonic() + seconds
    return own if end is None else min(own, end)


def _fault(error: OSError | http.client.HTTPException, seconds: float, *, sent: bool) -> HttpError:
    """The meaning of a fault of the connection. ``seconds``: how long was waited."""
    reason = Reason.UNREACHABLE
    if isinstance(error, http.client.IncompleteRead):
        reason, detail = Reason.CUT_OFF, "the answer stopped before its end"
    elif isinstance(error, http.client.RemoteDisconnected):
        detail = "the connection was closed without an answer"
    elif isinstance(error, http.client.HTTPException):
        detail = f"broken HTTP answer ({type(error).__name__} {_shown(str(error), 60)}".rstrip() + ")"
    elif isinstance(error, tcp.LookUpTimeoutError):
        reason, detail = Reason.TIMED_OUT, str(error)
    elif isinstance(error, TimeoutError):
        reason, detail = Reason.TIMED_OUT, f"no answer within {seconds:g} s"
    elif isinstance(error, socket.gaierror):
        detail = f"the name could not be resolved ({error.strerror})"
    elif isinstance(error, ssl.SSLError):
        detail = f"TLS failed: {error.reason or error}"
    else:
        detail = error.strerror or type(error).__name__
    return HttpError(reason, detail, sent=sent)


def _left(end: float, seconds: float) -> float:
    """The seconds to wait; never 0, which would mean something else to a socket."""
    return max(0.001, min(seconds, end - time.monotonic()))


def _head(wire: _Wire, method: str) -> http.client.HTTPResponse:
    """An answer as far as its body. Raises for what is not followed, not asked for, or not told right."""
    response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]  # what it uses of a socket
    response.begin()
    status, headers = response.status, response.headers
    if status < 200:
        raise http.client.HTTPException(f"interim answer {status}")  # 100 was passed over; others are asked for by nobody
    if status < 400 and status >= 300:
        where = shown_address(headers.get("Location", ""))
        raise RedirectedError(Reason.UNREADABLE, f"redirected to {where} (HTTP {status}), which is not followed", status=status)
    lengths = headers.get_all("Content-Length", [])
    if len(lengths) > 1 or not all(each.isascii() and each.isdigit() and len(each) < 19 for each in lengths):
        raise HttpError(Reason.UNREADABLE, f"the answer's length is no number: {_shown(', '.join(lengths), 60)!r}")
    for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        if headers.get(name, plain).strip().lower() != plain:
            raise HttpError(Reason.UNREADABLE, f"the answer comes as {_shown(headers[name], 60)!r}, which was not asked for")
    return response


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(_PIECE):
            yield piece
    except ValueError as error:  # a chunk of less than no bytes
        raise http.client.HTTPException("broken chunks") from error
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def shown_address(location: str) -> str:
    """An address a peer gave, to be shown: short, and without user, password and query, which may be secrets."""
    try:
        split = urlsplit(location.strip())
        host = f"[{split.hostname}]" if ":" in (split.hostname or "") else split.hostname or ""
        port = f":{split.port}" if split.port else ""
    except ValueError:
        return "an address that is none"
    shown = f"{split.scheme}://{host}{port}{split.path}" if host else split.path
    return _shown(shown, 120) or "nowhere"


def _shown(text: str, limit: int) -> str:
    return "".join(each if each.isprintable() else "?" for each in masked(text)[:limit])


__all__ = ["BLOCK", "Answer", "Http", "HttpError", "RedirectedError", "closing", "ending", "shown_address", "until", "within"]
