"""What a host's own management agent keeps: an inventory of one host, itself. Sessions and tasks go with every boot."""

from __future__ import annotations

import hmac

from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.api_versions import RELEASES, VCenterRelease
from auditor.lab.vcenter.sessions import Session
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.vcenter.vms import LabVm

USER = "root"


class HostAgent(LabVCenter):
    """A vCenter of one stand-alone host would keep the same. ``vms`` is where all virtual machines of the lab are: the agent
    shows those on its host, and cannot move them, for it knows no other host."""

    def __init__(self, host: LabHost, vms: dict[str, LabVm]) -> None:
        super().__init__(_release(host).version, name=host.name, user=USER, clock=host.clock, lock=host.lock)
        self.itself = host
        self.vms = vms
        self.add_host(host)

    def came_up(self) -> None:
        """The host has booted: what it runs now speaks its own version of the API, and remembers nobody."""
        with self.lock:
            self.release = _release(self.itself)
            self.restart(0)

    def login(self, user: str, password: str, protocol: str) -> Session | None:
        """By the password the host has now: it comes back with the bank it booted. Too many wrong ones, by whatever way they
        came, lock the account, and lockdown mode keeps it out here as well."""
        with self.lock:
            host = self.itself
            right = bool(host.password) and hmac.compare_digest(password.encode(), host.password.encode())
            if not right or host.locked_at is not None or host.keeps_out(user):
                self.post(f"Cannot login {user} ({protocol})", user=user)
                return None
            return self.sessions.login(user, self.password)


def _release(host: LabHost) -> VCenterRelease:
    """The API of the lab that is the newest an ESXi of that release would have."""
    known = sorted(RELEASES.values(), key=lambda release: release.numbers)
    return next((each for each in reversed(known) if each.numbers[:3] <= host.running_image.release), known[0])


__all__ = ["USER", "HostAgent"]
