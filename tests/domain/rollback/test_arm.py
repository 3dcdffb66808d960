"""The one byte: whenever an edit is offered, the loader starts exactly the other bank, and the way back is exact."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.domain.banks import Bank
from auditor.domain.bootbank import BankRead, simulate_boot
from auditor.domain.bootcfg import read_keys
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.arm import ByteEdit, Refusal, arm_edit

CASES = Path(__file__).parents[1] / "bootbank" / "cases.jsonl"
OWN = (
    b"bootstate=0\ntitle=Loading VMware ESXi\nkernel=b.b00\nmodules=a.b00 --- state.tgz\nbuild=8.0.3-0.70.24674464\nupdated=5\n"
)
OTHER = OWN.replace(b"0.70.24674464", b"0.60.24585383").replace(b"updated=5", b"updated=4")


def bank(name: str, data: bytes | None, partition: int | None = None) -> Bank:
    return Bank(name, Read(data), partition)


def check(own: bytes, other: bytes, partitions: tuple[int | None, int | None]) -> ByteEdit | Refusal:
    """Ask for the edit and, where there is one, hold everything it promises against the loader."""
    booted, alternate = bank("/bootbank", own, partitions[0]), bank("/altbootbank", other, partitions[1])
    edit = arm_edit(booted, alternate)
    if isinstance(edit, Refusal):
        assert edit.why
        return edit
    armed = edit.apply(own)
    assert len(armed) == len(own)
    assert sum(a != b for a, b in zip(own, armed, strict=True)) == 1
    assert edit.undo(armed) == own
    before, after = read_keys(own), read_keys(armed)
    assert before is not None
    assert after is not None
    assert (before.bootstate, after.bootstate) == (0, 3)
    for order in permutations((("own", own, armed), ("other", other, other))):
        known = [partitions[0] if name == "own" else partitions[1] for name, _, _ in order]
        numbers = [number for number in known if number is not None]
        if numbers != sorted(numbers):
            continue
        where = [name for name, _, _ in order]
        now = simulate_boot([text for _, text, _ in order])
        assert now.selected == where.index("own")
        then = simulate_boot([text for _, _, text in order])
        assert then.selected == where.index("other")
        assert then.starts is True
        started = then.banks[where.index("other")]
        assert (started.read, started.valid, started.bootstate, started.bootstate_after) == (BankRead.OK, True, 0, 0)
        assert not any(outcome.rewrite for outcome in (*now.banks, *then.banks))
        # The same end as a person pressing Shift+R at that boot.
        by_key = simulate_boot([text for _, text, _ in order], shift_r=True)
        assert by_key.rollback
        assert by_key.selected == then.selected
        assert by_key.banks[where.index("own")].bootstate_after == 3
    return edit


def all_pairs() -> list[tuple[bytes, bytes]]:
    pairs = []
    for line in CASES.read_text("utf-8").splitlines():
        texts = [entry["boot_cfg"] for entry in json.loads(line)["banks"] if entry["boot_cfg"] is not None]
        pairs += [(a.encode("latin-1"), b.encode("latin-1")) for a, b in permutations(texts[:2])] if len(texts) > 1 else []
    return pairs


def test_every_sample_pair_both_ways_round() -> None:
    results = [check(own, other, (None, None)) for own, other in all_pairs()]
    edits = [result for result in results if isinstance(result, ByteEdit)]
    assert len(results) > 800
    assert 20 < len(edits) < len(results)


STATES = st.sampled_from(["0", "1", "2", "3", "00", "03", "12", "-1", "", "x", "4294967296"])
KEYS = ("bootstate", "boot", "bootstate ", "BOOTSTATE", "quickboot", "q", "build", "b", "updated", "u", "updated ", "kernel")


@st.composite
def boot_cfgs(draw: st.DrawFn) -> bytes:
    """Files as they are, with what trips a careless editor: doubled, abbreviated, hidden and late keys."""
    lines = [
        f"bootstate={draw(st.sampled_from(['0', '0', '0', '0']) | STATES)}",
        f"build={draw(st.sampled_from(['8.0.3-0.70.24674464', '8.0.3-0.60.24585383', '', 'x']))}",
        f"updated={draw(st.integers(0, 6))}",
    ]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        key = draw(st.sampled_from(KEYS))
        lines.insert(draw(st.integers(0, len(lines))), f"{key}={draw(STATES)}")
    if draw(st.booleans()):
        lines = draw(st.permutations(lines))
    filler = draw(st.sampled_from(["", "", "#" + "x" * 505, "title=Loading VMware ESXi"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return (end.join([*([filler] if filler else []), *lines]) + end).encode("latin-1")


PARTITIONS = st.sampled_from([(None, None), (5, 6), (6, 5), (5, None), (5, 5)])


@settings(max_examples=600, deadline=None)
@given(boot_cfgs(), boot_cfgs(), PARTITIONS)
@example(OWN, OTHER, (None, None))
@example(OWN, OTHER, (6, 5))
def test_any_pair(own: bytes, other: bytes, partitions: tuple[int | None, int | None]) -> None:
    check(own, other, partitions)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes(own: bytes, other: bytes) -> None:
    check(own, other, (None, None))


def test_the_plain_case_is_the_byte_that_shift_r_writes() -> None:
    assert check(OWN, OTHER, (None, None)) == ByteEdit(10, "0", "3")


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (OWN, OTHER.replace(b"bootstate=0", b"bootstate=1")),  # a staged update would be started
        (OWN, OTHER.replace(b"bootstate=0", b"bootstate=3")),  # nothing would boot
        (OWN, OTHER.replace(b"bootstate=0", b"bootstate=2")),
        (OWN, OTHER.replace(b"updated=4", b"updated=6")),  # the next boot starts it already
        (OWN, OTHER.replace(b"updated=4", b"updated=5")),  # a tie
        (OWN, OTHER.replace(b"updated=4", b"updated=0")),
        (OWN, OTHER.replace(b"updated=4", b"updated=4\nquickboot=1")),
        (OWN, OTHER.replace(b"build=8.0.3-0.60.24585383", b"build=")),
        (OWN, OTHER.replace(b"build=8", b"build=x8")),  # picked, but not started
        (OWN.replace(b"bootstate=0", b"bootstate=2"), OTHER),  # trial boot not confirmed
        (OWN.replace(b"bootstate=0", b"bootstate=3"), OTHER),  # armed already
        (OWN.replace(b"bootstate=0", b"bootstate=00"), OTHER),  # 30 is no state
        (OWN + b"boot=0\n", OTHER),  # an abbreviation further down wins
        (OWN.replace(b"bootstate=0\n", b""), OTHER),  # 0 by default, and no byte to change
        (b"#" * 600 + b"\n" + OWN, OTHER),  # out of the loader's reach
        (b"", OTHER),
    ],
)
def test_refused(own: bytes, other: bytes) -> None:
    assert isinstance(check(own, other, (None, None)), Refusal)


def test_what_was_not_read_is_refused() -> None:
    good = bank("/bootbank", OWN)
    assert isinstance(arm_edit(good, Bank("/altbootbank", Unread(Reason.TIMED_OUT))), Refusal)
    assert isinstance(arm_edit(good, bank("/altbootbank", None)), Refusal)
    assert isinstance(arm_edit(good, bank("/bootbank", OTHER)), Refusal)


def test_an_edit_belongs_to_its_file() -> None:
    edit = ByteEdit(10, "0", "3")
    with pytest.raises(ValueError, match="another file"):
        edit.apply(OWN.replace(b"bootstate=0", b"bootstate=2"))
    with pytest.raises(ValueError, match="another file"):
        edit.undo(OWN)
    with pytest.raises(ValueError, match="another file"):
        edit.apply(b"")
