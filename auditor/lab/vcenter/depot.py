"""The vLCM depot of a simulated vCenter and the desired software of a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from auditor.lab.hosts.images import LabAddOn, LabComponent, LabImage, LabSolution, make_image
from auditor.lab.vcenter.parts import AddOnKey, Alternative, Hardware, Package, chosen

SolutionKey = tuple[str, str]


@dataclass(frozen=True)
class DesiredSoftware:
    """A cluster image as vLCM keeps it: versions only, whether or not the depot has them.

    `components` are the ones an administrator added, as (name, version); `removed` the ones taken out of what the lower
    layers bring (8.0.3 and later). `solutions` are what solution managers added, as (name, version). `packages` are the
    hardware support packages, `alternatives` the images that some hosts get instead (9.0 and later).
    """

    base_image: str
    add_on: AddOnKey | None = None
    components: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    solutions: tuple[SolutionKey, ...] = ()
    packages: tuple[Package, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    def part(self, image: Alternative | None) -> DesiredSoftware:
        """One of its images as software of its own; None: the default one."""
        if image is None:
            return replace(self, alternatives=()) if self.alternatives else self
        return DesiredSoftware(self.base_image, image.add_on, image.components, image.removed, self.solutions, image.packages)

    def of(self, hardware: Hardware) -> DesiredSoftware:
        """What a host gets of it."""
        return self.part(chosen(self.alternatives, hardware))

    @property
    def parts(self) -> tuple[DesiredSoftware, ...]:
        """All its images, the default one first."""
        return (self.part(None), *(self.part(image) for image in self.alternatives))


@dataclass(frozen=True)
class EffectiveComponent:
    """A component of the composed image and the layer it comes from (BASE_IMAGE, ADD_ON, USER or SOLUTION)."""

    version: str
    source: str


@dataclass
class LabDepot:
    """What was imported: base images, add-ons and components by their keys."""

    base_images: dict[str, LabImage] = field(default_factory=dict)
    add_ons: dict[AddOnKey, LabAddOn] = field(default_factory=dict)
    components: dict[tuple[str, str], LabComponent] = field(default_factory=dict)
    solutions: dict[SolutionKey, LabSolution] = field(default_factory=dict)

    def copy(self) -> LabDepot:
        """An independent depot with the same content; the items themselves never change."""
        return LabDepot(dict(self.base_images), dict(self.add_ons), dict(self.components), dict(self.solutions))

    def add_base_image(self, version: str) -> None:
        """Import a base image with its components."""
        image = make_image(version)
        self.base_images[version] = image
        self._add_components(image.components)

    def add_add_on(self, add_on: LabAddOn) -> None:
        """Import an add-on with its components."""
        self.add_ons[add_on.name, add_on.version] = add_on
        self._add_components(add_on.components)

    def add_solution(self, solution: LabSolution) -> None:
        """Take in a solution, as its manager brings it, with its components."""
        self.solutions[solution.name, solution.version] = solution
        self._add_components(solution.components)

    def add_component(self, component: LabComponent) -> None:
        """Import a single component."""
        self._add_components((component,))

    def add_image(self, image: LabImage) -> None:
        """Import everything an image is made of, as a vendor's full bundle brings it."""
        self.add_base_image(image.base_image)
        if image.add_on is not None:
            self.add_add_on(image.add_on)
        for solution in image.solutions:
            self.add_solution(solution)
        self._add_components(image.components)

    def remove_base_image(self, version: str) -> None:
        """Forget a base image; its components stay, as after a partial import. Raises KeyError if it is not there."""
        del self.base_images[version]

    def remove_add_on(self, key: AddOnKey) -> None:
        """Forget an add-on. Raises KeyError if it is not there."""
        del self.add_ons[key]

    def forget(self, item: str) -> None:
        """Drop a base image by its version, or an add-on or component given as "name version". Unknown items are none."""
        name, _, version = item.partition(" ")
        self.base_images.pop(item, None)
        self.add_ons.pop((name, version), None)
        self.components.pop((name, version), None)

    def merge(self, other: LabDepot) -> bool:
        """Import everything of another depot; False when all of it was here already."""
        before = (len(self.base_images), len(self.add_ons), len(self.components))
        self.base_images |= other.base_images
        self.add_ons |= other.add_ons
        self.components |= other.components
        self.solutions |= other.solutions
        return before != (len(self.base_images), len(self.add_ons), len(self.components))

    def _add_components(self, components: tuple[LabComponent, ...]) -> None:
        self.components.update({(each.name, each.version): each for each in components})

    def missing(self, software: DesiredSoftware) -> list[str]:
        """What the depot lacks of a desired software, in words."""
        lacks = [] if software.base_image in self.base_images else [f"base image {software.base_image}"]
        add_ons = [part.add_on for part in software.parts if part.add_on is not None]
        lacks += ["add-on {} {}".format(*add_on) for add_on in add_ons if add_on not in self.add_ons]
        lacks += [f"solution {n} {v}" for n, v in software.solutions if (n, v) not in self.solutions]
        for part in software.parts:
            lacks += [f"component {n} {v}" for n, v in part.components if (n, v) not in self.components]
        return list(dict.fromkeys(lacks))

    def compose(self, software: DesiredSoftware) -> LabImage:
        """The image to install. Raises LookupError naming what the depot lacks."""
        if lacks := self.missing(software):
            raise LookupError(f"not in the depot: {', '.join(lacks)}")
        add_on = None if software.add_on is None else self.add_ons[software.add_on]
        image = make_image(
            software.base_image,
            add_on,
            tuple(self.components[key] for key in software.components),
            solutions=tuple(self.solutions[key] for key in software.solutions),
        )
        return _without(image, software.removed) if software.removed else image

    def effective(self, software: DesiredSoftware) -> dict[str, EffectiveComponent]:
        """The composed components by name, as far as the depot knows the layers. The add-on overrides the base image,
        a component of the administrator overrides both, and one of a solution all."""
        found: dict[str, EffectiveComponent] = {}
        if base := self.base_images.get(software.base_image):
            found |= {each.name: EffectiveComponent(each.version, "BASE_IMAGE") for each in base.components}
        if software.add_on is not None and (add_on := self.add_ons.get(software.add_on)):
            found |= {each.name: EffectiveComponent(each.version, "ADD_ON") for each in add_on.components}
        found |= {name: EffectiveComponent(version, "USER") for name, version in software.components}
        for solution in (self.solutions[key] for key in software.solutions if key in self.solutions):
            found |= {each.name: EffectiveComponent(each.version, "SOLUTION") for each in solution.components}
        return {name: each for name, each in found.items() if name not in software.removed}


def _without(image: LabImage, removed: tuple[str, ...]) -> LabImage:
    """The image without these components and the VIBs they alone bring."""
    kept = tuple(each for each in image.components if each.name not in removed)
    needed = {vib.name for each in kept for vib in each.vibs}
    gone = {vib.name for each in image.components for vib in each.vibs} - needed
    return replace(image, components=kept, vibs=tuple(vib for vib in image.vibs if vib.name not in gone))


def version_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key for version texts: runs of digits by value, other runs by letters, compared from left to right.

    The real rule is not public; this is the common one and all the lab's own versions follow it.
    """
    runs = re.findall(r"\d+|[A-Za-z]+", text)
    return tuple((1, int(run), "") if run.isdigit() else (0, 0, run) for run in runs)
