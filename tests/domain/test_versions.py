"""Versions: both grammars, the laws of their order, and the kind of a step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.versions import (
    BaseImageVersion,
    Order,
    ProductVersion,
    ReleaseKind,
    VersionError,
    boundary_key,
    release_kind,
)

parse = BaseImageVersion.parse

small = st.integers(0, 3)
fields = st.integers(0, 3).map(str) | st.sampled_from(["00", "0100", "0200", "102"])


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    """Texts in either grammar, from few numbers, so that equal and nearly equal versions are common."""
    release = ".".join(str(draw(st.integers(low, high))) for low, high in ((6, 10), (0, 1), (0, 2)))
    ordinal = draw(st.lists(fields, min_size=2 if release[0] in "678" else 0, max_size=3))
    build = str(draw(st.integers(10_001, 10_003)))
    joined = "".join(draw(st.sampled_from(".-")) + part for part in [*ordinal, build])
    return release + joined


versions = version_texts().map(parse)


@pytest.mark.parametrize(
    ("text", "release", "ordinal", "build"),
    [
        ("8.0.3-0.70.24674464", (8, 0, 3), (0, 70), 24674464),
        ("7.0.0-1.0.15843807", (7, 0, 0), (1, 0), 15843807),
        ("6.7.0-3.89.15160138", (6, 7, 0), (3, 89), 15160138),
        ("9.1.0.0200.25557999", (9, 1, 0), (200,), 25557999),
        ("9.1.0-0200.25557999", (9, 1, 0), (200,), 25557999),
        ("9.1.1.0-25714478", (9, 1, 1), (0,), 25714478),
        ("9.0.0-24755229", (9, 0, 0), (), 24755229),
        ("9.0.0-0.24755229", (9, 0, 0), (0,), 24755229),
        (" \t8.0.3-0.70.24674464\r\n", (8, 0, 3), (0, 70), 24674464),
    ],
)
def test_reads_both_grammars(text: str, release: tuple[int, int, int], ordinal: tuple[int, ...], build: int) -> None:
    version = parse(text)
    assert (version.release, version.ordinal, version.build) == (release, ordinal, build)
    assert version.raw == str(version) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "8",
        "8.0.3",
        "8.0.3-24674464",  # 8.x without quarter and patch could only be sorted wrongly
        "8.0.3-0.70",  # cut off
        "8.0.3-0.24674464",
        "9.1.0.0200",  # the name of a release
        "9.1.0.0",
        "8.0.3-0.70.24674464-standard",
        "ESXi-8.0.3-0.70.24674464",
        "v8.0.3-0.70.24674464",
        "8.0.3--0.70.24674464",
        "8.0.3-0..24674464",
        "8.0.3-0.70.24674464.",
        ".8.0.3-0.70.24674464",
        "-8.0.3-0.70.24674464",
        "8.0.3-+0.70.24674464",
        "8.0.3 - 0.70.24674464",
        "8.0.3_0.70.24674464",
        "8,0,3-0,70,24674464",
        "8.0.x-0.70.24674464",
        "8.0.3-0.7O.24674464",
        "٨.0.3-0.70.24674464",  # digits of other scripts
        "８.0.3-0.70.24674464",
        "8.0.3-0.70.²4674464",
        "8.0.3-0.70.24674464\x00",
        "8.0.3-0.70.1_000",
        "8.0.3-0.70.24674464\n8.0.3-0.75.24784735",
        "9.1.0.1.2.3.4.5.25557999",
        "8.0.3-0.70." + "9" * 100,
        "9" * 5_000_000,
        "8.0 U3e - 24674464",
    ],
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(VersionError):
        parse(text)


@pytest.mark.parametrize("value", [None, 8, b"8.0.3-0.70.24674464"])
def test_refuses_what_is_no_text(value: object) -> None:
    with pytest.raises(VersionError):
        parse(value)  # type: ignore[arg-type]  # callers pass what a wire gave them


@given(st.text(max_size=80) | st.from_regex(r"[0-9.\- ]{0,40}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        version = parse(text)
    except VersionError:
        return
    assert parse(version.raw) == version
    assert version.raw == text.strip()


@given(version_texts())
def test_raw_text_makes_the_round_trip(text: str) -> None:
    assert parse(text).raw == text
    assert parse(f"  {text}\n") == parse(text)


@given(versions, versions)
def test_order_is_total_and_agrees_with_equality_and_hash(a: BaseImageVersion, b: BaseImageVersion) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    assert (a <= b) == (a < b or a == b)
    assert (a >= b) == (b <= a)
    if a == b:
        assert hash(a) == hash(b)
    expected = {Order.OLDER: a < b, Order.SAME: a == b, Order.NEWER: a > b}
    assert expected[a.order_to(b)]


@given(versions, versions, versions)
def test_order_is_transitive(a: BaseImageVersion, b: BaseImageVersion, c: BaseImageVersion) -> None:
    low, middle, high = sorted([a, b, c])
    assert low <= middle <= high
    assert low <= high


@given(versions, versions)
def test_release_decides_before_ordinal_and_ordinal_before_build(a: BaseImageVersion, b: BaseImageVersion) -> None:
    if a.release != b.release:
        assert (a < b) == (a.release < b.release)
    elif a.ordinal == b.ordinal:
        assert (a < b) == (a.build < b.build)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("7.0.3-0.60.20841705", "7.0.3-0.65.20842708"),  # security-only sibling of the same day
        ("8.0.3-0.70.24674464", "8.0.3-0.70.24677879"),  # one ordinal, two builds
        ("8.0.2-0.30.23305546", "8.0.2-0.30.23465881"),
        ("8.0.3-0.95.25205845", "8.0.3-0.102.25595708"),  # numbers, not text
        ("7.0.3-0.125.99999999", "8.0.0-1.0.20513097"),  # a newer build in an older line
        ("8.0.3-0.102.25595708", "9.0.0.0.24755229"),
        ("9.1.0.0.25370933", "9.1.0-0200.25557999"),
        ("9.0.0-24755229", "9.0.0-0100.24813472"),
    ],
)
def test_known_pairs(older: str, newer: str) -> None:
    assert parse(older) < parse(newer)
    assert parse(older) != parse(newer)


def test_forms_of_one_version_are_equal() -> None:
    forms = ["9.1.0.0.25370933", "9.1.0-0.25370933", "9.1.0.0-25370933", "9.1.0-25370933"]
    assert len({parse(form) for form in forms}) == 1
    assert [parse(form).raw for form in forms] == forms
    assert parse("9.1.0.0200.1") == parse("9.1.0.200.1")


def test_a_version_is_not_its_text() -> None:
    assert parse("8.0.3-0.70.24674464") != "8.0.3-0.70.24674464"
    with pytest.raises(TypeError):
        _ = parse("8.0.3-0.70.24674464") < "9"


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("8.0.3-0.60.24585383", "8.0.3-0.70.24674464", ReleaseKind.PATCH),
        ("8.0.3-0.70.24674464", "8.0.3-0.70.24677879", ReleaseKind.PATCH),
        ("8.0.2-0.30.23305546", "8.0.3-0.0.24022510", ReleaseKind.UPDATE),
        ("7.0.3-0.105.22348816", "8.0.0-1.0.20513097", ReleaseKind.UPGRADE),
        ("6.7.0-3.89.15160138", "7.0.0-1.0.15843807", ReleaseKind.UPGRADE),
        ("6.5.0-0.0.1", "6.7.0-0.0.1", ReleaseKind.UPGRADE),
        ("8.0.3-0.102.25595708", "9.0.0-0.24755229", ReleaseKind.UPGRADE),
        ("9.0.0-0.24755229", "9.0.0-0100.24813472", ReleaseKind.PATCH),
        ("9.0.0-0.24755229", "9.0.2.0.25148076", ReleaseKind.PATCH),
        ("9.0.2.0.25148076", "9.1.0.0.25370933", ReleaseKind.UPDATE),
        ("9.1.0.0.25370933", "10.0.0.0.30000000", ReleaseKind.UPGRADE),
        ("9.1.0.0.25370933", "9.1.0-25370933", ReleaseKind.SAME),
        ("8.0.3-0.70.24674464", "8.0.3-0.60.24585383", ReleaseKind.DOWNGRADE),
        ("9.0.0-0.24755229", "8.0.3-0.102.25595708", ReleaseKind.DOWNGRADE),
        ("8.0.0-1.0.20513097", "7.0.3-0.125.99999999", ReleaseKind.DOWNGRADE),
    ],
)
def test_release_kind(old: str, new: str, kind: ReleaseKind) -> None:
    assert release_kind(parse(old), parse(new)) is kind


@given(versions, versions)
def test_release_kind_follows_the_order_and_the_boundary(a: BaseImageVersion, b: BaseImageVersion) -> None:
    kind = release_kind(a, b)
    assert (kind is ReleaseKind.SAME) == (a == b)
    assert (kind is ReleaseKind.DOWNGRADE) == (b < a)
    if kind is ReleaseKind.PATCH:
        assert boundary_key(a) == boundary_key(b)
    if kind is ReleaseKind.UPDATE:
        assert boundary_key(a) != boundary_key(b)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("7.0.3-0.105.22348816", (7, 0, 3)),
        ("8.0.3-0.70.24674464", (8, 0, 3)),
        ("9.0.2.0.25148076", (9, 0)),
        ("9.1.1.0.25714478", (9, 1)),
    ],
)
def test_boundary_of_add_ons(text: str, key: tuple[int, ...]) -> None:
    assert boundary_key(parse(text)) == key
    assert boundary_key(parse(text).product) == key


def test_product_version_is_read() -> None:
    product = ProductVersion.parse(" 8.0.3", "24674464\n")
    assert (product.release, product.build) == ((8, 0, 3), 24674464)
    assert str(product) == "8.0.3 build-24674464"
    assert product == parse("8.0.3-0.70.24674464").product
    assert ProductVersion.parse("9.1.0.0200", "25557999") == parse("9.1.0.0200.25557999").product


@pytest.mark.parametrize(
    ("version", "build"),
    [("8.0", "1"), ("8.0.3", ""), ("8.0.3", "Releasebuild-24674464"), ("8.0.3", "-1"), ("eight", "1"), ("8.0.3", "１")],
)
def test_product_version_refuses(version: str, build: str) -> None:
    with pytest.raises(VersionError):
        ProductVersion.parse(version, build)


@given(st.tuples(st.tuples(small, small, small), small), st.tuples(st.tuples(small, small, small), small))
def test_products_compare_by_triple_and_by_build_only_inside_it(
    left: tuple[tuple[int, int, int], int], right: tuple[tuple[int, int, int], int]
) -> None:
    a, b = ProductVersion(*left), ProductVersion(*right)
    opposite = {Order.OLDER: Order.NEWER, Order.NEWER: Order.OLDER, Order.SAME: Order.SAME}
    assert b.order_to(a) is opposite[a.order_to(b)]
    assert (a.order_to(b) is Order.SAME) == (a == b)
    if a.release != b.release:
        assert (a.order_to(b) is Order.OLDER) == (a.release < b.release)
    elif a.build != b.build:
        assert (a.order_to(b) is Order.OLDER) == (a.build < b.build)


def test_products_have_no_plain_order() -> None:
    with pytest.raises(TypeError):
        _ = ProductVersion((8, 0, 3), 1) < ProductVersion((8, 0, 3), 2)  # type: ignore[operator]  # that is the point
