"""What vLCM says: management mode, desired image, commit, stored compliance, depot, and what hosts run. Reads only.

Everything here is a single answer from vLCM's database or from the host through it. No task is started: a scan, even a
harmless one, is not this route's to begin.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from com.vmware.esx.hosts.software_client import InstalledComponents
from com.vmware.esx.hosts_client import Software as HostSoftware
from com.vmware.esx.settings.clusters.enablement_client import Software as Enablement
from com.vmware.esx.settings.clusters.software_client import Commits, Compliance
from com.vmware.esx.settings.clusters_client import Software
from com.vmware.esx.settings.depot_content_client import AddOns, BaseImages

from auditor.domain.image import Commit, Component, DesiredImage, ManagementMode
from auditor.domain.observation import ClusterVerdict, ClusterView, Depot, HostVerdict, Read, Reading, Reason, Unread
from auditor.errors import AuditorError
from auditor.vcenter import convert
from auditor.vcenter.faults import UnansweredError, attempt, unanswered
from auditor.vcenter.vapi import VapiSession

T = TypeVar("T")

MISSES = 32
"""How many commit ids in a row must not exist before the search for newer ones ends. The counter is believed to be shared
by all clusters of a vCenter [inferred], so a cluster's own ids have gaps."""

MOST_PROBES = 256
"""Commit ids asked for in one cluster at most."""

LARGE_AT_ONCE = 2
"""Stored scans taken apart at the same time. One has 70 KB for each host of the cluster and needs many times that as the
SDK's objects, so this bounds the memory of a sweep."""


class Vlcm:
    """vLCM of one vCenter. Every method raises ``UnansweredError`` or ``TrustError``; safe to share between threads."""

    def __init__(self, session: VapiSession) -> None:
        self._session = session
        self._large = threading.Semaphore(LARGE_AT_ONCE)

    def cluster(self, moid: str, name: str, recorded: str = "") -> ClusterView:
        """One cluster. Each part stands for itself; nothing is raised for a part that could not be read. ``recorded`` is the
        id of the newest commit that history knows, or empty."""
        mode = attempt(lambda: self.mode(moid))
        if isinstance(mode, Read) and mode.value is ManagementMode.BASELINES:
            none = Unread(Reason.ABSENT, "the cluster is managed with baselines: it has no image")
            return ClusterView(moid, name, mode, none, none, none)
        image = attempt(lambda: self.image(moid))
        compliance = attempt(lambda: self.compliance(moid))
        return ClusterView(moid, name, mode, image, self._commit_of(moid, image, compliance, recorded), compliance)

    def mode(self, cluster: str) -> ManagementMode:
        """Image or baselines."""
        info = self._session.call(Enablement, "get", cluster=cluster)
        return _converted(lambda: ManagementMode.IMAGE if _true(info.enabled) else ManagementMode.BASELINES)

    def image(self, cluster: str) -> DesiredImage:
        """The desired image. The server answers with an error for a cluster on baselines."""
        software = self._session.call(Software, "get", cluster=cluster)
        return _converted(lambda: convert.desired_image(software))

    def compliance(self, cluster: str) -> ClusterVerdict:
        """The stored result of the last scan; after a restore that is a scan from before the backup."""
        with self._large:
            try:
                found = self._session.call(Compliance, "get", cluster=cluster)
            except UnansweredError as error:
                if error.unread.reason is Reason.ABSENT:
                    raise unanswered(
                        Reason.ABSENT, "no stored scan: the image was never checked, or the result was dropped"
                    ) from error
                raise
            return _converted(lambda: convert.cluster_verdict(found))

    def commit(self, cluster: str, identifier: str) -> Commit:
        """One commit by its id."""
        info = self._session.call(Commits, "get", cluster=cluster, commit=identifier)
        return _converted(lambda: convert.commit(identifier, info))

    def newest_commit(self, cluster: str, known: str) -> Commit | None:
        """The newest commit of a cluster, or None if none was found. ``known`` is an id to start from, or empty.

        vLCM has no call that lists commits or names the current one. The ids seen in public are small counters, so the ids
        above the known one are asked for until ``MISSES`` in a row do not exist.
        """
        newest = self.commit(cluster, known) if known else None
        if known and not known.isdecimal():
            return newest
        number, missed = int(known or 0), 0
        for _ in range(MOST_PROBES):
            number += 1
            try:
                newest = _newer(newest, self.commit(cluster, str(number)))
                missed = 0
            except UnansweredError as error:
                if error.unread.reason is not Reason.ABSENT:
                    raise
                missed += 1
            if missed == MISSES:
                return newest
        raise unanswered(
            Reason.UNREADABLE, f"more than {MOST_PROBES} ids since {known or 'the first'}: the newest is not known"
        )

    def depot(self) -> Depot:
        """Base images and add-ons of the depot."""
        images = self._session.call(BaseImages, "list")
        add_ons = self._session.call(AddOns, "list")
        return _converted(lambda: convert.depot(images, add_ons))

    def installed_components(self, host: str) -> tuple[Component, ...]:
        """Every component a host has."""
        found = self._session.call(InstalledComponents, "list", host=host)
        return _converted(lambda: convert.installed_components(found))

    def host_software(self, host: str) -> Any:
        """What a host runs, taken apart into base image, add-on and components by vLCM (vCenter 7.0.2 and later)."""
        kind = HostSoftware.ConnectionSpec.AuthenticationType.EXISTING
        info = self._session.call(HostSoftware, "get", spec=HostSoftware.ConnectionSpec(auth_type=kind, host=host))
        return _converted(lambda: info.software_info)

    def _commit_of(
        self, cluster: str, image: Reading[DesiredImage], compliance: Reading[ClusterVerdict], recorded: str
    ) -> Reading[Commit]:
        """The commit that states ``image``.

        A stored scan names the commit it was made for. If what it compared the hosts with is the image of now, that commit
        is the one (or states the same image as the one). Otherwise newer commits are looked for; the newest is the current.

        If vCenter still has the ``recorded`` commit and it is later than the scan's, the search starts there: an image that
        was changed and changed back with no scan between must not look as if the change had never been.
        """
        if isinstance(image, Unread):
            return image
        if isinstance(compliance, Unread) and compliance.reason is not Reason.ABSENT:
            return Unread(compliance.reason, f"the stored scan, which names the commit, was not read: {compliance.detail}")
        verdict = compliance.value if isinstance(compliance, Read) else None
        known = verdict.commit if verdict else ""
        same = scanned_for(image.value, verdict) if verdict and known else None
        start = attempt(lambda: self._later(cluster, known, recorded))
        if isinstance(start, Unread):
            return start
        if same and start.value == known:
            return attempt(lambda: self.commit(cluster, known))
        found = attempt(lambda: self.newest_commit(cluster, start.value))
        if isinstance(found, Unread):
            return found
        if found.value is None:
            return Unread(Reason.ABSENT, f"no stored scan names the commit, and commits 1 to {MISSES} do not exist")
        if same is False and found.value.id == known:
            return Unread(
                Reason.ABSENT,
                f"the newest commit that could be found is {known}, of the last scan, but the image is another one since: "
                "check the cluster's compliance in vCenter once, then run again",
            )
        return Read(found.value)

    def _later(self, cluster: str, known: str, recorded: str) -> str:
        """``recorded``, if vCenter has that commit and made it after ``known``; else ``known``. A restored vCenter has it no
        more, or has another, older one of that id."""
        if not recorded or recorded == known:
            return known
        try:
            found = self.commit(cluster, recorded)
        except UnansweredError as error:
            if error.unread.reason is not Reason.ABSENT:
                raise
            return known
        if not known:
            return recorded
        scanned = self.commit(cluster, known)
        return recorded if found.time and scanned.time and found.time > scanned.time else known


