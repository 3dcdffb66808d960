"""The gates of the host by itself: that it is the machine meant, what its banks hold, and how it boots next."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.domain.observation import Read, Unread, value_of
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.build import parse_build
from auditor.domain.rollback.gates.answer import Answer, Check, failed, must_not, nothing_in, passed, unknown
from auditor.domain.rollback.gates.gate import Gate, GateVerdict
from auditor.domain.rollback.situation import HostSituation
from auditor.domain.rollback.window import WindowKind

_NOTE_BANKS = "KB 316592: reverting to the previous version of ESXi"


def _identity(situation: HostSituation, _: str) -> Answer:
    """The banks are read and written over SSH, and vCenter reboots: a name or an address that leads the two to different
    machines arms one host and reboots another."""
    if not situation.vcenter:
        return passed("no vCenter acts on it: everything goes to one address")
    own, other = situation.machine, situation.machine_in_vcenter
    if isinstance(own, Unread):
        return unknown("hardware UUID by SSH", own)
    if isinstance(other, Unread):
        return unknown("hardware UUID in vCenter", other)
    if own.value != other.value:
        return failed(
            f"SSH leads to the machine {own.value}, and what vCenter calls so is {other.value}: another host is at this address"
        )
    return passed(f"SSH and vCenter mean one machine, {own.value}")


def _window(situation: HostSituation, to: str) -> Answer:
    window = situation.state.window
    if window.kind is WindowKind.UNKNOWN:
        return GateVerdict.UNKNOWN, window.reason
    if not window.leads_back:
        return failed(f"{window.kind.value}: {window.reason}")
    if not window.leads_to(to):
        return failed(f"the other bank holds {window.build}, not {to}")
    return passed(f"{ALTBOOTBANK} holds {window.build}: {window.reason}")


def _era(situation: HostSituation, to: str) -> Answer:
    window, booted = situation.state.window, value_of(situation.state.booted)
    now, then = parse_build(booted or ""), parse_build(window.build)
    if now is None or then is None:
        return GateVerdict.UNKNOWN, f"release of {BOOTBANK} ({booted}) or {ALTBOOTBANK} ({window.build}) is not known"
    if (now.release < (7, 0, 0)) != (then.release < (7, 0, 0)):
        return failed("6.x and 7.0 divide the boot disk differently: there is no way back across that")
    return passed(f"{booted} and {window.build} have one layout of the boot disk")


def _quick_boot(situation: HostSituation, _: str) -> Answer:
    """Whether a reboot becomes a Quick Boot is a switch on the host, which its shutdown looks at (/bin/loadESXEnable), and for
    which no way to read it is published. The cluster's policy says only what a remediation does."""
    reading = situation.quick_boot
    if isinstance(reading, Unread) and value_of(situation.quick_booted) is not None:
        word = "was" if value_of(situation.quick_booted) else "was not"
        return unknown(f"Quick Boot (this boot {word} one)", reading)
    return must_not(
        reading, "Quick Boot", "the next reboot would be a Quick Boot: disable it", "the host cannot do a Quick Boot"
    )


def _solutions(situation: HostSituation, _: str) -> Answer:
    """The older bank holds the solutions' VIBs of that time, which must be those their managers expect now."""
    names = situation.solution_vibs
    if isinstance(names, Unread):
        return unknown("VIBs of solutions", names)
    if not names.value:
        return passed("no solution owns a VIB on this host")
    own, other = (situation.banks.bank(link).image for link in (BOOTBANK, ALTBOOTBANK))
    for link, image in ((BOOTBANK, own), (ALTBOOTBANK, other)):
        if isinstance(image, Unread):
            return unknown(f"image database of {link}", image)
    now = {vib.name: vib.version for vib in own.value.vibs} if isinstance(own, Read) else {}
    then = {vib.name: vib.version for vib in other.value.vibs} if isinstance(other, Read) else {}
    absent = [name for name in names.value if name not in now]
    if absent:
        return GateVerdict.UNKNOWN, f"the image database does not list {', '.join(absent)}"
    moved = [
        f"{name}: {now[name]} now, {then.get(name, 'missing')} then" for name in names.value if now[name] != then.get(name)
    ]
    return failed("; ".join(moved)) if moved else passed(f"the same then as now: {', '.join(names.value)}")


CHECKS: Mapping[Gate, Check] = {
    Gate.IDENTITY: (_identity, ("vSphere API: HostHardwareSummary.uuid",)),
    Gate.WINDOW: (_window, (_NOTE_BANKS, "KB 306902", "KB 376175", "esx-boot safeboot/bootbank.c")),
    Gate.ERA: (_era, (_NOTE_BANKS,)),
    Gate.BANK_HEALTH: (
        lambda s, _: nothing_in(s.bank_errors, "complaints about the bank volumes", "the bank volumes have no errors"),
        ("KB 345227", "KB 445039", "KB 91136"),
    ),
    Gate.STATELESS: (
        lambda s, _: must_not(
            s.stateless, "Auto Deploy", "the host is stateless: it has no banks of its own", "the host boots from its disk"
        ),
        ("vSphere documentation: Auto Deploy",),
    ),
    Gate.DPU: (
        lambda s, _: must_not(
            s.dpu, "DPU", "the host has a DPU with an image of its own, which the banks do not take back", "the host has no DPU"
        ),
        ("esxcli software: DPU Results (8.0 and later); inferred",),
    ),
    Gate.QUICK_BOOT: (
        _quick_boot,
        ("KB 312109", "vSphere API: HostSystem.RebootHost_Task", "vSphere documentation: Quick Boot"),
    ),
    Gate.SOLUTIONS: (_solutions, ("KB 406075", "KB 435316")),
}
"""The gates of this module."""


__all__ = ["CHECKS"]
