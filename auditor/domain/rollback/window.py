"""The five facts about a host's banks, and the window: whether there is a way back. `judge` finds them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from auditor.domain.observation import Reading
from auditor.domain.rollback.bank import BOOTBANK
from auditor.domain.rollback.build import same_build


class WindowKind(StrEnum):
    """The state of a host's way back."""

    OPEN = "OPEN"
    """The other bank holds another build, complete and good, and only the booted bank stands before it."""
    CONSUMED = "CONSUMED"
    """The other bank holds the running build: an update or a live VIB took the place of the older image."""
    EMPTY = "EMPTY"
    """There is no image to go back to: never was, or it is marked as given up."""
    PENDING_UPDATE = "PENDING_UPDATE"
    """The other bank holds an update that waits for its first boot: a reboot goes forward, not back."""
    QUICKBOOT = "QUICKBOOT"
    """A bank is meant for one Quick Boot: what a full reboot does then is not the window's to say."""
    UNHEALTHY = "UNHEALTHY"
    """Something is wrong with the banks; see the reason."""
    UNKNOWN = "UNKNOWN"
    """What decides it was not read, or contradicts itself."""


class Trouble(StrEnum):
    """What kind of thing is wrong with UNHEALTHY banks: what is to be done depends on it."""

    BANKS = "banks"
    """What a bank says or holds is not in order."""
    DEVICE = "device"
    """The links do not lead to two volumes: what was read need not be on the boot device."""
    TRIAL = "trial"
    """The first boot of an update is not confirmed yet, which passes by itself."""
    ARMED = "armed"
    """The booted bank is marked to be left at the next boot."""
    NEXT_BANK = "next-bank"
    """The bank that starts next is not whole: that boot fails, and nothing falls back."""


@dataclass(frozen=True, slots=True)
class Window:
    """The window of one host. ``build`` is what the other bank holds (its ``build=`` text), empty where that is not known;
    ``reason`` says why, in a sentence; ``age`` is how old the newest answer is when it is not of now, None if it is.
    ``trouble`` is the kind of an UNHEALTHY one's reason."""

    kind: WindowKind
    build: str = ""
    reason: str = ""
    age: timedelta | None = None
    trouble: Trouble = field(default=Trouble.BANKS, compare=False)

    @property
    def leads_back(self) -> bool:
        return self.kind is WindowKind.OPEN

    def leads_to(self, build: str) -> bool:
        """Whether this window is open to exactly that build (a ``build=`` text or a bare build number)."""
        return self.leads_back and same_build(self.build, build)

    def __str__(self) -> str:
        return f"{self.kind.value}({self.build})" if self.leads_back else self.kind.value


@dataclass(frozen=True, slots=True)
class NextStart:
    """A bank that a boot would start: its link, its build, and the loader's reasons as sentences. ``link`` is None when
    nothing would start."""

    link: str | None
    build: str
    why: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether it is the bank that the host booted from."""
        return self.link == BOOTBANK


def next_start_words(start: NextStart) -> str:
    """What the next full boot does, for people."""
    if start.link is None:
        return "nothing starts: do not reboot this host"
    return f"{start.build} from {start.link}; {start.why[-1]}" if start.why else f"{start.build} from {start.link}"


@dataclass(frozen=True, slots=True)
class BankState:
    """A host's banks, judged. The five facts:

    ``booted``    the build of the bank this boot came from (/bootbank)
    ``next``      what the next full boot starts, by the loader's rules
    ``staged``    the build of an update that waits for its first boot; None read: none
    ``confirmed`` whether ESXi has confirmed this boot (state 0); False: a trial boot, or the bank is given up
    ``fallback``  what starts when the next start is given up (by Shift+R, or a trial that fails); None read: nothing would
    """

    host: str
    at: datetime
    booted: Reading[str]
    next: Reading[NextStart]
    staged: Reading[str | None]
    confirmed: Reading[bool]
    fallback: Reading[str | None]
    window: Window
    configuration_saved: Reading[datetime]
    """When the configuration in the other bank was saved: the one a rollback brings back."""


def aged(state: BankState, age: timedelta) -> BankState:
    """The same judgement as old news: what was known ``age`` ago is not known now."""
    was = state.window
    reason = f"last seen {was}" if was.kind is not WindowKind.UNKNOWN else was.reason
    return replace(state, window=Window(WindowKind.UNKNOWN, was.build, reason, age))


__all__ = ["BankState", "NextStart", "Trouble", "Window", "WindowKind", "aged", "next_start_words"]
