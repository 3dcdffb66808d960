"""A TCP connection to a host by its name: looking up the name ends in time, and a dead address costs no other its turn.

Happy eyeballs (RFC 8305): the families take turns in the system's order of the addresses, the next attempt starts after 250 ms
or as soon as the one before has failed, the first that connects wins.
"""

from __future__ import annotations

import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

_NEXT_ATTEMPT = 0.25  # seconds (RFC 8305, 5: "Connection Attempt Delay")
_ATTEMPTS = 6  # addresses of one name that are tried
_LOOK_UPS = 64  # names looked up at a time; one that is given up holds its place until the system's resolver ends

_places = threading.BoundedSemaphore(_LOOK_UPS)

_Candidate = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""As from `socket.getaddrinfo`."""


class LookUpTimeoutError(TimeoutError):
    """Whoever resolves names on this machine said nothing in time."""


def connect(host: str, port: int, *, connect_timeout: float, end: float) -> socket.socket:
    """A connected socket with TCP_NODELAY, and a timeout of what is left until ``end`` (monotonic seconds).

    The look-up may take until ``end``, connecting ``connect_timeout`` seconds of that. Raises ``OSError``:
    `LookUpTimeoutError`, ``gaierror`` (no such name), ``ConnectionRefusedError`` where any address refused, ``TimeoutError``,
    or what else the last attempt ended with.
    """
    candidates = _addresses(host, port, end)
    sock = _race(deque(_taking_turns(candidates)[:_ATTEMPTS]), min(time.monotonic() + connect_timeout, end))
    sock.settimeout(max(0.05, end - time.monotonic()))
    return sock


def _addresses(host: str, port: int, end: float) -> Sequence[_Candidate]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name, then
    # The system's resolver knows no deadline and cannot be ended: it waits in a thread of its own.
    begun = time.monotonic()
    told: queue.SimpleQueue[Sequence[_Candidate] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            told.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except UnicodeError as error:
            told.put(socket.gaierror(socket.EAI_NONAME, f"not a host name: {error}"))
        except OSError as error:
            told.put(error)
        finally:
            _places.release()

    late = LookUpTimeoutError(f"the name server did not answer within {max(0.0, end - begun):.3g} s")
    if not _places.acquire(timeout=max(0.0, end - begun)):
        raise late
    try:
        threading.Thread(target=look_up, name=f"look-up of {host}", daemon=True).start()
    except RuntimeError as error:  # no more threads to be had
        _places.release()
        raise OSError(str(error)) from error
    try:
        answer = told.get(timeout=max(0.0, end - time.monotonic()))
    except queue.Empty:
        raise late from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _taking_turns(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    families: dict[socket.AddressFamily, list[_Candidate]] = {}
    for candidate in candidates:
        families.setdefault(candidate[0], []).append(candidate)
    return [each for each in chain.from_iterable(zip_longest(*families.values())) if each is not None]


def _race(waiting: deque[_Candidate], until: float) -> socket.socket:
    """The first socket that connects; all others are closed."""
    failures: list[OSError] = []
    with selectors.DefaultSelector() as racing:
        try:
            start_next = 0.0
            while (waiting or racing.get_map()) and (now := time.monotonic()) < until:
                if waiting and now >= start_next:
                    start_next = now + _NEXT_ATTEMPT
                    try:
                        racing.register(_begun(waiting.popleft()), selectors.EVENT_WRITE)
                    except OSError as error:
                        failures.append(error)
                        start_next = now
                    continue
                for key, _ in racing.select(max(0.0, (min(until, start_next) if waiting else until) - now)):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)  # noqa: S101 # what was registered above
                    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    racing.unregister(sock)
                    if not number:
                        return sock
                    sock.close()
                    failures.append(OSError(number, os.strerror(number)))
                    start_next = now
            if racing.get_map() or not failures:
                failures.append(TimeoutError("no address answered in time"))
        finally:
            for key in list(racing.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr] # sockets
    # A refusal tells more than a silence, and that more than, say, a machine without IPv6.
    raise next(
        (each for kind in (ConnectionRefusedError, TimeoutError) for each in failures if isinstance(each, kind)), failures[-1]
    )


def _begun(candidate: _Candidate) -> socket.socket:
    """A socket whose connecting has begun. Raises ``OSError`` where it failed at once."""
    family, kind, protocol, _, target = candidate
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        sock.connect(target)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


__all__ = ["LookUpTimeoutError", "connect"]
