"""A proposal: which image a cluster could be given, why, what would follow, and the facts it rests on.

Invariants, kept by ``propose`` and held by tests:

* ``digest`` covers the whole document but itself, its words and its format included. It shows that nobody changed the file on
  the way and is no signature: what is shown of a proposal is made anew (`auditor.domain.proposal.restate`).
* A target never names solutions: their managers own them, vLCM's export leaves them out, a draft keeps those of the cluster.
* A candidate that does not change the cluster's image (``changes_image`` False) has nothing to apply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from auditor.domain.assessment import Layer, Source
from auditor.domain.image import Commit, DesiredImage, ManagementMode
from auditor.domain.observation import Reading
from auditor.domain.proposal.actors import Actor
from auditor.domain.rollback.canonical import as_written, paper_digest
from auditor.domain.versions import ReleaseKind

FORMAT = "auditor/proposal/v2"
LONGEST = timedelta(days=14)
"""The longest life of a proposal that can be asked for."""
SKEW = timedelta(hours=1)
"""How far the clock of the machine that made a proposal may be ahead."""


class CandidateKind(StrEnum):
    """Where a candidate comes from. The order is that of the ranks, other things being equal."""

    ARCHIVED = "archived"
    UNIFORM = "uniform"
    HOST = "host"
    RAISE_AND_REMEDIATE = "raise-and-remediate"
    HIGHEST = "highest"
    MOST_USED = "most-used"
    ROLL_BACK_HOSTS = "roll-back-hosts"
    RECOMMENDATION = "recommendation"
    INVERSE = "inverse"

    @property
    def meaning(self) -> str:
        """One sentence for help and reports."""
        return _KINDS[self]


_KINDS = {
    CandidateKind.ARCHIVED: "An image this cluster had before, from the history, that equals what hosts run.",
    CandidateKind.UNIFORM: "What all hosts run.",
    CandidateKind.HOST: "What the host named on the command line runs.",
    CandidateKind.RAISE_AND_REMEDIATE: "The newest image that hosts run; the hosts below it are remediated later.",
    CandidateKind.HIGHEST: "The newest image that any host runs.",
    CandidateKind.MOST_USED: "The image that most hosts run.",
    CandidateKind.ROLL_BACK_HOSTS: "Leave the image; take the hosts that are ahead back to their other boot bank.",
    CandidateKind.RECOMMENDATION: "What vCenter recommends; shown beside the others, never imported.",
    CandidateKind.INVERSE: "The image before an apply, written by it, to undo it.",
}


class Forecast(StrEnum):
    """What a scan is expected to call a host, in vLCM's words (SDK ``settings_client.ComplianceStatus``); UNKNOWN where the
    rules known here do not decide it."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON_COMPLIANT"
    INCOMPATIBLE = "INCOMPATIBLE"
    UNKNOWN = "UNKNOWN"


class WarningCode(StrEnum):
    """The stable name of each thing that stands against a candidate."""

    BASELINES = "baselines"
    ORCHESTRATED = "orchestrated"
    DOWNGRADE = "downgrade"
    DEPOT_GAP = "depot-gap"
    COMPOSITE = "composite"
    MODE_UNKNOWN = "mode-unknown"
    IMAGE_UNKNOWN = "image-unknown"
    HOST_INCOMPATIBLE = "host-incompatible"
    HOST_UNKNOWN = "host-unknown"
    HOST_BEHIND = "host-behind"
    LOWERED = "lowered"
    ADD_ON_BOUNDARY = "add-on-boundary"
    ADD_ON_HINT = "add-on-hint"
    VENDOR_ALIAS = "vendor-alias"
    DROPPED = "dropped"
    CONTENTS_UNKNOWN = "contents-unknown"
    BACK_IN_TIME = "back-in-time"
    UPGRADE_PATH = "upgrade-path"
    VCENTER_OLDER = "vcenter-older"
    COMPOSITE_KEPT = "composite-kept"
    COMPOSITE_PART_UNKNOWN = "composite-part-unknown"
    REMOVED_KEPT = "removed-kept"
    RETAINED_KEPT = "retained-kept"
    HARDWARE_SUPPORT = "hardware-support"
    EXTRA_VIBS = "extra-vibs"
    ORPHANS = "orphans"
    OWNER_UNKNOWN = "owner-unknown"

    @property
    def blocks(self) -> bool:
        """Whether such a candidate must not be applied."""
        return self in _BLOCKING


