"""Plan a rollback, and approve a plan. Nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from auditor.domain.observation import host_key
from auditor.domain.rollback.approval import Approval, approve, break_glass
from auditor.domain.rollback.arm import Refusal
from auditor.domain.rollback.build import parse_build
from auditor.domain.rollback.gates.gate import Gate, Override
from auditor.domain.rollback.plan import Method, RollbackPlan, make_plan
from auditor.domain.rollback.report import ChosenHost
from auditor.errors import InputError, RefusedError
from auditor.ports import Clock, Progress
from auditor.workflows.choosing import one_name
from auditor.workflows.rollback.means import Sight
from auditor.workflows.rollback.situation import collect_all

LIFETIME = timedelta(hours=8)
"""How long a plan is good for, unless told otherwise: a change window."""

APPROVAL_LIFETIME = timedelta(hours=8)


_PLANNED = "it must be one of the hosts to be planned"


@dataclass(frozen=True, slots=True)
class PlanAsk:
    """What was asked for. ``overrides`` are by host; the host "" stands for all. Hosts are named as a person types them;
    ``reached`` has their addresses."""

    to: str
    method: Method
    author: str
    lifetime: timedelta = LIFETIME
    canary: str = ""
    wave_size: int = 1
    overrides: Mapping[str, Mapping[Gate, Override]] = field(default_factory=dict)
    reached: Mapping[str, Collection[str]] = field(default_factory=dict)


def plan(sight: Sight, hosts: Sequence[ChosenHost], ask: PlanAsk, concurrency: int, progress: Progress) -> RollbackPlan:
    """Read everything about the hosts and plan going back. Raises ``InputError`` for a build that is none, and for a canary
    or an override of a host that is not among them, ``RefusedError`` for a canary that cannot go back."""
    if not ask.to.strip().isdigit() and parse_build(ask.to) is None:
        hint = "give its number (24585383) or its whole text (8.0.3-0.60.24585383); auditor rollback window shows them"
        raise InputError(f"not a build: {ask.to!r}", hint=hint)
    names = [host.name for host in hosts]
    canary = one_name(ask.canary, names, ask.reached, hint=_PLANNED) if ask.canary else ""
    own: dict[str, dict[Gate, Override]] = {}
    for typed, given in ask.overrides.items():
        if typed:
            own.setdefault(one_name(typed, names, ask.reached, hint=_PLANNED), {}).update(given)
    situations = collect_all(sight, hosts, concurrency, progress)
    everywhere = ask.overrides.get("", {})
    overrides = {host_key(s.host): {**everywhere, **own.get(host_key(s.host), {})} for s in situations}
    made = make_plan(
        situations,
        ask.to.strip(),
        ask.method,
        ask.author,
        sight.clock.now(),
        ask.lifetime,
        overrides=overrides,
        canary=canary,
        wave_size=ask.wave_size,
    )
    out = next((left for left in made.left_out if canary and host_key(left.host) == host_key(canary)), None)
    if out is not None:  # another one in its place would be a canary that nobody chose
        raise RefusedError(f"the canary cannot go back: {out.why}", where=canary, hint="name another one with --canary")
    return made


def approve_plan(
    made: RollbackPlan, by: str, clock: Clock, lifetime: timedelta = APPROVAL_LIFETIME, glass: str | None = None
) -> Approval:
    """The approval of a plan by ``by``; with ``glass``, the reason for which nobody else could be had. Raises
    ``RefusedError`` with the reason."""
    now = clock.now()
    found = approve(made, by, now, lifetime) if glass is None else break_glass(made, by, glass, now, lifetime)
    if isinstance(found, Refusal):
        hint = "somebody else reads it and approves: auditor rollback approve PLAN"
        if made.expired(now) or made.blocked or not made.targets:
            hint = "its author settles or overrides the gates, and makes a new plan"
        raise RefusedError(str(found), where=f"plan {made.hash[:12]}", hint=hint)
    return found


def read_overrides(texts: Iterable[str], by: str) -> dict[str, dict[Gate, Override]]:
    """``GATE=REASON`` or ``HOST:GATE=REASON``, by host ("" for all). Raises ``InputError``."""
    found: dict[str, dict[Gate, Override]] = {}
    for text in texts:
        left, _, reason = text.partition("=")
        host, _, name = left.rpartition(":")
        try:
            gate = Gate(name.strip())
        except ValueError:
            known = ", ".join(gate.value for gate in Gate if not gate.absolute)
            raise InputError(f"there is no gate {name.strip()!r}", tried=text, hint=f"one of: {known}") from None
        if gate.absolute:
            raise InputError(f"gate {gate.value} cannot be overridden", tried=text)
        if len(reason.split()) < 2:
            raise InputError(f"gate {gate.value} needs a reason in words", tried=text, hint='--override "GATE=why it is safe"')
        found.setdefault(host_key(host), {})[gate] = Override(by, " ".join(reason.split()))
    return found


__all__ = ["APPROVAL_LIFETIME", "LIFETIME", "PlanAsk", "approve_plan", "plan", "read_overrides"]
