"""The gates of the cluster around the host: whether it can spare the host, and what HA, vSAN and its image say."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.domain.observation import Unread, value_of
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.capacity import room_without
from auditor.domain.rollback.gates.answer import Answer, Check, failed, must, must_not, nothing_in, passed, unknown
from auditor.domain.rollback.gates.gate import Gate
from auditor.domain.rollback.image_offer import image_command
from auditor.domain.rollback.situation import HostSituation

SMALLER_WAVE = "; a smaller --wave-size has fewer hosts away at once"

_SETTLED_AGENTS = {"", "master", "connectedToMaster"}


def _drs(situation: HostSituation, _: str) -> Answer:
    """DRS empties a host by itself only in fully automated mode."""
    if value_of(situation.maintenance_mode):
        return passed("the host is in maintenance mode already")
    drs = situation.cluster.drs
    if isinstance(drs, Unread):
        return unknown("DRS mode", drs)
    return (
        passed("DRS is fully automated") if drs.value == "fullyAutomated" else failed(f"DRS is {drs.value}: move the VMs first")
    )


def _capacity(situation: HostSituation, _: str) -> Answer:
    """A wave's hosts are in maintenance mode together, so what counts is the cluster without all of them."""
    if value_of(situation.maintenance_mode):
        return passed("the host is in maintenance mode already")
    away = (situation.host, *situation.companions)
    room = situation.loads if isinstance(situation.loads, Unread) else room_without(situation.loads.value, away)
    if isinstance(room, Unread):
        return unknown("capacity of the other hosts", room)
    wave = f"with its whole wave away ({', '.join(away)}), " if situation.companions else ""
    if not room.value.enough:
        return failed(f"{wave}the other hosts cannot take the VMs: {room.value}{SMALLER_WAVE if wave else ''}")
    return passed(f"{wave}the other hosts can take the VMs: {room.value}")


def _pinned(situation: HostSituation, _: str) -> Answer:
    if value_of(situation.maintenance_mode):
        return passed("the host is in maintenance mode already")
    return nothing_in(situation.pinned_vms, "VMs that cannot be moved", "every VM can be moved")


def _vsan_health(situation: HostSituation, _: str) -> Answer:
    vsan = situation.vsan
    if value_of(vsan.enabled) is False:
        return passed("vSAN is off")
    if isinstance(vsan.enabled, Unread):
        return unknown("vSAN", vsan.enabled)
    return must(vsan.healthy, "vSAN health", "vSAN is healthy and nothing resyncs", "vSAN has problems or objects resync")


def _vsan_format(situation: HostSituation, _: str) -> Answer:
    """The on-disk format does not go back with the image. The vendor's manual: after raising it, a host's software cannot be
    rolled back."""
    vsan = situation.vsan
    if value_of(vsan.enabled) is False:
        return passed("vSAN is off")
    newest = "the newest on-disk format the older image mounts"
    for what, reading in (("vSAN", vsan.enabled), ("on-disk format", vsan.format), (newest, vsan.format_then)):
        if isinstance(reading, Unread):
            return unknown(what, reading)
    now, then = value_of(vsan.format) or 0, value_of(vsan.format_then) or 0
    if now > then:
        return failed(f"on-disk format {now}; the older image mounts up to {then}: it would not see its disks")
    return passed(f"on-disk format {now}; the older image mounts up to {then}")


def _ha_agent(situation: HostSituation, _: str) -> Answer:
    """The agent is installed live when a host joins its HA cluster or leaves maintenance mode, which takes the other bank."""
    if value_of(situation.cluster.ha_enabled) is False:
        return passed("HA is off")
    if isinstance(situation.cluster.ha_enabled, Unread):
        return unknown("HA", situation.cluster.ha_enabled)
    kept = "the banks are read again in maintenance mode, and the host does not leave it before the reboot"
    if value_of(situation.maintenance_mode):
        return passed(f"HA is on and the host in maintenance mode: {kept}")
    if isinstance(situation.ha_agent, Unread):
        return unknown("HA agent", situation.ha_agent)
    if situation.ha_agent.value not in _SETTLED_AGENTS:
        return failed(f"the HA agent is {situation.ha_agent.value}: vCenter may install it again at any moment")
    return passed(f"the HA agent is settled; {kept}")


def _cluster_image(situation: HostSituation, to: str) -> Answer:
    image = situation.cluster.image_build
    if isinstance(image, Unread):
        return unknown("the cluster's image", image)
    if image.value is None:
        return passed("the host's cluster has no image")
    if same_build(image.value, to):
        return passed(f"the cluster's image is build {image.value}")
    again = f"the cluster's image is build {image.value}: the next remediation would install it again"
    cluster = value_of(situation.cluster.name) or "CLUSTER"
    return failed(f"{again}. When all its hosts are back: {image_command(cluster, situation.vcenter, situation.host)}")


CHECKS: Mapping[Gate, Check] = {
    Gate.DRS: (_drs, ("vSphere documentation: host cannot enter maintenance mode by itself without DRS",)),
    Gate.CAPACITY: (_capacity, ("vSphere documentation: maintenance mode",)),
    Gate.PINNED_VMS: (_pinned, ("vSphere documentation: maintenance mode",)),
    Gate.VCENTER_VM: (
        lambda s, _: must_not(
            s.runs_vcenter, "vCenter's own VM", "vCenter's own VM runs here: move it first", "vCenter's own VM runs elsewhere"
        ),
        ("vSphere documentation: maintenance mode",),
    ),
    Gate.VSAN_HEALTH: (_vsan_health, ("vSphere documentation: vSAN hosts one at a time",)),
    Gate.VSAN_FORMAT: (_vsan_format, ("KB 327034", "vSAN documentation: about the disk format")),
    Gate.HA_AGENT: (_ha_agent, ("KB 316592", "KB 386377")),
    Gate.CLUSTER_IMAGE: (_cluster_image, ("KB 440252", "vLCM documentation: remediation")),
}
"""The gates of this module."""


__all__ = ["CHECKS"]
