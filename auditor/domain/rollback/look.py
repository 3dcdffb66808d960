"""A look at a host amid its rollback, and the same beside the plan: which bank it runs from, whether it is armed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.domain.bootbank import BootState
from auditor.domain.bootcfg import read_keys
from auditor.domain.observation import Read, Reading, Reason, Unread, value_of
from auditor.domain.rollback.bank import BOOTBANK, BankObservation
from auditor.domain.rollback.plan import PlannedBank, Target
from auditor.masking import masked

SILENT = frozenset({Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.CUT_OFF})
"""The reasons that pass by themselves: nobody answered. A refused login or another host key is an answer."""


def silent(*readings: Reading[Any] | None) -> Unread | None:
    """The first of these readings that nobody answered."""
    return next((each for each in readings if isinstance(each, Unread) and each.reason in SILENT), None)


@dataclass(frozen=True, slots=True)
class Look:
    """A fresh look at the host itself. ``boot_id`` is a text that stays the same during one boot and differs in the next;
    ``connected`` is whether vCenter is connected to it. ``banks.trouble`` says why the host could not be looked at."""

    banks: BankObservation
    boot_id: Reading[str]
    maintenance_mode: Reading[bool]
    connected: Reading[bool]

    @property
    def at(self) -> datetime:
        return self.banks.at

    @property
    def silent(self) -> Unread | None:
        """Why a part of the host itself was not seen that may be seen in a moment."""
        return silent(self.banks.trouble, self.boot_id, self.maintenance_mode)


class Seen:
    """The look, put beside the plan."""

    def __init__(self, target: Target, look: Look) -> None:
        self.look, self._target = look, target
        self._by_volume = {bank.target.value.rstrip("/"): bank for bank in look.banks.banks if isinstance(bank.target, Read)}
        self.own = self._boot_cfg(target.booted)
        self.other = self._boot_cfg(target.other)
        running = look.banks.bank(BOOTBANK).target
        self.volume = running.value.rstrip("/") if isinstance(running, Read) else None
        self.on_own = self.volume == target.booted.volume.rstrip("/")
        self.on_other = self.volume == target.other.volume.rstrip("/")
        self.pristine = self.own == target.booted.boot_cfg
        self.other_as_planned = self.other == target.other.boot_cfg
        self._own_keys = read_keys(self.own) if self.own is not None else None

    def _boot_cfg(self, bank: PlannedBank) -> bytes | None:
        found = self._by_volume.get(bank.volume.rstrip("/"))
        return value_of(found.boot_cfg) if found is not None else None

    @property
    def armed(self) -> bool | None:
        """Whether the next boot leaves the bank it runs from because that is marked invalid; None: not seen. A host that runs
        from the other bank has gone: what the given-up bank says arms nothing any more."""
        if self.on_other:
            return False
        return None if self._own_keys is None else self._own_keys.bootstate == BootState.INVALID

    @property
    def trouble(self) -> Unread | None:
        """Why nothing can be told from this look."""
        if self.look.banks.trouble is not None:
            return self.look.banks.trouble
        planned = (self._target.booted.volume.rstrip("/"), self._target.other.volume.rstrip("/"))
        if len(self._by_volume) > 1 and not set(planned) <= set(self._by_volume):
            shown = masked(" and ".join(sorted(self._by_volume)))[:200]
            return Unread(
                Reason.UNREADABLE,
                f"its banks are {shown}, those of the plan are {' and '.join(planned)}: is another host at its address?",
            )
        if self.volume is None or self.own is None or self.other is None:
            return Unread(Reason.UNREADABLE, "the two banks of the plan were not both read")
        return None


__all__ = ["SILENT", "Look", "Seen", "silent"]
