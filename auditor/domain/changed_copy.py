"""Files and outputs that a shell changed on their way here: what shows it, and how to fetch the bytes instead.

Windows PowerShell's ``>`` decodes what a program prints and writes it anew as UTF-16 with a byte order mark and CR LF
(about_Redirection); editors and ``Out-File -Encoding utf8`` put the mark of UTF-8 in front. ESXi's own boot.cfg has LF
(field note a); one that somebody edited on the host may have CR LF too, which a copy alone does not tell from a conversion.
"""

from __future__ import annotations

from enum import Enum

FETCH = (
    "copy the bytes: `scp root@HOST:/bootbank/boot.cfg boot0.cfg` (pscp or WinSCP in binary mode do as well), or in cmd.exe, "
    "not in PowerShell: `plink root@HOST cat /bootbank/boot.cfg > boot0.cfg`"
)
"""How to get a host's boot.cfg as it is."""


class Change(Enum):
    """What was done to a text, in words that go after "the file"."""

    UTF_16 = "is UTF-16 text, as PowerShell's > writes it"
    UTF_8_MARK = "begins with a UTF-8 byte order mark, which a shell or an editor put there"
    CR_LF = "has CR LF at the end of every line, as a copy that was converted to Windows text"
    CR = "has CR alone at the end of every line, as a copy that a converter or an editor changed"


def change_of(data: bytes) -> Change | None:
    """What shows that ``data`` are not the bytes of a text that ESXi wrote; None: nothing.

    UTF-16 is told by its mark or, without one, by NULs in every other place. A single CR LF is no sign: a line may end so.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or _every_other_is_nul(data):
        return Change.UTF_16
    if data.startswith(b"\xef\xbb\xbf"):
        return Change.UTF_8_MARK
    lines = data.count(b"\n")
    if not lines and data.count(b"\r") > 1:
        return Change.CR
    return Change.CR_LF if lines > 1 and data.count(b"\r\n") == lines else None


def _every_other_is_nul(data: bytes) -> bool:
    """Whether nearly all characters have one half that is NUL; letters beyond Latin-1 have none."""
    halves = data[::2], data[1::2]
    empty, full = sorted((half.count(0) / len(half) if half else 0.0 for half in halves), reverse=True)
    return len(data) >= 4 and empty >= 0.9 and full <= 0.1
