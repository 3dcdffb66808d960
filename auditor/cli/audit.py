"""``auditor audit``: the main job."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from auditor.cli import exit_codes, output
from auditor.cli.options import Invocation, config_option, json_option, max_time_option, verbose_option


class TimeType(click.ParamType[datetime]):
    """An ISO 8601 time; without a zone it is UTC, as every time this tool shows."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            parsed = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is not a time; write 2026-03-01T12:00 (UTC) or with a zone, ...+02:00", param, ctx)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


@click.command()
@click.option("--from-history", is_flag=True, help="Contact nothing: judge the newest recorded view.")
@click.option("--at", type=TimeType(), help="With --from-history: the newest view at or before this time (UTC).")
@click.option("--all-hosts", is_flag=True, help="List hosts in sync one by one as well, however many there are.")
@max_time_option
@json_option
@config_option
@verbose_option
@click.pass_obj
def audit(
    invocation: Invocation, from_history: bool, at: datetime | None, all_hosts: bool, max_time: float | None, as_json: bool
) -> int:
    """Compare every host with its cluster's image and say who is ahead of whom, why, and what to do.

    Reads vCenter and the hosts, records what it saw, compares it with what earlier runs recorded, and reports findings,
    worst first, each with its evidence, the next steps and what to leave alone. It changes no host and no vCenter.

    The first audit after a restore works without any history too; it says what it then cannot know.

    \b
    Examples:
      auditor audit
      auditor audit --json > audit.json
      auditor audit --max-time 5m
      auditor audit --from-history --at 2026-03-01T12:00
    """
    if at is not None and not from_history:
        raise click.UsageError("--at goes with --from-history")
    if from_history and max_time is not None:
        raise click.UsageError("--max-time is for runs that contact vCenters and hosts; --from-history contacts nothing")
    from auditor.cli import wiring
    from auditor.tables import load_release_table
    from auditor.workflows.audit import AuditResult, audit, audit_history

    config = invocation.config()
    releases = load_release_table(config.releases)
    if from_history:
        with wiring.open_history(config, read_only=True) as recorded:
            result = AuditResult(audit_history(recorded, releases, at, config.accepted))
    else:
        with (
            wiring.sources(config, max_time=max_time) as sources,
            wiring.history_or_why(config) as history,
            wiring.progress() as progress,
        ):
            result = audit(sources, history, releases, wiring.SystemClock(), progress, config.accepted)
    code = exit_codes.for_verdict(result.assessment.verdict, recorded=result.not_recorded is None)
    if as_json:
        from auditor.reports.json import audit_document

        output.emit_json(audit_document(result.assessment))
    else:
        from auditor.reports.text import render_audit

        width, color = output.page()
        text = render_audit(result.assessment, width=width, color=color, all_hosts=all_hosts, exit_code=code)
        output.emit(text)
    if result.not_recorded is not None:
        output.say(output.error_text(result.not_recorded))
    return code
