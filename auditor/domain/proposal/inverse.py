"""The proposal that undoes another: back to the image before. Written before the commit, so it exists whatever comes after.

Its facts are those of the cluster as it will be: the image in the draft is the cluster's image then. The commit that makes it
so has no id yet, so the fact ``cluster.commit`` is not among them, and `moved` does not ask for a fact that an inverse cannot
have known. Nor are those about who may act by itself: a task scheduled since then is a reason to undo, not one against it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from auditor.domain.image import DesiredImage
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.proposal.candidates import Find
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.may_act import lessened, of_actors
from auditor.domain.proposal.propose import judge
from auditor.domain.proposal.values import CandidateKind, Fact, ImageProposal, MovedFact, moved_facts, sealed
from auditor.domain.specification import importable

LIFETIME = timedelta(days=14)
UNFORESEEN = "cluster.commit"


def inverse(proposal: ImageProposal, case: Case, draft: DesiredImage, operation: int, at: datetime) -> ImageProposal:
    """The inverse of ``proposal``. ``case`` is the cluster before the commit, with the depot's answers on its present image;
    ``draft`` what the draft holds. Raises ``ValueError`` when the present image is not known."""
    old = case.old
    if old is None:
        raise ValueError("the image before is not known")
    none = Unread(Reason.NOT_ATTEMPTED, f"written by operation {operation} before its commit")
    view = replace(case.cluster.view, image=Read(draft), commit=none, compliance=none)
    after = replace(case, cluster=replace(case.cluster, view=view))
    target = replace(old, solutions=(), spec=importable(old.spec))
    title = f"the image before operation {operation}, which applied proposal {proposal.id}"
    evidence = (f"the image in force when operation {operation} began, at {at:%Y-%m-%d %H:%M} UTC",)
    candidate = judge(after, Find(CandidateKind.INVERSE, title, target, evidence))
    resting_on = tuple(fact for fact in facts(after, target) if not _unforeseen(fact.name))
    made = replace(
        proposal,
        created=at,
        expires=at + LIFETIME,
        old=Read(draft),
        commit=none,
        chosen=candidate,
        others=(),
        facts=resting_on,
        notes=(f"the inverse of proposal {proposal.id}, sha256 {proposal.digest}; valid once that is applied",),
        from_host="",
    )
    return sealed(made)


def moved(proposal: ImageProposal, now: tuple[Fact, ...]) -> tuple[MovedFact, ...]:
    """The facts of a proposal that are not as they were. That less may act by itself than before is none of them."""
    found = tuple(fact for fact in moved_facts(proposal.facts, now) if not lessened(fact))
    chosen = proposal.chosen
    if chosen is None or chosen.kind is not CandidateKind.INVERSE:
        return found
    return tuple(fact for fact in found if not _unforeseen(fact.name))


def _unforeseen(name: str) -> bool:
    return name == UNFORESEEN or of_actors(name)


__all__ = ["LIFETIME", "inverse", "moved"]
