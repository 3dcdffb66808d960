from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.esxi.sshd import Server
from tests.judges import need


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    need("sshd")
    server = Server(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()
