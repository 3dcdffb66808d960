"""``auditor rollback run|status|resume|disarm|confirm|abort``: one run of an approved plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.cli.rollback_plan import approval_path
from auditor.cli.writes import check_ticket

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.rollback.approval import Approval
    from auditor.domain.rollback.plan import RollbackPlan
    from auditor.domain.rollback.status import OperationStatus
    from auditor.history.journal import SqliteJournal
    from auditor.workflows.rollback.means import Means

F = TypeVar("F", bound=Callable[..., object])
Verb = Callable[["Means", "SqliteJournal", int, str], "OperationStatus"]


def _common(function: F) -> F:
    return json_option(config_option(verbose_option(click.pass_obj(function))))  # type: ignore[return-value] # click's


def _operation_argument(function: F) -> F:
    return click.argument("operation", type=int, required=False, metavar="[OPERATION]")(function)


@click.command()
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
    help="What becomes of vSAN objects. Default: as configured.",
)
@_common
def run(
    invocation: Invocation,
    plan_file: Path,
    approval_file: Path | None,
    execute: bool,
    ticket: str,
    unattended: bool,
    evacuation: str | None,
    as_json: bool,
) -> int:
    """Roll back the hosts of PLAN, wave by wave, and stop at the first that does not end in ROLLED_BACK.

    Each host: all facts again, maintenance mode, configuration bundle and both boot.cfg saved, reboot into the other bank,
    watch, connection to vCenter, checks, leave maintenance mode, verify by a fresh observation.

    A guided plan (the default) shows a card for Shift+R at the host's console and watches. An unattended one writes the same
    byte over SSH, which the vendor does not support, and reboots. Every step is in the journal before it is done; after a
    crash `auditor rollback resume` looks first and repeats nothing.

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
    from auditor.workflows.rollback.papers import Paper, load_plan

    config = invocation.config()
    plan = load_plan(plan_file)
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
    if by_byte:
        output.say(f"UNSUPPORTED BY THE VENDOR. {VENDOR_POSITION}")
    if approval is not None and approval.break_glass:
        output.say(f"{approval}: nobody else has approved this plan")
    if not execute:
        with wiring_rollback.sight(config) as sight, wiring.progress() as progress:
            flow.check(sight, plan, approval, me, progress)
        _say_what_would_happen(plan)
        return ExitCode.DONE
    with wiring_write.journal(config) as journal, wiring_rollback.means(
        config, plan, wiring_rollback.teller(), evacuation=chosen
    ) as means:  # fmt: skip
        with wiring.progress() as progress:
            flow.check(means.sight, plan, approval, me, progress)
        assert approval is not None  # noqa: S101 - checked just now
        number = flow.start(journal, Paper(plan, approval, chosen), me, ticket, means.sight)
        output.say(f"operation {number}")
        status = _interruptible(number, lambda: flow.carry_on(means, journal, number, me))
    return _report(status, as_json=as_json)


@click.command()
@_operation_argument
@click.option("--all", "every", is_flag=True, help="Every rollback that was ever begun here.")
@_common
def status(invocation: Invocation, operation: int | None, every: bool, as_json: bool) -> int:
    """Say what the journal has of OPERATION; without it, of every unfinished rollback, or else of the last one.

    Contacts nothing. A step that is IN_DOUBT is being done right now, or the tool was killed there.
    """
    from auditor.domain.rollback.status import status_of
    from auditor.history.journal import SqliteJournal
    from auditor.reports.rollback import operation_next, operations_document, render_operation
    from auditor.workflows.rollback.papers import read_paper
    from auditor.workflows.rollback.run import KIND

    with SqliteJournal(invocation.config().history, read_only=True) as journal:
        known = journal.operations(KIND)
        if operation is not None:
            chosen = tuple(one for one in known if one.id == operation)
            if not chosen:
                raise _not_ours(operation)
        else:
            chosen = known if every else tuple(one for one in known if one.unfinished) or known[-1:]
        found = []
        for one in chosen:
            paper = read_paper(one.document, f"operation {one.id}")
            found.append(status_of(one, paper.plan, paper.approval, journal.entries(one.id)))
    if as_json:
        output.emit_json(operations_document(found))
        return ExitCode.DONE
    if not found:
        output.say("no rollback was begun here")
        return ExitCode.DONE
    output.emit("\n\n".join(render_operation(each) for each in found))
    for each in found[:1] if len(found) == 1 else ():
        for step in operation_next(each):
            output.say(f"next: {step}")
    return ExitCode.DONE


@click.command()
@_operation_argument
@_common
def resume(invocation: Invocation, operation: int | None, as_json: bool) -> int:
    """Take over OPERATION after a crash, a pause or a repair: look at the hosts first, then go on. Nothing done is repeated.

    Without OPERATION: the only unfinished one. Exit codes as of `auditor rollback run`.
    """
    from auditor.workflows.rollback import run as flow

    return _report(_with(invocation, operation, flow.resume), as_json=as_json)


