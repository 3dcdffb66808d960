"""Hosts' settings from vCenter: a property-collector sweep, some hosts at a time, and the few advanced options by another.

Reads only. vCenter answers from what its agents on the hosts tell it; a host that is not connected is not described.
Only what is named here is taken: SNMP communities, CHAP secrets, user names of NFS and licence keys are left where they are.
"""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET  # the peer is verified before a byte is parsed
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from pyVmomi import vim, vmodl

from auditor import parallel
from auditor.domain.observation import Connection, InventoryHost, Read, Reading, Reason, Unread
from auditor.domain.settings.values import Entries, HostSettings, SettingsGroup, entries, unread_settings
from auditor.ports import Clock
from auditor.vcenter import settingvalues as values
from auditor.vcenter.faults import attempt
from auditor.vcenter.soap import SoapSession

AT_ONCE = 20
"""Hosts of one answer: 2 to 5 MB with their advanced options."""

THREADS = 4

GROUPS: Mapping[SettingsGroup, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Mapping[str, str | None]]]] = {
    SettingsGroup.NTP: (("config.dateTimeInfo",), values.ntp),
    SettingsGroup.DNS: (("config.network.dnsConfig",), values.dns),
    SettingsGroup.VMKERNEL: (("config.network.vnic", "config.virtualNicManagerInfo.netConfig"), values.vmkernel),
    SettingsGroup.ROUTES: (("config.network.ipRouteConfig",), values.routes),
    SettingsGroup.SWITCHES: (("config.network.vswitch",), values.switches),
    SettingsGroup.PORT_GROUPS: (("config.network.portgroup",), values.port_groups),
    SettingsGroup.DISTRIBUTED: (("config.network.proxySwitch",), values.distributed),
    SettingsGroup.NFS: (("config.fileSystemVolume.mountInfo",), values.nfs),
    SettingsGroup.VMFS: (("config.fileSystemVolume.mountInfo",), values.vmfs),
    SettingsGroup.ISCSI: (("config.storageDevice.hostBusAdapter",), values.iscsi),
    SettingsGroup.SERVICES: (("config.service.service",), values.services),
    SettingsGroup.LOCKDOWN: (("config.lockdownMode",), values.lockdown),
    SettingsGroup.DIRECTORY: (("config.authenticationManagerInfo.authConfig",), values.directory),
    SettingsGroup.CERTIFICATE: (("summary.config.sslThumbprint",), values.certificate),
    SettingsGroup.ENCRYPTION: (("runtime.stateEncryption",), values.encryption),
    SettingsGroup.FIRMWARE: (
        ("capability.tpmSupported", "capability.tpmVersion", "capability.uefiSecureBoot"),
        values.firmware,
    ),
}
"""The properties of each group; the first decides whether it was read."""

FROM_VCENTER = (*GROUPS, SettingsGroup.OPTIONS, SettingsGroup.LOCKDOWN_USERS)

_NETWORK = "config.network.vnic"
_LISTS = frozenset({"config.network.vswitch", "config.network.portgroup", "config.network.proxySwitch"})
"""Left out by vCenter when there is none [inferred]: no value of these, beside adapters that were read, is an empty list."""

_ACCESS = "configManager.hostAccessManager"
_OPTIONS = "config.option"
_Collector = vmodl.query.PropertyCollector


def read_settings(
    session: SoapSession, vcenter: str, hosts: Sequence[InventoryHost], clock: Clock
) -> Iterator[tuple[HostSettings, ...]]:
    """The settings of these hosts, some at a time. Never raises for what vCenter does: a group has a value or a reason."""
    connected = [host for host in hosts if host.connection == Connection.CONNECTED.value]
    others = [host for host in hosts if host.connection != Connection.CONNECTED.value]
    if others:
        yield tuple(_not_connected(vcenter, host, clock.now()) for host in others)
    batches = [connected[start : start + AT_ONCE] for start in range(0, len(connected), AT_ONCE)]
    yield from parallel.each(batches, lambda batch: _batch(session, vcenter, batch, clock.now()), THREADS)


def read_one(session: SoapSession, vcenter: str, host: InventoryHost, at: datetime) -> HostSettings:
    """The settings of one host, asked at ``at``."""
    if host.connection != Connection.CONNECTED.value:
        return _not_connected(vcenter, host, at)
    (found,) = _batch(session, vcenter, [host], at)
    return found


def _not_connected(vcenter: str, host: InventoryHost, at: datetime) -> HostSettings:
    said = host.connection or "does not show whether it is connected"
    why = Unread(Reason.NOT_CONNECTED, f"vCenter {vcenter}: {said}: what it shows for this host is from its own database")
    return unread_settings(host.name, vcenter, at, why, FROM_VCENTER)


def _batch(session: SoapSession, vcenter: str, hosts: Sequence[InventoryHost], at: datetime) -> tuple[HostSettings, ...]:
    swept = attempt(lambda: session.call(lambda content: _sweep(session, content, [host.id for host in hosts])))
    options = attempt(lambda: session.call(lambda content: _options(session, content, [host.id for host in hosts])))
    found = []
    for host in hosts:
        if isinstance(swept, Unread):
            groups: dict[SettingsGroup, Reading[Entries]] = dict.fromkeys(FROM_VCENTER, swept)
        elif host.id not in swept.value:
            gone = Unread(Reason.ABSENT, f"vCenter {vcenter} did not answer for it")
            groups = dict.fromkeys(FROM_VCENTER, gone)
        else:
            seen = swept.value[host.id]
            groups = {group: seen.group(group) for group in GROUPS}
            groups[SettingsGroup.LOCKDOWN_USERS] = _excepted(session, seen, groups[SettingsGroup.LOCKDOWN])
        if SettingsGroup.OPTIONS not in groups:
            groups[SettingsGroup.OPTIONS] = _option_entries(options, host.id)
        found.append(HostSettings(host.name, vcenter, at, groups))
    return tuple(found)


