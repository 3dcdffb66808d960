"""A host that boots by the loader's rules, a tool that drives it by the machine, and somebody who kills the tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from auditor.domain.bootbank import after, simulate_boot
from auditor.domain.bootcfg import read_keys
from auditor.domain.image import Product
from auditor.domain.journal import Entry, Phase
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.rollback.arm import ByteEdit
from auditor.domain.rollback.bank import BankFacts, BankObservation
from auditor.domain.rollback.build import parse_build
from auditor.domain.rollback.decision import Do, Ended, Found, Limits, Wait
from auditor.domain.rollback.journal import END, HostJournal, Step, end_data
from auditor.domain.rollback.look import Look
from auditor.domain.rollback.machine import next_step
from auditor.domain.rollback.plan import Method, Target, make_target
from tests.domain.rollback.samples import NOW, OLD, OTHER, OWN, VOLUME_A, VOLUME_B, situation

LIMITS = Limits(grace=timedelta(minutes=15), watch=timedelta(minutes=60))


class KilledError(Exception):
    """The tool was killed here."""


class RefusedError(Exception):
    """The host refused an act."""


@dataclass
class World:
    """The host. Time is minutes; a reboot takes effect after ``goes_down`` and lasts ``takes``."""

    volumes: dict[str, bytes] = field(default_factory=lambda: {VOLUME_A: OWN, VOLUME_B: OTHER})
    order: tuple[str, ...] = (VOLUME_A, VOLUME_B)
    running: str | None = VOLUME_A
    boot: int = 1
    maintenance: bool = False
    minute: int = 0
    goes_down: int = 2
    takes: int = 6
    confirms: int = 2
    never_returns: bool = False
    lost: bool = False  # no network
    shift_r: bool = False  # somebody presses it at the next boot
    denied: Reason | None = None  # after the reboot
    connects: bool = True
    checks_pass: bool = True
    read_only: bool = False
    reboot_refused: bool = False
    arms: int = 0
    orders: int = 0
    down_at: int | None = None
    up_at: int | None = None
    trial_until: int | None = None

    def tick(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            self.minute += 1
            if self.down_at is not None and self.minute >= self.down_at:
                self.running, self.down_at = None, None
                self.up_at = None if self.never_returns else self.minute + self.takes
            if self.up_at is not None and self.minute >= self.up_at:
                self.up_at = None
                self._come_up()
            if self.trial_until is not None and self.minute >= self.trial_until and self.running is not None:
                self.volumes[self.running] = self.volumes[self.running].replace(b"bootstate=2", b"bootstate=0")
                self.trial_until = None

    def _come_up(self) -> None:
        texts: tuple[bytes | None, ...] = tuple(self.volumes[volume] for volume in self.order)
        outcome = simulate_boot(texts)
        texts = after(texts, outcome)
        if self.shift_r:
            outcome = simulate_boot(texts, shift_r=True)
            texts = after(texts, outcome)
        self.volumes = {volume: text or b"" for volume, text in zip(self.order, texts, strict=True)}
        if outcome.selected is None or not outcome.starts:
            return  # it stays dark: a brick
        self.running = self.order[outcome.selected]
        self.boot += 1
        self.trial_until = self.minute + self.confirms

    def look(self) -> Look:
        at = NOW + timedelta(minutes=self.minute)
        trouble: Unread | None = None
        if self.running is None or self.lost:
            trouble = Unread(Reason.UNREACHABLE, "nothing answered")
        elif self.denied is not None and self.boot > 1:
            trouble = Unread(self.denied, "not let in")
        if trouble is not None or self.running is None:
            return Look(BankObservation("esx1", at, trouble=trouble), trouble or UNREAD, trouble or UNREAD, UNREAD)
        other = next(volume for volume in self.order if volume != self.running)
        keys = read_keys(self.volumes[self.running])
        build = parse_build(keys.build or "") if keys else None
        banks = tuple(
            BankFacts(link, Read(volume), Read(self.volumes[volume]))
            for link, volume in (("/bootbank", self.running), ("/altbootbank", other))
        )
        product: Reading[Product] = Read(Product("8.0.3", build.number)) if build else UNREAD
        seen = BankObservation("esx1", at, product=product, banks=banks)
        return Look(seen, Read(f"boot-{self.boot}"), Read(self.maintenance), Read(self.connects))

    def act(self, step: Step, edit: ByteEdit | None) -> None:
        """What the writing side does for a step. Raises RefusedError where the host does not let it."""
        if self.running is None or self.lost:
            raise RefusedError("no answer")
        if step is Step.MAINTENANCE:
            self.maintenance = True
        elif step is Step.ARM and edit is not None:
            if self.read_only:
                raise RefusedError("read-only file system")
            self.volumes[VOLUME_A] = edit.apply(self.volumes[VOLUME_A])
            self.arms += 1
        elif step is Step.DISARM and edit is not None:
            self.volumes[VOLUME_A] = edit.undo(self.volumes[VOLUME_A])
        elif step is Step.REBOOT:
            if self.reboot_refused or not self.maintenance:
                raise RefusedError("not in maintenance mode")
            self.orders += 1
            self.down_at = self.minute + self.goes_down
        elif step is Step.CONNECT and not self.connects:
            raise RefusedError("vCenter is not connected to it")
        elif step is Step.CHECKS and not self.checks_pass:
            raise RefusedError("a check failed")
        elif step is Step.LEAVE_MAINTENANCE:
            self.maintenance = False


UNREAD = Unread(Reason.NOT_ATTEMPTED)


def target(method: Method = Method.UNATTENDED, **changes: object) -> Target:
    made = make_target(situation(**changes), OLD, method)
    assert isinstance(made, Target)
    return made


@dataclass
class Tool:
    """One life of the tool after another on one journal. ``kills`` are the moments, counted over all lives, at which it is
    killed: before and after every write and every act."""

    world: World
    target: Target
    kills: frozenset[int] = frozenset()
    journal: list[Entry] = field(default_factory=list)
    acted: list[Step] = field(default_factory=list)
    moment: int = 0
    patience: int = 3  # minutes between looks

    def point(self) -> None:
        self.moment += 1
        if self.moment in self.kills:
            raise KilledError

    def write(self, step: str, phase: Phase, **data: str) -> None:
        self.point()
        at = NOW + timedelta(minutes=self.world.minute)
        self.journal.append(Entry(len(self.journal) + 1, at, self.target.host, step, phase, data))
        self.point()

    def turns(self, *, abort: bool = False) -> Iterator[Ended | None]:
        """One decision after another until the end; None between."""
        while True:
            decision = next_step(self.target, self.journal, self.world.look(), LIMITS, abort=abort)
            self.point()
            if isinstance(decision, Ended):
                if HostJournal.of(self.target.host, self.journal).ended != (decision.terminal, decision.why):
                    self.write(END, Phase.DONE, **end_data(decision.terminal, decision.why))
                yield decision
                return
            if isinstance(decision, Wait):
                self.world.tick(self.patience)
            elif isinstance(decision, Found):
                self.write(decision.step, Phase.DONE, found="yes")
            elif isinstance(decision, Do):
                self._do(decision.step)
            self.world.tick()
            yield None

    def _do(self, step: Step) -> None:
        self.write(step, Phase.INTENT)
        self.acted.append(step)
        try:
            self.world.act(step, self.target.edit)
        except RefusedError as error:
            self.write(step, Phase.FAILED, why=str(error))
            return
        self.point()
        self.write(step, Phase.DONE)

    def run(self, *, abort: bool = False, after_kill: int = 1) -> Ended:
        """Run to the end, starting again ``after_kill`` minutes after every kill."""
        for _ in range(200):
            try:
                for turn, ended in enumerate(self.turns(abort=abort)):
                    if ended is not None:
                        return ended
                    assert turn < 500, "no end"
            except KilledError:
                self.world.tick(after_kill)
        raise AssertionError("no end")
