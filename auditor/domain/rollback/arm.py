"""The one byte that Shift+R changes: ``bootstate=3`` on the booted bank, found and judged as the loader does.

esx-boot's ``bank_kill`` (grade CODE) marks the bank that would be booted as invalid, nothing else. Writing that byte over
SSH has the same end state, but the vendor supports only the key at the console.

Two other ways are refused on purpose. Swapping ``updated`` makes backup.sh at shutdown write the newer release's
configuration into the older image. Setting a given-up bank back to 0 starts whatever is behind it: with an installer's
copy that is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from auditor.domain.banks import Bank
from auditor.domain.bootbank import BankOutcome, BankRead, BootOutcome, BootState, simulate_boot
from auditor.domain.bootcfg import read_keys, state_offset, with_byte
from auditor.domain.observation import Read, Unread


@dataclass(frozen=True, slots=True)
class ByteEdit:
    """One byte of a boot.cfg: where, what must stand there, what comes there."""

    offset: int
    before: str
    after: str

    def apply(self, boot_cfg: bytes) -> bytes:
        """The file with the byte changed. Raises `ValueError` if another byte stands there."""
        return self._put(boot_cfg, self.before, self.after)

    def undo(self, boot_cfg: bytes) -> bytes:
        """The file as it was. Raises `ValueError` if the changed byte does not stand there."""
        return self._put(boot_cfg, self.after, self.before)

    def _put(self, boot_cfg: bytes, expected: str, wanted: str) -> bytes:
        if boot_cfg[self.offset : self.offset + 1] != expected.encode("latin-1"):
            raise ValueError(f"byte {self.offset} is not {expected!r}: this edit belongs to another file")
        return with_byte(boot_cfg, self.offset, wanted)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done, in words for a person."""

    why: str

    def __str__(self) -> str:
        return self.why


def arm_edit(booted: Bank, other: Bank) -> ByteEdit | Refusal:
    """The edit of ``booted``'s boot.cfg after which the next boot starts ``other``, or why there is none.

    Ok means, in every order of partitions that the readings allow: before the edit the loader starts ``booted`` and changes
    no file; after it the loader starts ``other``, which is good (state 0), and changes no file; in the edited file nothing
    but the state reads differently. ``edit.undo`` gives back the exact bytes.

    Only boot.cfg is judged here; whether module files are there is judged by the window.
    """
    if booted.name == other.name:
        return Refusal(f"{booted.name} cannot be both banks")
    texts = []
    for bank in (booted, other):
        if isinstance(bank.boot_cfg, Unread):
            return Refusal(f"{bank.name}: boot.cfg was not read ({bank.boot_cfg})")
        if bank.boot_cfg.value is None:
            return Refusal(f"{bank.name} has no boot.cfg")
        texts.append(bank.boot_cfg.value)
    own = texts[0]
    refusal = _not_steady(booted, other)
    if refusal is not None:
        return refusal

    offset = state_offset(own)
    if offset is None or own[offset : offset + 1] != b"0":
        return Refusal(f"{booted.name}: the loader finds no bootstate=0 to change in the first 512 bytes of boot.cfg")
    edit = ByteEdit(offset, "0", str(int(BootState.INVALID)))
    keys, edited = read_keys(own), read_keys(edit.apply(own))
    if keys is None or edited is None or edited.bootstate != BootState.INVALID:
        found = None if edited is None else edited.bootstate
        return Refusal(f"{booted.name}: after the change the loader would read state {found}, not 3")
    if (edited.build, edited.updated, edited.quickboot) != (keys.build, keys.updated, keys.quickboot):
        return Refusal(f"{booted.name}: the change would alter more than the state")
    return _judge_armed(Bank(booted.name, Read(edit.apply(own)), booted.partition), other) or edit


def _not_steady(booted: Bank, other: Bank) -> Refusal | None:
    """Before: the booted bank is started again, the other could be, and a boot leaves both files alone."""
    for outcome, (own, alternate) in _boots(booted, other):
        for bank, seen in ((booted, own), (other, alternate)):
            if not _good(seen):
                return Refusal(f"{bank.name} is not a good bank (read {seen.read.value}, state {seen.bootstate})")
        if outcome.banks[outcome.selected or 0] is not own:
            tie = own.updated == alternate.updated
            why = "the updated counters are equal and the partitions decide" if tie else "its updated counter is higher"
            return Refusal(f"the next boot may start {other.name} already: {why}")
        if outcome.starts is not True:
            return Refusal(f"{booted.name}: the loader would not start its build {own.build!r}")
    return None


def _judge_armed(armed: Bank, other: Bank) -> Refusal | None:
    for outcome, (_, alternate) in _boots(armed, other):
        if outcome.selected is None or outcome.banks[outcome.selected] is not alternate or not _good(alternate):
            return Refusal(f"after the change the loader would not start {other.name}")
        if outcome.starts is not True:
            return Refusal(f"{other.name}: the loader would not start its build {alternate.build!r}")
        if any(bank.rewrite for bank in outcome.banks):
            return Refusal("after the change the loader would change a file itself")
    return None


def _good(bank: BankOutcome) -> bool:
    """A bank that is good, stays good, and that the loader leaves alone."""
    states = (bank.bootstate, bank.bootstate_after, bank.state_in_use)
    return bank.read is BankRead.OK and bank.valid and states == (0, 0, 0) and not bank.quickboot and bank.rewrite is None


def _boots(first: Bank, second: Bank) -> Sequence[tuple[BootOutcome, tuple[BankOutcome, BankOutcome]]]:
    """One pass of the loader for every order of the two that is possible, with their outcomes in the order given."""
    results = []
    for order in permutations((first, second)):
        known = [bank.partition for bank in order if bank.partition is not None]
        if known != sorted(known):
            continue
        outcome = simulate_boot([bank.boot_cfg.value if isinstance(bank.boot_cfg, Read) else None for bank in order])
        at = {bank.name: outcome.banks[index] for index, bank in enumerate(order)}
        results.append((outcome, (at[first.name], at[second.name])))
    return results


__all__ = ["ByteEdit", "Refusal", "arm_edit"]
