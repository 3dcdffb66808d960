"""The boot loader's choice: observed answers, chained passes, and laws that hold for any bytes."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.bootbank import BankRead, BootOutcome, after, simulate_boot
from auditor.domain.bootcfg import read_keys, state_offset
from auditor.domain.bootexplain import explain
from tests.domain.bootbank import loader_by_hand

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text("utf-8").splitlines()]

Case = dict[str, Any]


def files(case: Case) -> tuple[bytes | None, ...]:
    texts = [bank["boot_cfg"] for bank in case["banks"]]
    return tuple(None if text is None else text.encode("latin-1") for text in texts)


def sequences() -> list[Any]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in CASES:
        if "sequence" in case:
            found[case["sequence"]["name"]].append(case)
    return [pytest.param(sorted(steps, key=lambda case: case["sequence"]["step"]), id=name) for name, steps in found.items()]


CHANGED_BETWEEN = ("set to 0", "to state 0", "by hand", "taken out", "put into", "put on again", "was updated")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_observed_answers(case: Case) -> None:
    # The few cases marked firmware_dependent have no one answer; only that they end is asked of them.
    outcome = simulate_boot(files(case), case["shift_r"])
    if not case.get("firmware_dependent"):
        assert outcome.as_dict() == case["expect"]
    assert json.loads(json.dumps(outcome.as_dict())) == outcome.as_dict()


@pytest.mark.parametrize("steps", sequences())
def test_passes_chain(steps: list[Case]) -> None:
    """A step's input is what the step before it left, but for the change its description tells."""
    assert [step["sequence"]["step"] for step in steps] == list(range(1, steps[0]["sequence"]["of"] + 1))
    for before, now in pairwise(steps):
        left = after(files(before), simulate_boot(files(before), before["shift_r"]))
        differing = sum(a != b for a, b in zip(left, files(now), strict=True))
        assert differing == any(words in now["about"] for words in CHANGED_BETWEEN), now["about"]


def cfg(bootstate: object = 0, updated: object = 1, build: str = "8.0.3-0.70.24674464", more: str = "") -> bytes:
    return f"bootstate={bootstate}\ntitle=Loading VMware ESXi\nbuild={build}\nupdated={updated}\n{more}".encode("latin-1")


@pytest.mark.parametrize(
    ("a", "b", "selected", "states"),
    [
        ((0, 5), (3, 9), 0, (0, 3)),
        ((0, 5), (0, 4), 0, (0, 0)),
        ((0, 5), (0, 6), 1, (0, 0)),
        ((0, 5), (1, 6), 1, (0, 2)),
        ((0, 5), (1, 4), 0, (0, 2)),
        ((0, 5), (2, 6), 0, (0, 3)),
        ((3, 5), (0, 4), 1, (3, 0)),
        ((3, 5), (3, 4), None, (3, 3)),
        ((3, 5), (2, 4), None, (3, 3)),
        ((2, 5), (0, 4), 1, (3, 0)),
        ((0, 5), (0, 5), 0, (0, 0)),
    ],
)
def test_truth_table(a: tuple[int, int], b: tuple[int, int], selected: int | None, states: tuple[int, int]) -> None:
    outcome = simulate_boot([cfg(*a), cfg(*b)])
    assert outcome.selected == selected
    assert tuple(bank.bootstate_after for bank in outcome.banks) == states


def test_a_whole_boot_with_shift_r_is_two_passes() -> None:
    """Shift+R during the trial of an update: the first pass made it dirty, so the second already gives it up."""
    banks = (cfg(0, 5), cfg(1, 6))
    first = simulate_boot(banks)
    second = simulate_boot(after(banks, first), shift_r=True)
    assert (first.selected, second.selected, second.rollback) == (1, 0, False)
    assert simulate_boot(banks, shift_r=True).rollback


def test_more_than_three_banks() -> None:
    outcome = simulate_boot([cfg(0, 1), None, cfg("x"), cfg(0, 2), cfg(0, 3), cfg(1, 9), None])
    assert outcome.selected == 4
    assert [bank.read for bank in outcome.banks[5:]] == [BankRead.NOT_REACHED, BankRead.NOT_REACHED]
    assert simulate_boot([]).selected is None


def test_after_refuses_the_outcome_of_other_files() -> None:
    outcome = simulate_boot([cfg(1, 5), cfg(0, 4)])
    with pytest.raises(ValueError, match="other files"):
        after([cfg(0, 5), cfg(0, 4)], outcome)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        after([cfg(1, 5)], outcome)


