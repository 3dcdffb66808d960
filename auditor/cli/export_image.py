"""``auditor export image``: the specification that vLCM's import and PowerCLI take."""

from __future__ import annotations

import json
from datetime import datetime

import click

from auditor.cli import output
from auditor.cli.audit import TimeType
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, verbose_option
from auditor.errors import InputError


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
    spec, line = _live(invocation, cluster, vcenter or "") if live else _recorded(invocation, cluster, vcenter, at)
    from auditor.domain.specification import importable

    output.say(line)
    output.emit_json(json.loads(importable(spec)))
    return ExitCode.DONE


def _recorded(invocation: Invocation, cluster: str, vcenter: str | None, at: datetime | None) -> tuple[str, str]:
    from auditor.cli.history import archived, archived_line, only_one

    found = archived(invocation, cluster, vcenter)
    if at is None:
        newest = max(entry.last_seen for entry in found)
        fitting = [entry for entry in found if entry.last_seen == newest]
    else:
        fitting = [entry for entry in found if entry.first_seen <= at]
        newest = max((entry.first_seen for entry in fitting), default=at)
        fitting = [entry for entry in fitting if entry.first_seen == newest]
        if not fitting:
            first = min(entry.first_seen for entry in found)
            raise InputError(
                f"no image was recorded before {first:%Y-%m-%d %H:%M}Z", where=cluster, hint="auditor history images"
            )
    entry = only_one(fitting, cluster)
    return entry.image.spec, archived_line(entry)


def _live(invocation: Invocation, cluster: str, vcenter: str) -> tuple[str, str]:
    from auditor.cli import wiring
    from auditor.domain.observation import EXCLUDED, Unread, value_of

    config = invocation.config()
    if vcenter:
        config.vcenter(vcenter)
    found = []
    with wiring.sources(config, only=frozenset({cluster.lower()})) as sources, wiring.progress() as progress:
        for reader in sources.vcenters:
            if vcenter and reader.name != vcenter:
                continue
            view = reader.view(progress)
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
        view_of.image.value.spec,
        f"{view_of.name} on {name}: {f'commit {commit.id}' if commit else 'commit not read'}, as it is now",
    )
