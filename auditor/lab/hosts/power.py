"""Power and boot of a simulated host: going down orderly or not, the loader, coming up, and who sits at the console."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from auditor.domain.bootbank import BootState, after, simulate_boot
from auditor.lab.hosts.bank import BOOT_CFG, LOCKDOWN_OFF, STATE, HostConfig, LabBank, modules_of, pack_config, unpack_config
from auditor.lab.hosts.images import LabImage
from auditor.lab.hosts.settings import LabSettings

Power = Literal["on", "rebooting", "off"]

FORGOTTEN_PASSWORD = "Upgrade-day-1!"
"""What root's password was at the upgrade, on a host that comes back with it."""

FACTORY_CONFIG = HostConfig(password="")
"""What a host boots with when its bank has no usable state archive."""


@dataclass(frozen=True, slots=True)
class HostAct:
    """One thing that was done to a host."""

    time: datetime
    what: str


class PowerCycle:
    """The part of a host that starts and stops. The rest of it is `auditor.lab.hosts.host.LabHost`."""

    lock: threading.RLock
    clock: Callable[[], datetime]
    banks: list[LabBank]
    faults: dict[str, Any]
    reboot_seconds: float
    password: str
    authorized_keys: list[str]
    on_change: list[Callable[[Any], None]]
    """Called with the host, its lock held, after power, SSH service or faults changed."""
    acts: list[HostAct]
    """What was done to the host, oldest first: boots, images written, maintenance mode. Reading leaves nothing here."""
    vpxuser = 0
    """Which of the passwords that vCenter ever gave its account on the host is set."""
    key_number = 0
    """Which of its SSH keys the host shows."""
    keys_made = 0
    """The highest number a key ever had."""
    shift_r_pressed = False
    """Somebody sits at the console and presses Shift+R at the next start."""
    ssh_policy: Literal["on", "off"] = "on"
    """Whether TSM-SSH starts with the host."""
    console = ""
    """The last thing the loader left on the screen when the host does not come up."""
    failed_logins = 0
    locked_at: datetime | None = None
    """When root was locked out after too many wrong passwords."""
    booted: int | None = None
    boot_time: datetime | None = None
    live_marker = False
    """/var/run/update_altbootbank: a VIB was installed live since the boot."""
    boots = 0
    """How often the host came up: what lives in RAM belongs to one of these."""
    lockdown = LOCKDOWN_OFF
    """Lockdown mode, as vim25 names it; it lives in the banks' state archives and comes back with them."""
    lockdown_exceptions: tuple[str, ...] = ()
    """Users whom lockdown mode does not keep out."""
    settings = LabSettings()
    """What people set up; it lives in the banks' state archives and comes back with them."""
    _power: Power = "off"
    _ssh_enabled = True
    _running: LabImage | None = None
    _timers: tuple[threading.Timer, ...] = ()
    _as_booted: tuple[tuple[LabImage | None, bytes | None], ...] = ()

    @property
    def config(self) -> HostConfig:
        """The running configuration as a state archive would keep it."""
        return HostConfig(
            self.password,
            tuple(self.authorized_keys),
            self.key_number,
            self.vpxuser,
            self.lockdown,
            self.lockdown_exceptions,
            self.settings,
        )

    def keeps_out(self, user: str) -> bool:
        """Whether lockdown mode refuses that user's logins over SSH."""
        return self.lockdown != LOCKDOWN_OFF and user not in self.lockdown_exceptions

    def note(self, what: str) -> None:
        """Write down that something was done to the host."""
        self.acts.append(HostAct(self.clock(), what))

    def tell(self) -> None:
        """Let whoever watches the host know that something about it changed."""
        with self.lock:
            self._changed()

    def _changed(self) -> None:
        for watcher in list(self.on_change):
            watcher(self)

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
        here = None if self.booted is None else self.banks[self.booted]
        if here is None or self.faults.get("links") == "tmp":
            return
        if self.faults.get("bank") in {"read-only", "full"}:
            self.note("could not save its configuration")
            return
        other = self.banks[1 - (self.booted or 0)]
        archive = pack_config(self.config)
        here.files[STATE] = archive
        here.times[STATE] = self.clock()
        if here.updated < other.updated and other.bootstate < BootState.DIRTY and other.image is not None:
            other.files[STATE] = archive
            other.times[STATE] = self.clock()

    def boot(self, *, shift_r: bool = False) -> None:
        """Power on: the loader picks a bank, it is started, and jumpstart confirms it.

        ``shift_r`` is a person at the console asking for the other bank. When nothing comes up the power is ``off``
        and `console` says what the screen shows.
        """
        with self.lock:
            if self._power == "on":
                return
            shift_r, self.shift_r_pressed = shift_r or self.shift_r_pressed, False
            faults = self.faults.get("reboot", {})
            index = self._load(shift_r=shift_r)
            if index is not None and faults.get("old_bank"):
                index = self._crash(index)
            if index is None:
                self._power = "off"
                self._changed()
                return
            self._come_up(index, faults)

    def _crash(self, index: int) -> int | None:
        """What was to start does not: a trial boot fails and the power is cycled; what was written into boot.cfg since the
        host came up was never on the disk. What an installer wrote was: it syncs, and its boot.cfg belongs to its files."""
        if self.banks[index].bootstate != BootState.DIRTY:
            for bank, (image, text) in zip(self.banks, self._as_booted, strict=False):
                if text is not None and bank.image is image:
                    bank.files[BOOT_CFG] = text
        return self._load(shift_r=False)

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

    def _come_up(self, index: int, faults: dict[str, Any]) -> None:
        bank = self.banks[index]
        listed = STATE in modules_of(bank.files[BOOT_CFG])
        config = (unpack_config(bank.files.get(STATE)) if listed else None) or FACTORY_CONFIG
        self.password, self.authorized_keys = config.password, list(config.authorized_keys)
        self.key_number, self.vpxuser = config.host_key, config.vpxuser
        self.lockdown, self.lockdown_exceptions = config.lockdown, config.lockdown_exceptions
        self.settings = config.settings
        if faults.get("old_password"):
            self.password = FORGOTTEN_PASSWORD
        if faults.get("host_key"):
            self.renew_host_key()
        if faults.get("forget_vcenter"):
            self.vpxuser -= 1
        self.booted, self._running = index, bank.image
        if not faults.get("unconfirmed"):
            self._confirm(bank, float(faults.get("confirm_seconds", 0)))
        now = self.clock()
        # Two boots of a real host are minutes apart; what tells them apart has no finer grain than seconds.
        self.boot_time = now if self.boot_time is None else max(now, self.boot_time + timedelta(seconds=1))
        self._as_booted = tuple((each.image, each.files.get(BOOT_CFG)) for each in self.banks)
        self.boots += 1
        self.note("booted")
        self.live_marker = False
        self.failed_logins, self.locked_at = 0, None
        self.console = ""
        self._ssh_enabled = self.ssh_policy == "on"
        self._power = "on"
        self._changed()

    def _confirm(self, bank: LabBank, seconds: float) -> None:
        """Jumpstart at the end of the start: this boot was a good one."""
        if not seconds:
            bank.set_bootstate(BootState.VALID)
            return
        boots = self.boots + 1

        def confirm() -> None:
            with self.lock:
                if self._power == "on" and self.boots == boots:
                    bank.set_bootstate(BootState.VALID)

        self._later(seconds, confirm)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        self._timers = (*(each for each in self._timers if each.is_alive()), timer)
        timer.start()

    def renew_host_key(self) -> None:
        """From now on the host shows an SSH key that nobody has pinned."""
        with self.lock:
            self.key_number = self.keys_made = self.keys_made + 1
            self._changed()

    def press_shift_r(self) -> None:
        """A person sits down at the console: at the next start the keys are pressed and the question is answered with yes."""
        with self.lock:
            self.shift_r_pressed = True

    def reboot(self, *, orderly: bool = True, shift_r: bool = False) -> None:
        """Shut down and boot at once, without waiting."""
        with self.lock:
            self.shut_down(orderly=orderly, to="rebooting")
            if not self.faults.get("reboot", {}).get("never"):
                self.boot(shift_r=shift_r)

    def restart(self, *, orderly: bool = True) -> None:
        """Reboot in the background: the host goes away now and comes back after its time, or never if a fault says so.
        One that is down already is not restarted."""
        with self.lock:
            if self._power != "on":
                return
            fault = self.faults.get("reboot", {})
            if fault.get("ignored"):
                self.note("ignored an order to reboot")
                return
            self.shut_down(orderly=orderly, to="rebooting")
            if not fault.get("never"):
                self._later(float(fault.get("seconds", self.reboot_seconds)), self.boot)

    def cancel_restart(self) -> None:
        """Forget what is on its way; for taking the lab down."""
        for timer in self._timers:
            timer.cancel()
