"""Numbers of thousands of digits, which Python refuses to convert: from a host they are no value, and no crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor.domain.observation import Reading, Reason, Unread
from auditor.domain.readings import bank_files, vsan
from auditor.domain.readings.answer import Answer
from auditor.domain.rollback.build import parse_build, same_build

DIGITS = "9" * 5_000
CLUSTER = Answer(b"   Enabled: true\n   Local Node Health State: HEALTHY\n")
NO_CLOCK = Unread(Reason.NOT_ATTEMPTED)
LISTED = f"-rw-r--r-- 1 root root {DIGITS} Jan 1 2025 boot.cfg\n".encode()
FAILED = Answer(b"", 1)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (vsan.parse_format, f"   On-disk format version: {DIGITS}\n"),
        (lambda a: vsan.parse_healthy(CLUSTER, a), f"   Total Number Of Resyncing Objects: {DIGITS}\n"),
        (bank_files.parse_clock, f"{DIGITS}\n"),
        (lambda a: bank_files.parse("/bootbank", FAILED, a, NO_CLOCK), f"{DIGITS} 1 /bootbank/boot.cfg\n"),
        (lambda a: bank_files.parse("/bootbank", Answer(LISTED), FAILED, NO_CLOCK), ""),
    ],
)
def test_a_number_from_a_host(parse: Callable[[Answer], Reading[object]], text: str) -> None:
    assert isinstance(parse(Answer(text.encode())), Unread)


def test_a_build_from_a_boot_cfg() -> None:
    assert parse_build(f"8.0.{DIGITS}-0.70.24674464") is None
    assert not same_build(f"8.0.{DIGITS}-0.70.24674464", "24674464")
    assert same_build("8.0.3-0.70.24674464", "24674464")
