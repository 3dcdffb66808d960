"""What a command on a host wrote, as far as it came, and what it is told when it asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import paramiko

from auditor.domain.observation import Reason, Unread
from auditor.esxi.ssh.link import Link

_CHUNK = 64 * 1024
_POLL = 0.25  # seconds between looks at standard error and the clock while standard output is silent
_DRAIN = 1.0  # seconds given to the end of the stream after the last byte of interest


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, as far as it came. ``stopped`` says why it is not all there is, None if ``is_done`` had its end.
    ``status`` is the command's exit status where the host told it: then the command is over, whatever it wrote."""

    stdout: bytes
    stderr: bytes
    stopped: Unread | None = None
    status: int | None = None
    host_key: str = ""
    """Type and fingerprint of the key that the host showed, which was verified."""
    replied: bool = False
    """Whether the reply was given, or a part of it may have been. False: the command was never told anything, and never will
    be, for its connection is closed."""


@dataclass(slots=True)
class Reply:
    """What a command is told when it asks, once."""

    asked: Callable[[bytes], bool]
    text: bytes
    given: bool = False

    def give(self, channel: paramiko.Channel, tail: bytes) -> None:
        """Say it if ``tail``, the end of standard output, asks for it."""
        if self.text and not self.given and self.asked(tail):
            self.given = True  # from here on a part of it may arrive
            with suppress(OSError):  # a connection that is gone is noticed where its output is read
                channel.sendall(self.text)


def collect(link: Link, channel: paramiko.Channel, limit: int, is_done: Callable[[bytes], bool], reply: Reply) -> Output:
    """Read both streams until the end, the limit, or the host's deadline."""
    out, err = bytearray(), bytearray()
    channel.settimeout(_POLL)
    done_at: float | None = None
    while True:
        try:
            data = channel.recv(_CHUNK)
        except TimeoutError:
            data = None
        except OSError:
            data = b""
        out += data or b""
        while channel.recv_stderr_ready() and len(out) + len(err) <= limit:
            err += channel.recv_stderr(_CHUNK)
        now = time.monotonic()
        reply.give(channel, bytes(out[-256:]))
        if done_at is None and is_done(bytes(out[-256:])):
            done_at = now
        if data == b"" or (done_at is not None and now - done_at > _DRAIN):
            break
        if len(out) + len(err) > limit:
            sent = Unread(Reason.TOO_LARGE, f"the host sent more than {limit} bytes")
            return Output(bytes(out[:limit]), bytes(err[:limit]), sent)
        if now >= link.end:
            link.expired.set()
            break
    # The status comes after the end of the stream. A connection that is gone sets the event as well, and leaves -1.
    told = data == b"" and channel.status_event.wait(_DRAIN) and channel.exit_status >= 0
    status = channel.exit_status if told else None
    if done_at is not None:
        return Output(bytes(out), bytes(err), None, status)
    if link.expired.is_set():
        stopped = Unread(Reason.TIMED_OUT, "the host's deadline passed before its answer was whole")
    elif link.flooded:
        stopped = Unread(Reason.TOO_LARGE, "the host sent far more than its answer")
    else:
        stopped = Unread(Reason.CUT_OFF, "the connection ended before the host's answer was whole")
    return Output(bytes(out), bytes(err), stopped, status)


__all__ = ["Output", "Reply", "collect"]
