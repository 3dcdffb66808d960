"""``auditor rollback plan`` and ``approve``: nothing is changed on any host."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, vcenter_option, verbose_option
from auditor.cli.writes import shown_if_old

if TYPE_CHECKING:
    from auditor.domain.rollback.plan import RollbackPlan


@click.command(short_help="Plan going back to a build, for somebody else to approve.")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--cluster", metavar="NAME", default="", help="All hosts last listed in that cluster.")
@vcenter_option
@click.option("--to", "build", required=True, metavar="BUILD", help="The build to go back to, as `rollback window` shows it.")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    metavar="GATE=REASON",
    help="Pass a gate that is unknown, for a reason, which is recorded. HOST:GATE=REASON for one host. May be repeated.",
)
@click.option(
    "--unattended", is_flag=True, help="Plan for the byte over SSH instead of Shift+R; the configuration must allow it."
)
@click.option("--canary", metavar="HOST", default="", help="The host to go first. Default: the first that can be planned.")
@click.option(
    "--wave-size", type=click.IntRange(1, 64), default=1, show_default=True, help="Most hosts at a time, after the canary."
)
@click.option("--lifetime", type=click.IntRange(1, 168), default=8, show_default=True, help="Hours it is good for.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The plan file. Default: by time.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def plan(
    invocation: Invocation,
    hosts: tuple[str, ...],
    cluster: str,
    vcenter: str,
    build: str,
    overrides: tuple[str, ...],
    unattended: bool,
    canary: str,
    wave_size: int,
    lifetime: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Plan going back to BUILD, and write the plan to a file (mode 0600) for somebody else to approve.

    Reads everything that decides whether a host may go back: both boot banks over SSH, and cluster, VMs, HA, vSAN and security
    from vCenter. Each gate passes, fails or is unknown, with evidence; unknown counts as fail until it is overridden by name
    with a reason. A host is planned only if its window is open to exactly that build. Changes nothing. HOST is a name, the
    start of one (esx01), or an address, of one host that is known from history or the configuration.

    \b
    Exit codes: 0 all are planned and nothing stands against it; 4 the same, but hosts were left out, with the reason;
    5 a gate stands against it, or no host can be planned.
    Examples:
      auditor rollback plan esx01.example.org --to 24585383
      auditor rollback plan --cluster Prod-A --to 24585383 --override "solutions=NSX takes both, CHG-17"
    """
    if bool(hosts) == bool(cluster):
        raise click.UsageError("name hosts, or give --cluster")
    from auditor import newfile
    from auditor.cli import identity, wiring, wiring_rollback
    from auditor.domain.rollback.plan import Method
    from auditor.errors import RefusedError
    from auditor.reports.rollback import plan_next, render_plan
    from auditor.workflows.choosing import choose
    from auditor.workflows.rollback.card import VENDOR_POSITION
    from auditor.workflows.rollback.papers import plan_document
    from auditor.workflows.rollback.planning import PlanAsk, read_overrides
    from auditor.workflows.rollback.planning import plan as make

    config = invocation.config()
    me = identity.operator(config)
    if unattended and not config.rollback.unattended:
        raise RefusedError(
            "unattended rollbacks are not allowed by the configuration",
            where=str(config.path),
            hint="set unattended = true in [rollback], knowing the vendor's position, or plan without --unattended",
        )
    known = wiring.known_hosts(config)
    chosen = choose(known, hosts, cluster, vcenter)
    ask = PlanAsk(
        to=build,
        method=Method.UNATTENDED if unattended else Method.GUIDED,
        author=me,
        lifetime=timedelta(hours=lifetime),
        canary=canary,
        wave_size=wave_size,
        overrides=read_overrides(overrides, me),
        reached=known.reached,
    )
    with wiring_rollback.sight(config) as sight, wiring.progress() as progress:
        made = make(sight, chosen, ask, config.limits.concurrency, progress)
    document = plan_document(made)
    path = out or Path(f"{_name(cluster or hosts[0])}-{made.created:%Y%m%dT%H%M%SZ}.plan.json")
    newfile.save(path, [_text(document)])
    if as_json:
        if unattended:
            output.say(f"UNSUPPORTED BY THE VENDOR. {VENDOR_POSITION}")
        output.emit_json(document)
    else:
        if unattended:
            output.emit(f"UNSUPPORTED BY THE VENDOR. {VENDOR_POSITION}\n")
        output.emit(render_plan(made, made.created))
        output.emit(f"Written to {path}")
    keyless = [] if config.backup.key else ["a key for the hosts' bundles, or `run` refuses: auditor backup --new-key FILE"]
    for step in [*plan_next(made, str(path)), *keyless]:
        output.say(f"next: {step}")
    if made.blocked or not made.targets:
        return ExitCode.REFUSED
    return ExitCode.INCOMPLETE if made.left_out else ExitCode.DONE


