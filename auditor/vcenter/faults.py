"""What went wrong in one call, as the reason an ``Unread`` carries. Shared by both clients; knows neither library."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from auditor.domain.observation import Read, Reading, Reason, Unread, raw_start
from auditor.errors import AuditorError, ConnectError, DeadlineError, DeniedError, ReadError, RefusedError, TrustError

T = TypeVar("T")

STARTING = (
    "answers 503: its services are not running yet. A vCenter that is starting, being patched or being restored does that; "
    "wait until `service-control --status --all` on it shows them running, then run again"
)


class UnansweredError(ReadError):
    """One call gave no value; ``unread`` says why. Internal to this package: readers turn it into a reading."""

    def __init__(self, unread: Unread) -> None:
        super().__init__(str(unread))
        self.unread = unread


def unanswered(reason: Reason, detail: str, raw: str = "") -> UnansweredError:
    """An ``UnansweredError`` with that reason."""
    return UnansweredError(Unread(reason, detail, raw_start(raw)))


def transport_fault(error: BaseException, where: str, timeout: float) -> UnansweredError | AuditorError | None:
    """The meaning of a standard library transport error, or None if ``error`` is not one. ``TrustError`` passes through."""
    if isinstance(error, AuditorError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return unanswered(Reason.UNTRUSTED, f"{where}: certificate not trusted: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return unanswered(Reason.TIMED_OUT, f"{where}: no answer within {timeout:g} s")
    if isinstance(error, socket.gaierror):
        return unanswered(Reason.UNREACHABLE, f"{where}: the name could not be resolved ({error.strerror})")
    if isinstance(error, ssl.SSLError):
        return unanswered(Reason.UNREACHABLE, f"{where}: TLS failed: {error.reason or error}")
    if isinstance(error, OSError):
        return unanswered(Reason.UNREACHABLE, f"{where}: {error.strerror or type(error).__name__}")
    if isinstance(error, http.client.HTTPException):
        text = str(error)
        if text.startswith("503"):
            return unanswered(Reason.UNREACHABLE, f"{where}: {STARTING}")
        return unanswered(Reason.UNREACHABLE, f"{where}: broken HTTP answer ({type(error).__name__} {text})".rstrip(" )") + ")")
    return None


_REASONS: tuple[tuple[type[AuditorError], Reason], ...] = (
    (DeadlineError, Reason.TIMED_OUT),
    (ConnectError, Reason.UNREACHABLE),
    (DeniedError, Reason.DENIED),
    (ReadError, Reason.UNREADABLE),
)


def unread_of(error: AuditorError) -> Unread:
    """The reading that stands for a call which ended with ``error``."""
    if isinstance(error, UnansweredError):
        return error.unread
    if isinstance(error, TrustError):
        reason = Reason.CHANGED if error.changed else Reason.UNTRUSTED
    else:
        reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.FAILED)
    return Unread(reason, str(error).replace("\n", "; "))


def attempt(call: Callable[[], T]) -> Reading[T]:
    """``call``'s value, or why there is none. A call this route must never make stays an exception: that is our defect."""
    try:
        return Read(call())
    except RefusedError:
        raise
    except AuditorError as error:
        return unread_of(error)


def reading(call: Callable[[], Reading[T]]) -> Reading[T]:
    """As ``attempt``, for a call that gives a reading itself."""
    found = attempt(call)
    return found if isinstance(found, Unread) else found.value
