"""A site of hosts that outlives the process that acts on it: kept in a file, booting by the loader's rules, on simulated time.

A killed tool finds the hosts as it left them. ``Killer`` ends the process with SIGKILL at a moment, which is counted over
every call that leaves the tool: before and after each write to the journal, each look, each act.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.backup.sealing import Key
from auditor.backup.vault import Vault
from auditor.domain.observation import Read, Reading, Reason, Route, Unread
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.control import (
    BootCfgChange,
    BootCfgWrite,
    Bundle,
    Connection,
    Evacuation,
    HostTask,
    TaskState,
    TaskView,
    WriteOutcome,
)
from auditor.domain.rollback.decision import Limits
from auditor.domain.rollback.look import Look
from auditor.domain.rollback.situation import HostSituation
from auditor.errors import ConnectError, InDoubtError, RefusedError
from auditor.history.journal import SqliteJournal
from auditor.ports import HostTarget, Save
from auditor.workflows.rollback.means import CheckResult, Hands, Means, Pace, Sight
from tests.domain.rollback import samples
from tests.domain.rollback.samples import NOW
from tests.domain.rollback.world import World

PACE = Pace(
    poll=timedelta(minutes=1),
    connect=timedelta(minutes=5),
    maintenance=timedelta(minutes=10),
    order=timedelta(minutes=1),
    unattended=Limits(timedelta(minutes=15), timedelta(minutes=60)),
    guided=Limits(timedelta(minutes=30), timedelta(minutes=90)),
)


@dataclass
class SiteHost(World):
    """One host. ``bundles``, ``entered`` and ``left`` count what was done to it; ``person`` reboots it with Shift+R so many
    minutes after it is in maintenance mode; ``full`` and the rest are faults."""

    name: str = "esx1"
    in_vcenter: bool = True
    bundles: int = 0
    entered: int = 0
    left: int = 0
    person: int | None = None
    full: bool = False
    mute_orders: int = 0  # so many answers to orders are lost, the orders not
    enters_in: int = 0  # minutes until maintenance mode is reached
    entering: int | None = None
    ha_live: bool = False
    check_fails: bool = False
    moved_fact: bool = False
    lost_until: int | None = None  # the minute at which a lost network is back
    task: int = 0

    def tick(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            super().tick()
            if self.lost_until is not None and self.minute >= self.lost_until:
                self.lost, self.lost_until = False, None
            if self.entering is not None and self.minute >= self.entering:
                self.entering = None
                self.maintenance = True
            if self.person is not None and self.maintenance and self.boot == 1 and self.down_at is None and self.running:
                self.person -= 1
                if self.person <= 0:
                    self.person, self.shift_r = None, True
                    self.down_at = self.minute + 1

    def look(self) -> Look:
        look = super().look()
        return replace(look, banks=replace(look.banks, host=self.name))

    def whole(self) -> BankObservation:
        """The banks with their files and images."""
        seen = self.look().banks
        if seen.trouble is not None:
            return seen
        images = {samples.VOLUME_A: samples.image(samples.NEW), samples.VOLUME_B: samples.image(samples.OLD)}
        numbers = {samples.VOLUME_A: 5, samples.VOLUME_B: 6}
        banks = []
        for bank in seen.banks:
            assert isinstance(bank.target, Read)
            volume = bank.target.value
            banks.append(
                replace(bank, files=Read(samples.files()), image=Read(images[volume]), partition=Read(numbers[volume]))
            )
        return replace(
            seen, banks=tuple(banks), volumes=Read(tuple(sorted(self.volumes))), live_marker=Read(False), clock=Read(seen.at)
        )

    def reachable(self) -> None:
        if self.running is None or self.lost:
            raise ConnectError("no answer", where=self.name)


class Killer:
    """Ends this process at its ``at``-th moment; 0: never. ``seen`` counts."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.seen = at, 0

    def point(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Site:
    """The file with all hosts. ``fault`` is asked at every act, with host and name of the act."""

    path: Path
    killer: Killer = field(default_factory=Killer)
    fault: Callable[[SiteHost, str], None] = lambda host, act: None
    used: int = 16  # GB of memory in use on each host that has VMs, of 256
    lock: Any = field(default_factory=threading.RLock)  # a wave is driven by several threads

    def make(self, *hosts: SiteHost) -> Site:
        self._store({host.name: host for host in hosts})
        return self

    def hosts(self) -> dict[str, SiteHost]:
        found: dict[str, SiteHost] = pickle.loads(self.path.read_bytes())
        return found

    def _store(self, hosts: dict[str, SiteHost]) -> None:
        part = self.path.with_suffix(".part")
        part.write_bytes(pickle.dumps(hosts))
        part.replace(self.path)

    @contextmanager
    def host(self, name: str, act: str = "") -> Iterator[SiteHost]:
        """One host to look at or to change; what was changed is kept also when the answer is lost."""
        self.killer.point()
        with self.lock:
            hosts = self.hosts()
            try:
                if act:
                    self.fault(hosts[name], act)
                yield hosts[name]
            finally:
                self._store(hosts)
        self.killer.point()

    def pass_time(self, seconds: float) -> None:
        with self.lock:
            hosts = self.hosts()
            for host in hosts.values():
                host.tick(max(1, round(seconds / 60)))
            self._store(hosts)

    # The ports ------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return NOW + timedelta(minutes=max(host.minute for host in self.hosts().values()))

    def look(self, target: HostTarget) -> Look:
        with self.host(target.name, "look") as host:
            return host.look()

    def read_banks(self, target: HostTarget) -> BankObservation:
        with self.host(target.name, "read") as host:
            return host.whole()

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation:
        with self.host(target.name) as host:
            look = host.look()
            return samples.situation(
                situation.banks,
                host=situation.host,
                vcenter=situation.vcenter,
                maintenance_mode=look.maintenance_mode,
                boot_id=look.boot_id,
                dpu=Read(host.moved_fact),
                loads=samples.loads(*self.hosts(), used=self.used),
            )

    def connection(self, target: HostTarget) -> Reading[Connection]:
        with self.host(target.name) as host:
            if host.running is None or not host.connects:
                return Read(Connection("notResponding"))
            return Read(Connection("connected"))

    def arm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        return self._write(target, change, "arm", change.before, change.after)

    def disarm(self, target: HostTarget, change: BootCfgChange) -> BootCfgWrite:
        return self._write(target, change, "disarm", change.after, change.before)

    def _write(self, target: HostTarget, change: BootCfgChange, act: str, old: bytes, new: bytes) -> BootCfgWrite:
        with self.host(target.name, act) as host:
            host.reachable()
            found = host.volumes[change.volume]
            if found == new:
                return BootCfgWrite(WriteOutcome.ALREADY, found)
            if found != old:
                return BootCfgWrite(WriteOutcome.BOOT_CFG_CHANGED, found)
            if act == "arm" and host.volumes[change.other_volume] != change.other:
                return BootCfgWrite(WriteOutcome.OTHER_BANK_CHANGED, found)
            if host.read_only or host.full:
                return BootCfgWrite(WriteOutcome.READ_ONLY if host.read_only else WriteOutcome.FULL, found, "no writing there")
            host.volumes[change.volume] = new
            host.arms += act == "arm"
            self._lose_answer(host)
            return BootCfgWrite(WriteOutcome.WRITTEN, new)

    @property
    def route(self) -> Route:
        return Route.VCENTER

    def _lose_answer(self, host: SiteHost) -> None:
        if host.mute_orders:
            host.mute_orders -= 1
            raise InDoubtError("the connection broke", where=host.name)

    def _task(self, host: SiteHost, kind: str) -> HostTask:
        host.task += 1
        self._lose_answer(host)
        return HostTask(f"{kind}-{host.task}")

    def enter_maintenance(self, target: HostTarget, evacuation: Evacuation, timeout: float) -> HostTask:
        with self.host(target.name, "enter") as host:
            host.reachable()
            host.entered += 1
            if host.enters_in:
                host.entering = host.minute + host.enters_in
            else:
                host.maintenance = True
            return self._task(host, "enter")

    def leave_maintenance(self, target: HostTarget, timeout: float) -> HostTask:
        with self.host(target.name, "leave") as host:
            host.reachable()
            host.left += 1
            host.maintenance = False
            if host.ha_live:  # the agent takes the other bank: the running image with one VIB more, and the next start
                assert host.running is not None
                other = next(volume for volume in host.order if volume != host.running)
                host.volumes[other] = samples.boot_cfg(samples.OLD, 9)
            return self._task(host, "leave")

    def reboot(self, target: HostTarget, reason: str) -> HostTask:
        with self.host(target.name, "reboot") as host:
            host.reachable()
            if host.reboot_refused or not host.maintenance:
                raise RefusedError("it is not in maintenance mode", where=host.name)
            host.orders += 1
            host.down_at = host.minute + host.goes_down
            return self._task(host, "reboot")

    def task(self, target: HostTarget, task: HostTask) -> TaskView:
        with self.host(target.name) as host:
            host.reachable()
            if task.id.startswith("enter") and host.entering is not None:
                return TaskView(TaskState.RUNNING, 50)
            return TaskView(TaskState.SUCCESS, 100)

    def cancel(self, target: HostTarget, task: HostTask) -> None:
        with self.host(target.name, "cancel") as host:
            host.entering = None

    def pending(self, target: HostTarget) -> tuple[HostTask, ...]:
        with self.host(target.name) as host:
            host.reachable()
            return (HostTask(f"enter-{host.task}"),) if host.entering is not None else ()

    def maintenance_mode(self, target: HostTarget) -> Reading[bool]:
        with self.host(target.name) as host:
            return Read(host.maintenance) if host.running else Unread(Reason.UNREACHABLE)

    def fetch_bundle(self, target: HostTarget, save: Save) -> Bundle:
        with self.host(target.name, "bundle") as host:
            host.reachable()
            host.bundles += 1
            size, digest = save([b"\x1f\x8b bundle of ", host.name.encode()])
            return Bundle(host.name, f"configBundle-{host.name}.tgz", size, digest, self.now())

    def run(self, name: str) -> Iterator[CheckResult]:
        with self.host(name, "check") as host:
            yield CheckResult("required/ping", True, not host.check_fails, "no VMs" if host.check_fails else "fine")


class KilledJournal(SqliteJournal):
    """The real journal, with a moment before and after each of its writes."""

    killer = Killer()

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        # What is killed here is a process, not a machine: the operating system keeps what was written.
        self._file._conn.execute("PRAGMA synchronous=OFF")

    def open(self, *args: Any, **words: Any) -> int:
        self.killer.point()
        number = super().open(*args, **words)
        self.killer.point()
        return number

    def write(self, *args: Any, **words: Any) -> Any:
        self.killer.point()
        entry = super().write(*args, **words)
        self.killer.point()
        return entry

    def close_operation(self, *args: Any, **words: Any) -> None:
        self.killer.point()
        super().close_operation(*args, **words)
        self.killer.point()


def means(site: Site, folder: Path, *, unattended: bool = True, heard: list[str] | None = None) -> Means:
    sight = Sight(
        looker=site,
        banks=site,
        situations=site,
        surroundings={"vc": site},
        target=lambda vcenter, name: HostTarget(name, name, 22, vcenter),
        clock=site,
    )
    said = heard if heard is not None else []
    return Means(
        sight=sight,
        hands=Hands(site if unattended else None, lambda vcenter: site),
        vault=Vault(folder / "vault", Key("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")),
        sleep=site.pass_time,
        tell=lambda host, words: said.append(f"{host}: {words}"),
        checks=site,
        pace=PACE,
    )
