"""``auditor apply``: raise a cluster's image as a proposal says, with no host touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.cli.writes import check_ticket, operator_or_me, shown_if_old, write_options
from auditor.errors import AuditorError, InputError, RefusedError

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.journal import Operation
    from auditor.history.journal import SqliteJournal
    from auditor.workflows.apply_run import ApplyResult

NEWEST = 0
"""The value of ``--resume`` without a number."""


@click.command()
@click.argument("proposal", required=False, type=click.Path(path_type=Path), metavar="[PROPOSAL]")
@write_options("Commit. Without it everything is tried up to the commit, and taken back.")
@click.option(
    "--resume",
    type=click.IntRange(min=NEWEST),
    is_flag=False,
    flag_value=NEWEST,
    metavar="[OPERATION]",
    help="Take over an operation that was interrupted: look first, then finish what was committed, or withdraw.",
)
@json_option
@config_option
@verbose_option
@click.pass_obj
def apply(
    invocation: Invocation,
    proposal: Path | None,
    execute: bool,
    ticket: str,
    operator: str,
    resume: int | None,
    as_json: bool,
) -> int:
    """Give a cluster the image of PROPOSAL, a file that `auditor propose` wrote. No host is touched.

    Reads the proposal's facts anew and refuses it when one moved. Makes a draft of its own, sets the layers, lets vLCM validate
    and scan the draft, and compares the scan with the proposal. That is where a dry run, the default, ends: the draft is
    discarded. With --execute the inverse proposal is written beside PROPOSAL, the draft committed, the cluster scanned anew,
    compared, and it is proved that no host was restarted, put into maintenance mode or worked on.

    At the first surprise the own draft is discarded, nothing is committed, and the reason is said. Drafts of others are listed
    and left alone. Everything is journalled in the history file.

    \b
    Examples:
      auditor apply lab-Production-domain-c8-20260301T120000Z.proposal.json
      auditor apply lab-Production-domain-c8-20260301T120000Z.proposal.json --execute --ticket CHG0042
      auditor apply --resume
    """
    if (proposal is None) == (resume is None):
        raise click.UsageError("give a proposal file, or --resume")
    if resume is not None and (execute or ticket):
        raise click.UsageError("--resume takes over what was begun: it takes neither --execute nor --ticket")
    check_ticket(execute, ticket)
    config = invocation.config()
    if proposal is not None:
        with shown_if_old(_old, as_json=as_json):
            result = _apply(config, proposal, execute=execute, ticket=ticket, operator=operator_or_me(operator))
    else:
        result = _resume(config, resume or NEWEST)
    return report(result, str(proposal) if proposal else "", as_json=as_json)


def report(result: ApplyResult, file: str, *, as_json: bool) -> int:
    """Print a result; its exit code."""
    from auditor.domain.proposal.steps import Outcome
    from auditor.reports.apply import apply_document, render_apply

    if as_json:
        output.emit_json(apply_document(result, file))
    else:
        width, _ = output.page()
        output.emit(render_apply(result, file, width=width))
    if result.outcome in {Outcome.APPLIED, Outcome.DRY_RUN}:
        return ExitCode.DONE
    return ExitCode.REFUSED if result.refused else ExitCode.FAILED


def _old(paper: object) -> str:
    from auditor.domain.proposal.values import ImageProposal
    from auditor.reports.proposal import render_proposals

    assert isinstance(paper, ImageProposal)  # noqa: S101 - what a proposal's reader hands over
    width, _ = output.page()
    return render_proposals([(paper, None)], width=width, commands=False)


def _apply(config: Config, path: Path, *, execute: bool, ticket: str, operator: str) -> ApplyResult:
    from auditor.cli import wiring_write
    from auditor.workflows.apply import apply, subject
    from auditor.workflows.proposal_file import read_proposal

    proposal = read_proposal(path)
    with (
        wiring_write.journal(config) as journal,
        wiring_write.apply_tools(
            config, journal, proposal.vcenter, proposal.cluster_id, folder=path.absolute().parent, may_commit=execute
        ) as tools,
        _said(journal, subject(proposal)),
    ):
        return apply(proposal, tools, execute=execute, operator=operator, ticket=ticket)


def _resume(config: Config, number: int) -> ApplyResult:
    from auditor.cli import wiring_write
    from auditor.workflows.apply import proposal_in, resume, subject

    with wiring_write.journal(config) as journal:
        operation = _unfinished(journal, number)
        proposal = proposal_in(operation)
        with (
            wiring_write.apply_tools(
                config, journal, proposal.vcenter, proposal.cluster_id, folder=Path.cwd(), may_commit=False
            ) as tools,
            _said(journal, subject(proposal)),
        ):
            return resume(operation.id, tools)


def _unfinished(journal: SqliteJournal, number: int) -> Operation:
    """The apply that is meant: that number, or the only one that is unfinished."""
    from auditor.reports.apply import render_operations
    from auditor.workflows.apply import KIND, proposal_in

    if number != NEWEST:
        found = journal.operation(number)
        if found.kind != KIND:
            raise InputError(f"operation {number} is no apply but {found.kind}", hint="auditor history operations lists them")
        return found
    open_ones = journal.operations(KIND, unfinished=True)
    if not open_ones:
        raise RefusedError("there is no unfinished apply", hint="auditor history operations lists what was done")
    if len(open_ones) > 1:
        named = {each.id: proposal_in(each).cluster for each in open_ones}
        raise InputError(
            f"{len(open_ones)} applies are unfinished",
            tried=render_operations(open_ones, named),
            hint="auditor apply --resume N",
        )
    return open_ones[0]


@contextmanager
def _said(journal: SqliteJournal, cluster: str) -> Iterator[None]:
    """Whatever ends a run early, Ctrl-C or a fault of ours, the operation it leaves open is named. Errors that a user can act
    on say so themselves."""
    try:
        yield
    except AuditorError:
        raise
    except BaseException:
        for each in journal.operations("apply", unfinished=True):
            if cluster in each.subjects:
                text = (
                    f"operation {each.id} is not over, and a draft of ours may be left; next: auditor apply --resume {each.id}"
                )
                output.say(text)
        raise
