"""One apply as text for people and as the document of ``schemas/apply.v1.json``, both made from its journal."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from auditor.codec import timestamp
from auditor.domain.editing import Draft
from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.proposal.actors import Standing
from auditor.domain.proposal.steps import Outcome, Record, Step
from auditor.domain.proposal.values import CandidateKind, ImageProposal, LayerChange
from auditor.reports.rows import when
from auditor.reports.safe import printable

Plain = dict[str, Any]
SCHEMA = "auditor/apply/v1"
_LINES = 3_000
_STATES = {Phase.DONE: "done", Phase.FAILED: "failed", Phase.INTENT: "open", None: "not-begun"}
_SIGNS = {"done": "ok", "failed": "NO", "open": "??", "not-begun": "--"}
_ORDER = tuple(step for step in Step if step is not Step.DISCARD)
_DRY = frozenset({Step.INVERSE, Step.COMMIT, Step.SCAN, Step.COMPARE, Step.PROOF})


class Applied(Protocol):
    """What a report is made of: the result of the workflow."""

    @property
    def operation(self) -> Operation: ...
    @property
    def proposal(self) -> ImageProposal: ...
    @property
    def execute(self) -> bool: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def why(self) -> str: ...
    @property
    def refused(self) -> bool: ...
    @property
    def entries(self) -> tuple[Entry, ...]: ...
    @property
    def left(self) -> tuple[Draft, ...]: ...


def apply_document(result: Applied, file: str = "") -> Plain:
    """The result as JSON data, valid by schema ``apply.v1``. ``file`` is the proposal's, where it is known."""
    record, operation, proposal = Record(result.entries), result.operation, result.proposal
    return {
        "schema": SCHEMA,
        "operation": operation.id,
        "vcenter": proposal.vcenter,
        "cluster": proposal.cluster,
        "cluster_id": proposal.cluster_id,
        "proposal": proposal.id,
        "digest": proposal.digest,
        "execute": result.execute,
        "operator": operation.operator,
        "ticket": operation.ticket,
        "outcome": result.outcome.value,
        "refused": result.refused,
        "why": result.why,
        "steps": [_step(record, step) for step in Step if step is not Step.DISCARD or record.begun(step)],
        "foreign_drafts": _foreign(record),
        "left_drafts": [{"id": d.id, "owner": d.owner, "created": timestamp(d.created)} for d in result.left],
        "hosts": _hosts(record),
        "commit": record.data(Step.COMMIT).get("commit"),
        "inverse": record.data(Step.INVERSE).get("file"),
        "unproven": _unproven(record),
        "then": _then(result, record),
        "next": next_commands(result, file),
    }


def render_apply(result: Applied, file: str = "", *, width: int = 120) -> str:
    """The steps, the hosts, how it ended and why, what remains, and what to type next."""
    record, proposal = Record(result.entries), result.proposal
    kind = "" if result.execute else " (dry run: nothing is committed)"
    lines = _wrapped(f"{proposal.cluster} on {proposal.vcenter}, operation {result.operation.id}{kind}", width, 0)
    for change in proposal.chosen.changes if proposal.chosen else ():
        lines += _wrapped(_change(change), width, 2)
    lines.append("")
    for step in _ORDER:
        if not (step in _DRY and not result.execute):
            lines += _step_lines(record, step, width)
    if record.begun(Step.DISCARD):
        lines += _step_lines(record, Step.DISCARD, width)
    lines += _drafts(record, result.operation.started, result.left, width)
    lines += _host_lines(record, width)
    lines += ["", *_wrapped(f"{result.outcome.value}: {result.outcome.meaning}", width, 0)]
    if result.why:
        lines += _wrapped(f"why: {result.why}", width, 2)
    for text in _then(result, record):
        lines += _wrapped(f"then: {text}", width, 2)
    lines += [f"  next: {printable(command, _LINES)}" for command in next_commands(result, file)]
    return "\n".join(lines)


def next_commands(result: Applied, file: str = "") -> list[str]:
    """What to type now."""
    name = shlex.quote(file) if file else "PROPOSAL"
    if result.outcome is Outcome.UNFINISHED:
        return [f"auditor apply --resume {result.operation.id}"]
    if result.outcome is Outcome.DRY_RUN:
        return [f"auditor apply {name} --execute --ticket TICKET"]
    if result.outcome.committed:
        return ["auditor audit"]
    return [f"auditor propose {shlex.quote(result.proposal.cluster)}"]


def _step(record: Record, step: Step) -> Plain:
    entry = next((e for e in reversed(record.entries) if e.step == step and e.phase is not Phase.NOTE), None)
    return {
        "step": step.value,
        "state": _STATES[record.phase(step)],
        "at": timestamp(entry.at) if entry else None,
        "what": _what(record, step),
    }


def _step_lines(record: Record, step: Step, width: int) -> list[str]:
    state = _STATES[record.phase(step)]
    said = _what(record, step)
    return _wrapped(f"{_SIGNS[state]}  {step.value:<10}  {step.meaning}{f': {said}' if said else ''}", width, 2)


