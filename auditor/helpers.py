"""What the programs that the configuration names are given of our environment: what they need to run, and no secret of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable

_LANGUAGE = "LANG LANGUAGE LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME TZ"
_DESKTOP = "DISPLAY WAYLAND_DISPLAY XAUTHORITY DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR"
_FOLDERS = "XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME"
GIVEN = frozenset(f"PATH HOME USER LOGNAME SHELL TMPDIR TERM GNUPGHOME GPG_TTY {_LANGUAGE} {_DESKTOP} {_FOLDERS}".split())
"""Where the program finds itself, its user, language and terminal, and the desktop's and GnuPG's agents. Not among them are
those that may hold a secret or lend one: proxies, the SSH agent's socket, tokens."""

MORE = (
    "run the helper by hand as the same user. Of our environment it gets PATH, HOME, language, terminal and the like; what "
    "else it needs is named in the configuration, as in"
)
"""The end of what is said of a helper that failed; an example follows."""


def environment(named: Iterable[str] = ()) -> dict[str, str]:
    """The variables that are set of `GIVEN` and of those ``named`` in the configuration."""
    return {name: os.environ[name] for name in sorted(GIVEN | set(named)) if name in os.environ}


__all__ = ["GIVEN", "MORE", "environment"]