class _Seen:
    """What one host's object showed: properties, and why others are missing."""

    def __init__(self, item: Any, unknown: frozenset[str]) -> None:
        self.properties = {prop.name: prop.val for prop in item.propSet or ()}
        self._missing = {missing.path: missing.fault for missing in item.missingSet or ()}
        self._unknown = unknown

    def group(self, group: SettingsGroup) -> Reading[Entries]:
        """One group's entries."""
        paths, convert = GROUPS[group]
        first = paths[0]
        refused = next((path for path in paths if path in self._missing), None)
        if refused is not None:
            fault = type(self._missing[refused]).__name__.split(".")[-1]
            reason = Reason.DENIED if fault in {"NoPermission", "NotAuthenticated"} else Reason.FAILED
            return Unread(reason, f"vCenter does not show {refused}: {fault}")
        if first not in self.properties:
            if first in _LISTS and _NETWORK in self.properties:
                return Read(())
            if first in self._unknown:
                return Unread(Reason.NOT_SUPPORTED, f"this vCenter's API has no {first}")
            return Unread(Reason.ABSENT, f"vCenter does not show {first}")
        try:
            return Read(entries(convert(self.properties)))
        except (AttributeError, TypeError, ValueError) as error:
            return Unread(Reason.UNREADABLE, f"{first} does not have the documented form: {error}")


def _sweep(session: SoapSession, content: Any, ids: Sequence[str]) -> dict[str, _Seen]:
    wanted = sorted({path for paths, _ in GROUPS.values() for path in paths} | {_ACCESS})
    known = [path for path in wanted if session.knows(vim.HostSystem, path)]
    unknown = frozenset(wanted) - set(known)
    specification = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=session.object(vim.HostSystem, moid), skip=False) for moid in ids],
        propSet=[_Collector.PropertySpec(type=vim.HostSystem, pathSet=known)],
    )
    collector, found = content.propertyCollector, {}
    page = collector.RetrievePropertiesEx([specification], _Collector.RetrieveOptions())
    while page is not None:
        for item in page.objects:
            found[str(item.obj._moId)] = _Seen(item, unknown)  # noqa: SLF001  # pyVmomi offers no other way to the id
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return found


def _excepted(session: SoapSession, seen: _Seen, mode: Reading[Entries]) -> Reading[Entries]:
    """Exception users, asked only of a host in lockdown mode: the question wants the right Global.Settings."""
    if isinstance(mode, Unread):
        return mode
    if dict(mode.value).get("mode") == "lockdownDisabled":
        return Read(())
    manager = seen.properties.get(_ACCESS)
    if manager is None:
        return Unread(Reason.ABSENT, "vCenter shows no access manager of the host")
    moid = str(manager._moId)  # noqa: SLF001  # as above
    users = attempt(lambda: session.call(lambda _: session.object(vim.host.HostAccessManager, moid).QueryLockdownExceptions()))
    if isinstance(users, Unread):
        return users
    return Read(entries({"exception users": ", ".join(sorted(map(str, users.value or ())))}))


@cache
def watched_options() -> frozenset[str]:
    """The advanced options that are recorded: those that administrators and hardening guides set."""
    text = resources.files("auditor.vcenter").joinpath("data", "host-options.csv").read_text("utf-8")
    return frozenset(row["option"] for row in csv.DictReader(text.splitlines()))


def _options(session: SoapSession, content: Any, ids: Sequence[str]) -> dict[str, Entries]:
    """The watched ones of each host that shows its options. A host has over a thousand: pyVmomi would make an object of each,
    which takes ten times as long as reading the XML."""
    collector = str(content.propertyCollector._moId)  # noqa: SLF001  # as above
    objects = "".join(f'<objectSet><obj type="HostSystem">{moid}</obj><skip>false</skip></objectSet>' for moid in ids)
    wanted = f"<propSet><type>HostSystem</type><pathSet>{_OPTIONS}</pathSet></propSet>"
    arguments = f"<specSet>{wanted}{objects}</specSet><options/>"
    found: dict[str, Entries] = {}
    page = session.invoke_raw("PropertyCollector", collector, "RetrievePropertiesEx", arguments)
    while page is not None:
        result = page.find("{urn:vim25}returnval")
        found |= dict(_option_values(result))
        token = None if result is None else result.findtext("{urn:vim25}token")
        if not token:
            break
        page = session.invoke_raw("PropertyCollector", collector, "ContinueRetrievePropertiesEx", f"<token>{token}</token>")
    return found


def _option_values(result: ET.Element | None) -> Iterable[tuple[str, Entries]]:
    for item in () if result is None else result.iterfind("{urn:vim25}objects"):
        moid = item.findtext("{urn:vim25}obj") or ""
        if item.find("{urn:vim25}propSet") is None:
            continue
        pairs = {}
        for option in item.iterfind("{urn:vim25}propSet/{urn:vim25}val/{urn:vim25}OptionValue"):
            key = option.findtext("{urn:vim25}key") or ""
            if key in watched_options():
                pairs[key] = values.option(option.findtext("{urn:vim25}value") or "")
        yield moid, entries(pairs)


def _option_entries(options: Reading[dict[str, Entries]], host: str) -> Reading[Entries]:
    if isinstance(options, Unread):
        return options
    if not options.value.get(host):
        return Unread(Reason.ABSENT, f"vCenter does not show {_OPTIONS}, or none that is watched")
    return Read(options.value[host])


__all__ = ["FROM_VCENTER", "GROUPS", "read_one", "read_settings", "watched_options"]
