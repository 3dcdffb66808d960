"""A host that may be rolled back, by hand; tests change one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.domain.image import Product, Vib
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.rollback.bank import BankFacts, BankFile, BankImage, BankObservation
from auditor.domain.rollback.capacity import HostLoad
from auditor.domain.rollback.situation import (
    ClusterFacts,
    HostSituation,
    SecurityFacts,
    Since,
    VsanFacts,
    WayBackIn,
)
from auditor.domain.settings.compare import SettingsSince

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
VOLUME_A, VOLUME_B = "/vmfs/volumes/aaaaaaaa-0001", "/vmfs/volumes/bbbbbbbb-0002"
MODULES = "jumpstrt.gz --- vmx.v00 --- imgdb.tgz --- state.tgz"
FILES = ("b.b00", "jumpstrt.gz", "vmx.v00", "imgdb.tgz", "state.tgz", "boot.cfg")


def boot_cfg(build: str, updated: int, state: int | str = 0, *more: str, modules: str = MODULES) -> bytes:
    lines = [f"bootstate={state}", "title=Loading VMware ESXi", "timeout=5", "prefix=", "kernel=b.b00"]
    lines += ["kernelopt=", f"modules={modules}", f"build={build}", f"updated={updated}", *more]
    return "".join(f"{line}\n" for line in lines).encode()


OWN = boot_cfg(NEW, 5)
OTHER = boot_cfg(OLD, 4)


def files(names: tuple[str, ...] = FILES, age: timedelta = timedelta(days=40)) -> tuple[BankFile, ...]:
    return tuple(BankFile(name, 100, NOW - age) for name in names)


def image(build: str, *more: Vib) -> BankImage:
    return BankImage(f"ESXi-{build}", (Vib("esx-base", build, "VMware"), *more))


def bank(link: str, volume: str, cfg: bytes, build: str, number: int, changes: Mapping[str, Any] | None) -> BankFacts:
    facts = BankFacts(link, Read(volume), Read(cfg), Read(files()), Read(number), Read(image(build)))
    return replace(facts, **(changes or {}))


def observation(
    own: bytes = OWN,
    other: bytes = OTHER,
    *,
    own_bank: Mapping[str, Any] | None = None,
    other_bank: Mapping[str, Any] | None = None,
    **changes: Any,
) -> BankObservation:
    """An updated host: the new build booted from partition 5, the old one whole on partition 6."""
    seen = BankObservation(
        host="esx1",
        at=NOW,
        product=Read(Product("8.0.3", "24674464")),
        banks=(
            bank("/bootbank", VOLUME_A, own, NEW, 5, own_bank),
            bank("/altbootbank", VOLUME_B, other, OLD, 6, other_bank),
        ),
        volumes=Read((VOLUME_A, VOLUME_B)),
        live_marker=Read(False),
        clock=Read(NOW),
    )
    return replace(seen, **changes)


def loads(*names: str, used: int = 16) -> Reading[tuple[HostLoad, ...]]:
    """A cluster of such hosts and of one without VMs; each has 256 GB, ``used`` of them in use."""
    hosts = [HostLoad(name, 256 << 30, used << 30) for name in names]
    return Read((*hosts, HostLoad("spare", 256 << 30, 16 << 30, empties=True)))


def situation(seen: BankObservation | None = None, **changes: Any) -> HostSituation:
    """Every gate passes."""
    made = HostSituation(
        host="esx1",
        vcenter="vc",
        banks=seen or observation(),
        maintenance_mode=Read(False),
        machine=Read("4c4c4544-0031-3010-8054-b4c04f564432"),
        machine_in_vcenter=Read("4c4c4544-0031-3010-8054-b4c04f564432"),
        boot_id=Read("boot-1"),
        pinned_vms=Read(()),
        runs_vcenter=Read(False),
        ha_agent=Read("connectedToMaster"),
        stateless=Read(False),
        dpu=Read(False),
        quick_boot=Read(False),
        bank_errors=Read(()),
        solution_vibs=Read(()),
        settings_changed=Read(SettingsSince()),
        loads=loads(*(f"esx{n}" for n in range(12))),
        cluster=ClusterFacts(Read("prod"), Read("fullyAutomated"), Read(True), Read("24585383")),
        vsan=VsanFacts(Read(False), Read(""), Read(20), Read(20), Read(True)),
        security=SecurityFacts(
            Read("NONE"),
            Unread(Reason.ABSENT),
            Read(False),
            Read(True),
            Read(True),
            lockdown=Read("lockdownDisabled"),
            lockdown_then=Read("lockdownDisabled"),
        ),
        way_in=WayBackIn(Read(Since.SAME), Read(Since.SAME), Read(Since.SAME), Read(Since.SAME), Read(True)),
    )
    return replace(made, **changes)


def unread(reason: Reason = Reason.TIMED_OUT) -> Reading[Any]:
    return Unread(reason, "no answer")
