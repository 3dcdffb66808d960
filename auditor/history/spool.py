"""The folder beside a history in which runs wait that could not be written into it.

A spooled run is a small history file of its own with that one run in it, so it is written, kept whole when its process is
killed, and brought to a newer layout exactly as the history itself. Its name says when the run began, to which history it
belongs, and the run's number if a part of it is in the history already. A lock file beside it is held by the process that
writes it: the operating system drops the lock when that process ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auditor.errors import HistoryError
from auditor.history.file import stamp

LIMIT = 1 << 30
"""Bytes of a spool file that is still looked into: a thousand hosts take some 10 MB."""

MOST = 1000
"""Files that are looked at by one run, oldest first."""

NO_MARK = "0" * 16
"""Belongs to whichever history it lies beside: that had no run yet, or could not be read."""

_NAME = re.compile(r"(\d{8}T\d{12}Z)-([0-9a-f]{16})-(\d{1,15})-[0-9a-f]{8}\.db", re.ASCII)
_NOT_DIGITS = str.maketrans("", "", "-:.")
_HINT = "nothing was changed; look at it, and move it away"


def mark_of(started: str) -> str:
    """What a history is known by: when one of its runs began, in microseconds, as a hash."""
    return hashlib.sha256(started.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Spooled:
    """One file in the folder. ``begun`` is a stamp without its punctuation; ``run`` is 0 for a run without a number."""

    path: Path
    begun: str
    mark: str
    run: int

    def began_at(self, started: str) -> bool:
        """Whether a run with that stamp is this one."""
        return started.translate(_NOT_DIGITS) == self.begun

    def check(self) -> None:
        """Raise ``HistoryError`` for what this user did not write as an ordinary file, and for one that is too large."""
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise self._unfit("it is a link or no ordinary file")
        if found.st_uid != os.geteuid():
            raise self._unfit(f"it belongs to another user (uid {found.st_uid})")
        if found.st_size > LIMIT:
            raise self._unfit(f"it is larger than {LIMIT >> 20} MiB")
        if not found.st_size:
            raise self._unfit("it is empty")

    def lock(self) -> int | None:
        """The lock, as a descriptor to be closed; None while the process lives that writes the file."""
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
        return handle

    def remove(self) -> None:
        """To be called with the lock held, when the run is in the history."""
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal"), self._lock_path):
            path.unlink(missing_ok=True)

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _unfit(self, what: str) -> HistoryError:
        return HistoryError(what, where=str(self.path), hint=_HINT)


class Spool:
    """The folder of one history. Looking at it makes nothing."""

    def __init__(self, history: Path) -> None:
        self.folder = Path(f"{os.path.realpath(history)}.spool")

    def waiting(self) -> tuple[Spooled, ...]:
        """The runs that wait, in the order in which they began. Raises ``HistoryError`` for a folder that is not ours."""
        try:
            self._check()
            names = sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise HistoryError(f"the folder cannot be read: {error.strerror}", where=str(self.folder)) from error
        return tuple(self._spooled(name) for name in names[:MOST])

    def new(self, at: datetime, mark: str, run: int) -> tuple[Spooled, int]:
        """A name for a run, and the lock on it. Raises ``HistoryError``."""
        name = f"{stamp(at).translate(_NOT_DIGITS)}-{mark}-{run}-{secrets.token_hex(4)}.db"
        try:
            if not self.folder.exists():
                self.folder.mkdir(mode=0o700)
                parent = os.open(self.folder.parent, os.O_RDONLY)
                os.fsync(parent)
                os.close(parent)
            self._check()
            spooled = self._spooled(name)
            lock = spooled.lock()
        except OSError as error:
            raise HistoryError(f"the folder cannot be used: {error.strerror}", where=str(self.folder)) from error
        assert lock is not None, "nobody else knows the name"  # noqa: S101 - for the type checker
        return spooled, lock

    def _check(self) -> None:
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            what = "it must be a folder of this user alone, and no link"
            raise HistoryError(what, where=str(self.folder), hint=_HINT)

    def _spooled(self, name: str) -> Spooled:
        match = _NAME.fullmatch(name)
        assert match is not None, "the names are chosen by the same pattern"  # noqa: S101 - for the type checker
        return Spooled(self.folder / name, match[1], match[2], int(match[3]))


def holders(path: Path) -> str:
    """Which processes keep a file locked, such as "python3, process 4711"; empty where that cannot be told (Linux only)."""
    try:
        found = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    key = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    numbers = {words[words.index(key) - 1] for words in (line.split() for line in lines) if key in words}
    names = []
    for number in sorted(numbers - {str(os.getpid()), "0", "-1"}):
        try:
            name = Path(f"/proc/{number}/comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        names.append(f"{name}, process {number}")
    return "; ".join(names)


__all__ = ["NO_MARK", "Spool", "Spooled", "holders", "mark_of"]
