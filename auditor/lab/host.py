"""A simulated ESXi host: what it runs, its two boot banks, its power, and what it does wrong on purpose.

The banks change as on a real host (field notes b to d): staging writes the other bank with bootstate 1 and the next
counter, a live VIB writes it with bootstate 0 and a higher counter, booting follows
`auditor.domain.bootbank.simulate_boot`, and jumpstart confirms a boot that came up. The configuration lives in the
banks' state archives, so a rollback brings back the old password and keys. Not simulated: the hourly auto-backup,
Quick Boot, encryption of the state archive, DPUs.
"""

from __future__ import annotations

import hashlib
import threading
import uuid as uuid_module
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from auditor.domain.bootbank import BootState, after, simulate_boot
from auditor.lab.bank import BOOT_CFG, STATE, HostConfig, LabBank, modules_of, pack_config, unpack_config
from auditor.lab.faults import check_faults
from auditor.lab.images import LabImage, LabVib

if TYPE_CHECKING:
    import asyncssh

Power = Literal["on", "rebooting", "off"]

DEFAULT_PASSWORD = "VMware1!"
"""Root's password on every simulated host that is not given another."""

FACTORY_CONFIG = HostConfig(password="")
"""What a host boots with when its bank has no usable state archive."""


@dataclass(frozen=True, slots=True)
class HostAct:
    """One thing that was done to a host."""

    time: datetime
    what: str


class HostDownError(RuntimeError):
    """Something was asked of a host that only a running host can do."""


