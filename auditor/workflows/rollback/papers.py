"""Plan, approval and operation as JSON documents, and back. A document whose hash does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor import documents, handed_in
from auditor.codec import canonical_plain, from_plain, to_plain
from auditor.domain.rollback.approval import Approval
from auditor.domain.rollback.coherence import incoherences
from auditor.domain.rollback.control import Evacuation
from auditor.domain.rollback.plan import RollbackPlan
from auditor.errors import InputError, ReadError

PLAN = "auditor/rollback-plan/v1"
APPROVAL = "auditor/rollback-approval/v1"
PLAN_LIMIT = 64 * 1024 * 1024
"""Bytes of a plan file. A host takes about 30 kB."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What an operation carries out, kept in its journal: everything that ``resume`` needs, wherever the files went.
    ``unencrypted`` is who said that its bundles are to be kept in the clear, empty for nobody."""

    plan: RollbackPlan
    approval: Approval
    evacuation: Evacuation = Evacuation.ENSURE_ACCESSIBILITY
    unencrypted: str = ""


def plan_document(plan: RollbackPlan) -> dict[str, Any]:
    """The document of ``schemas/rollback-plan.v1.json``."""
    return {"schema": PLAN, "hash": plan.hash, "plan": to_plain(plan)}


def approval_document(approval: Approval) -> dict[str, Any]:
    """The document of ``schemas/rollback-approval.v1.json``."""
    return {"schema": APPROVAL, "approval": to_plain(approval)}


def paper_text(paper: Paper) -> str:
    """What the journal keeps of an operation."""
    return canonical_plain(
        {
            "plan": plan_document(paper.plan),
            "approval": approval_document(paper.approval),
            "evacuation": paper.evacuation.value,
            "unencrypted": paper.unencrypted,
        }
    )


def read_paper(text: str, where: str) -> Paper:
    """The inverse. Raises ``InputError``."""
    data = _json(text, where)
    try:
        plan, approval = data["plan"], data["approval"]
        evacuation = Evacuation(data.get("evacuation", Evacuation.ENSURE_ACCESSIBILITY.value))
        unencrypted = str(data.get("unencrypted", ""))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError("its document is not one of a rollback", where=where) from error
    return Paper(_plan(plan, where), _approval(approval, where), evacuation, unencrypted)


def load_plan(path: Path) -> RollbackPlan:
    """A plan file. Raises ``InputError`` when it is none, was changed after it was made, or does not hold together."""
    found = _plan(_json(_text(path), str(path)), str(path))
    wrong = incoherences(found)
    if wrong:
        what = "\n".join(["no plan of this program: it does not hold together", *wrong[:5]])
        raise InputError(what, where=str(path), hint="make a new plan: auditor rollback plan")
    return found


def load_approval(path: Path) -> Approval:
    """An approval file. Raises ``InputError``."""
    return _approval(_json(_text(path), str(path)), str(path))


def expires_in(plan: RollbackPlan, now: datetime) -> str:
    """How long a plan is still good, in words."""
    minutes = int((plan.expires - now).total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 0 else "expired"


def _text(path: Path) -> str:
    return handed_in.text(handed_in.read(path, PLAN_LIMIT), str(path))


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=where) from error


def _plan(data: Any, where: str) -> RollbackPlan:
    documents.validate(data, "rollback-plan.v1", where=where, hint="auditor rollback plan writes one")
    try:
        plan = from_plain(RollbackPlan, data["plan"])
    except ReadError as error:
        raise InputError("its plan does not have the expected form", where=where) from error
    if plan.hash != data["hash"]:
        hint = "make a new plan: auditor rollback plan"
        raise InputError("the plan was changed after it was made: its hash does not fit", where=where, hint=hint)
    return plan


def _approval(data: Any, where: str) -> Approval:
    documents.validate(data, "rollback-approval.v1", where=where, hint="auditor rollback approve writes one")
    try:
        return from_plain(Approval, data["approval"])
    except ReadError as error:
        raise InputError("its approval does not have the expected form", where=where) from error


__all__ = [
    "APPROVAL",
    "PLAN",
    "Paper",
    "approval_document",
    "expires_in",
    "load_approval",
    "load_plan",
    "paper_text",
    "plan_document",
    "read_paper",
]
