"""Which vSAN on-disk format a release mounts: as the table says, at least what an older one does, else unknown."""

from __future__ import annotations

import pytest

from auditor.domain.observation import Read, Unread
from auditor.domain.proposal.tables import HintTableError
from auditor.domain.rollback.vsan_formats import VsanFormats
from auditor.tables import load_vsan_formats

SHIPPED = load_vsan_formats()


@pytest.mark.parametrize(
    ("build", "newest"),
    [
        ("6.7.0-0.0.8169922", 6),
        ("6.7.0-3.89.15160138", 10),
        ("7.0.0-1.0.15843807", 11),
        ("7.0.3-0.55.20328353", 15),
        ("8.0.2-0.30.23305546", 19),
        ("8.0.3-0.60.24585383", 20),
        ("9.0.0-0.24755229", 21),
    ],
)
def test_a_release_of_the_table(build: str, newest: int) -> None:
    """Also when the format in use is newer: that is what the gate fails on."""
    assert SHIPPED.newest(build, 99) == SHIPPED.newest(build, 1) == Read(newest)


@pytest.mark.parametrize("build", ["9.0.2-0.25148076", "9.1.0-0200.25557999", "9.1.1.0-25714478", "8.0.30-0.0.1"])
def test_a_release_that_is_not_in_the_table_mounts_what_an_older_one_does_and_perhaps_more(build: str) -> None:
    assert isinstance(SHIPPED.newest(build, 20), Read)
    beyond = SHIPPED.newest(build, 22)
    assert isinstance(beyond, Unread)
    assert build in beyond.detail
    assert str(SHIPPED.as_of) in beyond.detail


@pytest.mark.parametrize("build", ["6.5.0-0.0.4564106", "", "nonsense"])
def test_what_is_older_than_the_table_or_no_build_is_unknown(build: str) -> None:
    assert isinstance(SHIPPED.newest(build, 5), Unread)
    assert isinstance(VsanFormats().newest(build, 5), Unread)


HEADER = "# date: 2026-01-01\nrelease,format,grade,source\n"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("8.0,20,KB,x", "release"),
        ("8.0.3,x,KB,x", "format"),
        ("8.0.3,20,MEM,x", "grade"),
        ("8.0.3,20,KB,x\n8.0.3,21,KB,x", "twice"),
        ("8.0.3,20,KB", "4 fields"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(row: str, what: str) -> None:
    with pytest.raises(HintTableError, match=what):
        VsanFormats.parse(f"{HEADER}{row}\n")


def test_a_newer_table_wins() -> None:
    newer = VsanFormats.parse(f"{HEADER}9.1.0,23,KB,made up for this test\n")
    assert newer.newest("9.1.0-0200.25557999", 23) == Read(23)
