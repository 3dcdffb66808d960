"""Did this vCenter's database go back in time?

Evidence, each kind with its own weight. Strong, because nothing else does it: the newest event key or time went
backwards; a cluster's commit id or time went backwards, or a known id now has another time or content (ids are reused after a
restore); vCenter's own build went backwards; a cluster went from image to baselines (enabling an image is one-way).
Weak, because an administrator can do it: clusters or hosts vanished. Weak evidence alone detects nothing.

Evidence is *fresh* until a finished audit has read this vCenter after the later state was last seen: only an audit tells
anybody. A snapshot by cron in between reports nothing, so it must not make the restore old news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.image import Commit, DesiredImage, ManagementMode
from auditor.domain.observation import ClusterView, Read, VCenterMarks, VCenterView, host_key, value_of
from auditor.domain.past import Past, PastCluster, PastHost, PastImage, PastMarks, made_after
from auditor.domain.versions import Order, ProductVersion, VersionError


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence in words. ``cluster`` is the managed object id of the cluster it is about, if any."""

    text: str
    strong: bool
    fresh: bool
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Rewind:
    """That a vCenter went back. ``after`` is the newest time at which an earlier run still saw the later state: the restore
    came later than that. None: no run recorded that state's marks."""

    evidence: tuple[Evidence, ...]
    after: datetime | None

    @property
    def fresh(self) -> bool:
        return any(e.fresh and e.strong for e in self.evidence)

    def of_cluster(self, cluster: str) -> tuple[str, ...]:
        """The evidence about one cluster."""
        return tuple(e.text for e in self.evidence if e.cluster == cluster)


def when(time: datetime | None) -> str:
    """A time as every message shows it: UTC, to the minute."""
    return f"{time:%Y-%m-%d %H:%MZ}" if time else "an unknown time"


def past_cluster_of(view: VCenterView, cluster: ClusterView, past: Past) -> PastCluster | None:
    """What history knows of a cluster: the same vCenter instance and managed object id, which a restore keeps."""
    marks = value_of(view.marks)
    for known in past.clusters:
        same_vcenter = known.instance_uuid == marks.instance_uuid if marks else known.vcenter == view.name
        if same_vcenter and known.id == cluster.id:
            return known
    return None


def find_rewind(view: VCenterView, past: Past) -> Rewind | None:
    """All evidence that this vCenter went back in time; None when there is no strong evidence."""
    marks = value_of(view.marks)
    if marks is None or (not past.runs and past.newest_run is None):
        return None
    seen = [p for p in past.marks if p.vcenter == view.name and p.marks.instance_uuid == marks.instance_uuid]
    news = _News(past.audited.get(view.name))
    evidence = [*_marks_evidence(marks, seen, news), *_cluster_evidence(view, past, marks.instance_uuid, news)]
    if not any(e.strong for e in evidence):
        return None
    evidence += _vanished_evidence(view, past, marks.instance_uuid)
    return Rewind(tuple(evidence), _last_before(marks, seen, past))


@dataclass(frozen=True, slots=True)
class _News:
    """Tells what an audit has told already. ``audited`` is when the newest finished one read this vCenter."""

    audited: datetime | None

    def since(self, later_state_seen: datetime) -> bool:
        """Whether no audit has read the vCenter since the later state was last seen."""
        return self.audited is None or self.audited <= later_state_seen


def _last_before(marks: VCenterMarks, seen: Sequence[PastMarks], past: Past) -> datetime | None:
    """The newest run that still saw the later state: by event key where it was read, else the newest run of all."""
    key = value_of(marks.newest_event_key)
    if key is not None:
        later = [p.at for p in seen if (value_of(p.marks.newest_event_key) or 0) > key]
        if later:
            return max(later)
    return past.newest_run


def _marks_evidence(marks: VCenterMarks, seen: Sequence[PastMarks], news: _News) -> Iterable[Evidence]:
    key, time = value_of(marks.newest_event_key), value_of(marks.newest_event_time)
    keys = [(k, p.at) for p in seen if (k := value_of(p.marks.newest_event_key)) is not None and key is not None and k > key]
    if keys:
        highest, at = max(keys)
        text = f"the newest event is {key}; on {when(at)} it was already {highest}"
        yield Evidence(text, strong=True, fresh=news.since(max(at for _, at in keys)))
    times = [
        (t, p.at) for p in seen if (t := value_of(p.marks.newest_event_time)) is not None and time is not None and t > time
    ]
    if times:
        text = f"the newest event is of {when(time)}; an earlier run saw one of {when(max(times)[0])}"
        # A key that went on says that the database did not go back: then it was the clock, which an administrator may set.
        went_on = key is not None and not keys and any(isinstance(p.marks.newest_event_key, Read) for p in seen)
        yield Evidence(text, strong=not went_on, fresh=news.since(max(at for _, at in times)))
    newer = [p for p in seen if _older(marks, p.marks)]
    if newer:
        last = max(newer, key=lambda p: p.at)
        text = f"vCenter is {marks.version} build {marks.build}; on {when(last.at)} it was {last.marks.version}"
        yield Evidence(f"{text} build {last.marks.build}", strong=True, fresh=news.since(last.at))


def _older(now: VCenterMarks, then: VCenterMarks) -> bool:
    """Whether vCenter's own product went backwards. Builds are compared within one release only."""
    try:
        order = ProductVersion.parse(now.version, now.build).order_to(ProductVersion.parse(then.version, then.build))
    except VersionError:
        return False
    return order is Order.OLDER


