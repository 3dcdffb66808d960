"""A rollback plan: which hosts go back to which build, in which order, resting on which facts.

Invariants, kept by `make_plan` and held by tests:

* A host is in the plan only if its window is open to exactly the build asked for, and every other one is left out by name.
* Every planned host is in exactly one wave. The first wave is one host: the canary. A wave never holds hosts of two vSAN
  fault domains or of two clusters, and vSAN hosts without fault domains go one at a time.
* A host is judged with its whole wave away: the hosts of a wave are in maintenance mode together.
* The failure budget is zero: anything but ROLLED_BACK stops all waves. It is a constant, not a field.
* The hash covers everything in the plan, both boot.cfg files included. What is approved is the hash.
* A plan whose facts have moved is refused, and the facts are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from auditor.domain.banks import Bank
from auditor.domain.observation import Read, Unread, host_key, value_of
from auditor.domain.rollback.arm import ByteEdit, Refusal, arm_edit
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.canonical import canonical_text, digest, sha256
from auditor.domain.rollback.gates.evaluate import evaluate
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict, Override, blocking
from auditor.domain.rollback.image_offer import image_command
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.situation import HostSituation

FAILURE_BUDGET = 0
SKEW = timedelta(hours=1)
"""How far the clock of the machine that made a plan may be ahead."""


class Method(StrEnum):
    """Who changes the bank: a person at the console with Shift+R, which the vendor supports, or this tool over SSH, which it
    does not."""

    GUIDED = "guided"
    UNATTENDED = "unattended"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the plan rests on, by name, as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class PlannedBank:
    """A bank as it was when the plan was made. ``volume`` names it across the reboot; links swap."""

    volume: str
    partition: int | None
    boot_cfg: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """One host of the plan. ``booted`` is given up and ``other`` started. ``edit`` is the one byte, None for a guided
    rollback. ``enters_maintenance`` is False when the host already was in maintenance mode; it is left there then."""

    host: str
    vcenter: str
    cluster: str
    fault_domain: str
    from_build: str
    to_build: str
    booted: PlannedBank
    other: PlannedBank
    boot_id: str
    edit: ByteEdit | None
    enters_maintenance: bool
    steps: tuple[Step, ...]
    gates: tuple[GateResult, ...]
    facts: tuple[Fact, ...]

    @property
    def blocked_by(self) -> tuple[GateResult, ...]:
        """The gates that stand in this host's way."""
        return blocking(self.gates)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A host that was asked for and cannot be planned, why, and its gates."""

    host: str
    why: str
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """The plan. ``author`` is who made it; ``waves`` hold hosts' names in order."""

    method: Method
    author: str
    created: datetime
    expires: datetime
    targets: tuple[Target, ...]
    waves: tuple[tuple[str, ...], ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of everything above: the plan's name for approval, journal and log."""
        return digest(self)

    @property
    def blocked(self) -> tuple[tuple[str, GateResult], ...]:
        """Host and gate for every gate that stands in the way; an approved plan still does not run over these."""
        return tuple((target.host, result) for target in self.targets for result in target.blocked_by)

    def expired(self, now: datetime) -> bool:
        """Whether the plan is too old to start a host on."""
        return now >= self.expires

    def unborn(self, now: datetime) -> bool:
        """Whether it says that it is yet to be made, further ahead than clocks differ: its expiry could be any."""
        return self.created > now + SKEW

    def target(self, host: str) -> Target | None:
        """A host's part."""
        return next((target for target in self.targets if target.host == host_key(host)), None)


@dataclass(frozen=True, slots=True)
class MovedFact:
    """A fact that is not as planned any more."""

    host: str
    name: str
    planned: str
    now: str

    def __str__(self) -> str:
        return f"{self.host}: {self.name} was {self.planned}, is {self.now}"


def make_plan(
    situations: Sequence[HostSituation],
    to: str,
    method: Method,
    author: str,
    created: datetime,
    lifetime: timedelta,
    *,
    overrides: Mapping[str, Mapping[Gate, Override]] | None = None,
    canary: str = "",
    wave_size: int = 1,
) -> RollbackPlan:
    """Plan going back to build ``to`` (a ``build=`` text or a bare build number).

    ``overrides`` are by host name. ``canary`` is the first host, else the first of ``situations`` that can be planned.
    ``wave_size`` is the most hosts of a wave, which is 1 for vSAN hosts without fault domains. A plan may hold blocking
    gates: it shows them, and is not run. Raises `ValueError` for a host given twice, no author, or a senseless size or time.
    """
    names = [host_key(situation.host) for situation in situations]
    if len(set(names)) != len(names):
        raise ValueError("a host is given twice")
    if not author.strip() or wave_size < 1 or lifetime <= timedelta(0):
        raise ValueError("a plan needs an author, a wave size of at least 1 and a time to live")
    given = {host_key(name): chosen for name, chosen in (overrides or {}).items()}
    alone = [make_target(situation, to, method, given.get(host_key(situation.host))) for situation in situations]
    vsan = {host_key(s.host): value_of(s.vsan.enabled) is not False for s in situations}
    waves = _waves([one for one in alone if isinstance(one, Target)], vsan, host_key(canary), wave_size)
    planned = [
        make_target(in_wave(situation, waves), to, method, given.get(host_key(situation.host))) for situation in situations
    ]
    targets = [one for one in planned if isinstance(one, Target)]
    left_out = tuple(one for one in planned if isinstance(one, LeftOut))
    return RollbackPlan(method, author, created, created + lifetime, tuple(targets), waves, left_out)


def make_target(
    situation: HostSituation, to: str, method: Method, overrides: Mapping[Gate, Override] | None = None
) -> Target | LeftOut:
    """One host's part of a plan, or why it can have none: no window to exactly that build, or no telling its reboots."""
    host = host_key(situation.host)
    gates = evaluate(situation, to, overrides)
    window = situation.state.window
    if not window.leads_to(to):
        why = f"its window is {window}: {window.reason}" if not window.leads_back else f"its window leads to {window.build}"
        return LeftOut(host, why, gates)
    banks = []
    for link in (BOOTBANK, ALTBOOTBANK):
        bank = situation.banks.bank(link)
        if isinstance(bank.boot_cfg, Unread) or isinstance(bank.target, Unread):
            return LeftOut(host, f"{link} was not read", gates)
        banks.append(PlannedBank(bank.target.value, value_of(bank.partition), bank.boot_cfg.value))
    booted, other = banks
    if isinstance(situation.boot_id, Unread):
        return LeftOut(host, f"this boot cannot be told from the next one: {situation.boot_id}", gates)
    in_maintenance = value_of(situation.maintenance_mode)
    if in_maintenance is None:
        return LeftOut(host, f"maintenance mode: {situation.maintenance_mode}", gates)
    edit = arm_edit(
        Bank(BOOTBANK, Read(booted.boot_cfg), booted.partition), Bank(ALTBOOTBANK, Read(other.boot_cfg), other.partition)
    )
    if isinstance(edit, Refusal):
        return LeftOut(host, str(edit), gates)
    return Target(
        host=host,
        vcenter=situation.vcenter,
        cluster=value_of(situation.cluster.name) or "",
        fault_domain=value_of(situation.vsan.fault_domain) or "",
        from_build=value_of(situation.state.booted) or "",
        to_build=window.build,
        booted=booted,
        other=other,
        boot_id=situation.boot_id.value,
        edit=edit if method is Method.UNATTENDED else None,
        enters_maintenance=not in_maintenance,
        steps=steps_of(method, leaves=not in_maintenance),
        gates=gates,
        facts=facts_of(situation, gates),
    )


def steps_of(method: Method, *, leaves: bool) -> tuple[Step, ...]:
    """The steps of a host, in order. ``leaves``: it leaves maintenance mode at the end."""
    left_out = {Step.DISARM}
    if method is Method.GUIDED:
        left_out.add(Step.ARM)
    if not leaves:
        left_out.add(Step.LEAVE_MAINTENANCE)
    return tuple(step for step in Step if step not in left_out)


def facts_of(situation: HostSituation, gates: Iterable[GateResult]) -> tuple[Fact, ...]:
    """Everything the plan rests on. Files by their hash. What changes from minute to minute (which VMs are pinned, the HA
    agent's role, memory in use, times of reading) counts by the verdict of its gate only."""
    banks = situation.banks
    facts = [Fact("product", canonical_text(banks.product)), Fact("volumes", canonical_text(banks.volumes))]
    for link in (BOOTBANK, ALTBOOTBANK):
        bank = banks.bank(link)
        boot_cfg = sha256(bank.boot_cfg.value) if isinstance(bank.boot_cfg, Read) else canonical_text(bank.boot_cfg)
        facts += [
            Fact(f"{link} volume", canonical_text(bank.target)),
            Fact(f"{link} partition", canonical_text(bank.partition)),
            Fact(f"{link}/boot.cfg", boot_cfg),
        ]
    # The booted bank's files change every hour, when its configuration is saved; the other's must not.
    facts.append(Fact(f"{ALTBOOTBANK} files", digest(banks.bank(ALTBOOTBANK).files)))
    facts.append(Fact(f"{ALTBOOTBANK} image", digest(banks.bank(ALTBOOTBANK).image)))
    facts.append(Fact("window", str(situation.state.window)))
    by_verdict = {"host", "vcenter", "banks", "pinned_vms", "ha_agent", "loads", "companions"}
    for field in fields(situation):
        if field.name not in by_verdict:
            facts += _flat(field.name.replace("_", " "), getattr(situation, field.name))
    facts += [Fact(f"gate {result.gate.value}", result.verdict.value) for result in gates]
    return tuple(facts)


def _flat(name: str, value: object) -> list[Fact]:
    if is_dataclass(value) and not isinstance(value, Read | Unread):
        found = []
        for field in fields(value):
            found += _flat(f"{name} {field.name.replace('_', ' ')}", getattr(value, field.name))
        return found
    return [Fact(name, canonical_text(value))]


def _waves(targets: Sequence[Target], vsan: Mapping[str, bool], canary: str, wave_size: int) -> tuple[tuple[str, ...], ...]:
    """Canary first; then cluster by cluster and domain by domain, in the order given."""
    ordered = sorted(targets, key=lambda target: target.host != canary)
    if not ordered:
        return ()
    first, *rest = ordered
    waves: list[list[Target]] = [[first]]
    groups: dict[tuple[str, str, str], list[Target]] = {}
    for target in rest:
        groups.setdefault((target.vcenter, target.cluster, target.fault_domain), []).append(target)
    for group in groups.values():
        alone = any(vsan[target.host] and not target.fault_domain for target in group)
        size = 1 if alone else wave_size
        waves += [group[start : start + size] for start in range(0, len(group), size)]
    return tuple(tuple(target.host for target in wave) for wave in waves)


def in_wave(situation: HostSituation, waves: Iterable[Sequence[str]]) -> HostSituation:
    """The situation with the other hosts of its wave as companions; without a wave, with none."""
    host = host_key(situation.host)
    wave = next((wave for wave in waves if host in wave), ())
    return replace(situation, companions=tuple(other for other in wave if other != host))


def moved_facts(target: Target, situation: HostSituation) -> tuple[MovedFact, ...]:
    """What of one host is not as planned any more. The plan's own overrides hold; ``situation`` is fresh, and `in_wave`."""
    now = {fact.name: fact.value for fact in facts_of(situation, gates_now(target, situation))}
    planned = {fact.name: fact.value for fact in target.facts}
    names = [*planned, *(name for name in now if name not in planned)]
    return tuple(
        MovedFact(target.host, name, planned.get(name, "absent"), now.get(name, "absent"))
        for name in names
        if planned.get(name) != now.get(name)
    )


_SAID = ("host", "vcenter", "cluster", "fault_domain", "from_build", "to_build", "booted", "other", "boot_id", "edit")


def _misstated(target: Target, situation: HostSituation, method: Method) -> Iterable[MovedFact]:
    """What the plan says of one host that it would not say now, although its facts are as planned: a hash is no signature. Not
    compared is what a gate saw, in words: it changes from minute to minute, and its verdict is a fact."""
    now = make_target(situation, target.to_build, method, _overrides(target))
    if isinstance(now, LeftOut):
        yield MovedFact(target.host, "host", "planned", f"left out: {now.why}")
        return
    for name in (*_SAID, "enters_maintenance", "steps"):
        was, new = getattr(target, name), getattr(now, name)
        if was != new:
            yield MovedFact(target.host, name.replace("_", " "), canonical_text(was), canonical_text(new))
    if [replace(result, evidence=()) for result in target.gates] != [replace(result, evidence=()) for result in now.gates]:
        yield MovedFact(target.host, "gates", "as the plan has them", "others, or rest on other pages")


def _overrides(target: Target) -> dict[Gate, Override]:
    return {result.gate: result.overridden for result in target.gates if result.overridden is not None}


def gates_now(target: Target, situation: HostSituation) -> tuple[GateResult, ...]:
    """The gates of one host by a fresh situation, `in_wave`, with the plan's own overrides as far as they may take effect."""
    return evaluate(situation, target.to_build, _overrides(target))


def check_plan(plan: RollbackPlan, situations_now: Mapping[str, HostSituation]) -> tuple[MovedFact, ...]:
    """Every fact that moved, over all planned hosts, and where none did, what else the plan says of the host that is not so.
    Empty: the plan still stands. A host without a fresh situation has moved. Whether it is expired or blocked is asked of the
    plan."""
    now = {host_key(name): situation for name, situation in situations_now.items()}
    moved: list[MovedFact] = []
    for target in plan.targets:
        situation = now.get(target.host)
        if situation is None:
            moved.append(MovedFact(target.host, "host", "read", "not read"))
        else:
            placed = in_wave(situation, plan.waves)
            moved += moved_facts(target, placed) or _misstated(target, placed, plan.method)
    return tuple(moved)


def next_wave(plan: RollbackPlan, rolled_back: Iterable[str], stopped: Iterable[str] = ()) -> tuple[str, ...]:
    """The hosts to take now: those of the first wave that is not finished. None when all are finished or one was stopped,
    that is ended other than ROLLED_BACK: the failure budget is zero."""
    done = {host_key(host) for host in rolled_back}
    if any(True for _ in stopped):
        return ()
    return next((left for wave in plan.waves if (left := tuple(host for host in wave if host not in done))), ())


def image_commands(plan: RollbackPlan) -> tuple[str, ...]:
    """What to type for each cluster whose image is newer than its hosts will be, by the first of its hosts to go back."""
    found: dict[tuple[str, str], str] = {}
    for target in filter(None, (plan.target(host) for wave in plan.waves for host in wave)):
        newer = any(result.gate is Gate.CLUSTER_IMAGE and result.verdict is GateVerdict.FAIL for result in target.gates)
        if newer and target.cluster:
            found.setdefault((target.vcenter, target.cluster), image_command(target.cluster, target.vcenter, target.host))
    return tuple(found.values())


__all__ = [
    "FAILURE_BUDGET",
    "Fact",
    "LeftOut",
    "Method",
    "MovedFact",
    "PlannedBank",
    "RollbackPlan",
    "Target",
    "check_plan",
    "facts_of",
    "gates_now",
    "image_commands",
    "in_wave",
    "make_plan",
    "make_target",
    "moved_facts",
    "next_wave",
    "steps_of",
]
