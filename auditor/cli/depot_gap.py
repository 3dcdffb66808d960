"""``auditor depot gap``: what vLCM's depot lacks, and each way to get it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option

if TYPE_CHECKING:
    from auditor.domain.observation import Unread


@click.command()
@click.argument("what", metavar="CLUSTER|PROPOSAL")
@click.option("--vcenter", default="", help="Only this vCenter, by its name in the configuration.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def gap(invocation: Invocation, what: str, vcenter: str, as_json: bool) -> int:
    """Say what the depot lacks for a cluster, or for a proposal, and each way to get it, the least invasive first.

    The argument is a proposal file, or a cluster by name or managed object id; for a cluster that is what its image asks for
    and what would be proposed for it now. Each item is looked up in the depot. Reads only.

    Ends with 3 when something is missing, with 4 when the depot could not be asked or it is not known what a host runs.

    \b
    Examples:
      auditor depot gap Database
      auditor depot gap lab-Database-domain-c17-20260301T120000Z.proposal.json
    """
    from auditor.cli import wiring
    from auditor.cli.propose import load_tables
    from auditor.domain.past import Past
    from auditor.errors import AuditorError
    from auditor.reports.proposal import gap_document, render_gaps
    from auditor.workflows.depot_gap import depot_gaps
    from auditor.workflows.proposal_file import read_proposal
    from auditor.workflows.propose import Ask

    config = invocation.config()
    path = Path(what)
    proposal = read_proposal(path) if path.is_file() else None
    ask = Ask((proposal.cluster_id,), proposal.vcenter) if proposal else Ask((what,), vcenter)
    if ask.vcenter:
        config.vcenter(ask.vcenter)
    only = frozenset(name.lower() for name in ask.clusters)
    with wiring.sources(config, only=only) as sources, wiring.past_or_why(config) as known, wiring.progress() as progress:
        past = Past() if isinstance(known, AuditorError) else known
        found = depot_gaps(sources, past, load_tables(config), ask, wiring.SystemClock(), progress, proposal, _unseen)
    if as_json:
        output.emit_json(gap_document(found))
    else:
        width, _ = output.page()
        output.emit("\n\n".join(render_gaps(each, width=width) for each in found))
        if any(each.missing for each in found):
            output.say(f"next: auditor depot import BUNDLE.zip, then auditor propose {shlex.quote(found[0].cluster)}")
    if any(each.missing for each in found):
        return ExitCode.DRIFT
    return ExitCode.INCOMPLETE if any(each.unknown or each.unread for each in found) else ExitCode.DONE


def _unseen(name: str, why: Unread) -> None:
    output.say(f"auditor: {name}: its clusters could not be read: {why}")
