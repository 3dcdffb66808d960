"""An estate as plain values: what is true of vCenters and hosts at one moment. Whoever reads it is in ``replay``.

An event is a function from one estate to the next (``Change``), made of the few verbs at the end of this module. Names of
hosts and clusters are unique in the whole estate, so a verb needs no vCenter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from auditor.domain.image import Commit
from auditor.domain.observation import ClusterVerdict, Connection, ElementVerdict, HostVerdict

START = datetime(2026, 10, 10, tzinfo=UTC)
"""A month from here has the end of summer time in Europe in it (25 October 2026, 01:00 UTC)."""

BASES = ("8.0.3-0.60.24585383", "8.0.3-0.70.24674464", "8.0.3-0.79.24859861")
ADD_ON = ("HPE-Customized-AddOn", "803.0.0.11.9.0-5")


@dataclass(frozen=True, slots=True)
class Agent:
    """A solution's agent: the solution, and its component on the hosts."""

    solution: str
    component: str
    version: str


HA = Agent("com.vmware.vsphere-ha", "vsphere-fdm", "8.0.3-24674346")


@dataclass(frozen=True, slots=True)
class Image:
    """What a cluster asks for, or a host runs."""

    base: str = BASES[1]
    add_on: tuple[str, str] | None = ADD_ON
    agents: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """A host. ``banks`` are the builds behind /bootbank and /altbootbank; ``updates`` is the booted bank's counter.
    ``key`` stands for its SSH host key, ``address`` for where its name or the configuration leads. ``listed`` is its managed
    object id, empty for a host in no vCenter."""

    name: str
    listed: str
    uuid: str
    address: str
    cluster: str = ""
    runs: Image = Image()
    banks: tuple[str, str] = (BASES[1], BASES[0])
    updates: int = 5
    key: str = "first"
    connection: str = Connection.CONNECTED.value
    answers: bool = True
    maintenance: bool = False
    booted: datetime = START - timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its managed object id. ``image`` None: it is on baselines."""

    id: str
    name: str
    image: Image | None = None
    commit: Commit | None = None
    scan: ClusterVerdict | None = None


@dataclass(frozen=True, slots=True)
class VCenter:
    """A vCenter. ``name`` is that of the configuration, ``event`` its newest event key, ``ahead`` how far its clock is."""

    name: str
    address: str
    uuid: str
    version: str = "8.0.3"
    build: str = "24674346"
    event: int = 100_000
    ahead: timedelta = timedelta()
    certificate: str = "AB" * 32
    up: bool = True
    clusters: tuple[Cluster, ...] = ()
    hosts: tuple[Host, ...] = ()
    depot: tuple[str, ...] = BASES[:2]
    add_ons: tuple[tuple[str, str], ...] = (ADD_ON,)


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything there is at ``now``. ``outside`` are hosts that no vCenter manages."""

    now: datetime
    vcenters: tuple[VCenter, ...]
    outside: tuple[Host, ...] = ()

    @property
    def hosts(self) -> tuple[Host, ...]:
        return (*(host for vcenter in self.vcenters for host in vcenter.hosts), *self.outside)

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def cluster(self, name: str) -> Cluster:
        return next(cluster for vcenter in self.vcenters for cluster in vcenter.clusters if cluster.name == name)

    def vcenter(self, name: str) -> VCenter:
        return next(vcenter for vcenter in self.vcenters if vcenter.name == name)

    def vcenter_of(self, cluster: str) -> VCenter:
        return next(vcenter for vcenter in self.vcenters if any(c.name == cluster for c in vcenter.clusters))

    def of_cluster(self, name: str) -> tuple[Host, ...]:
        moid = self.cluster(name).id
        return tuple(host for host in self.vcenter_of(name).hosts if host.cluster == moid)


Change: TypeAlias = Callable[[Estate], Estate]


def unchanged(estate: Estate) -> Estate:
    return estate


def vcenter(estate: Estate, name: str, /, **changes: Any) -> Estate:
    """The estate with a vCenter changed."""
    return replace(estate, vcenters=tuple(replace(v, **changes) if v.name == name else v for v in estate.vcenters))


def cluster(estate: Estate, name: str, /, **changes: Any) -> Estate:
    """The estate with a cluster changed."""
    at = estate.vcenter_of(name)
    return vcenter(estate, at.name, clusters=tuple(replace(c, **changes) if c.name == name else c for c in at.clusters))


