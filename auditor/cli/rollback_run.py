"""``auditor rollback run``: one run of an approved plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation
from auditor.cli.rollback_operation import accounted, common, report
from auditor.cli.rollback_plan import approval_path, plan_of
from auditor.cli.writes import check_ticket

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.rollback.approval import Approval
    from auditor.domain.rollback.control import Evacuation
    from auditor.domain.rollback.plan import RollbackPlan


@click.command(short_help="Run an approved plan, wave by wave.")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False), metavar="PLAN")
@click.option(
    "--approval",
    "approval_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The approval's file. Default: PLAN.approval.",
)
@click.option("--execute", is_flag=True, help="Do it. Without it all facts are read again, and what would happen is said.")
@click.option("--ticket", default="", metavar="TICKET", help="The change this belongs to; needed by --execute.")
@click.option("--unattended", is_flag=True, help="For a plan made with --unattended: yes, write the byte over SSH.")
@click.option(
    "--evacuation",
    type=click.Choice(["ensureObjectAccessibility", "evacuateAllData", "noAction"]),
    help="What becomes of vSAN objects. Default: as configured; noAction on vSAN hosts only if it is configured.",
)
@click.option("--unencrypted", is_flag=True, help="Keep configuration bundles in the clear, which is recorded with your name.")
@common
def run(
    invocation: Invocation,
    plan_file: Path,
    approval_file: Path | None,
    execute: bool,
    ticket: str,
    unattended: bool,
    evacuation: str | None,
    unencrypted: bool,
    as_json: bool,
) -> int:
    """Roll back the hosts of PLAN, wave by wave, and stop at the first that does not end in ROLLED_BACK.

    Each host: all facts again, maintenance mode, configuration bundle and both boot.cfg saved, reboot into the other bank,
    watch, connection to vCenter, checks, leave maintenance mode, verify by a fresh observation.

    A guided plan (the default) shows a card for Shift+R at the host's console and watches. An unattended one writes the same
    byte over SSH, which the vendor does not support, and reboots. Every step is in the journal before it is done; after a
    crash `auditor rollback resume` looks first and repeats nothing. Without --execute, --json prints the plan.

    \b
    Exit codes: 0 all rolled back; 1 stopped at a host; 4 waiting for a person at a console; 5 refused; 6 locked.
    Examples:
      auditor rollback run Prod-A-20260310T120000Z.plan.json
      auditor rollback run Prod-A-20260310T120000Z.plan.json --execute --ticket CHG-4711
    """
    check_ticket(execute, ticket)
    from auditor.cli import identity, wiring, wiring_rollback, wiring_write
    from auditor.domain.rollback.control import Evacuation
    from auditor.domain.rollback.plan import Method
    from auditor.workflows.rollback import run as flow
    from auditor.workflows.rollback.card import VENDOR_POSITION
    from auditor.workflows.rollback.papers import Paper

    config = invocation.config()
    plan = plan_of(plan_file, as_json=as_json)
    by_byte = plan.method is Method.UNATTENDED
    if by_byte != unattended:
        raise click.UsageError(
            "this plan is unattended: say so with --unattended"
            if by_byte
            else "this plan is guided: make one with --unattended"
        )
    wiring_rollback.allowed(config, plan)
    approval = _approval(config, plan_file, approval_file)
    me = identity.operator(config)
    chosen = Evacuation(evacuation or config.rollback.evacuation)
    _refuse_unseen(config, plan, chosen)
    clear_for = me if unencrypted else ""
    vault = wiring_rollback.vault(config, clear_for=clear_for)
    if by_byte:
        output.say(f"UNSUPPORTED BY THE VENDOR. {VENDOR_POSITION}")
    if approval is not None and approval.break_glass:
        output.say(f"{approval}: nobody else has approved this plan")
    if not execute:
        with wiring_rollback.sight(config) as sight, wiring.progress() as progress:
            flow.check(sight, plan, approval, me, progress)
        _say_what_would_happen(plan, as_json=as_json)
        return ExitCode.DONE
    with wiring_write.journal(config) as journal, wiring_rollback.means(
        config, plan, wiring_rollback.teller(), vault, evacuation=chosen
    ) as means:  # fmt: skip
        with wiring.progress() as progress:
            flow.check(means.sight, plan, approval, me, progress)
        assert approval is not None  # noqa: S101 - checked just now
        number = flow.start(journal, Paper(plan, approval, chosen, clear_for), me, ticket, means.sight)
        output.say(f"operation {number}")
        with accounted(journal, number):
            status = flow.carry_on(means, journal, number, me)
    return report(status, as_json=as_json)


def _approval(config: Config, plan_file: Path, given: Path | None) -> Approval | None:
    """The approval beside the plan, or the one named; None: there is none."""
    from auditor.cli import identity
    from auditor.errors import RefusedError
    from auditor.workflows.rollback.papers import load_approval

    path = given or approval_path(plan_file)
    if given is None and not path.is_file():
        return None
    found = load_approval(path)
    # With accounts of the operating system, an approval is its writer's. A configured name says who somebody is otherwise.
    if not found.break_glass and not config.rollback.operator and identity.written_by_me(path):
        raise RefusedError(
            f"the approval says it is by {found.by}, and the file is yours",
            where=str(path),
            hint="let them write it themselves: auditor rollback approve PLAN --out FILE",
        )
    return found


def _refuse_unseen(config: Config, plan: RollbackPlan, chosen: Evacuation) -> None:
    """noAction takes vSAN objects away from running VMs, and an approver does not see the command line. Raises
    ``RefusedError``."""
    from auditor.domain.observation import Read
    from auditor.domain.rollback.canonical import canonical_text
    from auditor.domain.rollback.control import Evacuation
    from auditor.errors import RefusedError

    if chosen is not Evacuation.NO_ACTION or config.rollback.evacuation == chosen.value:
        return
    off = canonical_text(Read(False))
    for target in plan.targets:
        if next((fact.value for fact in target.facts if fact.name == "vsan enabled"), "") != off:
            raise RefusedError(
                "with --evacuation noAction vSAN objects become inaccessible, and whoever approved the plan has not seen it",
                where=target.host,
                hint='if that is what the site wants: evacuation = "noAction" in [rollback] of the configuration',
            )


def _say_what_would_happen(plan: RollbackPlan, *, as_json: bool) -> None:
    from auditor.reports.rollback import render_course
    from auditor.workflows.rollback.papers import plan_document

    if as_json:
        output.emit_json(plan_document(plan))
        output.say(render_course(plan))
    else:
        output.emit(render_course(plan))
    output.say("next: the same with --execute --ticket TICKET")


__all__ = ["run"]
