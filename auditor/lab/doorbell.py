"""A socket in a running lab's folder, through which another process plays the person at a console (`auditor.lab.verbs`).

One line of JSON each way: ``{"do": "press shift+r on esx1"}``, answered by ``{"said": "..."}`` or by ``{"error": "...", "hint":
"..."}``.
The folder is the user's alone, and so is the socket.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from auditor.errors import ConnectError, InputError
from auditor.lab.play import Play
from auditor.lab.verbs import do

SOCKET = "lab.sock"
LONGEST = 65536
SECONDS = 30.0


class Doorbell:
    """Listens between `start` and `stop`."""

    def __init__(self, play: Play, folder: Path) -> None:
        self.path = folder / SOCKET
        self._play = play
        self._server: socketserver.ThreadingUnixStreamServer | None = None

    def start(self) -> None:
        """Make the socket and serve in the background."""
        play = self._play

        class Handler(socketserver.StreamRequestHandler):
            timeout = SECONDS

            def handle(self) -> None:
                answer = _answered(play, self.rfile.readline(LONGEST))
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        with _short(self.path) as short:
            self._server = socketserver.ThreadingUnixStreamServer(short, Handler)
        self._server.daemon_threads = True
        self.path.chmod(0o600)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="lab-doorbell", daemon=True).start()

    def stop(self) -> None:
        """Close and remove the socket. May be called twice."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with suppress(OSError):
            self.path.unlink()


def _answered(play: Play, line: bytes) -> dict[str, str]:
    try:
        asked = json.loads(line)
        return {"said": do(play, str(asked["do"]))}
    except InputError as error:
        where = f"{error.where}: " if error.where else ""
        return {"error": f"{where}{error.what}", "hint": error.hint}
    except (ValueError, KeyError, TypeError):
        return {"error": "not a line of JSON with the key do", "hint": ""}


def ring(folder: Path, sentence: str) -> str:
    """Have the lab in ``folder`` do something, and return what it says. Raises `ConnectError` when no lab runs there,
    `InputError` with the lab's words when it cannot."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(SECONDS)
        try:
            with _short(folder / SOCKET) as short:
                line.connect(short)
            line.sendall(json.dumps({"do": sentence}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n") and (piece := line.recv(LONGEST)):
                data += piece
        except OSError as error:
            hint = "run this inside `auditor lab run`, or after `. FOLDER/environment.sh` of `auditor lab up`"
            raise ConnectError(f"no lab answers: {error.strerror or error}", where=str(folder / SOCKET), hint=hint) from error
    answer: dict[str, Any] = json.loads(data)
    if "error" in answer:
        raise InputError(str(answer["error"]), hint=str(answer.get("hint", "")))
    return str(answer["said"])


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A path short enough for a Unix socket, whatever folder it lies in: through a descriptor of the folder."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


__all__ = ["SOCKET", "Doorbell", "ring"]
