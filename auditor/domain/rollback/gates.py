"""The gates before a rollback: each passes, fails or is unknown, with evidence and the page it rests on, and, where it is
unknown, with what a person can do to settle it.

Unknown counts as fail until a person overrides that gate by name, with a reason, which is recorded. A fail stays a fail,
except for the few gates whose fail costs something but does not endanger the host: those can be accepted the same way. The
window and the era can be neither: nobody's reason puts an image into a bank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.domain.observation import Read, Reading, Reason, Unread, value_of
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.build import parse_build, same_build
from auditor.domain.rollback.capacity import room_without
from auditor.domain.rollback.image_offer import image_command
from auditor.domain.rollback.settle import SETTLE
from auditor.domain.rollback.situation import HostSituation, SecurityFacts, Since
from auditor.domain.rollback.window import WindowKind
from auditor.domain.settings.past import SettingChange
from auditor.domain.settings.verdict import RECORDS, why_unknown


class Gate(StrEnum):
    """The gates by the names they are overridden with."""

    IDENTITY = "identity"
    WINDOW = "window"
    ERA = "era"
    BANK_HEALTH = "bank-health"
    STATELESS = "stateless"
    DPU = "dpu"
    QUICK_BOOT = "quick-boot"
    DRS = "drs"
    CAPACITY = "capacity"
    PINNED_VMS = "pinned-vms"
    VCENTER_VM = "vcenter-vm"
    VSAN_HEALTH = "vsan-health"
    VSAN_FORMAT = "vsan-format"
    HA_AGENT = "ha-agent"
    ENCRYPTION = "encryption"
    SECURITY_POLICY = "security-policy"
    SECURE_BOOT = "secure-boot"
    SOLUTIONS = "solutions"
    ROOT_PASSWORD = "root-password"  # noqa: S105 - a gate's name
    HOST_KEYS = "host-keys"
    CERTIFICATES = "certificates"
    AUTHORIZED_KEYS = "authorized-keys"
    SSH_AFTER_REBOOT = "ssh-after-reboot"
    SETTINGS_CHANGED = "settings-changed"
    LOCKDOWN = "lockdown"
    CLUSTER_IMAGE = "cluster-image"

    @property
    def absolute(self) -> bool:
        """Neither a fail nor an unknown of these can be overridden."""
        return self in {Gate.WINDOW, Gate.ERA}

    @property
    def acceptable(self) -> bool:
        """A fail of these may be accepted by name: it costs settings or work, not the host."""
        return self in {Gate.SETTINGS_CHANGED, Gate.CLUSTER_IMAGE, Gate.SSH_AFTER_REBOOT, Gate.AUTHORIZED_KEYS}


class GateVerdict(StrEnum):
    """What became of a gate."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word on one gate: who says why it may be passed all the same."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's verdict on one host. ``evidence`` is what was seen and, where the verdict is unknown, what settles it.
    ``overridden`` is set only where an override took effect."""

    gate: Gate
    verdict: GateVerdict
    evidence: tuple[str, ...]
    rests_on: tuple[str, ...]
    overridden: Override | None = None

    @property
    def blocks(self) -> bool:
        """Whether the host may not be rolled back because of this gate."""
        return self.verdict is not GateVerdict.PASS and self.overridden is None


_Answer = tuple[GateVerdict, str]

TO_SETTLE = "to settle it: "
"""How the line of evidence begins that says what to do about an unknown."""


def evaluate(situation: HostSituation, to: str, overrides: Mapping[Gate, Override] | None = None) -> tuple[GateResult, ...]:
    """Every gate for going back to build ``to``, in the order of `Gate`. An override that may not take effect, or that
    has no name or reason, is left out of the result, and the gate goes on blocking."""
    results = []
    for gate in Gate:
        check, rests_on = _CHECKS[gate]
        verdict, evidence = check(situation, to)
        override = (overrides or {}).get(gate)
        takes_effect = override is not None and may_be_overridden(gate, verdict) and _given(override)
        said = (evidence, f"{TO_SETTLE}{SETTLE[gate.value]}") if verdict is GateVerdict.UNKNOWN else (evidence,)
        results.append(GateResult(gate, verdict, said, rests_on, override if takes_effect else None))
    return tuple(results)


def may_be_overridden(gate: Gate, verdict: GateVerdict) -> bool:
    """Whether a person's word can pass a gate with that verdict."""
    return not gate.absolute and (verdict is GateVerdict.UNKNOWN or (verdict is GateVerdict.FAIL and gate.acceptable))


