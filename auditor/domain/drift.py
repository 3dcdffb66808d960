"""Compare one host with its cluster's image, layer by layer, with direction where an order is known.

Order is known for base images (``BaseImageVersion``), and for products inside one release triple. For add-ons,
components and VIBs no order is published; a direction there comes from vLCM's own verdict on exactly these two versions, or
from history: the host's version belongs to an image this cluster had before or after the present one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.domain.assessment import HostState, Layer, LayerDrift, LayerState
from auditor.domain.hosts import HostFacts
from auditor.domain.image import AddOn, BaseImage, Commit, DesiredImage
from auditor.domain.observation import ElementVerdict, HostVerdict, Read, Unread
from auditor.domain.past import PastCluster, made_after
from auditor.domain.specification import SpecificationError, own_image
from auditor.domain.versions import Order, ProductVersion, VersionError

ANY_VERSION = "any version"
REMOVED = "removed"

_ORDER_STATE = {
    Order.SAME: LayerState.IN_SYNC,
    Order.OLDER: LayerState.HOST_BEHIND,
    Order.NEWER: LayerState.HOST_AHEAD,
    Order.UNKNOWN: LayerState.DIFFERENT,
}


def compare_host(
    image: DesiredImage,
    commit: Commit | None,
    facts: HostFacts,
    verdict: HostVerdict | None = None,
    past: PastCluster | None = None,
    part: str | None = None,
) -> tuple[LayerDrift, ...]:
    """Every layer of ``image`` against what the host says it runs. ``verdict`` is vLCM's stored one on this host, used
    only where it speaks of exactly the versions at hand; ``past`` the cluster's earlier images; ``part`` the id of the host's
    part of a composite image (``composite.part_of``), by default the one the verdict names."""
    if not image.alternatives:
        part = ""
    elif part is None and verdict is not None:
        part = verdict.image
    own = None if part is None else image_of(image, part)
    layers = [_base_image(image.base_image, facts)]
    if own is None:
        why = "which of the alternative images is the host's is not known"
        if part is not None:
            why = f"the host is compared with the alternative image {part!r}, whose parts were not read"
        layers.append(LayerDrift(Layer.ADD_ON, "", LayerState.UNKNOWN, "", "", why))
    else:
        layers.append(_add_on(own.add_on, commit, facts, verdict, past))
        layers.extend(_components(own, facts, verdict))
    layers.extend(_solutions(image, facts, verdict))
    layers.extend(_hardware_support(own or image, facts, verdict))
    return tuple(layers)


def image_of(image: DesiredImage, alternative: str) -> DesiredImage | None:
    """The image a host is compared with: the default one, or in a composite image (9.0+) the alternative of that id, with its
    own add-on, components and firmware on the shared base image and solutions. None when its parts are not known."""
    if not alternative:
        return image
    try:
        return own_image(image, alternative)
    except SpecificationError:
        return None


def _base_image(desired: BaseImage | None, facts: HostFacts) -> LayerDrift:
    if desired is None:
        return LayerDrift(Layer.BASE_IMAGE, "", LayerState.UNKNOWN, "", "", "the cluster's image names no base image")
    wanted = desired.version
    if isinstance(facts.base_image, Read):
        installed = facts.base_image.value.version
        basis = "release, ordinal and build" + (", base image looked up by product build" if facts.resolved else "")
        return LayerDrift(Layer.BASE_IMAGE, "", _ORDER_STATE[installed.order_to(wanted)], wanted.raw, installed.raw, basis)
    if isinstance(facts.product, Read):
        product = facts.product.value
        shown = f"{product.version} build {product.build}"
        try:
            order = ProductVersion.parse(product.version, product.build).order_to(wanted.product)
        except VersionError as error:
            return LayerDrift(Layer.BASE_IMAGE, "", LayerState.UNKNOWN, wanted.raw, shown, str(error))
        basis = f"the host's product, its base image was not read ({facts.base_image})"
        return LayerDrift(Layer.BASE_IMAGE, "", _ORDER_STATE[order], wanted.raw, shown, basis)
    return LayerDrift(Layer.BASE_IMAGE, "", LayerState.UNKNOWN, wanted.raw, "", str(facts.base_image))


def _add_on(
    desired: AddOn | None, commit: Commit | None, facts: HostFacts, verdict: HostVerdict | None, past: PastCluster | None
) -> LayerDrift:
    wanted = _add_on_text(desired)
    name = desired.name if desired else ""
    if isinstance(facts.add_on, Unread):
        return LayerDrift(Layer.ADD_ON, name, LayerState.UNKNOWN, wanted, "", str(facts.add_on))
    installed = facts.add_on.value
    shown = _add_on_text(installed)
    name = name or (installed.name if installed else "")
    if desired is None or installed is None:
        state = LayerState.IN_SYNC if desired == installed else LayerState.EXTRA if desired is None else LayerState.MISSING
        return LayerDrift(Layer.ADD_ON, name, state, wanted, shown)
    if (desired.name, desired.version) == (installed.name, installed.version):
        return LayerDrift(Layer.ADD_ON, name, LayerState.IN_SYNC, wanted, shown, "equal")
    if desired.name == installed.name and verdict and verdict.add_on:
        said = _vendor_direction(verdict.add_on, desired.version, installed.version)
        if said:
            return LayerDrift(Layer.ADD_ON, name, *_named(said, wanted, shown))
    known = _history_direction(installed, commit, past)
    if known:
        return LayerDrift(Layer.ADD_ON, name, *_named(known, wanted, shown))
    return LayerDrift(Layer.ADD_ON, name, LayerState.DIFFERENT, wanted, shown, "add-on versions have no published order")


def _named(said: tuple[LayerState, str], wanted: str, shown: str) -> tuple[LayerState, str, str, str]:
    state, basis = said
    return state, wanted, shown, basis


def _add_on_text(add_on: AddOn | None) -> str:
    return f"{add_on.name} {add_on.version}" if add_on else ""


def _vendor_direction(element: ElementVerdict, desired: str, installed: str) -> tuple[LayerState, str] | None:
    """vLCM's direction, if its verdict is about these two versions. NON_COMPLIANT: target above current. INCOMPATIBLE:
    target below current, or a conflict (SDK ``ComplianceStatus``); with two unequal versions it is read as the former."""
    if element.current != installed or element.target != desired:
        return None
    if element.status == "NON_COMPLIANT":
        return LayerState.HOST_BEHIND, "vLCM's verdict NON_COMPLIANT on these versions"
    if element.status == "INCOMPATIBLE":
        return LayerState.HOST_AHEAD, "vLCM's verdict INCOMPATIBLE on these versions"
    return None


def _history_direction(installed: AddOn, commit: Commit | None, past: PastCluster | None) -> tuple[LayerState, str] | None:
    """The direction by this cluster's own history: commits made later than the present one, or earlier, had this add-on."""
    if past is None or commit is None:
        return None
    commits = [p.commit for p in past.images if p.image.add_on == installed and p.commit is not None]
    later = [known for known in commits if made_after(known, commit)]
    earlier = [known for known in commits if made_after(known, commit) is False]
    if later and not earlier:
        return LayerState.HOST_AHEAD, f"history: commit {_commit_text(later[-1])} had it, later than the present commit"
    if earlier and not later:
        return LayerState.HOST_BEHIND, f"history: commit {_commit_text(earlier[-1])} had it, earlier than the present commit"
    return None


