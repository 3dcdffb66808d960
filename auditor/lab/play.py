"""Plays a scenario: makes its vCenter and hosts, lets its past happen, breaks what is broken.

Times. Up to the first snapshot everything happens as long ago as the scenario says, on the lab's clock. A snapshot is taken by
the real tool on the real clock, so from then on the lab's clock is the real one: whatever comes later is later for both.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from auditor.errors import InputError
from auditor.lab.clock import LabClock
from auditor.lab.hosts.host import HostDownError, LabHost
from auditor.lab.hosts.images import LabVib
from auditor.lab.hosts.traits import set_traits
from auditor.lab.scenario import DOMAIN, Event, Place, Scenario, Verb, stock
from auditor.lab.vcenter.bundle import make_bundle
from auditor.lab.vcenter.state import LabVCenter, VCenterBackup

AUTHOR = "administrator@vsphere.local"
LIVE_VIB = LabVib("lab-live-agent", "1.0.0-1OEM.800.1.0.20613240", "LAB", "PartnerSupported")
BUNDLES = f"https://depot.{DOMAIN}/"
"""Where the vCenter finds an offline bundle of each image of the scenario: this, its name there, and `.zip`."""


class Play:
    """One scenario on its way. ``vcenter`` and ``hosts`` (by name, every host there ever is) exist from the start, in the
    starting state; `past` and `break_things` then change them."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.lock = threading.RLock()
        self.clock = LabClock(-scenario.since)
        self.vcenter = LabVCenter(scenario.version, build=scenario.build or None, clock=self.clock.now, lock=self.lock)
        self.hosts: dict[str, LabHost] = {}
        self._backup: tuple[VCenterBackup, dict[str, int]] | None = None
        # The password of vpxuser on each host that vCenter remembers, as a counter: it gets in where the host has the same.
        self._remembered: dict[str, int] = {}
        self._cut_off: set[str] = set()  # hosts that vCenter does not get through to for another reason
        self.leads_to: dict[str, LabHost] = {}
        """Whose SSH address a host is known under, where that is another's."""
        self._set_up()

    @property
    def outside(self) -> tuple[LabHost, ...]:
        """The hosts that only the configuration names."""
        return tuple(self.hosts[h.name] for h in self.scenario.hosts if h.place is Place.OUTSIDE)

    def _set_up(self) -> None:
        scenario, depot = self.scenario, self.vcenter.database.depot
        for name in scenario.depot:
            stock(depot, scenario.images[name])
        for cluster in scenario.clusters:
            made = self.vcenter.add_cluster(cluster.name)
            made.ha, made.drs, made.auto_remediate = cluster.ha, cluster.drs, cluster.auto_remediate
            for name in cluster.hosts:
                self.vcenter.add_host(self._make(name, cluster.image), cluster.name)
                self.hosts[name].vsan = cluster.vsan
                part = scenario.images[cluster.image].of(scenario.hardware(name))
                self.hosts[name].firmware = {manager: (package, version) for manager, package, version in part.packages}
            if cluster.by_image:
                software = scenario.images[cluster.image]
                stock(depot, software)
                self.vcenter.set_desired(cluster.name, software, message=f"Initial image {cluster.image}")
                self.vcenter.scan(cluster.name)
        for name, software in scenario.images.items():
            self.vcenter.web[f"{BUNDLES}{name}.zip"] = make_bundle(software, scenario.warehouse)
        for single in scenario.hosts:
            host = self._make(single.name, single.image)
            if single.place is Place.STAND_ALONE:
                self.vcenter.add_host(host)
        for trait in scenario.traits:
            for name in trait.hosts:
                set_traits(self.hosts[name], trait.traits)
        for vm in scenario.vms:
            self.vcenter.add_vm(vm.name, vm.host, running=vm.running, pinned=vm.pinned, vcenter=vm.vcenter)

    def _make(self, name: str, image: str) -> LabHost:
        host = LabHost(name, self.scenario.image(image, name), clock=self.clock.now, lock=self.lock)
        hardware = self.scenario.hardware(name)
        host.vendor, host.model = hardware.vendor, hardware.model
        self.hosts[name] = host
        self._remembered[name] = 0
        host.on_change.append(lambda _: self._trust())
        return host

    def past(self, snapshot: Callable[[], None], tell: Callable[[str], None]) -> None:
        """Let the past happen. ``snapshot`` runs `auditor snapshot`; ``tell`` is told each event before it happens.

        Raises `InputError` for an event that cannot happen, and whatever ``snapshot`` raises."""
        for event in self.scenario.past:
            tell(str(event))
            self.clock.offset = -event.ago
            if event.verb is Verb.SNAPSHOT:
                snapshot()
                continue
            try:
                with self.lock:
                    self._happen(event)
            except (LookupError, HostDownError, ValueError) as error:
                raise InputError(f"cannot happen: {error}", where=f"scenario {self.scenario.name}, {event}") from error
        self.clock.offset = dt.timedelta(0)

    def _happen(self, event: Event) -> None:
        acts: dict[Verb, Callable[[Event], None]] = {
            Verb.BACKUP: self._save,
            Verb.RESTORE: self._restore,
            Verb.IMPORT: lambda e: stock(self.vcenter.database.depot, self.scenario.images[e.image]),
            Verb.FORGET: self._forget,
            Verb.SET_IMAGE: self._set_image,
            Verb.SWITCH: self._set_image,
            Verb.REMEDIATE: self._remediate,
            Verb.SCAN: self._scan,
            Verb.DISCONNECT: lambda e: _each(e.hosts, self.vcenter.disconnect),
            Verb.RECONNECT: self._reconnect,
            Verb.CHANGE_PASSWORD: self._change_password,
            Verb.ADD_HOST: lambda e: _each(e.hosts, lambda h: self.vcenter.add_host(self.hosts[h], e.clusters[0])),
            Verb.REMOVE_HOST: lambda e: _each(e.hosts, self.vcenter.remove_host),
            Verb.STAGE: lambda e: _each(e.hosts, lambda h: self.hosts[h].stage(self.scenario.image(e.image, h))),
            Verb.REBOOT: lambda e: _each(e.hosts, lambda h: self.hosts[h].reboot()),
            Verb.CHANGE_SETTING: self._change_setting,
            Verb.LIVE_VIB: lambda e: _each(e.hosts, self.install_live),
            Verb.POWER_OFF: lambda e: _each(e.hosts, lambda h: self.hosts[h].shut_down()),
            Verb.PATCH_VCENTER: lambda e: self.vcenter.patch(e.build),
            Verb.DRAFT: self._begin_draft,
            Verb.SCHEDULE: self._schedule,
            Verb.OPERATION: lambda e: _each(e.clusters, lambda c: self.vcenter.begin_operation(c, user=e.user)),
        }
        acts[event.verb](event)
        self._reach()

    def _save(self, _: Event) -> None:
        self._backup = self.vcenter.backup(), dict(self._remembered)

    def _restore(self, _: Event) -> None:
        if self._backup is None:
            raise LookupError("there is no backup")
        self.vcenter.restore(self._backup[0])
        self._remembered = dict(self._backup[1])

    def _forget(self, event: Event) -> None:
        software, depot = self.scenario.images[event.image], self.vcenter.database.depot
        if depot.missing(software):
            raise LookupError(f"the depot has no {event.image}")
        depot.remove_base_image(software.base_image)
        if software.add_on is not None:
            depot.remove_add_on(software.add_on)

    def _set_image(self, event: Event) -> None:
        software = self.scenario.images[event.image]
        if lacks := self.vcenter.database.depot.missing(software):
            raise LookupError(f"not in the depot: {', '.join(lacks)}; import-to-depot must come first")
        for name in event.clusters:
            on_baselines = self.vcenter.cluster(name).mode == "baselines"
            if on_baselines is not (event.verb is Verb.SWITCH):
                verb = Verb.SWITCH if on_baselines else Verb.SET_IMAGE
                raise LookupError(f"{name} is {'on baselines' if on_baselines else 'managed by an image'}: use {verb.value}")
            self.vcenter.set_desired(name, software, author=AUTHOR, message=f"Image {event.image}")

    def _begin_draft(self, event: Event) -> None:
        for name in event.clusters:
            self.vcenter.add_draft(name, self.scenario.images[event.image], owner=event.user)

    def _schedule(self, event: Event) -> None:
        for name in event.clusters:
            self.vcenter.schedule(name, dt.datetime.now(dt.UTC) + event.after, user=event.user)

    def _remediate(self, event: Event) -> None:
        for name in event.clusters:
            self.vcenter.remediate(name, event.hosts or None)

    def _scan(self, event: Event) -> None:
        """As vCenter's daily check does it: clusters on baselines have no image to be checked against."""
        for name in event.clusters:
            if self.vcenter.cluster(name).commit is not None:
                self.vcenter.scan(name)

    def _change_password(self, event: Event) -> None:
        for name in event.hosts or tuple(self.hosts):
            self.hosts[name].vpxuser = self._remembered[name] = self.hosts[name].vpxuser + 1

    def _change_setting(self, event: Event) -> None:
        for name in event.hosts:
            host = self.hosts[name]
            host.settings = host.settings.changed(event.setting, event.value)
            host.tell()

    def _reconnect(self, event: Event) -> None:
        _each(event.hosts, self.reconnect)

    def reconnect(self, name: str) -> None:
        """A person reconnects a host in vCenter, with root's password; vCenter gives its own account there a new one. Raises
        LookupError for a host that vCenter does not list, ValueError for one that does not answer."""
        host = self.hosts[name]
        self.vcenter.host(name)
        if host.power != "on":
            raise ValueError(f"{name} does not answer: it is {host.power}")
        self._remembered[name] = host.vpxuser
        self._cut_off.discard(name)
        self._trust()
        self.vcenter.reconnect(name)
        self.vcenter.refresh_inventory()

    def cut_off(self, name: str) -> None:
        """vCenter does not get through to a host any more."""
        self._cut_off.add(name)
        self._trust()

    def install_live(self, name: str) -> None:
        """A VIB is installed without a reboot, as NSX or vSphere HA do."""
        self.hosts[name].live_install(LIVE_VIB)

    def _trust(self) -> None:
        """vCenter gets in where its account has the password it remembers: a host may have come back with an older one."""
        refused = {name for name, host in self.hosts.items() if self._remembered[name] != host.vpxuser}
        self.vcenter.unreachable = refused | self._cut_off

    def _reach(self) -> None:
        """vCenter learns what it can of the hosts it gets through to."""
        self._trust()
        self.vcenter.refresh_inventory()

    def break_things(self) -> None:
        """Put the scenario's faults in force."""
        with self.lock:
            for fault in self.scenario.faults:
                for name in fault.hosts:
                    host = self.hosts[name]
                    host.set_faults(fault.faults)
                    if fault.leads_to:
                        self.leads_to[name] = self.hosts[fault.leads_to]
                    if fault.power_off:
                        host.shut_down()
                    if fault.vcenter == "disconnected":
                        self.vcenter.disconnect(name)
                    elif fault.vcenter == "unreachable":
                        self.cut_off(name)
            self.vcenter.refresh_inventory()
            for planned in self.scenario.vcenter_faults:
                self.vcenter.faults.add(planned)
            self.vcenter.starting = self.scenario.starting


def _each(names: tuple[str, ...], act: Callable[[str], object]) -> None:
    for name in names:
        act(name)
