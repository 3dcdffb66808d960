"""Whether a plan holds together as `make_plan` would have made it.

A plan's hash shows that nobody changed it on the way. It is no signature: somebody could write a whole file with a fitting
hash, whose gates are left out, whose first wave is the cluster, or whose words name another build than its bytes hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from auditor.domain.banks import VOLUMES, Bank
from auditor.domain.bootcfg import read_keys
from auditor.domain.observation import Read
from auditor.domain.rollback.arm import Refusal, arm_edit
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.canonical import canonical_text
from auditor.domain.rollback.gates.gate import Gate, may_be_overridden
from auditor.domain.rollback.plan import Method, PlannedBank, RollbackPlan, Target, steps_of

LONGEST = timedelta(days=7)
"""The longest life of a plan that can be asked for."""


def incoherences(plan: RollbackPlan) -> tuple[str, ...]:
    """What of a plan cannot be so, in words; empty: it holds together. Whether it still fits the hosts is not asked here."""
    return (*_of_the_plan(plan), *(f"{target.host}: {why}" for target in plan.targets for why in _of(target, plan)))


def _of_the_plan(plan: RollbackPlan) -> Iterator[str]:
    if not timedelta(0) < plan.expires - plan.created <= LONGEST:
        yield f"it is good for {plan.expires - plan.created}; at most {LONGEST.days} days can be asked for"
    if not plan.author.strip():
        yield "it has no author"
    hosts = Counter(target.host for target in plan.targets)
    if both := sorted({left.host for left in plan.left_out} & hosts.keys()):
        yield f"it both takes and leaves out {', '.join(both)}"
    placed = Counter(host for wave in plan.waves for host in wave)
    if placed != hosts or any(count > 1 for count in hosts.values()):
        yield "its waves do not hold each of its hosts once"
        return
    if plan.waves and len(plan.waves[0]) != 1:
        yield "its first wave is not one host, the canary"
    for number, wave in enumerate(plan.waves, 1):
        members = [target for target in plan.targets if target.host in wave]
        if len({(each.vcenter, each.cluster, each.fault_domain) for each in members}) > 1:
            yield f"wave {number} holds hosts of two clusters or fault domains"
        if len(members) > 1 and any(_goes_alone(target) for target in members):
            yield f"wave {number} holds a vSAN host without fault domain and another host: such hosts go one at a time"
        if not wave:
            yield f"wave {number} is empty"


def _goes_alone(target: Target) -> bool:
    """As `make_plan` has it: not known counts as vSAN."""
    said = {fact.name: fact.value for fact in target.facts}
    return not target.fault_domain and said.get("vsan enabled") != canonical_text(Read(False))


def _of(target: Target, plan: RollbackPlan) -> Iterator[str]:
    method = plan.method
    if target.steps != steps_of(method, leaves=target.enters_maintenance):
        yield f"its steps are not those of a {method.value} rollback"
    yield from _of_the_place(target)
    yield from _of_the_gates(target, plan.author)
    for what, bank, build in (("from", target.booted, target.from_build), ("to", target.other, target.to_build)):
        keys = read_keys(bank.boot_cfg)
        if keys is None or not same_build(keys.build or "", build):
            yield f"it goes {what} build {build}, and that bank's boot.cfg says {keys.build if keys else 'nothing'}"
        name = bank.volume.removeprefix(VOLUMES).rstrip("/")
        if not bank.volume.startswith(VOLUMES) or not name or "/" in name or name in {".", ".."}:
            yield f"{bank.volume!r} is no volume"
    if target.booted.volume.rstrip("/") == target.other.volume.rstrip("/"):
        yield "both banks are one volume"
    edit = arm_edit(_bank(BOOTBANK, target.booted), _bank(ALTBOOTBANK, target.other))
    if isinstance(edit, Refusal):
        yield str(edit)
    elif target.edit != (edit if method is Method.UNATTENDED else None):
        yield "its byte is not the one that Shift+R would write" if target.edit else "it has no byte to write"


def _of_the_place(target: Target) -> Iterator[str]:
    """The waves rest on cluster and fault domain, and only the facts are held against the host."""
    said = {fact.name: fact.value for fact in target.facts}
    for what, value in (("cluster name", target.cluster), ("vsan fault domain", target.fault_domain)):
        if value and said.get(what) != canonical_text(Read(value)):
            yield f"its facts do not have {value} as its {what}"


def _of_the_gates(target: Target, author: str) -> Iterator[str]:
    if [result.gate for result in target.gates] != list(Gate):
        yield "its gates are not those there are"
    said = {fact.name: fact.value for fact in target.facts}
    for result in target.gates:
        if result.overridden is not None and result.overridden.by != author:
            yield f"gate {result.gate.value} is overridden by {result.overridden.by}, and {author} made the plan"
        if said.get(f"gate {result.gate.value}") != result.verdict.value:
            yield f"its facts do not have gate {result.gate.value} as {result.verdict.value}"
        if result.overridden is not None and not may_be_overridden(result.gate, result.verdict):
            yield f"gate {result.gate.value}, which is {result.verdict.value}, cannot be overridden"


def _bank(link: str, bank: PlannedBank) -> Bank:
    return Bank(link, Read(bank.boot_cfg), bank.partition)


__all__ = ["LONGEST", "incoherences"]
