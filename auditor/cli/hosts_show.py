"""``auditor hosts show``: everything that is recorded of one host."""

from __future__ import annotations

from datetime import datetime

import click

from auditor.cli import output
from auditor.cli.audit import TimeType
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.errors import InputError


@click.command(short_help="Show everything that is recorded of one host, with all components and VIBs.")
@click.argument("host")
@click.option("--at", type=TimeType(), help="What was known at this time (UTC), for each reading the last answer before it.")
@click.option("--vcenter", help="Only the host of this vCenter: its name in the configuration.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def show(invocation: Invocation, host: str, at: datetime | None, vcenter: str | None, as_json: bool) -> int:
    """Show what is recorded of HOST: product, image profile, acceptance level, base image, add-on, boot banks, staged image,
    all components and all VIBs.

    Each is the newest recorded answer, with the route that gave it, when, and how long ago; one that only an older run could
    read is as old as that run. Nothing is contacted: `auditor snapshot` and `auditor audit` record. HOST is a whole name, the
    start of one (esx01), or an address. Hosts of one name in two vCenters are shown one after the other.

    \b
    Examples:
      auditor hosts show esx01
      auditor hosts show esx01 --at 2026-03-01 --json
    """
    from auditor.cli import wiring
    from auditor.reports.host import host_document, render_host
    from auditor.workflows.choosing import one_name

    config = invocation.config()
    with wiring.open_history(config, read_only=True) as recorded:
        name = one_name(host, recorded.host_names(), wiring.addresses(config))
        known = recorded.latest_facts(name, at)
    found = [each for each in known if vcenter is None or each.vcenter == vcenter]
    if not found:
        places = f"recorded: {', '.join(each.vcenter or 'no vCenter' for each in known)}" if known else ""
        what = f"nothing is recorded of {name}"
        what += f" in vCenter {vcenter}" if known and vcenter is not None else " at that time" if at else ""
        raise InputError(what, where=str(config.history), hint=places or "auditor history runs lists what is recorded")
    if as_json:
        output.emit_json(host_document(name, found, at))
    else:
        output.emit(render_host(found, at or wiring.SystemClock().now()))
    return ExitCode.DONE


__all__ = ["show"]