def blocking(results: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """The gates that stand in the way."""
    return tuple(result for result in results if result.blocks)


def _given(override: Override) -> bool:
    return bool(override.by.strip()) and bool(override.reason.strip())


def _pass(why: str) -> _Answer:
    return GateVerdict.PASS, why


def _fail(why: str) -> _Answer:
    return GateVerdict.FAIL, why


def _unknown(what: str, reading: Unread) -> _Answer:
    return GateVerdict.UNKNOWN, f"{what}: {reading}"


def _must_not(reading: Reading[bool], what: str, bad: str, good: str) -> _Answer:
    if isinstance(reading, Unread):
        return _unknown(what, reading)
    return _fail(bad) if reading.value else _pass(good)


def _must(reading: Reading[bool], what: str, good: str, bad: str) -> _Answer:
    if isinstance(reading, Unread):
        return _unknown(what, reading)
    return _pass(good) if reading.value else _fail(bad)


def _nothing_in(reading: Reading[tuple[str, ...]], what: str, good: str) -> _Answer:
    if isinstance(reading, Unread):
        return _unknown(what, reading)
    if not reading.value:
        return _pass(good)
    more = f" and {len(reading.value) - 10} more" if len(reading.value) > 10 else ""
    return _fail(f"{what}: {'; '.join(reading.value[:10])}{more}")


def _identity(situation: HostSituation, _: str) -> _Answer:
    """The banks are read and written over SSH, and vCenter reboots: a name or an address that leads the two to different
    machines arms one host and reboots another."""
    if not situation.vcenter:
        return _pass("no vCenter acts on it: everything goes to one address")
    own, other = situation.machine, situation.machine_in_vcenter
    if isinstance(own, Unread):
        return _unknown("hardware UUID by SSH", own)
    if isinstance(other, Unread):
        return _unknown("hardware UUID in vCenter", other)
    if own.value != other.value:
        return _fail(
            f"SSH leads to the machine {own.value}, and what vCenter calls so is {other.value}: another host is at this address"
        )
    return _pass(f"SSH and vCenter mean one machine, {own.value}")


def _window(situation: HostSituation, to: str) -> _Answer:
    window = situation.state.window
    if window.kind is WindowKind.UNKNOWN:
        return GateVerdict.UNKNOWN, window.reason
    if not window.leads_back:
        return _fail(f"{window.kind.value}: {window.reason}")
    if not window.leads_to(to):
        return _fail(f"the other bank holds {window.build}, not {to}")
    return _pass(f"{ALTBOOTBANK} holds {window.build}: {window.reason}")


def _era(situation: HostSituation, to: str) -> _Answer:
    window, booted = situation.state.window, value_of(situation.state.booted)
    now, then = parse_build(booted or ""), parse_build(window.build)
    if now is None or then is None:
        return GateVerdict.UNKNOWN, f"release of {BOOTBANK} ({booted}) or {ALTBOOTBANK} ({window.build}) is not known"
    if (now.release < (7, 0, 0)) != (then.release < (7, 0, 0)):
        return _fail("6.x and 7.0 divide the boot disk differently: there is no way back across that")
    return _pass(f"{booted} and {window.build} have one layout of the boot disk")


def _drs(situation: HostSituation, _: str) -> _Answer:
    """DRS empties a host by itself only in fully automated mode."""
    if value_of(situation.maintenance_mode):
        return _pass("the host is in maintenance mode already")
    drs = situation.cluster.drs
    if isinstance(drs, Unread):
        return _unknown("DRS mode", drs)
    return (
        _pass("DRS is fully automated") if drs.value == "fullyAutomated" else _fail(f"DRS is {drs.value}: move the VMs first")
    )


SMALLER_WAVE = "; a smaller --wave-size has fewer hosts away at once"


def _capacity(situation: HostSituation, _: str) -> _Answer:
    """A wave's hosts are in maintenance mode together, so what counts is the cluster without all of them."""
    if value_of(situation.maintenance_mode):
        return _pass("the host is in maintenance mode already")
    away = (situation.host, *situation.companions)
    room = situation.loads if isinstance(situation.loads, Unread) else room_without(situation.loads.value, away)
    if isinstance(room, Unread):
        return _unknown("capacity of the other hosts", room)
    wave = f"with its whole wave away ({', '.join(away)}), " if situation.companions else ""
    if not room.value.enough:
        return _fail(f"{wave}the other hosts cannot take the VMs: {room.value}{SMALLER_WAVE if wave else ''}")
    return _pass(f"{wave}the other hosts can take the VMs: {room.value}")


def _pinned(situation: HostSituation, _: str) -> _Answer:
    if value_of(situation.maintenance_mode):
        return _pass("the host is in maintenance mode already")
    return _nothing_in(situation.pinned_vms, "VMs that cannot be moved", "every VM can be moved")


def _vsan_health(situation: HostSituation, _: str) -> _Answer:
    vsan = situation.vsan
    if value_of(vsan.enabled) is False:
        return _pass("vSAN is off")
    if isinstance(vsan.enabled, Unread):
        return _unknown("vSAN", vsan.enabled)
    return _must(vsan.healthy, "vSAN health", "vSAN is healthy and nothing resyncs", "vSAN has problems or objects resync")


def _vsan_format(situation: HostSituation, _: str) -> _Answer:
    """The on-disk format does not go back with the image. The vendor's manual: after raising it, a host's software cannot be
    rolled back."""
    vsan = situation.vsan
    if value_of(vsan.enabled) is False:
        return _pass("vSAN is off")
    newest = "the newest on-disk format the older image mounts"
    for what, reading in (("vSAN", vsan.enabled), ("on-disk format", vsan.format), (newest, vsan.format_then)):
        if isinstance(reading, Unread):
            return _unknown(what, reading)
    now, then = value_of(vsan.format) or 0, value_of(vsan.format_then) or 0
    if now > then:
        return _fail(f"on-disk format {now}; the older image mounts up to {then}: it would not see its disks")
    return _pass(f"on-disk format {now}; the older image mounts up to {then}")


_SETTLED_AGENTS = {"", "master", "connectedToMaster"}


def _ha_agent(situation: HostSituation, _: str) -> _Answer:
    """The agent is installed live when a host joins its HA cluster or leaves maintenance mode, which takes the other bank."""
    if value_of(situation.cluster.ha_enabled) is False:
        return _pass("HA is off")
    if isinstance(situation.cluster.ha_enabled, Unread):
        return _unknown("HA", situation.cluster.ha_enabled)
    kept = "the banks are read again in maintenance mode, and the host does not leave it before the reboot"
    if value_of(situation.maintenance_mode):
        return _pass(f"HA is on and the host in maintenance mode: {kept}")
    if isinstance(situation.ha_agent, Unread):
        return _unknown("HA agent", situation.ha_agent)
    if situation.ha_agent.value not in _SETTLED_AGENTS:
        return _fail(f"the HA agent is {situation.ha_agent.value}: vCenter may install it again at any moment")
    return _pass(f"the HA agent is settled; {kept}")


def _tpm(security: SecurityFacts) -> str:
    """What vCenter shows of the TPM, as far as it shows anything."""
    tpm, attestation = value_of(security.tpm), value_of(security.attestation)
    found = [] if tpm is None else ["no TPM" if not tpm else f"TPM {tpm}"]
    found += [f"attestation {attestation}"] if attestation else []
    return f" ({', '.join(found)})" if found else ""


def _encryption(situation: HostSituation, _: str) -> _Answer:
    security = situation.security
    mode, key = security.encryption, security.recovery_key
    if isinstance(mode, Unread):
        if mode.reason is Reason.NOT_SUPPORTED:
            return _pass("this release does not encrypt its configuration")
        return _unknown(f"encryption mode{_tpm(security)}", mode)
    if mode.value.upper() == "NONE":
        return _pass(f"encryption mode NONE: the configuration is not sealed to the TPM{_tpm(security)}")
    if isinstance(key, Unread):
        return _unknown(f"encryption mode {mode.value}{_tpm(security)}, recovery key", key)
    if mode.value.upper() == "TPM" and security.tpm == Read(""):
        return GateVerdict.UNKNOWN, "encryption mode TPM, and vCenter shows no TPM: has it failed, or been taken out?"
    return _pass(f"encryption mode {mode.value}{_tpm(security)}; recovery key escrowed, fingerprint {key.value}")


def _policy(situation: HostSituation, _: str) -> _Answer:
    """A sealed configuration of which the TPM is not what vCenter expects may be one that the older image cannot unseal."""
    security = situation.security
    changed = security.policy_changed
    sealed = (value_of(security.encryption) or "").upper() == "TPM"
    if sealed and value_of(changed) is False and value_of(security.attestation) == "notAccepted":
        return GateVerdict.UNKNOWN, "unchanged since the upgrade by the records, but the TPM's attestation in vCenter fails"
    return _must_not(
        changed,
        "TPM, Secure Boot and execInstalledOnly since the upgrade",
        "changed since the upgrade: the older image may stop with a purple screen, unable to decrypt its configuration",
        "unchanged since the upgrade",
    )


def _secure_boot(situation: HostSituation, _: str) -> _Answer:
    on, then = situation.security.secure_boot, situation.security.secure_boot_then
    if isinstance(on, Unread):
        return _unknown("Secure Boot", on)
    if not on.value:
        return _pass("Secure Boot is off")
    return _must(then, "Secure Boot is on; whether the older image ran with it", "it ran with it", "it never ran with it")


def _solutions(situation: HostSituation, _: str) -> _Answer:
    """The older bank holds the solutions' VIBs of that time, which must be those their managers expect now."""
    names = situation.solution_vibs
    if isinstance(names, Unread):
        return _unknown("VIBs of solutions", names)
    if not names.value:
        return _pass("no solution owns a VIB on this host")
    own, other = (situation.banks.bank(link).image for link in (BOOTBANK, ALTBOOTBANK))
    for link, image in ((BOOTBANK, own), (ALTBOOTBANK, other)):
        if isinstance(image, Unread):
            return _unknown(f"image database of {link}", image)
    now = {vib.name: vib.version for vib in own.value.vibs} if isinstance(own, Read) else {}
    then = {vib.name: vib.version for vib in other.value.vibs} if isinstance(other, Read) else {}
    absent = [name for name in names.value if name not in now]
    if absent:
        return GateVerdict.UNKNOWN, f"the image database does not list {', '.join(absent)}"
    moved = [
        f"{name}: {now[name]} now, {then.get(name, 'missing')} then" for name in names.value if now[name] != then.get(name)
    ]
    return _fail("; ".join(moved)) if moved else _pass(f"the same then as now: {', '.join(names.value)}")


_LOCKDOWN = {"lockdownDisabled": "off", "lockdownNormal": "normal", "lockdownStrict": "strict"}


def _lockdown(situation: HostSituation, _: str) -> _Answer:
    """The mode as of the upgrade comes back. In it only excepted users get in over SSH and the host's own API; in strict mode
    the console is off as well, so that a host which vCenter does not connect to is lost (vSphere Security). That SSH lets us
    in now says that it will in the same mode."""
    security, trouble = situation.security, situation.banks.trouble
    if isinstance(security.lockdown, Unread):
        return _unknown("lockdown mode", security.lockdown)
    now = _LOCKDOWN.get(security.lockdown.value, security.lockdown.value)
    if now != "off" and trouble is not None:
        if trouble.reason is Reason.DENIED:
            return _fail(
                f"lockdown mode is {now}, and SSH refuses us: except our account from it, or leave it, before going back"
            )
        return _unknown(f"lockdown mode is {now}; whether SSH lets us in under it", trouble)
    if isinstance(security.lockdown_then, Unread):
        return _unknown(f"lockdown mode is {now}; as of the upgrade", security.lockdown_then)
    then = _LOCKDOWN.get(security.lockdown_then.value, security.lockdown_then.value)
    if then == "off":
        return _pass(f"lockdown mode was off as of the upgrade, and is {now} now")
    if now != then:
        return GateVerdict.UNKNOWN, f"lockdown mode {then} comes back ({now} now): whether SSH let us in then is not known"
    return _pass(f"lockdown mode is {now} as of the upgrade, and SSH lets us in under it")


def _quick_boot(situation: HostSituation, _: str) -> _Answer:
    """Whether a reboot becomes a Quick Boot is a switch on the host, which its shutdown looks at (/bin/loadESXEnable), and for
    which no way to read it is published. The cluster's policy says only what a remediation does."""
    reading = situation.quick_boot
    if isinstance(reading, Unread) and value_of(situation.quick_booted) is not None:
        word = "was" if value_of(situation.quick_booted) else "was not"
        return _unknown(f"Quick Boot (this boot {word} one)", reading)
    return _must_not(
        reading, "Quick Boot", "the next reboot would be a Quick Boot: disable it", "the host cannot do a Quick Boot"
    )


def _since(reading: Reading[Since], what: str) -> _Answer:
    if isinstance(reading, Unread):
        return _unknown(f"{what} as of the upgrade", reading)
    if reading.value is Since.CHANGED:
        return _fail(f"{what} changed since the upgrade, and the old one is not known: it is the one that comes back")
    same = reading.value is Since.SAME
    return _pass(f"{what} unchanged since the upgrade" if same else f"{what} changed; the old one is at hand")


def _settings(situation: HostSituation, _: str) -> _Answer:
    """What was changed since the older image's configuration was saved is lost. A change that was seen fails, whatever else is
    not known."""
    if isinstance(situation.settings_changed, Unread):
        return _unknown("settings since the upgrade", situation.settings_changed)
    found = situation.settings_changed.value
    open_ends = f"; not known: {why_unknown(found)}" if found.unknown else ""
    if found.changed:
        told = [f"{change} ({_seen(change)})" for change in found.changed]
        more = f"; and {len(told) - SHOWN_CHANGES} more" if len(told) > SHOWN_CHANGES else ""
        return _fail(f"changed since the upgrade and lost: {'; '.join(told[:SHOWN_CHANGES])}{more}{open_ends}")
    if found.unknown:
        return GateVerdict.UNKNOWN, f"no change is known{open_ends}"
    notes = f" ({'; '.join(found.notes)})" if found.notes else ""
    return _pass(f"no setting that is recorded changed since the upgrade{notes}")


def _seen(change: SettingChange) -> str:
    if change.group == RECORDS:
        return "[rollback.changed] settings"
    return f"first seen {change.seen:%Y-%m-%d %H:%MZ}" if change.seen is not None else "seen now"


def _cluster_image(situation: HostSituation, to: str) -> _Answer:
    image = situation.cluster.image_build
    if isinstance(image, Unread):
        return _unknown("the cluster's image", image)
    if image.value is None:
        return _pass("the host's cluster has no image")
    if same_build(image.value, to):
        return _pass(f"the cluster's image is build {image.value}")
    again = f"the cluster's image is build {image.value}: the next remediation would install it again"
    cluster = value_of(situation.cluster.name) or "CLUSTER"
    return _fail(f"{again}. When all its hosts are back: {image_command(cluster, situation.vcenter, situation.host)}")


Check = Callable[[HostSituation, str], _Answer]

SHOWN_CHANGES = 20
"""Changed settings that a gate names; `auditor history settings HOST` has all."""

_NOTE_BANKS = "KB 316592: reverting to the previous version of ESXi"
_NOTE_STATE = "KB 316592: the configuration returns to what it was at the upgrade"
_CHECKS: Mapping[Gate, tuple[Check, tuple[str, ...]]] = {
    Gate.IDENTITY: (_identity, ("vSphere API: HostHardwareSummary.uuid",)),
    Gate.WINDOW: (_window, (_NOTE_BANKS, "KB 306902", "KB 376175", "esx-boot safeboot/bootbank.c")),
    Gate.ERA: (_era, (_NOTE_BANKS,)),
    Gate.BANK_HEALTH: (
        lambda s, _: _nothing_in(s.bank_errors, "complaints about the bank volumes", "the bank volumes have no errors"),
        ("KB 345227", "KB 445039", "KB 91136"),
    ),
    Gate.STATELESS: (
        lambda s, _: _must_not(
            s.stateless, "Auto Deploy", "the host is stateless: it has no banks of its own", "the host boots from its disk"
        ),
        ("vSphere documentation: Auto Deploy",),
    ),
    Gate.DPU: (
        lambda s, _: _must_not(
            s.dpu, "DPU", "the host has a DPU with an image of its own, which the banks do not take back", "the host has no DPU"
        ),
        ("esxcli software: DPU Results (8.0 and later); inferred",),
    ),
    Gate.QUICK_BOOT: (
        _quick_boot,
        ("KB 312109", "vSphere API: HostSystem.RebootHost_Task", "vSphere documentation: Quick Boot"),
    ),
    Gate.DRS: (_drs, ("vSphere documentation: host cannot enter maintenance mode by itself without DRS",)),
    Gate.CAPACITY: (_capacity, ("vSphere documentation: maintenance mode",)),
    Gate.PINNED_VMS: (_pinned, ("vSphere documentation: maintenance mode",)),
    Gate.VCENTER_VM: (
        lambda s, _: _must_not(
            s.runs_vcenter, "vCenter's own VM", "vCenter's own VM runs here: move it first", "vCenter's own VM runs elsewhere"
        ),
        ("vSphere documentation: maintenance mode",),
    ),
    Gate.VSAN_HEALTH: (_vsan_health, ("vSphere documentation: vSAN hosts one at a time",)),
    Gate.VSAN_FORMAT: (_vsan_format, ("KB 327034", "vSAN documentation: about the disk format")),
    Gate.HA_AGENT: (_ha_agent, ("KB 316592", "KB 386377")),
    Gate.ENCRYPTION: (_encryption, ("KB 81446", "KB 316424", "vSphere Security: TPM sealing")),
    Gate.SECURITY_POLICY: (_policy, ("vSphere Security: TPM sealing policy", "KB 312109")),
    Gate.SECURE_BOOT: (_secure_boot, ("vSphere Security: UEFI Secure Boot",)),
    Gate.SOLUTIONS: (_solutions, ("KB 406075", "KB 435316")),
    Gate.ROOT_PASSWORD: (lambda s, _: _since(s.way_in.root_password, "root password"), (_NOTE_STATE,)),
    Gate.HOST_KEYS: (lambda s, _: _since(s.way_in.host_keys, "SSH host keys"), (_NOTE_STATE,)),
    Gate.CERTIFICATES: (lambda s, _: _since(s.way_in.certificates, "certificates"), (_NOTE_STATE,)),
    Gate.AUTHORIZED_KEYS: (lambda s, _: _since(s.way_in.authorized_keys, "authorized_keys"), (_NOTE_STATE,)),
    Gate.SSH_AFTER_REBOOT: (
        lambda s, _: _must(
            s.way_in.ssh_policy_on, "policy of TSM-SSH", "SSH starts with the host", "SSH is off after a reboot of this host"
        ),
        ("vSphere documentation: TSM-SSH is off by default",),
    ),
    Gate.SETTINGS_CHANGED: (
        _settings,
        (_NOTE_STATE,),
    ),
    Gate.LOCKDOWN: (_lockdown, (_NOTE_STATE, "vSphere Security: lockdown mode behavior")),
    Gate.CLUSTER_IMAGE: (_cluster_image, ("KB 440252", "vLCM documentation: remediation")),
}


__all__ = ["TO_SETTLE", "Gate", "GateResult", "GateVerdict", "Override", "blocking", "evaluate", "may_be_overridden"]
