"""The one exception tree.

    AuditorError                what happened, where, what was tried, what to do next
    ├── ConfigError             the configuration file, a key in it, or a secret it refers to
    ├── InputError              a file or value given by the user (zip, CSV, boot.cfg, JSON)
    ├── ConnectError            nothing answered, or the connection broke
    │   ├── DeadlineError       it answered too late
    │   ├── NotDoneError        a write was broken off before it was told to act
    │   ├── InDoubtError        a write was sent and its outcome is not known: look before doing anything again
    │   └── TrustError          the peer's host key or certificate is not the expected one
    ├── DeniedError             the peer answered and refused: login, permission, lockdown
    │   └── SessionEndedError   the login is no longer known to the peer; what was asked was not done
    ├── ReadError               the peer answered something that could not be understood
    │   └── AbsentError         the peer says there is no such thing
    ├── FailedError             the peer did what was asked and it did not work
    ├── HistoryError            the history database could not be read or written
    ├── RefusedError            a gate or a stale plan forbids the act
    │   ├── BusyError           the peer is doing something else with the same object
    │   ├── ExistsError         it is there already
    │   └── OldPaperError       a proposal, plan or approval of the format before
    └── LockedError             another run holds the lock

Adapters raise these and nothing else; a library's own error is always the ``__cause__``. Only ``auditor.cli`` turns
them into text and exit codes. No message carries a secret: every text is masked when it is
made, since peers' words are part of many.
"""

from __future__ import annotations

from auditor.masking import masked, masked_words


class AuditorError(Exception):
    """An operational fault the user can act on.

    ``what`` happened, ``where`` (host, file, vCenter), what was ``tried``, and ``hint``: what to do next.
    """

    def __init__(self, what: str, *, where: str = "", tried: str = "", hint: str = "") -> None:
        self.what = masked(what)
        super().__init__(self.what)
        self.where = masked_words(where)  # a name of ours, mostly
        self.tried = masked(tried)
        self.hint = masked(hint)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        parts = [head]
        if self.tried:
            parts.append(f"tried: {self.tried}")
        if self.hint:
            parts.append(f"next: {self.hint}")
        return "\n".join(parts)


class ConfigError(AuditorError):
    """The configuration is missing, malformed, or refers to something that is not there."""


class InputError(AuditorError):
    """A file or value given by the user cannot be used."""


class ConnectError(AuditorError):
    """No connection, or it broke before the answer was complete."""


class DeadlineError(ConnectError):
    """The deadline of a phase passed before the answer was complete."""


class InDoubtError(ConnectError):
    """A write was sent and no answer says what became of it: it may or may not have been done."""


class NotDoneError(ConnectError):
    """A write was begun and never told to act: nothing was done, and after a fresh look it may be given again."""


class TrustError(ConnectError):
    """The peer's host key or certificate is unknown or, with ``changed``, another one than the pinned one or revoked."""

    def __init__(self, what: str, *, where: str = "", tried: str = "", hint: str = "", changed: bool = False) -> None:
        super().__init__(what, where=where, tried=tried, hint=hint)
        self.changed = changed


class DeniedError(AuditorError):
    """The peer refused: wrong login, missing privilege, lockdown."""


class SessionEndedError(DeniedError):
    """The peer no longer knows our login: it expired, or the peer was restarted or restored. Nothing was done."""


class ReadError(AuditorError):
    """The peer's answer could not be understood."""


class AbsentError(ReadError):
    """The peer says that what was asked for does not exist."""


class FailedError(AuditorError):
    """The peer tried, and says that it did not work."""


class HistoryError(AuditorError):
    """The history database could not be opened, read, migrated or written."""


class RefusedError(AuditorError):
    """A gate or a stale plan forbids the act."""


class BusyError(RefusedError):
    """The peer is doing something else with the same object."""


class ExistsError(RefusedError):
    """What was to be made is there already."""


class OldPaperError(RefusedError):
    """A ``paper`` of the format before, which did not protect the whole text: it may be shown, and is never carried out."""

    def __init__(self, again: str, paper: object, *, where: str, hint: str) -> None:
        super().__init__(f"made before the whole text was protected: {again} again", where=where, hint=hint)
        self.paper = paper


class LockedError(AuditorError):
    """Another run holds the lock."""