def host(estate: Estate, name: str, /, **changes: Any) -> Estate:
    """The estate with a host changed."""

    def changed(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
        return tuple(replace(host, **changes) if host.name == name else host for host in hosts)

    return replace(
        estate,
        vcenters=tuple(replace(v, hosts=changed(v.hosts)) for v in estate.vcenters),
        outside=changed(estate.outside),
    )


def commit(estate: Estate, name: str, image: Image, message: str = "") -> Estate:
    """A cluster's image edited: the next commit, of the time that vCenter's clock shows. No host is touched."""
    known = estate.cluster(name).commit
    number = int(known.id) + 1 if known else 1
    time = estate.now + estate.vcenter_of(name).ahead
    return cluster(estate, name, image=image, commit=Commit(str(number), "VSPHERE.LOCAL\\jane", time, message))


def scan(estate: Estate, name: str) -> Estate:
    """A compliance check: vLCM's verdict on each host, stored with the cluster."""
    found = estate.cluster(name)
    assert found.image is not None
    assert found.commit is not None
    verdicts = tuple(_verdict(host, found.image) for host in estate.of_cluster(name))
    status = "COMPLIANT" if all(verdict.status == "COMPLIANT" for verdict in verdicts) else "NON_COMPLIANT"
    time = estate.now + estate.vcenter_of(name).ahead
    return cluster(estate, name, scan=ClusterVerdict(status, time, found.commit.id, hosts=verdicts))


def _verdict(host: Host, image: Image) -> HostVerdict:
    same = "COMPLIANT" if host.runs == image else "NON_COMPLIANT"
    base = ElementVerdict("COMPLIANT" if host.runs.base == image.base else "NON_COMPLIANT", host.runs.base, image.base)
    return HostVerdict(host.listed, same, base_image=base)


def remediate(estate: Estate, name: str, *hosts: str) -> Estate:
    """Hosts of a cluster (none named: all) get its image and reboot, and vLCM checks the cluster afterwards, as it does."""
    image = estate.cluster(name).image
    assert image is not None
    for member in estate.of_cluster(name):
        if (not hosts or member.name in hosts) and member.runs != image:
            changes = {"runs": image, "banks": (image.base, member.runs.base), "updates": member.updates + 1}
            estate = host(estate, member.name, booted=estate.now, **changes)
    return scan(estate, name)


def install_live(estate: Estate, name: str, agent: Agent) -> Estate:
    """A solution's agent brought to all hosts of a cluster by its manager, without a reboot: image, commit, hosts, check. The
    running image with it takes the other boot bank (KB 386377)."""
    image = with_agent(estate.cluster(name).image or Image(), agent)
    estate = commit(estate, name, image, f"{agent.solution} {agent.version}")
    for member in estate.of_cluster(name):
        banks = (member.runs.base, member.runs.base)
        estate = host(estate, member.name, runs=with_agent(member.runs, agent), banks=banks, updates=member.updates + 1)
    return scan(estate, name)


def with_agent(image: Image, agent: Agent) -> Image:
    others = tuple(known for known in image.agents if known.solution != agent.solution)
    return replace(image, agents=(*others, agent))


def add_host(estate: Estate, to: str, added: Host) -> Estate:
    """A new host in a vCenter, by the vCenter's name."""
    return vcenter(estate, to, hosts=(*estate.vcenter(to).hosts, added))


def remove_host(estate: Estate, name: str) -> Estate:
    return replace(
        estate, vcenters=tuple(replace(v, hosts=tuple(h for h in v.hosts if h.name != name)) for v in estate.vcenters)
    )


def small() -> Estate:
    """Where every month begins: two vCenters, two clusters with the same image and one on baselines, a stand-alone host, and
    one host that only the configuration names. Everything is as it should be."""
    image = Image(agents=(HA,))
    prod = (_cluster("domain-c8", "Prod-A", "7", image), _cluster("domain-c9", "Prod-B", "4", image))
    hosts = tuple(new_host(n, "domain-c8" if n <= 4 else "domain-c9", image) for n in range(1, 8))
    edge = tuple(new_host(number, cluster, Image()) for number, cluster in ((21, "domain-c8"), (22, "domain-c8"), (23, "")))
    estate = Estate(
        START,
        (
            VCenter("vc01", "vc01.example.org", "1f1d7a3e-0000-4000-8000-000000000001", clusters=prod, hosts=hosts),
            VCenter(
                "vc02", "vc02.example.org", "2f1d7a3e-0000-4000-8000-000000000002", certificate="CD" * 32,
                clusters=(Cluster("domain-c8", "Edge"),), hosts=edge,
            ),
        ),
        (replace(new_host(99, "", Image()), name="spare99.example.org", listed=""),),
    )  # fmt: skip
    return scan(scan(estate, "Prod-A"), "Prod-B")


def _cluster(moid: str, name: str, number: str, image: Image) -> Cluster:
    return Cluster(moid, name, image, Commit(number, "VSPHERE.LOCAL\\jane", START - timedelta(days=40), "summer"))


def new_host(number: int, cluster: str, image: Image) -> Host:
    """A host by its number: name, ids and address follow from it."""
    return Host(
        f"esx{number:02}.example.org",
        f"host-{100 + number}",
        f"4c4c4544-0000-4a10-8000-{number:012}",
        f"10.0.0.{number}",
        cluster,
        image,
    )