def _commit_text(commit: Commit) -> str:
    return f"{commit.id} of {commit.time:%Y-%m-%d %H:%MZ}"


def _components(image: DesiredImage, facts: HostFacts, verdict: HostVerdict | None) -> list[LayerDrift]:
    """The components the image sets itself, and the extra ones vLCM's verdict names, if that verdict is of these images.

    What the image sets is wanted, also where it is older than in the base image (RETAINED, 8.0.3+), and so is a component it
    takes out (REMOVED, 8.0.3+). A component without a version is one whose version vLCM picks (SDK ``SoftwareSpec``).
    """
    layers: list[LayerDrift] = []
    said = dict(verdict.components) if verdict else {}
    wanted = [(name, version or ANY_VERSION) for name, version in image.components.items()]
    wanted += [(name, REMOVED) for name in image.removed_components if name not in image.components]
    if isinstance(facts.components, Unread):
        why = str(facts.components)
        return [LayerDrift(Layer.COMPONENT, name, LayerState.UNKNOWN, version, "", why) for name, version in sorted(wanted)]
    on_host = {component.name: component.version for component in facts.components.value}
    for name, version in sorted(wanted):
        installed = on_host.get(name)
        if version == REMOVED:
            state = LayerState.EXTRA if installed else LayerState.IN_SYNC
            layers.append(LayerDrift(Layer.COMPONENT, name, state, REMOVED, installed or "", "the image takes it out (8.0.3+)"))
        elif installed is None:
            layers.append(LayerDrift(Layer.COMPONENT, name, LayerState.MISSING, version, ""))
        elif version == ANY_VERSION:
            basis = "the image leaves the version to vLCM"
            layers.append(LayerDrift(Layer.COMPONENT, name, LayerState.IN_SYNC, version, installed, basis))
        elif installed == version:
            layers.append(LayerDrift(Layer.COMPONENT, name, LayerState.IN_SYNC, version, installed, "equal"))
        else:
            known = _vendor_direction(said[name], version, installed) if name in said else None
            state, basis = known or (LayerState.DIFFERENT, "component versions have no published order")
            layers.append(LayerDrift(Layer.COMPONENT, name, state, version, installed, basis))
    if _speaks_of(verdict, image, facts):
        for name, element in sorted(said.items()):
            listed = name in image.components or name in image.removed_components
            if not listed and element.target is None and element.current and on_host.get(name) == element.current:
                basis = "vLCM: not in the image"
                layers.append(LayerDrift(Layer.COMPONENT, name, LayerState.EXTRA, "", element.current, basis))
    return layers


