"""``auditor propose``: the images a cluster could be raised to, and a file that ``apply`` takes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.audit import TimeType
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.observation import Unread
    from auditor.domain.proposal.values import ImageProposal
    from auditor.workflows.propose import Ask, Tables

BRIEF_FROM = 6
"""From this number of clusters on a cluster is a line or two; the files have everything."""

_KINDS = ("archived", "uniform", "host", "raise-and-remediate", "highest", "most-used", "roll-back-hosts")


@click.command()
@click.argument("clusters", nargs=-1, metavar="[CLUSTER]...")
@click.option("--all", "every", is_flag=True, help="Every cluster of the configured vCenters.")
@click.option("--vcenter", default="", help="Only this vCenter, by its name in the configuration.")
@click.option("--from-host", default="", metavar="HOST", help="Propose what this host runs; a name, its start, or an address.")
@click.option(
    "--candidate",
    default="",
    metavar="N|KIND",
    help=f"Take this candidate instead of the first: its number as shown, or its kind ({', '.join(_KINDS)}).",
)
@click.option(
    "--from-history", is_flag=True, help="Contact nothing: the newest recorded view. Such a proposal cannot be applied."
)
@click.option("--at", type=TimeType(), help="With --from-history: the newest view at or before this time (UTC).")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="the current folder",
    metavar="DIR", help="Where the proposal files go, one a cluster.",
)  # fmt: skip
@click.option("--lifetime", type=click.IntRange(min=1, max=24 * 14), default=24, show_default=True, help="Hours it is valid.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def propose(
    invocation: Invocation,
    clusters: tuple[str, ...],
    every: bool,
    vcenter: str,
    from_host: str,
    candidate: str,
    from_history: bool,
    at: datetime | None,
    out: Path,
    lifetime: int,
    as_json: bool,
) -> int:
    """Find the images that CLUSTER could be raised to, ranked and explained, and write the first as a proposal file.

    CLUSTER is a name or a managed object id. Candidates come from the history (an image the cluster had that equals what its
    hosts run), from the hosts, and, for comparison only, from vCenter's stored recommendation. Each shows what would change,
    which hosts a scan would call COMPLIANT, NON_COMPLIANT or INCOMPATIBLE, what the depot lacks, and what stands against it.

    Reads only: nothing is changed, no task is started, nothing is recorded.

    \b
    Examples:
      auditor propose Production
      auditor propose --all --out proposals
      auditor propose Analytics --from-host esx07.example.org
    """
    if bool(clusters) == every:
        raise click.UsageError("name clusters, or give --all")
    if at is not None and not from_history:
        raise click.UsageError("--at goes with --from-history")
    if candidate.isdecimal() and len(clusters) != 1:
        raise click.UsageError("--candidate with a number goes with one cluster")
    from auditor.cli import wiring
    from auditor.domain.proposal.values import CandidateKind
    from auditor.reports.proposal import next_commands, render_proposals
    from auditor.workflows.proposal_file import proposal_document, write_proposal
    from auditor.workflows.propose import Ask

    if candidate and not candidate.isdecimal() and candidate not in {kind.value for kind in CandidateKind}:
        raise click.UsageError(f"--candidate: {candidate!r} is neither a number nor one of {', '.join(_KINDS)}")
    config = invocation.config()
    if vcenter:
        config.vcenter(vcenter)
    ask = Ask(clusters, vcenter, from_host, candidate, timedelta(hours=lifetime), wiring.addresses(config))
    unread: list[tuple[str, str]] = []
    made = proposals(config, ask, unread, from_history=from_history, at=at)
    written = [(p, write_proposal(out, p) if p.chosen is not None and p.chosen.changes_image else None) for p in made]
    if as_json:
        entries = [
            {"proposal": proposal_document(p), "file": str(path) if path else None, "next": next_commands(p, path)}
            for p, path in written
        ]
        blind = [{"vcenter": name, "why": why} for name, why in unread]
        output.emit_json({"schema": "auditor/proposals/v1", "proposals": entries, "unread": blind})
    else:
        width, _ = output.page()
        text = render_proposals(written, width=width, brief=len(written) >= BRIEF_FROM)
        output.emit(text or "there is no cluster")
    return exit_code(made, blind=bool(unread) and every)


def proposals(
    config: Config, ask: Ask, unread: list[tuple[str, str]], *, from_history: bool = False, at: datetime | None = None
) -> tuple[ImageProposal, ...]:
    """The proposals. A vCenter whose clusters could not be read is said, and added to ``unread`` with the reason."""
    from auditor.cli import wiring
    from auditor.domain.past import Past
    from auditor.errors import AuditorError
    from auditor.workflows.propose import propose_live, propose_recorded

    def unseen(name: str, why: Unread) -> None:
        unread.append((name, str(why)))
        output.say(f"auditor: {name}: its clusters could not be read: {why}")

    tables = load_tables(config)
    if from_history:
        with wiring.open_history(config, read_only=True) as recorded:
            return propose_recorded(recorded, tables, ask, at, unseen)
    only = frozenset(name.lower() for name in ask.clusters)
    with wiring.sources(config, only=only) as sources, wiring.past_or_why(config) as known, wiring.progress() as progress:
        if isinstance(known, AuditorError):
            output.say(f"without history: {known.what}")
        past = Past() if isinstance(known, AuditorError) else known
        return propose_live(sources, past, tables, ask, wiring.SystemClock(), progress, unseen)


def load_tables(config: Config) -> Tables:
    """The tables of this configuration."""
    from auditor.tables import load_hints, load_release_table
    from auditor.workflows.propose import Tables

    return Tables(load_release_table(config.releases), load_hints(config.upgrade_paths, config.vendor_builds))


def exit_code(made: tuple[ImageProposal, ...], *, blind: bool = False) -> ExitCode:
    """Refused when something forbids what would be proposed, incomplete when a cluster could not be judged; ``blind``: all
    clusters were asked for, and those of some vCenter could not be read."""
    chosen = [p.chosen for p in made if p.chosen is not None]
    if any(candidate.blockers for candidate in chosen):
        return ExitCode.REFUSED
    unknown = any(note.startswith("not known what") for p in made if p.chosen is None for note in p.notes)
    return ExitCode.INCOMPLETE if unknown or blind else ExitCode.DONE