def _cluster_evidence(view: VCenterView, past: Past, uuid: str, news: _News) -> Iterable[Evidence]:
    for cluster in value_of(view.clusters) or ():
        known = next((c for c in past.clusters if c.instance_uuid == uuid and c.id == cluster.id), None)
        if known is None:
            continue
        mode, image, commit = value_of(cluster.mode), value_of(cluster.image), value_of(cluster.commit)
        if mode is ManagementMode.BASELINES and known.images:
            text = f"cluster {cluster.name} is on baselines; until {when(known.images[-1].last_seen)} it had an image"
            yield Evidence(text, strong=True, fresh=news.since(known.images[-1].last_seen), cluster=cluster.id)
        elif image is not None and commit is not None:
            yield from _commit_evidence(cluster, image, commit, known, news)


def _commit_evidence(
    cluster: ClusterView, image: DesiredImage, commit: Commit, known: PastCluster, news: _News
) -> Iterable[Evidence]:
    with_commit = [(p, p.commit) for p in known.images if p.commit is not None]
    later = [(p, c) for p, c in with_commit if made_after(c, commit)]
    # Ids are compared where a time is missing: with both times known, an id that was used again would mislead.
    number = _number(commit.id)
    higher = [(p, c) for p, c in with_commit if number is not None and not (c.time and commit.time) and _above(c.id, number)]
    now = f"cluster {cluster.name} is at commit {commit.id} of {when(commit.time)}"
    for gone in [max(later, key=lambda pair: pair[1].time or pair[0].last_seen)] if later else higher[-1:]:
        text = f"{now}; commit {gone[1].id} of {when(gone[1].time)}, seen until {when(gone[0].last_seen)}, is gone"
        fresh = news.since(max(p.last_seen for p, _ in (later or higher)))
        yield Evidence(f"{text} ({_base(gone[0])})", strong=True, fresh=fresh, cluster=cluster.id)
    for old_image, old in with_commit:
        if old.id != commit.id:
            continue
        fresh = news.since(old_image.last_seen)
        if old.time != commit.time:
            text = f"cluster {cluster.name}: commit {commit.id} is of {when(commit.time)}; history knows it of {when(old.time)}"
            yield Evidence(text, strong=True, fresh=fresh, cluster=cluster.id)
        elif _content(old_image.image) != _content(image):
            text = (
                f"cluster {cluster.name}: commit {commit.id} of {when(commit.time)} has another content than history recorded"
            )
            yield Evidence(text, strong=True, fresh=fresh, cluster=cluster.id)


def _content(image: DesiredImage) -> tuple[object, ...]:
    """What a commit fixes. Solutions and hardware support are left out: their managers own them."""
    components = tuple(sorted((name, version or "") for name, version in image.components.items()))
    return (image.base_image.version if image.base_image else None, image.add_on, components)


def _above(text: str, number: int) -> bool:
    value = _number(text)
    return value is not None and value > number


def _base(image: PastImage) -> str:
    return f"base image {image.image.base_image.version.raw}" if image.image.base_image else "no base image"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _vanished_evidence(view: VCenterView, past: Past, uuid: str) -> Iterable[Evidence]:
    clusters = value_of(view.clusters)
    if clusters is not None:
        here = {c.id for c in clusters}
        for known in past.clusters:
            if known.instance_uuid == uuid and known.id not in here:
                text = f"cluster {known.name}, listed until {when(known.last_seen)}, is gone"
                yield Evidence(text, strong=False, fresh=False, cluster=known.id)
    for host in vanished_hosts(view, past):
        yield Evidence(f"host {host.name}, listed until {when(host.last_listed)}, is gone", strong=False, fresh=False)


def vanished_hosts(view: VCenterView, past: Past) -> tuple[PastHost, ...]:
    """Hosts history knows in this vCenter's inventory that are not there now. Empty when the inventory was not read."""
    if not isinstance(view.hosts, Read):
        return ()
    here = {host_key(h.name) for h in view.hosts.value}
    return tuple(h for h in past.hosts if h.vcenter == view.name and h.last_listed is not None and host_key(h.name) not in here)


def restore_finding(view: VCenterView, rewind: Rewind, *, drift: bool = False) -> Finding:
    """``restore-detected``. Once an audit has told of it, it is a warning while ``drift`` remains, since what to hold and what
    to leave alone still stands, and a notice after that: it explains, it is not new."""
    since = f" after {when(rewind.after)}" if rewind.after else ""
    return Finding(
        code=Code.RESTORE_DETECTED,
        severity=Severity.CRITICAL if rewind.fresh else Severity.WARNING if drift else Severity.NOTICE,
        subject=Subject(SubjectKind.VCENTER, view.name, view.name),
        summary=f"vCenter was restored from a backup{since}: its database is older than what history recorded.",
        evidence=tuple(e.text for e in rewind.evidence),
        do=(
            "Hold everything that acts by itself: scheduled remediation, solution managers, SDDC Manager.",
            "Work through the findings below, clusters before hosts.",
        ),
        avoid=(
            "Do not remediate any cluster before its image is raised to what its hosts run.",
            "Do not trust compliance results from before the restore.",
        ),
        rests_on=("vSphere Lifecycle Manager guide, Backup and Restore Scenarios",),
    )
