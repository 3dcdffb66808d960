"""What a scan would call each host under a target, by the rules vLCM documents; the draft's own scan is the judge.

COMPLIANT: the same. NON_COMPLIANT: the target is above the host, or one side has a component the other lacks. INCOMPATIBLE:
the target is below the host (SDK ``ComplianceStatus``). Where no order is published and nothing else tells, UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from auditor.domain.assessment import Layer, LayerDrift, LayerState
from auditor.domain.diagnosis.scene import HostScene
from auditor.domain.drift import compare_host, image_of
from auditor.domain.image import Commit, DesiredImage
from auditor.domain.observation import HostVerdict, Read, Reading, Unread, value_of
from auditor.domain.past import PastCluster
from auditor.domain.proposal.candidates import Find, same_add_on
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.running import solution_components
from auditor.domain.proposal.values import Forecast, HostForecast


def forecast(case: Case, found: Find) -> tuple[HostForecast, ...]:
    """The forecast of every host of the cluster, by name. Solutions are compared as the cluster has them now: they stay."""
    target = replace(found.target, solutions=case.old.solutions if case.old else ())
    commit = _dated(case, found)
    hosts = sorted(case.cluster.hosts, key=lambda h: h.name)
    own = {part: image_of(target, part) for part in {case.cluster.part_of(host) for host in hosts} if part is not None}
    brought = {part: case.contents.effective(image) for part, image in own.items() if image is not None}
    return tuple(_host(case, host, target, commit, brought) for host in hosts)


def _dated(case: Case, found: Find) -> Commit | None:
    """A commit that says when the target's add-on was this cluster's: the target's own, the present one if the add-on
    stays, or the newest earlier one that had both base image and add-on."""
    if found.commit is not None:
        return found.commit
    target, old = found.target, case.old
    if old is not None and same_add_on(old.add_on, target.add_on):
        return value_of(case.cluster.view.commit)
    past: PastCluster | None = case.cluster.past
    fitting = [
        known.commit
        for known in (past.images if past else ())
        if known.commit is not None
        and known.commit.time is not None
        and known.image.base_image is not None
        and target.base_image is not None
        and known.image.base_image.version == target.base_image.version
        and same_add_on(known.image.add_on, target.add_on)
    ]
    return max(fitting, key=lambda commit: commit.time.timestamp() if commit.time else 0.0, default=None)


def _host(
    case: Case, host: HostScene, target: DesiredImage, commit: Commit | None, brought: Mapping[str, Reading[Mapping[str, str]]]
) -> HostForecast:
    """``brought`` is what each part of a composite image brings, by id; of another image there is one, by an empty text."""
    scan = value_of(case.cluster.view.compliance)
    verdict = scan.of(host.listed.id) if scan else None
    part = case.cluster.part_of(host)
    own = None if part is None else image_of(target, part)
    before = image_of(case.old, part) if case.old and part is not None else None
    if verdict is not None and own is not None and before is not None and before.hardware_support != own.hardware_support:
        verdict = replace(verdict, hardware_support=())  # it speaks of the firmware of the image before
    facts = host.facts
    base = value_of(facts.base_image)
    row = case.hints.alias(base.version, target.base_image.version) if base and target.base_image else None
    if base is not None and row is not None and target.base_image is not None:
        said = replace(facts.said, base_image=Read(replace(base, version=target.base_image.version)))
        facts = replace(facts, said=said)
    layers = list(compare_host(target, commit, facts, verdict, case.cluster.past, part))
    if isinstance(facts.components, Unread):
        basis = f"the host's components were not read: {facts.components}"
        layers.append(LayerDrift(Layer.COMPONENT, "", LayerState.UNKNOWN, "", "", basis))
    if part is not None and own is not None:
        layers += _contents(case, host, own, verdict, brought[part], layers)
    status, why = _roll_up(layers)
    if row is not None:
        why = (f"{row.vendor} calls build {row.build} {row.vendor_build}: taken for the same image ({row.source})", *why)
        status = Forecast.UNKNOWN if status is Forecast.COMPLIANT else status
    return HostForecast(host.name, host.listed.id, status, why)


def _contents(
    case: Case,
    host: HostScene,
    target: DesiredImage,
    verdict: HostVerdict | None,
    brought: Reading[Mapping[str, str]],
    layers: Iterable[LayerDrift],
) -> Iterable[LayerDrift]:
    """What base image and add-on bring, against the host's components, where the depot can tell. Only where the layers below
    agree: a host that is to be remediated gets them anyway."""
    if isinstance(brought, Unread) or isinstance(host.facts.components, Unread) or not host.facts.components.value:
        return
    below = {layer.state for layer in layers if layer.layer in {Layer.BASE_IMAGE, Layer.ADD_ON}}
    solved = solution_components(case.old)
    on_host = {part.name: part.version for part in host.facts.components.value if part.name not in solved}
    done = {layer.name for layer in layers if layer.layer is Layer.COMPONENT}
    said = dict(verdict.components) if verdict else {}
    for name in sorted((on_host.keys() | brought.value.keys()) - done - set(target.removed_components)):
        installed, wanted = on_host.get(name), brought.value.get(name)
        if installed is None and wanted is not None:
            state, basis = LayerState.MISSING, "the image brings it"
        elif wanted is None:
            state, basis = LayerState.EXTRA, "the image does not bring it"
        elif installed == wanted or not wanted:
            continue
        else:
            element = said.get(name)
            known = element is not None and (element.current, element.target) == (installed, wanted)
            states = {"NON_COMPLIANT": LayerState.HOST_BEHIND, "INCOMPATIBLE": LayerState.HOST_AHEAD}
            state = states.get(element.status, LayerState.DIFFERENT) if known and element else LayerState.DIFFERENT
            basis = "component versions have no published order" if state is LayerState.DIFFERENT else "vLCM's verdict"
        if state is LayerState.HOST_AHEAD or below <= {LayerState.IN_SYNC}:
            yield LayerDrift(Layer.COMPONENT, name, state, wanted or "", installed or "", basis)


_LIMIT = 6


def _roll_up(layers: Iterable[LayerDrift]) -> tuple[Forecast, tuple[str, ...]]:
    """INCOMPATIBLE wins. A base image below the target makes NON_COMPLIANT of what has no order above it: the host is to be
    remediated, and the draft's scan tells whether that goes."""
    layers = tuple(layers)
    states = {layer.state for layer in layers}
    base = next((layer.state for layer in layers if layer.layer is Layer.BASE_IMAGE), LayerState.UNKNOWN)
    lines = [_line(layer) for layer in layers if layer.state is not LayerState.IN_SYNC]
    why = (*lines[:_LIMIT], f"and {len(lines) - _LIMIT} more") if len(lines) > _LIMIT else tuple(lines)
    if LayerState.HOST_AHEAD in states:
        return Forecast.INCOMPATIBLE, why
    if base is LayerState.UNKNOWN:
        return Forecast.UNKNOWN, why
    if base is LayerState.HOST_BEHIND:
        return Forecast.NON_COMPLIANT, why
    if states & {LayerState.UNKNOWN, LayerState.DIFFERENT}:
        return Forecast.UNKNOWN, why
    if states - {LayerState.IN_SYNC}:
        return Forecast.NON_COMPLIANT, why
    return Forecast.COMPLIANT, why


def _line(layer: LayerDrift) -> str:
    name = f" {layer.name}" if layer.name else ""
    basis = f" ({layer.basis})" if layer.basis else ""
    return f"{layer.layer.value}{name}: image {layer.desired or 'none'}, host {layer.installed or 'none'}{basis}"


__all__ = ["forecast"]
