"""The hosts' own faces: each host's vSphere API (`/sdk`) and its web server, at its own address, with its own certificate.

Both are away while the host is. What an ESXi host answers otherwise than a vCenter is here; the objects themselves are the
same ones. vLCM's API and file transfers are vCenter's alone.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auditor.lab.addresses import free_port
from auditor.lab.faces.esxcli import EsxcliCommand
from auditor.lab.faces.host import HostFace
from auditor.lab.faces.server import SoapInventory, VCenterServer
from auditor.lab.faces.service import ServiceInstanceFace
from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.agent import HostAgent
from auditor.lab.vcenter.vms import LabVm
from auditor.lab.wire.http import HangUpError, Request, Response

_log = logging.getLogger(__name__)


class AgentServiceFace(ServiceInstanceFace):
    """The service instance of a host."""

    def _about(self) -> Any:
        (entry,) = self._vcenter.database.hosts.values()
        return HostFace(entry, self, self._vcenter).summary().config.product


class AgentInventory(SoapInventory):
    """The inventory of a host: itself, in a compute resource of its own."""

    def __init__(self, agent: HostAgent, run: EsxcliCommand, commands: Mapping[str, str]) -> None:
        super().__init__(agent, run, commands)
        self._managers["ServiceInstance"] = AgentServiceFace(agent)


class AgentServer(VCenterServer):
    """Serves one host. It listens while the host is up."""

    def __init__(
        self, agent: HostAgent, folder: Path, *, run: EsxcliCommand, commands: Mapping[str, str], address: str, port: int
    ) -> None:
        super().__init__(
            agent,
            folder,
            run=run,
            commands=commands,
            address=address,
            port=port,
            name=agent.itself.name,
            inventory=AgentInventory(agent, run, commands),
        )
        self.agent = agent
        self._boot = 0

    def follow(self) -> None:
        """Listen if the host is up, and be away if not."""
        host = self.agent.itself
        boot = host.boots if host.power == "on" else 0
        if boot == self._boot:
            return
        if self._boot:
            self.http.stop()
        self._boot = boot
        if boot:
            self.agent.came_up()
            self.soap.version = self.agent.release.vmodl
            self.http.start()

    def stop(self) -> None:
        """Stop serving."""
        self._boot = 0
        super().stop()

    def _answer(self, request: Request) -> Response:
        if self.agent.itself.power != "on":
            raise HangUpError  # it went down a moment ago, and the listener is still to follow
        if request.path.startswith("/sdk") or request.path in self.agent.bundles:
            return super()._answer(request)
        return Response(404, b"Not found\n", "text/plain")


class HostApis:
    """The faces of all hosts, on one port of their own addresses. One thread follows the hosts as they go down and come up.

    `folder` takes the certificates. Raises `AuditorError` where there are no addresses to tell the hosts apart by.
    """

    def __init__(
        self,
        hosts: Iterable[LabHost],
        folder: Path,
        *,
        vms: dict[str, LabVm],
        run: EsxcliCommand,
        commands: Mapping[str, str],
    ) -> None:
        hosts = tuple(hosts)
        self.port = free_port([host.address for host in hosts])
        self.servers = {
            host.name: AgentServer(
                HostAgent(host, vms), folder, run=run, commands=commands, address=host.address, port=self.port
            )
            for host in hosts
        }
        self._work: queue.SimpleQueue[AgentServer | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name="lab-host-apis", daemon=True)

    def thumbprints(self) -> dict[str, str]:
        """Each host's certificate, by the host's name."""
        return {name: server.certificate.thumbprint for name, server in self.servers.items()}

    def start(self) -> None:
        """Listen for every host that is up."""
        self._thread.start()
        for server in self.servers.values():
            server.agent.itself.on_change.append(self._changed)
            self._work.put(server)
        self.settle()

    def settle(self) -> None:
        """Wait until every change so far of any host has taken effect."""
        done = threading.Event()
        self._work.put(done)
        done.wait()

    def stop(self) -> None:
        """Stop all of them. May be called before `start`."""
        for server in self.servers.values():
            watchers = server.agent.itself.on_change
            if self._changed in watchers:
                watchers.remove(self._changed)
        if self._thread.is_alive():
            self._work.put(None)
            self._thread.join()
        for server in self.servers.values():
            server.stop()

    def _changed(self, host: LabHost) -> None:
        """Called by a host with its lock held: the work is left to the thread."""
        self._work.put(self.servers[host.name])

    def _follow(self) -> None:
        while (work := self._work.get()) is not None:
            if isinstance(work, threading.Event):
                work.set()
                continue
            try:
                work.follow()
            except Exception:
                # A defect of the simulator, or another program on the port: the host's API stays away, the log says why.
                _log.exception("the API of %s", work.agent.itself.name)


__all__ = ["AgentServer", "HostApis"]
