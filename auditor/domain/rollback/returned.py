"""A host that came up from the other bank: whether it has settled, and whether what came up is what was to come back."""

from __future__ import annotations

from auditor.domain.banks import Bank, NextBoot, predict_next_boot
from auditor.domain.bootbank import BootState
from auditor.domain.bootcfg import read_keys
from auditor.domain.observation import Read, Unread, value_of
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.journal import Terminal
from auditor.domain.rollback.look import Seen
from auditor.domain.rollback.plan import Target


def unsettled(seen: Seen) -> str | None:
    """What a host that has just come up may still be about to change."""
    product = seen.look.banks.product
    if isinstance(product, Unread):
        return f"what it runs was not read: {product}"
    keys = read_keys(seen.other or b"")
    if keys is not None and keys.bootstate in {BootState.UPGRADING, BootState.DIRTY}:
        return f"its boot is not confirmed yet (state {keys.bootstate})"
    return None


def wrong(target: Target, seen: Seen) -> tuple[Terminal, str] | None:
    """What makes a host that has settled on the other bank no good end, and which end it is."""
    product = value_of(seen.look.banks.product)
    if product is not None and not same_build(product.build, target.to_build):
        return Terminal.INCONSISTENT, f"it runs build {product.build} from the bank that held {target.to_build}"
    keys = read_keys(seen.other or b"")
    if keys is None or keys.bootstate != BootState.VALID:
        return Terminal.RETURNED_UNHEALTHY, "the loader would not start the bank it runs from again"
    coming = predict_next_boot(
        [
            Bank(BOOTBANK, Read(seen.other), target.other.partition),
            Bank(ALTBOOTBANK, Read(seen.own), target.booted.partition),
        ]
    )
    if not isinstance(coming, Read) or not _stays(coming.value, target):
        return Terminal.RETURNED_UNHEALTHY, "its next boot would start the other bank again"
    return None


def _stays(coming: NextBoot, target: Target) -> bool:
    """Whether the next boot starts this image again: from this bank, or from the other one when a live VIB took it, as HA's
    agent does when the host leaves maintenance mode (KB 316592)."""
    selected = coming.outcome.selected
    if coming.bank == BOOTBANK or selected is None:
        return coming.bank == BOOTBANK
    return same_build(coming.outcome.banks[selected].build or "", target.to_build)


__all__ = ["unsettled", "wrong"]
