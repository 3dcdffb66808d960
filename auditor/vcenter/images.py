"""What vCenter says about images beyond an audit: stored advice, who owns an image, a cluster's remediation policy, what is
inside depot items. Reads only.

Recommendations are asked for with ``get``, the result stored last; making new ones is a task that writes, and importing one
overwrites a draft. Orphaned VIBs are those of the last extraction; a new one is a task and not this route's to begin.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from com.vmware.esx.settings.clusters.policies.apply_client import Effective as EffectivePolicy
from com.vmware.esx.settings.clusters.software_client import Recommendations, SoftwareSpecMetadata
from com.vmware.esx.settings.clusters_client import InstalledImages
from com.vmware.esx.settings.depot_content.add_ons_client import Versions as AddOnVersions
from com.vmware.esx.settings.depot_content.base_images_client import Versions as BaseImageVersions
from com.vmware.esx.settings.depot_content.components_client import Versions as ComponentVersions

from auditor.domain.image import Component
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.proposal.context import AddOnContents, ClusterExtras, Recommendation
from auditor.errors import AuditorError
from auditor.vcenter import convert
from auditor.vcenter.faults import attempt, unanswered
from auditor.vcenter.vapi import VapiSession

T = TypeVar("T")

_SERIES = (
    ("latest", "latest_recommendation"),
    ("current series", "current_series_recommendation"),
    ("base image asked for", "specified_base_image_version_recommendation"),
)


class Images:
    """Images and depot contents of one vCenter. Safe to share between threads; no method raises for what vCenter does."""

    def __init__(self, session: VapiSession) -> None:
        self._session = session

    def extras(self, cluster: str) -> ClusterExtras:
        """Owner, stored recommendations and orphaned VIBs of a cluster."""
        return ClusterExtras(
            owner=_asked(lambda: self._owner(cluster)),
            recommendations=_absent_is((), lambda: self._recommendations(cluster)),
            orphans=_asked(lambda: self._orphans(cluster)),
        )

    def auto_remediation(self, cluster: str) -> Reading[bool]:
        """Whether vSphere Configuration Profiles remediate a host that is added to the cluster (9.1; before, there is no such
        setting). The policy in force is asked for, not the cluster's own, which may leave it to the defaults."""

        def ask() -> bool:
            numbers = tuple(int(part) for part in self._session.version.split(".")[:2] if part.isdecimal())
            if numbers and numbers < (9, 1):
                raise unanswered(Reason.NOT_SUPPORTED, f"not in {self._session.version}: 9.1 brought it")
            profiles = self._session.call(EffectivePolicy, "get", cluster=cluster).config_manager_policy_spec
            if profiles is None:
                raise unanswered(Reason.ABSENT, "vCenter shows no policy of Configuration Profiles for the cluster")
            return bool(profiles.auto_remediate_on_host_add)  # unset is false (SDK ConfigManagerPolicySpec)

        return _asked(ask)

    def base_image(self, version: str) -> Reading[tuple[Component, ...]]:
        """The components of a base image; ABSENT when the depot does not have it."""

        def ask() -> tuple[Component, ...]:
            info = self._session.call(BaseImageVersions, "get", version=version)
            return tuple(sorted(_component(part) for part in info.components))

        return _asked(ask)

    def add_on(self, name: str, version: str) -> Reading[AddOnContents]:
        """What an add-on brings and takes out; ABSENT when the depot does not have it."""

        def ask() -> AddOnContents:
            info = self._session.call(AddOnVersions, "get", name=name, version=version)
            removed = tuple(sorted(part.name for part in info.removed_components or ()))
            return AddOnContents(tuple(sorted(_component(part) for part in info.components or ())), removed)

        return _asked(ask)

    def component(self, name: str, version: str) -> Reading[bool]:
        """Whether the depot has a component of that name and version."""

        def ask() -> bool:
            self._session.call(ComponentVersions, "get", name=name, version=version)
            return True

        return _absent_is(False, ask)

    def _owner(self, cluster: str) -> str | None:
        """Who set the image, where it was not a user of vCenter: SDDC Manager, for one (9.0 and later)."""
        info = self._session.call(SoftwareSpecMetadata, "get", cluster=cluster)
        owner = info.orchestrator_info.owner if info.orchestrator_info else None
        return owner or None

    def _recommendations(self, cluster: str) -> tuple[Recommendation, ...]:
        info = self._session.call(Recommendations, "get", cluster=cluster)
        checked = _utc(info.check_time)
        return tuple(
            Recommendation(label, convert.desired_image(software), checked)
            for label, field in _SERIES
            if (software := getattr(info, field)) is not None
        )

    def _orphans(self, cluster: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        info = self._session.call(InstalledImages, "get", cluster=cluster)
        return tuple((vib, tuple(sorted(hosts))) for vib, hosts in sorted((info.orphaned_vibs or {}).items()))


def _component(part: Any) -> Component:
    return Component(part.name, part.version, part.display_name or "")


def _utc(time: datetime | None) -> datetime | None:
    """The SDK hands out naive times which are UTC."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _asked(ask: Callable[[], T]) -> Reading[T]:
    def converted() -> T:
        try:
            return ask()
        except AuditorError:
            raise
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            raise unanswered(Reason.UNREADABLE, f"the answer does not have the documented form: {error}") from error

    return attempt(converted)


def _absent_is(value: T, ask: Callable[[], T]) -> Reading[T]:
    """The same, where "there is none" is an answer: NotFound is documented for it."""
    found = _asked(ask)
    return Read(value) if isinstance(found, Unread) and found.reason is Reason.ABSENT else found


__all__ = ["Images"]