def _speaks_of(verdict: HostVerdict | None, image: DesiredImage, facts: HostFacts) -> bool:
    """Whether a stored verdict compared the base images that are at hand now."""
    element = verdict.base_image if verdict else None
    if element is None or image.base_image is None or not isinstance(facts.base_image, Read):
        return False
    return element.target == image.base_image.version.raw and element.current == facts.base_image.value.version.raw


def _solutions(image: DesiredImage, facts: HostFacts, verdict: HostVerdict | None) -> list[LayerDrift]:
    """Solutions are owned by their managers (HA, NSX, vSAN file service) and judged in their own layer. The image names
    their components without versions, so presence is compared, and the version by vLCM's verdict where there is one."""
    layers: list[LayerDrift] = []
    said = dict(verdict.solutions) if verdict else {}
    for solution in sorted(image.solutions, key=lambda s: s.name):
        element = said.get(solution.name)
        if isinstance(facts.components, Unread):
            layers.append(
                LayerDrift(Layer.SOLUTION, solution.name, LayerState.UNKNOWN, solution.version, "", str(facts.components))
            )
            continue
        on_host = {component.name: component.version for component in facts.components.value}
        for component in solution.components:
            installed = on_host.get(component.name)
            basis = solution.name
            if installed is None:
                state = LayerState.MISSING
            elif component.version:
                state = LayerState.IN_SYNC if installed == component.version else LayerState.DIFFERENT
            elif element is not None and element.target == solution.version and element.status != "COMPLIANT":
                state, basis = LayerState.DIFFERENT, f"{solution.name}: vLCM's verdict {element.status}"
            else:
                state = LayerState.IN_SYNC
            layers.append(LayerDrift(Layer.SOLUTION, component.name, state, component.version, installed or "", basis))
    return layers


