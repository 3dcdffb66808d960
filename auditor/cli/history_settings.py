"""``auditor history settings``: how a host was set up, and what changed when."""

from __future__ import annotations

from datetime import datetime

import click

from auditor.cli import output
from auditor.cli.audit import TimeType
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option


@click.command(short_help="Show how a host's settings changed.")
@click.argument("host")
@click.option("--since", type=TimeType(), help="Only changes first seen after this time (UTC), such as that of an update.")
@click.option("--values", is_flag=True, help="Show the newest value of every setting as well.")
@click.option("--vcenter", help="Only as this vCenter showed them: its name in the configuration.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def settings(
    invocation: Invocation, host: str, since: datetime | None, values: bool, vcenter: str | None, as_json: bool
) -> int:
    """Show how HOST's settings changed: before, after, and when that was first seen.

    `auditor snapshot` records them: NTP, DNS, networks, NFS and iSCSI, policies of services, lockdown mode, the advanced
    options that administrators set, fingerprints of certificate and keys; never a secret. A rollback brings back the
    configuration of the day of the update: what is listed here since then would be lost.

    \b
    Examples:
      auditor history settings esx01 --since 2026-11-20
      auditor history settings esx01 --values --json
    """
    from auditor.cli import wiring
    from auditor.reports.settings import render_settings, settings_document
    from auditor.workflows.choosing import one_name

    config = invocation.config()
    with wiring.open_history(config, read_only=True) as recorded:
        name = one_name(host, recorded.host_names(), wiring.addresses(config))
        found = recorded.settings(name, vcenter)
    if as_json:
        output.emit_json(settings_document(name, found, since))
    else:
        output.emit(render_settings(name, found, since, values=values))
    return ExitCode.DONE


__all__ = ["settings"]
