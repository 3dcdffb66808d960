"""The second pair of eyes: an approval is bound to a plan's hash, expires, and is never the author's own.

Names are compared without case, surrounding blanks and what says where the account is: "ann", "Ann@jump1", "ann@jump2" and
"CORP\\ann" count as one person. Two people whose accounts differ in nothing else need configured names.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.domain.rollback.arm import Refusal
from auditor.domain.rollback.plan import RollbackPlan


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved which plan, until when. ``break_glass`` holds the reason when nobody else could be had: such an approval
    may be the author's own, and must be shown and recorded wherever the plan is."""

    plan: str  # the plan's hash
    by: str
    at: datetime
    expires: datetime
    break_glass: str = ""

    def __str__(self) -> str:
        if self.break_glass:
            return f"BREAK GLASS by {self.by}: {self.break_glass}"
        return f"approved by {self.by}"


def approve(plan: RollbackPlan, by: str, at: datetime, lifetime: timedelta) -> Approval | Refusal:
    """Approve a plan. Refused: by its author, by nobody, when it is expired or a gate blocks it."""
    refusal = _not_approvable(plan, by, at, lifetime)
    if refusal is not None:
        return refusal
    if _same(by, plan.author):
        return Refusal(f"{by} made this plan: another person must approve it")
    return Approval(plan.hash, by.strip(), at, min(at + lifetime, plan.expires))


def break_glass(plan: RollbackPlan, by: str, reason: str, at: datetime, lifetime: timedelta) -> Approval | Refusal:
    """Go ahead alone in an emergency, with a reason. Gates still hold."""
    refusal = _not_approvable(plan, by, at, lifetime)
    if refusal is not None:
        return refusal
    if len(reason.split()) < 2:
        return Refusal("break-glass needs a reason in words: it is recorded")
    return Approval(plan.hash, by.strip(), at, min(at + lifetime, plan.expires), " ".join(reason.split()))


def approval_problem(plan: RollbackPlan, approval: Approval | None, runner: str, now: datetime) -> str | None:
    """Why ``runner`` may not run the plan on this approval now; None: it may. The approver must be neither the author nor
    the one who runs it, but for break-glass."""
    if approval is None:
        return "the plan is not approved"
    if approval.plan != plan.hash:
        return "the approval is for another plan, or the plan was changed since"
    if now < approval.at or now >= approval.expires:
        return f"the approval is valid from {approval.at:%Y-%m-%dT%H:%M:%SZ} to {approval.expires:%Y-%m-%dT%H:%M:%SZ}"
    if not approval.at < approval.expires <= plan.expires:
        return "the approval is good for longer than its plan"
    if approval.break_glass and len(approval.break_glass.split()) < 2:
        return "break-glass needs a reason in words: it is recorded"
    if not approval.break_glass and (_same(approval.by, plan.author) or _same(approval.by, runner)):
        return f"{approval.by} approved it and also made or runs it: four eyes are needed"
    if not approval.by.strip() or not runner.strip():
        return "the approver or the runner has no name"
    return None


def _not_approvable(plan: RollbackPlan, by: str, at: datetime, lifetime: timedelta) -> Refusal | None:
    if not by.strip():
        return Refusal("an approval needs a name")
    if lifetime <= timedelta(0):
        return Refusal("an approval needs a time to live")
    if plan.unborn(at):
        return Refusal(f"the plan says that it was made at {plan.created:%Y-%m-%dT%H:%M:%SZ}, which is yet to come")
    if plan.expired(at):
        return Refusal(f"the plan expired at {plan.expires:%Y-%m-%dT%H:%M:%SZ}")
    if not plan.targets:
        return Refusal("the plan has no host")
    if plan.blocked:
        host, result = plan.blocked[0]
        more = f" and {len(plan.blocked) - 1} more" if len(plan.blocked) > 1 else ""
        return Refusal(f"gate {result.gate.value} stands against {host}{more}")
    return None


def _same(first: str, second: str) -> bool:
    return _person(first) == _person(second)


def _person(name: str) -> str:
    whole = unicodedata.normalize("NFKC", name).strip().casefold()
    return whole.rpartition("\\")[2].partition("@")[0].strip() or whole


__all__ = ["Approval", "approval_problem", "approve", "break_glass"]
