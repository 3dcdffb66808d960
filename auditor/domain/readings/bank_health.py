"""Whether every file of both banks can be read to its end, and the archives among them are whole.

No check of the file system is run: dosfsck wants the volume for itself. What counts for a boot is that the files come off the
disk; a worn boot device shows there first.
"""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK

COMMAND = Command(
    "bank-health",
    "sh -c '"
    "type cat >/dev/null && type gunzip >/dev/null || exit 1; "
    f"for f in {BOOTBANK}/* {ALTBOOTBANK}/*; do "
    'cat "$f" >/dev/null 2>&1 || echo "$f: cannot be read"; done; '
    f"for f in {BOOTBANK}/*.tgz {ALTBOOTBANK}/*.tgz; do "
    'gunzip -c "$f" >/dev/null 2>&1 || echo "$f: not a whole archive"; done; '
    "echo end'",
    110,
)


def parse(answer: Answer) -> Reading[tuple[str, ...]]:
    """What there is to complain about, a line each."""
    text = text_of(answer, COMMAND)
    if isinstance(text, Unread):
        return text
    *lines, last = text.splitlines() or [""]
    if last != "end" or not all(line.startswith("/") for line in lines):
        return unreadable(COMMAND, "the list has no end", text)
    return Read(tuple(lines))
