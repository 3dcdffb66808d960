"""The lab's HTTPS server: HTTP/1.1 with keep-alive, a thread for each connection.

The TLS handshake is done in the connection's own thread, so a client that connects and says nothing holds up nobody.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_log = logging.getLogger(__name__)

MAX_BODY = 16 * 1024 * 1024
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 120.0


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower case; `query` keeps the order and the valueless names."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """One HTTP answer; `Content-Length` is added by the server."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class HangUpError(Exception):
    """Raised by the app instead of an answer: the connection is cut without one."""


App = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "lab-vcenter"
    sys_version = ""
    disable_nagle_algorithm = True
    # One write for head and body: the answer leaves in as few packets as possible.
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        self.request.settimeout(IDLE_SECONDS)
        super().setup()

    def _answer(self) -> None:
        try:
            body = self._read_body()
        except ValueError as wrong:
            self.close_connection = True
            self._send(Response(400, f"{wrong}\n".encode(), "text/plain"))
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        try:
            response = self.server.app(request)
        except HangUpError:
            self.close_connection = True
            return
        except Exception:
            # A defect of the simulator: the client gets an answer and the log the whole story.
            _log.exception("%s %s", request.method, request.path)
            response = Response(500, b"internal error of the simulator\n", "text/plain")
        self._send(response)

    def _read_body(self) -> bytes:
        """The body, of a given length or in chunks (Go's clients send those). Raises ValueError."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= MAX_BODY:
                raise ValueError("body too large")
            return self.rfile.read(length)
        body = b""
        while size := int(self.rfile.readline(64).partition(b";")[0], 16):
            if size < 0 or len(body) + size > MAX_BODY:
                raise ValueError("body too large")
            body += self.rfile.read(size)
            self.rfile.readline(4)
        while self.rfile.readline(1024).strip():
            pass  # trailers
        return body

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        if response.body or response.status != 204:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 (names of the base class)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (name of the base class)
        """Say nothing: the lab's output belongs to the command it runs."""


PORT_SECONDS = 5.0
"""How long a server that starts again waits for its port: a process that is being started holds a copy of the old listener."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], app: App, context: ssl.SSLContext) -> None:
        self.app = app
        self._context = context
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(HANDSHAKE_SECONDS)
        with self._context.wrap_socket(request, server_side=True) as secured:
            with self._open_lock:
                self._open.add(secured)
            try:
                super().finish_request(secured, client_address)
            finally:
                with self._open_lock:
                    self._open.discard(secured)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or refuse the certificate are everyday events, not news."""

    def drop_connections(self) -> None:
        with self._open_lock:
            sockets = list(self._open)
        for secured in sockets:
            with contextlib.suppress(OSError):
                secured.shutdown(socket.SHUT_RDWR)


class HttpServer:
    """An HTTPS server on `address`; port 0 takes a free one, known as `port` from the start.

    The socket listens from construction on; requests are answered between `start()` and `stop()`. A stopped one may be
    started again, on the same port.
    """

    def __init__(self, app: App, context: ssl.SSLContext, *, address: str = "127.0.0.1", port: int = 0) -> None:
        self._app, self._context = app, context
        self._server = _Server((address, port), app, context)
        self._listens = True
        self.address = address
        self.port = int(self._server.server_address[1])
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a background thread. Raises `OSError` if the port was taken since it was stopped, and stays so."""
        end = time.monotonic() + PORT_SECONDS
        while not self._listens:
            try:
                self._server = _Server((self.address, self.port), self._app, self._context)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                self._listens = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="lab-vcenter-http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut the open connections. May be called twice."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._listens = False
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut every open connection, as a vCenter does that goes down."""
        self._server.drop_connections()
