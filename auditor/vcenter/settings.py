"""What a connection of this route needs to know. Secrets are not part of it: passwords come from a callable, late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TOTAL_SECONDS = 300.0
VIEW_SECONDS = 1800.0
HOST_SECONDS = 120.0
ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One vCenter or ESXi to talk to. Times in seconds. ``key`` is the place in the configuration that decides about trust,
    for messages; ``pinning`` is what to do instead to pin another certificate. ``proxy`` is "host:port" of an HTTP proxy; the
    environment's proxy variables are never used.

    ``read_timeout`` is the time without a byte, ``total_timeout`` that of one call, whatever comes; ``end`` that of all calls,
    of ``time.monotonic``. ``answer_bytes``: what one answer may have."""

    where: str
    host: str
    user: str
    port: int = 443
    thumbprint: str | None = None
    ca_file: Path | None = None
    key: str = "thumbprint"
    pinning: str = ""
    threads: int = 16
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    proxy: str | None = None
    total_timeout: float = TOTAL_SECONDS
    answer_bytes: int = ANSWER_BYTES
    end: float | None = None

    @property
    def proxy_address(self) -> tuple[str, int] | None:
        """The proxy as (host, port), or None."""
        if not self.proxy:
            return None
        host, _, port = self.proxy.removeprefix("http://").rstrip("/").rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class VCenterSettings:
    """One vCenter as configured. ``name`` is the name in the configuration. The certificate is verified by ``thumbprint``
    (SHA-256 of the leaf certificate) if set, else by ``ca_file`` if set, else by the system's authorities.

    Times as of ``Endpoint``; ``view_seconds`` is for what vCenter tells of itself and its clusters, ``host_seconds`` for what
    it tells of one host."""

    name: str
    host: str
    user: str
    port: int = 443
    thumbprint: str | None = None
    ca_file: Path | None = None
    threads: int = 16
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    proxy: str | None = None
    total_timeout: float = TOTAL_SECONDS
    answer_bytes: int = ANSWER_BYTES
    end: float | None = None
    view_seconds: float = VIEW_SECONDS
    host_seconds: float = HOST_SECONDS

    @property
    def endpoint(self) -> Endpoint:
        """The same as an endpoint."""
        return Endpoint(
            where=f"vCenter {self.name} ({self.host}:{self.port})",
            host=self.host,
            user=self.user,
            port=self.port,
            thumbprint=self.thumbprint,
            ca_file=self.ca_file,
            key=f"`thumbprint` or `ca_file` of vCenter {self.name}",
            threads=self.threads,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            proxy=self.proxy,
            total_timeout=self.total_timeout,
            answer_bytes=self.answer_bytes,
            end=self.end,
        )
