"""What went wrong in one call, as the reason an ``Unread`` carries. Shared by both clients; knows neither library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from auditor.domain.observation import RAW_LOOK, Read, Reading, Reason, Unread, raw_start
from auditor.errors import AuditorError, ConnectError, DeadlineError, DeniedError, ReadError, RefusedError, TrustError
from auditor.vcenter.http import Answer, HttpError

T = TypeVar("T")

SERVICE_UNAVAILABLE = 503
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


def transport_fault(error: BaseException, where: str) -> UnansweredError | AuditorError | None:
    """What a fault of the transport means to readers, or None if ``error`` is not one. An ``AuditorError`` passes through."""
    if isinstance(error, AuditorError):
        return error
    if isinstance(error, HttpError):
        detail = STARTING if error.status == SERVICE_UNAVAILABLE else error.detail
        return unanswered(error.reason, f"{where}: {detail}", raw_start(error.body))
    return None


def refused(answer: Answer, reason: Reason) -> HttpError:
    """The error for an answer of another status than is taken."""
    return HttpError(reason, f"HTTP {answer.status}", status=answer.status, body=answer.body[:RAW_LOOK])


def never_sent(error: UnansweredError) -> bool:
    """Whether nothing of the request can have arrived, so that a write was not done."""
    return isinstance(error.__cause__, HttpError) and not error.__cause__.sent


def starting(error: UnansweredError) -> bool:
    """Whether the answer was 503."""
    return isinstance(error.__cause__, HttpError) and error.__cause__.status == SERVICE_UNAVAILABLE


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
