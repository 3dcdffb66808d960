"""Why nothing is read from an answer, in words a person can act on, with the start of what came."""

from __future__ import annotations

import pytest

from auditor.domain.observation import RAW_LIMIT, Reason, Unread
from auditor.domain.readings.answer import TEXT_LIMIT, Answer, Command, failure_of, text_of, unreadable

ESXCLI = Command("vib-list", "esxcli software vib list", 60)
CAT = Command("bootbank-cfg", "cat /bootbank/boot.cfg", 20)
NO_FILE = "cat: can't open '/bootbank/boot.cfg': No such file or directory"
BLOCK = " [DependencyError]\n VIB a requires b.\n   \n Please refer to the log file.\n"


@pytest.mark.parametrize(
    ("command", "answer", "reason", "detail"),
    [
        (CAT, Answer(b"", 1, NO_FILE), Reason.ABSENT, f"ended with status 1: {NO_FILE}"),
        (CAT, Answer(b"", 127, "sh: cat: No such file or directory"), Reason.FAILED, "ended with status 127: sh: cat"),
        (ESXCLI, Answer(b"", 1, NO_FILE), Reason.FAILED, "ended with status 1: cat"),  # one of its own files, not the one named
        (CAT, Answer(b"", 1, "cat: read error: Input/output error"), Reason.FAILED, "Input/output error"),
        (ESXCLI, Answer(b"", 1), Reason.FAILED, "`esxcli software vib list` ended with status 1: no message"),
        (ESXCLI, Answer(b"on the  output\n", 2), Reason.FAILED, "ended with status 2: on the output"),
        (ESXCLI, Answer(b"output\n", 2, "and error"), Reason.FAILED, "ended with status 2: and error"),
        (ESXCLI, Answer(BLOCK.encode(), 1), Reason.FAILED, "failed: DependencyError: VIB a requires b. Please refer"),
        (ESXCLI, Answer(BLOCK.encode(), 0), Reason.FAILED, "failed: DependencyError"),  # whatever the status
        (ESXCLI, Answer(b"", 1, BLOCK), Reason.FAILED, "failed: DependencyError"),
        (ESXCLI, Answer(b"[MemoryError]\n", 1), Reason.FAILED, "`esxcli software vib list` failed: MemoryError"),
        (ESXCLI, Answer(b"Error: Unknown command or namespace x\n", 1), Reason.NOT_SUPPORTED, "this ESXi has no `esxcli"),
        (ESXCLI, Answer(b"x" * (TEXT_LIMIT + 1)), Reason.TOO_LARGE, f"printed {TEXT_LIMIT + 1} bytes, limit {TEXT_LIMIT}"),
        (ESXCLI, Answer(b"caf\xe9\n"), Reason.UNREADABLE, "not UTF-8 text (byte 3)"),
        (ESXCLI, Answer(b"a\x1b[0m\n"), Reason.UNREADABLE, "control characters"),
        (ESXCLI, Answer(b"Name  Ver"), Reason.CUT_OFF, "the last line has no end"),
        (ESXCLI, Answer(b"a\n", None, "", Unread(Reason.TIMED_OUT, "after 60 s")), Reason.TIMED_OUT, "after 60 s"),
    ],
)  # fmt: skip
def test_why_an_answer_is_not_read(command: Command, answer: Answer, reason: Reason, detail: str) -> None:
    found = text_of(answer, command)
    assert isinstance(found, Unread)
    assert found.reason is reason
    assert detail in found.detail
    assert found.raw == answer.data[:RAW_LIMIT].decode("utf-8", "replace")


@pytest.mark.parametrize("data", [b"", b"\n", b"a\tb\n", b"\xef\xbb\xbfa\r\nb\r\n", b"x" * (TEXT_LIMIT - 1) + b"\n"], ids=len)
def test_a_whole_answer_is_its_text_with_plain_line_ends(data: bytes) -> None:
    assert failure_of(Answer(data), ESXCLI) is None
    assert failure_of(Answer(data, None), ESXCLI) is None  # a status that is not known says nothing
    assert text_of(Answer(data), ESXCLI) == data.decode("utf-8-sig").replace("\r\n", "\n")


def test_bytes_of_a_file_are_no_text_and_are_kept() -> None:
    """boot.cfg may hold any byte, and no error of esxcli's."""
    assert failure_of(Answer(BLOCK.encode() + b"\xff"), CAT) is None


def test_of_an_answer_that_is_not_understood_its_start_is_kept() -> None:
    found = unreadable(ESXCLI, "no table", "y" * (RAW_LIMIT + 5))
    assert (found.reason, found.detail) == (Reason.UNREADABLE, "`esxcli software vib list`: no table")
    assert found.raw == "y" * RAW_LIMIT
