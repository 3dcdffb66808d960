"""A cluster whose hosts were updated and can go back, served on loopback, and the adapters that act on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.observation import Read, Route
from auditor.domain.rollback.control import BootCfgChange
from auditor.domain.rollback.plan import Method, Target, make_target
from auditor.domain.rollback.situation import HostSituation
from auditor.esxi.control import SshBankControl, SshHostControl
from auditor.esxi.host import SshHostReader
from auditor.esxi.look import SshLooker, SshSituationReader
from auditor.esxi.settings import SshSettings
from auditor.lab.addresses import give_addresses
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.lab import Lab
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from auditor.ports import HostTarget
from auditor.vcenter.hostapi import HostApiSettings
from auditor.vcenter.hostcontrol import ApiHostControl
from auditor.vcenter.settings import Endpoint, VCenterSettings
from auditor.vcenter.surroundings import VCenterSurroundings

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Bench:
    """A lab that serves, and every adapter on it."""

    lab: Lab
    folder: Path
    reader: SshHostReader
    banks: SshBankControl
    shell: SshHostControl
    api: ApiHostControl
    own: ApiHostControl
    looker: SshLooker
    asker: SshSituationReader
    surroundings: VCenterSurroundings

    @property
    def vcenter(self) -> LabVCenter:
        return self.lab.vcenter

    def host(self, number: int = 1) -> LabHost:
        return self.lab.hosts[f"esx{number}.lab.example"]

    def fault(self, **faults: Any) -> None:
        """Break the first host, and wait until it is broken."""
        self.host().set_faults(faults)
        self.settle()

    def settle(self) -> None:
        """Wait until the hosts' listeners follow their state."""
        assert self.lab._fleet is not None
        assert self.lab.host_apis is not None
        self.lab._fleet.settle()
        self.lab.host_apis.settle()

    def target(self, number: int = 1) -> HostTarget:
        host = self.host(number)
        return HostTarget(host.name, host.address, host.port, "lab")

    def situation(self, number: int = 1) -> HostSituation:
        target = self.target(number)
        empty = HostSituation(target.name, "lab", self.reader.read_banks(target))
        return self.surroundings.fill(self.asker.fill(empty, target), target)

    def planned(self, number: int = 1) -> Target:
        planned = make_target(self.situation(number), "24585383", Method.UNATTENDED)
        assert isinstance(planned, Target), planned
        return planned

    def change(self, number: int = 1) -> BootCfgChange:
        return BootCfgChange.of(self.planned(number))


def eventually(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    vcenter = LabVCenter("8.0.3")
    for image in (OLD, NEW):
        vcenter.database.depot.add_base_image(image)
    vcenter.add_cluster("prod")
    hosts = [LabHost(f"esx{n}.lab.example", make_image(OLD), lock=vcenter.lock) for n in (1, 2)]
    for host in hosts:
        host.remediate(make_image(NEW))
        host.boot_time = datetime.now(UTC) - timedelta(days=3)
        vcenter.add_host(host, "prod")
    give_addresses(hosts)
    (tmp_path / "lab").mkdir()
    lab = Lab(vcenter, hosts, tmp_path / "lab", host_api=True)
    lab.start()
    assert lab.host_apis is not None
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"{host.known_hosts_line()}\n" for host in hosts))
    ssh = SshSettings(known, connect_timeout=20, auth_timeout=50, command_timeout=100, host_deadline=100)
    reader = SshHostReader(ssh, lambda: DEFAULT_PASSWORD, SystemClock())
    settings = VCenterSettings("lab", lab.address, USER, port=lab.port, thumbprint=lab.thumbprint, read_timeout=60)
    downloads = Endpoint("the host's web server", lab.address, "root", lab.port, lab.thumbprint)
    api = ApiHostControl(Route.VCENTER, lambda _: settings.endpoint, lambda: PASSWORD, lambda _: downloads)
    agents = HostApiSettings("root", thumbprints=lab.host_apis.thumbprints(), connect_timeout=20, read_timeout=60)
    port = lab.host_apis.port

    def at(target: HostTarget) -> Endpoint:
        return agents.endpoint(replace(target, port=port))

    own = ApiHostControl(Route.HOST_API, at, lambda: DEFAULT_PASSWORD, at)
    surroundings = VCenterSurroundings(settings, lambda: PASSWORD)
    try:
        yield Bench(
            lab,
            tmp_path,
            reader,
            SshBankControl(reader.client),
            SshHostControl(reader),
            api,
            own,
            SshLooker(reader, SystemClock()),
            SshSituationReader(reader),
            surroundings,
        )
    finally:
        api.close()
        own.close()
        surroundings.close()
        lab.stop()


__all__ = ["NEW", "OLD", "Bench", "Read", "eventually"]
