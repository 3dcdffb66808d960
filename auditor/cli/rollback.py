"""``auditor rollback``: whether and how hosts go back to the image in their other boot bank."""

from __future__ import annotations

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, vcenter_option, verbose_option
from auditor.cli.rollback_operation import abort, confirm, disarm, resume, status
from auditor.cli.rollback_plan import approve, plan
from auditor.cli.rollback_run import run


@click.group()
def rollback() -> None:
    """Take hosts back to the image in their other boot bank: know the window, plan, approve, run.

    \b
    In this order:
      auditor rollback window --cluster Prod-A
      auditor rollback plan --cluster Prod-A --to 24585383 --out back.plan.json
      auditor rollback approve back.plan.json         (somebody else)
      auditor rollback run back.plan.json --execute --ticket CHG-4711
      auditor runbook show rollback-guided            (all of it, step by step)
    """


@rollback.command(short_help="Say whether hosts can go back, and if not, why.")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--cluster", metavar="NAME", default="", help="All hosts last listed in that cluster.")
@vcenter_option
@json_option
@config_option
@verbose_option
@click.pass_obj
def window(invocation: Invocation, hosts: tuple[str, ...], cluster: str, vcenter: str, as_json: bool) -> int:
    """Say for each host whether it can go back to the image in its other boot bank, and if not, why.

    Reads the banks over SSH, the only route that shows them, and changes no host. Which hosts there are is taken from history
    and the configuration, so it works while vCenter is down; the answer says when an inventory last listed them. HOST is a
    name, the start of one (esx01), or an address. Without HOST or --cluster all known hosts are read.

    What it read is recorded, for `auditor rollback events` and the next audit. When that fails, the answer stands.

    A window can close at any time: read it again just before you act on it.

    \b
    Exit codes: 0 every window is known; 4 some are not; 1 what was read could not be recorded.
    Examples:
      auditor rollback window esx01
      auditor rollback window --cluster prod --json
    """
    if hosts and cluster:
        raise click.UsageError("give either hosts or --cluster")
    from auditor.cli import wiring
    from auditor.workflows.choosing import choose
    from auditor.workflows.windows import read_windows, record_windows, unknown

    config = invocation.config()
    known = wiring.known_hosts(config, history_needed=False)
    chosen = choose(known, hosts, cluster, vcenter)
    reader, target = wiring.bank_reader(config)
    clock = wiring.SystemClock()
    begun = clock.now()
    with wiring.progress() as progress:
        rows = read_windows(chosen, reader, target, config.limits.concurrency, progress)
    if as_json:
        from auditor.reports.window import window_document

        output.emit_json(window_document(rows))
    else:
        from auditor.reports.window import render_windows

        output.emit(render_windows(rows))
    # A host known by its address alone is some vCenter's that nobody has read yet: it would be recorded as another host.
    names = {host.name for host in known.hosts}
    recorded = [row for row in rows if row.chosen.name in names]
    if recorded:
        with wiring.history_or_why(config) as history:
            record_windows(history, recorded, begun, clock)
    return ExitCode.INCOMPLETE if unknown(rows) else ExitCode.DONE


@rollback.command(short_help="List how windows moved from run to run.")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@json_option
@config_option
@verbose_option
@click.pass_obj
def events(invocation: Invocation, hosts: tuple[str, ...], as_json: bool) -> int:
    """List how hosts' windows moved from run to run, with the likely cause, as recorded. Nothing is contacted.

    Judged by the boot.cfg files that audits, snapshots and `auditor rollback window` record. Without HOST: of all hosts.

    \b
    Examples:
      auditor rollback events
      auditor rollback events esx01 --json
    """
    from auditor.cli import wiring
    from auditor.domain.rollback.change import window_events
    from auditor.reports.window import events_document, render_events
    from auditor.workflows.choosing import one_name

    config = invocation.config()
    with wiring.open_history(config, read_only=True) as history:
        known = wiring.known_hosts(config)
        recorded = known.names() | history.host_names()  # those left out of reports as well: their record stays
        answers = history.bank_answers([one_name(host, recorded, known.reached) for host in hosts])
    found = [event for one in answers for event in window_events(one)]
    found.sort(key=lambda event: (event.seen_after, event.host))
    if as_json:
        output.emit_json(events_document(found))
    else:
        output.emit(render_events(found, len(answers)))
    return ExitCode.DONE


for _command in (plan, approve, run, status, resume, confirm, disarm, abort):
    rollback.add_command(_command)
