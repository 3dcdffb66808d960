"""The files of a boot bank with their sizes and times: ``stat``, and ``ls -l`` where stat gives nothing.

Neither is known to be the same on every ESXi: ``ls -l`` is (busybox, with the month first, and the year instead of the time
for files older than half a year), but its time has to be completed from the host's own clock. So stat's seconds are taken
where every line of it can be read, else ls; a time that cannot be told is None, a size that cannot is no listing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from auditor.domain.observation import Read, Reading, Unread, value_of
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.rollback.bank import BankFile
from auditor.masking import masked

CLOCK = Command("host-clock", "date -u +%s", 10)


def commands(link: str) -> tuple[Command, Command]:
    """``ls`` and ``stat`` for the bank behind a link. The pattern is expanded by a shell of its own, under its time limit."""
    name = link.removeprefix("/")
    return (
        Command(f"{name}-files", f"ls -l {link}/", 20),
        Command(f"{name}-stat", f"sh -c 'stat -c \"%s %Y %n\" {link}/*'", 20),
    )


_STAT = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}) (/.+)")
_LS = re.compile(
    r"-\S{9,10} +[0-9]+ +\S+ +\S+ +([0-9]{1,18}) +"
    r"(?:([A-Z][a-z]{2}) +([0-9]{1,2}) +(?:([0-9]{1,2}):([0-9]{2})|([0-9]{4}))"
    r"|([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+(?: [+-][0-9]{4})?)) "
    r"(\S.*)"
)
_OTHER_THAN_FILES = re.compile(r"total [0-9]+|[dlbcps]\S{9,10} .*")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_clock(answer: Answer) -> Reading[datetime]:
    """The host's own time."""
    text = text_of(answer, CLOCK)
    if isinstance(text, Unread):
        return text
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,11}", digits):
        return unreadable(CLOCK, "not seconds since 1970", text)
    return Read(datetime.fromtimestamp(int(digits), UTC))


def parse(link: str, listed: Answer, stated: Answer, clock: Reading[datetime]) -> Reading[tuple[BankFile, ...]]:
    """The files of one bank, by whichever command can be read."""
    ls, stat = commands(link)
    text = text_of(stated, stat)
    files = _stat_lines(text) if isinstance(text, str) else None
    if files is not None:
        return Read(files)
    text = text_of(listed, ls)
    if isinstance(text, Unread):
        return text
    found = []
    for line in text.splitlines():
        match = _LS.fullmatch(line)
        if match is not None:
            found.append(BankFile(match[8], int(match[1]), _time(match, value_of(clock))))
        elif line.strip() and not _OTHER_THAN_FILES.fullmatch(line):
            return unreadable(ls, f"not a line of a file listing: {masked(line)[:100]!r}", text)
    return Read(tuple(found)) if found else unreadable(ls, "no file is listed", text)


def _stat_lines(text: str) -> tuple[BankFile, ...] | None:
    lines = [_STAT.fullmatch(line) for line in text.splitlines()]
    if not lines or any(line is None for line in lines):
        return None
    return tuple(
        BankFile(line[3].rsplit("/", 1)[1], int(line[1]), _since_1970(int(line[2]))) for line in lines if line is not None
    )


def _since_1970(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _time(match: re.Match[str], now: datetime | None) -> datetime | None:
    """The time of a listing's line, in UTC as ESXi keeps it."""
    month, day, hour, minute, year, iso = match.group(2, 3, 4, 5, 6, 7)
    try:
        if iso:
            told = datetime.fromisoformat(iso.replace(" +", "+").replace(" -", "-"))
            return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        number = _MONTHS.index(month) + 1
        if year:
            return datetime(int(year), number, int(day), tzinfo=UTC)
        if now is None:
            return None
        # Without a year it is the newest such day that is not ahead of the host's clock; a day of play for a file written
        # while the clock was being set.
        for guess in range(now.year + 1, now.year - 9, -1):
            if number == 2 and int(day) == 29 and not _leap(guess):
                continue
            when = datetime(guess, number, int(day), int(hour), int(minute), tzinfo=UTC)
            if when <= now + timedelta(days=1):
                return when
    except (ValueError, OverflowError):
        pass
    return None


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
