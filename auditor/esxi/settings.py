"""How hosts are reached over SSH, and secrets fetched once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import AuditorError


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How hosts are reached. All times in seconds, limits in bytes.

    ``host_deadline`` is for one host altogether; ``command_timeout`` is the most any single command may take on the host.
    """

    known_hosts: Path
    user: str = "root"
    port: int = 22
    key: Path | None = None
    connect_timeout: float = 10.0
    auth_timeout: float = 20.0
    command_timeout: float = 60.0
    host_deadline: float = 120.0
    output_limit: int = 16 * 1024 * 1024


class Once:
    """A secret from its provider, fetched when it is first needed, once for all threads. Its repr shows nothing."""

    def __init__(self, provider: Callable[[], str]) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._value: str | None = None
        self._error: AuditorError | None = None

    def __call__(self) -> str:
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._value is None:
                try:
                    self._value = self._provider()
                except AuditorError as error:
                    self._error = error
                    raise
            return self._value