PIECES = (
    *(b"build bootstate updated quickboot title #x k".split()),
    *(b"b bo u q bu BOOTSTATE Updated bootstate= updated= build= quickboot=".split()),
    *(b"= \n \r\n \t \x08 \x0b \x0c \xa0 \x85 \x00 - 0 1 2 3 01 7 9 42 4294967296 8.0.3-0.70.1 abc \xff".split(b" ")),
    b" ",
    b"\n",
    b"\nbootstate=",
    b"\nupdated=",
    b"\nbuild=8.0\n",
    b"x" * 500,
)
texts = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join) | st.binary(max_size=80)
likely = st.builds(
    lambda state, updated, build, more, before: before + cfg(state, updated, build) + more,
    st.sampled_from(["0", "1", "2", "3", "01", "4", "", " 2", "\t0 "]),
    st.sampled_from(["0", "1", "2", "5", "-1", ""]),
    st.sampled_from(["8.0.3-0.70.24674464", "", "abc", "9.0.0-24755229"]),
    texts,
    st.sampled_from([b"", b"", b"\n", b"bootstate =3\n", b"#\n", b"x" * 505 + b"\n"]),
)
bank_lists = st.lists(st.none() | texts | likely, min_size=1, max_size=3)


@settings(max_examples=600)
@given(texts | likely)
def test_agrees_with_the_rules_applied_by_hand(text: bytes) -> None:
    keys = read_keys(text)
    got = None if keys is None else (keys.build, keys.updated, keys.bootstate, keys.quickboot)
    assert got == loader_by_hand.keys(text)
    assert state_offset(text) == loader_by_hand.state_offset(text)


@given(st.from_regex(rb"-?[0-9]{0,30}", fullmatch=True))
def test_numbers_saturate_as_in_c(digits: bytes) -> None:
    keys = read_keys(b"bootstate=" + digits + b"\nupdated=" + digits)
    assert keys is not None
    expected = loader_by_hand.number(digits.decode())
    assert expected is not None
    assert (keys.bootstate, keys.updated) == (expected, expected % 2**32)


@settings(max_examples=400)
@given(bank_lists, st.booleans())
def test_laws_of_a_pass(boot_cfgs: list[bytes | None], shift_r: bool) -> None:
    outcome = simulate_boot(boot_cfgs, shift_r)
    assert len(outcome.banks) == len(boot_cfgs)
    usable = [index for index, bank in enumerate(outcome.banks) if bank.valid]
    assert (outcome.selected is None) == (not usable)
    assert (outcome.starts is None) == (outcome.selected is None)
    if outcome.selected is not None:
        best = max(outcome.banks[index].updated or 0 for index in usable)
        assert outcome.selected == min(index for index in usable if outcome.banks[index].updated == best)
    for text, bank, left in zip(boot_cfgs, outcome.banks, after(boot_cfgs, outcome), strict=True):
        assert not bank.valid or (bank.read is BankRead.OK and bank.state_in_use in {0, 2})
        if text is None or left is None:
            assert bank.read is BankRead.NO_FILE
            assert text is left
            continue
        changed = [offset for offset in range(len(text)) if text[offset] != left[offset]]
        assert len(left) == len(text)
        assert changed == ([] if bank.rewrite is None else [bank.rewrite.offset])
        keys = read_keys(left)
        assert bank.bootstate_after == (None if keys is None else keys.bootstate)
        assert bank.read is BankRead.OK or not changed


@given(bank_lists)
def test_only_shift_r_gives_up_a_good_bank(boot_cfgs: list[bytes | None]) -> None:
    normal, asked = simulate_boot(boot_cfgs), simulate_boot(boot_cfgs, shift_r=True)
    lost = [i for i, (a, b) in enumerate(zip(normal.banks, asked.banks, strict=True)) if a.valid and not b.valid]
    assert lost in ([], [normal.selected])
    assert bool(lost) == (asked.rollback and normal.selected is not None)
    assert lost == [] or asked.selected is not None


@given(bank_lists)
def test_passes_without_a_system_that_comes_up_end_in_rest(boot_cfgs: list[bytes | None]) -> None:
    """Each pass moves states forward only, so a host that never comes up reaches a state that no pass changes."""
    current = tuple(boot_cfgs)
    for _ in range(10):
        following = after(current, simulate_boot(current))
        if following == current:
            break
        current = following
    else:
        pytest.fail("the loader still changes something after ten passes")


@settings(max_examples=400)
@given(bank_lists, st.booleans())
def test_every_outcome_is_explained_and_printable(boot_cfgs: list[bytes | None], shift_r: bool) -> None:
    outcome = simulate_boot(boot_cfgs, shift_r)
    sentences = explain(outcome, shift_r)
    for index in range(len(boot_cfgs)):
        assert any(sentence.startswith(f"Bank {index} ") for sentence in sentences)
    assert all(sentence.isprintable() and sentence.rstrip('"').endswith(".") for sentence in sentences)
    picked = [sentence for sentence in sentences if " is picked: " in sentence]
    assert [int(sentence.split()[1]) for sentence in picked] == ([] if outcome.selected is None else [outcome.selected])


