"""One cluster's proposal: candidates found, judged, ranked, one chosen. Pure; equal input gives an equal proposal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from auditor.domain.assessment import HostState, Layer, Source
from auditor.domain.composite import DEFAULT, names, parts
from auditor.domain.image import AddOn, DesiredImage, ManagementMode
from auditor.domain.observation import Read, Unread, value_of
from auditor.domain.proposal.candidates import Find, find
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.forecast import forecast
from auditor.domain.proposal.gap import missing_items
from auditor.domain.proposal.may_act import may_act
from auditor.domain.proposal.values import (
    Candidate,
    CandidateKind,
    Forecast,
    ImageProposal,
    LayerChange,
    WayBack,
    sealed,
)
from auditor.domain.proposal.warnings import warnings
from auditor.domain.rollback.judge import recorded_window
from auditor.domain.rollback.window import WindowKind
from auditor.domain.specification import SpecificationError
from auditor.domain.versions import release_kind
from auditor.domain.wording import few

LIFETIME = timedelta(hours=24)


def candidates(case: Case) -> tuple[Candidate, ...]:
    """All candidates, judged, in the order of their ranks. What changes nothing is left out, but for taking hosts back and
    for what the host named on the command line runs."""
    judged = [judge(case, found) for found in find(case)]
    always = {CandidateKind.ROLL_BACK_HOSTS, CandidateKind.HOST}
    kept = [c for c in judged if c.changes_image or always.intersection(c.kinds)]
    return tuple(sorted(kept, key=lambda c: rank(c, case.from_host)))


def propose(case: Case, choose: str = "", lifetime: timedelta = LIFETIME) -> ImageProposal:
    """The proposal of one cluster. ``choose`` is a candidate's number from 1 in the order shown, or its kind; empty: the
    first that changes the image. Raises ``LookupError`` when there is no such candidate."""
    ranked = candidates(case)
    chosen = _chosen(ranked, choose, case.from_host)
    others = tuple(c for c in ranked if c is not chosen)
    resting_on = facts(case, chosen.target if chosen else None)
    view, marks = case.cluster.view, case.marks
    made = ImageProposal(
        id="",
        vcenter=case.scene.view.name,
        instance_uuid=marks.instance_uuid if marks else "",
        vcenter_version=marks.version if marks else "",
        cluster_id=view.id,
        cluster=view.name,
        created=case.at,
        expires=case.at + lifetime,
        source=case.source,
        mode=view.mode,
        old=view.image,
        commit=view.commit,
        chosen=chosen,
        others=others,
        facts=resting_on,
        digest="",
        may_act=may_act(case),
        notes=tuple(_notes(case, ranked)),
        from_host=case.from_host,
    )
    return sealed(made)


def rank(candidate: Candidate, from_host: str = "") -> tuple[object, ...]:
    """The order of candidates, total for unequal ones: what may be applied before what may not, what vCenter advises and
    taking hosts back after real images, no host INCOMPATIBLE, the newest base image, the most hosts COMPLIANT, then kind."""
    base = candidate.target.base_image.version if candidate.target.base_image else None
    kinds = list(CandidateKind)
    return (
        not (from_host and CandidateKind.HOST in candidate.kinds),
        candidate.kind in {CandidateKind.RECOMMENDATION, CandidateKind.ROLL_BACK_HOSTS},
        bool(candidate.blockers),
        len(candidate.hosts(Forecast.INCOMPATIBLE)),
        tuple(-number for number in (*base.release, *base.ordinal, 0, 0, 0)[:6]) if base else (),
        -base.build if base else 0,
        -len(candidate.hosts(Forecast.COMPLIANT)),
        kinds.index(candidate.kind),
        candidate.title,
        candidate.spec,
    )


def _chosen(ranked: Sequence[Candidate], choose: str, from_host: str) -> Candidate | None:
    if choose.isdecimal():
        if not 1 <= int(choose) <= len(ranked):
            raise LookupError(f"there is no candidate {choose}: there are {len(ranked)}")
        return ranked[int(choose) - 1]
    if choose:
        fitting = [c for c in ranked if choose in c.kinds]
        if not fitting:
            kinds = sorted({kind.value for c in ranked for kind in c.kinds})
            raise LookupError(f"there is no candidate of kind {choose!r}: there are {', '.join(kinds) or 'none'}")
        return fitting[0]
    if from_host:
        return next((c for c in ranked if c.changes_image and CandidateKind.HOST in c.kinds), None)
    apart = {CandidateKind.RECOMMENDATION, CandidateKind.ROLL_BACK_HOSTS}
    return next((c for c in ranked if c.changes_image and c.kind not in apart), None)


def judge(case: Case, found: Find) -> Candidate:
    """A candidate with what it changes, what a scan would say of each host, and what stands against it."""
    old = case.old
    forecasts = forecast(case, found)
    missing = missing_items(found.target, case.depot, case.contents)
    base = old.base_image.version if old and old.base_image else None
    new = found.target.base_image.version if found.target.base_image else None
    made = Candidate(
        kind=found.kind,
        title=found.title,
        target=found.target,
        also=found.also,
        release_kind=release_kind(case.hints.usual(base), case.hints.usual(new)) if base and new else None,
        changes=tuple(_changes(case, old, found.target)),
        evidence=found.evidence,
        warnings=warnings(case, found, missing, forecasts),
        missing=missing,
        forecast=forecasts,
        ways_back=tuple(_ways_back(case)) if found.kind is CandidateKind.ROLL_BACK_HOSTS else (),
        commit=found.commit,
    )
    return replace(made, then=tuple(_then(made)))


def _changes(case: Case, old: DesiredImage | None, new: DesiredImage) -> Iterable[LayerChange]:
    """Base image and add-on always, so that one sees what stays; of the rest only what changes."""
    was, now = (old.base_image if old else None), new.base_image
    kind = release_kind(case.hints.usual(was.version), case.hints.usual(now.version)) if was and now else None
    same = was is not None and now is not None and case.hints.usual(was.version) == case.hints.usual(now.version)
    before = was.version.raw if was else ""
    yield LayerChange(Layer.BASE_IMAGE, "", before, before if same else now.version.raw if now else "", kind)
    yield LayerChange(Layer.ADD_ON, "", _add_on(old.add_on if old else None), _add_on(new.add_on))
    for name in sorted({*new.components, *(old.components if old else ())}):
        was_text, now_text = _component(old, name), _component(new, name)
        if was_text != now_text:
            yield LayerChange(Layer.COMPONENT, name, was_text, now_text)
    for name in sorted({*new.removed_components} ^ {*(old.removed_components if old else ())}):
        taken = name in new.removed_components
        yield LayerChange(Layer.COMPONENT, name, "" if taken else "removed", "removed" if taken else "")
    packages = [{p.manager: f"{p.package} {p.version}" for p in (i.hardware_support if i else ())} for i in (old, new)]
    for name in sorted(packages[0].keys() | packages[1].keys()):
        if packages[0].get(name) != packages[1].get(name):
            yield LayerChange(Layer.HARDWARE_SUPPORT, name, packages[0].get(name, ""), packages[1].get(name, ""))
    yield from _changes_of_parts(case, old, new)


def _changes_of_parts(case: Case, old: DesiredImage | None, new: DesiredImage) -> Iterable[LayerChange]:
    """What changes in the alternative images of a composite one, beside the base image that all share; named by the part."""
    if old is None or not (old.alternatives and new.alternatives):
        return
    try:
        before, after = parts(old), parts(new)
    except SpecificationError:
        return
    shown = {**names(old), **names(new)}
    for id_ in sorted((before.keys() | after.keys()) - {DEFAULT}):
        was, now = (replace(each[id_], alternatives=()) if id_ in each else None for each in (before, after))
        if now is None:
            yield LayerChange(Layer.ADD_ON, f"of {shown[id_]}", "alternative image", "")
            continue
        for change in _changes(case, was, now):
            if change.changes and change.layer is not Layer.BASE_IMAGE:
                yield replace(change, name=f"{change.name} of {shown[id_]}".strip())


def _add_on(add_on: AddOn | None) -> str:
    return f"{add_on.name} {add_on.version}" if add_on else ""


def _component(image: DesiredImage | None, name: str) -> str:
    if image is None or name not in image.components:
        return ""
    return image.components[name] or "any version"


def _ways_back(case: Case) -> Iterable[WayBack]:
    """The window of each host that is ahead, as its banks were last read; by boot.cfg alone, so nothing is done on it."""
    wanted = case.old.base_image.version.build if case.old and case.old.base_image else None
    for host in sorted(case.cluster.hosts, key=lambda h: h.name):
        if host.state is not HostState.HOST_AHEAD:
            continue
        seen = next((o for o in host.facts.observations if o.banks), None)
        if seen is None:
            yield WayBack(host.name, WindowKind.UNKNOWN.value, reason="its boot banks were not read; only SSH reads them")
            continue
        window = recorded_window(seen).window
        fits = window.leads_to(str(wanted)) if window.kind is WindowKind.OPEN and wanted is not None else None
        yield WayBack(host.name, window.kind.value, window.build, window.reason, fits)


def _then(candidate: Candidate) -> Iterable[str]:
    """What remains to do afterwards."""
    if candidate.kind is CandidateKind.ROLL_BACK_HOSTS:
        yield "`auditor rollback window` shows each host's two images; a rollback is planned per host, in a maintenance window"
        return
    if behind := candidate.hosts(Forecast.NON_COMPLIANT):
        yield f"remediate the rest in a maintenance window: {few(behind, 10)}"
    if unknown := candidate.hosts(Forecast.UNKNOWN):
        yield f"look at the scan's result for {few(unknown, 10)}"


def _without_add_on(case: Case) -> tuple[str, ...]:
    """The hosts whose base image was read and whose add-on was not."""
    hosts = (h for h in case.cluster.hosts if isinstance(h.facts.base_image, Read) and isinstance(h.facts.add_on, Unread))
    return tuple(sorted(h.name for h in hosts))


def _notes(case: Case, ranked: Sequence[Candidate]) -> Iterable[str]:
    silent = sorted(h.name for h in case.cluster.hosts if isinstance(h.facts.base_image, Unread))
    bare = () if case.composite else _without_add_on(case)
    loose = sorted(h.name for h in case.cluster.hosts if isinstance(h.facts.components, Unread) and h.name not in silent)
    apart = {CandidateKind.RECOMMENDATION, CandidateKind.ROLL_BACK_HOSTS}
    unlisted = isinstance(case.scene.view.hosts, Unread)
    if unlisted:
        yield f"not known what hosts the cluster has: the inventory was not read ({case.scene.view.hosts})"
    elif case.mode is ManagementMode.IMAGE and not silent and not bare and all(c.kind in apart for c in ranked):
        said = "the cluster's image already is what its hosts run" if case.cluster.hosts else "the cluster has no host"
        yield f"{said}, as far as base image and add-on tell" if loose else said
    if silent:
        yield f"not known what {few(silent)} run{'s' if len(silent) == 1 else ''}: no candidate speaks for them"
    if bare:
        yield f"not known what add-on {few(bare)} ha{'s' if len(bare) == 1 else 've'}: no candidate speaks for them"
    if loose:
        have = "has" if len(loose) == 1 else "have"
        yield f"not known what components {few(loose)} {have}: drivers of their own may be missing in the candidates"
    for candidate in ranked:
        if CandidateKind.HOST in candidate.kinds and not candidate.changes_image:
            yield f"{case.from_host} runs what the cluster's image asks for: nothing to change"
    if case.source is Source.HISTORY:
        yield f"from the record of {case.at:%Y-%m-%d %H:%MZ}; nothing was contacted"
    advice = case.extras.recommendations
    if isinstance(advice, Unread):
        yield f"vCenter's recommendation: {advice}"
    elif isinstance(advice, Read) and not advice.value:
        yield "vCenter has no stored recommendation"
    if value_of(case.depot) is None:
        yield f"the depot was not read ({case.depot}): what it lacks is not known"


__all__ = ["LIFETIME", "candidates", "judge", "propose", "rank"]
