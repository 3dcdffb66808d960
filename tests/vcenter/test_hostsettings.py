"""Hosts' settings through vCenter: what is set is read, what cannot be read has a reason, and no secret is among it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from auditor.codec import canonical
from auditor.domain.observation import InventoryHost, Read, Reason, Unread
from auditor.domain.settings.values import HostSettings, SettingsGroup
from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from auditor.vcenter import hostsettings, settingvalues
from auditor.vcenter.hostsettings import FROM_VCENTER
from auditor.vcenter.operations import effects
from auditor.vcenter.reader import VCenterRouteReader
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tls import fetch_thumbprint
from tests.vcenter.conftest import Clock, Silence

G = SettingsGroup


class Site:
    """A simulated vCenter with three hosts, and a reader of it."""

    def __init__(self, folder: Path, version: str) -> None:
        self.vcenter = LabVCenter(version)
        self.vcenter.add_cluster("prod")
        self.hosts = [
            LabHost(f"esx{n}.lab.example", make_image("8.0.2-0.40.23825572"), lock=self.vcenter.lock) for n in (1, 2, 3)
        ]
        for host in self.hosts:
            self.vcenter.add_host(host, "prod")
        self.server = VCenterServer(self.vcenter, folder, run=run_esxcli, commands=FORMATTERS)
        self.server.start()
        port = self.server.http.port
        settings = VCenterSettings("lab", "127.0.0.1", USER, port, fetch_thumbprint("127.0.0.1", port))
        self.reader = VCenterRouteReader(settings, lambda: PASSWORD, Clock())
        view = self.reader.view(Silence())
        assert isinstance(view.hosts, Read)
        self.listed = view.hosts.value
        self.vcenter.calls.clear()

    def read(self, listed: tuple[InventoryHost, ...] | None = None) -> dict[str, HostSettings]:
        found = [one for some in self.reader.settings(listed or self.listed) for one in some]
        assert len(found) == len({one.host for one in found})
        return {one.host.partition(".")[0]: one for one in found}

    def close(self) -> None:
        self.reader.close()
        self.server.stop()


@pytest.fixture(params=["7.0.3", "8.0.3", "9.1"])
def versions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, request.param)
    yield site
    site.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, "8.0.3")
    yield made
    made.close()


def test_every_group_is_read_in_every_version(versions: Site) -> None:
    found = versions.read()
    assert set(found) == {"esx1", "esx2", "esx3"}
    for one in found.values():
        assert one.vcenter == "lab"
        assert one.at == Clock().now()
        assert set(one.groups) == set(FROM_VCENTER)
        assert one.unread == {}
    assert dict(found["esx1"].read[G.NTP])["servers"] == "ntp1.lab.example, ntp2.lab.example"


def test_only_what_reads_is_called_and_twice_for_many_hosts(site: Site) -> None:
    site.hosts[0].lockdown, site.hosts[0].lockdown_exceptions = "lockdownNormal", ("svc-audit",)
    found = site.read()
    calls = [call.key for call in site.vcenter.calls.all()]
    assert {call[2] for call in calls} == {"RetrievePropertiesEx", "QueryLockdownExceptions"}
    assert len(calls) == 3, "two sweeps, and a question to the one host in lockdown mode"
    assert all(effects().get(call, "read") == "read" for call in calls)
    assert found["esx1"].read[G.LOCKDOWN_USERS] == (("exception users", "svc-audit"),)
    assert found["esx2"].read[G.LOCKDOWN_USERS] == ()


@pytest.mark.parametrize(
    ("setting", "value", "group", "name", "shown"),
    [
        ("ntp", "ntp9.lab.example", G.NTP, "servers", "ntp9.lab.example"),
        ("dns", "192.0.2.9", G.DNS, "servers", "192.0.2.9"),
        ("vlan", "77", G.PORT_GROUPS, "Management Network", "VLAN 77, on vSwitch0"),
        ("nfs", "a nas:/a,b nas:/b", G.NFS, "b", "NFS nas:/b"),
        ("iscsi", "192.0.2.40", G.ISCSI, "vmhba64 send targets", "192.0.2.40:3260"),
        ("syslog", "udp://log:514", G.OPTIONS, "Syslog.global.logHost", "udp://log:514"),
        ("shell", "on", G.SERVICES, "TSM", "on"),
        ("domain", "corp.example", G.DIRECTORY, "domain", "corp.example"),
    ],
)
def test_a_change_shows(site: Site, setting: str, value: str, group: SettingsGroup, name: str, shown: str) -> None:
    before = site.read()
    site.hosts[1].settings = site.hosts[1].settings.changed(setting, value)
    after = site.read()
    assert dict(after["esx2"].read[group])[name] == shown
    assert {g for g in FROM_VCENTER if before["esx2"].of(g) != after["esx2"].of(g)} == {group}
    assert before["esx1"] == after["esx1"]


def test_a_renewed_certificate_shows_as_another_thumbprint(site: Site) -> None:
    before = site.read()["esx1"].of(G.CERTIFICATE)
    site.hosts[0].settings = site.hosts[0].settings.changed("certificate", "1")
    assert site.read()["esx1"].of(G.CERTIFICATE) != before


def test_no_secret_is_taken(site: Site) -> None:
    site.hosts[0].settings = site.hosts[0].settings.changed("iscsi", "192.0.2.40").changed("syslog", "ssl://u:pw-1@log:1514")
    text = canonical(site.read()["esx1"].groups)
    assert "never-to-be-recorded" not in text
    assert "pw-1" not in text
    assert "ssl://log:1514" in text


def test_a_host_that_is_not_connected_is_not_described(site: Site) -> None:
    gone = tuple(replace(host, connection="notResponding") if host.name.startswith("esx2") else host for host in site.listed)
    found = site.read(gone)
    assert found["esx2"].read == {}
    assert {why.reason for why in found["esx2"].unread.values()} == {Reason.NOT_CONNECTED}
    assert found["esx1"].unread == {}


def test_a_host_that_left_meanwhile_costs_only_itself_or_says_why(site: Site) -> None:
    site.vcenter.remove_host("esx2.lab.example")
    found = site.read()
    assert len(found["esx2"].unread) == len(FROM_VCENTER)
    assert {why.reason for why in found["esx2"].unread.values()} <= {Reason.ABSENT, Reason.FAILED}


def test_a_vcenter_that_is_away_is_a_reason_for_each_group(site: Site) -> None:
    site.vcenter.starting = True
    for one in site.read().values():
        assert one.read == {}
        assert {why.reason for why in one.unread.values()} == {Reason.UNREACHABLE}


def test_many_hosts_are_read_some_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostsettings, "AT_ONCE", 2)
    parts = list(site.reader.settings(site.listed))
    assert sorted(len(part) for part in parts) == [1, 2]


@pytest.mark.judge("vcsim")
def test_against_vcsim(vcsim: int) -> None:
    pin = fetch_thumbprint("127.0.0.1", vcsim)
    reader = VCenterRouteReader(VCenterSettings("sim", "127.0.0.1", "auditor", vcsim, pin), lambda: "right", Clock())
    view = reader.view(Silence())
    assert isinstance(view.hosts, Read)
    found = [one for some in reader.settings(view.hosts.value) for one in some]
    reader.close()
    assert len(found) == 7
    for one in found:
        assert set(one.groups) == set(FROM_VCENTER)
        assert one.read[G.SWITCHES]
        assert one.read[G.VMKERNEL]
        assert all(isinstance(why, Unread) and why.detail for why in one.unread.values())


def shown(convert: Any, path: str, value: Any) -> dict[str, str | None]:
    return {name: text for name, text in convert({path: value}).items() if text}


def test_a_distributed_switch_is_its_uplinks_here() -> None:
    host_member = vim.dvs.HostMember
    backing = host_member.PnicBacking(pnicSpec=[host_member.PnicSpec(pnicDevice=nic) for nic in ("vmnic3", "vmnic2")])
    switch = vim.host.HostProxySwitch(
        dvsUuid="50 2e", dvsName="dvs-1", key="k", numPorts=9, numPortsAvailable=4,
        spec=vim.host.HostProxySwitch.Specification(backing=backing),
    )  # fmt: skip
    expected = {"dvs-1": "uplinks vmnic2 vmnic3, 50 2e"}
    assert shown(settingvalues.distributed, "config.network.proxySwitch", [switch]) == expected
    port = vim.dvs.PortConnection(switchUuid="50 2e", portgroupKey="dvportgroup-7", portKey="33", connectionCookie=12)
    ip = vim.host.IpConfig(dhcp=True, ipAddress="192.0.2.9", subnetMask="255.255.255.0")
    spec = vim.host.VirtualNic.Specification(ip=ip, distributedVirtualPort=port, mtu=9000, netStackInstanceKey="vmotion")
    nic = vim.host.VirtualNic(device="vmk1", key="k", portgroup="", spec=spec)
    assert shown(settingvalues.vmkernel, "config.network.vnic", [nic]) == {
        "vmk1": "DHCP, on dvportgroup-7 of 50 2e, MTU 9000, stack vmotion"
    }


def test_targets_that_are_found_again_by_themselves_are_left_out() -> None:
    hba = vim.host.InternetScsiHba
    static = [
        hba.StaticTarget(address="192.0.2.1", port=3260, iScsiName="iqn.a", discoveryMethod="staticMethod"),
        hba.StaticTarget(address="192.0.2.2", port=3260, iScsiName="iqn.b", discoveryMethod="sendTargetMethod"),
    ]
    adapter = hba(device="vmhba64", iScsiName="iqn.x", configuredStaticTarget=static, configuredSendTarget=[])
    assert shown(settingvalues.iscsi, "config.storageDevice.hostBusAdapter", [adapter, vim.host.FibreChannelHba()]) == {
        "vmhba64 name": "iqn.x",
        "vmhba64 static targets": "192.0.2.1:3260 iqn.a",
    }


def test_a_long_value_is_its_hash() -> None:
    long = [f"server-{n:03}.example.org" for n in range(60)]
    one, other = settingvalues._listed(long), settingvalues._listed([*long, "more"])
    assert one != other
    assert max(len(one), len(other)) < 200
