"""Who sits at the keyboard, for four eyes: as configured, else the operating system's user on this machine.

This guards against haste and against a plan that nobody else has read. It does not stop somebody who means to deceive and
has root on this machine; for that, give people accounts of their own and keep the configuration out of their hands.
"""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.config import Config


def operator(config: Config) -> str:
    """``[rollback] operator``, or ``user@machine``. The user is who logged in, also under sudo and su, where the kernel keeps
    that. Variables such as LOGNAME, which anybody can set, are not believed."""
    return config.rollback.operator or f"{_user()}@{socket.gethostname()}"


def written_by_me(path: Path) -> bool:
    """Whether a file belongs to this user. Root's files tell nothing: everybody's may be."""
    own = os.getuid()
    try:
        return own != 0 and path.stat().st_uid == own
    except OSError:
        return False


LOGIN_UID = Path("/proc/self/loginuid")
_UNSET = 2**32 - 1


def _logged_in() -> int | None:
    """The user who logged in (audit's login uid, which only root's login programs set); None: the kernel does not tell."""
    try:
        uid = int(LOGIN_UID.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else uid


def _user() -> str:
    logged_in = _logged_in()
    uid = os.getuid() if logged_in is None else logged_in
    if logged_in is None and uid == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        uid = int(os.environ["SUDO_UID"])  # only root could have made it up
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


__all__ = ["operator", "written_by_me"]
