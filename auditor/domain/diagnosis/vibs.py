"""Hosts of one cluster that run the same image and do not have the same VIBs (``vib-skew``).

vLCM does not tell which VIBs an image holds, so hosts are compared with one another: those of the same part of the image, the
same base image and the same add-on (hosts of unequal ones differ in most VIBs, and other findings say so). What more than half
of them have is usual; without such a majority all sides are told. vLCM installs one image on all hosts, whatever their
hardware; on baselines each make of hardware has its own vendor's VIBs. Of what all hosts have, a VIB dated after the image
that no component of the host explains and no solution installs is a notice.

Not compared: install dates, vendors and acceptance levels, which routes write in different ways or not at all; VIBs of a DPU
(``platforms`` without "host"); VIBs of a component or solution whose difference is a layer's, told or accepted there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.domain.assessment import Layer, LayerDrift, LayerState
from auditor.domain.diagnosis.scene import ClusterScene, HostScene, Scene
from auditor.domain.diagnosis.vibcauses import Agent, agent_of, beside_image, cause_of, component_of, rolls_out
from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.hosts import PREFERENCE
from auditor.domain.image import ManagementMode, Vib
from auditor.domain.observation import Read, Reason, value_of
from auditor.domain.wording import count, few

Mark = Callable[[str, tuple[str, str], str, Iterable[LayerDrift]], tuple[LayerDrift, ...]]
"""Marks the differences that the configuration accepts: ``accepted.Register.mark``."""

LINES = 10
_ABSENT = ""
_DIFFERS, _BY_HARDWARE, _BESIDE = "differs", "by hardware", "beside the image"
_NOTICES = {_BY_HARDWARE: "with the hardware", _BESIDE: "from the image"}
_GUIDE = "vSphere Lifecycle Manager guide, compliance statuses"


@dataclass(frozen=True, slots=True)
class _Peers:
    """Hosts that should have the same VIBs, each with its VIBs by name."""

    hosts: tuple[HostScene, ...]
    vibs: tuple[Mapping[str, Vib], ...]

    def sides(self, name: str) -> dict[str, list[int]]:
        """The hosts, as places in ``hosts``, by their version of one VIB; empty: they do not have it."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, vibs in enumerate(self.vibs):
            found[vibs[name].version if name in vibs else _ABSENT].append(place)
        return found


@dataclass(frozen=True, slots=True)
class _Line:
    """One difference in words, without the VIB's name; equal ones of several VIBs are told together."""

    kind: str
    sides: str
    severity: Severity
    hosts: tuple[str, ...]
    rests_on: tuple[str, ...] = ()


def vib_findings(scene: Scene, mark: Mark) -> Iterable[Finding]:
    """All ``vib-skew`` findings of one vCenter: at most one warning and one notice for each cluster."""
    for cluster in scene.clusters:
        lines: dict[_Line, list[str]] = defaultdict(list)
        for alike in _alike(cluster):
            groups = [_peers(hosts) for hosts in _by_hardware(cluster, alike)]
            for name, line in (*_across(groups), *(each for group in groups for each in _within(scene, cluster, group, mark))):
                lines[line].append(name)
        told_of = {name for found in lines.values() for name in found}
        for name, line in _beside(cluster):
            if name not in told_of:
                lines[line].append(name)
        for severity in (Severity.WARNING, Severity.NOTICE):
            told = {line: found for line, found in lines.items() if line.severity is severity}
            if told:
                yield _finding(scene, cluster, severity, told)


