"""One vCenter as the workflows see it: ``auditor.ports.VCenterReader`` over both clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from auditor import parallel
from auditor.domain.editing import HostActivity
from auditor.domain.image import AddOn, BaseImage, Component, Product
from auditor.domain.observation import (
    EXCLUDED,
    ClusterView,
    Connection,
    Depot,
    HostObservation,
    InventoryHost,
    Read,
    Reading,
    Reason,
    Route,
    StagedImage,
    Unread,
    VCenterView,
)
from auditor.domain.proposal.actors import ScheduledTask
from auditor.domain.proposal.context import AddOnContents, ClusterExtras
from auditor.domain.readings.registry import BY_KEY
from auditor.domain.settings.values import HostSettings
from auditor.ports import Clock, Progress
from auditor.vcenter import convert, software
from auditor.vcenter.activity import host_activity
from auditor.vcenter.esxcli import Esxcli
from auditor.vcenter.faults import attempt, unanswered
from auditor.vcenter.hostsettings import read_settings
from auditor.vcenter.http import ending, until, within
from auditor.vcenter.images import Images
from auditor.vcenter.inventory import Inventory, image_manager, read_inventory, read_marks
from auditor.vcenter.operations import Gate
from auditor.vcenter.schedule import scheduled_tasks
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.soap import SoapSession
from auditor.vcenter.vapi import VapiSession
from auditor.vcenter.vlcm import Vlcm

_LOGIN_REASONS = {Reason.DENIED, Reason.UNTRUSTED, Reason.CHANGED}
"""Why a login on one side makes one on the other side pointless: same account, same certificate."""

CLUSTERS_AT_ONCE = 8
"""Clusters read side by side: enough to hide the round trips, few enough to be no load on vLCM."""


@dataclass(frozen=True, slots=True)
class _Image:
    """What vLCM took a host's software apart into."""

    base_image: Reading[BaseImage]
    add_on: Reading[AddOn | None]


