"""Plan, approval and operation as JSON documents, and back. A document whose digest does not fit is refused.

Those of the format before are shown and never carried out; operations that were begun with them are resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor import documents, handed_in
from auditor.codec import canonical_plain, from_plain, to_plain
from auditor.domain.rollback.approval import Approval
from auditor.domain.rollback.canonical import paper_digest
from auditor.domain.rollback.coherence import incoherences
from auditor.domain.rollback.control import Evacuation
from auditor.domain.rollback.plan import RollbackPlan
from auditor.errors import InputError, OldPaperError, ReadError, RefusedError

PLAN = "auditor/rollback-plan/v2"
APPROVAL = "auditor/rollback-approval/v2"
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
    """The document of ``schemas/rollback-plan.v2.json``."""
    return _sealed({"schema": PLAN, "hash": plan.hash, "plan": to_plain(plan)})


def approval_document(approval: Approval) -> dict[str, Any]:
    """The document of ``schemas/rollback-approval.v2.json``."""
    return _sealed({"schema": APPROVAL, "approval": to_plain(approval)})


def _sealed(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "digest": paper_digest(document)}


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
    data = handed_in.document(text, where)
    try:
        plan, approval = data["plan"], data["approval"]
        evacuation = Evacuation(data.get("evacuation", Evacuation.ENSURE_ACCESSIBILITY.value))
        unencrypted = str(data.get("unencrypted", ""))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError("its document is not one of a rollback", where=where) from error
    return Paper(_plan(plan, where)[0], _approval(approval, where)[0], evacuation, unencrypted)


def load_plan(path: Path) -> RollbackPlan:
    """A plan file. Raises ``InputError`` when it is none, or does not hold together, ``RefusedError`` when it was changed after
    it was made, ``OldPaperError`` when it is of the format before."""
    found, old = _plan(_read(path), str(path))
    if old:
        raise OldPaperError("plan", found, where=str(path), hint="make a new plan: auditor rollback plan")
    wrong = incoherences(found)
    if wrong:
        what = "\n".join(["no plan of this program: it does not hold together", *wrong[:5]])
        raise InputError(what, where=str(path), hint="make a new plan: auditor rollback plan")
    return found


def load_approval(path: Path) -> Approval:
    """An approval file. Raises ``InputError``, ``RefusedError``, ``OldPaperError`` as `load_plan`."""
    found, old = _approval(_read(path), str(path))
    if old:
        raise OldPaperError("approve", found, where=str(path), hint="auditor rollback approve PLAN, of a plan made anew")
    return found


def expires_in(plan: RollbackPlan, now: datetime) -> str:
    """How long a plan is still good, in words."""
    minutes = int((plan.expires - now).total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 0 else "expired"


def _read(path: Path) -> Any:
    return handed_in.document(handed_in.text(handed_in.read(path, PLAN_LIMIT), str(path)), str(path))


def _plan(data: Any, where: str) -> tuple[RollbackPlan, bool]:
    """The plan, and whether it is of the format before."""
    old = _validated(data, "rollback-plan", where, "auditor rollback plan writes one")
    try:
        plan = from_plain(RollbackPlan, data["plan"])
    except ReadError as error:
        raise InputError(f"its plan does not have the expected form: {error.what}", where=where) from error
    if plan.hash != data["hash"] or not (old or plan_document(plan) == data):
        hint = "make a new plan: auditor rollback plan"
        raise RefusedError("the plan was changed after it was made: its hash or digest does not fit", where=where, hint=hint)
    return plan, old


def _approval(data: Any, where: str) -> tuple[Approval, bool]:
    """The approval, and whether it is of the format before."""
    old = _validated(data, "rollback-approval", where, "auditor rollback approve writes one")
    try:
        approval = from_plain(Approval, data["approval"])
    except ReadError as error:
        raise InputError(f"its approval does not have the expected form: {error.what}", where=where) from error
    if not (old or approval_document(approval) == data):
        hint = "let it be given again: auditor rollback approve PLAN"
        raise RefusedError("the approval was changed after it was given: its digest does not fit", where=where, hint=hint)
    return approval, old


def _validated(data: Any, schema: str, where: str, hint: str) -> bool:
    """Whether a document is of the format before. Raises ``InputError`` when it fits no schema."""
    old = isinstance(data, dict) and data.get("schema") == f"auditor/{schema}/v1"
    documents.validate(data, f"{schema}.{'v1' if old else 'v2'}", where=where, hint=hint)
    return old


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
