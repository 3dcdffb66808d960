"""Findings: what is wrong, how we know, what to do next and what not to do. Codes are stable; scripts may match them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon a person should look. Ordered by ``rank``."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Code(StrEnum):
    """The stable name of each kind of finding."""

    RESTORE_DETECTED = "restore-detected"
    MANAGEMENT_REGRESSED = "management-regressed"
    VCENTER_OLDER_THAN_HOST = "vcenter-older-than-host"
    HOST_AHEAD = "host-ahead"
    HOST_BEHIND = "host-behind"
    HOST_DIVERGED = "host-diverged"
    MIXED_CLUSTER = "mixed-cluster"
    VIB_SKEW = "vib-skew"
    DEPOT_GAP = "depot-gap"
    IDENTITY_CHANGED = "identity-changed"
    BOOT_BANKS = "boot-banks"
    STALE_INVENTORY = "stale-inventory"
    HOST_DISCONNECTED = "host-disconnected"
    ROUTES_DISAGREE = "routes-disagree"
    HOST_VANISHED = "host-vanished"
    UPDATE_STAGED = "update-staged"
    WINDOW_CLOSED = "window-closed"
    STALE_SCAN = "stale-scan"
    HOST_UNSEEN = "host-unseen"
    READINGS_MISSING = "readings-missing"
    VIEW_INCOMPLETE = "view-incomplete"

    @property
    def meaning(self) -> str:
        """One sentence for help, documentation and reports."""
        return _MEANINGS[self]

    @property
    def hides(self) -> bool:
        """True for the codes that say "not everything could be seen" (exit code 4) rather than "this differs" (3)."""
        return self in {Code.HOST_DISCONNECTED, Code.HOST_UNSEEN, Code.READINGS_MISSING, Code.VIEW_INCOMPLETE}


_MEANINGS = {
    Code.RESTORE_DETECTED: "vCenter's own database went back in time.",
    Code.MANAGEMENT_REGRESSED: "A cluster that was managed by an image is back on baselines.",
    Code.VCENTER_OLDER_THAN_HOST: "A host runs a newer release than its vCenter.",
    Code.HOST_AHEAD: "Hosts run a newer image than their cluster asks for.",
    Code.HOST_BEHIND: "Hosts run an older image than their cluster asks for.",
    Code.HOST_DIVERGED: "Hosts differ from their cluster's image, and no order is known or it points both ways.",
    Code.MIXED_CLUSTER: "The hosts of one cluster do not run the same image: a remediation was interrupted.",
    Code.VIB_SKEW: "Hosts of one cluster run the same image and do not have the same VIBs.",
    Code.DEPOT_GAP: "The depot lacks something that a cluster asks for or that its hosts run.",
    Code.IDENTITY_CHANGED: "A host or vCenter shows another key or certificate than the pinned one.",
    Code.BOOT_BANKS: "A host's boot banks are not in order, or it is not safe to reboot it now.",
    Code.HOST_DISCONNECTED: "vCenter is not connected to a host of its inventory.",
    Code.STALE_INVENTORY: "vCenter cannot reach a host and shows an old version of it.",
    Code.ROUTES_DISAGREE: "Two routes give different answers for one host.",
    Code.HOST_VANISHED: "A host known from history is in no inventory any more.",
    Code.UPDATE_STAGED: "A host will start another image at its next boot.",
    Code.WINDOW_CLOSED: "A host cannot go back to its older image any more.",
    Code.STALE_SCAN: "vCenter's stored compliance result does not describe the present.",
    Code.HOST_UNSEEN: "No route could say what a host runs.",
    Code.READINGS_MISSING: "A configured route did not give what it can give, and no other route did.",
    Code.VIEW_INCOMPLETE: "A part of a vCenter or of a cluster could not be read.",
}


class SubjectKind(StrEnum):
    """What a finding is about."""

    VCENTER = "vcenter"
    CLUSTER = "cluster"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing a finding is about, by the names people use; ``id`` is its managed object id where it has one."""

    kind: SubjectKind
    name: str
    vcenter: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``hosts`` are the names of the hosts concerned; ``evidence`` what was seen and where; ``do`` the next
    steps in order; ``avoid`` what would make it worse; ``rests_on`` the page, article or rule behind it."""

    code: Code
    severity: Severity
    subject: Subject
    summary: str
    hosts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    do: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()

    @property
    def drifts(self) -> bool:
        """Whether it makes the verdict DRIFT: a notice decides nothing, and what was not seen is another verdict."""
        return not self.code.hides and self.severity is not Severity.NOTICE


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted so that equal input gives an equal report: worst first, then by code, vCenter and name."""
    codes = list(Code)
    return tuple(
        sorted(findings, key=lambda f: (f.severity.rank, codes.index(f.code), f.subject.vcenter, f.subject.name, f.summary))
    )
