"""The release table: what ships, and what a user may put in its place."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.releases import Release, ReleaseTable, ReleaseTableError
from auditor.domain.versions import BaseImageVersion, Order, ProductVersion
from auditor.errors import InputError
from auditor.tables import MAX_TABLE_BYTES, load_release_table

HEADER = "version,update_label,build,base_image_version,release_date,source\n"
ROW = "8.0.3,ESXi 8.0 Update 3e (P05),24674464,8.0.3-0.70.24674464,2025-04-10,KB\n"

SHIPPED = load_release_table()
PAIRS = [(a, b) for a, b in combinations(SHIPPED.releases, 2) if a.product.release == b.product.release]


def ids(value: object) -> str:
    return str(value.product) if isinstance(value, Release) else str(value)


def test_the_shipped_table_says_its_date_and_source() -> None:
    dates = [release.release_date for release in SHIPPED.releases if release.release_date]
    assert len(SHIPPED.releases) == 93
    assert len(dates) == 71
    assert SHIPPED.as_of == max(dates)
    assert "KB 2143832" in SHIPPED.source


@pytest.mark.parametrize("release", SHIPPED.releases, ids=ids)
def test_every_row_is_found_again(release: Release) -> None:
    assert SHIPPED.by_build(release.product.build) is release
    assert SHIPPED.find(release.product) is release
    assert SHIPPED.label(release.product) == release.label
    assert SHIPPED.base_image(release.product) == release.base_image
    assert SHIPPED.release_date(release.product) == release.release_date
    if release.base_image is not None:
        assert SHIPPED.find(release.base_image) is release
        assert BaseImageVersion.parse(release.base_image.raw).product == release.product


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=ids)
def test_rows_of_a_release_sort_as_released(a: Release, b: Release) -> None:
    by_build = a.product.order_to(b.product)
    if a.release_date and b.release_date and a.release_date != b.release_date:
        assert by_build is (Order.OLDER if a.release_date < b.release_date else Order.NEWER)
        assert SHIPPED.later(b.product, a.product) == (by_build is Order.OLDER)
    if a.base_image and b.base_image:
        assert a.base_image.order_to(b.base_image) is by_build


def test_a_base_image_is_found_in_either_grammar_and_by_its_build() -> None:
    for text in ("9.1.0.0200.25557999", "9.1.0-0200.25557999", "9.1.0-0200-25557999"):
        assert SHIPPED.label(BaseImageVersion.parse(text)) == "ESX 9.1.0.0200"
    unnamed = BaseImageVersion.parse("8.0.3-0.73.24784735")  # the table knows this build, not its base image version
    assert SHIPPED.label(unnamed) == "ESXi 8.0 Update 3f"
    assert SHIPPED.release_date(unnamed) == date(2025, 7, 15)


def test_unknown_is_unknown() -> None:
    nowhere = ProductVersion.parse("8.0.3", "1")
    wrong_line = ProductVersion.parse("8.0.2", "24674464")
    undated = ProductVersion.parse("9.1.1", "25714478")
    known = ProductVersion.parse("8.0.3", "24674464")
    for product in (nowhere, wrong_line):
        assert SHIPPED.find(product) is None
        assert SHIPPED.label(product) == ""
        assert SHIPPED.base_image(product) is None
    assert SHIPPED.later(known, nowhere) is None
    assert SHIPPED.later(undated, known) is None
    assert SHIPPED.find(BaseImageVersion.parse("8.0.3-0.999.1")) is None


def test_later_is_about_days_not_about_versions() -> None:
    old_line = ProductVersion.parse("7.0.3", "24784741")
    new_line = ProductVersion.parse("8.0.3", "24674464")
    assert SHIPPED.later(old_line, new_line) is True
    assert old_line.order_to(new_line) is Order.OLDER


def test_a_table_without_notes_is_dated_by_its_newest_row() -> None:
    table = ReleaseTable.parse(HEADER + ROW)
    assert table.as_of == date(2025, 4, 10)
    assert table.source == ""
    assert ReleaseTable.parse(HEADER).as_of is None
    assert ReleaseTable.parse("# date: 2026-01-02\n# source: mine\n" + HEADER + ROW).as_of == date(2026, 1, 2)


def test_tolerates_bom_crlf_column_order_and_more_columns() -> None:
    text = (
        '\ufeffbuild,extra,version,source,release_date,base_image_version,update_label\r\n24674464,x, 8.0.3,,,,"a, b"\r\n\r\n'
    )
    (release,) = ReleaseTable.parse(text).releases
    assert release == Release("a, b", ProductVersion((8, 0, 3), 24674464))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, "version"),
        ("version;build\n", 1, "version"),
        ("version,update_label,build,base_image_version,release_date\n", 1, "source"),
        (HEADER.replace("source", "build"), 1, "build"),
        (HEADER + ROW + "8.0,label,1,,,\n", 3, "version"),
        (HEADER + ROW + "8.0.3,label,twenty,,,\n", 3, "build"),
        (HEADER + ROW + f"8.0.3,label,{'9' * 30},,,\n", 3, "build"),
        (HEADER + ROW + "8.0.3,,1,,,\n", 3, "update_label"),
        (HEADER + ROW + "8.0.3,label,1,8.0.3-x.1,,\n", 3, "base_image_version"),
        (HEADER + ROW + "8.0.3,label,1,8.0.2-0.0.1,,\n", 3, "base_image_version"),
        (HEADER + ROW + "8.0.3,label,1,8.0.3-0.0.2,,\n", 3, "base_image_version"),
        (HEADER + ROW + "8.0.3,label,1,,10/04/2025,\n", 3, "release_date"),
        (HEADER + ROW + "8.0.3,label,1,,2025-02-30,\n", 3, "release_date"),
        (HEADER + ROW + "8.0.3,label,1\n", 3, ""),
        (HEADER + ROW + "8.0.3,label,1,,,,\n", 3, ""),
        (HEADER + ROW + ROW, 3, "build"),
        (HEADER + ROW + '8.0.3,"never closed,1,,,\n', 3, ""),
        (HEADER + ROW + '8.0.3,"a"b,1,,,\n', 3, ""),
        ("# date: soon\n" + HEADER, 1, "date"),
        ("# a note\n# another\n" + HEADER + "8.0,label,1,,,\n", 4, "version"),
        (HEADER + f"8.0.3,{'x' * 200_000},1,,,\n", 2, ""),
    ],
)
def test_faults_name_line_and_column(text: str, line: int, column: str) -> None:
    with pytest.raises(ReleaseTableError) as caught:
        ReleaseTable.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"line {line}")


@given(st.text(max_size=200) | st.text('#,"\n\r8.03-e\x00', max_size=60).map(lambda tail: HEADER + ROW + tail))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ReleaseTableError):
        table = ReleaseTable.parse(text)
        assert all(table.by_build(release.product.build) is release for release in table.releases)


def test_a_user_may_replace_the_table(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + ROW, "utf-8")
    assert len(load_release_table(path).releases) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (HEADER.encode() + b"8.0,x,1,,,\n", "line 2, column version"),
        (b"#" * (MAX_TABLE_BYTES + 1), "larger than"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "mine.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        load_release_table(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint
