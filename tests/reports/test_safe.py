"""Nothing that came from outside acts on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.reports.safe import printable

ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_no_character_that_acts_is_left(text: str) -> None:
    shown = printable(text)
    assert not [char for char in shown if unicodedata.category(char) in ACTING]
    assert len(shown.splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=sorted(ACTING)), max_size=100))
def test_harmless_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_limit(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.endswith("…") == (len(text) > limit) or text[:limit].endswith("…")
    assert len(shown) <= 10 * limit + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egnp", "abc\\u202egnp"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("a\tb\r\nc", "a b  c"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_are_kept_on_request_only() -> None:
    assert printable("a\nb\x1b", lines=True) == "a\nb\\x1b"
    assert printable("a\nb") == "a b"
