"""Which installed VIBs belong to the solutions of a cluster's image (NSX, vSAN file service and the like).

The image names a solution's components; the booted bank's image database says which VIBs a component has. Both must be known
for every component, or nothing is: a VIB that is left out would be one that nobody compares.
"""

from __future__ import annotations

from collections.abc import Iterable

from auditor.domain.image import Component, Solution
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.rollback.bank import BOOTBANK, IMAGE_DATABASE, BankImage

HA_SOLUTION = "com.vmware.vsphere-ha"
"""HA's part of an image (grade MEM): vCenter puts its agent back by itself, and it has a gate of its own."""


def owned_vibs(solutions: Iterable[Solution], booted: Reading[BankImage]) -> Reading[tuple[str, ...]]:
    """The names of the VIBs that the solutions' managers own, HA's agent left out. ``booted`` is the image of the booted bank,
    which a host without any such solution need not have. Unread names the solution and component that could not be told."""
    owners = sorted((solution for solution in solutions if solution.name != HA_SOLUTION), key=lambda solution: solution.name)
    if not owners:
        return Read(())
    if isinstance(booted, Unread):
        names = ", ".join(solution.name for solution in owners)
        return Unread(booted.reason, f"the VIBs of {names} are told by the image database of {BOOTBANK}: {booted.detail}")
    found: set[str] = set()
    for solution in owners:
        if not solution.components:
            return Unread(Reason.ABSENT, f"vCenter names no component of solution {solution.name}")
        for component in solution.components:
            vibs = _of(solution, component, booted.value)
            if isinstance(vibs, Unread):
                return vibs
            found.update(vibs.value)
    return Read(tuple(sorted(found)))


def _of(solution: Solution, component: Component, booted: BankImage) -> Reading[tuple[str, ...]]:
    """A component is found by its name: the bank may have another version of it than the image asks for. A bulletin none of
    whose VIBs is in the bank describes what is not installed."""
    what = f"component {component.name} of solution {solution.name}"
    database = f"{BOOTBANK}/{IMAGE_DATABASE}"
    if not booted.components:
        return Unread(Reason.ABSENT, f"{database} describes no components, so the VIBs of {what} are not known")
    described = [one for one in booted.components if one.name == component.name and one.vibs]
    if not described:
        return Unread(Reason.ABSENT, f"{database} does not have {what}: the host does not run it, or it was not described")
    # Of several versions that are described, the one whose VIBs are all there is the one that is installed.
    whole = [one for one in described if not one.missing]
    if not whole:
        missing = sorted({vib for one in described for vib in one.missing})
        return Unread(Reason.ABSENT, f"{database} has {what} without VIB {', '.join(missing[:5])}")
    return Read(tuple(sorted({vib for one in whole for vib in one.vibs})))


__all__ = ["HA_SOLUTION", "owned_vibs"]