class VCenterRouteReader:
    """Reads one vCenter and the hosts connected to it. ``password`` is called at the first login, not before.

    Clusters that ``wants`` refuses by name are listed and not read: their readings are ``EXCLUDED``. ``only`` narrows this run
    to some clusters, by name or managed object id in lower case; empty: all.

    ``read_host`` may be called from as many threads as the settings allow; so many connections are pooled.
    """

    def __init__(
        self,
        settings: VCenterSettings,
        password: Callable[[], str],
        clock: Clock,
        wants: Callable[[str], bool] = lambda cluster: True,
        only: frozenset[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._wants = wants
        self._only = only
        self._clock = clock
        self.gate = Gate()
        self._soap = SoapSession(settings.endpoint, password, self.gate)
        self._vapi = VapiSession(settings.endpoint, password, self.gate)
        self._vlcm = Vlcm(self._vapi)
        self._images = Images(self._vapi)
        self._esxcli = Esxcli(self._soap)
        self._managers: Mapping[str, str] = {}
        self._no_vapi: Unread | None = None
        self._scheduled: Reading[tuple[ScheduledTask, ...]] | None = None
        self._schedule_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"VCenterRouteReader({self._settings.name}, {self._settings.host}:{self._settings.port})"

    @property
    def name(self) -> str:
        """The name in the configuration."""
        return self._settings.name

    def view(self, progress: Progress, recorded: Mapping[str, str] = MappingProxyType({})) -> VCenterView:
        """Marks, inventory, clusters with image, commit and stored compliance, depot. Never raises for what vCenter does, and
        ends by the settings' ``view_seconds``."""
        with within(self._settings.endpoint, self._settings.view_seconds):
            return self._view(progress, recorded)

    def _view(self, progress: Progress, recorded: Mapping[str, str]) -> VCenterView:
        at = self._clock.now()
        self._scheduled = None
        phase = f"vCenter {self.name}"
        progress.start(phase, None)
        marks = attempt(lambda: read_marks(self._soap))
        if isinstance(marks, Unread) and marks.reason in _LOGIN_REASONS:
            self._no_vapi = marks
        if isinstance(marks, Read):
            self._vapi.version = marks.value.version
        progress.advance(phase, "marks")
        inventory = attempt(lambda: read_inventory(self._soap))
        progress.advance(phase, "inventory")
        if isinstance(inventory, Unread):
            return VCenterView(self.name, at, marks, inventory, inventory, self._depot())
        self._managers = inventory.value.image_managers
        return VCenterView(
            name=self.name,
            at=at,
            marks=marks,
            clusters=Read(self._clusters(inventory.value, progress, recorded)),
            hosts=Read(inventory.value.hosts),
            depot=self._depot(),
        )

    def read_host(self, host: InventoryHost) -> HostObservation:
        """What the host says of itself through this vCenter, in five calls (six where vLCM cannot take its image apart).

        ``product`` is the version and build that vCenter's inventory has for a connected host: vCenter renews it while it is
        connected, but it is not asked of the host here. ``staged`` is asked only of a host that vCenter marks as needing a
        reboot: esxcli takes a second or more, and a staged image is believed to set that mark [inferred]. Of the others it is
        not attempted, which is not the same as "nothing staged".
        """
        with within(self._settings.endpoint, self._settings.host_seconds):
            return self._read_host(host)

    def _read_host(self, host: InventoryHost) -> HostObservation:
        base = HostObservation(host=host.name, route=Route.VCENTER, at=self._clock.now(), vcenter=self.name)
        if host.connection != Connection.CONNECTED.value:
            said = host.connection or "does not show whether it is connected"
            detail = f"vCenter {self.name}: {said}: what it shows for this host is from its own database"
            return replace(base, trouble=Unread(Reason.NOT_CONNECTED, detail))
        manager = attempt(lambda: self._managers.get(host.id) or image_manager(self._soap, host.id))
        if isinstance(manager, Unread) and manager.reason in {*_LOGIN_REASONS, Reason.UNREACHABLE, Reason.TIMED_OUT}:
            return replace(base, trouble=manager)
        image = self._image(host.id)
        return replace(
            base,
            product=_product(host),
            base_image=image.base_image,
            add_on=image.add_on,
            components=self._components(host.id),
            **self._by_manager(host.id, manager),
            staged=self._staged(host),
            maintenance_mode=_maintenance(host),
        )

    def extras(self, cluster: str) -> ClusterExtras:
        """See ``auditor.ports.ImageReader``."""
        none = self._no_vapi
        scheduled = self._scheduled_tasks()
        if none:
            return ClusterExtras(none, none, none, scheduled, none)
        return replace(
            self._images.extras(cluster), scheduled=scheduled, auto_remediation=self._images.auto_remediation(cluster)
        )

    def _scheduled_tasks(self) -> Reading[tuple[ScheduledTask, ...]]:
        """Asked for once in a view: one answer has those of all clusters."""
        with self._schedule_lock:
            if self._scheduled is None:
                self._scheduled = scheduled_tasks(self._soap)
            return self._scheduled

    def base_image_contents(self, version: str) -> Reading[tuple[Component, ...]]:
        return self._no_vapi or self._images.base_image(version)

    def add_on_contents(self, name: str, version: str) -> Reading[AddOnContents]:
        return self._no_vapi or self._images.add_on(name, version)

    def has_component(self, name: str, version: str) -> Reading[bool]:
        return self._no_vapi or self._images.component(name, version)

    def host_activity(self, hosts: Sequence[str]) -> Reading[tuple[HostActivity, ...]]:
        return host_activity(self._soap, hosts)

    def settings(self, hosts: Sequence[InventoryHost]) -> Iterator[tuple[HostSettings, ...]]:
        """See ``auditor.ports.SettingsReader``."""
        return read_settings(self._soap, self.name, hosts, self._clock)

    def close(self) -> None:
        """End both sessions."""
        self._vapi.close()
        self._soap.close()

    def _clusters(self, inventory: Inventory, progress: Progress, recorded: Mapping[str, str]) -> tuple[ClusterView, ...]:
        phase = f"images of {self.name}"
        progress.start(phase, len(inventory.clusters))
        end = ending(self._settings.endpoint, self._settings.view_seconds)  # for threads, which do not inherit it

        def read(cluster: tuple[str, str]) -> ClusterView:
            moid, name = cluster
            asked = not self._only or bool(self._only & {moid.lower(), name.lower()})
            none = self._no_vapi if asked and self._wants(name) else EXCLUDED
            if none:
                view = ClusterView(moid, name, none, none, none, none)
            else:
                with until(end):
                    view = self._vlcm.cluster(moid, name, recorded.get(moid, ""))
            progress.advance(phase, name)
            return view

        views = list(parallel.each(inventory.clusters, read, min(self._settings.threads, CLUSTERS_AT_ONCE)))
        order = {moid: number for number, (moid, _) in enumerate(inventory.clusters)}
        return tuple(sorted(views, key=lambda view: order[view.id]))

    def _depot(self) -> Reading[Depot]:
        return self._no_vapi or attempt(self._vlcm.depot)

    def _image(self, host: str) -> _Image:
        """Base image and add-on by vLCM; where this vCenter has no such call, by the host's own esxcli."""
        found: Reading[Any] = self._no_vapi or attempt(lambda: self._vlcm.host_software(host))
        if isinstance(found, Read):
            info = found.value
            return _Image(
                _documented(lambda: convert.host_base_image(info.base_image)),
                _documented(lambda: convert.host_add_on(info.add_on)),
            )
        if found.reason is not Reason.NOT_SUPPORTED:
            return _Image(found, found)
        base_image = self._esxcli.read(BY_KEY["base_image"], host)
        if isinstance(base_image, Unread):
            both = Unread(base_image.reason, f"vLCM: {found.detail}; esxcli: {base_image.detail}", base_image.raw)
            return _Image(both, both)
        return _Image(base_image, self._esxcli.read(BY_KEY["add_on"], host))

    def _components(self, host: str) -> Reading[tuple[Component, ...]]:
        return self._no_vapi or attempt(lambda: self._vlcm.installed_components(host))

    def _by_manager(self, host: str, manager: Reading[str]) -> dict[str, Any]:
        """What the host's image manager tells. VIBs want a privilege that a reading account may not have: then esxcli tells."""
        if isinstance(manager, Unread):
            return dict.fromkeys(software.BY_KEY, manager)
        told = {key: read(self._soap, manager.value) for key, read in software.BY_KEY.items()}
        vibs = told["vibs"]
        if isinstance(vibs, Unread) and vibs.reason in {Reason.DENIED, Reason.NOT_SUPPORTED}:
            other = self._esxcli.read(BY_KEY["vibs"], host)
            told["vibs"] = other if isinstance(other, Read) else vibs
        return told

    def _staged(self, host: InventoryHost) -> Reading[StagedImage | None]:
        if host.reboot_required:
            return self._esxcli.read(BY_KEY["staged"], host.id)
        return Unread(Reason.NOT_ATTEMPTED, "vCenter does not mark the host as needing a reboot; only then the host is asked")


def _product(host: InventoryHost) -> Reading[Product]:
    if host.version and host.build:
        return Read(Product(host.version, host.build))
    return Unread(Reason.UNREADABLE, "vCenter's inventory shows no version and build for this host")


def _maintenance(host: InventoryHost) -> Reading[bool]:
    if host.in_maintenance_mode is None:
        return Unread(Reason.UNREADABLE, "vCenter's inventory does not show it")
    return Read(host.in_maintenance_mode)


def _documented(conversion: Callable[[], Any]) -> Any:
    """``conversion``'s value as a reading; a part that has not the documented form is UNREADABLE."""

    def convert_part() -> Any:
        try:
            return conversion()
        except (AttributeError, TypeError, ValueError) as error:
            raise unanswered(Reason.UNREADABLE, f"the answer does not have the documented form: {error}") from error

    return attempt(convert_part)
