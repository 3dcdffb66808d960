"""``auditor rollback status|resume|disarm|confirm|abort``: an operation that was begun."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option

if TYPE_CHECKING:
    from auditor.domain.rollback.status import HostStatus, OperationStatus
    from auditor.history.journal import SqliteJournal
    from auditor.workflows.rollback.means import Means

F = TypeVar("F", bound=Callable[..., object])
Verb = Callable[["Means", "SqliteJournal", int, str], "OperationStatus"]


def common(function: F) -> F:
    """--json, --config and -v, and the invocation."""
    return json_option(config_option(verbose_option(click.pass_obj(function))))  # type: ignore[return-value] # click's


def _operation_argument(function: F) -> F:
    return click.argument("operation", type=int, required=False, metavar="[OPERATION]")(function)


@click.command(short_help="Say where a rollback stands; contacts nothing.")
@_operation_argument
@click.option("--all", "every", is_flag=True, help="Every rollback that was ever begun here.")
@common
def status(invocation: Invocation, operation: int | None, every: bool, as_json: bool) -> int:
    """Say what the journal has of OPERATION; without it, of every unfinished rollback, or else of the last one.

    Contacts nothing. A step that is IN_DOUBT is being done right now, or the tool was killed there.

    \b
    Examples:
      auditor rollback status
      auditor rollback status 3 --json
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


@click.command(short_help="Go on after a crash, a pause or a repair.")
@_operation_argument
@common
def resume(invocation: Invocation, operation: int | None, as_json: bool) -> int:
    """Take over OPERATION after a crash, a pause or a repair: look at the hosts first, then go on. Nothing done is repeated.

    Without OPERATION: the only unfinished one. Exit codes as of `auditor rollback run`.

    \b
    Examples:
      auditor rollback resume
      auditor rollback resume 3
    """
    from auditor.workflows.rollback import run as flow

    return report(_with(invocation, operation, flow.resume), as_json=as_json)


@click.command(short_help="Say that the reboot at the console is done.")
@_operation_argument
@click.option("--host", metavar="HOST", default="", help="Only this host. Default: every host that waits for a person.")
@common
def confirm(invocation: Invocation, operation: int | None, host: str, as_json: bool) -> int:
    """Say that the reboot at the console is done: the tool watches the host to its end. Your word proves nothing by itself.

    Exit codes as of `auditor rollback run`; 5 when no host waits for it.

    \b
    Examples:
      auditor rollback confirm
      auditor rollback confirm 3 --host esx01
    """
    from auditor.workflows.rollback import run as flow

    return report(_with(invocation, operation, lambda m, j, n, me: flow.confirm(m, j, n, me, host)), as_json=as_json)


@click.command(short_help="Take back what is armed and not rebooted.")
@_operation_argument
@common
def disarm(invocation: Invocation, operation: int | None, as_json: bool) -> int:
    """Put the exact bytes back on every host that is armed and was not told to reboot. It stays in maintenance mode.

    \b
    Exit codes: 0 nothing is armed any more; 1 a host is, or could not be looked at; 5 too late: the order to reboot went out.
    Example:
      auditor rollback disarm 3
    """
    from auditor.workflows.rollback import run as flow

    found = _with(invocation, operation, flow.disarm, takes_back=True)
    report(found, as_json=as_json)
    return ExitCode.FAILED if any(one.armed in {"yes", "unknown"} for one in found.hosts) else ExitCode.DONE


@click.command(short_help="Stop a rollback.")
@_operation_argument
@click.option("--give-up", is_flag=True, help="Close it also over hosts that are not back or not well: a person sees to them.")
@common
def abort(invocation: Invocation, operation: int | None, give_up: bool, as_json: bool) -> int:
    """Stop OPERATION: hosts not told to reboot are disarmed and leave maintenance mode; the others are watched to their end.

    In an HA cluster leaving maintenance mode closes the window (KB 316592). To keep it, use `auditor rollback disarm`.
    To stop a run that is going on: Ctrl-C there first, then this.

    \b
    Exit codes: 0 the operation is closed; 1 a host is left that must be looked at; 6 the run is still going on.
    Examples:
      auditor rollback abort 3
      auditor rollback abort 3 --give-up
    """
    from auditor.workflows.rollback import run as flow

    found = _with(invocation, operation, lambda m, j, n, me: flow.abort(m, j, n, me, give_up=give_up), takes_back=True)
    report(found, as_json=as_json)
    return ExitCode.FAILED if found.operation.unfinished else ExitCode.DONE


def _with(invocation: Invocation, operation: int | None, verb: Verb, *, takes_back: bool = False) -> OperationStatus:
    """Take an operation and do something with it. ``takes_back``: it only takes back what was done, which must be possible
    also where unattended rollbacks are not allowed any more."""
    from auditor.cli import identity, wiring_rollback, wiring_write
    from auditor.workflows.rollback.papers import read_paper

    config = invocation.config()
    with wiring_write.journal(config) as journal:
        number = _chosen(journal, operation)
        found = journal.operation(number)
        paper = read_paper(found.document, f"operation {number}")
        if not takes_back:
            wiring_rollback.allowed(config, paper.plan, number)
        vault = wiring_rollback.vault(config, clear_for=paper.unencrypted, takes_back=takes_back)
        with (
            wiring_rollback.means(config, paper.plan, wiring_rollback.teller(), vault, evacuation=paper.evacuation) as means,
            accounted(journal, number),
        ):
            return verb(means, journal, number, identity.operator(config))


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


@contextmanager
def accounted(journal: SqliteJournal, number: int) -> Iterator[None]:
    """Whatever ends the work on an operation before its time, Ctrl-C and SIGTERM included, says where its hosts stand: one of
    them may be armed or in maintenance mode."""

    from auditor.errors import RefusedError

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {}
    for kind in (signal.SIGTERM, signal.SIGHUP):
        with suppress(ValueError):  # not in the main thread: somebody else sees to signals
            if signal.getsignal(kind) is signal.SIG_DFL:  # `nohup` stays what it is
                before[kind] = signal.signal(kind, stop)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if journal.holds(number) and not isinstance(error, RefusedError):  # a refusal says itself what it is about
            with suppress(Exception):  # the journal itself may be what failed
                _say_where_they_stand(journal, number)
            output.say(f"operation {number} is not over; next: auditor rollback resume {number}, or abort {number}")
        raise
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _say_where_they_stand(journal: SqliteJournal, number: int) -> None:
    from auditor.domain.rollback.status import Standing
    from auditor.workflows.rollback.run import standing

    for host in standing(journal, number).hosts:
        if not host.final and host.state != Standing.NOT_BEGUN.value:
            output.say(f"{host.host}: left at {host.step}; done: {', '.join(host.done) or 'nothing'}{_traces(host)}")


def _traces(host: HostStatus) -> str:
    """What may have been left on a host that has no end, by what was begun on it."""
    newest = host.step.partition(" ")[0]
    begun = {*host.done, newest}
    found = []
    if "maintenance" in begun and "leave-maintenance" not in host.done:
        found.append("in maintenance mode")
    if "arm" in begun and not {"disarm", "watch"} & set(host.done):
        found.append("armed")
    return f"; it may be {' and '.join(found)}" if found else ""


def report(found: OperationStatus, *, as_json: bool) -> int:
    """Print where an operation stands; its exit code."""
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


__all__ = ["abort", "accounted", "common", "confirm", "disarm", "report", "resume", "status"]
