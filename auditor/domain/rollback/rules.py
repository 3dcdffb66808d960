"""The rules by which a window is open, shut or unknown. The first that speaks decides.

They follow the field's own: the loader chooses by ``updated`` among good banks (field note b, grade CODE), the installer
leaves a copy that only looks like an older image (d), a VIB installed live takes the other bank (KB 316592, KB 386377), and
the loader judges a bank from boot.cfg alone, so module files are looked for here. A window is open only if everything that
decides it was read and agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditor.domain.banks import VOLUMES, Bank, BootCfg, predict_next_boot
from auditor.domain.bootbank import BootState
from auditor.domain.bootcfg import LoaderKeys
from auditor.domain.observation import Read, Reading, Reason, Unread, value_of
from auditor.domain.rollback.arm import Refusal, arm_edit
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK, STATE, BankFacts, BankFile, BankObservation
from auditor.domain.rollback.build import parse_build
from auditor.domain.rollback.window import Trouble, Window, WindowKind
from auditor.domain.wording import few
from auditor.masking import masked


class Banks:
    """What was read, taken apart once for all rules."""

    def __init__(self, seen: BankObservation) -> None:
        self.seen = seen
        self.own, self.other = seen.bank(BOOTBANK), seen.bank(ALTBOOTBANK)
        self.before_loader = tuple(
            Bank(bank.link, loader_sees(bank), value_of(bank.partition)) for bank in (self.own, self.other)
        )
        self.own_cfg, self.other_cfg = _parsed(self.own), _parsed(self.other)
        self.next = predict_next_boot(self.before_loader)

    @property
    def own_keys(self) -> LoaderKeys | None:
        return self.own_cfg.loader if self.own_cfg else None

    @property
    def other_keys(self) -> LoaderKeys | None:
        return self.other_cfg.loader if self.other_cfg else None

    @property
    def next_is_other(self) -> bool:
        return isinstance(self.next, Read) and self.next.value.bank == ALTBOOTBANK

    @property
    def same_build(self) -> bool:
        own, other = self.own_keys, self.other_keys
        return own is not None and other is not None and own.build is not None and own.build == other.build


def loader_sees(bank: BankFacts) -> Reading[bytes | None]:
    if isinstance(bank.boot_cfg, Unread) and bank.boot_cfg.reason is Reason.ABSENT:
        return Read(None)
    return bank.boot_cfg


def _parsed(bank: BankFacts) -> BootCfg | None:
    return BootCfg.parse(bank.boot_cfg.value) if isinstance(bank.boot_cfg, Read) else None


Rule = Callable[[Banks], Window | None]


def _unknown(why: str) -> Window:
    return Window(WindowKind.UNKNOWN, "", why)


def _unhealthy(why: str, trouble: Trouble = Trouble.BANKS) -> Window:
    return Window(WindowKind.UNHEALTHY, "", why, trouble=trouble)


def _not_reached(banks: Banks) -> Window | None:
    trouble = banks.seen.trouble
    return _unknown(f"the host was not read: {trouble}") if trouble is not None else None


def _links(banks: Banks) -> Window | None:
    """A link into the RAM disk: the boot device was lost or slow at boot, and what is written there is gone at the next."""
    targets = []
    for bank in (banks.own, banks.other):
        if isinstance(bank.target, Unread):
            return _unknown(f"where {bank.link} leads was not read: {bank.target}")
        volume = bank.target.value.removeprefix(VOLUMES).strip("/")
        if not bank.target.value.startswith(VOLUMES) or not volume or volume in {".", ".."} or "/" in volume:
            return _unhealthy(
                f"{bank.link} leads to {masked(bank.target.value)[:100]!r} and not to a volume: the boot device was lost or "
                "slow at boot, or the host is stateless",
                Trouble.DEVICE,
            )
        targets.append(volume)
    return _unhealthy(f"both links lead to volume {targets[0]}", Trouble.DEVICE) if targets[0] == targets[1] else None


def _own_file(banks: Banks) -> Window | None:
    reading = banks.own.boot_cfg
    if isinstance(reading, Unread):
        text = f"{BOOTBANK}/boot.cfg: {reading}"
        return _unhealthy(text) if reading.reason is Reason.ABSENT else _unknown(text)
    keys = banks.own_keys
    if keys is None:
        return _unhealthy(f"the loader gives up {BOOTBANK}/boot.cfg because of a value in it: the host will not boot from it")
    if keys.updated == 0 or keys.build is None:
        return _unhealthy(f"{BOOTBANK}/boot.cfg has no updated counter or no build: the host will not boot from it")
    return None


def _other_file(banks: Banks) -> Window | None:
    reading = banks.other.boot_cfg
    if isinstance(reading, Unread):
        if reading.reason is Reason.ABSENT:
            return Window(WindowKind.EMPTY, "", f"{ALTBOOTBANK} has no boot.cfg")
        return _unknown(f"{ALTBOOTBANK}/boot.cfg: {reading}")
    if banks.other_keys is None:
        return _unhealthy(f"the loader gives up {ALTBOOTBANK}/boot.cfg because of a value in it")
    return None


def _volumes(banks: Banks) -> Window | None:
    """More than two banks: KB 433821, KB 426834. The loader takes the first three of the boot disk."""
    volumes = banks.seen.volumes
    if isinstance(volumes, Unread):
        return _unknown(f"whether there is a third bank was not read: {volumes}")
    own = {bank.target.value.rstrip("/") for bank in (banks.own, banks.other) if isinstance(bank.target, Read)}
    if len(own) < 2:
        return _unknown("where both links lead was not read")
    found = {volume.rstrip("/") for volume in volumes.value}
    if found - own:
        return _unhealthy(f"a boot.cfg on a volume besides the two banks: {', '.join(sorted(found - own))}")
    if own - found:
        return _unknown(f"the volumes were listed without a boot.cfg on {', '.join(sorted(own - found))}")
    return None


def _quick_boot(banks: Banks) -> Window | None:
    for link, keys in ((BOOTBANK, banks.own_keys), (ALTBOOTBANK, banks.other_keys)):
        if keys is not None and keys.quickboot:
            return Window(WindowKind.QUICKBOOT, "", f"{link}/boot.cfg has quickboot=1: that bank is for one Quick Boot only")
    return None


def _own_state(banks: Banks) -> Window | None:
    if banks.own_keys is None:
        return _unknown(f"{BOOTBANK}/boot.cfg was not read")
    state = banks.own_keys.bootstate
    if state == BootState.VALID:
        return None
    if state == BootState.DIRTY:
        why = f"{BOOTBANK} is on its trial boot and not confirmed yet (state 2): wait, and do not reboot"
        return _unhealthy(why, Trouble.TRIAL)
    if state == BootState.INVALID:
        why = f"{BOOTBANK} is marked invalid (state 3): somebody armed a rollback, or gave the bank up by hand"
        return _unhealthy(why, Trouble.ARMED)
    return _unhealthy(f"{BOOTBANK} has state {state}, which no booted bank has")


def _running(banks: Banks) -> Window | None:
    """The running build is the booted bank's. It may not be after a live patch, whose effect on the banks is not known."""
    product = banks.seen.product
    if isinstance(product, Unread):
        return _unknown(f"what the host runs was not read: {product}")
    build = parse_build(banks.own_keys.build or "") if banks.own_keys else None
    if build is None:
        return _unknown(f"the build of {BOOTBANK} is not of a known form")
    if build.number != (product.value.build.lstrip("0") or "0"):
        return _unknown(
            f"the host runs build {product.value.build}, {BOOTBANK} holds {build.number}: a live patch, or a bank was changed"
        )
    return None


