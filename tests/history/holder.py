"""Another process that keeps transactions open on history files, as a notebook does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_CODE = """
import sqlite3, sys
held = {}
for line in sys.stdin:
    verb, path = line.rstrip("\\n").split(" ", 1)
    if verb == "free":
        held.pop(path).close()
    else:
        conn = held[path] = sqlite3.connect(path, isolation_level=None)
        conn.execute("BEGIN EXCLUSIVE" if verb == "shut" else "BEGIN")
        if verb == "hold":
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    print("ok", flush=True)
"""


class Holder:
    """``hold``: nothing can be written any more; ``shut``: nothing can be read either; ``free``: as before."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def hold(self, path: Path) -> None:
        self._do("hold", path)

    def shut(self, path: Path) -> None:
        self._do("shut", path)

    def free(self, path: Path) -> None:
        self._do("free", path)

    def close(self) -> None:
        self._process.communicate()

    def _do(self, verb: str, path: Path) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{verb} {path}\n")
        assert self._process.stdout.readline() == "ok\n"
