"""What vCenter says of a host before a rollback: cluster, VMs, HA, vSAN, services (a ``HostSurroundings``). Reads only."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from auditor.domain.observation import InventoryHost, Read, Reading, Reason, Unread
from auditor.domain.readings.situation import better
from auditor.domain.rollback.control import Connection
from auditor.domain.rollback.situation import ClusterFacts, HostSituation
from auditor.domain.settings.values import HostSettings, unread_settings
from auditor.ports import HostTarget
from auditor.vcenter import hostvalues as values
from auditor.vcenter.faults import attempt
from auditor.vcenter.hostscene import Scene, sweep
from auditor.vcenter.hostsettings import FROM_VCENTER, read_one
from auditor.vcenter.inventory import display_name, single_property
from auditor.vcenter.link import Link
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.workload import loads, pinned, runs_vcenter


class VCenterSurroundings:
    """One vCenter. Safe to share between threads; lives through restarts of vCenter."""

    def __init__(self, settings: VCenterSettings, password: Callable[[], str]) -> None:
        self.gate = Gate()
        self._link = Link(settings.endpoint, password, self.gate)
        self._names = {settings.host.lower()}
        with suppress(OSError, UnicodeError):
            self._names |= {str(info[4][0]) for info in socket.getaddrinfo(settings.host, None)}

    def close(self) -> None:
        """Log out. Never raises."""
        self._link.close()

    def connection(self, target: HostTarget) -> Reading[Connection]:
        """``runtime.connectionState``."""

        def look(content: Any, host: Any) -> Connection:
            return Connection(str(single_property(content, host, "runtime").connectionState))

        return attempt(lambda: self._link.with_host(target.name, look))

    def settings(self, target: HostTarget, at: datetime) -> HostSettings:
        """The host's settings as this vCenter shows them; ``at`` is now."""

        def look(content: Any, host: Any) -> InventoryHost:
            state = str(single_property(content, host, "runtime").connectionState)
            return InventoryHost(str(host._moId), target.name, connection=state)  # noqa: SLF001  # the only way to the id

        name = target.vcenter
        found = attempt(lambda: self._link.with_host(target.name, look))
        if isinstance(found, Unread):
            return unread_settings(target.name, name, at, found, FROM_VCENTER)
        host = found.value
        read = attempt(lambda: self._link.call(lambda session, _: read_one(session, name, host, at)))
        return unread_settings(target.name, name, at, read, FROM_VCENTER) if isinstance(read, Unread) else read.value

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation:
        """The same with what vCenter knows. Of a host it is not connected to, only what vCenter itself decides on is taken."""
        swept = attempt(lambda: self._link.with_host(target.name, sweep))
        if isinstance(swept, Unread):
            return _all(situation, swept)
        scene = swept.value
        state = str(scene.host["runtime"].connectionState)
        situation = replace(
            situation,
            cluster=_cluster(situation.cluster, scene),
            machine_in_vcenter=better(situation.machine_in_vcenter, values.machine(scene.host)),
            loads=better(situation.loads, Read(loads(scene, target.name))),
        )
        if state != "connected":
            why = Unread(Reason.NOT_CONNECTED, f"vCenter shows the host as {state}: what it says of it is old")
            return _of_host(situation, why)
        return self._host(situation, scene)

    def _host(self, situation: HostSituation, scene: Scene) -> HostSituation:
        host, runtime = scene.host, scene.host["runtime"]
        das = runtime.dasHostState
        vsan = host.get("config.vsanHostConfig")
        return replace(
            situation,
            maintenance_mode=better(situation.maintenance_mode, Read(bool(runtime.inMaintenanceMode))),
            pinned_vms=better(situation.pinned_vms, pinned(scene)),
            runs_vcenter=better(situation.runs_vcenter, runs_vcenter(scene, self._names)),
            ha_agent=better(situation.ha_agent, Read("" if das is None else str(das.state))),
            stateless=better(situation.stateless, values.stateless(host)),
            dpu=better(situation.dpu, values.dpu(host)),
            quick_boot=better(situation.quick_boot, values.quick_boot(host)),
            vsan=replace(
                situation.vsan,
                enabled=better(situation.vsan.enabled, values.vsan_enabled(vsan)),
                fault_domain=better(situation.vsan.fault_domain, values.fault_domain(vsan)),
            ),
            security=replace(
                situation.security,
                encryption=better(situation.security.encryption, values.encryption(host)),
                tpm=better(situation.security.tpm, values.tpm(host)),
                attestation=better(situation.security.attestation, values.attestation(host)),
                lockdown=better(situation.security.lockdown, values.lockdown(host)),
            ),
            way_in=replace(situation.way_in, ssh_policy_on=better(situation.way_in.ssh_policy_on, values.ssh_policy(host))),
        )


def _cluster(known: ClusterFacts, scene: Scene) -> ClusterFacts:
    name = display_name(scene.cluster.get("name") or "")
    configuration = scene.cluster.get("configurationEx")
    drs: Reading[str] = Read("off")
    ha: Reading[bool] = Read(False)
    if name and configuration is None:
        drs = ha = Unread(Reason.DENIED, "vCenter does not show the cluster's configuration; the account may lack System.Read")
    elif configuration is not None:
        drs_config = configuration.drsConfig
        if drs_config is not None and drs_config.enabled:
            drs = Read(str(drs_config.defaultVmBehavior or "fullyAutomated"))
        ha = Read(bool(configuration.dasConfig is not None and configuration.dasConfig.enabled))
    return replace(
        known,
        name=better(known.name, Read(name)),
        drs=better(known.drs, drs),
        ha_enabled=better(known.ha_enabled, ha),
    )


def _of_host(situation: HostSituation, why: Unread) -> HostSituation:
    """``why`` for everything that the host itself would have to tell vCenter."""
    return replace(
        situation,
        maintenance_mode=better(situation.maintenance_mode, why),
        pinned_vms=better(situation.pinned_vms, why),
        runs_vcenter=better(situation.runs_vcenter, why),
        ha_agent=better(situation.ha_agent, why),
        stateless=better(situation.stateless, why),
        dpu=better(situation.dpu, why),
        quick_boot=better(situation.quick_boot, why),
        vsan=replace(
            situation.vsan,
            enabled=better(situation.vsan.enabled, why),
            fault_domain=better(situation.vsan.fault_domain, why),
        ),
        security=replace(
            situation.security,
            encryption=better(situation.security.encryption, why),
            tpm=better(situation.security.tpm, why),
            attestation=better(situation.security.attestation, why),
            lockdown=better(situation.security.lockdown, why),
        ),
        way_in=replace(situation.way_in, ssh_policy_on=better(situation.way_in.ssh_policy_on, why)),
    )


def _all(situation: HostSituation, why: Unread) -> HostSituation:
    known = situation.cluster
    cluster = replace(
        known,
        name=better(known.name, why),
        drs=better(known.drs, why),
        ha_enabled=better(known.ha_enabled, why),
    )
    machine = better(situation.machine_in_vcenter, why)
    return _of_host(replace(situation, cluster=cluster, machine_in_vcenter=machine, loads=better(situation.loads, why)), why)


__all__ = ["VCenterSurroundings"]
