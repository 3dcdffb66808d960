"""The transport against peers that lie, drip, flood, point elsewhere and hang up; on real sockets, with short deadlines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.domain.observation import Reason
from auditor.errors import AuditorError, ConnectError, FailedError, InDoubtError, ReadError, TrustError
from auditor.vcenter import http as transport
from auditor.vcenter.answers import typed
from auditor.vcenter.faults import UnansweredError, attempt, transport_fault
from auditor.vcenter.http import Http, HttpError, RedirectedError, until
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.soap import SoapSession
from auditor.vcenter.transfer import download, upload
from auditor.vcenter.vapi import VapiSession
from auditor.vcenter.vlcm import Vlcm
from tests.vcenter.peers import Peer, Script, for_ever, hangs_up, peer, says
from tests.vcenter.servers import Certificate, JsonRpc, make_certificate, serving

LONG = 20.0
"""Seconds after which a call that had one second is held to have no end. Far above what a busy machine needs."""


def endpoint(port: int, certificate: Certificate, **other: object) -> Endpoint:
    given = {"thumbprint": certificate.thumbprint, "connect_timeout": 30.0, "read_timeout": 30.0, "threads": 2} | other
    return Endpoint("vCenter x", "127.0.0.1", "auditor", port, **given)  # type: ignore[arg-type]


def failure(call: Callable[[], object]) -> HttpError:
    with pytest.raises(HttpError) as found:
        call()
    return found.value


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class TestRedirects:
    @pytest.fixture
    def elsewhere(self) -> Iterator[Peer]:
        """Where the answers point. It has no TLS, and counts who comes."""
        with peer(says(ok(b"thanks"))) as found:
            yield found

    @staticmethod
    def pointing(elsewhere: Peer, status: int = 307) -> bytes:
        place = b"http://root:secret@127.0.0.1:%d/collect\x1b[2J?ticket=secret" % elsewhere.port
        return b"HTTP/1.1 %d Go\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, place)

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
    @pytest.mark.parametrize("verb", ["GET", "HEAD", "POST", "PUT", "DELETE"])
    def test_none_is_followed(self, certificate: Certificate, elsewhere: Peer, verb: str, status: int) -> None:
        with peer(says(self.pointing(elsewhere, status)), certificate) as server:
            http = Http(endpoint(server.port, certificate))
            found = failure(lambda: http.request(verb, "/x", b"the password"))
        assert isinstance(found, RedirectedError)
        assert f"redirected to http://127.0.0.1:{elsewhere.port}/collect" in found.detail
        assert "secret" not in found.detail
        assert found.detail.isprintable()
        assert (len(server.requests), elsewhere.connections) == (1, 0)

    @pytest.mark.parametrize("location", ["", "http://[", "//", "http://x:99999999/", "/" + "a" * 5000, "javascript:1"])
    def test_an_odd_location_is_shown_short(self, certificate: Certificate, location: str) -> None:
        with peer(says(b"HTTP/1.1 302 Go\r\nLocation: %b\r\n\r\n" % location.encode()), certificate) as server:
            found = failure(lambda: Http(endpoint(server.port, certificate)).request("GET", "/"))
        assert isinstance(found, RedirectedError)
        assert len(found.detail) < 200

    @pytest.mark.parametrize("client", [SoapSession, VapiSession])
    def test_logging_in(self, certificate: Certificate, elsewhere: Peer, client: type) -> None:
        with peer(says(self.pointing(elsewhere)), certificate) as server:
            session = client(endpoint(server.port, certificate), lambda: "the password")
            found = attempt(
                lambda: (
                    Vlcm(session).mode("domain-c1")
                    if isinstance(session, VapiSession)
                    else session.call(lambda content: content.about)
                )
            )
            session.close()
        assert "redirected to" in str(found)
        assert (len(server.requests), elsewhere.connections) == (1, 0)

    def test_files(self, certificate: Certificate, elsewhere: Peer, tmp_path: Path) -> None:
        (tmp_path / "bundle.zip").write_bytes(bytes(3 * transport.BLOCK))
        with serving(certificate, JsonRpc({})) as vcenter, peer(says(self.pointing(elsewhere)), certificate) as server:
            session = VapiSession(endpoint(vcenter.port, certificate), lambda: "right")
            with pytest.raises(ReadError, match="redirected to"):
                upload(session, tmp_path / "bundle.zip", server.port)
            with pytest.raises(ReadError, match="redirected to"):
                download(session, f"https://127.0.0.1:{server.port}/x", tmp_path / "x")
            session.close()
        assert (len(server.requests), elsewhere.connections) == (2, 0)
        assert [each.name for each in tmp_path.iterdir()] == ["bundle.zip"]

    def test_a_proxy(self, certificate: Certificate, elsewhere: Peer) -> None:
        with peer(says(self.pointing(elsewhere))) as proxy:
            where = endpoint(443, certificate, proxy=f"127.0.0.1:{proxy.port}")
            found = failure(lambda: Http(where).request("POST", "/", b"the password"))
        assert isinstance(found, RedirectedError)
        assert not found.sent
        assert [each.split(b"\r\n")[0] for each in proxy.requests] == [b"CONNECT 127.0.0.1:443 HTTP/1.1"]
        assert elsewhere.connections == 0


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = b"x" * 65536
HOSTILE: dict[str, tuple[Script, Reason]] = {
    "silence": (says(), Reason.TIMED_OUT),
    "status line, a byte at a time": (for_ever(b"HTTP/1.1 200 ", b"x", 0.05), Reason.TIMED_OUT),
    "headers, a byte at a time": (for_ever(HEAD + b"X: ", b"x", 0.05), Reason.TIMED_OUT),
    "header after header": (for_ever(HEAD, b"X: y\r\n", 0.05), Reason.TIMED_OUT),
    "body, a byte at a time": (for_ever(HEAD + b"Content-Length: 9999\r\n\r\n", b"x", 0.05), Reason.TIMED_OUT),
    "chunk size, a byte at a time": (for_ever(CHUNKED, b"0", 0.05), Reason.TIMED_OUT),
    "chunks of one byte": (for_ever(CHUNKED, b"1\r\nx\r\n", 0.05), Reason.TIMED_OUT),
    "trailer after trailer": (for_ever(CHUNKED + b"0\r\n", b"X: y\r\n", 0.05), Reason.TIMED_OUT),
    "interim answers, slowly": (for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05), Reason.TIMED_OUT),
    "interim answers, without end": (for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), Reason.TOO_LARGE),
    "another interim answer": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n", ok(b"x")), Reason.UNREACHABLE),
    "headers without end": (for_ever(HEAD, b"X: " + b"y" * 60000 + b"\r\n"), Reason.TOO_LARGE),
    "a header line without end": (for_ever(HEAD, MUCH), Reason.UNREACHABLE),
    "a body without end": (for_ever(HEAD + b"\r\n", MUCH), Reason.TOO_LARGE),
    "chunks without end": (for_ever(CHUNKED, b"10000\r\n" + MUCH + b"\r\n"), Reason.TOO_LARGE),
    "a chunk of all the bytes there are": (for_ever(CHUNKED + b"f" * 15 + b"\r\n", MUCH), Reason.TOO_LARGE),
    "a chunk of less than no bytes": (says(CHUNKED + b"-5\r\n" + MUCH), Reason.UNREACHABLE),
    "a chunk that is not one": (says(CHUNKED + b"many\r\n"), Reason.CUT_OFF),
    "trailers without end": (for_ever(CHUNKED + b"0\r\n", b"X: y\r\n" * 1000), Reason.TOO_LARGE),
    "a length too great for memory": (
        for_ever(HEAD + b"Content-Length: 99999999999999\r\n\r\n", MUCH),
        Reason.TOO_LARGE,
    ),
    "a length that is no number": (says(HEAD + b"Content-Length: 1_0\r\n\r\n" + MUCH), Reason.UNREADABLE),
    "a length below nothing": (says(HEAD + b"Content-Length: -1\r\n\r\n" + MUCH), Reason.UNREADABLE),
    "two lengths": (says(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), Reason.UNREADABLE),
    "fewer bytes than its length": (hangs_up(HEAD + b"Content-Length: 10\r\n\r\nfour"), Reason.CUT_OFF),
    "chunks that stop": (hangs_up(CHUNKED + b"a\r\nfour"), Reason.CUT_OFF),
    "compressed": (says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), Reason.UNREADABLE),
    "in another encoding": (says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n"), Reason.UNREADABLE),
    "not HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n"), Reason.UNREACHABLE),
    "HTTP of another age": (says(b"HTTP/2.0 200 OK\r\n\r\n"), Reason.UNREACHABLE),
    "the end of the connection": (hangs_up(), Reason.UNREACHABLE),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_answers_end_in_time_with_their_reason(certificate: Certificate, what: str) -> None:
    script, reason = HOSTILE[what]
    slow = reason is Reason.TIMED_OUT
    with peer(script, certificate) as server:
        where = endpoint(server.port, certificate, read_timeout=1.0 if slow else 60.0, total_timeout=1.0 if slow else 60.0)
        http = Http(replace(where, answer_bytes=1_000_000))
        began = time.monotonic()
        found = failure(lambda: http.request("POST", "/api", b"{}"))
        assert time.monotonic() - began < (LONG if slow else 60)
    assert (found.reason, found.sent) == (reason, True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("what", ["body, a byte at a time", "chunks of one byte", "headers, a byte at a time", "silence"])
def test_files_need_a_pace_and_no_time_in_all(certificate: Certificate, what: str) -> None:
    with peer(HOSTILE[what][0], certificate) as server:
        http = Http(endpoint(server.port, certificate, read_timeout=1.0))

        def fetch() -> None:
            with http.stream("GET", "/x") as (_, pieces):
                list(pieces)

        began = time.monotonic()
        assert failure(fetch).reason is Reason.TIMED_OUT
        assert time.monotonic() - began < LONG


def test_a_file_may_take_longer_than_a_call(certificate: Certificate) -> None:
    block = b"x" * transport.BLOCK

    def script(connection: object, _: bytes) -> None:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (4 * len(block)))  # type: ignore[attr-defined]
        for _i in range(4):
            time.sleep(0.3)
            connection.sendall(block)  # type: ignore[attr-defined]

    with peer(script, certificate) as server:
        http = Http(endpoint(server.port, certificate, total_timeout=0.5))
        with http.stream("GET", "/x", limit=10 * len(block)) as (_, pieces):
            assert sum(map(len, pieces)) == 4 * len(block)


def test_a_peer_that_reads_nothing_ends_an_upload(certificate: Certificate) -> None:
    def script(_: object, __: bytes) -> None:
        time.sleep(LONG)

    def endless() -> Iterator[bytes]:
        while True:
            yield MUCH

    with peer(script, certificate) as server:
        http = Http(endpoint(server.port, certificate, read_timeout=1.0))
        head = {"Content-Length": "0"}  # the peer stops to read after the head

        def send() -> None:
            with http.stream("POST", "/x", endless(), head) as (_, pieces):
                list(pieces)

        began = time.monotonic()
        assert failure(send).reason is Reason.TIMED_OUT
        assert time.monotonic() - began < LONG


@pytest.mark.parametrize("end", [0.5, -1.0])
def test_the_end_of_what_a_call_is_part_of_is_its_end(certificate: Certificate, end: float) -> None:
    with peer(for_ever(HEAD, b"X: y\r\n", 0.05), certificate) as server:
        http = Http(endpoint(server.port, certificate))
        began = time.monotonic()
        with until(began + end):
            assert failure(lambda: http.request("GET", "/")).reason is Reason.TIMED_OUT
        own = Http(endpoint(server.port, certificate, end=time.monotonic() + end))
        assert failure(lambda: own.request("GET", "/")).reason is Reason.TIMED_OUT
        assert time.monotonic() - began < LONG


class TestConnections:
    def test_are_kept(self, certificate: Certificate) -> None:
        with peer(says(ok(b"x")), certificate) as server:
            http = Http(endpoint(server.port, certificate))
            assert [http.request("POST", "/", b"y").body for _ in range(3)] == [b"x"] * 3
            assert (server.connections, len(server.requests)) == (1, 3)

    def test_closed_by_the_peer_are_not_used(self, certificate: Certificate) -> None:
        with peer(hangs_up(ok(b"x")), certificate) as server:
            http = Http(endpoint(server.port, certificate))
            for _ in range(3):
                assert http.request("POST", "/", b"y").body == b"x"
                deadline = time.monotonic() + LONG
                while not http._idle[0][0].stale():
                    assert time.monotonic() < deadline
            assert (server.connections, len(server.requests)) == (3, 3)

    @pytest.mark.parametrize("more", [ok(b"not asked for"), b"x"])
    def test_with_bytes_nobody_asked_for_are_not_used(self, certificate: Certificate, more: bytes) -> None:
        """What comes with the answer itself is dropped; what comes later ends the connection."""

        def script(connection: object, _: bytes) -> None:
            connection.sendall(ok(b"asked for"))  # type: ignore[attr-defined]
            time.sleep(0.2)
            connection.sendall(more)  # type: ignore[attr-defined]

        with peer(script, certificate) as server:
            http = Http(endpoint(server.port, certificate))
            assert http.request("GET", "/").body == b"asked for"
            deadline = time.monotonic() + LONG
            while not http._idle[0][0].stale():
                assert time.monotonic() < deadline
            assert http.request("GET", "/").body == b"asked for"
            assert server.connections == 2

    def test_not_read_to_the_end_are_closed(self, certificate: Certificate) -> None:
        with peer(says(ok(b"x" * 3_000_000)), certificate) as server:
            http = Http(endpoint(server.port, certificate))
            for _ in range(2):
                with http.stream("GET", "/x") as (_, pieces):
                    assert next(pieces)
            assert server.connections == 2

    def test_by_a_proxy_that_refuses(self, certificate: Certificate) -> None:
        with peer(says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
            where = endpoint(443, certificate, proxy=f"127.0.0.1:{proxy.port}")
            found = failure(lambda: Http(where).request("POST", "/", b"the password"))
        assert "proxy" in found.detail
        assert "407" in found.detail
        assert not found.sent


class TestWhetherItWasSent:
    """What is told to those who decide whether a write is in doubt."""

    @staticmethod
    def of(error: HttpError) -> AuditorError:
        made = transport_fault(error, "vCenter x")
        assert isinstance(made, UnansweredError)
        made.__cause__ = error
        return typed(made, written=True)

    def test_nothing_listens(self, certificate: Certificate) -> None:
        found = failure(lambda: Http(endpoint(1, certificate)).request("POST", "/", b"write"))
        assert not found.sent
        assert type(self.of(found)) is ConnectError

    @pytest.mark.parametrize("script", ["says", "hangs_up"])
    def test_no_tls(self, certificate: Certificate, script: str) -> None:
        with peer({"says": says, "hangs_up": hangs_up}[script](b"220 mail ready\r\n")) as server:
            where = endpoint(server.port, certificate, connect_timeout=1.0)
            found = failure(lambda: Http(where).request("POST", "/", b"write"))
            assert not found.sent
            assert not isinstance(self.of(found), InDoubtError)
            assert server.requests == []

    @pytest.mark.parametrize("what", ["the end of the connection", "silence", "a chunk that is not one", "a body without end"])
    def test_the_answer_is_lost(self, certificate: Certificate, what: str) -> None:
        with peer(HOSTILE[what][0], certificate) as server:
            where = endpoint(server.port, certificate, read_timeout=1.0, answer_bytes=100_000)
            found = failure(lambda: Http(where).request("POST", "/", b"write"))
            assert found.sent
            assert isinstance(self.of(found), InDoubtError)
            assert len(server.requests) == 1

    def test_on_a_connection_that_was_kept(self, certificate: Certificate) -> None:
        """It holds for the first request as well as for the second one, which is on a connection that worked."""
        answers = iter([ok(b"x")])

        def script(connection: object, _: bytes) -> None:
            connection.sendall(next(answers, b""))  # type: ignore[attr-defined]
            if len(server.requests) > 1:
                connection.close()  # type: ignore[attr-defined]

        with peer(script, certificate) as server:
            http = Http(endpoint(server.port, certificate))
            assert http.request("POST", "/", b"first").body == b"x"
            found = failure(lambda: http.request("POST", "/", b"second"))
            assert found.sent
            assert (server.connections, len(server.requests)) == (1, 2)


class TestAnswersThatSwell:
    @staticmethod
    def vapi(certificate: Certificate, body: bytes) -> str:
        with peer(says(ok(body)), certificate) as server:
            session = VapiSession(endpoint(server.port, certificate), lambda: "right")
            found = attempt(lambda: Vlcm(session).mode("domain-c1"))
            session.close()
        return str(found)

    @staticmethod
    def soap(certificate: Certificate, body: bytes) -> str:
        versions = b"<namespaces><namespace><name>urn:vim25</name><version>8.0.2.0</version></namespace></namespaces>"

        def script(connection: object, request: bytes) -> None:
            connection.sendall(ok(versions if request.startswith(b"GET") else body))  # type: ignore[attr-defined]

        with peer(script, certificate) as server:
            session = SoapSession(endpoint(server.port, certificate), lambda: "right")
            found = attempt(lambda: session.call(lambda content: content.about))
            session.close()
        return str(found)

    def test_json_of_empty_lists(self, certificate: Certificate) -> None:
        assert "values" in self.vapi(certificate, b"[" + b"[]," * 1_000_000 + b"[]]")

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"9" * 100_000])
    def test_json_of_one_in_the_other(self, certificate: Certificate, body: bytes) -> None:
        assert self.vapi(certificate, body).startswith("unreadable")

    @pytest.mark.parametrize(
        ("inner", "said"),
        [
            (b"<a/>" * 2_000_000, "tags"),
            (b"<a " + b"".join(b"a%d='' " % n for n in range(300_000)) + b"/>", "attributes"),
            (b"<a>" * 100_000, "unreadable"),
        ],
    )
    def test_xml(self, certificate: Certificate, inner: bytes, said: str) -> None:
        assert said in self.soap(certificate, ENVELOPE.replace(b"@", inner))

    def test_xml_with_a_document_type(self, certificate: Certificate) -> None:
        entities = b"".join(b"<!ENTITY %c '%b'>" % (c, b"&%c;" % (c - 1) * 10) for c in b"bcdefghij")
        bomb = b"<!DOCTYPE x [<!ENTITY a 'lol'>" + entities + b"]>" + ENVELOPE.replace(b"@", b"&j;")
        assert "document type" in self.soap(certificate, bomb)
        assert self.soap(certificate, bomb.decode().encode("utf-16")).startswith("unreadable")
        hidden = b"<?xml version='1.0' encoding='cp500'?>" + bomb.decode().encode("cp500")
        assert self.soap(certificate, hidden).startswith("unreadable")

    def test_tags_that_name_a_type_of_many_properties(self, certificate: Certificate) -> None:
        tag = b'<service xsi:type="VirtualMachineConfigInfo"/>'
        body = ENVELOPE.replace(
            b"@", b'<returnval xsi:type="ArrayOfVirtualMachineConfigInfo">' + tag * 60_000 + b"</returnval>"
        )
        assert "more than" in self.soap(certificate, body)


class TestLargeAnswers:
    """Several threads get answers of many megabytes: one at a time, from the bytes to what is made of them."""

    def test_one_waits_for_the_other(self, certificate: Certificate) -> None:
        with peer(says(ok(b"x" * (transport.LARGE + 1))), certificate) as server:
            http = Http(endpoint(server.port, certificate, total_timeout=60.0))
            waiting = threading.Event()
            done: list[str] = []

            def second() -> None:
                waiting.set()
                with http.taking_apart():
                    http.request("GET", "/")
                    done.append("second")

            with http.taking_apart():
                http.request("GET", "/")
                http.request("GET", "/")  # the same thread may have more
                other = threading.Thread(target=second)
                other.start()
                assert waiting.wait(LONG)
                other.join(0.5)
                done.append("first")
            other.join(LONG)
        assert done == ["first", "second"]

    @pytest.mark.parametrize("size", [0, 40_000])
    def test_page_after_page_has_an_end(self, certificate: Certificate, size: int) -> None:
        with peer(says(ok(b"x" * size)), certificate) as server:
            seconds = 1.0 if not size else 60.0
            http = Http(endpoint(server.port, certificate, read_timeout=60.0, total_timeout=seconds, answer_bytes=100_000))

            def pages() -> None:
                with http.taking_apart():
                    while True:
                        http.request("GET", "/")

            began = time.monotonic()
            assert failure(pages).reason is (Reason.TOO_LARGE if size else Reason.TIMED_OUT)
            assert time.monotonic() - began < LONG
            assert size == 0 or len(server.requests) == 8
            assert http.request("GET", "/").status == 200, "the next call begins anew"

    def test_no_longer_than_a_call_may_take(self, certificate: Certificate) -> None:
        with peer(says(ok(b"x" * (transport.LARGE + 1))), certificate) as server:
            http = Http(endpoint(server.port, certificate, read_timeout=1.0, total_timeout=1.0))
            found: list[HttpError] = []
            with http.taking_apart():
                with until(time.monotonic() + LONG):
                    http.request("GET", "/")
                other = threading.Thread(target=lambda: found.append(failure(lambda: http.request("GET", "/"))))
                other.start()
                other.join(LONG)
        assert [each.reason for each in found] == [Reason.TIMED_OUT]


ENVELOPE = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    b'<RetrieveServiceContentResponse xmlns="urn:vim25">@</RetrieveServiceContentResponse></soapenv:Body></soapenv:Envelope>'
)


class TestAnExportsAddress:
    """vCenter may name itself otherwise than the configuration does."""

    @staticmethod
    def fetch(where: Endpoint, url: str, target: Path) -> None:
        session = VapiSession(where, lambda: "right")
        session._session_id = "the session"
        download(session, url, target)

    def test_the_same_pin_answers_under_another_name_and_port(self, certificate: Certificate, tmp_path: Path) -> None:
        with peer(says(ok(b"file")), certificate) as server:
            where = endpoint(1, certificate)
            self.fetch(where, f"https://localhost:{server.port}/a%20b/ü?file=x y", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == b"file"
        (asked,) = server.requests
        assert asked.startswith(b"GET /a%20b/%C3%BC?file=x%20y HTTP/1.1\r\n")
        assert b"session" not in asked.lower()
        assert b"cookie" not in asked.lower()

    def test_another_certificate_gets_no_request(
        self, certificate: Certificate, other_certificate: Certificate, tmp_path: Path
    ) -> None:
        with peer(says(ok(b"file")), other_certificate) as server, pytest.raises(TrustError):
            self.fetch(endpoint(1, certificate), f"https://localhost:{server.port}/x", tmp_path / "x")
        assert server.requests == []

    def test_an_authority_vouches_for_the_name_in_the_address(self, certificate: Certificate, tmp_path: Path) -> None:
        with peer(says(ok(b"file")), certificate) as server:
            where = endpoint(1, certificate, thumbprint=None, ca_file=certificate.file)
            self.fetch(where, f"https://localhost:{server.port}/x", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == b"file"
        other = make_certificate(tmp_path, "some.other.example")
        where = endpoint(1, certificate, thumbprint=None, ca_file=other.file)
        with peer(says(ok(b"file")), other) as server, pytest.raises(TrustError):
            self.fetch(where, f"https://localhost:{server.port}/x", tmp_path / "y")
        assert server.requests == []

    @pytest.mark.parametrize("url", ["", "x", "ftp://x/y", "https://", "https://x:99999/", "file:///etc/passwd", "http://[/"])
    def test_what_is_no_address(self, certificate: Certificate, tmp_path: Path, url: str) -> None:
        with pytest.raises((ReadError, FailedError)):
            self.fetch(endpoint(1, certificate), url, tmp_path / "x")


def test_the_parts_of_pyvmomi_and_the_sdk_that_are_not_documented() -> None:
    """Names our stub and our provider build on. One that moves fails here, and not in front of a vCenter."""
    from pyVmomi import SoapAdapter, vim
    from vmware.vapi.protocol.client.msg import json_connector
    from vmware.vapi.protocol.client.rpc.provider import HTTPProvider

    for name in ("SerializeRequest", "InvokeAccessor", "ComputeVersionInfo"):
        assert hasattr(SoapAdapter.SoapStubAdapterBase, name)
    assert hasattr(SoapAdapter.SoapDeserializer, "StartElementHandler")
    assert isinstance(SoapAdapter.SoapResponseDeserializer(None).deser, SoapAdapter.SoapDeserializer)
    info = vim.ServiceInstance._GetMethodInfo("RetrieveContent")
    assert (info.wsdlName, info.result) == ("RetrieveServiceContent", vim.ServiceInstanceContent)
    assert HTTPProvider.__abstractmethods__ == {"connect", "disconnect", "do_request"}
    assert callable(json_connector.get_protocol_connector)