def said(*boot_cfgs: bytes | None, shift_r: bool = False) -> str:
    return "\n".join(explain(simulate_boot(boot_cfgs, shift_r), shift_r))


@pytest.mark.parametrize(
    ("boot_cfgs", "shift_r", "words"),
    [
        ((cfg(0, 5), cfg(0, 4)), False, "Bank 0 is picked: its updated counter, 5, is the highest"),
        ((cfg(0, 5), cfg(3, 6)), False, "Bank 0 is picked: it is the only one"),
        ((cfg(0, 5), cfg(0, 5)), False, "on a tie the lower partition number wins"),
        ((cfg(0, 5), cfg(1, 6)), False, "a staged update and this boot is its one trial"),
        ((cfg(0, 5), cfg(1, 4)), False, "Bank 1 loses its trial"),
        ((cfg(0, 5), cfg(2, 6)), False, "its trial boot was never confirmed"),
        ((cfg(0, 5), cfg(1, 0)), False, "the update is not complete, updated is 0 or missing"),
        ((cfg(0, 5), cfg(1, 0)), False, "is told that a rollback took place"),
        ((cfg(0, 5), cfg(0, 6, "")), False, "build is empty or missing"),
        ((cfg(0, 5), cfg(3, 6)), False, "it is marked invalid"),
        ((cfg(0, 5), cfg(0, 6, more="quickboot=1\n")), False, "meant for one Quick Boot only"),
        ((cfg(0, 5), cfg(4, 6)), False, "finds no line bootstate= with a digit 0 to 3"),
        ((cfg(0, 5), cfg(12, 6)), False, "12 is no state"),
        ((cfg(0, 5), cfg("01", 6)), False, "will be read with state 21 (no state) at the next boot"),
        ((cfg(0, 5), cfg(0, "+6")), False, "gives up the whole boot.cfg"),
        ((cfg(0, 5), None), False, "has no boot.cfg"),
        ((None, None), False, "No hypervisor found."),
        ((cfg(0, 5, "abc"), None), False, "does not begin with a version number"),
        ((cfg(0, 5), cfg(0, 4)), True, "is set to state 3 (invalid) by Shift+R"),
        ((cfg(0, 5), cfg(0, 4)), True, "Bank 1 is picked: it is the only one"),
        ((cfg(0, 5), cfg(3, 4)), True, "no alternate hypervisor to roll back to"),
        ((cfg(3, 5), cfg(3, 4)), True, "there is nothing to boot"),
        ((b"updated=5\nbuild=8.0", cfg(0, 4)), True, "finds no place in the boot.cfg of bank 0"),
        ((cfg(0, 1), cfg(0, 2), cfg(0, 3), cfg(0, 4)), False, "stops after the third bank"),
        ((cfg(0, 5, "8\x1b[2J"), None), False, "8\\x1b[2J"),
    ],
)
def test_explanations_say_why(boot_cfgs: tuple[bytes | None, ...], shift_r: bool, words: str) -> None:
    assert words in said(*boot_cfgs, shift_r=shift_r)


def test_a_long_build_text_is_shortened() -> None:
    assert len(said(cfg(0, 5, "8" * 100_000), None)) < 1_000


@pytest.mark.parametrize(
    "unit",
    [b"\n", b" ", b"=\n", b"bootstate=0\n", b"bootstate", b" =", b"\x00", b"\r\n", b"b", b"build=x ", b"9"],
    ids=repr,
)
def test_time_grows_with_the_length_only(unit: bytes) -> None:
    """Fifty megabytes of anything, several kinds of them made to hurt a careless reader, take seconds."""
    size = 50_000_000 if unit in {b" ", b"bootstate", b"9"} else 8_000_000
    text = b"updated=" + unit * (size // len(unit))
    started = time.monotonic()
    outcome: BootOutcome = simulate_boot([text, cfg(0, 1)])
    assert time.monotonic() - started < 20
    assert outcome.selected in {0, 1}


def test_every_pair_of_states_and_counters_boots_something_good_or_nothing() -> None:
    for a, b, up_a, up_b in product(range(4), range(4), range(3), range(3)):
        outcome = simulate_boot([cfg(a, up_a), cfg(b, up_b)])
        good = (a < 2 and up_a > 0) or (b < 2 and up_b > 0)
        assert (outcome.selected is not None) == good
        assert outcome.rollback == ((a in {1, 2} and up_a == 0) or (b in {1, 2} and up_b == 0))
