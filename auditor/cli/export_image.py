"""``auditor export image``: the specification that vLCM's import and PowerCLI take."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.audit import TimeType
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, verbose_option
from auditor.errors import AuditorError, InputError

if TYPE_CHECKING:
    from auditor.domain.image import DesiredImage
    from auditor.history.queries import ArchivedImage


@click.command()
@click.argument("cluster")
@click.option("--at", type=TimeType(), help="From history: the image the cluster had at this time (UTC).")
@click.option("--live", is_flag=True, help="Ask vCenter now, instead of the history.")
@click.option(
    "--vcenter", default=None, help="Only this vCenter: its name in the configuration, or with history its instance UUID."
)
@config_option
@verbose_option
@click.pass_obj
def image(invocation: Invocation, cluster: str, at: datetime | None, live: bool, vcenter: str | None) -> int:
    """Print the image of CLUSTER as the JSON that vLCM's import and PowerCLI take. Without options: the one recorded last.

    CLUSTER is a name or a managed object id. Solutions are left out, as vCenter's own export does: their managers set them.

    \b
    Examples:
      auditor export image Production > image.json
      auditor export image Production --at 2026-02-27 > before-the-restore.json
      auditor export image Production --live
    """
    if live and at is not None:
        raise click.UsageError("--at asks the history, --live asks vCenter: give one")
    found, line = _live(invocation, cluster, vcenter or "") if live else _recorded(invocation, cluster, vcenter, at)
    from auditor.domain.specification import exported

    output.say(line)
    output.emit_json(json.loads(exported(found)))
    return ExitCode.DONE


def _recorded(invocation: Invocation, cluster: str, vcenter: str | None, at: datetime | None) -> tuple[DesiredImage, str]:
    from auditor.cli.history import archived, archived_line, only_one

    found = archived(invocation, cluster, vcenter)
    places = sorted({f"{entry.cluster} on {entry.vcenter} ({entry.instance_uuid})" for entry in found})
    if len(places) > 1:
        hint = "give the managed object id, or with --vcenter the name or the instance UUID"
        raise InputError(f"{len(places)} clusters are recorded under this name: {'; '.join(places)}", where=cluster, hint=hint)
    if at is None:
        newest = max(entry.last_seen for entry in found)
        fitting = [entry for entry in found if entry.last_seen == newest]
    else:
        fitting = _then(invocation, found, cluster, at)
    entry = only_one(fitting, cluster)
    return entry.image, archived_line(entry)


def _then(invocation: Invocation, found: list[ArchivedImage], cluster: str, at: datetime) -> list[ArchivedImage]:
    """The image at that time. One that came back, as by a restore, was seen both before and after others: the view recorded
    last before that time decides."""
    from auditor.cli import wiring
    from auditor.domain.observation import Read, value_of

    known = [entry for entry in found if entry.first_seen <= at]
    if not known:
        first = min(entry.first_seen for entry in found)
        raise InputError(f"no image was recorded before {first:%Y-%m-%d %H:%M}Z", where=cluster, hint="auditor history images")
    if len(known) == 1:
        return known
    with wiring.open_history(invocation.config(), read_only=True) as recorded:
        _, estate = recorded.estate(at)
    views = [c for view in estate.vcenters if view.name == known[0].vcenter for c in value_of(view.clusters) or ()]
    view_of = next((each for each in views if each.id == known[0].cluster), None)
    if view_of is not None and isinstance(view_of.image, Read):
        image, commit = view_of.image.value, value_of(view_of.commit)
        same = [entry for entry in known if entry.image.layers() == image.layers()]
        return [entry for entry in same if entry.commit == commit] or same
    fitting = [entry for entry in known if entry.last_seen >= at]  # it was not read then: what was seen before and after
    newest = max(entry.last_seen for entry in known)
    return fitting or [entry for entry in known if entry.last_seen == newest]


def _live(invocation: Invocation, cluster: str, vcenter: str) -> tuple[DesiredImage, str]:
    from auditor.cli import wiring
    from auditor.domain.observation import EXCLUDED, Unread, value_of
    from auditor.workflows.collect import newest_commits

    config = invocation.config()
    if vcenter:
        config.vcenter(vcenter)
    found = []
    only = frozenset({cluster.lower()})
    with wiring.sources(config, only=only) as sources, wiring.past_or_why(config) as known, wiring.progress() as progress:
        for reader in sources.vcenters:
            if vcenter and reader.name != vcenter:
                continue
            view = reader.view(progress, {} if isinstance(known, AuditorError) else newest_commits(known, reader.name))
            if isinstance(view.clusters, Unread):
                raise InputError(f"its clusters could not be read: {view.clusters}", where=view.name)
            found += [(view.name, each) for each in value_of(view.clusters) or () if each.mode != EXCLUDED]
    if len(found) != 1:
        what = "there is no such cluster" if not found else f"{len(found)} clusters are called so"
        raise InputError(what, where=cluster, hint="give the managed object id, and --vcenter NAME where there are several")
    [(name, view_of)] = found
    if isinstance(view_of.image, Unread):
        raise InputError(f"its image could not be read: {view_of.image}", where=f"{cluster} on {name}")
    commit = value_of(view_of.commit)
    return (
        view_of.image.value,
        f"{view_of.name} on {name}: {f'commit {commit.id}' if commit else 'commit not read'}, as it is now",
    )
