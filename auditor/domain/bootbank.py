"""Which boot bank the ESXi loader starts next, and what it changes on the way.

The rules are those of esx-boot's safeboot at the level of ESX 9.0 (field note b, grade CODE). They are decided from the
``boot.cfg`` texts and the order of the partitions alone: damaged module files are found only later, by the next stage.
KB 306902 says that the higher bootstate is chosen; the code chooses by ``updated`` among the banks that may be booted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any

from auditor.domain.bootcfg import LoaderKeys, read_keys, state_offset, with_byte

MAX_BANKS = 3
"""The loader stops looking after the third bank it could use; two are normal."""


class BootState(IntEnum):
    """Values of ``bootstate`` that are states. Any other number is none."""

    VALID = 0
    """Good, may be booted."""
    UPGRADING = 1
    """Updated, not booted yet: the next boot is a trial."""
    DIRTY = 2
    """Trial boot under way. Still there at the next power-on: it did not come up."""
    INVALID = 3
    """Empty or given up: not booted."""


class BankRead(StrEnum):
    """What became of one bank's file while the loader looked for banks. Only ``ok`` banks take part in the choice."""

    OK = "ok"
    NO_FILE = "no_file"
    BAD_VALUE = "bad_value"
    """The file was given up because of a value in it."""
    STATE_NOT_WRITABLE = "state_not_writable"
    """The state had to change, but no place to write it was found; the bank is passed over untouched."""
    NOT_REACHED = "not_reached"
    """The loader had found three banks before. Never the case with three banks or fewer."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The one byte the loader changed in a file. ``from_`` is called ``from`` in JSON."""

    offset: int
    from_: str
    to: str

    def as_dict(self) -> dict[str, Any]:
        """Return the change as plain JSON-ready values."""
        return {"offset": self.offset, "from": self.from_, "to": self.to}


@dataclass(frozen=True, slots=True)
class BankOutcome:
    """One bank after a pass of the loader. What was not read or does not apply is None."""

    read: BankRead
    bootstate: int | None = None
    """As read, before any change; so are ``updated``, ``build`` and ``quickboot``."""
    updated: int | None = None
    build: str | None = None
    quickboot: bool | None = None
    bootstate_after: int | None = None
    """What the loader would read from the file it leaves behind."""
    state_in_use: int | None = None
    """The state the loader worked with at the end."""
    valid: bool = False
    """Whether the bank can be booted, at the end of the pass."""
    rewrite: Rewrite | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the bank as plain JSON-ready values."""
        rewrite = None if self.rewrite is None else self.rewrite.as_dict()
        return asdict(self) | {"read": self.read.value, "rewrite": rewrite}


@dataclass(frozen=True, slots=True)
class BootOutcome:
    """What the loader does in one pass."""

    selected: int | None
    """Index of the bank picked, in partition order from 0; None: there is nothing to boot."""
    starts: bool | None
    """Whether the picked bank is started; False: the loader stops there and tries no other. None if none was picked."""
    rollback: bool
    """Whether the loader tells the system it starts that a rollback took place."""
    banks: tuple[BankOutcome, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain JSON-ready values."""
        return asdict(self) | {"banks": [bank.as_dict() for bank in self.banks]}