@click.command(short_help="Approve a plan: the second pair of eyes.")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False), metavar="PLAN")
@click.option("--lifetime", type=click.IntRange(1, 168), default=8, show_default=True, help="Hours the approval is good for.")
@click.option(
    "--break-glass", metavar="REASON", help="Approve your own plan because nobody else can be had. Recorded and shown."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The approval's file. Default: PLAN.approval.",
)
@json_option
@config_option
@verbose_option
@click.pass_obj
def approve(
    invocation: Invocation, plan_file: Path, lifetime: int, break_glass: str | None, out: Path | None, as_json: bool
) -> int:
    """Read PLAN, a file of `auditor rollback plan`, and approve it: the second pair of eyes.

    The approval is bound to the plan's hash and expires. Nobody approves their own plan. Who you are is who logged in on
    this machine, or [rollback] operator in the configuration.

    With --break-glass you approve your own plan, with a reason. That is shown by every command about it, and stays in the
    history for good.

    \b
    Exit codes: 0 approved; 5 refused.
    Example:
      auditor rollback approve Prod-A-20260310T120000Z.plan.json
    """
    from auditor import newfile
    from auditor.cli import identity, wiring
    from auditor.domain.rollback.plan import Method
    from auditor.reports.rollback import render_approval, render_plan
    from auditor.workflows.rollback.papers import approval_document
    from auditor.workflows.rollback.planning import approve_plan

    config = invocation.config()
    made = plan_of(plan_file, as_json=as_json)
    clock = wiring.SystemClock()
    if not as_json:
        output.emit(render_plan(made, clock.now()))
        output.emit("What the gates saw is as the plan has it. The run judges every gate anew before it does anything.")
    approval = approve_plan(made, identity.operator(config), clock, timedelta(hours=lifetime), break_glass)
    path = out or approval_path(plan_file)
    document = approval_document(approval)
    newfile.save(path, [_text(document)])
    with suppress(OSError):
        path.chmod(0o644)  # it is for somebody else, and holds no secret
    if as_json:
        output.emit_json(document)
    else:
        output.emit("\n" + render_approval(approval))
        output.emit(f"Written to {path}")
    if approval.break_glass:
        output.say("BREAK GLASS: you approved your own plan. This is recorded.")
    by_byte = " --unattended" if made.method is Method.UNATTENDED else ""
    output.say(f"next: auditor rollback run {plan_file}{by_byte} --execute --ticket TICKET")
    return ExitCode.DONE


def plan_of(path: Path, *, as_json: bool) -> RollbackPlan:
    """The plan of a file; one of the format before is shown and refused."""
    from auditor.cli import wiring
    from auditor.domain.rollback.plan import RollbackPlan
    from auditor.reports.rollback import render_plan
    from auditor.workflows.rollback.papers import load_plan

    def render(paper: object) -> str:
        assert isinstance(paper, RollbackPlan)  # noqa: S101 - what a plan's reader hands over
        return render_plan(paper, wiring.SystemClock().now())

    with shown_if_old(render, as_json=as_json):
        return load_plan(path)


def approval_path(plan_file: Path) -> Path:
    """Where the approval of a plan is looked for."""
    return plan_file.with_name(plan_file.name + ".approval")


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "rollback"


def _text(document: object) -> bytes:
    import json

    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()


__all__ = ["approval_path", "approve", "plan", "plan_of"]
