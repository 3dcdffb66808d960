"""A TLS server on loopback that answers what a test tells it to, with a certificate made for the test."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Certificate:
    """A self-signed certificate in one PEM file with its key, and its thumbprint by the cryptography package."""

    file: Path
    thumbprint: str


def make_certificate(folder: Path, name: str = "localhost") -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName(name)] + ([x509.IPAddress(ip_address("127.0.0.1"))] if name == "localhost" else [])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}-{certificate.serial_number}.pem"
    file.write_bytes(pem)
    return Certificate(file, certificate.fingerprint(hashes.SHA256()).hex(":").upper())


Answer = tuple[int, bytes]


@dataclass
class TlsServer:
    """``answer`` is asked for every request with (method, path, body); ``requests`` remembers them."""

    answer: Callable[[str, str, bytes], Answer]
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    context: ssl.SSLContext | None = None

    def show(self, certificate: Certificate) -> None:
        """Present ``certificate`` on every connection from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file)
        self.context = context


@contextmanager
def serving(certificate: Certificate, answer: Callable[[str, str, bytes], Answer]) -> Iterator[TlsServer]:
    state = TlsServer(answer)
    state.show(certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body in one write, at once: else each answer waits 40 ms for the client's ACK
        wbufsize = -1

        def setup(self) -> None:
            state.connections += 1
            assert state.context is not None
            self.request = state.context.wrap_socket(self.request, server_side=True)
            super().setup()

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.requests.append((self.command, self.path, body))
            status, text = state.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that refuses the certificate hangs up: that is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class JsonRpc:
    """Answers vAPI JSON-RPC from a table of (service, operation) to the ``result`` member, or a function of the input."""

    results: dict[tuple[str, str], Any]
    session: Any = field(default_factory=lambda: {"output": {"SECRET": "session-1"}})
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        if (method, path) != ("POST", "/api"):
            return 404, b""
        request = json.loads(body)
        key = (request["params"]["serviceId"], request["params"]["operationId"])
        self.calls.append(key)
        if key == ("com.vmware.cis.session", "create"):
            result = self.session() if callable(self.session) else self.session
        elif key == ("com.vmware.cis.session", "delete"):
            result = {"output": {}}
        else:
            result = self.results.get(key, error("operation_not_found", "vapi.method.input.invalid"))
            if callable(result):
                result = result(request["params"]["input"])
        if isinstance(result, bytes):
            return 200, result
        if isinstance(result, int):
            return result, b"busy"
        return 200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()


def error(name: str, message_id: str, text: str = "as the server words it") -> dict[str, Any]:
    """A vAPI error as it is on the wire (vAPI JSON-RPC: an ERROR structure with its messages)."""
    message = {
        "STRUCTURE": {"com.vmware.vapi.std.localizable_message": {"id": message_id, "default_message": text, "args": []}}
    }
    return {"error": {"ERROR": {f"com.vmware.vapi.std.errors.{name}": {"messages": [message], "data": {"OPTIONAL": None}}}}}