def _other_state(banks: Banks) -> Window | None:
    own, other = banks.own_keys, banks.other_keys
    if own is None or other is None:
        return _unknown("the banks were not read")
    build = other.build or ""
    if other.bootstate == BootState.UPGRADING:
        return Window(WindowKind.PENDING_UPDATE, build, "an update waits for its first boot (state 1, KB 306902)")
    if other.bootstate == BootState.DIRTY:
        return Window(WindowKind.EMPTY, build, "the other bank's trial boot was never confirmed (state 2): the update failed")
    if other.bootstate == BootState.INVALID:
        if banks.same_build and other.updated == own.updated + 1:
            return Window(
                WindowKind.EMPTY, build, "the installer's copy (state 3, same build, next counter): no image behind it"
            )
        return Window(WindowKind.EMPTY, build, "the other bank is marked invalid (state 3): given up, failed or rolled back")
    if other.bootstate != BootState.VALID:
        return _unhealthy(f"{ALTBOOTBANK} has state {other.bootstate}, which is none")
    if other.updated == 0 or not build:
        return Window(WindowKind.EMPTY, build, f"{ALTBOOTBANK}/boot.cfg has no updated counter or no build: it is never booted")
    return None


def _choice(banks: Banks) -> Window | None:
    """Both banks are good: the one that starts next decides."""
    if isinstance(banks.next, Unread):
        return _unknown(f"which bank starts next is not decided: {banks.next}")
    if banks.next_is_other and banks.same_build:
        reason = "a VIB was installed without a reboot and took the other bank, which the next boot starts (KB 316592)"
        return Window(WindowKind.CONSUMED, "", reason)
    if banks.next_is_other:
        reason = (
            "the next boot starts the other bank by itself (state 0, higher counter): an update staged the old way, or "
            "counters swapped by hand, which carries this configuration into the other image"
        )
        return Window(WindowKind.PENDING_UPDATE, "", reason)
    if banks.same_build:
        reason = "both banks hold the same build (KB 376175); they may still differ in drivers and add-on VIBs"
        return Window(WindowKind.CONSUMED, "", reason)
    return None