def _alike(cluster: ClusterScene) -> Iterator[tuple[HostScene, ...]]:
    """Hosts whose VIBs were read, by part of the image, base image and add-on. A host of which one of these is not known has
    no peers; releases before 7.0 have no add-on."""
    found: dict[object, list[HostScene]] = defaultdict(list)
    for host in sorted(cluster.hosts, key=lambda h: h.name):
        base, product, add_on = host.facts.base_image, value_of(host.facts.product), value_of(host.facts.add_on)
        runs = base.value.version if isinstance(base, Read) else (product.version, product.build) if product else None
        over = (add_on.name, add_on.version) if add_on else None
        part = cluster.part_of(host)
        known = isinstance(host.facts.add_on, Read) or host.facts.add_on.reason is Reason.NOT_SUPPORTED
        if known and part is not None and runs is not None and isinstance(host.facts.vibs, Read):
            found[part, runs, over].append(host)
    return (tuple(hosts) for hosts in found.values() if len(hosts) > 1)


def _by_hardware(cluster: ClusterScene, hosts: tuple[HostScene, ...]) -> Iterable[tuple[HostScene, ...]]:
    """The hosts, by their hardware where no image makes them equal."""
    if value_of(cluster.view.mode) is ManagementMode.IMAGE and cluster.image is not None:
        return (hosts,)
    found: dict[str, list[HostScene]] = defaultdict(list)
    for host in hosts:
        found[host.listed.hardware].append(host)
    return tuple(tuple(group) for _, group in sorted(found.items()))


def _peers(hosts: tuple[HostScene, ...]) -> _Peers:
    """The hosts with what one route says of all of them, where one does: two routes need not list the same VIBs."""
    by_route = [{o.route: o.vibs.value for o in host.facts.observations if isinstance(o.vibs, Read)} for host in hosts]
    common = next((route for route in PREFERENCE if all(route in said for said in by_route)), None)
    shared: dict[int, Mapping[str, Vib]] = {}  # hosts that list the same share one tuple, which is looked at once
    vibs = []
    for host, said in zip(hosts, by_route, strict=True):
        listed = said[common] if common else value_of(host.facts.vibs) or ()
        vibs.append(shared.setdefault(id(listed), {vib.name: vib for vib in listed}))
    return _Peers(hosts, tuple(vibs))


def _differing(vibs: Iterable[Mapping[str, Vib]]) -> Iterator[str]:
    """The names of VIBs that are not everywhere in one version, those of DPUs left out."""
    distinct = list({id(each): each for each in vibs}.values())
    for name in sorted({name for each in distinct for name in each}):
        found = [each.get(name) for each in distinct]
        if len({vib.version if vib else _ABSENT for vib in found}) < 2:
            continue
        if all("host" in vib.platforms.lower() for vib in found if vib and vib.platforms):
            yield name


def _within(scene: Scene, cluster: ClusterScene, peers: _Peers, mark: Mark) -> Iterator[tuple[str, _Line]]:
    """What is to be told of hosts that should be equal: a line for each unusual version of a VIB, or one line of all versions
    where none is usual."""
    for name in _differing(peers.vibs):
        sides, usual, ended = _left(scene, cluster, peers, name, mark)
        if len(sides) < 2:
            continue
        agent = agent_of(name, cluster, peers.hosts, set(peers.sides(name)))
        by_version = {version: [peers.hosts[p] for p in places] for version, places in sides.items()}
        severity = Severity.NOTICE if agent and rolls_out(agent, scene, cluster, by_version) else Severity.WARNING
        if severity is Severity.WARNING and agent and _told_by_solution(agent, by_version):
            continue
        unusual = [version for version in sides if version != usual]
        for told in [[version] for version in unusual] if usual is not None else [unusual]:
            said = [_side(cluster, peers, name, version, sides, agent) for version in told]
            texts = [text for text, _ in said]
            kind = _DIFFERS
            if usual is not None:
                kind = _kind(told[0], usual).value.lower()
                texts.append(f"{usual or 'none'} on {len(sides[usual])} of {count(len(peers.hosts), 'host')}")
            hosts = tuple(peers.hosts[p].name for version in told for p in sides[version])
            pages = tuple(sorted({page for _, found in said for page in found}))
            yield name, _Line(kind, "; ".join((*texts, *sorted(ended))), severity, hosts, pages)


