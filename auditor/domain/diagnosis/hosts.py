"""What is wrong with a host, or with what vCenter believes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from auditor.domain.bootbank import simulate_boot
from auditor.domain.diagnosis.boot_banks import boot_banks
from auditor.domain.diagnosis.contact import disconnected, identity_changed
from auditor.domain.diagnosis.restore import when
from auditor.domain.diagnosis.scene import HostScene, Scene, names, runs_text
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.hosts import HostFacts, trouble_of
from auditor.domain.image import Product
from auditor.domain.observation import Connection, HostObservation, Read, StagedImage, Unread, value_of
from auditor.domain.past import PastHost
from auditor.domain.versions import ProductVersion, VersionError
from auditor.domain.wording import few, hosts_run


def host_findings(scene: Scene, excused: Callable[[HostScene], str], away: Callable[[HostScene], str]) -> Iterable[Finding]:
    """All findings about single hosts of one vCenter's inventory. By whom it is accepted that no route sees one (``excused``)
    or that vCenter is not connected to it (``away``)."""
    yield from _vcenter_older(scene)
    for host in scene.hosts:
        subject = Subject(SubjectKind.HOST, host.name, scene.view.name, host.listed.id)
        yield from disconnected(subject, host.listed, partial(away, host))
        yield from _stale_inventory(subject, host)
        known = f"vCenter shows it {host.listed.connection}, {shown_version(host)}"
        yield from own_findings(subject, host.facts, known, excused(host))


def own_findings(subject: Subject, facts: HostFacts, known: str, excused: str = "") -> Iterable[Finding]:
    """What a host's own words tell, wherever it is listed. ``known`` is what is known of one that no route could see, and
    ``excused`` by whom and until when that is accepted."""
    yield from identity_changed(subject, facts)
    if not facts.seen:
        yield unseen_finding(subject, facts, known, excused)
        return
    yield from routes_disagree(subject, facts)
    yield from update_staged(subject, facts)
    yield from boot_banks(subject, facts)


def shown_version(host: HostScene) -> str:
    """What vCenter's inventory shows of a host, which is vCenter's word."""
    listed = host.listed
    return f"ESXi {listed.version} build {listed.build}" if listed.version else "no version"


def _vcenter_older(scene: Scene) -> Iterable[Finding]:
    """A vCenter manages hosts up to its own release (VMware Product Interoperability Matrix). Only the release triple is
    compared: builds of vCenter and ESXi have nothing to do with each other."""
    marks = value_of(scene.view.marks)
    if marks is None:
        return
    try:
        own = ProductVersion.parse(marks.version, marks.build).release
    except VersionError:
        return
    newer = [h for h in scene.hosts if (p := value_of(h.facts.product)) and _release(p) > own]
    if newer:
        yield Finding(
            Code.VCENTER_OLDER_THAN_HOST,
            Severity.CRITICAL,
            Subject(SubjectKind.VCENTER, scene.view.name, scene.view.name),
            f"{hosts_run(len(newer))} a newer release than vCenter {marks.version}.",
            hosts=names(newer),
            evidence=(
                f"vCenter is {marks.version} build {marks.build}",
                *(f"{h.name} runs {runs_text(h)}" for h in newer[:10]),
            ),
            do=("Update vCenter to at least the hosts' release before changing any image.",),
            avoid=("Do not disconnect and reconnect these hosts: an older vCenter may refuse them.",),
            rests_on=("VMware Product Interoperability Matrix",),
        )


def _release(product: Product) -> tuple[int, int, int]:
    try:
        return ProductVersion.parse(product.version, product.build).release
    except VersionError:
        return (0, 0, 0)


def _stale_inventory(subject: Subject, host: HostScene) -> Iterable[Finding]:
    """vCenter answers for a host it cannot reach from its own old database; the host itself says otherwise."""
    listed, product = host.listed, value_of(host.facts.product)
    if listed.connection == Connection.CONNECTED.value or product is None or not listed.version:
        return
    if (listed.version, listed.build) == (product.version, product.build):
        return
    routes = ", ".join(o.route.value for o in host.facts.observations if isinstance(o.product, Read))
    yield Finding(
        Code.STALE_INVENTORY,
        Severity.CRITICAL,
        subject,
        f"vCenter cannot reach it ({listed.connection}) and shows an old version.",
        hosts=(host.name,),
        evidence=(
            f"vCenter's inventory: {shown_version(host)}, {listed.connection}",
            f"the host itself ({routes}): {runs_text(host)}",
        ),
        do=(
            "Find out why vCenter cannot reach it: the vpxuser password of the backup is old, its certificate, its network.",
            "Reconnect the host in vCenter with fresh credentials; that is a write on the host, done on purpose.",
        ),
        avoid=(
            "Do not remove the host from the inventory: its VMs, rules and permissions go with it.",
            "Do not judge this host by what vCenter shows.",
        ),
        rests_on=("vSphere Security guide: vpxuser password changes every 30 days", "HostSystem.ReconnectHost_Task"),
    )


def routes_disagree(subject: Subject, facts: HostFacts) -> Iterable[Finding]:
    """Two routes that both read the same thing and got different answers."""
    differences: list[str] = []
    products = [(o, o.product.value) for o in facts.observations if isinstance(o.product, Read)]
    if len({(p.version, p.build) for _, p in products}) > 1:
        differences += [f"product by {_route(o)}: {p.version} build {p.build}" for o, p in products]
    bases = [(o, o.base_image.value.version) for o in facts.observations if isinstance(o.base_image, Read)]
    if len({v for _, v in bases}) > 1:
        differences += [f"base image by {_route(o)}: {v.raw}" for o, v in bases]
    # A route that sees no add-on does not disagree with one that names it: see ``facts_of``.
    add_ons = [(o, o.add_on.value) for o in facts.observations if isinstance(o.add_on, Read) and o.add_on.value]
    if len({(a.name, a.version) for _, a in add_ons}) > 1:
        differences += [f"add-on by {_route(o)}: {a.name} {a.version}" for o, a in add_ons]
    if differences:
        yield Finding(
            Code.ROUTES_DISAGREE,
            Severity.WARNING,
            subject,
            "Two routes give different answers; the report uses the one nearest to the host.",
            hosts=(facts.name,),
            evidence=tuple(differences),
            do=(
                "Run auditor audit again: an update may have been under way between the two readings.",
                f"If they still differ, look where the name leads: at the address of auditor hosts list, is it {facts.name}?",
            ),
            avoid=("Do not act on either answer until both agree: one of them may be another host's.",),
        )


def _route(observation: HostObservation) -> str:
    return f"{observation.route.value} at {observation.at:%H:%M:%SZ}"


def update_staged(subject: Subject, facts: HostFacts) -> Iterable[Finding]:
    """The next boot starts another image: the host says so itself, or its banks do, by the loader's rules."""
    staged = staged_text(facts)
    if not isinstance(staged, Read) or staged.value is None:
        return
    yield Finding(
        Code.UPDATE_STAGED,
        Severity.WARNING,
        subject,
        f"The next boot starts another image: {staged.value}.",
        hosts=(facts.name,),
        evidence=_staged_evidence(facts),
        do=("Find out who staged it and whether it is wanted, before anything reboots this host.",),
        avoid=("Do not reboot the host to test anything: that installs the staged image and uses up the old one.",),
        rests_on=("KB 306902: bootstate 1 in the other bank is an update waiting for its first boot",),
    )