def scanned_for(image: DesiredImage, verdict: ClusterVerdict) -> bool | None:
    """Whether a scan compared the hosts with ``image``; None when that cannot be told, because no host was compared.

    Hosts of alternative images (9.0+) have targets of their own and say nothing about the default image.
    """
    compared = [host for host in verdict.hosts if host.base_image is not None and not host.image]
    if not compared or image.base_image is None:
        return None
    return all(_compared_with(image, host) for host in compared)


def _compared_with(image: DesiredImage, host: HostVerdict) -> bool:
    targets = {name: element.target for name, element in host.components if element.target is not None}
    by_user = {name for name, element in host.components if element.source == "USER" and element.target is not None}
    add_on = (host.add_on.name, host.add_on.target) if host.add_on and host.add_on.target else None
    packages = {part.manager: part.version for part in image.hardware_support}
    solutions = {part.name: part.version for part in image.solutions}
    beside = [(element.target, packages.get(name)) for name, element in host.hardware_support]
    beside += [(element.target, solutions.get(name)) for name, element in host.solutions]
    return (
        host.base_image is not None
        and image.base_image is not None
        and host.base_image.target == image.base_image.version.raw
        and add_on == ((image.add_on.name, image.add_on.version) if image.add_on else None)
        and all(targets.get(name) == version for name, version in image.components.items())
        and by_user <= set(image.components)
        and not any(name in targets for name in image.removed_components)
        # Whether a scan lists every solution and package is not documented: only two different versions count.
        and all(target == wanted for target, wanted in beside if target is not None and wanted is not None)
    )


def _newer(one: Commit | None, other: Commit) -> Commit:
    """The commit made later; by id where a time is missing."""
    if one is None or one.time is None or other.time is None:
        return other
    return other if other.time >= one.time else one


def _true(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, not {type(value).__name__}")
    return value


def _converted(conversion: Callable[[], T]) -> T:
    """``conversion``'s value; an answer that has not the declared form (the SDK hands on what it gets) is UNREADABLE."""
    try:
        return conversion()
    except AuditorError:
        raise
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise unanswered(Reason.UNREADABLE, f"the answer does not have the documented form: {error}") from error