def _left(
    scene: Scene, cluster: ClusterScene, peers: _Peers, name: str, mark: Mark
) -> tuple[dict[str, list[int]], str | None, set[str]]:
    """The hosts by their version of a VIB, without those that a layer's difference or an acceptance speaks for; the usual
    version; and the acceptances that ended. The usual one is what more than half of the hosts have, and two at least."""
    every = peers.sides(name)
    sides = {
        version: [p for p in places if not any(_is_layers(layer, version, every) for layer in peers.hosts[p].layers)]
        for version, places in every.items()
    }
    total = sum(map(len, sides.values()))
    usual = next((version for version, places in sides.items() if len(places) > 1 and 2 * len(places) > total), None)
    ended: set[str] = set()
    for version in [version for version in sides if version != usual]:
        marked = {p: _marked(scene, cluster, peers.hosts[p], name, version, usual, mark) for p in sides[version]}
        ended |= {layer.basis for layer in marked.values() if layer.basis}
        sides[version] = [p for p, layer in marked.items() if not layer.accepted]
    # Hosts without the VIB come last.
    return {version: sides[version] for version in sorted(sides, key=lambda v: (not v, v)) if sides[version]}, usual, ended


def _is_layers(layer: LayerDrift, version: str, every: Collection[str]) -> bool:
    """Whether the VIB's difference is a component's or solution's: such a VIB has its component's version."""
    if layer.layer not in {Layer.COMPONENT, Layer.SOLUTION} or layer.state in {LayerState.IN_SYNC, LayerState.UNKNOWN}:
        return False
    return layer.installed == version if version else bool(layer.desired) and layer.desired in every


def _told_by_solution(agent: Agent, by_version: Mapping[str, Sequence[HostScene]]) -> bool:
    """Whether all hosts that lack the agent's VIB lack the solution's component too: then its layer tells of both, and a
    remediation that is under way is no second finding."""
    missing = {Layer.SOLUTION: LayerState.MISSING}

    def lacks_both(host: HostScene) -> bool:
        return any(each.name in agent.components and missing.get(each.layer) is each.state for each in host.layers)

    lacking = by_version.get(_ABSENT, ())
    return len(by_version) == 2 and bool(lacking) and all(map(lacks_both, lacking))


def _kind(version: str, usual: str | None) -> LayerState:
    return LayerState.MISSING if not version else LayerState.DIFFERENT if usual else LayerState.EXTRA


def _marked(
    scene: Scene, cluster: ClusterScene, host: HostScene, name: str, version: str, usual: str | None, mark: Mark
) -> LayerDrift:
    layer = LayerDrift(Layer.VIB, name, _kind(version, usual), usual or "", version)
    [marked] = mark(scene.view.name, (cluster.view.id, cluster.view.name), host.name, (layer,))
    return marked


def _side(
    cluster: ClusterScene, peers: _Peers, name: str, version: str, sides: Mapping[str, Sequence[int]], agent: Agent | None
) -> tuple[str, set[str]]:
    """One version of a VIB with what is known of it and the hosts that have it, and what the likely cause rests on."""
    places = sides[version]
    where = few([peers.hosts[p].name for p in places])
    if not version:
        return f"none on {where}", set()
    vibs = [(peers.hosts[p], _dated(peers.hosts[p], peers.vibs[p][name])) for p in places]
    days = sorted({vib.install_date for _, vib in vibs if vib.install_date})
    levels = sorted({vib.acceptance_level for _, vib in vibs if vib.acceptance_level})
    components = sorted({component.name for host, vib in vibs if (component := component_of(vib, host))})
    others = [other for other in sides if other != version]
    causes = sorted({c for host, vib in vibs if (c := cause_of(vib, others, host, cluster, agent))}, key=lambda c: c.text)
    details = [
        *levels,
        *([f"installed {' to '.join(dict.fromkeys((days[0], days[-1])))}"] if days else []),
        *([f"component {few(components)}"] if components else []),
        *([f"likely {' or '.join(cause.text for cause in causes[:2])}"] if causes else []),
    ]
    text = f"{version} ({'; '.join(details)})" if details else version
    return f"{text} on {where}", {page for cause in causes for page in cause.rests_on}


