"""What history knows from before this run: the only witness that a restore cannot rewind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.domain.image import Commit, DesiredImage, ManagementMode
from auditor.domain.observation import HostObservation, VCenterMarks


@dataclass(frozen=True, slots=True)
class PastMarks:
    """A vCenter's marks as one earlier run saw them. ``vcenter`` is the name in the configuration."""

    vcenter: str
    at: datetime
    marks: VCenterMarks


@dataclass(frozen=True, slots=True)
class PastImage:
    """A cluster image seen earlier. ``commit`` is None where the route could not read it."""

    image: DesiredImage
    commit: Commit | None
    first_seen: datetime
    last_seen: datetime


def made_after(known: Commit, present: Commit) -> bool | None:
    """Whether a recorded commit was made later than the present one; None where their times do not tell.

    A restored vCenter counts ids again, so times decide. But a recorded commit with a later time and a lower id was made while
    vCenter's clock was ahead: a restore takes ids back and never forward.
    """
    if known.time is None or present.time is None or known.time == present.time:
        return None
    numbers = [int(c.id) if c.id.isascii() and c.id.isdigit() else None for c in (known, present)]
    if numbers[0] is not None and numbers[1] is not None and numbers[0] < numbers[1]:
        return False
    return known.time > present.time


@dataclass(frozen=True, slots=True)
class PastCluster:
    """A cluster seen earlier, with every image it ever had, oldest first. ``mode`` is the last one that was read."""

    vcenter: str
    instance_uuid: str
    id: str
    name: str
    first_seen: datetime
    last_seen: datetime
    mode: ManagementMode | None = None
    images: tuple[PastImage, ...] = ()


@dataclass(frozen=True, slots=True)
class PastHost:
    """A host seen earlier: in the inventory (``last_listed``), and by itself (``last``, the newest observation in which
    the host itself answered; None if it never did).

    ``looks`` are answers by which its boot banks can be judged, oldest first, at most two: the newest of an audit, and the
    newest of all, which may be one of a run that read nothing but banks.

    ``id`` and ``uuid``: its managed object id and hardware UUID when it was last listed, empty where one was not read."""

    name: str
    vcenter: str
    cluster: str  # managed object id of the cluster it was last listed in; empty if none
    cluster_name: str
    first_seen: datetime
    last_listed: datetime | None
    last: HostObservation | None
    looks: tuple[HostObservation, ...] = ()
    id: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Everything earlier runs recorded that a diagnosis rests on. ``runs`` counts finished earlier runs; 0 means that
    this is the first run ever, and then nothing can be said about change. ``readable`` is False when history could not be
    read: then nothing is known of earlier runs, not even whether there were any."""

    runs: int = 0
    newest_run: datetime | None = None
    audited: Mapping[str, datetime] = field(default_factory=dict)  # per vCenter: when the newest finished audit read it
    marks: tuple[PastMarks, ...] = ()  # per vCenter: all that are needed to see a rewind, oldest first
    clusters: tuple[PastCluster, ...] = ()
    hosts: tuple[PastHost, ...] = ()
    readable: bool = True
