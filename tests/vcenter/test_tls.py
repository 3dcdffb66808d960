"""Trust: both clients verify or pin, on every connection, whatever the environment says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.errors import ConfigError, ConnectError
from auditor.vcenter.faults import attempt
from auditor.vcenter.http import Http
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.soap import SoapSession
from auditor.vcenter.tls import fetch_thumbprint, normal_thumbprint
from auditor.vcenter.vapi import VapiSession
from auditor.vcenter.vlcm import Vlcm
from tests.vcenter.servers import Certificate, JsonRpc, TlsServer, make_certificate, serving

VERSIONS = b"<namespaces><namespace><name>urn:vim25</name><version>8.0.2.0</version></namespace></namespaces>"
MODE = {
    ("com.vmware.esx.settings.clusters.enablement.software", "get"): {
        "output": {"STRUCTURE": {"com.vmware.esx.settings.clusters.enablement.software.info": {"enabled": True}}}
    }
}


def answering() -> Callable[[str, str, bytes], tuple[int, bytes]]:
    rpc = JsonRpc(MODE)

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/sdk/vimServiceVersions.xml":
            return 200, VERSIONS
        return rpc(method, path, body) if path == "/api" else (503, b"")

    return answer


def endpoint(server: TlsServer, **trust: object) -> Endpoint:
    host = str(trust.pop("host", "127.0.0.1"))
    return Endpoint("vCenter x", host, "auditor", server.port, connect_timeout=30, read_timeout=30, **trust)  # type: ignore[arg-type]


def by_soap(where: Endpoint) -> Reading[object]:
    """Trusted means here: the TLS part passed and the server's 503 was seen."""
    found = attempt(lambda: SoapSession(where, lambda: "right").call(lambda content: content))
    return Read("trusted") if isinstance(found, Unread) and "answers 503" in found.detail else found


def by_vapi(where: Endpoint) -> Reading[object]:
    session = VapiSession(where, lambda: "right")
    try:
        return attempt(lambda: Vlcm(session).mode("domain-c1"))
    finally:
        session.close()


clients = pytest.mark.parametrize("client", [by_soap, by_vapi])


def test_thumbprint_is_what_another_library_computes(certificate: Certificate) -> None:
    with serving(certificate, answering()) as server:
        assert fetch_thumbprint("127.0.0.1", server.port) == certificate.thumbprint
        assert server.requests == []


def test_fetching_from_nothing_names_the_address() -> None:
    with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1"):
        fetch_thumbprint("127.0.0.1", 1)


@clients
def test_the_right_pin_is_enough_even_for_another_host_name(client: Callable[[Endpoint], object], tmp_path: Path) -> None:
    named_otherwise = make_certificate(tmp_path, "some.other.example")
    with serving(named_otherwise, answering()) as server:
        lower_case = named_otherwise.thumbprint.lower().replace(":", "")
        assert isinstance(client(endpoint(server, thumbprint=lower_case)), Read)


@clients
def test_a_wrong_pin_sends_nothing_and_names_both(
    client: Callable[[Endpoint], Reading[object]], certificate: Certificate, other_certificate: Certificate
) -> None:
    with serving(certificate, answering()) as server:
        found = client(endpoint(server, thumbprint=other_certificate.thumbprint, key="vcenter.thumbprint"))
    assert isinstance(found, Unread)
    assert found.reason is Reason.CHANGED
    for part in (certificate.thumbprint, other_certificate.thumbprint, "vcenter.thumbprint"):
        assert part in found.detail
    assert server.requests == []


@clients
def test_unknown_authority_is_refused_with_the_thumbprint_to_pin(
    client: Callable[[Endpoint], Reading[object]], certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Variables that make requests trust a bundle of the environment's choice.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(certificate.file))
    with serving(certificate, answering()) as server:
        found = client(endpoint(server, host="localhost"))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNTRUSTED
    assert certificate.thumbprint in found.detail
    assert server.requests == []


@clients
def test_ca_file_is_trusted_for_the_right_name_only(
    client: Callable[[Endpoint], Reading[object]], certificate: Certificate, tmp_path: Path
) -> None:
    wrong_name = make_certificate(tmp_path, "some.other.example")
    with serving(certificate, answering()) as server:
        assert isinstance(client(endpoint(server, ca_file=certificate.file)), Read)
        server.show(wrong_name)
        found = client(endpoint(server, ca_file=wrong_name.file))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNTRUSTED


@clients
def test_a_ca_file_replaces_the_other_authorities(
    client: Callable[[Endpoint], Reading[object]], certificate: Certificate, other_certificate: Certificate
) -> None:
    with serving(certificate, answering()) as server:
        found = client(endpoint(server, ca_file=other_certificate.file))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNTRUSTED


def test_every_later_connection_is_checked_too(certificate: Certificate, other_certificate: Certificate) -> None:
    with serving(certificate, answering()) as server:
        where = endpoint(server, thumbprint=certificate.thumbprint)
        session = VapiSession(where, lambda: "right")
        vlcm = Vlcm(session)
        assert isinstance(attempt(lambda: vlcm.mode("domain-c1")), Read)
        server.show(other_certificate)
        session._http.close()  # type: ignore[union-attr]  # ends the idle connections
        found = attempt(lambda: vlcm.mode("domain-c1"))
        session.close()

        soap = SoapSession(where, lambda: "right")
        seen = []
        for shown in (certificate, other_certificate, other_certificate):
            server.show(shown)
            seen.append(attempt(lambda: soap._version(Http(where))))
    assert isinstance(found, Unread)
    assert found.reason is Reason.CHANGED
    assert isinstance(seen[0], Read)
    assert [isinstance(each, Unread) and each.reason is Reason.CHANGED for each in seen[1:]] == [True, True]


@clients
def test_proxies_of_the_environment_are_not_used(
    client: Callable[[Endpoint], Reading[object]], certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(certificate, answering()) as server:
        assert isinstance(client(endpoint(server, thumbprint=certificate.thumbprint)), Read)


@clients
def test_a_configured_proxy_is_used(client: Callable[[Endpoint], Reading[object]], certificate: Certificate) -> None:
    with serving(certificate, answering()) as server:
        found = client(endpoint(server, thumbprint=certificate.thumbprint, proxy="127.0.0.1:1"))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNREACHABLE
    assert server.requests == []


@given(st.binary(min_size=32, max_size=32), st.sampled_from([":", "", " ", "-"]), st.booleans())
def test_every_common_way_to_write_a_thumbprint_is_the_same(digest: bytes, separator: str, upper: bool) -> None:
    text = separator.join(f"{byte:02x}" for byte in digest)
    assert normal_thumbprint(text.upper() if upper else text) == digest.hex(":").upper()


@given(st.text(alphabet="0123456789abcdefg:", max_size=120).filter(lambda t: len(t.replace(":", "")) != 64 or "g" in t))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        normal_thumbprint(text)


def test_a_malformed_pin_is_no_pin_but_a_refusal(certificate: Certificate) -> None:
    with serving(certificate, answering()) as server:
        found = by_vapi(endpoint(server, thumbprint="AA:BB"))
    assert isinstance(found, Unread)
    assert "SHA-256" in found.detail
    assert server.requests == []
