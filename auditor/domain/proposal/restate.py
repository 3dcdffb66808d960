"""A proposal said anew from its target and from facts read now, and what of the file is not so.

A digest is no signature: whoever edits a proposal can write one that fits again. So nothing is shown or relied on because the
file says it. Not said anew is what no fact tells and nothing prints: when it was made and until when it is good (bounded by
`ImageProposal.time_problem`), the other candidates, notes, and a candidate's evidence, which goes on with the history. Words
that name why something was not read are not compared either, since a host that timed out and then refused the connection has
not changed; they are said anew. Who may act is said anew and compared as facts.

An inverse is held against the journal, which has its digest as the apply wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from auditor.domain.observation import Unread
from auditor.domain.proposal.candidates import Find, find, identity
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.may_act import may_act
from auditor.domain.proposal.propose import judge
from auditor.domain.proposal.values import Candidate, CandidateKind, ImageProposal, MovedFact, WarningCode
from auditor.domain.rollback.canonical import as_written

_COMPARED = (
    "vcenter",
    "instance_uuid",
    "vcenter_version",
    "cluster_id",
    "cluster",
    "source",
    "mode",
    "old",
    "commit",
    "chosen",
)
_APART = frozenset({CandidateKind.RECOMMENDATION, CandidateKind.ROLL_BACK_HOSTS})
_SHOWN = 200
_NONE = object()
"""There is nothing at that place, which is not the same as null."""


def restate(proposal: ImageProposal, case: Case) -> ImageProposal | None:
    """The proposal as it would be made of its target now, without id and digest of its own; None: that target is none of the
    images that would be proposed now."""
    chosen, view, marks = proposal.chosen, case.cluster.view, case.marks
    found = _found(chosen, replace(case, from_host=proposal.from_host)) if chosen else None
    if found is None:
        return None
    return replace(
        proposal,
        vcenter=case.scene.view.name,
        instance_uuid=marks.instance_uuid if marks else "",
        vcenter_version=marks.version if marks else "",
        cluster_id=view.id,
        cluster=view.name,
        source=case.source,
        mode=view.mode,
        old=view.image,
        commit=view.commit,
        chosen=judge(case, found),
        may_act=may_act(case),
    )


def _found(chosen: Candidate, case: Case) -> Find | None:
    if chosen.kind is CandidateKind.INVERSE:
        return Find(chosen.kind, chosen.title, chosen.target, chosen.evidence)
    same = (each for each in find(case) if each.kind not in _APART and identity(each.target) == identity(chosen.target))
    return next(same, None)


def differences(proposal: ImageProposal, now: ImageProposal, case: Case) -> tuple[MovedFact, ...]:
    """Every statement of the file that is not what it would be now, by its place in the file."""
    if proposal.chosen is None or proposal.chosen.kind is CandidateKind.INVERSE:
        return ()
    unread = {host.name for host in case.cluster.hosts if _unread(host.facts)}
    was, new = (_statements(each, unread) for each in (proposal, now))
    return tuple(_walk("", was, new))


def _unread(facts: Any) -> bool:
    return any(isinstance(reading, Unread) for reading in (facts.base_image, facts.add_on, facts.components))


def _statements(proposal: ImageProposal, unread: set[str]) -> dict[str, Any]:
    chosen = proposal.chosen
    if chosen is not None:
        known = tuple(host if host.host not in unread else replace(host, why=()) for host in chosen.forecast)
        warnings = tuple(replace(w, text="") if w.code is WarningCode.CONTENTS_UNKNOWN else w for w in chosen.warnings)
        chosen = replace(chosen, evidence=(), forecast=known, warnings=warnings)
    said = as_written(replace(proposal, chosen=chosen))
    made = {name: said[name] for name in _COMPARED}
    for name in ("mode", "old", "commit"):
        if "unread" in made[name]:
            made[name] = {"unread": True}
        elif name == "old":
            made[name] = {"value": _image(made[name]["value"])}
    if chosen is not None:
        made["chosen"]["target"] = _image(made["chosen"]["target"])
    return made


def _image(image: dict[str, Any]) -> dict[str, Any]:
    """With the specification as what it says: blanks and the order of its keys are vCenter's."""
    return {**image, "spec": json.loads(image["spec"]) if image["spec"] else ""}


def _walk(path: str, was: Any, now: Any) -> Iterator[MovedFact]:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*was, *now)):
            yield from _walk(f"{path}.{name}".lstrip("."), was.get(name, _NONE), now.get(name, _NONE))
    elif isinstance(was, list) and isinstance(now, list):
        for place in range(max(len(was), len(now))):
            pair = (each[place] if place < len(each) else _NONE for each in (was, now))
            yield from _walk(f"{path}[{place}]", *pair)
    elif was != now or type(was) is not type(now):
        yield MovedFact(path, _shown(was), _shown(now))


def _shown(value: Any) -> str:
    if value is _NONE:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text


__all__ = ["differences", "restate"]
