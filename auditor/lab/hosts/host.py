"""A simulated ESXi host: what it runs, its two boot banks, its power, and what it does wrong on purpose.

The banks change as on a real host (field notes b to d): staging writes the other bank with bootstate 1 and the next
counter, a live VIB writes it with bootstate 0 and a higher counter, booting follows
`auditor.domain.bootbank.simulate_boot`, and jumpstart confirms a boot that came up. The configuration lives in the
banks' state archives, so a rollback brings back the old passwords and keys. Not simulated: the hourly auto-backup,
Quick Boot, encryption of the state archive, DPUs.
"""

from __future__ import annotations

import hashlib
import threading
import uuid as uuid_module
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor.domain.bootbank import BootState
from auditor.lab.hosts.bank import BOOT_CFG, LabBank
from auditor.lab.hosts.faults import check_faults
from auditor.lab.hosts.images import LabImage, LabVib
from auditor.lab.hosts.power import HostAct, Power, PowerCycle

if TYPE_CHECKING:
    import asyncssh

DEFAULT_PASSWORD = "VMware1!"
"""Root's password on every simulated host that is not given another."""


def host_uuid(name: str) -> str:
    """The hardware (BIOS) UUID of a host that is not given another: made of its name."""
    return str(uuid_module.uuid5(uuid_module.NAMESPACE_DNS, name))


class HostDownError(RuntimeError):
    """Something was asked of a host that only a running host can do."""


class LabHost(PowerCycle):
    """One host. Every method may be called from any thread; ``lock`` may be shared with the whole lab."""

    encryption = "NONE"
    """Mode of the configuration's encryption; a host in mode TPM has a recovery key."""
    secure_boot = False
    quick_boot = False
    """Whether the hardware can do Quick Boot."""
    quick_booted = False
    """Whether the running system was started by one. Reboots here are full ones."""
    tpm = ""
    """Version of its TPM; empty: none."""
    attestation = ""
    """What vCenter's attestation of the TPM came to: "accepted", "notAccepted", or empty: not attested."""
    vendor = "Lab"
    """Manufacturer, as SMBIOS names it."""
    model = "Simulated host"
    acceptance = "PartnerSupported"
    """Its acceptance level, in esxcli's word."""
    vsan_format = 0
    """On-disk format of its vSAN disks; 0: the one its release brings."""

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
        self.uuid = uuid or host_uuid(name)
        """The hardware (BIOS) UUID."""
        self.lock = lock or threading.RLock()
        self.clock = clock
        self.reboot_seconds = reboot_seconds
        """How long `restart` keeps the host away when no fault says otherwise."""
        self.password = password
        self.authorized_keys = list(authorized_keys)
        self.acts = []
        self._maintenance = False
        self.vsan = False
        self.vcenter_managed = True
        self.faults = {}
        self.on_change = []
        self.firmware: dict[str, tuple[str, str]] = {}
        """The hardware support package (name, version) whose firmware it has, by hardware support manager."""
        self.fault_uses: dict[str, int] = {}
        """How often a command's fault struck, for those that strike only so many times."""
        self._host_keys: dict[int, asyncssh.SSHKey] = {}
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
            if self.key_number not in self._host_keys:
                self._host_keys[self.key_number] = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
            return self._host_keys[self.key_number]

    def known_hosts_line(self) -> str:
        """The line OpenSSH and paramiko need to know this host's key, without a line end."""
        key = self.host_key.export_public_key().decode("ascii").split()
        where = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        return f"{where} {key[0]} {key[1]}"

    def set_faults(self, faults: dict[str, Any]) -> None:
        """Replace all faults; see `auditor.lab.hosts.faults`. Raises `ValueError` for an unknown one."""
        check_faults(faults)
        with self.lock:
            self.faults = dict(faults)
            self.fault_uses.clear()
            self._changed()

    # Changing what it runs -----------------------------------------------------------------------------------------

    def _next_counter(self) -> int:
        return max(bank.updated for bank in self.banks) + 1

    def stage(self, image: LabImage) -> None:
        """What esxcli does before "Reboot Required: true": the other bank holds ``image``, on trial at the next boot."""
        self._write_other(image, BootState.UPGRADING)

    def live_install(self, *vibs: LabVib) -> None:
        """Install VIBs without a reboot: the image with them is running and, complete, in the other bank (note d)."""
        with self.lock:
            today = self.clock().date().isoformat()
            image = self.running_image.with_vibs(replace(vib, install_date=vib.install_date or today) for vib in vibs)
            self._write_other(image, BootState.VALID)
            self._running = image
            self.live_marker = True

    def _write_other(self, image: LabImage, state: BootState) -> None:
        with self.lock:
            other = self.other_bank
            if other is None:
                raise HostDownError(f"{self.name} is {self._power}: nothing can be installed on it")
            other.write_image(image, bootstate=state, updated=self._next_counter(), config=self.config)
            other.times = dict.fromkeys(other.files, self.clock())
            self.note(f"wrote {image.base_image} to the other bank")

    def remediate(self, image: LabImage) -> None:
        """Stage ``image`` and reboot at once. Raises `HostDownError` when the host does not come up again."""
        with self.lock:
            self.stage(image)
            self.reboot()
            if self._power != "on":
                raise HostDownError(f"{self.name} did not come up after remediation: {self.console}")


__all__ = ["DEFAULT_PASSWORD", "HostAct", "HostDownError", "LabHost"]