def _what(record: Record, step: Step) -> str:
    """What came of a step, in a few words."""
    if record.failed(step):
        return record.data(step, Phase.FAILED).get("why", "")
    if not record.done(step):
        notes = (e for e in reversed(record.entries) if e.step == step and e.phase is Phase.NOTE)
        return next((e.data["why"] for e in notes if "why" in e.data), "")
    data = record.data(step)
    texts: dict[Step, str] = {
        Step.FACTS: "none moved",
        Step.DRAFT: f"draft {data.get('draft')} of {data.get('owner')}",
        Step.INVERSE: data.get("file", ""),
        Step.COMMIT: f"commit {data.get('commit')}{', found after the interruption' if data.get('found') else ''}",
        Step.DISCARD: f"draft {data.get('draft')}{'' if data.get('was') == 'there' else ' was gone already'}",
    }
    warned = json.loads(data.get("warnings", "[]")) if step is Step.VALIDATE else []
    if warned:
        return f"valid, with {len(warned)} warnings: {'; '.join(warned[:5])}"
    if step in {Step.DRAFT_SCAN, Step.COMPARE}:
        return "as predicted"
    unproven = _unproven(record) if step is Step.PROOF else []
    if unproven:
        return f"no restart, no maintenance mode, no task on hosts; not seen, since not connected: {', '.join(unproven)}"
    return texts.get(step, "no restart, no maintenance mode, no task on hosts" if step is Step.PROOF else "")


def _unproven(record: Record) -> list[str]:
    return list(json.loads(record.data(Step.PROOF).get("unproven", "[]")))


def _foreign(record: Record) -> list[Plain]:
    return list(json.loads(record.data(Step.FACTS).get("foreign", "[]")))


def _drafts(record: Record, now: datetime, left: Sequence[Draft], width: int) -> list[str]:
    lines = []
    for draft in _foreign(record):
        text = f"draft {draft['id']} of {draft['owner']}, {_age(now, datetime.fromisoformat(draft['created']))}: left alone"
        lines += _wrapped(text, width, 2)
    for own in left:
        text = f"draft {own.id} of {own.owner}, {_age(now, own.created)}: our account's, not known to be ours, left alone"
        lines += _wrapped(text, width, 2)
    return ["", *lines] if lines else []


def _age(now: datetime, made: datetime) -> str:
    minutes = max(0, int((now - made).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} minutes old"
    return f"{minutes // 60} hours old" if minutes < 48 * 60 else f"{minutes // 1440} days old"


def _hosts(record: Record) -> list[Plain]:
    """By the newest scan: that after the commit, else that of the draft."""
    for step in (Step.COMPARE, Step.DRAFT_SCAN):
        for phase in (Phase.DONE, Phase.FAILED):
            found = record.data(step, phase).get("hosts")
            if found:
                return list(json.loads(found))
    return []


def _host_lines(record: Record, width: int) -> list[str]:
    hosts = _hosts(record)
    if not hosts:
        return []
    which = "after the commit" if record.begun(Step.COMPARE) else "of the draft"
    counts = Counter(host["scanned"] for host in hosts)
    lines = ["", *_wrapped(f"scan {which}: {', '.join(f'{n} {status}' for status, n in counts.items())}", width, 2)]
    for host in hosts:
        if not host["expected"]:
            lines += _wrapped(f"NO {host['host']}: expected {host['forecast']}, the scan says {host['scanned']}", width, 4)
        elif host["forecast"] == "UNKNOWN":
            lines += _wrapped(f"!  {host['host']}: could not be predicted, the scan says {host['scanned']}", width, 4)
    return lines


def _then(result: Applied, record: Record) -> list[str]:
    """What remains to do, and what to hold."""
    chosen, found = result.proposal.chosen, []
    if chosen is None or not (result.outcome.committed or result.outcome is Outcome.DRY_RUN):
        return []
    unforeseen = [h["host"] for h in _hosts(record) if (h["forecast"], h["scanned"]) == ("UNKNOWN", "NON_COMPLIANT")]
    if unforeseen:
        found.append(f"the next remediation changes {', '.join(unforeseen)}, which could not be predicted: find out what first")
    if result.outcome.committed:
        away = sorted(host["host"] for host in _hosts(record) if host["scanned"] == "UNAVAILABLE")
        if away:
            found.append(
                f"reconnect and check {', '.join(away)}: vCenter could not scan it (auditor runbook show stale-inventory)"
            )
        found += chosen.then
        place = record.data(Step.INVERSE).get("file", "")
        if place and chosen.kind is not CandidateKind.INVERSE:
            found.append(f"to undo it: auditor apply {shlex.quote(place)}")
    else:
        found += chosen.then
        acting = [actor for actor in result.proposal.may_act if actor.standing is not Standing.CLEAR]
        found += [f"may act by itself after a commit: {actor}" for actor in acting]
    return found


def _change(change: LayerChange) -> str:
    name = f" {change.name}" if change.name else ""
    if not change.changes:
        return f"{change.layer.value}{name}: {change.old or 'none'}, stays"
    return f"{change.layer.value}{name}: {change.old or 'none'} -> {change.new or 'none'}"


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    blank = " " * indent
    return textwrap.wrap(
        printable(text, _LINES),
        max(width, 60),
        initial_indent=blank,
        subsequent_indent=f"{blank}     ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [blank]


def render_operations(operations: Sequence[Operation], named: Mapping[int, str]) -> str:
    """Unfinished applies, one a line; ``named`` is the cluster of each."""
    return "\n".join(
        f"  {each.id}  {printable(named.get(each.id, ''))}, begun {when(each.started)} by {printable(each.operator)}"
        for each in operations
    )


__all__ = ["apply_document", "next_commands", "render_apply", "render_operations"]
