"""The boot banks of one host: what stands in a bank's ``boot.cfg``, and which bank the host starts next.

`auditor.domain.bootbank` holds the loader's rules; this module puts a host's readings before them and says "unknown"
where they do not decide the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

from auditor.domain.bootbank import BootOutcome, simulate_boot
from auditor.domain.bootcfg import LoaderKeys, read_keys
from auditor.domain.observation import BankReading, Read, Reading, Reason, Unread
from auditor.masking import masked

VOLUMES = "/vmfs/volumes/"
_WRITTEN = frozenset(
    {"bootstate", "title", "timeout", "prefix", "kernel", "kernelopt", "modules", "build", "updated", "quickboot"}
)
"""Keys of a boot.cfg (field note, a)."""


@dataclass(frozen=True, slots=True)
class BootCfg:
    """A ``boot.cfg`` as a person reads it, with what the loader makes of it beside. Texts are one character per byte."""

    settings: Mapping[str, str]
    """Every ``key=value`` line, keys in lower case, unknown ones too; of a key given twice the last. Comments are left out."""
    loader: LoaderKeys | None
    """As the loader reads the file; None: it gives the file up because of a value."""

    @classmethod
    def parse(cls, data: bytes) -> BootCfg:
        """Read any bytes; lines that are no settings are passed over."""
        settings: dict[str, str] = {}
        for line in data.decode("latin-1").split("\n"):
            key, equals, value = line.partition("=")
            name = key.strip().lower()
            if equals and name and not name.startswith("#"):
                settings[name] = value.strip()
        return cls(settings, read_keys(data))

    @property
    def recognised(self) -> bool:
        """Whether any key is one that ESXi writes, or the loader takes for one: else it may be anything but a boot.cfg."""
        return self.loader != read_keys(b"") or not _WRITTEN.isdisjoint(self.settings)

    @property
    def title(self) -> str:
        """What the console shows while loading."""
        return self.settings.get("title", "")

    @property
    def kernelopt(self) -> str:
        """Kernel options; the two banks may differ in them."""
        return self.settings.get("kernelopt", "")

    @property
    def modules(self) -> tuple[str, ...]:
        """File names of the modules, in order. A bank without ``state.tgz`` boots with factory configuration."""
        names = (name.strip() for name in self.settings.get("modules", "").split("---"))
        return tuple(name for name in names if name)

    @property
    def build(self) -> str:
        """Version of VIB esx-base, not of the whole image: banks with one build may differ in drivers and add-on VIBs."""
        return self.settings.get("build", "")


@dataclass(frozen=True, slots=True)
class Bank:
    """One boot bank as it stands before the loader. ``boot_cfg`` read as None: the bank has no such file."""

    name: str
    boot_cfg: Reading[bytes | None]
    partition: int | None = None
    """Partition number on the boot disk; None: not known."""
    volume: str = field(default="", compare=False)
    """The volume its link leads to; empty: not known."""

    @classmethod
    def of(cls, reading: BankReading, partition: int | None = None) -> Bank:
        """Take a bank as it was found behind its link.

        A link that does not lead to a volume (boot device lost: the links point into the RAM disk then) is no bank.
        """
        boot_cfg: Reading[bytes | None] = reading.boot_cfg
        target = reading.target
        volume = target.value.removeprefix(VOLUMES).strip("/") if isinstance(target, Read) else ""
        plain = volume and "/" not in volume and volume not in {".", ".."}
        if isinstance(target, Read) and not (target.value.startswith(VOLUMES) and plain):
            boot_cfg = Unread(
                Reason.UNREADABLE, f"{reading.link} does not lead to a volume but to {masked(target.value)[:200]!r}"
            )
        elif isinstance(boot_cfg, Unread) and boot_cfg.reason is Reason.ABSENT:
            boot_cfg = Read(None)
        return cls(reading.link, boot_cfg, partition, volume)


@dataclass(frozen=True, slots=True)
class NextBoot:
    """Which bank starts at the next full boot. ``bank`` is None when there is nothing to boot."""

    bank: str | None
    order: tuple[str, ...]
    """Names of the banks as ``outcome.banks`` has them."""
    outcome: BootOutcome


def predict_next_boot(banks: Sequence[Bank]) -> Reading[NextBoot]:
    """Say which bank the next full boot of the host starts, or `Unread` when the readings do not decide it.

    Every possible order of banks without a partition number is tried: only when they agree is there an answer. A Quick
    Boot does not go this way, and a change made before the reboot is not foreseen.
    """
    for bank in banks:
        if isinstance(bank.boot_cfg, Unread):
            return Unread(bank.boot_cfg.reason, f"{bank.name}: {bank.boot_cfg.detail or 'boot.cfg was not read'}")
    for one, other in combinations(banks, 2):
        if one.volume and one.volume == other.volume:
            return Unread(Reason.UNREADABLE, f"{one.name} and {other.name} lead to the same volume {one.volume}")
    orders = [order for order in permutations(banks) if _possible(order)]
    answers = [_boot(order) for order in orders]
    if len({answer.bank for answer in answers}) != 1:
        names = " and ".join(bank.name for bank in banks)
        return Unread(
            Reason.NOT_ATTEMPTED,
            f"{names} have the same updated counter; then the lower partition number wins, and those were not read",
        )
    return Read(answers[0])


def _possible(order: Sequence[Bank]) -> bool:
    known = [bank.partition for bank in order if bank.partition is not None]
    return known == sorted(known)


def _boot(order: Sequence[Bank]) -> NextBoot:
    texts = [bank.boot_cfg.value if isinstance(bank.boot_cfg, Read) else None for bank in order]
    outcome = simulate_boot(texts)
    picked = None if outcome.selected is None else order[outcome.selected].name
    return NextBoot(picked, tuple(bank.name for bank in order), outcome)
