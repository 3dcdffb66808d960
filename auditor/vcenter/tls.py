"""Who is at the other end: verified by certificate authorities, or pinned by the SHA-256 thumbprint of the leaf.

There is no third way. A pin is enforced inside the TLS context, so every connection of either client passes it, not only the
first one. (pyVmomi's own ``thumbprint`` argument is not used: after one failed verification it switches verification off in
the shared context, and the next connection is then checked against nothing. Its connect helper also trusts "localhost"
blindly.)
"""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
import time
from typing import Any

from auditor import tcp
from auditor.errors import ConfigError, ConnectError, TrustError
from auditor.vcenter.settings import Endpoint

FETCH_TIMEOUT = 10.0
"""Seconds ``fetch_thumbprint`` waits for a connection and for the handshake."""

LOOK_AGAIN_SECONDS = 2.0
"""The same where a deadline may be near."""


def thumbprint_of(certificate: bytes) -> str:
    """SHA-256 of a DER certificate the way vSphere and ``openssl x509 -fingerprint`` write it: ``AA:BB:…``."""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(re.findall("..", digest))


def normal_thumbprint(text: str) -> str:
    """``text`` as ``AA:BB:…``. Raises ``ConfigError`` unless it is 32 bytes in hexadecimal, with or without separators."""
    digits = re.sub(r"[\s:.-]", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        kind = "a SHA-1 thumbprint; it no longer identifies a certificate" if len(digits) == 40 else "not one"
        raise ConfigError(
            f"thumbprint must be a SHA-256 fingerprint (64 hexadecimal digits); this is {kind}",
            hint="openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256",
        )
    return ":".join(re.findall("..", digits))


def fetch_thumbprint(host: str, port: int = 443, timeout: float = FETCH_TIMEOUT, context: ssl.SSLContext | None = None) -> str:
    """The thumbprint of the certificate ``host`` shows now, for a person to compare; nothing is sent beyond the handshake.
    With a ``context`` only one that it accepts.

    Raises ``ConnectError`` when there is no TLS server.
    """
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the certificate is looked at, not trusted
    try:
        with (
            tcp.connect(host, port, connect_timeout=timeout, end=time.monotonic() + 2 * timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate = secure.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:  # ValueError: what cannot be a host name
        raise ConnectError(
            f"no certificate to look at: {getattr(error, 'strerror', None) or type(error).__name__}",
            where=f"{host}:{port}",
            tried="a TLS handshake",
            hint="check address and port",
        ) from error
    if certificate is None:
        raise ConnectError("the server showed no certificate", where=f"{host}:{port}")
    return thumbprint_of(certificate)


class _PinnedContext(ssl.SSLContext):
    """A TLS context that lets a handshake stand only if the peer's leaf certificate is the pinned one."""

    endpoint: Endpoint
    expected: str

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(*args, **kwargs)
        certificate = wrapped.getpeercert(binary_form=True)
        seen = thumbprint_of(certificate) if certificate else "no certificate"
        if not hmac.compare_digest(seen, self.expected):
            wrapped.close()
            raise TrustError(
                f"the certificate is not the pinned one: expected {self.expected}, seen {seen}",
                where=self.endpoint.where,
                hint=f"a restored or re-installed vCenter, or a renewed certificate, shows a new one. Compare it on the "
                f"machine itself; only if it is right, {self.endpoint.pinning or f'set {self.endpoint.key} to it'}",
                changed=True,
            )
        return wrapped

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        raise TrustError("a pinned certificate cannot be checked through a TLS tunnel", where=self.endpoint.where)


def context_for(endpoint: Endpoint) -> ssl.SSLContext:
    """A fresh TLS context (1.2 or newer) that enforces the endpoint's trust on every connection made with it.

    With a pin, host name and validity dates are not looked at: the very certificate is known. Raises ``ConfigError`` for a
    malformed thumbprint or an unusable ``ca_file``.
    """
    if endpoint.thumbprint is not None:
        pinned = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
        pinned.endpoint = endpoint
        pinned.expected = normal_thumbprint(endpoint.thumbprint)
        pinned.check_hostname = False
        pinned.verify_mode = ssl.CERT_NONE  # wrap_socket compares the certificate itself
        pinned.minimum_version = ssl.TLSVersion.TLSv1_2
        return pinned
    try:
        context = ssl.create_default_context(cafile=str(endpoint.ca_file) if endpoint.ca_file else None)
    except OSError as error:
        raise ConfigError(
            f"ca_file {endpoint.ca_file} cannot be used: {error.strerror or 'not a PEM file of certificates'}",
            where=endpoint.where,
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def distrust(endpoint: Endpoint, why: str) -> TrustError:
    """The error for a certificate that no accepted authority vouches for, naming the one seen, so that it can be pinned."""
    try:
        seen = (
            fetch_thumbprint(endpoint.host, endpoint.port, LOOK_AGAIN_SECONDS)
            if endpoint.proxy is None
            else "not looked at (proxy)"
        )
    except ConnectError:
        seen = "could not be looked at again"
    source = str(endpoint.ca_file) if endpoint.ca_file else "the system's certificate authorities"
    return TrustError(
        f"the certificate is not trusted by {source}: {why}; SHA-256 thumbprint seen: {seen}",
        where=endpoint.where,
        hint=f"compare the thumbprint on the machine itself; if it is right, {endpoint.pinning or f'set {endpoint.key}'}",
    )
