"""Rollback plans and operations in plain words, and operations as the document of ``schemas/rollback-operations.v1.json``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from auditor.codec import timestamp
from auditor.domain.rollback.approval import Approval
from auditor.domain.rollback.gates.gate import GateResult, GateVerdict
from auditor.domain.rollback.journal import Step, Terminal
from auditor.domain.rollback.plan import RollbackPlan, Target, image_commands
from auditor.domain.rollback.status import HostStatus, OperationStatus, Standing
from auditor.domain.wording import count
from auditor.reports.safe import printable

Plain = dict[str, Any]

OPERATIONS = "auditor/rollback-operations/v1"


def render_plan(plan: RollbackPlan, now: datetime) -> str:
    """The plan: order, what stands against it, what was overridden, who was left out."""
    lines = [
        f"Plan {plan.hash}",
        f"  {plan.method.value}, made by {printable(plan.author)}, good until {_time(plan.expires)}"
        + (" (EXPIRED)" if plan.expired(now) else ""),
        "",
    ]
    for number, wave in enumerate(plan.waves, 1):
        for host in wave:
            target = plan.target(host)
            if target is not None:
                lines += _target(target, number)
    for left in plan.left_out:
        lines.append(f"left out: {printable(left.host)}: {printable(left.why)}")
    if plan.left_out:
        lines.append("")
    if not plan.targets:
        lines.append("No host can be planned.")
    elif plan.blocked:
        gates = sorted({result.gate.value for _, result in plan.blocked})
        lines.append(f"BLOCKED by {len(plan.blocked)} gates: {', '.join(gates)}. Such a plan cannot be approved.")
    else:
        lines.append(f"{count(len(plan.targets), 'host')}, one failure stops all. Steps: {', '.join(plan.targets[0].steps)}.")
    return "\n".join(lines)


def render_course(plan: RollbackPlan) -> str:
    """What a run of a plan would do, when everything is as planned."""
    waves = "; ".join(", ".join(printable(host) for host in wave) for wave in plan.waves)
    return (
        f"All facts are as planned, and the approval holds. In this order: {waves}.\n"
        f"Each host: {', '.join(plan.targets[0].steps)}. Nothing was done."
    )


def _target(target: Target, wave: int) -> list[str]:
    where = f" in {printable(target.cluster)}" if target.cluster else ""
    where += f", vCenter {printable(target.vcenter)}" if target.vcenter else ", no vCenter"
    canary = " (canary)" if wave == 1 else ""
    lines = [
        f"wave {wave}{canary}: {printable(target.host)}{where}",
        f"  from {printable(target.from_build)} to {printable(target.to_build)}",
    ]
    if target.edit is not None:
        lines.append(
            f"  byte {target.edit.offset} of {printable(target.booted.volume)}/boot.cfg: "
            f"{target.edit.before} -> {target.edit.after}"
        )
    if not target.enters_maintenance:
        lines.append("  is in maintenance mode and stays there")
    passed = sum(result.verdict is GateVerdict.PASS for result in target.gates)
    lines.append(f"  {passed} of {len(target.gates)} gates pass")
    for result in target.gates:
        if result.verdict is not GateVerdict.PASS:
            lines += _gate(result)
    return [*lines, ""]


def _gate(result: GateResult) -> list[str]:
    word = "OVERRIDDEN" if result.overridden else "BLOCKS" if result.blocks else result.verdict.value
    seen, *more = [printable(line, 300) for line in result.evidence] or [""]
    lines = [f"    {word:10} {result.gate.value} {result.verdict.value}: {seen}", *(f"               {line}" for line in more)]
    if result.overridden is not None:
        lines.append(f"               by {printable(result.overridden.by)}: {printable(result.overridden.reason)}")
    else:
        lines.append(f"               rests on {printable('; '.join(result.rests_on), 200)}")
    return lines


def plan_next(plan: RollbackPlan, file: str) -> list[str]:
    """What to do with a plan."""
    steps = []
    if plan.blocked:
        overridable = [
            r.gate for _, r in plan.blocked if not r.gate.absolute and (r.verdict is GateVerdict.UNKNOWN or r.gate.acceptable)
        ]
        if overridable:
            steps.append(f'settle the gates, or plan again with --override "{overridable[0].value}=why it is safe"')
    elif not plan.targets:
        steps.append("see what each host can go back to: auditor rollback window HOST")
    else:
        steps.append(f"somebody else reads it and approves: auditor rollback approve {file}")
    steps += [f"when all hosts of its cluster are back, lower its image: {command}" for command in image_commands(plan)]
    return steps


def render_approval(approval: Approval) -> str:
    """Who approved what, until when."""
    loud = (
        f"\nBREAK GLASS: nobody else approved this. Reason: {printable(approval.break_glass)}" if approval.break_glass else ""
    )
    return f"Plan {approval.plan}\n  {printable(str(approval))}, until {_time(approval.expires)}{loud}"


def render_operation(status: OperationStatus) -> str:
    """One operation, host by host."""
    operation = status.operation
    end = f"ended {operation.outcome} {_time(operation.finished)}" if operation.finished else "UNFINISHED"
    lines = [
        f"Operation {operation.id}: {status.method.value} rollback to {printable(status.to)}, {end}",
        f"  by {printable(operation.operator)}, ticket {printable(operation.ticket)}, {printable(status.approval)}",
        f"  plan {operation.digest}, begun {_time(operation.started)}",
        "",
    ]
    width = max((len(host.host) for host in status.hosts), default=0)
    for host in status.hosts:
        lines.append(f"  {printable(host.host):{width}}  {host.state}" + (f"  {_time(host.since)}" if host.since else ""))
        if host.why:
            lines.append(f"  {'':{width}}  {printable(host.why, 500)}")
        if host.step and host.state in {standing.value for standing in Standing}:
            lines.append(f"  {'':{width}}  newest: {printable(host.step)}; done: {', '.join(host.done) or 'nothing'}")
        left = [text for text in (_left("maintenance mode", host.maintenance_mode), _left("armed", host.armed)) if text]
        if left and host.state != "ROLLED_BACK":
            lines.append(f"  {'':{width}}  left behind: {', '.join(left)}")
    return "\n".join(lines)


def _left(what: str, value: str) -> str:
    return {"yes": f"in {what}" if " " in what else what, "no": f"not in {what}" if " " in what else f"not {what}",
            "unknown": f"{what} not known"}.get(value, "")  # fmt: skip


def operation_next(status: OperationStatus) -> list[str]:
    """What to do now, most urgent first."""
    number = status.operation.id
    if status.rolled_back and not status.operation.unfinished:
        lower = [f"when all hosts of its cluster are back, lower its image: {command}" for command in status.images]
        return [*lower, "auditor audit"]
    steps = _to_look_at(status)
    if status.waiting:
        names = ", ".join(host.host for host in status.waiting)
        steps.append(f"reboot {names} at the console as the card says, then: auditor rollback confirm {number}")
    elif status.operation.unfinished:
        steps.append(f"auditor rollback resume {number}   (looks first, repeats nothing)")
    if status.operation.unfinished:
        steps.append(f"auditor rollback abort {number}    (stops; disarms what is not told to reboot)")
    else:
        steps.append("for the hosts that did not go back: auditor rollback window HOST, then a new plan")
    return steps


_LOOK_AT = {
    each.value for each in (Terminal.NOT_RETURNED, Terminal.RETURNED_UNHEALTHY, Terminal.INCONSISTENT, Terminal.FELL_BACK)
}


def _to_look_at(status: OperationStatus) -> list[str]:
    steps = []
    for host in status.hosts:
        kept = dict(host.evidence).get(f"{Step.BACKUP.value}: bootbank-boot.cfg", "")
        if host.state == Terminal.INCONSISTENT.value and kept:
            steps.append(f"do not reboot {host.host} before somebody has looked at it; its boot.cfg as it was: {kept}")
    bad = [host.host for host in status.hosts if host.state in _LOOK_AT]
    if bad:
        steps.append(f"look at the console of {', '.join(bad)}; runbook: auditor runbook show rollback-guided")
    for host in status.hosts:
        over = host.final or not status.operation.unfinished
        if over and host.maintenance_mode == "yes" and host.state != Terminal.ROLLED_BACK.value:
            steps.append(f"{host.host} is left in maintenance mode: take it out by hand when its image is what you want")
    return steps


def operations_document(operations: Iterable[OperationStatus]) -> Plain:
    """The document of ``schemas/rollback-operations.v1.json``."""
    return {"schema": OPERATIONS, "operations": [_operation(status) for status in operations]}


def _operation(status: OperationStatus) -> Plain:
    operation = status.operation
    return {
        "operation": operation.id,
        "plan": operation.digest,
        "method": status.method.value,
        "to": status.to,
        "operator": operation.operator,
        "ticket": operation.ticket,
        "approval": status.approval,
        "started": timestamp(operation.started),
        "finished": timestamp(operation.finished) if operation.finished else None,
        "outcome": operation.outcome,
        "hosts": [_host(host) for host in status.hosts],
    }


def _host(host: HostStatus) -> Plain:
    return {
        "host": host.host,
        "state": host.state,
        "why": host.why,
        "step": host.step,
        "since": timestamp(host.since) if host.since else None,
        "done": list(host.done),
        "final": host.final,
        "maintenance_mode": host.maintenance_mode,
        "armed": host.armed,
        "evidence": [{"name": name, "value": value} for name, value in host.evidence],
    }


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}" if at else ""


__all__ = [
    "operation_next",
    "operations_document",
    "plan_next",
    "render_approval",
    "render_course",
    "render_operation",
    "render_plan",
]
