"""What a host itself is asked before a rollback, besides its banks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings import (
    bank_health,
    boot_device,
    boot_identity,
    hardware_id,
    maintenance_mode,
    own_settings,
    quick_boot,
    security,
    vsan,
)
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.rollback.situation import HostSituation

T = TypeVar("T")

LOOK_COMMANDS: tuple[Command, ...] = (maintenance_mode.COMMAND, boot_identity.COMMAND)
"""What is asked at every look, besides the banks."""

SITUATION_COMMANDS: tuple[Command, ...] = (
    *LOOK_COMMANDS,
    hardware_id.COMMAND,
    security.ENCRYPTION,
    security.SECURE_BOOT,
    own_settings.AUTHORIZED_KEYS,
    boot_device.COMMAND,
    quick_boot.COMMAND,
    vsan.CLUSTER,
    vsan.RESYNC,
    vsan.STORAGE,
    bank_health.COMMAND,
)


def better(known: Reading[T], found: Reading[T]) -> Reading[T]:
    """What one route knows, or else what another one found; of two reasons, the one that somebody tried for."""
    if isinstance(known, Read):
        return known
    return known if isinstance(found, Unread) and known.reason is not Reason.NOT_ATTEMPTED else found


def fill(situation: HostSituation, answers: Mapping[str, Answer]) -> HostSituation:
    """``situation`` with what the host's answers tell, keyed by the commands' names."""
    cluster, resync = answers[vsan.CLUSTER.name], answers[vsan.RESYNC.name]
    enabled = better(situation.vsan.enabled, vsan.parse_enabled(cluster))
    healthy, disks = vsan.parse_healthy(cluster, resync), vsan.parse_format(answers[vsan.STORAGE.name])
    return replace(
        situation,
        maintenance_mode=better(situation.maintenance_mode, maintenance_mode.parse(answers[maintenance_mode.COMMAND.name])),
        boot_id=better(situation.boot_id, boot_identity.parse(answers[boot_identity.COMMAND.name])),
        machine=better(situation.machine, hardware_id.parse(answers[hardware_id.COMMAND.name])),
        stateless=better(situation.stateless, boot_device.parse_stateless(answers[boot_device.COMMAND.name])),
        quick_booted=better(situation.quick_booted, quick_boot.parse(answers[quick_boot.COMMAND.name])),
        bank_errors=better(situation.bank_errors, bank_health.parse(answers[bank_health.COMMAND.name])),
        vsan=replace(
            situation.vsan,
            enabled=enabled,
            healthy=better(situation.vsan.healthy, healthy),
            format=better(situation.vsan.format, disks),
        ),
        security=replace(
            situation.security,
            encryption=better(situation.security.encryption, security.parse_mode(answers[security.ENCRYPTION.name])),
            secure_boot=better(situation.security.secure_boot, security.parse_secure_boot(answers[security.SECURE_BOOT.name])),
        ),
        way_in=replace(
            situation.way_in,
            host_key=own_settings.parse_host_key(answers[own_settings.HOST_KEY.name]),
            keys_digest=own_settings.parse_authorized_keys(answers[own_settings.AUTHORIZED_KEYS.name]),
        ),
    )
