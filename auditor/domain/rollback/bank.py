"""What was read of one host's boot banks, beyond their boot.cfg: enough to judge whether there is a way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditor.domain.image import Product, Vib
from auditor.domain.observation import NOT_ATTEMPTED, BankReading, Read, Reading, Reason, Unread

BOOTBANK = "/bootbank"
ALTBOOTBANK = "/altbootbank"
STATE = "state.tgz"
IMAGE_DATABASE = "imgdb.tgz"


@dataclass(frozen=True, slots=True)
class BankFile:
    """One file of a bank: its size in bytes, and when it was last written (None: the listing does not tell)."""

    name: str
    size: int
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class BankComponent:
    """A component that a bank's image database describes: ``vibs`` are the names of its VIBs that the bank has, ``missing`` the
    ids of those it names and the bank has not."""

    name: str
    version: str
    vibs: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BankImage:
    """What a bank's image database (``imgdb.tgz``) says is in it. ``profile`` is empty where it names none, ``components``
    where it describes none (6.x, and any database without bulletins)."""

    profile: str
    vibs: tuple[Vib, ...]
    components: tuple[BankComponent, ...] = ()


@dataclass(frozen=True, slots=True)
class BankFacts:
    """One boot bank. ``link`` is "/bootbank" or "/altbootbank", which swap at the first boot from the other bank, so what
    names a bank across a reboot is ``target``, the volume. ``partition`` is its number on the boot disk.
    ``boot_cfg`` is ABSENT when the bank has no such file."""

    link: str
    target: Reading[str] = NOT_ATTEMPTED
    boot_cfg: Reading[bytes] = NOT_ATTEMPTED
    files: Reading[tuple[BankFile, ...]] = NOT_ATTEMPTED
    partition: Reading[int] = NOT_ATTEMPTED
    image: Reading[BankImage] = NOT_ATTEMPTED

    @classmethod
    def of(cls, reading: BankReading) -> BankFacts:
        """What an audit reads of a bank. It keeps the names of files that are not empty, and no sizes."""
        files = reading.files
        named = Read(tuple(BankFile(name, 1) for name in files.value)) if isinstance(files, Read) else files
        return cls(reading.link, reading.target, reading.boot_cfg, named, reading.partition)

    @property
    def recorded(self) -> BankReading:
        """The inverse: what is kept of it."""
        files = self.files
        names = Read(tuple(sorted(f.name.lower() for f in files.value if f.size))) if isinstance(files, Read) else files
        return BankReading(self.link, self.target, self.boot_cfg, names, self.partition)

    def file(self, name: str) -> Reading[BankFile]:
        """One file by its name; FAT has no case. ABSENT when the listing was read and does not have it."""
        if isinstance(self.files, Unread):
            return self.files
        found = next((file for file in self.files.value if file.name.lower() == name.lower()), None)
        return Read(found) if found else Unread(Reason.ABSENT, f"{self.link} has no {name}")

    @property
    def configuration_saved(self) -> Reading[datetime]:
        """When ``state.tgz`` was written: the age of the configuration that comes with this bank."""
        state = self.file(STATE)
        if isinstance(state, Unread):
            return state
        if state.value.modified is None:
            return Unread(Reason.UNREADABLE, f"the listing of {self.link} does not tell when {STATE} was written")
        return Read(state.value.modified)


@dataclass(frozen=True, slots=True)
class BankObservation:
    """The banks of one host as they were at ``at``. ``trouble`` says why the host as a whole gave nothing.

    ``volumes`` are the volumes that have a boot.cfg at their top, by path ("/vmfs/volumes/<uuid>"): two, else somebody must
    look. ``live_marker`` tells whether a VIB was installed without a reboot since the last boot
    (/var/run/update_altbootbank). ``clock`` is the host's own, which its files' times are told by.
    """

    host: str
    at: datetime
    vcenter: str = ""
    product: Reading[Product] = NOT_ATTEMPTED
    banks: tuple[BankFacts, ...] = ()
    volumes: Reading[tuple[str, ...]] = NOT_ATTEMPTED
    live_marker: Reading[bool] = NOT_ATTEMPTED
    clock: Reading[datetime] = NOT_ATTEMPTED
    trouble: Unread | None = None

    def bank(self, link: str) -> BankFacts:
        """The bank behind a link; one without any reading when it is not there."""
        missing = BankFacts(link) if self.trouble is None else BankFacts(link, self.trouble, self.trouble)
        return next((bank for bank in self.banks if bank.link == link), missing)


__all__ = [
    "ALTBOOTBANK",
    "BOOTBANK",
    "IMAGE_DATABASE",
    "STATE",
    "BankComponent",
    "BankFacts",
    "BankFile",
    "BankImage",
    "BankObservation",
]
