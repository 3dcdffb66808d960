"""What most likely stands behind a VIB that other hosts do not have in this version, by facts of the host and the image."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.domain.causes import Cause
from auditor.domain.diagnosis.scene import ClusterScene, HostScene, Scene
from auditor.domain.image import Component, Vib
from auditor.domain.observation import Connection, value_of

_HA = "com.vmware.vsphere-ha"
_AGENTS = (
    # VIBs whose name begins so, the solutions whose name begins so, what people call it
    (("vmware-fdm",), _HA, "vSphere HA"),
    (("nsx", "esx-nsxv", "vsipfwlib"), "com.vmware.nsx", "NSX"),
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_CLOCK = "2001-01-01"  # what a host without a clock dates its installation (field note, esxi e)
_OEM = re.compile(r"[0-9]OEM\.")
_BASE = "esx-base"
_TOOLS = "tools-light"
_TOOLS_COMPONENT = "VMware-VM-Tools"


@dataclass(frozen=True, slots=True)
class Agent:
    """A solution whose manager installs a VIB. ``solution`` is how the names of its parts in images begin."""

    label: str
    solution: str
    components: frozenset[str]


def agent_of(name: str, cluster: ClusterScene, hosts: Iterable[HostScene], versions: Collection[str]) -> Agent | None:
    """The solution a VIB is the agent of: by its name, else by the version of the solution's component on one of ``hosts``,
    where the VIB has that one among its ``versions``."""
    solutions = cluster.image.solutions if cluster.image else ()
    for prefixes, owner, label in _AGENTS:
        if name.startswith(prefixes):
            components = {c.name for s in solutions if s.name.startswith(owner) for c in s.components}
            return Agent(label, owner, frozenset(components))
    present = {(c.name, c.version) for host in hosts for c in value_of(host.facts.components) or ()}
    for solution in solutions:
        components = {component.name for component in solution.components}
        if any(component in components and version in versions for component, version in present):
            return Agent(solution.name, solution.name, frozenset(components))
    return None


def rolls_out(agent: Agent, scene: Scene, cluster: ClusterScene, sides: Mapping[str, Sequence[HostScene]]) -> bool:
    """Whether the agent is on its way to the hosts: they have two versions of it, both known to vCenter; or those that lack
    it are in maintenance mode or not connected, where its manager installs nothing."""
    lacking = sides.get("", ())
    if lacking:
        return len(sides) == 2 and all(map(_held_back, lacking))
    if len(sides) != 2:
        return False
    known = _known(agent, scene, cluster)
    one, other = (
        ({version} | {c.version for h in hosts for c in _components(h) if c.name in agent.components}) & known
        for version, hosts in sides.items()
    )
    return bool(one and other) and one != other


def _held_back(host: HostScene) -> bool:
    maintenance = value_of(host.facts.maintenance_mode) or host.listed.in_maintenance_mode
    return bool(maintenance) or host.listed.connection != Connection.CONNECTED.value


def _known(agent: Agent, scene: Scene, cluster: ClusterScene) -> set[str]:
    """The versions of the solution that vCenter names, in the image, its earlier ones and its stored scan; HA's agent has the
    version and build of vCenter itself."""
    images = [cluster.image, *(past.image for past in (cluster.past.images if cluster.past else ()))]
    parts = [s for image in images if image for s in image.solutions if s.name.startswith(agent.solution)]
    known = {version for part in parts for version in (part.version, *(c.version for c in part.components))}
    scan = value_of(cluster.view.compliance)
    for verdict in scan.hosts if scan else ():
        for name, element in verdict.solutions:
            if name.startswith(agent.solution):
                known |= {element.current or "", element.target or ""}
    if agent.solution == _HA:
        known |= {f"{version}-{build}" for version, build in scene.releases}
    return known - {""}


def component_of(vib: Vib, host: HostScene) -> Component | None:
    """The one component of the host that has the VIB's version, as drivers and agents do; None where it is not told."""
    found = [component for component in _components(host) if component.version == vib.version]
    return found[0] if len(found) == 1 else None


def beside_image(host: HostScene) -> Iterator[tuple[Vib, str]]:
    """The VIBs of a host that are dated after its image and that none of its components explains, with the image's day. None
    where VIBs have no dates (vCenter's list) or the components were not read. A component's VIBs have its version, or one that
    begins so and tells the release they are made for."""
    vibs, components = value_of(host.facts.vibs) or (), value_of(host.facts.components)
    day = next((vib.install_date for vib in vibs if vib.name == _BASE), "")
    if not components or not _DAY.fullmatch(day) or day == _NO_CLOCK:
        return
    versions = tuple(component.version for component in components)
    for vib in vibs:
        dated = _DAY.fullmatch(vib.install_date) and vib.install_date > day
        if dated and not vib.version.startswith(versions) and (not vib.platforms or "host" in vib.platforms.lower()):
            yield vib, day


def cause_of(vib: Vib, others: Collection[str], host: HostScene, cluster: ClusterScene, agent: Agent | None) -> Cause | None:
    """Why ``host`` has this VIB; ``others`` are its versions on the other hosts. None where the facts show no cause."""
    if agent is not None:
        return Cause(f"the agent of {agent.label}, which its manager installs", ("KB 316592",))
    removed = cluster.image.removed_components if cluster.image else ()
    component = component_of(vib, host)
    if (component and component.name in removed) or (vib.name == _TOOLS and _TOOLS_COMPONENT in removed):
        return Cause("its component was removed from the image, and the host was not remediated since", ("KB 408847",))
    if vib.name == _TOOLS:
        return Cause("VMware Tools in /locker, which going back to the other boot bank leaves as it is", ("KB 316592",))
    image_day = next((each.install_date for each in value_of(host.facts.vibs) or () if each.name == _BASE), "")
    dated = all(_DAY.fullmatch(day) and day != _NO_CLOCK for day in (vib.install_date, image_day))
    driver = "an async driver, " if _OEM.search(vib.version) and any(others) and not any(map(_OEM.search, others)) else ""
    if dated and vib.install_date > image_day:
        return Cause(f"{driver}installed live or beside the image, after it (the image is of {image_day})", ("KB 316592",))
    if driver:
        return Cause("an async driver: the maker's own version, installed over the image's", ("KB 440252",))
    if not _OEM.search(vib.version) and any(map(_OEM.search, others)):
        text = "the base image's own version, which under an add-on or async driver is only kept as a reserved VIB"
        return Cause(text, ("KB 313266",))
    if dated and vib.install_date < image_day and not any(others):
        return Cause(f"left over from before the image of {image_day}", ("KB 320562",))
    if _OEM.search(vib.version) and not any(others):
        return Cause("a maker's package, installed beside the image", ("KB 440252",))
    return None


def _components(host: HostScene) -> tuple[Component, ...]:
    return value_of(host.facts.components) or ()