@click.command()
@_operation_argument
@click.option("--host", metavar="HOST", default="", help="Only this host. Default: every host that waits for a person.")
@_common
def confirm(invocation: Invocation, operation: int | None, host: str, as_json: bool) -> int:
    """Say that the reboot at the console is done: the tool watches the host to its end. Your word proves nothing by itself.

    Exit codes as of `auditor rollback run`; 5 when no host waits for it.
    """
    from auditor.workflows.rollback import run as flow

    return _report(_with(invocation, operation, lambda m, j, n, me: flow.confirm(m, j, n, me, host)), as_json=as_json)


@click.command()
@_operation_argument
@_common
def disarm(invocation: Invocation, operation: int | None, as_json: bool) -> int:
    """Put the exact bytes back on every host that is armed and was not told to reboot. It stays in maintenance mode.

    \b
    Exit codes: 0 nothing of ours is armed any more; 1 something is; 5 too late: the order to reboot went out.
    """
    from auditor.workflows.rollback import run as flow

    found = _with(invocation, operation, flow.disarm)
    _report(found, as_json=as_json)
    return ExitCode.DONE if all(one.armed != "yes" for one in found.hosts) else ExitCode.FAILED


@click.command()
@_operation_argument
@click.option("--give-up", is_flag=True, help="Close it also over hosts that are not back or not well: a person sees to them.")
@_common
def abort(invocation: Invocation, operation: int | None, give_up: bool, as_json: bool) -> int:
    """Stop OPERATION: hosts not told to reboot are disarmed and leave maintenance mode; the others are watched to their end.

    In an HA cluster leaving maintenance mode closes the window (KB 316592). To keep it, use `auditor rollback disarm`.
    To stop a run that is going on: Ctrl-C there first, then this.

    \b
    Exit codes: 0 the operation is closed; 1 a host is left that must be looked at; 6 the run is still going on.
    """
    from auditor.workflows.rollback import run as flow

    found = _with(invocation, operation, lambda m, j, n, me: flow.abort(m, j, n, me, give_up=give_up))
    _report(found, as_json=as_json)
    return ExitCode.FAILED if found.operation.unfinished else ExitCode.DONE


def _with(invocation: Invocation, operation: int | None, verb: Verb) -> OperationStatus:
    """Take an operation and do something with it."""
    from auditor.cli import identity, wiring_rollback, wiring_write
    from auditor.workflows.rollback.papers import read_paper

    config = invocation.config()
    with wiring_write.journal(config) as journal:
        number = _chosen(journal, operation)
        found = journal.operation(number)
        paper = read_paper(found.document, f"operation {number}")
        wiring_rollback.allowed(config, paper.plan)
        with wiring_rollback.means(config, paper.plan, wiring_rollback.teller(), evacuation=paper.evacuation) as means:
            return _interruptible(number, lambda: verb(means, journal, number, identity.operator(config)))


def _chosen(journal: SqliteJournal, operation: int | None) -> int:
    from auditor.errors import InputError, RefusedError
    from auditor.workflows.rollback.run import KIND

    if operation is not None:
        if journal.operation(operation).kind != KIND:
            raise _not_ours(operation)
        return operation
    unfinished = journal.operations(KIND, unfinished=True)
    if not unfinished:
        raise RefusedError("no rollback is unfinished", hint="auditor rollback status --all")
    if len(unfinished) > 1:
        names = ", ".join(f"{one.id} ({', '.join(one.subjects)})" for one in unfinished)
        raise InputError(f"{len(unfinished)} rollbacks are unfinished: {names}", hint="say which one")
    return unfinished[0].id


def _not_ours(operation: int) -> Exception:
    from auditor.errors import InputError

    return InputError(f"operation {operation} is no rollback", hint="auditor rollback status --all")


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


def _say_what_would_happen(plan: RollbackPlan) -> None:
    waves = "; ".join(", ".join(wave) for wave in plan.waves)
    output.emit(f"All facts are as planned, and the approval holds. In this order: {waves}.")
    output.emit(f"Each host: {', '.join(plan.targets[0].steps)}. Nothing was done.")
    output.say("next: the same with --execute --ticket TICKET")


def _interruptible(number: int, act: Callable[[], OperationStatus]) -> OperationStatus:
    try:
        return act()
    except KeyboardInterrupt:
        output.say(f"operation {number} is not over; next: auditor rollback resume {number}, or abort {number}")
        raise


def _report(found: OperationStatus, *, as_json: bool) -> int:
    from auditor.reports.rollback import operation_next, operations_document, render_operation

    if as_json:
        output.emit_json(operations_document([found]))
    else:
        output.emit(render_operation(found))
        for step in operation_next(found):
            output.say(f"next: {step}")
    if found.rolled_back:
        return ExitCode.DONE
    return ExitCode.INCOMPLETE if found.waiting else ExitCode.FAILED


__all__ = ["abort", "confirm", "disarm", "resume", "run", "status"]
