"""``auditor history``: what was recorded, and cluster images to put back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.history_settings import settings
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.domain.specification import exported
from auditor.errors import InputError
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.history.store import ArchivedImage

F = TypeVar("F", bound=Callable[..., object])


@click.group()
def history() -> None:
    """Show recorded runs, images and settings; export an image."""


def _vcenter_option(function: F) -> F:
    return click.option("--vcenter", help="Only this vCenter: its name in the configuration, or its instance UUID.")(function)


@history.command(short_help="List the recorded runs.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs to show, newest last.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def runs(invocation: Invocation, last: int, as_json: bool) -> int:
    """List the recorded runs: when, what, how many hosts, and how many of them were not seen.

    \b
    Example:
      auditor history runs --last 5
    """
    from auditor.cli import wiring

    with wiring.open_history(invocation.config(), read_only=True) as recorded:
        found = list(recorded.runs())[-last:]
    if as_json:
        entries = [
            {
                "run": run.id,
                "kind": run.kind,
                "started": _iso(run.started),
                "finished": _iso(run.finished),
                "outcome": run.outcome or None,
                "hosts": run.hosts,
                "unseen": run.unseen,
            }
            for run in found
        ]
        output.emit_json({"schema": "auditor/runs/v1", "runs": entries})
        return ExitCode.DONE
    for run in found:
        end = printable(run.outcome) if run.finished else "UNFINISHED: running, or killed"
        output.emit(
            f"{run.id:>6}  {_when(run.started)}  {printable(run.kind):8}  {run.hosts} hosts, {run.unseen} not seen  {end}"
        )
    return ExitCode.DONE


@history.command(short_help="List the write operations, and how they ended.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def operations(invocation: Invocation, as_json: bool) -> int:
    """List the write operations that were ever begun here: when, by whom, under which ticket, and how they ended.

    One that says UNFINISHED is being carried out now, or its process was killed.

    \b
    Example:
      auditor history operations
    """
    from auditor.history.journal import SqliteJournal

    with SqliteJournal(invocation.config().history, read_only=True) as journal:
        found = journal.operations()
    if as_json:
        entries = [
            {
                "operation": operation.id,
                "kind": operation.kind,
                "started": _iso(operation.started),
                "finished": _iso(operation.finished),
                "outcome": operation.outcome or None,
                "operator": operation.operator,
                "ticket": operation.ticket,
                "digest": operation.digest,
                "subjects": list(operation.subjects),
            }
            for operation in found
        ]
        output.emit_json({"schema": "auditor/operations/v1", "operations": entries})
        return ExitCode.DONE
    if not found:
        output.say("no write operation is recorded")
    for operation in found:
        end = "UNFINISHED: running, or killed" if operation.unfinished else printable(operation.outcome)
        who = f"by {printable(operation.operator)}, ticket {printable(operation.ticket)}"
        subjects = printable(", ".join(operation.subjects), 300)
        output.emit(f"{operation.id:>6}  {_when(operation.started)}  {operation.kind:8}  {subjects}  {who}  {end}")
    return ExitCode.DONE


@history.command(short_help="List every image that a cluster ever asked for.")
@click.argument("cluster", required=False)
@_vcenter_option
@json_option
@config_option
@verbose_option
@click.pass_obj
def images(invocation: Invocation, cluster: str | None, vcenter: str | None, as_json: bool) -> int:
    """List every image that CLUSTER ever asked for, oldest first; without CLUSTER, those of all clusters.

    CLUSTER is a name or a managed object id. A restore of vCenter cannot remove what was recorded here.

    \b
    Example:
      auditor history images Prod-A
    """
    found = archived(invocation, cluster, vcenter)
    if as_json:
        output.emit_json({"schema": "auditor/images/v1", "images": [_plain(entry) for entry in found]})
        return ExitCode.DONE
    for entry in found:
        output.emit(archived_line(entry))
    output.say("next: auditor history export CLUSTER --commit ID > image.json")
    return ExitCode.DONE


@history.command(short_help="Print a recorded image as JSON, as vCenter imports it.")
@click.argument("cluster")
@click.option("--commit", help="The commit's id. Without it: the image seen last, after a restore the restored one.")
@click.option("--committed", metavar="TIME", help="Which commit, by the start of its time (UTC), where an id was used twice.")
@_vcenter_option
@config_option
@verbose_option
@click.pass_obj
def export(invocation: Invocation, cluster: str, commit: str | None, committed: str | None, vcenter: str | None) -> int:
    """Print the recorded image of CLUSTER as JSON, in the form that vCenter's image import takes.

    A restored vCenter uses commit ids again; where one id names two images, --committed says which one is meant.

    \b
    Examples:
      auditor history export Prod-A > image.json
      auditor history export Prod-A --commit 7 --committed 2026-03-01 > image.json
    """
    found = archived(invocation, cluster, vcenter)
    matching = [entry for entry in found if _matches(entry, commit, committed)]
    if not matching:
        raise InputError("no recorded image matches", where=cluster, hint="auditor history images lists them")
    if commit is None and committed is None:
        newest = max(entry.last_seen for entry in matching)
        matching = [entry for entry in matching if entry.last_seen == newest]
    entry = only_one(matching, cluster)
    output.say(archived_line(entry))
    output.emit_json(json.loads(exported(entry.image)))
    return ExitCode.DONE


@history.command("forget-host", short_help="Leave a removed host out of later reports.")
@click.argument("host")
@click.option("--reason", required=True, help="Why it is gone; kept in the history.")
@_vcenter_option
@config_option
@verbose_option
@click.pass_obj
def forget_host(invocation: Invocation, host: str, reason: str, vcenter: str | None) -> int:
    """Leave a host that was removed on purpose out of later reports.

    Nothing of its record is deleted, and a vCenter that lists it again brings it back.

    \b
    Example:
      auditor history forget-host esx07 --reason "scrapped in March"
    """
    from auditor.cli import wiring
    from auditor.workflows.choosing import one_name

    config = invocation.config()
    reached = wiring.addresses(config)
    with wiring.open_history(config) as recorded:
        name = one_name(host, recorded.host_names(), reached)
        vcenters = recorded.dismiss_host(name, reason, wiring.SystemClock().now(), vcenter)
    output.emit(f"{printable(name)} is left out from now on ({', '.join(v or 'configured' for v in vcenters)})")
    return ExitCode.DONE


history.add_command(settings)


def archived(invocation: Invocation, cluster: str | None, vcenter: str | None) -> list[ArchivedImage]:
    """The recorded images of a cluster, or of all. Raises ``InputError`` when there is none."""
    from auditor.cli import wiring

    config = invocation.config()
    with wiring.open_history(config, read_only=True) as recorded:
        found = recorded.list_commits(vcenter, cluster)
        if not found:
            known = sorted({entry.cluster_name for entry in recorded.list_commits()})
            what = f"no image of cluster {cluster!r} is recorded" if cluster else "no image is recorded"
            hint = f"recorded: {', '.join(known)}" if known else "auditor snapshot records the images of all clusters"
            raise InputError(what, where=str(config.history), hint=hint)
    return found


def only_one(matching: list[ArchivedImage], cluster: str) -> ArchivedImage:
    """The one entry, with a whole specification. Raises ``InputError``."""
    if len(matching) > 1:
        raise InputError(
            f"{len(matching)} recorded images match",
            where=cluster,
            tried="; ".join(archived_line(entry) for entry in matching),
            hint="say which one with auditor history export CLUSTER and --commit, --committed TIME or --vcenter NAME",
        )
    [entry] = matching
    if not entry.image.spec:
        raise InputError(
            "the image was recorded without its whole specification, so it cannot be exported",
            where=cluster,
            hint="auditor history images shows its layers",
        )
    return entry


def _matches(entry: ArchivedImage, commit: str | None, committed: str | None) -> bool:
    if commit is not None and (entry.commit is None or entry.commit.id != commit):
        return False
    if committed is None:
        return True
    time = entry.commit.time if entry.commit else None
    wanted = committed.strip().replace(" ", "T").removesuffix("Z")
    return time is not None and time.astimezone(UTC).isoformat().startswith(wanted)


def archived_line(entry: ArchivedImage) -> str:
    """A recorded image in a line: commit, layers, and when it was seen."""
    from auditor.reports.rows import image_lines

    commit = f"commit {entry.commit.id} of {_when(entry.commit.time)}" if entry.commit else "commit not read"
    author = f" by {entry.commit.author}" if entry.commit and entry.commit.author else ""
    seen = f"seen {_when(entry.first_seen)} to {_when(entry.last_seen)}"
    place = f"{entry.cluster_name} on {entry.vcenter}"
    return f"{printable(f'{place}: {commit}{author}')}: {', '.join(image_lines(entry.image))}; {seen}"


def _plain(entry: ArchivedImage) -> dict[str, Any]:
    commit = entry.commit
    return {
        "vcenter": entry.vcenter,
        "instance_uuid": entry.instance_uuid,
        "cluster": entry.cluster_name,
        "cluster_id": entry.cluster,
        "commit": commit.id if commit else None,
        "commit_time": _iso(commit.time) if commit else None,
        "author": commit.author or None if commit else None,
        "description": commit.description or None if commit else None,
        "first_seen": _iso(entry.first_seen),
        "last_seen": _iso(entry.last_seen),
        "spec": json.loads(entry.image.spec) if entry.image.spec else None,
    }


def _when(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else "unknown time"


def _iso(moment: datetime | None) -> str | None:
    from auditor.codec import timestamp

    return timestamp(moment) if moment else None
