"""Tables and ``Key: Value`` lines as esxcli prints them: every row as it stands or a reason, never a shifted cell."""

from __future__ import annotations

import pytest

from auditor.domain.readings.table import Row, TableError, fields, rows, tidy

HEAD = (
    "Name      Version  Install Date",
    "--------  -------  ------------",
)


def table(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def row(name: str, version: str, date: str) -> Row:
    return Row({"Name": name, "Version": version, "InstallDate": date}.items())


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("esx-base  8.0.3-1  2025-01-02", ("esx-base", "8.0.3-1", "2025-01-02")),
        ("esx-base           2025-01-02", ("esx-base", "", "2025-01-02")),  # full cells beside an empty one
        ("          8.0.3-1  2025-01-02", ("", "8.0.3-1", "2025-01-02")),
        ("esx-base  8.0.3-1", ("esx-base", "8.0.3-1", "")),
        ("esx-base", ("esx-base", "", "")),
        ("a  b      8.0.3-1  2025-01-02", ("a  b", "8.0.3-1", "2025-01-02")),
        ("esx-base-long  8.0.3-1  2025-01-02", ("esx-base-long", "8.0.3-1", "2025-01-02")),  # wider than its ruler
        ("a b  1  2", None),  # by words three cells, by place one
        ("esx-base-long      2025-01-02", None),  # the last cell is in its place, the first is not
        ("esx-base-long  8.0.3-1", None),  # which cell is missing?
        ("esx-base  8.0.3-1  2025-01-02  x", ("esx-base", "8.0.3-1", "2025-01-02  x")),
        ("esx-base-long  8.0.3-1  2025-01-02  x", None),
        ("a  b  c  d  1  2", None),
        ("  name    8.0.3-1  2025  01", None),  # more words than columns, and not in their places
    ],
)
def test_a_row_is_split_in_the_one_way_it_can_be(line: str, cells: tuple[str, str, str] | None) -> None:
    if cells is None:
        with pytest.raises(TableError, match="row"):
            rows(table(*HEAD, line), "Name", "Version")
    else:
        assert rows(table(*HEAD, line), "Name", "Version") == [row(*cells)]


def test_blank_lines_are_no_rows_and_text_before_the_header_is_skipped() -> None:
    text = table("Licensed to: nobody", "---", "", *HEAD, "", "a         1        2", "   ", "b         3        4")
    assert rows(text, "Name", "Version") == [row("a", "1", "2"), row("b", "3", "4")]


@pytest.mark.parametrize(
    "header",
    [
        ("Name      Release  Install Date", HEAD[1]),  # lacks a column that is needed
        ("Name      Name     Version     ", HEAD[1]),  # which Name?
        ("Name      Version  Install Date",),
        (HEAD[1],),
        (),
    ],
)
def test_what_has_no_such_header_is_no_table(header: tuple[str, ...]) -> None:
    with pytest.raises(TableError, match="Name, Version"):
        rows(table(*header, "a  1  2"), "Name", "Version")


def test_the_first_table_with_the_columns_is_the_one() -> None:
    other = ("Key   Value", "----  -----")
    assert rows(table(*other, *HEAD, "a         1        2"), "Name", "Version") == [row("a", "1", "2")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("   Name: a\n   Version: 1\n", {"Name": "a", "Version": "1"}),
        ("Name: a\nVersion: 1\n", {"Name": "a", "Version": "1"}),
        ("   Display Name: a: b\n", {"DisplayName": "a: b"}),
        ("   Name: a\n   Name: a\n", {"Name": "a"}),
        ("   Name: a\n   Version: 1\n   Name: b\n", {"Version": "1"}),  # which one would be a guess
        ("   Name: a\n    Version: 1\n", {"Name": "a"}),  # further in: it belongs to a value
        (" Name: a\n   Version: 1\n", {"Name": "a", "Version": "1"}),
        ("     Name: a\n     Version: 1\n", {"Name": "a", "Version": "1"}),  # its own lines, wherever they begin
        ("   Name: a\n   not a key\n   12:30: noon\n   x_y: z\n", {"Name": "a"}),
        ("   Name:\n", {"Name": ""}),
        ("12:30: noon\n     Name: a\n", {"Name": "a"}),
        ("", {}),
    ],
)
def test_key_and_value_lines(text: str, found: dict[str, str]) -> None:
    assert fields(text) == Row(found.items())


def test_a_structure_is_named_and_joined_as_the_text_is() -> None:
    loose = {"Install Date": " 2025-01-02 ", "Platforms": ["host", " dpu "], "Status": None}
    assert tidy(loose) == Row({"InstallDate": "2025-01-02", "Platforms": "host, dpu", "Status": ""}.items())
