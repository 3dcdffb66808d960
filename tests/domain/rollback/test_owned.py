"""Which VIBs belong to the solutions of a cluster's image: all of them, or a reason that names what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.image import Component, Solution, Vib
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.bank import BankComponent
from auditor.domain.rollback.owned import HA_SOLUTION, owned_vibs
from tests.domain.rollback.samples import NEW, image

NSX = Solution("com.vmware.nsxt", "4.1.2", (Component("nsx-lcp-bundle", ""), Component("nsx-more", "")))
HA = Solution(HA_SOLUTION, "8.0.3", (Component("vsphere-ha", ""),))
PARTS = (
    BankComponent("nsx-lcp-bundle", "4.1.2", ("nsx-host", "nsx-mpa")),
    BankComponent("nsx-lcp-bundle", "4.1.0", (), ("VMW_bootbank_nsx-host_4.1.0",)),  # described, not installed
    BankComponent("nsx-more", "4.1.2", ("nsx-shared-libs",)),
    BankComponent("ESXi", NEW, ("esx-base",)),
)
BOOTED = replace(image(NEW, Vib("nsx-host", "4.1.2")), components=PARTS)


def test_every_vib_of_every_component() -> None:
    assert owned_vibs([HA, NSX], Read(BOOTED)) == Read(("nsx-host", "nsx-mpa", "nsx-shared-libs"))


@pytest.mark.parametrize("solutions", [[], [HA]])
def test_an_image_without_solutions_needs_no_database(solutions: list[Solution]) -> None:
    assert owned_vibs(solutions, Unread(Reason.TIMED_OUT)) == Read(())


@pytest.mark.parametrize(
    ("solution", "booted", "named"),
    [
        (NSX, Unread(Reason.TIMED_OUT, "no answer"), ("com.vmware.nsxt", "no answer")),
        (NSX, Read(image(NEW)), ("nsx-lcp-bundle", "describes no components")),
        (replace(NSX, components=()), Read(BOOTED), ("com.vmware.nsxt", "no component")),
        (NSX, Read(replace(BOOTED, components=PARTS[:2])), ("nsx-more", "com.vmware.nsxt")),
        (NSX, Read(replace(BOOTED, components=PARTS[1:])), ("nsx-lcp-bundle",)),
        (
            NSX,
            Read(replace(BOOTED, components=(replace(PARTS[0], missing=("VMW_bootbank_nsx-x_1",)), *PARTS[1:]))),
            ("nsx-lcp-bundle", "VMW_bootbank_nsx-x_1"),
        ),
    ],
)
def test_one_component_that_is_not_known_and_nothing_is(
    solution: Solution,
    booted: Read | Unread,
    named: tuple[str, ...],  # type: ignore[type-arg]  # any reading
) -> None:
    found = owned_vibs([solution], booted)
    assert isinstance(found, Unread)
    assert all(word in found.detail for word in named), found
