"""``auditor snapshot``: the cron job."""

from __future__ import annotations

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, max_time_option, verbose_option


@click.command()
@max_time_option
@json_option
@config_option
@verbose_option
@click.pass_obj
def snapshot(invocation: Invocation, max_time: float | None, as_json: bool) -> int:
    """Record what runs where, outside vCenter, where a restore cannot rewind it.

    Meant for cron: hosts that did not change cost almost nothing, so an hourly run is fine. It changes no host and no
    vCenter. The history file and who may read it are named in the configuration. A program that keeps that file open does
    not stop it: then it is recorded beside the file, and the next run takes it in.

    \b
    Examples:
      auditor snapshot
      17 * * * *  auditor snapshot --max-time 50m --config /etc/auditor/auditor.toml   (in cron)
    """
    from auditor.cli import wiring
    from auditor.workflows.snapshot import snapshot

    config = invocation.config()
    with (
        wiring.history_to_record(config) as history,
        wiring.sources(config, settings=True, max_time=max_time) as sources,
        wiring.progress() as progress,
    ):
        summary = snapshot(sources, history, wiring.SystemClock(), progress, config.accepted)
    if as_json:
        from auditor.reports.json import snapshot_document

        output.emit_json(snapshot_document(summary))
    else:
        from auditor.reports.text import render_snapshot

        width, color = output.page()
        output.emit(render_snapshot(summary, width=width, color=color))
    return ExitCode.DONE if summary.complete else ExitCode.INCOMPLETE