class LabHost:
    """One host. Every method may be called from any thread; ``lock`` may be shared with the whole lab."""

    def __init__(
        self,
        name: str,
        image: LabImage,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        uuid: str | None = None,
        password: str = DEFAULT_PASSWORD,
        authorized_keys: Iterable[str] = (),
        faults: dict[str, Any] | None = None,
        reboot_seconds: float = 0.2,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lock: threading.RLock | None = None,
    ) -> None:
        self.name = name
        """The host's name as vCenter knows it; the part before the first dot is its own hostname."""
        self.address = address
        self.port = port
        self.uuid = uuid or str(uuid_module.uuid5(uuid_module.NAMESPACE_DNS, name))
        """The hardware (BIOS) UUID."""
        self.lock = lock or threading.RLock()
        self.clock = clock
        self.reboot_seconds = reboot_seconds
        """How long `restart` keeps the host away when no fault says otherwise."""
        self.password = password
        self.authorized_keys = list(authorized_keys)
        self.acts: list[HostAct] = []
        """What was done to the host, oldest first: boots, images written, maintenance mode. Reading leaves nothing here."""
        self._maintenance = False
        self.vsan = False
        self.vcenter_managed = True
        self.ssh_policy: Literal["on", "off"] = "on"
        """Whether TSM-SSH starts with the host."""
        self.faults: dict[str, Any] = {}
        self.on_change: list[Callable[[LabHost], None]] = []
        """Called, with the lock held, after power, SSH service or faults changed."""
        self.console = ""
        """The last thing the loader left on the screen when the host does not come up."""
        self.failed_logins = 0
        self.locked_at: datetime | None = None
        """When root was locked out after too many wrong passwords."""
        self.booted: int | None = None
        self.boot_time: datetime | None = None
        self.live_marker = False
        """/var/run/update_altbootbank: a VIB was installed live since the boot."""
        self.boots = 0
        """How often the host came up: what lives in RAM belongs to one of these."""
        self._power: Power = "off"
        self._ssh_enabled = True
        self._running: LabImage | None = None
        self._host_key: asyncssh.SSHKey | None = None
        self._timer: threading.Timer | None = None
        if faults:
            self.set_faults(faults)
        self.banks = [LabBank(self._volume(partition), partition) for partition in (5, 6)]
        self._install(image)
        self.boot()
        self.acts.clear()

    def __repr__(self) -> str:
        return f"LabHost({self.name!r}, {self.address}:{self.port}, {self._power})"

    def _volume(self, partition: int) -> str:
        digest = hashlib.sha256(f"{self.uuid}/{partition}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:16]}-{digest[16:20]}-{digest[20:32]}"

    def _install(self, image: LabImage) -> None:
        """A fresh installation: the other bank gets a copy of boot.cfg that may not be booted, and no modules (note d)."""
        main, other = self.banks
        main.write_image(image, bootstate=BootState.VALID, updated=1, config=self.config)
        other.image = None
        copy = main.files[BOOT_CFG].replace(b"bootstate=0", b"bootstate=3").replace(b"updated=1\n", b"updated=2\n")
        other.files = {BOOT_CFG: copy}

    def note(self, what: str) -> None:
        """Write down that something was done to the host."""
        self.acts.append(HostAct(self.clock(), what))

    def state_digest(self) -> str:
        """A hash over everything a visitor could have changed: every file of both banks, image, power, boots, maintenance."""
        parts: list[object] = [self._power, self.boots, self.booted, self.maintenance, self.live_marker, self._running]
        for bank in self.banks:
            parts += [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(bank.files.items())]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    # What it is now ------------------------------------------------------------------------------------------------

    @property
    def maintenance(self) -> bool:
        """Whether it is in maintenance mode."""
        return self._maintenance

    @maintenance.setter
    def maintenance(self, value: bool) -> None:
        if value != self._maintenance:
            self.note("entered maintenance mode" if value else "left maintenance mode")
        self._maintenance = value

    @property
    def power(self) -> Power:
        """``on``, ``rebooting`` (on its way, unreachable) or ``off``."""
        return self._power

    @property
    def ssh_enabled(self) -> bool:
        """Whether the service TSM-SSH runs."""
        return self._ssh_enabled

    @ssh_enabled.setter
    def ssh_enabled(self, value: bool) -> None:
        with self.lock:
            self._ssh_enabled = value
            self._changed()

    @property
    def ssh_reachable(self) -> bool:
        """Whether something listens on the SSH port."""
        return self._power == "on" and self._ssh_enabled and self.faults.get("ssh") != "refuse"

    @property
    def config(self) -> HostConfig:
        """The running configuration as a state archive would keep it."""
        return HostConfig(self.password, tuple(self.authorized_keys))

    @property
    def running_image(self) -> LabImage:
        """The image in memory. Raises `HostDownError` when the host is not up."""
        if self._running is None:
            raise HostDownError(f"{self.name} is {self._power}: it runs no image")
        return self._running

    @property
    def pending_image(self) -> LabImage | None:
        """The image that is staged for the next boot: what ``--rebooting-image`` shows."""
        other = self.other_bank
        return other.image if other is not None and other.bootstate == BootState.UPGRADING else None

    @property
    def boot_bank(self) -> LabBank | None:
        """The bank /bootbank stands for."""
        return None if self.booted is None else self.banks[self.booted]

    @property
    def other_bank(self) -> LabBank | None:
        """The bank /altbootbank stands for."""
        return None if self.booted is None else self.banks[1 - self.booted]

    @property
    def host_key(self) -> asyncssh.SSHKey:
        """The host's ECDSA P-256 key, made when first asked for."""
        import asyncssh

        with self.lock:
            if self._host_key is None:
                self._host_key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
            return self._host_key

    def known_hosts_line(self) -> str:
        """The line OpenSSH and paramiko need to know this host's key, without a line end."""
        key = self.host_key.export_public_key().decode("ascii").split()
        where = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        return f"{where} {key[0]} {key[1]}"

    def set_faults(self, faults: dict[str, Any]) -> None:
        """Replace all faults; see `auditor.lab.faults`. Raises `ValueError` for an unknown one."""
        check_faults(faults)
        with self.lock:
            self.faults = dict(faults)
            self._changed()

    def _changed(self) -> None:
        for watcher in list(self.on_change):
            watcher(self)

    # Changing what it runs -----------------------------------------------------------------------------------------

    def _next_counter(self) -> int:
        return max(bank.updated for bank in self.banks) + 1

    def stage(self, image: LabImage) -> None:
        """What esxcli does before "Reboot Required: true": the other bank holds ``image``, on trial at the next boot."""
        self._write_other(image, BootState.UPGRADING)

    def live_install(self, *vibs: LabVib) -> None:
        """Install VIBs without a reboot: the image with them is running and, complete, in the other bank (note d)."""
        with self.lock:
            image = self.running_image.with_vibs(vibs)
            self._write_other(image, BootState.VALID)
            self._running = image
            self.live_marker = True

    def _write_other(self, image: LabImage, state: BootState) -> None:
        with self.lock:
            other = self.other_bank
            if other is None:
                raise HostDownError(f"{self.name} is {self._power}: nothing can be installed on it")
            other.write_image(image, bootstate=state, updated=self._next_counter(), config=self.config)
            self.note(f"wrote {image.base_image} to the other bank")

    def remediate(self, image: LabImage) -> None:
        """Stage ``image`` and reboot at once. Raises `HostDownError` when the host does not come up again."""
        with self.lock:
            self.stage(image)
            self.reboot()
            if self._power != "on":
                raise HostDownError(f"{self.name} did not come up after remediation: {self.console}")

    # Power ---------------------------------------------------------------------------------------------------------

    def shut_down(self, *, orderly: bool = True, to: Power = "off") -> None:
        """Stop the host. An orderly stop runs backup.sh first, ``reboot -f`` and a power cut do not (note c)."""
        with self.lock:
            if self._power == "on":
                self.note("went down")
                if orderly:
                    self._back_up()
            self.booted = None
            self._running = None
            self._power = to
            self._changed()

    def _back_up(self) -> None:
        """backup.sh at shutdown: the configuration goes to this bank, and to the other one if it looks freshly staged."""
        here, other = self.boot_bank, self.other_bank
        if here is None or other is None or self.faults.get("links") == "tmp":
            return
        archive = pack_config(self.config)
        here.files[STATE] = archive
        if here.updated < other.updated and other.bootstate < BootState.DIRTY and other.image is not None:
            other.files[STATE] = archive

    def boot(self, *, shift_r: bool = False) -> None:
        """Power on: the loader picks a bank, it is started, and jumpstart confirms it.

        ``shift_r`` is a person at the console asking for the other bank. When nothing comes up the power is ``off``
        and `console` says what the screen shows.
        """
        with self.lock:
            if self._power == "on":
                return
            reboot_faults = self.faults.get("reboot", {})
            index = self._load(shift_r=shift_r)
            if index is not None and reboot_faults.get("old_bank") and self.banks[index].bootstate == BootState.DIRTY:
                index = self._load(shift_r=False)  # the trial boot crashed; this is the power cycle after it
            if index is None:
                self._power = "off"
                self._changed()
                return
            self._come_up(index, confirm=not reboot_faults.get("unconfirmed"))

    def _load(self, *, shift_r: bool) -> int | None:
        """One start of the loader: the index of the bank it starts, with the files as it leaves them."""
        texts = tuple(bank.files.get(BOOT_CFG) for bank in self.banks)
        outcome = simulate_boot(texts)
        texts = after(texts, outcome)
        if shift_r:  # the question comes after the normal pass of the same boot
            outcome = simulate_boot(texts, shift_r=True)
            texts = after(texts, outcome)
        for bank, text in zip(self.banks, texts, strict=True):
            if text is not None:
                bank.files[BOOT_CFG] = text
        index = outcome.selected
        if index is None or not outcome.starts:
            self.console = "No hypervisor found."
            return None
        if not self.banks[index].has_modules or self.banks[index].image is None:
            missing = [name for name in modules_of(texts[index] or b"") if name not in self.banks[index].files]
            self.console = f"Error loading /{missing[0] if missing else 'b.b00'}: Not found"
            return None
        return index

    def _come_up(self, index: int, *, confirm: bool) -> None:
        bank = self.banks[index]
        listed = STATE in modules_of(bank.files[BOOT_CFG])
        config = (unpack_config(bank.files.get(STATE)) if listed else None) or FACTORY_CONFIG
        self.password, self.authorized_keys = config.password, list(config.authorized_keys)
        self.booted, self._running = index, bank.image
        if confirm:
            bank.set_bootstate(BootState.VALID)
        self.boot_time = self.clock()
        self.boots += 1
        self.note("booted")
        self.live_marker = False
        self.failed_logins, self.locked_at = 0, None
        self.console = ""
        self._ssh_enabled = self.ssh_policy == "on"
        self._power = "on"
        self._changed()

    def reboot(self, *, orderly: bool = True, shift_r: bool = False) -> None:
        """Shut down and boot at once, without waiting."""
        with self.lock:
            self.shut_down(orderly=orderly, to="rebooting")
            if not self.faults.get("reboot", {}).get("never"):
                self.boot(shift_r=shift_r)

    def restart(self, *, orderly: bool = True) -> None:
        """Reboot in the background: the host goes away now and comes back after its time, or never if a fault says so."""
        with self.lock:
            self.shut_down(orderly=orderly, to="rebooting")
            fault = self.faults.get("reboot", {})
            if fault.get("never"):
                return
            self._timer = threading.Timer(float(fault.get("seconds", self.reboot_seconds)), self.boot)
            self._timer.daemon = True
            self._timer.start()

    def cancel_restart(self) -> None:
        """Forget a boot that is on its way; for taking the lab down."""
        if self._timer is not None:
            self._timer.cancel()
