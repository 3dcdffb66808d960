"""What a person types, and which known host it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.hostnames import meant, near

NAMES = ("esx01.lab.example", "esx02.lab.example", "esx01.other.example", "ESX10", "192.0.2.7", "esx-mgmt-04.lab.example")
PLACES = {
    "esx02.lab.example": ("192.0.2.2", "192.0.2.2:2201"),
    "esx10": ("fd00::a", "[fd00::a]:22"),
    "esx-mgmt-04.lab.example": ("jump.example", "jump.example:2204"),
    "esx01.lab.example": ("jump.example", "jump.example:2201"),
}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("esx02.lab.example", {"esx02.lab.example"}),
        ("ESX02.Lab.Example.", {"esx02.lab.example"}),
        ("esx02", {"esx02.lab.example"}),
        ("Esx02.LAB", {"esx02.lab.example"}),
        (" esx10 ", {"esx10"}),
        ("esx01", {"esx01.lab.example", "esx01.other.example"}),
        ("esx01.other", {"esx01.other.example"}),
        ("192.0.2.2", {"esx02.lab.example"}),
        ("192.0.2.2:2201", {"esx02.lab.example"}),
        ("FD00:0::000a", {"esx10"}),
        ("[fd00::a]", {"esx10"}),
        ("192.0.2.7", {"192.0.2.7"}),
        ("jump.example", {"esx-mgmt-04.lab.example", "esx01.lab.example"}),
        ("jump.example:2204", {"esx-mgmt-04.lab.example"}),
        # None of these is a name of one.
        ("esx0", set()),
        ("192", set()),
        ("192.0.2", set()),
        ("esx10.lab.example", set()),
        ("lab.example", set()),
        ("", set()),
        (".", set()),
    ],
)
def test_meant(asked: str, found: set[str]) -> None:
    assert set(meant(asked, NAMES, PLACES)) == found


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("esx03.lab.example", "esx0"),
        ("esx10.lab.example", "esx10"),
        ("exs02.lab.example", "esx0"),
        ("esx-mgmt-4", "esx-mgmt-04.lab.example"),
    ],
)
def test_near(asked: str, first: str) -> None:
    assert near(asked, NAMES)[0].startswith(first)


def test_nothing_is_near_to_nonsense() -> None:
    assert near("printer", NAMES) == ()
    assert near("", NAMES) == ()


label = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True)


@given(st.sets(st.lists(label, min_size=1, max_size=4).map(".".join), min_size=1, max_size=8), st.data())
def test_a_whole_name_always_means_itself(names: set[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(names)))
    assert meant(name.upper() + ".", names) == (name,)
    start = name.partition(".")[0]
    assert name in meant(start, names) or start in names