def _marker(banks: Banks) -> Window | None:
    marker = banks.seen.live_marker
    if isinstance(marker, Unread):
        return _unknown(f"whether a VIB was installed live was not read: {marker}")
    if marker.value:
        return _unknown("the host says that a live VIB took the other bank, which holds another build all the same")
    return None


def _next_whole(banks: Banks) -> Window | None:
    """The loader does not look whether the files that boot.cfg names are there: the next stage fails, and nothing falls back.
    Where they could not be listed, other rules decide."""
    if isinstance(banks.next, Unread) or banks.next.value.bank is None:
        return None
    bank, cfg = (banks.other, banks.other_cfg) if banks.next_is_other else (banks.own, banks.own_cfg)
    if cfg is None or isinstance(bank.files, Unread) or cfg.settings.get("prefix"):
        return None
    missing = _missing(cfg, bank.files.value)
    if not missing:
        return None
    why = f"{bank.link}/boot.cfg names files that are missing or empty: {few(missing)}: the next boot starts it and fails"
    return _unhealthy(why, Trouble.NEXT_BANK)


def _missing(cfg: BootCfg, files: Sequence[BankFile]) -> list[str]:
    """The files a boot.cfg names that a bank does not have, or has empty."""
    there = {file.name.lower() for file in files if file.size > 0}
    return [name for name in _named(cfg) if name not in there]


def _named(cfg: BootCfg) -> list[str]:
    names = (cfg.settings.get("kernel", ""), *cfg.modules)
    return [name.split()[0].lstrip("/").lower() for name in names if name.strip()]


def _modules(banks: Banks) -> Window | None:
    """The same of the bank to go back to, which has to be whole."""
    cfg, files = banks.other_cfg, banks.other.files
    if cfg is None:
        return _unknown("the other bank was not read")
    if cfg.settings.get("prefix"):
        return _unknown(f"{ALTBOOTBANK}/boot.cfg has a prefix, so its modules lie elsewhere")
    if not cfg.settings.get("kernel", "") or not cfg.modules:
        return _unhealthy(f"{ALTBOOTBANK}/boot.cfg names no kernel or no modules")
    if STATE not in _named(cfg):
        return _unhealthy(f"{ALTBOOTBANK}/boot.cfg does not name {STATE}: the host would come up with factory configuration")
    if isinstance(files, Unread):
        return _unknown(f"the files of {ALTBOOTBANK} were not listed: {files}")
    missing = _missing(cfg, files.value)
    return _unhealthy(f"{ALTBOOTBANK}/boot.cfg names files that are missing or empty: {few(missing)}") if missing else None


def _partitions(banks: Banks) -> Window | None:
    own, other = value_of(banks.own.partition), value_of(banks.other.partition)
    if own is not None and own == other:
        return _unhealthy(f"both banks claim partition {own}")
    return None


def _armable(banks: Banks) -> Window | None:
    """Shift+R writes the same byte as we would: where it finds no place for it, neither way works."""
    if any(isinstance(bank.boot_cfg, Unread) for bank in banks.before_loader):
        return _unknown("the banks were not read")
    edit = arm_edit(*banks.before_loader)
    return _unhealthy(f"the loader could not give the booted bank up: {edit}") if isinstance(edit, Refusal) else None


def _way_back(_: Banks) -> Window:
    return Window(WindowKind.OPEN, "", "the other bank is good and complete")


BOOT_CFG_RULES: tuple[Rule, ...] = (
    _not_reached, _links, _own_file, _other_file, _quick_boot, _own_state, _other_state, _choice, _armable, _way_back,
)  # fmt: skip
WINDOW_RULES: tuple[Rule, ...] = (
    _not_reached, _links, _own_file, _other_file, _volumes, _quick_boot, _own_state, _next_whole, _running,
    _other_state, _partitions,
    _choice, _marker, _modules, _armable, _way_back,
)  # fmt: skip


def _known(rule: Rule) -> Rule:
    """The same rule, silent where it could only say that something was not read."""

    def speak(banks: Banks) -> Window | None:
        found = rule(banks)
        return None if found is not None and found.kind is WindowKind.UNKNOWN else found

    return speak


ALARM_RULES: tuple[Rule, ...] = tuple(map(_known, WINDOW_RULES))


__all__ = ["ALARM_RULES", "BOOT_CFG_RULES", "WINDOW_RULES", "Banks", "Rule", "loader_sees"]
