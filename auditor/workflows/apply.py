"""Apply a proposal: carry out the steps, write each down before and after, stop at the first surprise.

A dry run goes up to the scan of the draft and discards it. Whatever ends an operation early ends it so: our own draft is
discarded, nothing is committed, the reason is said. Where vCenter cannot be asked whether something was done, the operation
stays open: ``resume`` looks first, then finishes what was committed, or withdraws.
"""

from __future__ import annotations

import shlex

from auditor.domain.assessment import Source
from auditor.domain.journal import Operation, Phase
from auditor.domain.proposal.steps import RESUMED, Record, Step
from auditor.domain.proposal.values import CandidateKind, ImageProposal
from auditor.errors import LockedError, RefusedError
from auditor.workflows.apply_look import Tools
from auditor.workflows.apply_run import ApplyResult, Patience, Run
from auditor.workflows.proposal_file import stored_proposal, stored_text

KIND = "apply"


def subject(proposal: ImageProposal) -> str:
    """What an apply locks: the cluster, by what does not change with a name."""
    return f"vCenter {proposal.instance_uuid} cluster {proposal.cluster_id}"


def apply(
    proposal: ImageProposal,
    tools: Tools,
    *,
    execute: bool,
    operator: str,
    ticket: str = "",
    patience: Patience | None = None,
) -> ApplyResult:
    """Apply ``proposal``, or with ``execute`` False try everything up to the commit. Raises ``RefusedError`` for a proposal
    that may not be applied, ``LockedError`` while another apply of this cluster is running or unfinished."""
    check(proposal, tools, execute=execute, ticket=ticket)
    try:
        number = tools.journal.open(
            KIND,
            (subject(proposal),),
            document=stored_text(proposal),
            digest=proposal.digest,
            operator=operator,
            ticket=ticket if execute else "",
            at=tools.clock.now(),
        )
    except LockedError as error:
        error.where = f"{proposal.cluster} on {proposal.vcenter}"
        raise
    return Run(proposal, tools.journal.operation(number), tools, patience or Patience()).carry_out()


def check(proposal: ImageProposal, tools: Tools, *, execute: bool, ticket: str) -> None:
    """Refuse what needs no vCenter to be refused."""
    again = f"auditor propose {shlex.quote(proposal.cluster)}"
    if proposal.chosen is None or not proposal.chosen.changes_image:
        raise RefusedError("it changes nothing", where=proposal.cluster, hint=again)
    if not proposal.intact:
        raise RefusedError("it was changed since it was written", where=proposal.cluster, hint=again)
    if proposal.expired(tools.clock.now()):
        raise RefusedError(f"it expired at {proposal.expires:%Y-%m-%d %H:%M} UTC", where=proposal.cluster, hint=again)
    if problem := proposal.time_problem(tools.clock.now()):
        raise RefusedError(problem, where=proposal.cluster, hint=again)
    if not proposal.ready:
        said = ", ".join(dict.fromkeys(warning.code.value for warning in proposal.chosen.blockers))
        said = f"it is forbidden by what it says itself: {said}" if said else ""
        if proposal.source is not Source.LIVE:
            said = said or "it was made from the record, not from a live view"
        raise RefusedError(
            said or f"a candidate of kind {proposal.chosen.kind.value} is for comparison, not to be applied",
            where=proposal.cluster,
            hint=again,
        )
    if proposal.chosen.kind is CandidateKind.INVERSE and not _written_here(proposal, tools):
        raise RefusedError(
            "it says that it undoes an apply, and no apply in this history file wrote it",
            where=proposal.cluster,
            hint=f"apply it with the history file of the apply that it undoes; or {again}",
        )
    if execute and not ticket.strip():
        raise RefusedError("a ticket is needed", where=proposal.cluster, hint="--ticket names it; it goes into the commit")
    if execute and not tools.editor.may_commit:
        raise RefusedError("this editor cannot commit", where=proposal.cluster)


def _written_here(proposal: ImageProposal, tools: Tools) -> bool:
    """Whether an apply on this cluster wrote this inverse, by our own journal. More is allowed to an inverse than to any other
    proposal, and its digest is no signature."""
    wanted = {"id": proposal.id, "digest": proposal.digest}
    earlier = (each for each in tools.journal.operations(KIND) if subject(proposal) in each.subjects)
    return any(wanted.items() <= Record(tools.journal.entries(each.id)).data(Step.INVERSE).items() for each in earlier)


def proposal_in(operation: Operation) -> ImageProposal:
    """The proposal that an operation carries out. Raises ``InputError``, ``ReadError``, ``RefusedError``."""
    return stored_proposal(operation.document, f"operation {operation.id}")


def resume(operation: int, tools: Tools, patience: Patience | None = None) -> ApplyResult:
    """Take over an unfinished operation: look, then finish what was committed, or withdraw. Raises ``LockedError`` while
    another process carries it out, ``RefusedError`` when it is finished."""
    found = tools.journal.resume(operation)
    tools.journal.write(found.id, found.subjects[0], RESUMED, Phase.NOTE, tools.clock.now())
    return Run(proposal_in(found), found, tools, patience or Patience()).carry_out()


__all__ = ["KIND", "apply", "check", "proposal_in", "resume", "subject"]
