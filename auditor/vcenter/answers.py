"""What the answer to a write means, as an exception the workflows can decide on.

The one question after a write that went wrong is whether it was done. Certain is: refused by vCenter with a typed error; no
session; nothing was ever sent. In doubt is everything where the call was sent and the answer is missing or is one that
can come from the middle of the work (503, time-out, internal error). It is then for the caller to look, not to repeat.
"""

from __future__ import annotations

from typing import Any

from com.vmware.esx.settings.clusters.software_client import Drafts
from com.vmware.vapi.std import errors_client
from vmware.vapi.bindings.error import VapiError

from auditor.domain.editing import InvalidImageError, Notice, Validation
from auditor.domain.observation import Reason
from auditor.errors import (
    AbsentError,
    AuditorError,
    BusyError,
    ConnectError,
    DeadlineError,
    DeniedError,
    ExistsError,
    FailedError,
    InDoubtError,
    ReadError,
    RefusedError,
    TrustError,
)
from auditor.masking import masked
from auditor.vcenter.faults import UnansweredError, never_sent

_REFUSALS: tuple[tuple[type[VapiError], type[AuditorError]], ...] = (
    (errors_client.AlreadyExists, ExistsError),
    (errors_client.NotAllowedInCurrentState, BusyError),
    (errors_client.ConcurrentChange, BusyError),
    (errors_client.ResourceBusy, BusyError),
    (errors_client.ResourceInUse, BusyError),
    (errors_client.NotFound, AbsentError),
    (errors_client.InvalidArgument, RefusedError),
    (errors_client.AlreadyInDesiredState, RefusedError),
)
_REASONS: dict[Reason, type[AuditorError]] = {
    Reason.UNREACHABLE: ConnectError,
    Reason.CUT_OFF: ConnectError,
    Reason.TIMED_OUT: DeadlineError,
    Reason.UNTRUSTED: TrustError,
    Reason.CHANGED: TrustError,
    Reason.DENIED: DeniedError,
    Reason.ABSENT: AbsentError,
    Reason.NOT_SUPPORTED: RefusedError,
    Reason.UNREADABLE: ReadError,
    Reason.TOO_LARGE: ReadError,
}
_DOUBTFUL = frozenset({Reason.UNREACHABLE, Reason.CUT_OFF, Reason.TIMED_OUT, Reason.UNREADABLE, Reason.TOO_LARGE})


def typed(error: UnansweredError, *, written: bool) -> AuditorError:
    """The exception for a call that gave no value. ``written``: it was one that changes something, and it was sent now;
    for the error a task ended with it is False, since that is vCenter's own last word."""
    cause, unread = error.__cause__, error.unread
    if isinstance(cause, errors_client.InvalidArgument) and (found := validation_in(cause.data)) is not None:
        said = "; ".join(str(notice) for notice in found.errors) or unread.detail
        return InvalidImageError(f"vCenter refuses the image: {said}", found)
    for kind, meaning in _REFUSALS:
        if isinstance(cause, kind):
            return meaning(unread.detail)
    internal = isinstance(cause, (errors_client.InternalServerError, errors_client.UnexpectedInput))
    if written and (unread.reason in _DOUBTFUL or internal) and not never_sent(error):
        return InDoubtError(
            f"{unread.detail}; whether it was done is not known",
            hint="look at the cluster's drafts, image and commit before doing it again",
        )
    return _REASONS.get(unread.reason, FailedError)(unread.detail)


def validation_in(data: Any) -> Validation | None:
    """The ``ValidateResult`` an InvalidArgument carries; None when it carries none."""
    if data is None:
        return None
    try:
        return validation(data.convert_to(Drafts.ValidateResult).notifications)
    except Exception:  # opaque data of another type: the SDK raises various things for it
        return None


def validation(notifications: Any) -> Validation:
    """``settings_client.Notifications``; each of its three lists may be unset."""
    return Validation(
        errors=notices(notifications.errors), warnings=notices(notifications.warnings), infos=notices(notifications.info)
    )


def notices(found: Any) -> tuple[Notice, ...]:
    """A list of ``settings_client.Notification``, or None for an empty one."""
    return tuple(
        Notice(str(each.type), each.id or "", _text(each.message), _text(getattr(each, "resolution", None)))
        for each in found or ()
    )


def _text(message: Any) -> str:
    if message is None:
        return ""
    return masked(getattr(message, "localized", None) or message.default_message or message.id or "")


__all__ = ["notices", "typed", "validation", "validation_in"]
