"""The window of a host: what opens it, and everything that must not."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.banks import Bank
from auditor.domain.image import Product
from auditor.domain.observation import BankReading, HostObservation, Read, Reason, Route, Unread
from auditor.domain.rollback.arm import ByteEdit, arm_edit
from auditor.domain.rollback.bank import BankFacts, BankObservation
from auditor.domain.rollback.judge import boot_cfg_window, recorded_window, window_of
from auditor.domain.rollback.window import WindowKind
from tests.domain.rollback.samples import (
    FILES,
    MODULES,
    NEW,
    NOW,
    OLD,
    OTHER,
    OWN,
    VOLUME_A,
    VOLUME_B,
    boot_cfg,
    files,
    observation,
    unread,
)

K = WindowKind


def test_an_updated_host_has_a_way_back() -> None:
    state = window_of(observation())
    assert (state.window.kind, state.window.build) == (K.OPEN, OLD)
    assert state.booted == Read(NEW)
    assert isinstance(state.next, Read)
    assert (state.next.value.link, state.next.value.build) == ("/bootbank", NEW)
    assert any("highest" in sentence for sentence in state.next.value.why)
    assert state.staged == Read(None)
    assert state.confirmed == Read(True)
    assert state.fallback == Read(OLD)
    assert state.configuration_saved == Read(NOW - timedelta(days=40))
    assert state.window.leads_to("24585383")
    assert state.window.leads_to(OLD)
    assert not state.window.leads_to(NEW)
    assert not state.window.leads_to("")


CASES: list[tuple[str, BankObservation, WindowKind, str]] = [
    ("not reached", BankObservation("esx1", NOW, trouble=Unread(Reason.UNREACHABLE, "no route")), K.UNKNOWN, "no route"),
    ("nothing was read", BankObservation("esx1", NOW), K.UNKNOWN, "/bootbank"),
    ("link into the RAM disk", observation(other_bank={"target": Read("/tmp/_altbootbank")}), K.UNHEALTHY, "/tmp"),
    ("own link into the RAM disk", observation(own_bank={"target": Read("/tmp")}), K.UNHEALTHY, "/tmp"),
    ("a link that does not resolve", observation(own_bank={"target": Read("/vmfs/volumes/")}), K.UNHEALTHY, "volume"),
    ("a link above the volumes", observation(own_bank={"target": Read("/vmfs/volumes/..")}), K.UNHEALTHY, "volume"),
    ("both links to one volume", observation(other_bank={"target": Read(VOLUME_A)}), K.UNHEALTHY, "both links"),
    ("link not read", observation(own_bank={"target": unread()}), K.UNKNOWN, "leads"),
    ("own boot.cfg missing", observation(own_bank={"boot_cfg": unread(Reason.ABSENT)}), K.UNHEALTHY, "/bootbank/boot.cfg"),
    ("own boot.cfg unread", observation(own_bank={"boot_cfg": unread()}), K.UNKNOWN, "/bootbank/boot.cfg"),
    ("own boot.cfg given up", observation(b"updated=x\n"), K.UNHEALTHY, "gives up"),
    ("own boot.cfg empty", observation(b""), K.UNHEALTHY, "no updated"),
    ("own counter is 0", observation(boot_cfg(NEW, 0)), K.UNHEALTHY, "no updated"),
    ("own build is not named", observation(boot_cfg("", 5)), K.UNHEALTHY, "no build"),
    ("other boot.cfg missing", observation(other_bank={"boot_cfg": unread(Reason.ABSENT)}), K.EMPTY, "no boot.cfg"),
    ("other boot.cfg unread", observation(other_bank={"boot_cfg": unread()}), K.UNKNOWN, "/altbootbank"),
    ("other boot.cfg given up", observation(other=b"bootstate=zero\n"), K.UNHEALTHY, "gives up"),
    ("three banks", observation(volumes=Read((VOLUME_A, VOLUME_B, "/vmfs/volumes/c"))), K.UNHEALTHY, "/vmfs/volumes/c"),
    ("a bank that is not among the volumes", observation(volumes=Read((VOLUME_A,))), K.UNKNOWN, VOLUME_B),
    ("volumes not read", observation(volumes=unread()), K.UNKNOWN, "third bank"),
    ("Quick Boot of the other", observation(other=boot_cfg(OLD, 4, 0, "quickboot=1")), K.QUICKBOOT, "/altbootbank"),
    ("Quick Boot of its own", observation(boot_cfg(NEW, 5, 0, "quickboot=1")), K.QUICKBOOT, "/bootbank"),
    ("trial boot not confirmed", observation(boot_cfg(NEW, 5, 2)), K.UNHEALTHY, "trial"),
    ("armed by somebody", observation(boot_cfg(NEW, 5, 3)), K.UNHEALTHY, "armed"),
    ("a state no booted bank has", observation(boot_cfg(NEW, 5, 7)), K.UNHEALTHY, "state 7"),
    ("what it runs was not read", observation(product=unread()), K.UNKNOWN, "runs"),
    ("another build runs", observation(product=Read(Product("8.0.3", "24674470"))), K.UNKNOWN, "live patch"),
    ("staged update", observation(other=boot_cfg("8.0.3-0.102.25595708", 6, 1)), K.PENDING_UPDATE, "first boot"),
    ("staged, and about to be lost", observation(other=boot_cfg("8.0.3-0.102.25595708", 4, 1)), K.PENDING_UPDATE, "first"),
    ("failed update", observation(other=boot_cfg(OLD, 6, 2)), K.EMPTY, "never confirmed"),
    ("installer's copy", observation(other=boot_cfg(NEW, 6, 3)), K.EMPTY, "installer"),
    ("given up", observation(other=boot_cfg(OLD, 4, 3)), K.EMPTY, "given up"),
    ("a state that is none", observation(other=boot_cfg(OLD, 4, 9)), K.UNHEALTHY, "state 9"),
    ("no counter", observation(other=boot_cfg(OLD, 0)), K.EMPTY, "counter"),
    ("no build", observation(other=boot_cfg("", 4)), K.EMPTY, "build"),
    ("live VIB", observation(other=boot_cfg(NEW, 6)), K.CONSUMED, "without a reboot"),
    ("same build in both", observation(other=boot_cfg(NEW, 4)), K.CONSUMED, "KB 376175"),
    ("counters swapped or staged the old way", observation(other=boot_cfg(OLD, 6)), K.PENDING_UPDATE, "by itself"),
    (
        "a tie and no partitions",
        observation(other=boot_cfg(OLD, 5), own_bank={"partition": unread()}, other_bank={"partition": unread()}),
        K.UNKNOWN,
        "counter",
    ),
    ("both claim one partition", observation(other_bank={"partition": Read(5)}), K.UNHEALTHY, "partition 5"),
    ("the host says live VIB", observation(live_marker=Read(True)), K.UNKNOWN, "live VIB"),
    ("live marker not read", observation(live_marker=unread()), K.UNKNOWN, "live"),
    ("files not listed", observation(other_bank={"files": unread()}), K.UNKNOWN, "not listed"),
    (
        "a module is missing",
        observation(other_bank={"files": Read(files(tuple(name for name in FILES if name != "vmx.v00")))}),
        K.UNHEALTHY,
        "vmx.v00",
    ),
    (
        "an empty module",
        observation(other_bank={"files": Read((*files()[:-4], replace(files()[2], size=0), *files()[3:]))}),
        K.UNHEALTHY,
        "vmx.v00",
    ),
    ("nothing behind the boot.cfg", observation(other_bank={"files": Read(files(("boot.cfg",)))}), K.UNHEALTHY, "b.b00"),
    ("no modules named", observation(other=boot_cfg(OLD, 4, modules="")), K.UNHEALTHY, "no kernel or no modules"),
    (
        "no configuration",
        observation(other=boot_cfg(OLD, 4, modules=MODULES.replace(" --- state.tgz", ""))),
        K.UNHEALTHY,
        "factory",
    ),
    ("modules elsewhere", observation(other=boot_cfg(OLD, 4, 0, "prefix=sub")), K.UNKNOWN, "prefix"),
    ("a build the loader does not start", observation(other=boot_cfg("x" + OLD, 4)), K.UNHEALTHY, "not start"),
    ("no byte to change", observation(b"#" * 600 + b"\n" + OWN), K.UNHEALTHY, "512"),
]


@pytest.mark.parametrize(("seen", "kind", "words"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_every_other_host_has_none(seen: BankObservation, kind: WindowKind, words: str) -> None:
    state = window_of(seen)
    assert state.window.kind is kind, state.window
    assert words in state.window.reason
    assert not state.window.leads_back
    assert not state.window.leads_to(OLD)


@pytest.mark.parametrize(
    ("other", "kind", "build"),
    [
        (boot_cfg(OLD, 6), K.PENDING_UPDATE, OLD),
        (boot_cfg(OLD, 4, 3), K.EMPTY, OLD),
        (boot_cfg(OLD, 4, 9), K.UNHEALTHY, OLD),
        (boot_cfg(NEW, 6), K.CONSUMED, NEW),
        (boot_cfg("", 4), K.EMPTY, ""),
        (b"updated=x\n", K.UNHEALTHY, ""),
    ],
)
def test_what_the_other_bank_holds_is_told_whatever_the_window(other: bytes, kind: WindowKind, build: str) -> None:
    window = window_of(observation(other=other)).window
    assert (window.kind, window.build) == (kind, build)


def test_names_of_files_have_no_case() -> None:
    shouted = tuple(replace(file, name=file.name.upper()) for file in files())
    assert window_of(observation(other_bank={"files": Read(shouted)})).window.kind is K.OPEN


def test_a_tie_is_decided_by_the_partitions() -> None:
    tie = boot_cfg(OLD, 5)
    assert window_of(observation(other=tie)).window.kind is K.OPEN
    swapped = observation(other=tie, own_bank={"partition": Read(6)}, other_bank={"partition": Read(5)})
    assert window_of(swapped).window.kind is K.PENDING_UPDATE


def test_the_facts_of_a_staged_update() -> None:
    staged = "8.0.3-0.102.25595708"
    state = window_of(observation(other=boot_cfg(staged, 6, 1)))
    assert state.staged == Read(staged)
    assert isinstance(state.next, Read)
    assert (state.next.value.link, state.next.value.build) == ("/altbootbank", staged)
    assert state.fallback == Read(NEW)


def test_the_facts_of_a_fresh_install() -> None:
    state = window_of(observation(other=boot_cfg(NEW, 6, 3), other_bank={"files": Read(files(("boot.cfg",)))}))
    assert state.fallback == Read(None)
    assert isinstance(state.configuration_saved, Unread)


GIVEN_UP = b"updated=x\n"
NO_ANSWER = unread()
NO_START = boot_cfg("x" + NEW, 5)  # chosen, and then not started: its build does not begin with a number


@pytest.mark.parametrize(
    ("seen", "booted", "confirmed", "staged"),
    [
        (observation(boot_cfg(NEW, 5, 2)), Read(NEW), Read(False), Read(None)),
        (observation(own_bank={"boot_cfg": NO_ANSWER}), NO_ANSWER, NO_ANSWER, Read(None)),
        (observation(other_bank={"boot_cfg": NO_ANSWER}), Read(NEW), Read(True), NO_ANSWER),
        (observation(other_bank={"boot_cfg": unread(Reason.ABSENT)}), Read(NEW), Read(True), Read(None)),
        (observation(GIVEN_UP), "no build the loader can read", "the loader gives up /bootbank/boot.cfg", Read(None)),
        (observation(boot_cfg("", 5)), "no build the loader can read", Read(True), Read(None)),
        (observation(other=GIVEN_UP), Read(NEW), Read(True), Read(None)),
        (observation(other=boot_cfg("", 6, 1)), Read(NEW), Read(True), Read("a bank without a build")),
    ],
)
def test_what_a_bank_says_of_itself_or_why_it_does_not(
    seen: BankObservation, booted: object, confirmed: object, staged: object
) -> None:
    state = window_of(seen)
    for found, expected in ((state.booted, booted), (state.confirmed, confirmed), (state.staged, staged)):
        if isinstance(expected, str):
            assert isinstance(found, Unread)
            assert found.reason is Reason.UNREADABLE
            assert expected in found.detail
        else:
            assert found == expected


@pytest.mark.parametrize(
    ("seen", "link", "build", "why", "fallback"),
    [
        (observation(), "/bootbank", NEW, "/bootbank is picked", OLD),
        (observation(other=boot_cfg(OLD, 6)), "/altbootbank", OLD, "/altbootbank is picked", NEW),
        (observation(other_bank={"boot_cfg": unread(Reason.ABSENT)}), "/bootbank", NEW, "/bootbank is picked", None),
        (observation(GIVEN_UP), "/altbootbank", OLD, "/altbootbank is picked", None),
        (observation(GIVEN_UP, GIVEN_UP), None, "", "", None),
        (observation(NO_START), None, "", "", OLD),  # the loader stops there and tries no other
        (observation(other=boot_cfg("x" + OLD, 4)), "/bootbank", NEW, "/bootbank is picked", None),
    ],
)
def test_what_starts_next_and_what_if_that_is_given_up(
    seen: BankObservation, link: str | None, build: str, why: str, fallback: str | None
) -> None:
    state = window_of(seen)
    assert isinstance(state.next, Read)
    assert (state.next.value.link, state.next.value.build) == (link, build)
    assert state.next.value.why[-1].startswith(why)
    assert not any(sentence.startswith("Bank ") for sentence in state.next.value.why)  # people know them by their links
    assert state.fallback == Read(fallback)


@pytest.mark.parametrize("side", ["own_bank", "other_bank"])
def test_what_starts_next_is_not_known_where_a_file_was_not_read(side: str) -> None:
    state = window_of(observation(**{side: {"boot_cfg": NO_ANSWER}}))
    assert isinstance(state.next, Unread)
    assert state.fallback == state.next
    assert state.next.reason is Reason.TIMED_OUT


@pytest.mark.parametrize(("missing", "told"), [(1, "m0"), (5, "m0, m1, m2, m3, m4"), (6, "m0, m1, m2, m3, m4 and 1 more")])
def test_of_many_missing_files_five_are_named(missing: int, told: str) -> None:
    names = " --- ".join([MODULES, *(f"m{n}" for n in range(missing))])
    reason = window_of(observation(other=boot_cfg(OLD, 4, modules=names))).window.reason
    assert reason.endswith(f"missing or empty: {told}")


def test_nine_has_one_number_fewer() -> None:
    nine = observation(boot_cfg("9.0.0-0.24755229", 6), product=Read(Product("9.0.0", "24755229")))
    assert window_of(nine).window.leads_to(OLD)


READINGS = [field.name for field in fields(BankFacts) if field.name not in {"link", "image"}]


@pytest.mark.parametrize("side", ["own_bank", "other_bank"])
@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("reason", list(Reason))
def test_what_was_not_read_never_opens_a_window_that_needs_it(side: str, name: str, reason: Reason) -> None:
    changes: dict[str, Any] = {side: {name: Unread(reason, "gone")}}
    kind = window_of(observation(**changes)).window.kind
    # The booted bank's own files decide nothing, nor do the partitions while the counters differ.
    needed = name in {"target", "boot_cfg"} or (name == "files" and side == "other_bank")
    assert (kind is not K.OPEN) == needed


STATES = st.sampled_from([0, 0, 0, 1, 2, 3, 9])
CFGS = st.builds(boot_cfg, st.sampled_from([OLD, NEW, ""]), st.integers(0, 7), STATES)


@settings(max_examples=400, deadline=None)
@given(CFGS | st.binary(max_size=80), CFGS | st.binary(max_size=80), st.sampled_from([(5, 6), (6, 5)]))
def test_open_is_never_said_where_the_byte_would_be_refused(own: bytes, other: bytes, partitions: tuple[int, int]) -> None:
    seen = observation(own, other, own_bank={"partition": Read(partitions[0])}, other_bank={"partition": Read(partitions[1])})
    state = window_of(seen)
    edit = arm_edit(Bank("/bootbank", Read(own), partitions[0]), Bank("/altbootbank", Read(other), partitions[1]))
    if state.window.kind is K.OPEN:
        assert isinstance(edit, ByteEdit)
        assert state.fallback == Read(state.window.build)
        assert isinstance(state.next, Read)
        assert state.next.value.link == "/bootbank"
    if state.window.kind is K.CONSUMED:
        assert not state.window.leads_back


def recorded(own: bytes = OWN, other: bytes = OTHER) -> HostObservation:
    banks = (BankReading("/bootbank", Read(VOLUME_A), Read(own)), BankReading("/altbootbank", Read(VOLUME_B), Read(other)))
    return HostObservation("esx1", Route.SSH, NOW, product=Read(Product("8.0.3", "24674464")), banks=banks)


def test_what_an_audit_recorded_is_judged_by_boot_cfg_alone() -> None:
    assert recorded_window(recorded()).window.leads_to(OLD)
    assert recorded_window(recorded(other=boot_cfg(NEW, 6))).window.kind is K.CONSUMED
    assert recorded_window(HostObservation("esx1", Route.SSH, NOW)).window.kind is K.UNKNOWN
    # The same banks give the same answer however much more was read of them.
    without_files = observation(other_bank={"files": unread()}, volumes=unread())
    assert boot_cfg_window(without_files).window == recorded_window(recorded()).window
    assert window_of(without_files).window.kind is K.UNKNOWN