class _Bank:
    """A bank while the loader works on it: the file as it stands, and what the loader holds in memory."""

    def __init__(self, boot_cfg: bytes | None) -> None:
        self.original = self.boot_cfg = boot_cfg
        self.read = BankRead.NOT_REACHED
        self.keys: LoaderKeys | None = None
        self.state: int | None = None
        self.valid = False

    def scan(self) -> bool:
        """Read the file and move its state on; return whether a failed update was noticed."""
        if self.boot_cfg is None:
            self.read = BankRead.NO_FILE
            return False
        keys = self.keys = read_keys(self.boot_cfg)
        if keys is None:
            self.read = BankRead.BAD_VALUE
            return False
        self.read = BankRead.OK
        known_state = BootState.VALID <= keys.bootstate <= BootState.INVALID
        complete = known_state and keys.updated != 0 and keys.build is not None and not keys.quickboot
        on_trial = keys.bootstate in {BootState.UPGRADING, BootState.DIRTY} and not keys.quickboot
        failed = on_trial and not complete

        self.state = keys.bootstate
        state = _next_state(keys, complete=complete)
        if state != keys.bootstate and not self.write_state(state):
            self.read = BankRead.STATE_NOT_WRITABLE
            self.state = None
            return failed
        self.valid = complete and self.state in {BootState.VALID, BootState.DIRTY}
        return failed

    def write_state(self, state: BootState) -> bool:
        """Write a state into the file; return False, with nothing changed, where there is no place for it."""
        assert self.boot_cfg is not None  # noqa: S101 - only banks whose file was read come here
        offset = state_offset(self.boot_cfg)
        if offset is None:
            return False
        self.boot_cfg = with_byte(self.boot_cfg, offset, str(int(state)))
        self.state = int(state)
        return True

    def outcome(self) -> BankOutcome:
        if self.keys is None:
            return BankOutcome(self.read)
        rewrite = self._rewrite()
        left = self.keys if rewrite is None else read_keys(self.boot_cfg or b"")
        return BankOutcome(
            read=self.read,
            bootstate=self.keys.bootstate,
            updated=self.keys.updated,
            build=self.keys.build,
            quickboot=self.keys.quickboot,
            bootstate_after=None if left is None else left.bootstate,
            state_in_use=self.state,
            valid=self.valid,
            rewrite=rewrite,
        )

    def _rewrite(self) -> Rewrite | None:
        if self.original is None or self.boot_cfg is None:
            return None
        offset = state_offset(self.original)
        if offset is None or self.original[offset] == self.boot_cfg[offset]:
            return None
        return Rewrite(offset, chr(self.original[offset]), chr(self.boot_cfg[offset]))


def _next_state(keys: LoaderKeys, *, complete: bool) -> BootState:
    """The state the loader moves a bank to when it scans it."""
    if keys.quickboot:  # the bank was meant for one Quick Boot only
        return BootState.INVALID
    if keys.bootstate == BootState.UPGRADING and complete:
        return BootState.DIRTY
    return BootState.VALID if keys.bootstate == BootState.VALID else BootState.INVALID


def simulate_boot(boot_cfgs: Sequence[bytes | None], shift_r: bool = False) -> BootOutcome:
    """Say what the loader does in one pass over the banks' files, given in partition order (None: no file).

    ``shift_r`` is a pass with a rollback asked for and confirmed at the console. A person can do that only after the
    normal pass of the same boot, so a whole boot with Shift+R is a pass without and then one with it on what `after`
    the first remains. A write that fails on the disk is not modelled: the loader only logs it and goes on as if done.
    """
    banks = [_Bank(boot_cfg) for boot_cfg in boot_cfgs]
    rollback = False
    found = 0
    for bank in banks:
        if found == MAX_BANKS:
            break
        rollback |= bank.scan()
        found += bank.read is BankRead.OK

    selected = _choose(banks)
    if shift_r and selected is not None:
        # The answer to Shift+R replaces what was noticed before, also when it could not be done.
        rollback = sum(bank.valid for bank in banks) > 1 and banks[selected].write_state(BootState.INVALID)
        banks[selected].valid = not rollback
        selected = _choose(banks)
    return BootOutcome(selected, _starts(banks, selected), rollback, tuple(bank.outcome() for bank in banks))


def _choose(banks: Sequence[_Bank]) -> int | None:
    """The highest counter among the banks that may be booted; on a tie the lower partition stays."""
    usable = [index for index, bank in enumerate(banks) if bank.valid]
    return max(usable, key=lambda index: _updated(banks[index]), default=None)


def _updated(bank: _Bank) -> int:
    return 0 if bank.keys is None else bank.keys.updated


def _starts(banks: Sequence[_Bank], selected: int | None) -> bool | None:
    """The loader needs a major version to start a bank: digits at the start of its build text."""
    if selected is None:
        return None
    keys = banks[selected].keys
    return keys is not None and keys.build is not None and keys.build[0] in "0123456789"


def after(boot_cfgs: Sequence[bytes | None], outcome: BootOutcome) -> tuple[bytes | None, ...]:
    """Return the files as the loader leaves them after a pass with that outcome.

    Raise `ValueError` when the outcome is not one of these files.
    """
    left: list[bytes | None] = []
    for boot_cfg, bank in zip(boot_cfgs, outcome.banks, strict=True):
        rewrite = bank.rewrite
        if rewrite is None:
            left.append(boot_cfg)
        elif boot_cfg is None or boot_cfg[rewrite.offset : rewrite.offset + 1] != rewrite.from_.encode("latin-1"):
            raise ValueError("this outcome belongs to other files")
        else:
            left.append(with_byte(boot_cfg, rewrite.offset, rewrite.to))
    return tuple(left)
