"""A running lab: one vCenter with all its faces, and the SSH services of its hosts."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.lab.faces.agent import HostApis
from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.state import LabVCenter


@dataclass(frozen=True)
class HostAccess:
    """How to reach one host over SSH. `known_hosts` is the line an SSH client needs to know its key."""

    address: str
    port: int
    known_hosts: str
    password: str = field(repr=False)
    user: str = "root"


@dataclass(frozen=True)
class ConnectionInfo:
    """How to reach a running lab. `thumbprint` is SHA-256 as vSphere prints it; `ca_file` is PEM.

    The passwords are the lab's own and protect nothing.
    """

    url: str
    address: str
    port: int
    user: str
    thumbprint: str
    ca_file: Path
    hosts: Mapping[str, HostAccess]
    password: str = field(repr=False)


class Lab:
    """A vCenter and hosts, served on loopback between `start()` and `stop()`.

    `hosts` are the ones with an SSH service, in the vCenter or not. `folder` takes the certificate; without one a
    temporary folder is used and removed. All parts share the vCenter's lock, so the hosts should have it as well.
    With `host_api` each host serves its own vSphere API as well.
    """

    def __init__(
        self,
        vcenter: LabVCenter,
        hosts: Iterable[LabHost] = (),
        folder: Path | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        host_api: bool = False,
    ) -> None:
        self.vcenter = vcenter
        self.hosts = {host.name: host for host in hosts}
        self._own_folder = None if folder is not None else tempfile.TemporaryDirectory(prefix="auditor-lab-")
        where = folder if folder is not None else Path(self._own_folder.name) if self._own_folder else Path()
        self.server = VCenterServer(vcenter, where, run=run_esxcli, commands=FORMATTERS, address=address, port=port)
        self.address, self.port = address, self.server.http.port
        self.thumbprint = self.server.certificate.thumbprint
        self._fleet: SshFleet | None = None
        self.host_apis: HostApis | None = None
        if host_api:
            try:
                self.host_apis = HostApis(self.hosts.values(), where, vms=vcenter.vms, run=run_esxcli, commands=FORMATTERS)
            except BaseException:
                self.stop()
                raise

    @property
    def lock(self) -> threading.RLock:
        """The one lock of the state: hold it to change several things as one."""
        return self.vcenter.lock

    def start(self) -> None:
        """Serve. When the SSH services cannot start, nothing is left running."""
        self.server.start()
        if self.host_apis is not None:
            self.host_apis.start()
        if self.hosts:
            self._fleet = SshFleet(list(self.hosts.values()), lock=self.vcenter.lock)
            try:
                self._fleet.start()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Stop everything. May be called twice, and after a start that failed."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            fleet.stop()
        for host in self.hosts.values():
            host.cancel_restart()
        if self.host_apis is not None:
            self.host_apis.stop()
        self.server.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def connection_info(self) -> ConnectionInfo:
        """How to reach the running lab."""
        return ConnectionInfo(
            url=self.server.url,
            address=self.address,
            port=self.port,
            user=self.vcenter.sessions.user,
            password=self.vcenter.password,
            thumbprint=self.thumbprint,
            ca_file=self.server.certificate.cert_file,
            hosts={
                host.name: HostAccess(host.address, host.port, host.known_hosts_line(), host.password)
                for host in self.hosts.values()
            },
        )