_BLOCKING = {
    WarningCode.BASELINES,
    WarningCode.ORCHESTRATED,
    WarningCode.OWNER_UNKNOWN,
    WarningCode.DOWNGRADE,
    WarningCode.DEPOT_GAP,
    WarningCode.COMPOSITE,
    WarningCode.MODE_UNKNOWN,
    WarningCode.IMAGE_UNKNOWN,
    WarningCode.HOST_INCOMPATIBLE,
}

_UNDONE = frozenset({WarningCode.DOWNGRADE, WarningCode.HOST_INCOMPATIBLE})


@dataclass(frozen=True, slots=True)
class ImageWarning:
    """Something to know before applying a candidate. ``hosts`` are the hosts concerned, ``rests_on`` the page or article."""

    code: WarningCode
    text: str
    rests_on: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether it forbids applying the candidate."""
        return self.code.blocks


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the proposal rests on, by name, as text. Names are stable: ``cluster.commit``, ``host esx1 base-image`` …"""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class LayerChange:
    """One layer before and after. Empty text: that side has none. ``kind`` only for base images."""

    layer: Layer
    name: str
    old: str
    new: str
    kind: ReleaseKind | None = None

    @property
    def changes(self) -> bool:
        return self.old != self.new


class ItemKind(StrEnum):
    """What the depot keeps."""

    BASE_IMAGE = "base-image"
    ADD_ON = "add-on"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True, order=True)
class DepotItem:
    """Something an image names, by vLCM's own keys. ``name`` is empty for a base image."""

    kind: ItemKind
    name: str
    version: str

    def __str__(self) -> str:
        words = {ItemKind.BASE_IMAGE: "base image", ItemKind.ADD_ON: "add-on", ItemKind.COMPONENT: "component"}
        return " ".join(word for word in (words[self.kind], self.name, self.version) if word)


@dataclass(frozen=True, slots=True)
class HostForecast:
    """What a scan is expected to say of one host, and why. ``id`` is its managed object id."""

    host: str
    id: str
    forecast: Forecast
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WayBack:
    """A host's rollback window as last read: its state (``auditor.domain.rollback.window.WindowKind``), the build in the
    other bank, and the sentence behind it. ``wanted`` tells whether that build is what the cluster's image asks for; None
    where it is not known."""

    host: str
    window: str
    build: str = ""
    reason: str = ""
    wanted: bool | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image the cluster could be given (or the advice to leave it). ``also`` are the other kinds that lead to the same
    target. ``evidence`` says how it is known; ``then`` what remains to do afterwards, in order."""

    kind: CandidateKind
    title: str
    target: DesiredImage
    also: tuple[CandidateKind, ...] = ()
    release_kind: ReleaseKind | None = None
    changes: tuple[LayerChange, ...] = ()
    evidence: tuple[str, ...] = ()
    warnings: tuple[ImageWarning, ...] = ()
    missing: tuple[DepotItem, ...] = ()
    forecast: tuple[HostForecast, ...] = ()
    ways_back: tuple[WayBack, ...] = ()
    then: tuple[str, ...] = ()
    commit: Commit | None = None  # of an archived image

    @property
    def kinds(self) -> tuple[CandidateKind, ...]:
        return (self.kind, *self.also)

    @property
    def changes_image(self) -> bool:
        """Whether there is anything to apply."""
        return any(change.changes for change in self.changes)

    @property
    def blockers(self) -> tuple[ImageWarning, ...]:
        """What forbids applying it. Undoing an apply leads below what the hosts run, as it was before."""
        allowed = _UNDONE if self.kind is CandidateKind.INVERSE else frozenset()
        return tuple(warning for warning in self.warnings if warning.blocks and warning.code not in allowed)

    @property
    def can_be_applied(self) -> bool:
        """Whether ``apply`` may take it: it changes the image, is no mere advice, and nothing forbids it."""
        advice = {CandidateKind.RECOMMENDATION, CandidateKind.ROLL_BACK_HOSTS}
        return self.changes_image and self.kind not in advice and not self.blockers

    def hosts(self, forecast: Forecast) -> tuple[str, ...]:
        """The hosts with this forecast."""
        return tuple(host.host for host in self.forecast if host.forecast is forecast)

    @property
    def spec(self) -> str:
        """The target as JSON text in the form that vLCM's import takes, without solutions."""
        return self.target.spec