def _hardware_support(image: DesiredImage, facts: HostFacts, verdict: HostVerdict | None) -> list[LayerDrift]:
    """Firmware is only known to its hardware support manager; vLCM's verdict is the one source, and only where it is on this
    package and was made of the image the host runs: a scan from before an update knows nothing of the firmware since. Which
    of two packages is newer, nothing tells."""
    said = dict(verdict.hardware_support) if verdict else {}
    states = {"COMPLIANT": LayerState.IN_SYNC, "NON_COMPLIANT": LayerState.DIFFERENT, "INCOMPATIBLE": LayerState.DIFFERENT}
    layers = []
    for package in image.hardware_support:
        element = said.get(package.manager)
        wanted = f"{package.package} {package.version}"
        if element is None:
            basis = "no verdict of the hardware support manager"
            layers.append(LayerDrift(Layer.HARDWARE_SUPPORT, package.manager, LayerState.UNKNOWN, wanted, "", basis))
            continue
        current = element.current or ""
        if element.target is not None and (element.name, element.target) != (package.package, package.version):
            basis = f"vLCM's verdict is on {element.name} {element.target}"
            layers.append(LayerDrift(Layer.HARDWARE_SUPPORT, package.manager, LayerState.UNKNOWN, wanted, "", basis))
            continue
        if verdict and verdict.base_image and isinstance(facts.base_image, Read) and not _speaks_of(verdict, image, facts):
            basis = "vLCM's verdict is from before: of another base image"
            layers.append(LayerDrift(Layer.HARDWARE_SUPPORT, package.manager, LayerState.UNKNOWN, wanted, "", basis))
            continue
        state = states.get(element.status, LayerState.UNKNOWN)
        if state is LayerState.DIFFERENT and not current:
            state = LayerState.MISSING
        basis = f"vLCM's verdict {element.status}"
        layers.append(LayerDrift(Layer.HARDWARE_SUPPORT, package.manager, state, wanted, current, basis))
    return layers


def host_state(layers: Iterable[LayerDrift]) -> HostState:
    """Roll the layers up. The base image decides first: where it differs, the layers above differ with it. Unknown is never
    in sync; ahead in one layer and behind in another is DIVERGED; what is accepted counts as in sync."""
    layers = tuple(replace(layer, state=LayerState.IN_SYNC) if layer.accepted else layer for layer in layers)
    if not layers:
        return HostState.UNKNOWN
    base = next((layer.state for layer in layers if layer.layer is Layer.BASE_IMAGE), LayerState.UNKNOWN)
    states = {layer.state for layer in layers}
    ahead = LayerState.HOST_AHEAD in states
    behind = bool(states & {LayerState.HOST_BEHIND, LayerState.MISSING})
    if base is LayerState.UNKNOWN:
        return HostState.UNKNOWN
    if base is LayerState.HOST_AHEAD:
        return HostState.DIVERGED if LayerState.HOST_BEHIND in states else HostState.HOST_AHEAD
    if base is LayerState.HOST_BEHIND:
        return HostState.DIVERGED if ahead else HostState.HOST_BEHIND
    if base is LayerState.DIFFERENT or (ahead and behind) or states & {LayerState.DIFFERENT, LayerState.EXTRA}:
        return HostState.DIVERGED
    if ahead or behind:
        return HostState.HOST_AHEAD if ahead else HostState.HOST_BEHIND
    return HostState.UNKNOWN if LayerState.UNKNOWN in states else HostState.IN_SYNC


def cluster_state(states: Sequence[HostState]) -> HostState:
    """Roll hosts up. One kind of difference names the cluster, two make it DIVERGED; unknown hosts keep it from being in
    sync. A cluster without hosts has nothing that differs."""
    if states and all(state is HostState.NO_IMAGE for state in states):
        return HostState.NO_IMAGE
    different = {s for s in states if s not in {HostState.IN_SYNC, HostState.UNKNOWN, HostState.NO_IMAGE}}
    if len(different) > 1:
        return HostState.DIVERGED
    if different:
        return different.pop()
    return HostState.UNKNOWN if HostState.UNKNOWN in states else HostState.IN_SYNC