def staged_text(facts: HostFacts) -> Read[str | None] | Unread:
    """The image of the next boot when it is another one; Read(None) when nothing is staged. The banks win over the image
    database where both were read, since the loader looks at nothing else."""
    next_build = _next_bank_build(facts)
    if next_build is not None:
        return Read(next_build)
    if isinstance(facts.staged, Unread):
        return facts.staged
    return Read(_staged_name(facts.staged.value)) if facts.staged.value else Read(None)


def _staged_name(staged: StagedImage) -> str:
    if staged.base_image:
        return staged.base_image.version.raw
    return staged.profile or "an image without a name"


def _next_bank_build(facts: HostFacts) -> str | None:
    """The build of the other bank, if the loader would start that one as an update's first boot."""
    files = {bank.link: value_of(bank.boot_cfg) for bank in facts.banks}
    own, other = files.get("/bootbank"), files.get("/altbootbank")
    if own is None or other is None:
        return None
    # Which bank lies on the lower partition is not known here; it only matters for a tie, which is no staged update.
    outcome = simulate_boot([own, other])
    if outcome.selected != 1 or outcome.banks[1].bootstate != 1:
        return None
    return outcome.banks[1].build


def _staged_evidence(facts: HostFacts) -> tuple[str, ...]:
    lines = []
    build = _next_bank_build(facts)
    if build:
        lines.append(f"/altbootbank/boot.cfg: bootstate=1, build={build}; the loader would start it at the next boot")
    staged = value_of(facts.staged)
    if staged:
        lines.append(f"the host's image database for the next boot: {_staged_name(staged)}")
    return tuple(lines)


def unseen_finding(subject: Subject, facts: HostFacts, known: str, excused: str = "") -> Finding:
    """``host-unseen``: what was tried, what came of it, and what is known all the same. A notice where somebody answers for
    every failure (``excused``)."""
    tried = [f"{o.route.value}: {trouble_of(o)}" for o in facts.observations]
    return Finding(
        Code.HOST_UNSEEN,
        Severity.NOTICE if excused else Severity.WARNING,
        subject,
        "No route could say what it runs.",
        hosts=(facts.name,),
        evidence=(*(tried or ["no route was tried"]), known, *([excused] if excused else [])),
        do=(
            "Mend one route, as its line above says (SSH needs the service TSM-SSH, off by default), then run auditor audit.",
            "If it is powered off or gone for good, nothing needs to be done; it stays in the report.",
        ),
        avoid=("Do not take vCenter's version for this host: it is from vCenter's own database.",),
    )


def vanished_finding(host: PastHost, facts: HostFacts, vcenter: str, elsewhere: tuple[str, ...] = ()) -> Finding:
    """``host-vanished``: known from history, not in this inventory now. A notice where ``elsewhere``, another vCenter, lists a
    host of that name: most likely it was moved."""
    evidence = [f"history: listed until {when(host.last_listed)} in {host.cluster_name or 'no cluster'}"]
    evidence += [f"vCenter {other} lists a host of this name now: it may have been moved there" for other in elsewhere]
    if facts.seen:
        product = value_of(facts.product)
        runs = f"{product.version} build {product.build}" if product else "its image"
        evidence.append(f"it answers by {few([o.route.value for o in facts.observations if trouble_of(o) is None])}: {runs}")
    else:
        evidence += [f"{o.route.value}: {trouble_of(o)}" for o in facts.observations]
    return Finding(
        Code.HOST_VANISHED,
        Severity.NOTICE if elsewhere else Severity.WARNING,
        Subject(SubjectKind.HOST, host.name, vcenter),
        "History knows it in this vCenter's inventory; it is not there now.",
        hosts=(host.name,),
        evidence=tuple(evidence),
        do=(
            "If it was added after the backup, add it to its cluster again once image and hosts are equal.",
            "If it was removed on purpose, say so: auditor history forget-host HOST --reason WHY.",
        ),
        avoid=("Do not add it to a cluster whose image is older than what it runs.",),
        rests_on=("vSphere documentation, Considerations for restoring: membership goes back to the backup",),
    )
