"""Proposals and depot gaps as text for people: what would change, why, what it would mean for each host, what to type next."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from auditor.codec import to_plain
from auditor.domain.observation import Read, Unread
from auditor.domain.proposal.actors import ActorKind, Standing
from auditor.domain.proposal.gap import Gap
from auditor.domain.proposal.values import Candidate, CandidateKind, Forecast, ImageProposal, LayerChange
from auditor.domain.versions import ReleaseKind
from auditor.domain.wording import hosts_run
from auditor.reports.rows import when
from auditor.reports.safe import printable

_LINES = 3_000
_ON_ITS_OWN = frozenset({ActorKind.SCHEDULED_TASK, ActorKind.AUTO_REMEDIATION})
_NAMES = 12  # hosts named in one line; the file has all


class ClusterGaps(Protocol):
    """The gaps of one cluster."""

    @property
    def vcenter(self) -> str: ...

    @property
    def cluster(self) -> str: ...

    @property
    def gaps(self) -> tuple[Gap, ...]: ...

    @property
    def unread(self) -> tuple[str, ...]: ...


Written = tuple[ImageProposal, Path | None]


def render_proposals(written: Sequence[Written], *, width: int = 120, brief: bool = False, commands: bool = True) -> str:
    """All proposals, each with its file. ``brief``: one or two lines a cluster, for many; ``commands``: with what to type."""
    parts = [_brief(p, path, width) if brief else _whole(p, path, width, commands=commands) for p, path in written]
    return ("\n" if brief else "\n\n").join("\n".join(lines) for lines in parts)


def _brief(proposal: ImageProposal, path: Path | None, width: int) -> list[str]:
    chosen = proposal.chosen
    head = f"{proposal.cluster} on {proposal.vcenter}: "
    if chosen is None:
        return _wrapped(head + (proposal.notes[0] if proposal.notes else "nothing to propose"), width, 0)
    changed = [change for change in chosen.changes if change.changes] or [*chosen.changes[:1]]
    more = f" and {len(changed) - 2} more layers" if len(changed) > 2 else ""
    text = f"{head}{chosen.kind.value}: {', '.join(map(_arrow, changed[:2]))}{more}; {_forecast(chosen)}"
    lines = _wrapped(text, width, 0)
    lines += [line for w in chosen.blockers for line in _wrapped(f"NO {w.code.value}: {w.text}", width, 2)]
    acting = [actor for actor in proposal.may_act if actor.standing is Standing.SET and actor.kind in _ON_ITS_OWN]
    lines += [line for actor in acting for line in _wrapped(f"!  {actor.kind.value}: {actor.text}", width, 2)]
    if proposal.notes and any(note.startswith("not known") for note in proposal.notes):
        lines += [line for note in proposal.notes if note.startswith("not known") for line in _wrapped(f"!  {note}", width, 2)]
    lines += [f"  {printable(str(path))}"] if path and not proposal.ready else []
    return lines + [f"  next: {printable(command)}" for command in next_commands(proposal, path)]


def _whole(proposal: ImageProposal, path: Path | None, width: int, *, commands: bool) -> list[str]:
    lines = _wrapped(f"{proposal.cluster} on {proposal.vcenter}", width, 0)
    lines += _wrapped(f"now: {_now(proposal)}", width, 2)
    for number, candidate in enumerate(proposal.candidates, 1):
        lines += _candidate(candidate, number, width, chosen=candidate is proposal.chosen)
    if proposal.chosen is not None:
        lines += _labelled("may act by itself after a commit", list(map(str, proposal.may_act)), width)
    lines += _labelled("notes", proposal.notes, width)
    if path is not None:
        lines += ["", f"  proposal: {printable(str(path))}"]
        lines += _wrapped(f"valid until {when(proposal.expires)}, digest {proposal.digest[:16]}", width, 12)
    return lines + [f"  next: {printable(command)}" for command in next_commands(proposal, path) if commands]


def next_commands(proposal: ImageProposal, path: Path | None) -> list[str]:
    """What to type after reading a proposal."""
    chosen = proposal.chosen
    if chosen is None:
        return []
    name = shlex.quote(str(path)) if path else ""
    cluster = shlex.quote(proposal.cluster)
    if chosen.kind is CandidateKind.ROLL_BACK_HOSTS:
        return ["auditor rollback window"]
    if chosen.missing:
        return [f"auditor depot gap {name or cluster}"]
    if proposal.ready and path:
        return [f"auditor apply {name}"]
    if any(w.code.value == "baselines" for w in chosen.blockers):
        return ["auditor runbook show management-regressed"]
    return [] if proposal.ready or chosen.blockers else [f"auditor propose {cluster}"]


def _now(proposal: ImageProposal) -> str:
    if isinstance(proposal.old, Unread):
        return str(proposal.old)
    image = proposal.old.value
    text = image.base_image.version.raw if image.base_image else "no base image"
    text += f" with {image.add_on.name} {image.add_on.version}" if image.add_on else ""
    if isinstance(proposal.commit, Read):
        commit = proposal.commit.value
        text += f" (commit {commit.id} of {when(commit.time) if commit.time else 'an unknown time'})"
    return text


def _candidate(candidate: Candidate, number: int, width: int, *, chosen: bool) -> Iterable[str]:
    also = f" (also {', '.join(kind.value for kind in candidate.also)})" if candidate.also else ""
    mark = " <- proposed" if chosen else ""
    yield ""
    yield from _wrapped(f"{number}. {candidate.kind.value}{also}: {candidate.title}{mark}", width, 2)
    for change in candidate.changes:
        name = f" {change.name}" if change.name else ""
        kind = f", {change.kind.value}" if change.kind not in {None, ReleaseKind.SAME} and change.kind else ""
        yield from _wrapped(f"{change.layer.value}{name}: {_arrow(change)}{kind}", width, 5)
    yield from _bulleted("why", candidate.evidence, width)
    if candidate.kind is not CandidateKind.ROLL_BACK_HOSTS:
        yield from _wrapped(f"hosts: {_forecast(candidate)}", width, 5)
    for way in candidate.ways_back:
        fits = {True: "the image's own", False: "not what the image asks for", None: ""}[way.wanted]
        build = f" build {way.build}" if way.build else ""
        tail = "; ".join(part for part in (fits, way.reason) if part)
        yield from _wrapped(f"{way.host}: window {way.window}{build}{f' ({tail})' if tail else ''}", width, 5)
    for warning in candidate.warnings:
        rests = f" [{'; '.join(warning.rests_on)}]" if warning.rests_on else ""
        yield from _wrapped(f"{'NO' if warning.blocks else '! '} {warning.code.value}: {warning.text}{rests}", width, 5)
    yield from _bulleted("then", candidate.then, width)


def _arrow(change: LayerChange) -> str:
    if not change.changes:
        return f"{change.old or 'none'}, stays"
    return f"{change.old or 'none'} -> {change.new or 'none'}"


def _forecast(candidate: Candidate) -> str:
    parts = []
    for status in Forecast:
        hosts = candidate.hosts(status)
        if hosts:
            more = f" and {len(hosts) - _NAMES} more" if len(hosts) > _NAMES else ""
            named = f" ({', '.join(hosts[:_NAMES])}{more})" if status is not Forecast.COMPLIANT else ""
            parts.append(f"{len(hosts)} {status.value}{named}")
    return ", ".join(parts) or "none"


def render_gaps(found: ClusterGaps, *, width: int = 120) -> str:
    """What the depot lacks of one image, and each way to get it."""
    gaps, cluster = found.gaps, f"{found.cluster} on {found.vcenter}"
    lacking = [gap for gap in gaps if gap.present is not True]
    lines = _wrapped(f"{cluster}: {len(gaps)} items needed, {len(lacking)} not in the depot as far as is known", width, 0)
    if found.unread:
        more = f" and {len(found.unread) - _NAMES} more" if len(found.unread) > _NAMES else ""
        text = f"!  not known all that {', '.join(found.unread[:_NAMES])}{more} run: what they need may be more than this"
        lines += _wrapped(text, width, 2)
    for gap in gaps:
        state = {True: "in the depot", False: "MISSING", None: "NOT KNOWN: the depot could not be asked"}[gap.present]
        lines += ["", *_wrapped(f"{gap.item}: {state}", width, 2)]
        if gap.running:
            lines += _wrapped(f"{hosts_run(len(gap.running))} it: {', '.join(gap.running[:_NAMES])}", width, 5)
        for number, way in enumerate(gap.ways, 1):
            lines += _wrapped(f"{number}. {way.kind.value}: {way.how}", width, 5)
            lines += _wrapped(f"touches: {way.footprint}", width, 8)
            if way.note:
                lines += _wrapped(f"note: {way.note}", width, 8)
    return "\n".join(lines)


def gap_document(found: Iterable[ClusterGaps]) -> dict[str, Any]:
    """The same as JSON data, valid by schema ``depot-gap.v1``."""
    return {
        "schema": "auditor/depot-gap/v1",
        "clusters": [
            {
                "vcenter": each.vcenter,
                "cluster": each.cluster,
                "items": [to_plain(gap) for gap in each.gaps],
                "unread_hosts": list(each.unread),
            }
            for each in found
        ],
    }


def _labelled(label: str, items: Sequence[str], width: int) -> list[str]:
    if not items:
        return []
    return ["", f"  {label}:", *(line for item in items for line in _wrapped(f"- {item}", width, 4))]


def _bulleted(label: str, items: Sequence[str], width: int) -> Iterable[str]:
    for item in items:
        yield from _wrapped(f"{label}: {item}", width, 5)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    blank = " " * indent
    shown = printable(text, _LINES)
    found = textwrap.wrap(
        shown,
        max(width, 60),
        initial_indent=blank,
        subsequent_indent=f"{blank}   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return found or [blank]


__all__ = ["Written", "gap_document", "next_commands", "render_gaps", "render_proposals"]