@dataclass(frozen=True, slots=True)
class ImageProposal:
    """The proposal for one cluster. ``vcenter`` is its name in the configuration. ``chosen`` is what ``apply`` would do;
    None: nothing is to be changed, or nothing can be proposed. ``may_act`` names what acts by itself after a commit.
    ``from_host`` is the host that was named on the command line."""

    id: str
    vcenter: str
    instance_uuid: str
    vcenter_version: str
    cluster_id: str
    cluster: str
    created: datetime
    expires: datetime
    source: Source
    mode: Reading[ManagementMode]
    old: Reading[DesiredImage]
    commit: Reading[Commit]
    chosen: Candidate | None
    others: tuple[Candidate, ...]
    facts: tuple[Fact, ...]
    digest: str
    may_act: tuple[Actor, ...] = ()
    notes: tuple[str, ...] = ()
    from_host: str = ""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All of them, the chosen one first."""
        return (self.chosen, *self.others) if self.chosen else self.others

    @property
    def ready(self) -> bool:
        """Whether ``apply`` may take it: made from a live view, with a candidate that changes the image and nothing that
        forbids it."""
        return self.source is Source.LIVE and self.chosen is not None and self.chosen.can_be_applied

    def expired(self, now: datetime) -> bool:
        """Whether it is too old to be applied."""
        return now >= self.expires

    def time_problem(self, now: datetime) -> str:
        """What of its times cannot be so; empty: nothing."""
        if self.created > now + SKEW:
            return f"it says that it was made at {self.created:%Y-%m-%d %H:%M} UTC, which is yet to come"
        if not timedelta(0) < self.expires - self.created <= LONGEST:
            return f"it is good for {self.expires - self.created}; at most {LONGEST.days} days can be asked for"
        return ""

    @property
    def intact(self) -> bool:
        """Whether name and digest are those of the whole text: False for one that was edited."""
        return self == sealed(self)


def sealed(proposal: ImageProposal) -> ImageProposal:
    """The proposal with the name and digest of what it says."""
    said = {"schema": FORMAT, **as_written(replace(proposal, id=""))}
    said["id"] = f"{proposal.cluster_id}-{proposal.created:%Y%m%dT%H%M%SZ}-{paper_digest(said)[:8]}"
    return replace(proposal, id=said["id"], digest=paper_digest(said))


_SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class MovedFact:
    """A fact that is not as it was; an empty text: it was not there, or is not there any more."""

    name: str
    was: str
    now: str

    def __str__(self) -> str:
        if _SUM.fullmatch(self.was) and _SUM.fullmatch(self.now):  # nobody reads two checksums
            return f"{self.name} is not what it was"
        return f"{self.name} was {self.was or 'not there'}, is {self.now or 'not there any more'}"


def moved_facts(was: tuple[Fact, ...], now: tuple[Fact, ...]) -> tuple[MovedFact, ...]:
    """Every fact that changed, appeared or vanished, by name."""
    old, new = {f.name: f.value for f in was}, {f.name: f.value for f in now}
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return tuple(MovedFact(name, old.get(name, ""), new.get(name, "")) for name in names)


__all__ = [
    "FORMAT",
    "Candidate",
    "CandidateKind",
    "DepotItem",
    "Fact",
    "Forecast",
    "HostForecast",
    "ImageProposal",
    "ImageWarning",
    "ItemKind",
    "LayerChange",
    "MovedFact",
    "WarningCode",
    "WayBack",
    "moved_facts",
    "sealed",
]
