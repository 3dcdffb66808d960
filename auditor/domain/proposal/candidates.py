"""Where a cluster's next image can come from: its own past, its hosts, vCenter's advice. Found here, judged elsewhere.

Two sources that lead to the same image are one candidate: the first of ``CandidateKind`` names it, the others stand beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditor.domain.assessment import HostState
from auditor.domain.composite import all_parts
from auditor.domain.diagnosis.restore import when
from auditor.domain.image import AddOn, BaseImage, Commit, DesiredImage
from auditor.domain.observation import host_key, value_of
from auditor.domain.past import PastImage
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.parted import Parted
from auditor.domain.proposal.running import Running, image_of_hosts, keyed, own_components, running, runs_image, unlike
from auditor.domain.proposal.values import CandidateKind
from auditor.domain.specification import SpecificationError, importable
from auditor.domain.versions import BaseImageVersion
from auditor.domain.wording import count, few, hosts_run


@dataclass(frozen=True, slots=True)
class Find:
    """A candidate before it is judged. ``guessed`` is True where the hosts' own components could not be told apart from
    what base image and add-on bring."""

    kind: CandidateKind
    title: str
    target: DesiredImage
    evidence: tuple[str, ...] = ()
    also: tuple[CandidateKind, ...] = ()
    commit: Commit | None = None
    guessed: bool = False


def find(case: Case) -> tuple[Find, ...]:
    """All images the cluster could be given, without two that are the same."""
    groups = running(case.cluster, case.hints)
    own = _of_parts(case) if case.composite else [*_archived(case, groups), *_of_hosts(case, groups)]
    finds = [*own, *_roll_back(case), *_recommended(case)]
    return _merged(finds)


def depot_needs(case: Case) -> tuple[set[str], set[tuple[str, str]]]:
    """The base images (by the depot's own text) and add-ons whose contents ``find`` and the judges look into."""
    advised = (part.image for part in value_of(case.extras.recommendations) or ())
    images = [part for image in (case.old, *advised) if image for part in all_parts(image)]
    bases = {image.base_image.version for image in images if image and image.base_image}
    add_ons = {(image.add_on.name, image.add_on.version) for image in images if image and image.add_on}
    for group in running(case.cluster, case.hints):
        bases.add(group.base)
        if group.add_on:
            add_ons.add((group.add_on.name, group.add_on.version))
    depot = value_of(case.depot)
    return {keyed(version, depot, case.hints).raw for version in bases}, add_ons


def _archived(case: Case, groups: tuple[Running, ...]) -> Iterable[Find]:
    """Earlier images of this cluster that hosts run: of those that fit best the newest commit."""
    past, depot = case.cluster.past, value_of(case.depot)
    for group in groups:
        fitting = [
            known for known in (past.images if past else ()) if known.image.spec and runs_image(group, known, case.hints)
        ]
        if fitting:
            other = {id(known): unlike(group, known.image, case.contents, depot, case.hints) for known in fitting}
            fit = {id_: 1 if names is None else 2 if not names else 0 for id_, names in other.items()}
            best = max(fitting, key=lambda known: (fit[id(known)], _age(known)))
            yield _archive(case, group, best, other[id(best)])


def _age(known: PastImage) -> tuple[float, float]:
    time = known.commit.time.timestamp() if known.commit and known.commit.time else 0.0
    return time, known.last_seen.timestamp()


def _archive(case: Case, group: Running, known: PastImage, other: tuple[str, ...] | None) -> Find:
    commit = known.commit
    which = f"commit {commit.id} of {when(commit.time)}" if commit else "an image whose commit was not read"
    by = f" by {commit.author}" if commit and commit.author else ""
    evidence = [
        f"history: {which}{by}, seen from {when(known.first_seen)} to {when(known.last_seen)}",
        f"{_hosts(group)} {_how_exactly(other)}: {', '.join(group.names)}",
    ]
    if known.image.hardware_support:
        evidence.append("firmware is not among that: only a scan tells which a host has")
    present = value_of(case.cluster.view.commit)
    older = bool(commit and commit.time and present and present.time and commit.time <= present.time)
    if case.scene.rewind and not older:
        evidence.append("vCenter's database went back in time: this image is what the restore lost")
    target = replace(known.image, solutions=(), spec=importable(known.image.spec))
    return Find(CandidateKind.ARCHIVED, f"the image of {which}", target, tuple(evidence), commit=commit)


def _how_exactly(other: tuple[str, ...] | None) -> str:
    if other is None:
        return "its base image and add-on, and the components it sets; what else they have could not be compared"
    return f"its base image and add-on, and differ in {few(other)}" if other else "exactly this"


def _of_hosts(case: Case, groups: tuple[Running, ...]) -> Iterable[Find]:
    # An add-on that was not read is no add-on that is not there: such a target would take it from the cluster.
    groups = tuple(group for group in groups if group.add_on_read)
    if not groups:
        return
    total = len(case.cluster.hosts)
    newest, most = _newest(case, groups), max(groups, key=lambda g: (len(g.hosts), g.base))
    if len(groups) == 1 and len(newest.hosts) == total:
        yield _host_find(
            case, newest, CandidateKind.UNIFORM, "its only host runs it" if total == 1 else f"all {total} hosts run it"
        )
    if case.from_host:
        for group in groups:
            if any(host_key(h.name) == host_key(case.from_host) for h in group.hosts):
                yield _host_find(case, group, CandidateKind.HOST, f"{case.from_host} runs it")
    if len(groups) > 1:
        text = f"the newest of {len(groups)} images that run here; {hosts_run(len(newest.hosts), total)} it"
        yield _host_find(case, newest, CandidateKind.RAISE_AND_REMEDIATE, text)
    yield _host_find(case, newest, CandidateKind.HIGHEST, f"{hosts_run(len(newest.hosts), total)} it; none runs a newer one")
    yield _host_find(case, most, CandidateKind.MOST_USED, f"{hosts_run(len(most.hosts), total)} it")


def _newest(case: Case, groups: tuple[Running, ...]) -> Running:
    """The newest group. Add-ons and components have no published order: among equal base images the one that was this
    cluster's own image last counts as the newest, then the one with more hosts."""
    top = [group for group in groups if group.base == groups[0].base]
    past = case.cluster.past

    def age(group: Running) -> tuple[tuple[float, float], int]:
        ages = [_age(known) for known in (past.images if past else ()) if runs_image(group, known, case.hints)]
        return max(ages, default=(0.0, 0.0)), len(group.hosts)

    return max(top, key=age)


def _host_find(case: Case, group: Running, kind: CandidateKind, text: str) -> Find:
    depot = value_of(case.depot)
    target = image_of_hosts(group, case.old, case.contents, depot, case.hints)
    evidence = [f"{text}: {', '.join(group.names)}"]
    if any(case.hints.known_as(base.version) for h in group.hosts if (base := value_of(h.facts.base_image))):
        evidence.append("some hosts name it by their vendor's own build number")
    guessed = own_components(group, case.contents, depot, case.hints) is None
    return Find(kind, f"what {_few(group)}", target, tuple(evidence), guessed=guessed)


def _of_parts(case: Case) -> Iterable[Find]:
    """The images that hosts run of a composite image: one base image for all parts, and each part as its own hosts run it."""
    old, total = case.old, len(case.cluster.hosts)
    if old is None:
        return
    try:
        parted = Parted.of(case, old)
    except SpecificationError:
        group = next(iter(running(case.cluster, case.hints)), None)
        if group is not None:
            target = replace(
                old, base_image=BaseImage(keyed(group.base, value_of(case.depot), case.hints)), solutions=(), spec=""
            )
            yield Find(CandidateKind.HIGHEST, f"the base image that {_few(group)}", target)
        return
    by_base = parted.by_base
    if not by_base:
        return
    newest, most = max(by_base), max(by_base, key=lambda base: (len(by_base[base]), base))
    named = next((b for b in by_base if case.from_host and host_key(case.from_host) in map(host_key, by_base[b])), None)
    yield from _archived_parts(case, parted, newest)
    kinds = [(CandidateKind.HIGHEST, newest, "none runs a newer base image"), (CandidateKind.MOST_USED, most, "the most")]
    if len(by_base[newest]) == total and parted.uniform:
        kinds.append((CandidateKind.UNIFORM, newest, "each part's hosts are alike"))
    else:
        kinds.append((CandidateKind.RAISE_AND_REMEDIATE, newest, f"the newest of {count(len(by_base), 'base image')}"))
    if named is not None:
        kinds.append((CandidateKind.HOST, named, f"{case.from_host} does"))
    for kind, base, why in kinds:
        text = f"{hosts_run(len(by_base[base]), total)} base image {base.raw}; {why}: {', '.join(by_base[base])}"
        title = f"what {count(len(by_base[base]), 'host')} run, each part of the composite image by its own hosts"
        yield Find(kind, title, parted.image(base), (text, *parted.told(base)), guessed=parted.guessed(base))


def _archived_parts(case: Case, parted: Parted, base: BaseImageVersion) -> Iterable[Find]:
    """The newest earlier composite image of which every host on ``base`` runs its own part."""
    past = case.cluster.past
    for known in sorted(past.images if past else (), key=_age, reverse=True):
        if known.image.alternatives and known.image.spec and parted.runs(base, known):
            yield _archive(case, parted.group(base), known, parted.unlike(base, known))
            return


def _roll_back(case: Case) -> Iterable[Find]:
    old = case.old
    if old is None or old.base_image is None:
        return
    names = sorted(h.name for h in case.cluster.hosts if h.state is HostState.HOST_AHEAD)
    if names:
        target = replace(old, solutions=(), spec=importable(old.spec))
        title = f"leave the image and take {len(names)} {'host' if len(names) == 1 else 'hosts'} back"
        yield Find(CandidateKind.ROLL_BACK_HOSTS, title, target, (f"ahead of the image: {', '.join(names)}",))


def _recommended(case: Case) -> Iterable[Find]:
    for part in value_of(case.extras.recommendations) or ():
        made = f", made {when(part.checked)}" if part.checked else ""
        target = replace(part.image, solutions=(), spec=importable(part.image.spec))
        text = f"vCenter's stored recommendation ({part.label}){made}; it does not look at what the hosts run"
        yield Find(CandidateKind.RECOMMENDATION, f"vCenter recommends, {part.label}", target, (text,))


def _merged(finds: Iterable[Find]) -> tuple[Find, ...]:
    """One per target. Advice that leads elsewhere is kept apart: it is not applied."""
    order = list(CandidateKind)
    apart = {CandidateKind.ROLL_BACK_HOSTS, CandidateKind.RECOMMENDATION}
    found: dict[object, Find] = {}
    for item in sorted(finds, key=lambda f: order.index(f.kind)):
        key = (item.kind if item.kind in apart else "", identity(item.target))
        known = found.get(key)
        if known is None:
            found[key] = item
        elif item.kind not in {known.kind, *known.also}:
            more = item.evidence if item.kind in {CandidateKind.HOST, CandidateKind.RAISE_AND_REMEDIATE} else ()
            found[key] = replace(known, also=(*known.also, item.kind), evidence=(*known.evidence, *more))
    return tuple(found.values())


def identity(image: DesiredImage) -> tuple[object, ...]:
    """What makes two targets the same: the layers without solutions, and for a composite image the whole specification."""
    return (*replace(image, solutions=()).layers(), importable(image.spec) if image.alternatives else "")


def same_add_on(one: AddOn | None, other: AddOn | None) -> bool:
    return ((one.name, one.version) if one else None) == ((other.name, other.version) if other else None)


def _hosts(group: Running) -> str:
    return f"{len(group.hosts)} host{'s run' if len(group.hosts) > 1 else ' runs'}"


def _few(group: Running) -> str:
    return f"{group.names[0]} runs" if len(group.names) == 1 else hosts_run(len(group.names))


__all__ = ["Find", "depot_needs", "find", "identity", "same_add_on"]