def _dated(host: HostScene, vib: Vib) -> Vib:
    """The same VIB as the best route describes it: vCenter's list has no install dates."""
    return next((v for v in value_of(host.facts.vibs) or () if (v.name, v.version) == (vib.name, vib.version)), vib)


def _across(groups: Sequence[_Peers]) -> Iterator[tuple[str, _Line]]:
    """What differs with the hardware: VIBs that are equal within each kind of it."""
    if len(groups) < 2:
        return
    for name in _differing(vibs for group in groups for vibs in group.vibs):
        found: dict[str, list[str]] = defaultdict(list)
        for group in groups:
            sides = group.sides(name)
            if len(sides) == 1:
                [version] = sides
                hardware = group.hosts[0].listed.hardware or "hardware that vCenter does not name"
                found[version or "none"].append(f"{hardware} ({few([h.name for h in group.hosts])})")
        if len(found) > 1:
            text = "; ".join(f"{version} on {few(kinds)}" for version, kinds in sorted(found.items()))
            yield name, _Line(_BY_HARDWARE, text, Severity.NOTICE, tuple(h.name for group in groups for h in group.hosts))


def _beside(cluster: ClusterScene) -> Iterator[tuple[str, _Line]]:
    """VIBs that the image of the cluster does not explain, whoever else has them."""
    if value_of(cluster.view.mode) is not ManagementMode.IMAGE or cluster.image is None:
        return
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for host in sorted(cluster.hosts, key=lambda h: h.name):
        for vib, day in beside_image(host):
            if agent_of(vib.name, cluster, (host,), {vib.version}) is None:
                found[vib.name, vib.version, vib.acceptance_level, day].append(host.name)
    for (name, version, level, day), hosts in found.items():
        details = "; ".join(
            filter(None, (level, f"installed after the image of {day}, and no component of the host explains it"))
        )
        yield name, _Line(_BESIDE, f"{version} ({details}) on {few(hosts)}", Severity.NOTICE, tuple(hosts), ("KB 316592",))


def _finding(scene: Scene, cluster: ClusterScene, severity: Severity, lines: Mapping[_Line, Sequence[str]]) -> Finding:
    hosts = tuple(sorted({host for line in lines for host in line.hosts}))
    vibs = sorted({name for found in lines.values() for name in found})
    told = sorted(f"{line.kind}: {few(sorted(set(found)))}: {line.sides}" for line, found in lines.items())
    evidence = (*told[:LINES], *((f"and {count(len(told) - LINES, 'more difference')}",) if len(told) > LINES else ()))
    pages = dict.fromkeys((_GUIDE, *sorted({page for line in lines for page in line.rests_on})))
    where = f"{count(len(vibs), 'VIB')} on {len(hosts)} of {count(len(cluster.hosts), 'host')}"
    subject = cluster.subject(scene.view)
    if severity is Severity.NOTICE:
        why = " and ".join(sorted({_NOTICES.get(line.kind, "while an agent is rolled out") for line in lines}))
        summary = f"VIBs differ {why}: {where}."
        return Finding(Code.VIB_SKEW, severity, subject, summary, hosts, evidence, rests_on=tuple(pages))
    return Finding(
        Code.VIB_SKEW,
        severity,
        subject,
        f"Hosts with the same image do not have the same VIBs: {where}.",
        hosts,
        evidence,
        do=(
            "Find out who installed or removed what is named above, and what uses it.",
            "If it is wanted, put its component into the cluster's image or baseline; else remediate these hosts.",
        ),
        avoid=("Do not remove a driver before knowing what hangs on it: a host without it may not find its boot disk.",),
        rests_on=tuple(pages),
    )
